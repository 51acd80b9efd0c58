//! Counters, and back-pressure as a state.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::imp::AdaptiveQueue;
use super::item::Item;
use crate::logic::queue::handoff::Handoff;
use crate::logic::queue::levels::Size;
use crate::logic::queue::waits::{WaitStats, Waits};
use crate::logic::queue::watermark::{Change, Watermark};
use crate::logic::sync::lock;

/// What `stats` tells beyond the hand-off's own counters. Each number has one writer and is read without stopping it.
#[derive(Debug, Default)]
pub(super) struct Stats {
    dropped: AtomicU64,
    peak: [AtomicU64; 3],
    /// Counters of the hand-off when the element was started.
    before: [AtomicU64; 3],
    pub producer_waits: Waits,
    pub consumer_waits: Waits,
}

impl Stats {
    pub fn dropped(&self, buffers: u64) {
        self.dropped.fetch_add(buffers, Ordering::Relaxed);
    }

    pub fn peak(&self, peak: &Size) {
        for (cell, value) in self.peak.iter().zip([peak.buffers, peak.bytes, peak.time]) {
            cell.store(value, Ordering::Relaxed);
        }
    }

    /// Counts from here on. While the element is stopped: nobody writes.
    pub fn reset(&self, handoff: &Handoff<Item>) {
        self.dropped.store(0, Ordering::Relaxed);
        self.peak(&Size::default());
        let ((put, bytes), (_, taken)) = (handoff.put(), handoff.taken());
        for (cell, value) in self.before.iter().zip([put, bytes, taken]) {
            cell.store(value, Ordering::Relaxed);
        }
        self.producer_waits.reset();
        self.consumer_waits.reset();
    }
}

/// Back-pressure: the state, and changes that are still to be told. They are told in order, by one thread at a time
/// and without a lock.
#[derive(Debug, Default)]
pub(super) struct Pressure {
    active: AtomicBool,
    changes: Mutex<Changes>,
}

#[derive(Debug, Default)]
struct Changes {
    mark: Watermark,
    untold: VecDeque<Change>,
    telling: bool,
}

impl Pressure {
    pub fn active(&self) -> bool {
        self.active.load(Ordering::Relaxed)
    }
}

impl AdaptiveQueue {
    #[cold]
    pub(super) fn update_pressure(&self, level: &Size, limits: &Size) {
        let (high, low) = self.hot.marks();
        let mut changes = lock(&self.pressure.changes);
        if let Some(change) = changes.mark.update(level, limits, high, low, self.now()) {
            self.pressure.active.store(change.active, Ordering::Relaxed);
            changes.untold.push_back(change);
        }
        if std::mem::replace(&mut changes.telling, true) {
            return;
        }
        while let Some(change) = changes.untold.pop_front() {
            drop(changes);
            self.obj().notify("backpressure");
            let structure = gst::Structure::builder("adaptivequeue-backpressure")
                .field("active", change.active)
                .field("fill", change.fill)
                .field("duration", change.duration)
                .field("episode", change.episode)
                .build();
            let obj = self.obj();
            // Refused only by an element without a bus, which has nobody to tell.
            let _ = obj.post_message(gst::message::Element::builder(structure).src(&*obj).build());
            changes = lock(&self.pressure.changes);
        }
        changes.telling = false;
    }

    /// The `stats` property.
    pub(super) fn stats(&self) -> gst::Structure {
        let [before_put, before_bytes, before_taken] =
            [0, 1, 2].map(|i: usize| self.stats.before[i].load(Ordering::Relaxed));
        let [peak_buffers, peak_bytes, peak_time] =
            [0, 1, 2].map(|i: usize| self.stats.peak[i].load(Ordering::Relaxed));
        let ((put, bytes), (_, taken)) = (self.handoff.put(), self.handoff.taken());
        let (limits, holding) = (self.handoff.limits(), self.holding());
        gst::Structure::builder("adaptivequeue-stats")
            .field("pushed", put.saturating_sub(before_put))
            .field("popped", taken.saturating_sub(before_taken))
            .field("dropped", self.stats.dropped.load(Ordering::Relaxed))
            .field("bytes", bytes.saturating_sub(before_bytes))
            .field("peak-level-buffers", peak_buffers)
            .field("peak-level-bytes", peak_bytes)
            .field("peak-level-time", peak_time)
            .field("producer-waits", waits(self.stats.producer_waits.read()))
            .field("consumer-waits", waits(self.stats.consumer_waits.read()))
            .field("growths", holding.growths)
            .field("max-size-buffers", limits.buffers)
            .field("max-size-bytes", limits.bytes)
            .field("max-size-time", limits.time)
            .field("lease", holding.lease)
            .field("overcommit", holding.overcommit)
            .field("episodes", lock(&self.pressure.changes).mark.episodes())
            .build()
    }
}

fn waits(waits: WaitStats) -> gst::Structure {
    gst::Structure::builder("waits")
        .field("count", waits.count)
        .field("avg", waits.avg)
        .field("p50", waits.p50)
        .field("p95", waits.p95)
        .field("p99", waits.p99)
        .field("max", waits.max)
        .build()
}
