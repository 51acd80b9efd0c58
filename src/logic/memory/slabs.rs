//! Memory for frames of one size: mapped as it is needed, used again, and unmapped when it is not needed any more.
//!
//! Each slab is charged to the budget from before it is mapped until after it is unmapped, so that what the kernel shows of them follows
//! the account. The one that was given back last is taken first: its bytes are still in the processor's cache.

use std::sync::{Arc, Weak};

use memmap2::{MmapMut, MmapOptions};

use super::budget::{Budget, Charge, Class, Denied};
use crate::logic::sync::atomic::{AtomicU64, Ordering};
use crate::logic::sync::{Mutex, lock};

/// Slabs that lay unused during so many requests are unmapped.
const PERIOD: u64 = 256;

/// A pool of slabs.
#[derive(Debug)]
pub struct Slabs {
    budget: Arc<Budget>,
    size: usize,
    /// Slabs that are kept whatever happens: without them playback would end.
    floor: u64,
    /// A lock, since a stack that is not one would have to tell slabs apart that come back in between; it is held for a push or a pop.
    free: Mutex<Free>,
    mapped: AtomicU64,
    hits: AtomicU64,
    misses: AtomicU64,
}

#[derive(Debug, Default)]
struct Free {
    slabs: Vec<Slab>,
    /// Requests in this period, and the fewest slabs that were free in it.
    requests: u64,
    least: usize,
    /// No more is kept.
    closed: bool,
}

/// Memory that is mapped and charged. The order of the fields is that of their end.
#[derive(Debug)]
struct Slab {
    map: MmapMut,
    _charge: Charge,
}

/// What a pool has done, and what it has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SlabStats {
    /// Requests that found a slab.
    pub hits: u64,
    /// Requests for which one was mapped.
    pub misses: u64,
    /// Bytes mapped now.
    pub mapped: u64,
    /// Bytes of them that nobody uses.
    pub free: u64,
    /// Bytes of one slab.
    pub size: u64,
}

impl Slabs {
    /// A pool of slabs of `size` bytes of which `floor` are mapped at once and stay.
    ///
    /// # Errors
    ///
    /// [`Denied`] when those do not fit into the budget.
    pub fn new(budget: &Arc<Budget>, size: usize, floor: u64) -> Result<Arc<Self>, Denied> {
        let pool = Arc::new(Self {
            budget: budget.clone(),
            size: size.max(1),
            floor,
            free: Mutex::default(),
            mapped: AtomicU64::new(0),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        });
        let first: Result<Vec<_>, _> = (0..floor).map(|_| pool.map(Class::MustHave)).collect();
        match first {
            Ok(slabs) => lock(&pool.free).slabs = slabs,
            // How much the whole would have taken says more than the last part of it.
            Err(denied) => {
                return Err(Denied { needed: floor * size as u64, free: denied.free + pool.mapped() });
            }
        }
        Ok(pool)
    }

    fn mapped(&self) -> u64 {
        self.mapped.load(Ordering::Relaxed) * self.size as u64
    }

    /// Bytes of a slab.
    pub fn size(&self) -> usize {
        self.size
    }

    /// A slab with any content.
    ///
    /// # Errors
    ///
    /// [`Denied`] when none is free and the budget, or the system, has no room for another.
    pub fn take(self: &Arc<Self>, class: Class) -> Result<Lent, Denied> {
        let (slab, useless) = {
            let mut free = lock(&self.free);
            let slab = free.slabs.pop();
            free.least = free.least.min(free.slabs.len());
            free.requests += 1;
            let useless = if free.requests >= PERIOD { self.trim_unused(&mut free) } else { Vec::new() };
            (slab, useless)
        };
        self.unmap(useless);
        let slab = match slab {
            Some(slab) => {
                self.hits.fetch_add(1, Ordering::Relaxed);
                slab
            }
            None => {
                self.misses.fetch_add(1, Ordering::Relaxed);
                self.map(class)?
            }
        };
        Ok(Lent { slab: Some(slab), pool: Arc::downgrade(self) })
    }

    fn map(&self, class: Class) -> Result<Slab, Denied> {
        let charge = Charge::new(&self.budget, self.size as u64, class)?;
        // Populated: the kernel does it at once faster than page after page while a frame is drawn.
        let map = MmapOptions::new().len(self.size).populate().map_anon();
        let map = map.map_err(|_| Denied { needed: self.size as u64, free: 0 })?;
        self.mapped.fetch_add(1, Ordering::Relaxed);
        Ok(Slab { map, _charge: charge })
    }

    /// What has lain unused for a period.
    fn trim_unused(&self, free: &mut Free) -> Vec<Slab> {
        let unused = free.least.min(self.above_floor());
        free.requests = 0;
        // The oldest lie at the bottom.
        let useless = free.slabs.drain(..unused).collect();
        free.least = free.slabs.len();
        useless
    }

    fn above_floor(&self) -> usize {
        self.mapped.load(Ordering::Relaxed).saturating_sub(self.floor) as usize
    }

    /// Unmaps what is free, up to `bytes` of it, and says how much that was.
    pub fn trim(&self, bytes: u64) -> u64 {
        let useless: Vec<Slab> = {
            let mut free = lock(&self.free);
            let count = bytes.div_ceil(self.size as u64).min(free.slabs.len() as u64) as usize;
            let count = count.min(self.above_floor());
            free.least = free.least.min(free.slabs.len() - count);
            free.slabs.drain(..count).collect()
        };
        self.unmap(useless)
    }

    fn unmap(&self, slabs: Vec<Slab>) -> u64 {
        let count = slabs.len() as u64;
        // After they are gone: what is counted is there.
        drop(slabs);
        self.mapped.fetch_sub(count, Ordering::Relaxed);
        count * self.size as u64
    }

    /// Unmaps everything that is free now or comes back later.
    pub fn close(&self) {
        let slabs = {
            let mut free = lock(&self.free);
            free.closed = true;
            std::mem::take(&mut free.slabs)
        };
        self.unmap(slabs);
    }

    fn give_back(&self, slab: Slab) {
        let refused = {
            let mut free = lock(&self.free);
            if free.closed {
                Some(slab)
            } else {
                free.slabs.push(slab);
                None
            }
        };
        self.unmap(refused.into_iter().collect());
    }

    /// What it has done and has.
    pub fn stats(&self) -> SlabStats {
        let free = lock(&self.free).slabs.len() as u64;
        SlabStats {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            mapped: self.mapped(),
            free: free * self.size as u64,
            size: self.size as u64,
        }
    }
}

/// A slab that is used. Dropped, it goes back to its pool, if that still is.
#[derive(Debug)]
pub struct Lent {
    slab: Option<Slab>,
    pool: Weak<Slabs>,
}

impl Lent {
    /// Its bytes, to be written.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.slab.as_mut().map(|slab| &mut slab.map[..]).unwrap_or_default()
    }
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        self.slab.as_ref().map(|slab| &slab.map[..]).unwrap_or_default()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let (Some(slab), Some(pool)) = (self.slab.take(), self.pool.upgrade()) {
            pool.give_back(slab);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const SIZE: usize = 1 << 20;

    fn pool(frames: u64, floor: u64) -> (Arc<Budget>, Arc<Slabs>) {
        let budget = Arc::new(Budget::new(frames * SIZE as u64));
        let pool = Slabs::new(&budget, SIZE, floor).expect("the floor fits");
        (budget, pool)
    }

    fn used(budget: &Budget) -> u64 {
        budget.used_and_limit().0 / SIZE as u64
    }

    #[test]
    fn what_was_given_back_last_is_taken_first_and_the_account_is_what_is_mapped() {
        let (budget, pool) = pool(4, 1);
        assert_eq!(used(&budget), 1);
        let mut one = pool.take(Class::Evictable).unwrap();
        one.bytes_mut()[7] = 77;
        let two = pool.take(Class::Evictable).unwrap();
        assert_eq!((used(&budget), pool.stats().free), (2, 0));
        drop(two);
        drop(one);
        assert_eq!((used(&budget), pool.stats().free), (2, 2 * SIZE as u64), "free ones are mapped, so they count");
        assert_eq!(pool.take(Class::Evictable).unwrap().as_ref()[7], 77);
        assert_eq!((pool.stats().hits, pool.stats().misses), (2, 1));
    }

    #[test]
    fn more_than_the_budget_is_denied_and_a_floor_that_does_not_fit_says_how_much_it_is() {
        let (budget, pool) = pool(2, 0);
        let held: Vec<_> = (0..2).map(|_| pool.take(Class::Evictable).unwrap()).collect();
        assert!(pool.take(Class::MustHave).is_err());
        drop(held);
        assert!(pool.take(Class::MustHave).is_ok());
        let denied = Slabs::new(&budget, SIZE, 3).unwrap_err();
        assert_eq!((denied.needed, denied.free), (3 * SIZE as u64, 0));
        pool.close();
        assert_eq!(used(&budget), 0);
        let denied = Slabs::new(&budget, SIZE, 3).unwrap_err();
        assert_eq!((denied.needed, denied.free), (3 * SIZE as u64, 2 * SIZE as u64));
        assert_eq!(used(&budget), 0, "what did not suffice is given back");
    }

    #[test]
    fn what_lies_unused_is_unmapped_down_to_the_floor() {
        let (budget, pool) = pool(100, 2);
        drop((0..50).map(|_| pool.take(Class::Evictable).unwrap()).collect::<Vec<_>>());
        assert_eq!(used(&budget), 50);
        for _ in 0..2 * PERIOD {
            let held: Vec<_> = (0..5).map(|_| pool.take(Class::Evictable).unwrap()).collect();
            drop(held);
        }
        assert_eq!(used(&budget), 5, "as many as are used at once");
        assert_eq!(pool.trim(u64::MAX), 3 * SIZE as u64);
        assert_eq!(used(&budget), 2);
        let late = pool.take(Class::Evictable).unwrap();
        pool.close();
        assert_eq!(used(&budget), 1);
        drop(late);
        assert_eq!(used(&budget), 0, "what comes back to a closed pool is unmapped");
        let orphan = { Slabs::new(&budget, SIZE, 0).unwrap().take(Class::Evictable).unwrap() };
        assert_eq!(used(&budget), 1);
        drop(orphan);
        assert_eq!(used(&budget), 0);
    }

    #[test]
    fn four_threads_lose_nothing() {
        let (budget, pool) = pool(16, 0);
        std::thread::scope(|scope| {
            for thread in 0..4u8 {
                let pool = &pool;
                scope.spawn(move || {
                    for n in 0..20_000u32 {
                        let Ok(mut slab) = pool.take(Class::Evictable) else { panic!("there is room for all") };
                        slab.bytes_mut()[..4].copy_from_slice(&[thread, n as u8, thread, n as u8]);
                        assert_eq!(slab.as_ref()[..4], [thread, n as u8, thread, n as u8]);
                    }
                });
            }
        });
        let stats = pool.stats();
        assert_eq!((stats.hits + stats.misses, stats.free), (80_000, stats.mapped));
        assert!(stats.misses * 100 < stats.hits, "{stats:?}");
        assert!(used(&budget) <= 4);
        drop(pool);
        assert_eq!(used(&budget), 0);
    }
}
