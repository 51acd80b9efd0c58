//! How items cross from the producing to the consuming thread.
//!
//! Each side owns one set of counters, which it alone writes and the other reads: items, buffers and bytes ever passed,
//! and the running time reached. Levels are differences of the two sets. On the fast path the sides share no lock; a
//! side sleeps only when the queue is full or empty.
//!
//! No lost wake-up: a sleeper sets its flag, fences, and looks at the other side's counters once more before it sleeps;
//! the other side changes its counters, fences, and then looks at the flag. One of the two sees the other. The flag is
//! set, and the condition signalled, under `sleep`, so the signal cannot fall between the last look and the sleep.
//!
//! The producer is woken when there is room worth waking for, so it may sleep while there is some room. That ends
//! nobody's progress: a consumer that is about to wait for data wakes it first, and the producer's own wait has a
//! time limit that its caller chooses.

use crossbeam::utils::CachePadded;

mod sides;
mod waiting;

#[cfg(all(test, loom))]
mod models;
#[cfg(all(test, not(loom)))]
mod tests;

use super::levels::Level;
use super::ring::Ring;
use crate::logic::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering, fence};
use crate::logic::sync::{Condvar, Mutex};
use sides::{AtomicLevel, RunningTime, Side};
pub use sides::{Seen, Weight};
use waiting::MOST_SPIN;
pub use waiting::Waited;

/// The gate's code for open.
pub const OPEN: i32 = 0;

/// See the [module](self). One thread at a time may push and one may pop; callers see to that.
#[derive(Debug)]
pub struct Handoff<T> {
    ring: Ring<(T, Weight)>,
    tail: CachePadded<Side>,
    head: CachePadded<Side>,
    /// Running time at which the first data after a flush began.
    start: RunningTime,
    /// The newest item is data: then thresholds hold back the consumer.
    ends_in_data: AtomicBool,
    limits: AtomicLevel,
    /// Levels at which the producer wants to be told; see [`Handoff::set_marks`].
    marks: AtomicLevel,
    thresholds: AtomicLevel,
    has_thresholds: AtomicBool,
    gate: AtomicI32,
    sleep: Mutex<()>,
    data: Condvar,
    room: Condvar,
    consumer_waits: CachePadded<AtomicBool>,
    producer_waits: CachePadded<AtomicBool>,
    nudged: AtomicBool,
    /// Rounds that the consumer spins before it sleeps; only the consumer uses it.
    spin: AtomicU32,
}

impl<T> Handoff<T> {
    /// An empty, closed queue (gate `code`) with room for `capacity` items without a lock; more find room behind one.
    pub fn new(capacity: usize, code: i32) -> Self {
        Self {
            ring: Ring::new(capacity),
            tail: CachePadded::new(Side::new()),
            head: CachePadded::new(Side::new()),
            start: RunningTime::none(),
            ends_in_data: AtomicBool::new(false),
            limits: AtomicLevel::new(),
            marks: AtomicLevel::new(),
            thresholds: AtomicLevel::new(),
            has_thresholds: AtomicBool::new(false),
            gate: AtomicI32::new(code),
            sleep: Mutex::new(()),
            data: Condvar::new(),
            room: Condvar::new(),
            consumer_waits: CachePadded::new(AtomicBool::new(false)),
            producer_waits: CachePadded::new(AtomicBool::new(false)),
            nudged: AtomicBool::new(false),
            spin: AtomicU32::new(MOST_SPIN),
        }
    }

    /// [`OPEN`], or the code it was closed with.
    pub fn gate(&self) -> i32 {
        self.gate.load(Ordering::Acquire)
    }

    /// Opens the gate, or closes it with a code, which ends all waits.
    pub fn set_gate(&self, code: i32) {
        self.gate.store(code, Ordering::Release);
        self.wake_all();
    }

    /// Replaces `from` by `to`, unless somebody was faster. Returns the code that is in force.
    pub fn change_gate(&self, from: i32, to: i32) -> i32 {
        match self.gate.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => {
                self.wake_all();
                to
            }
            Err(now) => now,
        }
    }

    /// AtomicLevel in force; 0 = none.
    pub fn limits(&self) -> Level {
        self.limits.get()
    }

    /// Sets the limits and lets both sides look again.
    pub fn set_limits(&self, limits: Level) {
        self.limits.set(limits);
        self.wake_all();
    }

    /// Whether a level has come up to the marks.
    pub fn reaches_marks(&self, level: &Level) -> bool {
        level.reaches(&self.marks.get())
    }

    /// Sets marks that the producer compares levels with; 0 = none.
    pub fn set_marks(&self, marks: Level) {
        self.marks.set(marks);
    }

    /// Levels below which the consumer waits; 0 = none.
    pub fn thresholds(&self) -> Level {
        self.thresholds.get()
    }

    /// Sets the thresholds and lets both sides look again.
    pub fn set_thresholds(&self, thresholds: Level) {
        self.thresholds.set(thresholds);
        self.has_thresholds.store(thresholds != Level::default(), Ordering::Release);
        self.wake_all();
    }

    /// Items of any kind inside.
    pub fn items(&self) -> u64 {
        // The head first: what is read of the tail afterwards cannot be older.
        let head = self.head.items.load(Ordering::Acquire);
        self.tail.items.load(Ordering::Acquire).saturating_sub(head)
    }

    /// Items and buffers that were ever taken out.
    pub fn taken(&self) -> (u64, u64) {
        (self.head.items.load(Ordering::Acquire), self.head.buffers.load(Ordering::Acquire))
    }

    /// Buffers and bytes that were ever put in.
    pub fn put(&self) -> (u64, u64) {
        (self.tail.buffers.load(Ordering::Acquire), self.tail.bytes.load(Ordering::Acquire))
    }

    /// The running time that the consumer has reached.
    pub fn head_time(&self) -> Option<i64> {
        self.head.time.get()
    }

    /// The level now.
    pub fn level(&self) -> Level {
        self.level_since(&self.see_head())
    }

    /// The consumer's counters now.
    pub fn see_head(&self) -> Seen {
        Seen {
            buffers: self.head.buffers.load(Ordering::Acquire),
            bytes: self.head.bytes.load(Ordering::Acquire),
            time: self.head.time.get(),
        }
    }

    /// The level against an earlier reading of the consumer's counters.
    pub fn level_since(&self, seen: &Seen) -> Level {
        let buffers = self.tail.buffers.load(Ordering::Acquire).saturating_sub(seen.buffers);
        if buffers == 0 {
            return Level::default();
        }
        let bytes = self.tail.bytes.load(Ordering::Acquire).saturating_sub(seen.bytes);
        let tail = self.tail.time.get();
        // Until something came out, time is counted from where the first data began.
        let from = seen.time.or_else(|| self.start.get());
        let time = tail.zip(from).map_or(0, |(tail, from)| tail.saturating_sub(from).max(0) as u64);
        Level { buffers, bytes, time }
    }

    /// Whether a limit is reached.
    pub fn is_full(&self) -> bool {
        self.level().reaches(&self.limits())
    }

    /// Whether the consumer may take something.
    pub fn is_ready(&self) -> bool {
        self.items() > 0 && !self.is_held_back()
    }

    /// Thresholds hold back data only, and not in a full queue: or a query behind it, or both sides, would wait forever.
    fn is_held_back(&self) -> bool {
        self.has_thresholds.load(Ordering::Acquire) && self.ends_in_data.load(Ordering::Acquire) && {
            let level = self.level();
            level.is_short_of(&self.thresholds()) && !level.reaches(&self.limits())
        }
    }

    /// Appends an item, whatever the limits say: callers ask first for what counts. `time` is the running time at
    /// which the item begins and ends, where it has one.
    pub fn push(&self, item: T, weight: Weight, time: Option<(i64, i64)>) {
        if let Some((begin, end)) = time {
            if self.start.get().is_none() {
                self.start.set(Some(begin));
            }
            self.tail.time.set(Some(end));
        }
        self.ends_in_data.store(weight.buffers > 0, Ordering::Release);
        self.ring.push((item, weight));
        self.tail.pass(weight);
        fence(Ordering::SeqCst);
        if self.consumer_waits.load(Ordering::Relaxed) && self.is_ready() {
            self.wake(&self.consumer_waits, &self.data);
        }
    }

    /// Whether thresholds, rather than emptiness alone, decide if something may be taken.
    pub fn has_thresholds(&self) -> bool {
        self.has_thresholds.load(Ordering::Acquire)
    }

    /// Takes the oldest item, if any. Thresholds are not looked at. The producer's counters are not either, which
    /// would fetch them from the other core for every item. `time` finds the running time that is reached with it.
    pub fn pop(&self, time: impl FnOnce(&T) -> Option<i64>) -> Option<(T, Weight)> {
        // An item is counted after it entered the ring, so it may come out before it is counted. Levels are never
        // negative, and whoever waits looks at the count, which then has both in it.
        let (item, weight) = self.ring.pop()?;
        if let Some(time) = time(&item) {
            self.head.time.set(Some(time));
        }
        self.head.pass(weight);
        Some((item, weight))
    }

    /// Forgets all running times, as a flush does. Both sides must be kept out by the caller.
    pub fn reset_times(&self) {
        for time in [&self.tail.time, &self.head.time, &self.start] {
            time.set(None);
        }
    }
}
