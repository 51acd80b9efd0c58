//! The `stats` property.

use std::sync::atomic::Ordering;

use super::element::{CrashSafeSink, RecordingState};

impl CrashSafeSink {
    pub(super) fn stats(&self) -> gst::Structure {
        let state = self.state();
        let name = match &*state {
            RecordingState::Idle => "idle",
            RecordingState::Recording(_) => "recording",
            RecordingState::Finished => "finished",
            RecordingState::Failed => "failed",
        };
        let builder = gst::Structure::builder("crashsafesink-stats").field("state", name);
        let RecordingState::Recording(active) = &*state else { return builder.build() };
        let (session, counters) = (&active.session, active.session.counters());
        builder
            .field("bytes", counters.bytes.load(Ordering::Relaxed))
            .field("writes", counters.writes.load(Ordering::Relaxed))
            .field("syncs", counters.syncs.load(Ordering::Relaxed))
            .field("max-flush-age", counters.max_flush_age.load(Ordering::Relaxed))
            .field("max-stall", session.max_stall())
            .field("unsynced-bytes", counters.unsafe_bytes.load(Ordering::Relaxed))
            .field("held-bytes", counters.held_bytes.load(Ordering::Relaxed))
            .build()
    }
}
