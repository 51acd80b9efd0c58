//! The counters of each side, and the numbers that both compare with.

use super::super::levels::Level;
use crate::logic::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// The share of one item in the levels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    /// Buffers: 1, the length of a list, or 0 for what is not data.
    pub buffers: u32,
    /// Bytes.
    pub bytes: u64,
}

/// A running time, or none yet, that one side sets and the other reads.
#[derive(Debug)]
pub(super) struct RunningTime(AtomicI64);

impl RunningTime {
    /// Before any running time: those lie within 292 years of zero.
    const NONE: i64 = i64::MIN;

    pub fn none() -> Self {
        Self(AtomicI64::new(Self::NONE))
    }
    pub fn get(&self) -> Option<i64> {
        Some(self.0.load(Ordering::Acquire)).filter(|time| *time != Self::NONE)
    }
    pub fn set(&self, time: Option<i64>) {
        self.0.store(time.unwrap_or(Self::NONE), Ordering::Release);
    }
}

/// Counters of one side.
#[derive(Debug)]
pub(super) struct Side {
    pub items: AtomicU64,
    pub buffers: AtomicU64,
    pub bytes: AtomicU64,
    /// Running time reached.
    pub time: RunningTime,
}

impl Side {
    pub fn new() -> Self {
        Self {
            items: AtomicU64::new(0),
            buffers: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            time: RunningTime::none(),
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
pub(super) struct AtomicLevel([AtomicU64; 3]);

impl AtomicLevel {
    pub fn new() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
    pub fn get(&self) -> Level {
        let [buffers, bytes, time] = &self.0;
        Level {
            buffers: buffers.load(Ordering::Relaxed),
            bytes: bytes.load(Ordering::Relaxed),
            time: time.load(Ordering::Relaxed),
        }
    }
    pub fn set(&self, level: Level) {
        for (cell, value) in self.0.iter().zip([level.buffers, level.bytes, level.time]) {
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
    pub(super) time: Option<i64>,
}
