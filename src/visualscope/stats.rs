//! The counters behind the property `stats`.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts from READY to PAUSED on; times in ns.
#[derive(Debug, Default)]
pub(super) struct Stats {
    pub(super) frames: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) gaps: AtomicU64,
    pub(super) samples: AtomicU64,
    pub(super) latency: AtomicU64,
    /// Spent on drawing.
    pub(super) render: AtomicU64,
}

impl Stats {
    pub(super) fn reset(&self) {
        let Self { frames, dropped, gaps, samples, latency, render } = self;
        [frames, dropped, gaps, samples, latency, render].iter().for_each(|count| count.store(0, Ordering::Relaxed));
    }

    pub(super) fn structure(&self) -> gst::Structure {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        gst::Structure::builder("visualscope-stats")
            .field("frames", read(&self.frames))
            .field("dropped", read(&self.dropped))
            .field("gaps", read(&self.gaps))
            .field("samples", read(&self.samples))
            .field("latency", read(&self.latency))
            .field("render-time", read(&self.render))
            .build()
    }
}
