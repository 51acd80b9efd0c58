//! The producing side: data comes in, waits for room or leaks.

use std::sync::atomic::Ordering;
use std::time::Duration;

use gst::subclass::prelude::*;

use super::element::{AdaptiveQueue, CAT, DATAFLOW};
use super::item::QueueItem;
use super::running_time::RunningTimes;
use super::settings::Leaky;
use super::watchdog;
use crate::logic::clock::{Nanos, monotonic};
use crate::logic::queue::handoff::{Handoff, Seen, Waited, Weight};
use crate::logic::queue::levels::Level;
use crate::logic::queue::need::Swing;
use crate::logic::stall::detector::GROWTH_INTERVAL;
use crate::logic::sync::lock;

/// The consumer's counters are fetched after this many buffers at the latest.
const REFRESH: u32 = 16;

enum Room {
    Made,
    /// The new data is to be dropped.
    Leak,
}

/// The state of the producing side.
#[derive(Debug)]
pub(super) struct Tail {
    pub times: RunningTimes,
    pub needs_discont: bool,
    /// The consumer's counters as last seen, so that they need not be fetched from the other core for every buffer.
    seen: Seen,
    /// Buffers until `seen` is fetched again.
    fresh: u32,
    peak: Level,
    swing: Swing,
}

impl Tail {
    pub fn new(handoff: &Handoff<QueueItem>) -> Self {
        Self {
            times: RunningTimes::default(),
            needs_discont: false,
            seen: handoff.see_head(),
            fresh: 0,
            peak: Level::default(),
            swing: Swing::default(),
        }
    }

    /// The queue was emptied: nothing that was known of the stream holds any more.
    pub fn flush(&mut self) {
        self.times = RunningTimes::default();
        self.needs_discont = false;
        self.fresh = 0;
        self.swing.forget();
    }

    /// The level, fetching the consumer's counters only if the known ones leave `near` in doubt.
    fn level(&mut self, queue: &AdaptiveQueue, near: impl Fn(&Level) -> bool) -> Level {
        if self.fresh > 0 {
            let level = queue.handoff.level_since(&self.seen);
            if !near(&level) {
                self.fresh -= 1;
                return level;
            }
        }
        self.seen = queue.handoff.see_head();
        self.fresh = REFRESH;
        queue.handoff.level_since(&self.seen)
    }

    /// Whether a queue of `smaller` buffers would have done lately.
    fn is_idle(&mut self, smaller: u32, level: &Level, weight: Weight) -> bool {
        let came = weight.buffers.into();
        let after = level.buffers.max(came);
        self.swing.note(after - came, after, smaller.into()) && self.swing.is_idle(monotonic())
    }
}

impl AdaptiveQueue {
    /// A buffer or a list arrives.
    pub(super) fn chain(&self, mut item: QueueItem) -> Result<gst::FlowSuccess, gst::FlowError> {
        gst::log!(DATAFLOW, imp = self, "received {item:?}");
        if self.lease_due.load(Ordering::Relaxed) {
            self.take_lease();
        }
        let limits = self.handoff.limits();
        let before = self.level_to_notify();
        let mut tail = lock(&self.tail);
        self.accepts()?;
        if tail.level(self, |level| level.reaches(&limits)).reaches(&limits) {
            drop(tail);
            match self.make_room()? {
                Room::Made => (),
                Room::Leak => {
                    self.stats.dropped(item.weight().buffers.into());
                    return Ok(gst::FlowSuccess::Ok);
                }
            }
            tail = lock(&self.tail);
            tail.fresh = 0;
            // Whoever closes the stream empties the queue under this lock afterwards: what enters now is not forgotten.
            self.accepts()?;
        }
        if tail.needs_discont {
            item.set_discont();
            tail.needs_discont = false;
        }
        let (weight, time) = (item.weight(), tail.times.of(&item));
        self.handoff.push(item, weight, time);
        let peak = tail.peak;
        let smaller = self.smaller.load(Ordering::Relaxed);
        let level = tail.level(self, |level| smaller > 0 || level.exceeds(&peak) || self.handoff.reaches_marks(level));
        if level.exceeds(&peak) {
            tail.peak = level.max(&peak);
            self.stats.peak(&tail.peak);
        }
        let idle = smaller > 0 && tail.is_idle(smaller, &level, weight);
        drop(tail);
        if idle {
            self.halve();
        }
        if self.handoff.reaches_marks(&level) && !self.backpressure.active() {
            self.update_backpressure(&level, &self.handoff.limits());
        }
        self.notify_level(before);
        Ok(gst::FlowSuccess::Ok)
    }

    fn accepts(&self) -> Result<(), gst::FlowError> {
        self.flow()?;
        match self.eos.load(Ordering::Acquire) || self.unexpected.load(Ordering::Acquire) {
            true => Err(gst::FlowError::Eos),
            false => Ok(()),
        }
    }

    /// Blocks, or drops something, for as long as the queue is full.
    #[cold]
    fn make_room(&self) -> Result<Room, gst::FlowError> {
        while self.handoff.is_full() {
            self.emit("overrun");
            self.flow()?;
            // A handler may have changed the limits.
            if !self.handoff.is_full() {
                break;
            }
            match self.hot.leaky() {
                Leaky::Upstream => {
                    self.needs_room(monotonic);
                    lock(&self.tail).needs_discont = true;
                    return Ok(Room::Leak);
                }
                Leaky::Downstream => {
                    self.needs_room(monotonic);
                    self.leak_downstream();
                }
                Leaky::No if self.stall.leaks() => self.leak_downstream(),
                Leaky::No => {
                    self.wait_for_room()?;
                    self.emit("running");
                    self.flow()?;
                }
            }
        }
        Ok(Room::Made)
    }

    /// Sleeps until there is room; the watchdog is told when that takes long, and may end the wait with an error.
    fn wait_for_room(&self) -> Result<(), gst::FlowError> {
        let began = monotonic();
        self.stall.set_blocked(Some(began));
        self.follow_supply();
        gst::debug!(CAT, imp = self, "full, waiting for room");
        let mut patience = Some(Duration::from_nanos(GROWTH_INTERVAL));
        let waited = loop {
            match self.handoff.wait_for_room(patience.take()) {
                Waited::TimedOut if self.stall.leaks() => break Waited::Ready,
                Waited::TimedOut => watchdog::suspect(&self.obj()),
                ended => break ended,
            }
        };
        self.stall.set_blocked(None);
        let ended = monotonic();
        self.stats.producer_waits.record(ended.saturating_sub(began));
        self.needs_room(|| ended);
        match waited {
            Waited::Closed => self.flow().map(drop),
            _ => Ok(()),
        }
    }

    /// The producer was not allowed to bring, or to keep, what it had.
    fn needs_room(&self, now: impl FnOnce() -> Nanos) {
        if self.need.is_asked() {
            self.need.blocked(now());
        }
    }

    /// Drops old items until there is room.
    pub(super) fn leak_downstream(&self) {
        let mut leaked = Vec::new();
        {
            let mut head = lock(&self.head);
            while self.handoff.is_full() {
                let Some(item) = head.drop_oldest(self) else { break };
                leaked.push(item);
                head.needs_discont = true;
            }
        }
        self.stats.dropped(leaked.iter().map(|item| u64::from(item.weight().buffers)).sum());
    }

    /// How long the producer has been blocked, or the consumer without data.
    pub(super) fn stuck_for(&self) -> Option<Nanos> {
        Some(monotonic().saturating_sub(self.stall.blocked().or(self.stall.starved())?))
    }
}
