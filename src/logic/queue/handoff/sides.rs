//! What each side counts, and the numbers both compare with.

use super::super::levels::Size;
use crate::logic::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// What an item adds to the levels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    /// Buffers: 1, the length of a list, or 0 for what is not data.
    pub buffers: u32,
    /// Bytes.
    pub bytes: u64,
}

/// No running time known yet.
pub(super) const NO_TIME: i64 = i64::MIN;

/// Counters of one side.
#[derive(Debug)]
pub(super) struct Side {
    pub items: AtomicU64,
    pub buffers: AtomicU64,
    pub bytes: AtomicU64,
    /// Running time reached, or [`NO_TIME`].
    pub time: AtomicI64,
}

impl Side {
    pub fn new() -> Self {
        Self {
            items: AtomicU64::new(0),
            buffers: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            time: AtomicI64::new(NO_TIME),
        }
    }

    /// Only the owner of the side calls this, so no update is lost between load and store.
    pub fn pass(&self, weight: Weight) {
        let add = |counter: &AtomicU64, n: u64| counter.store(counter.load(Ordering::Relaxed) + n, Ordering::Release);
        if weight.buffers > 0 {
            add(&self.buffers, weight.buffers.into());
            add(&self.bytes, weight.bytes);
        }
        add(&self.items, 1);
    }
}

/// Three numbers that are set rarely and read often.
#[derive(Debug)]
pub(super) struct Limits([AtomicU64; 3]);

impl Limits {
    pub fn new() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
    pub fn get(&self) -> Size {
        let [buffers, bytes, time] = &self.0;
        Size {
            buffers: buffers.load(Ordering::Relaxed),
            bytes: bytes.load(Ordering::Relaxed),
            time: time.load(Ordering::Relaxed),
        }
    }
    pub fn set(&self, size: Size) {
        for (cell, value) in self.0.iter().zip([size.buffers, size.bytes, size.time]) {
            cell.store(value, Ordering::Relaxed);
        }
    }
}

/// The consumer's counters as the producer last saw them. An old reading makes the queue look fuller, never emptier
/// (running times that jump back excepted, which is why it is refreshed now and then).
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    pub(super) buffers: u64,
    pub(super) bytes: u64,
    pub(super) time: i64,
}
