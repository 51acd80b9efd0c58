//! The process-wide account of frame memory: charges for what we allocate, leases for what queues may hold.
//!
//! Used and limit live in one atomic word, so a grant and a change of the limit are one compare-and-swap and their sum
//! can never pass the limit, not even for a moment. What must not be denied (a queue's floor, a limit that the user
//! set) is recorded as overcommit beside the word instead of passing the limit inside it.

use std::sync::{Arc, Weak};

use crate::logic::sync::atomic::{AtomicU64, Ordering};
use crate::logic::sync::{Mutex, lock};

/// Account unit. 2^32 of them are 16 TiB, so used and limit fit one 64-bit word.
pub const PAGE: u64 = 4096;

/// Whole pages that cover `bytes`.
fn pages(bytes: u64) -> u32 {
    bytes.div_ceil(PAGE).min(u32::MAX.into()) as u32
}

/// Who asks for memory, which decides whether the cache gives way to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Queues and frames in flight: the cache is asked to give way before this is denied.
    MustHave,
    /// Cached frames: denied as soon as it does not fit.
    Evictable,
}

/// Something that can give memory back, such as a frame cache. Called without any lock of the budget held.
pub trait Reclaim: Send + Sync {
    /// Frees at least `bytes` in one pass if it can, and says how much it freed.
    fn reclaim(&self, bytes: u64) -> u64;

    /// The same of memory that holds nothing.
    fn trim(&self, bytes: u64) -> u64;
}

/// A request that did not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{needed} bytes of frame memory are needed and {free} are free")]
pub struct Denied {
    /// Bytes asked for.
    pub needed: u64,
    /// Bytes that were free.
    pub free: u64,
}

/// A reading of the account. The fields are read one after the other; each is exact, the set is a moment's blur.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BudgetStats {
    /// Bytes that may be used.
    pub limit: u64,
    /// Bytes in live charges.
    pub charged: u64,
    /// Bytes in live leases, overcommit not counted.
    pub leased: u64,
    /// Bytes promised beyond the limit because they could not be denied.
    pub overcommit: u64,
    /// Requests denied so far.
    pub denied: u64,
    /// Bytes that caches gave back on request so far.
    pub reclaimed: u64,
}

/// See the [module](self).
pub struct Budget {
    /// `used << 32 | limit`, in pages.
    word: AtomicU64,
    leased: AtomicU64,
    overcommit: AtomicU64,
    denied: AtomicU64,
    reclaimed: AtomicU64,
    /// Must-have requests for which caches are giving way: what they free is not for other caches.
    awaited: AtomicU64,
    reclaimers: Mutex<Vec<Weak<dyn Reclaim>>>,
}

impl std::fmt::Debug for Budget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.stats().fmt(f)
    }
}

impl Budget {
    /// A budget of `limit` bytes, rounded down to pages.
    pub fn new(limit: u64) -> Self {
        Self {
            word: AtomicU64::new((limit / PAGE).min(u32::MAX.into())),
            leased: AtomicU64::new(0),
            overcommit: AtomicU64::new(0),
            denied: AtomicU64::new(0),
            reclaimed: AtomicU64::new(0),
            awaited: AtomicU64::new(0),
            reclaimers: Mutex::new(Vec::new()),
        }
    }

    /// Bytes in use and the limit, of one moment.
    pub fn used_and_limit(&self) -> (u64, u64) {
        let word = self.word.load(Ordering::Acquire);
        ((word >> 32) * PAGE, (word & u64::from(u32::MAX)) * PAGE)
    }

    /// Bytes that the next request could get.
    pub fn free(&self) -> u64 {
        let (used, limit) = self.used_and_limit();
        limit.saturating_sub(used)
    }

    /// Changes the limit. Nothing is taken from holders before somebody [enforces](Self::enforce) it: while `used` is above it, requests are denied.
    pub fn set_limit(&self, limit: u64) {
        let limit = (limit / PAGE).min(u32::MAX.into());
        let mut word = self.word.load(Ordering::Relaxed);
        while let Err(now) =
            self.word.compare_exchange_weak(word, word >> 32 << 32 | limit, Ordering::AcqRel, Ordering::Relaxed)
        {
            word = now;
        }
    }

    /// Has the caches give back what is in use beyond the limit, as after it was lowered. Nothing else is taken from holders.
    pub fn enforce(&self) {
        let (used, limit) = self.used_and_limit();
        if used > limit {
            self.reclaim(used - limit, |cache, bytes| cache.reclaim(bytes));
        }
    }

    /// Registers a cache that gives way to must-have requests.
    pub fn add_reclaimer(&self, reclaimer: Weak<dyn Reclaim>) {
        let mut reclaimers = lock(&self.reclaimers);
        reclaimers.retain(|r| r.strong_count() > 0);
        reclaimers.push(reclaimer);
    }

    /// The account now.
    pub fn stats(&self) -> BudgetStats {
        let (used, limit) = self.used_and_limit();
        let leased = self.leased.load(Ordering::Relaxed) * PAGE;
        BudgetStats {
            limit,
            charged: used.saturating_sub(leased),
            leased,
            overcommit: self.overcommit.load(Ordering::Relaxed) * PAGE,
            denied: self.denied.load(Ordering::Relaxed),
            reclaimed: self.reclaimed.load(Ordering::Relaxed),
        }
    }

    /// Takes `pages` if they fit. One compare-and-swap decides.
    fn take(&self, pages: u32) -> bool {
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            let (used, limit) = (word >> 32, word & u64::from(u32::MAX));
            if used + u64::from(pages) > limit {
                return false;
            }
            let next = (used + u64::from(pages)) << 32 | limit;
            match self.word.compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
    }

    /// Like [`take`](Self::take); before it fails, a must-have request asks the caches to give way, and any other for what they do not use.
    fn reserve(&self, pages: u32, class: Class) -> Result<(), Denied> {
        let is_must = class == Class::MustHave;
        let is_first = is_must || self.awaited.load(Ordering::Acquire) == 0;
        if is_first && self.take(pages) {
            return Ok(());
        }
        let needed = u64::from(pages) * PAGE;
        if is_must {
            if self.insist(pages) {
                return Ok(());
            }
        } else if is_first && self.reclaim(self.missing(pages), |cache, bytes| cache.trim(bytes)) && self.take(pages) {
            return Ok(());
        }
        self.denied.fetch_add(1, Ordering::Relaxed);
        Err(Denied { needed, free: self.free() })
    }

    /// Has caches give way until `pages` fit, or none does any more. Nobody else is served meanwhile but who was about to be: that is why once
    /// may not be enough.
    fn insist(&self, pages: u32) -> bool {
        let (_, limit) = self.used_and_limit();
        if u64::from(pages) * PAGE > limit {
            return false;
        }
        self.awaited.fetch_add(1, Ordering::AcqRel);
        let mut taken = false;
        while !taken && self.reclaim(self.missing(pages), |cache, bytes| cache.reclaim(bytes)) {
            taken = self.take(pages);
        }
        self.awaited.fetch_sub(1, Ordering::AcqRel);
        taken
    }

    /// How much of `pages` does not fit now.
    fn missing(&self, pages: u32) -> u64 {
        let needed = u64::from(pages) * PAGE;
        needed - self.free().min(needed)
    }

    /// Has caches give back what is missing, in one of the two ways. Whether any did, or nothing is missing.
    fn reclaim(&self, mut missing: u64, ask: impl Fn(&dyn Reclaim, u64) -> u64) -> bool {
        let reclaimers: Vec<_> = lock(&self.reclaimers).iter().filter_map(Weak::upgrade).collect();
        let mut any = missing == 0;
        for reclaimer in reclaimers {
            if missing == 0 {
                break;
            }
            let freed = ask(&*reclaimer, missing);
            any |= freed > 0;
            self.reclaimed.fetch_add(freed, Ordering::Relaxed);
            missing = missing.saturating_sub(freed);
        }
        any
    }

    fn give_back(&self, pages: u32) {
        // Only what was taken is given back, so the upper half cannot wrap.
        self.word.fetch_sub(u64::from(pages) << 32, Ordering::AcqRel);
    }
}

/// Memory that we allocated, counted until the value is dropped. Lives inside what owns the memory.
#[derive(Debug)]
#[must_use = "a charge that is dropped counts nothing"]
pub struct Charge {
    budget: Arc<Budget>,
    pages: u32,
}

impl Charge {
    /// Counts `bytes` before they are allocated.
    ///
    /// # Errors
    ///
    /// [`Denied`] when `bytes`, in whole pages, do not fit within the limit; for [`Class::MustHave`] only if they still do not after caches
    /// have been asked to give way.
    pub fn new(budget: &Arc<Budget>, bytes: u64, class: Class) -> Result<Self, Denied> {
        let pages = pages(bytes);
        budget.reserve(pages, class)?;
        Ok(Self { budget: Arc::clone(budget), pages })
    }

    /// Bytes counted.
    pub fn bytes(&self) -> u64 {
        u64::from(self.pages) * PAGE
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.give_back(self.pages);
    }
}

/// A queue's right to hold memory that others allocated. Resized as the queue's limit changes; given back on drop.
#[derive(Debug)]
pub struct Lease {
    budget: Arc<Budget>,
    pages: u32,
    over: u32,
}

impl Lease {
    /// A lease of nothing yet.
    pub fn empty(budget: &Arc<Budget>) -> Self {
        Self { budget: Arc::clone(budget), pages: 0, over: 0 }
    }

    /// Bytes leased within the limit.
    pub fn bytes(&self) -> u64 {
        u64::from(self.pages) * PAGE
    }

    /// Bytes promised beyond the limit.
    pub fn overcommit(&self) -> u64 {
        u64::from(self.over) * PAGE
    }

    /// Bytes that the budget could still give to this lease without asking anyone to give way.
    pub fn headroom(&self) -> u64 {
        self.budget.free()
    }

    /// Makes the lease `bytes` long. Growing fails as a whole and changes nothing; shrinking always works.
    ///
    /// # Errors
    ///
    /// [`Denied`] when the bytes by which the lease would grow do not fit within the limit, even after caches have been asked to give
    /// way.
    pub fn resize(&mut self, bytes: u64) -> Result<(), Denied> {
        let wanted = pages(bytes);
        if wanted > self.pages {
            self.budget.reserve(wanted - self.pages, Class::MustHave)?;
            self.budget.leased.fetch_add(u64::from(wanted - self.pages), Ordering::Relaxed);
        } else {
            self.budget.leased.fetch_sub(u64::from(self.pages - wanted), Ordering::Relaxed);
            self.budget.give_back(self.pages - wanted);
        }
        self.pages = wanted;
        self.set_over(0);
        Ok(())
    }

    /// Makes the lease `bytes` long whatever the limit says: what does not fit is recorded as overcommit.
    pub fn insist(&mut self, bytes: u64) {
        while self.resize(bytes.min(self.bytes() + self.headroom())).is_err() {
            // Somebody took the headroom in between; the next reading is smaller.
        }
        self.set_over(pages(bytes) - self.pages);
    }

    fn set_over(&mut self, over: u32) {
        if over >= self.over {
            self.budget.overcommit.fetch_add(u64::from(over - self.over), Ordering::Relaxed);
        } else {
            self.budget.overcommit.fetch_sub(u64::from(self.over - over), Ordering::Relaxed);
        }
        self.over = over;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Shrinking cannot be denied.
        let _ = self.resize(0);
    }
}

#[cfg(all(test, not(loom)))]
mod tests;

#[cfg(all(test, loom))]
mod models {
    use super::*;

    #[test]
    fn loom_grants_and_a_change_of_limit_never_pass_it() {
        loom::model(|| {
            let budget = Arc::new(Budget::new(2 * PAGE));
            let handles: Vec<_> = (0..2)
                .map(|_| {
                    let budget = Arc::clone(&budget);
                    loom::thread::spawn(move || {
                        let granted = budget.take(2);
                        let (used, limit) = budget.used_and_limit();
                        // A limit lowered afterwards may lie below what was granted under the old one.
                        assert!(used <= limit.max(2 * PAGE));
                        if granted {
                            budget.give_back(2);
                        }
                    })
                })
                .collect();
            budget.set_limit(PAGE);
            for handle in handles {
                handle.join().unwrap();
            }
            assert_eq!(budget.used_and_limit(), (0, PAGE));
            assert!(!budget.take(2));
        });
    }

    /// A cache with room for one frame, of one page.
    #[derive(Default)]
    struct Cache(Mutex<Option<Charge>>);

    impl Reclaim for Cache {
        fn reclaim(&self, _: u64) -> u64 {
            lock(&self.0).take().map_or(0, |charge| charge.bytes())
        }

        fn trim(&self, _: u64) -> u64 {
            0
        }
    }

    #[test]
    fn loom_what_a_cache_frees_for_a_queue_is_the_queues_whatever_another_cache_does() {
        loom::model(|| {
            let budget = Arc::new(Budget::new(PAGE));
            let caches = [Arc::new(Cache::default()), Arc::new(Cache::default())];
            for cache in &caches {
                let weak: Weak<Cache> = Arc::downgrade(cache);
                budget.add_reclaimer(weak);
            }
            *lock(&caches[0].0) = Charge::new(&budget, PAGE, Class::Evictable).ok();
            let other = {
                let (budget, cache) = (Arc::clone(&budget), Arc::clone(&caches[1]));
                // What it gets it keeps where it can be asked for it.
                loom::thread::spawn(move || {
                    let mut held = lock(&cache.0);
                    *held = Charge::new(&budget, PAGE, Class::Evictable).ok();
                })
            };
            assert!(Charge::new(&budget, PAGE, Class::MustHave).is_ok());
            other.join().unwrap();
        });
    }
}
