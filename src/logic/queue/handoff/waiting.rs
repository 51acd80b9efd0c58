//! Sleeping and waking: see the proof in the [parent](super).

use std::time::Duration;

use super::{Handoff, OPEN};
use crate::logic::clock::Nanos;
use crate::logic::sync::atomic::{AtomicBool, Ordering, fence};
use crate::logic::sync::{Condvar, lock, wait, wait_timeout};

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// There is what was waited for.
    Ready,
    /// The gate was closed.
    Closed,
    /// The time is over, or [`Handoff::nudge_producer`] was called.
    TimedOut,
}

/// Most rounds of spinning: a few microseconds, a fraction of what it takes to wake a thread.
pub(super) const MOST_SPIN: u32 = 128;
/// Waking a thread takes 16 to 22 µs.
const SHORT_SLEEP: Nanos = 25_000;
/// Rounds between two looks at the producer's counters, which slow it down.
const SPIN_STEP: u32 = 8;

impl<T> Handoff<T> {
    /// Makes both sides look again, as after a change of limits.
    pub fn wake_all(&self) {
        let _guard = lock(&self.sleep);
        self.data.notify_all();
        self.room.notify_all();
    }

    /// Ends the producer's wait for room as if its time were over.
    pub fn nudge_producer(&self) {
        let _guard = lock(&self.sleep);
        self.nudged.store(true, Ordering::Relaxed);
        self.room.notify_all();
    }

    /// Wakes a side once: its flag goes, so that the many items that pass before it runs do not wake it again.
    #[cold]
    pub(super) fn wake(&self, waits: &AtomicBool, condition: &Condvar) {
        let asleep = {
            let _guard = lock(&self.sleep);
            waits.swap(false, Ordering::Relaxed)
        };
        // Without the lock, which the woken thread takes first.
        if asleep {
            condition.notify_one();
        }
    }

    /// To be called after items were taken. Wakes the producer if there is room worth it, or any room where `eager` says
    /// so, which is asked only then.
    pub fn popped(&self, eager: impl FnOnce() -> bool) {
        fence(Ordering::SeqCst);
        if self.producer_waits.load(Ordering::Relaxed) {
            let (level, limits) = (self.level(), self.limits());
            let worth = level.leaves_room_worth_waking_for(&limits);
            if worth || (eager() && !level.reaches(&limits)) {
                self.wake(&self.producer_waits, &self.room);
            }
        }
    }

    /// Whether the consumer sleeps or is about to.
    pub fn consumer_waits(&self) -> bool {
        self.consumer_waits.load(Ordering::Relaxed)
    }

    /// Waits a moment for data without sleeping. Where that was in vain the moment gets shorter, down to one look.
    pub fn spin_for_data(&self) -> bool {
        let rounds = self.spin.load(Ordering::Relaxed);
        for round in 0..rounds {
            if round % SPIN_STEP == 0 && self.is_ready() {
                self.spin.store(MOST_SPIN, Ordering::Relaxed);
                return true;
            }
            std::hint::spin_loop();
        }
        self.spin.store((rounds / 2).max(1), Ordering::Relaxed);
        self.is_ready()
    }

    /// Tells how long the consumer slept: after a sleep hardly longer than waking takes, spinning is tried again.
    pub fn slept(&self, time: Nanos) {
        if time < SHORT_SLEEP {
            self.spin.store(MOST_SPIN, Ordering::Relaxed);
        }
    }

    /// Sleeps until there is something to take.
    pub fn wait_for_data(&self) -> Waited {
        let mut guard = lock(&self.sleep);
        loop {
            self.consumer_waits.store(true, Ordering::Relaxed);
            fence(Ordering::SeqCst);
            let result = match (self.gate(), self.is_ready()) {
                (OPEN, true) => Some(Waited::Ready),
                (OPEN, false) => None,
                _ => Some(Waited::Closed),
            };
            if let Some(result) = result {
                self.consumer_waits.store(false, Ordering::Relaxed);
                return result;
            }
            // Never both: the producer may have been left asleep for a larger gap.
            if self.producer_waits.load(Ordering::Relaxed) && !self.is_full() {
                self.room.notify_one();
            }
            guard = wait(&self.data, guard);
        }
    }

    /// Sleeps until there is room, at most for `timeout`.
    pub fn wait_for_room(&self, timeout: Option<Duration>) -> Waited {
        let mut guard = lock(&self.sleep);
        let mut timed_out = false;
        loop {
            self.producer_waits.store(true, Ordering::Relaxed);
            fence(Ordering::SeqCst);
            let result = match (self.gate(), self.is_full()) {
                (OPEN, false) => Some(Waited::Ready),
                (OPEN, true) => (self.nudged.swap(false, Ordering::Relaxed) || timed_out).then_some(Waited::TimedOut),
                _ => Some(Waited::Closed),
            };
            if let Some(result) = result {
                self.producer_waits.store(false, Ordering::Relaxed);
                return result;
            }
            // A full queue is never held back by its thresholds, but they may have been looked at before it was full.
            if self.consumer_waits.load(Ordering::Relaxed) && self.is_ready() {
                self.data.notify_one();
            }
            match timeout {
                None => guard = wait(&self.room, guard),
                Some(timeout) => (guard, timed_out) = wait_timeout(&self.room, guard, timeout),
            }
        }
    }
}
