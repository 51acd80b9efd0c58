//! A first-in first-out store for one producer and one consumer at a time: a lock-free ring, and behind it a list for
//! what does not fit.
//!
//! Order: the producer uses the overflow when the ring is full or the overflow is not empty; the consumer takes from
//! the overflow only when the ring is empty. Both look again under the overflow's lock. While the overflow holds
//! something nothing enters the ring, so all in the ring is older than all in the overflow.

use std::collections::VecDeque;

use crate::logic::sync::atomic::{AtomicUsize, Ordering};
use crate::logic::sync::{Mutex, lock};

/// See the [module](self).
#[derive(Debug)]
pub struct Ring<T> {
    fast: Fast<T>,
    overflow: Mutex<VecDeque<T>>,
    /// Items in the overflow. Changed only under its lock; raised by the producer alone, so the producer never reads
    /// a zero that is out of date.
    overflowing: AtomicUsize,
}

impl<T> Ring<T> {
    /// Room for `capacity` items without a lock.
    pub fn new(capacity: usize) -> Self {
        Self { fast: Fast::new(capacity), overflow: Mutex::new(VecDeque::new()), overflowing: AtomicUsize::new(0) }
    }

    /// Appends. Callers make sure that one thread at a time does this.
    pub fn push(&self, item: T) {
        let item = match self.overflowing.load(Ordering::Acquire) {
            0 => match self.fast.push(item) {
                Ok(()) => return,
                Err(item) => item,
            },
            _ => item,
        };
        let mut overflow = lock(&self.overflow);
        let item = match overflow.is_empty() {
            true => match self.fast.push(item) {
                Ok(()) => return,
                Err(item) => item,
            },
            false => item,
        };
        overflow.push_back(item);
        self.overflowing.store(overflow.len(), Ordering::Release);
    }

    /// Takes the oldest. Callers make sure that one thread at a time does this.
    pub fn pop(&self) -> Option<T> {
        if let Some(item) = self.fast.pop() {
            return Some(item);
        }
        if self.overflowing.load(Ordering::Acquire) == 0 {
            return None;
        }
        let mut overflow = lock(&self.overflow);
        // The ring may have been filled since it was found empty.
        let oldest = match self.fast.pop() {
            Some(item) => Some(item),
            None => overflow.pop_front(),
        };
        // Refill, so that a queue larger than the ring takes this lock once per ringful. Nothing else enters meanwhile.
        while let Some(item) = overflow.pop_front() {
            if let Err(item) = self.fast.push(item) {
                overflow.push_front(item);
                break;
            }
        }
        self.overflowing.store(overflow.len(), Ordering::Release);
        oldest
    }
}

#[cfg(not(loom))]
type Fast<T> = crossbeam::queue::ArrayQueue<T>;
#[cfg(loom)]
use model::Fast;

/// Loom cannot look into crossbeam's ring: in the models a locked list of the same interface stands for it.
#[cfg(loom)]
mod model {
    use super::*;

    #[derive(Debug)]
    pub struct Fast<T>(Mutex<VecDeque<T>>, usize);

    impl<T> Fast<T> {
        pub fn new(capacity: usize) -> Self {
            Self(Mutex::new(VecDeque::new()), capacity)
        }
        pub fn push(&self, item: T) -> Result<(), T> {
            let mut list = lock(&self.0);
            if list.len() == self.1 {
                return Err(item);
            }
            list.push_back(item);
            Ok(())
        }
        pub fn pop(&self) -> Option<T> {
            lock(&self.0).pop_front()
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_a_list(operations in proptest::collection::vec(any::<bool>(), 0..400), capacity in 1usize..9) {
            let (ring, mut list, mut next) = (Ring::new(capacity), VecDeque::new(), 0);
            for push in operations {
                if push {
                    ring.push(next);
                    list.push_back(next);
                    next += 1;
                } else {
                    prop_assert_eq!(ring.pop(), list.pop_front());
                }
            }
        }
    }

    #[test]
    fn order_survives_two_threads_and_a_tiny_ring() {
        for capacity in [1, 2, 7] {
            let ring = Ring::new(capacity);
            std::thread::scope(|scope| {
                scope.spawn(|| (0..300_000).for_each(|i| ring.push(i)));
                let mut expected = 0;
                while expected < 300_000 {
                    match ring.pop() {
                        Some(i) => {
                            assert_eq!(i, expected);
                            expected += 1;
                        }
                        None => std::thread::yield_now(),
                    }
                }
            });
        }
    }
}

#[cfg(all(test, loom))]
mod models {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn loom_ring_then_overflow_keeps_the_order() {
        loom::model(|| {
            let ring = Arc::new(Ring::new(1));
            let producer = {
                let ring = Arc::clone(&ring);
                loom::thread::spawn(move || (0..3).for_each(|i| ring.push(i)))
            };
            let mut seen: Vec<u32> = (0..3).filter_map(|_| ring.pop()).collect();
            producer.join().unwrap();
            seen.extend(std::iter::from_fn(|| ring.pop()));
            assert_eq!(seen, [0, 1, 2]);
        });
    }
}
