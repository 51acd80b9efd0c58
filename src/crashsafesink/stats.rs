//! The `stats` property.

use std::sync::atomic::Ordering;

use super::element::{CrashSafeSink, Outcome, RecordingState};

impl CrashSafeSink {
    pub(super) fn stats(&self) -> gst::Structure {
        let builder = gst::Structure::builder("crashsafesink-stats");
        let state = self.state();
        let RecordingState::Recording(active) = &*state else {
            let ended = matches!(&*state, RecordingState::Finished);
            drop(state);
            let outcome = self.outcome();
            let name = match &*outcome {
                Outcome { error: Some(_), .. } => "failed",
                Outcome { finished: true, .. } => "finished",
                Outcome { path: Some(_), .. } => "kept",
                // A stream without data ends without a file.
                _ if ended => "finished",
                _ => "idle",
            };
            return builder
                .field("state", name)
                .field_if_some("path", outcome.path.as_ref().map(|path| path.display().to_string()))
                .field_if_some("error", outcome.error.as_deref())
                .build();
        };
        let (session, counters) = (&active.session, active.session.counters());
        builder
            .field("state", "recording")
            .field("path", session.temporary_path().display().to_string())
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
