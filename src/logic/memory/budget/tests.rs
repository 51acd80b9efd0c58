use super::*;

#[test]
fn charges_and_leases_share_one_limit_and_end_at_zero() {
    let budget = Arc::new(Budget::new(10 * PAGE));
    let charge = Charge::new(&budget, 3 * PAGE + 1, Class::Evictable).unwrap();
    assert_eq!(charge.bytes(), 4 * PAGE);
    let mut lease = Lease::empty(&budget);
    lease.resize(6 * PAGE).unwrap();
    assert_eq!(lease.resize(7 * PAGE), Err(Denied { needed: PAGE, free: 0 }));
    assert_eq!(lease.bytes(), 6 * PAGE, "a denied growth changes nothing");
    let stats = budget.stats();
    assert_eq!((stats.charged, stats.leased, stats.denied), (4 * PAGE, 6 * PAGE, 1));
    drop((charge, lease));
    assert_eq!(budget.used_and_limit(), (0, 10 * PAGE));
}

#[test]
fn what_cannot_be_denied_is_overcommit_and_never_passes_the_limit() {
    let budget = Arc::new(Budget::new(4 * PAGE));
    let mut lease = Lease::empty(&budget);
    lease.insist(6 * PAGE);
    assert_eq!((lease.bytes(), lease.overcommit()), (4 * PAGE, 2 * PAGE));
    assert_eq!(budget.stats().overcommit, 2 * PAGE);
    lease.insist(3 * PAGE);
    assert_eq!((lease.bytes(), lease.overcommit()), (3 * PAGE, 0));
    drop(lease);
    assert_eq!(budget.stats(), BudgetStats { limit: 4 * PAGE, denied: 0, ..BudgetStats::default() });
}

#[test]
fn a_lower_limit_denies_at_once_and_takes_nothing_away() {
    let budget = Arc::new(Budget::new(8 * PAGE));
    let charge = Charge::new(&budget, 8 * PAGE, Class::MustHave).unwrap();
    budget.set_limit(4 * PAGE);
    assert_eq!(budget.used_and_limit(), (8 * PAGE, 4 * PAGE));
    assert!(Charge::new(&budget, 1, Class::MustHave).is_err());
    drop(charge);
    assert!(Charge::new(&budget, 4 * PAGE, Class::MustHave).is_ok());
}

#[test]
fn the_cache_gives_way_to_a_queue_in_one_pass_and_a_queue_never_to_the_cache() {
    struct Cache(Mutex<Vec<Charge>>, AtomicU64);
    impl Reclaim for Cache {
        fn reclaim(&self, bytes: u64) -> u64 {
            self.1.fetch_add(1, Ordering::Relaxed);
            let mut held = lock(&self.0);
            let mut freed = 0;
            while freed < bytes {
                let Some(charge) = held.pop() else { break };
                freed += charge.bytes();
            }
            freed
        }

        fn trim(&self, _: u64) -> u64 {
            0
        }
    }
    let budget = Arc::new(Budget::new(8 * PAGE));
    let charges = (0..8).map(|_| Charge::new(&budget, PAGE, Class::Evictable).unwrap()).collect();
    let cache = Arc::new(Cache(Mutex::new(charges), AtomicU64::new(0)));
    let weak: Weak<Cache> = Arc::downgrade(&cache);
    budget.add_reclaimer(weak);
    let mut lease = Lease::empty(&budget);
    lease.resize(5 * PAGE).unwrap();
    assert_eq!(cache.1.load(Ordering::Relaxed), 1, "one pass frees the whole need");
    assert_eq!(lock(&cache.0).len(), 3);
    assert!(Charge::new(&budget, PAGE, Class::Evictable).is_err(), "the cache asks nobody to give way");
    assert_eq!(budget.stats().reclaimed, 5 * PAGE);
}

/// A cache that has memory with nothing in it, and takes what it can get of what it has just given back.
struct Greedy {
    budget: Arc<Budget>,
    unused: Mutex<Option<Charge>>,
    used: Mutex<Option<Charge>>,
    got: AtomicU64,
}

impl Reclaim for Greedy {
    fn reclaim(&self, bytes: u64) -> u64 {
        let freed = self.trim(bytes) + lock(&self.used).take().map_or(0, |charge| charge.bytes());
        self.got.fetch_add(Charge::new(&self.budget, PAGE, Class::Evictable).is_ok().into(), Ordering::Relaxed);
        freed
    }

    fn trim(&self, _: u64) -> u64 {
        lock(&self.unused).take().map_or(0, |charge| charge.bytes())
    }
}

#[test]
fn what_holds_nothing_is_given_to_any_other_and_what_is_freed_for_a_queue_is_the_queues() {
    let budget = Arc::new(Budget::new(8 * PAGE));
    let charge = |pages: u64| Mutex::new(Some(Charge::new(&budget, pages * PAGE, Class::Evictable).unwrap()));
    let (unused, used) = (charge(3), charge(5));
    let cache = Arc::new(Greedy { budget: budget.clone(), unused, used, got: AtomicU64::new(0) });
    let weak: Weak<Greedy> = Arc::downgrade(&cache);
    budget.add_reclaimer(weak);
    let other = Charge::new(&budget, 2 * PAGE, Class::Evictable).expect("what the first does not use");
    assert!(lock(&cache.used).is_some(), "its frames stay");
    drop(other);
    let queue = Charge::new(&budget, 8 * PAGE, Class::MustHave).expect("all of it");
    assert_eq!((cache.got.load(Ordering::Relaxed), queue.bytes()), (0, 8 * PAGE));
}

#[test]
fn many_threads_never_pass_the_limit() {
    let budget = Arc::new(Budget::new(64 * PAGE));
    std::thread::scope(|scope| {
        for seed in 0..4u64 {
            let budget = &budget;
            scope.spawn(move || {
                let mut x = seed + 1;
                let mut held = Vec::new();
                for _ in 0..20_000 {
                    x = x.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                    if x >> 63 == 0 {
                        held.extend(Charge::new(budget, (x >> 58) * PAGE, Class::Evictable));
                    } else {
                        held.pop();
                    }
                    let (used, limit) = budget.used_and_limit();
                    assert!(used <= limit);
                }
            });
        }
    });
    assert_eq!(budget.used_and_limit().0, 0);
}

#[test]
fn nobody_gives_way_to_what_could_never_fit() {
    let budget = Arc::new(Budget::new(4 * PAGE));
    let charge = Charge::new(&budget, 4 * PAGE, Class::Evictable).unwrap();
    let cache = Arc::new(Greedy {
        budget: budget.clone(),
        unused: Mutex::new(None),
        used: Mutex::new(Some(charge)),
        got: AtomicU64::new(0),
    });
    let weak: Weak<Greedy> = Arc::downgrade(&cache);
    budget.add_reclaimer(weak);
    assert!(Charge::new(&budget, 5 * PAGE, Class::MustHave).is_err());
    assert!(lock(&cache.used).is_some());
}
