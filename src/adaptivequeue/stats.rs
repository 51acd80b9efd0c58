//! The property `stats`.

use std::sync::atomic::{AtomicU64, Ordering};

use super::element::AdaptiveQueue;
use super::item::QueueItem;
use crate::logic::histogram::{Recorder, Summary};
use crate::logic::queue::handoff::Handoff;
use crate::logic::queue::levels::Level;

/// Counters beyond those of the hand-off. Each number has one writer and is read without stopping it.
#[derive(Debug, Default)]
pub(super) struct Stats {
    dropped: AtomicU64,
    doublings: AtomicU64,
    peak: [AtomicU64; 3],
    /// Counters of the hand-off when the element was started.
    before: [AtomicU64; 3],
    pub producer_waits: Recorder,
    pub consumer_waits: Recorder,
}

impl Stats {
    pub fn dropped(&self, buffers: u64) {
        self.dropped.fetch_add(buffers, Ordering::Relaxed);
    }

    pub fn doubled(&self) {
        self.doublings.fetch_add(1, Ordering::Relaxed);
    }

    pub fn peak(&self, peak: &Level) {
        for (cell, value) in self.peak.iter().zip([peak.buffers, peak.bytes, peak.time]) {
            cell.store(value, Ordering::Relaxed);
        }
    }

    /// Starts counting anew. Only while the element is stopped, so that nobody writes.
    pub fn reset(&self, handoff: &Handoff<QueueItem>) {
        self.dropped.store(0, Ordering::Relaxed);
        self.doublings.store(0, Ordering::Relaxed);
        self.peak(&Level::default());
        let ((put, bytes), (_, taken)) = (handoff.put(), handoff.taken());
        for (cell, value) in self.before.iter().zip([put, bytes, taken]) {
            cell.store(value, Ordering::Relaxed);
        }
        self.producer_waits.clear();
        self.consumer_waits.clear();
    }
}

impl AdaptiveQueue {
    /// The `stats` property.
    pub(super) fn stats(&self) -> gst::Structure {
        let [before_put, before_bytes, before_taken] =
            [0, 1, 2].map(|i: usize| self.stats.before[i].load(Ordering::Relaxed));
        let [peak_buffers, peak_bytes, peak_time] =
            [0, 1, 2].map(|i: usize| self.stats.peak[i].load(Ordering::Relaxed));
        let ((put, bytes), (_, taken)) = (self.handoff.put(), self.handoff.taken());
        let (limits, allowance) = (self.handoff.limits(), self.allowance_stats());
        gst::Structure::builder("adaptivequeue-stats")
            .field("pushed", put.saturating_sub(before_put))
            .field("popped", taken.saturating_sub(before_taken))
            .field("dropped", self.stats.dropped.load(Ordering::Relaxed))
            .field("bytes", bytes.saturating_sub(before_bytes))
            .field("peak-level-buffers", peak_buffers)
            .field("peak-level-bytes", peak_bytes)
            .field("peak-level-time", peak_time)
            .field("producer-waits", waits(&self.stats.producer_waits))
            .field("consumer-waits", waits(&self.stats.consumer_waits))
            .field("growths", allowance.growths)
            .field("doublings", self.stats.doublings.load(Ordering::Relaxed))
            .field("max-size-buffers", limits.buffers)
            .field("max-size-bytes", limits.bytes)
            .field("max-size-time", limits.time)
            .field("lease", allowance.lease)
            .field("overcommit", allowance.overcommit)
            .field("episodes", self.backpressure.episodes())
            .build()
    }
}

fn waits(waits: &Recorder) -> gst::Structure {
    let Summary { count, avg, p50, p95, p99, max, .. } = waits.read().summary().unwrap_or_default();
    gst::Structure::builder("waits")
        .field("count", count)
        .field("avg", avg)
        .field("p50", p50)
        .field("p95", p95)
        .field("p99", p99)
        .field("max", max)
        .build()
}
