//! The element's object: what it keeps, behind which locks.

use std::path::PathBuf;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};

use gst::subclass::prelude::*;

use super::active_recording::ActiveRecording;
use super::messages;
use super::properties::Settings;
use crate::logic::recording::{Failure, Session};
use crate::logic::sync::lock;

pub(super) static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new("crashsafesink", gst::DebugColorFlags::empty(), Some("Sink that loses no recording"))
});

#[derive(Default)]
pub(super) enum RecordingState {
    /// Nothing is open: before the start, and after a recording that was kept.
    #[default]
    Idle,
    Recording(ActiveRecording),
    /// Finished, and no data since.
    Finished,
    /// An error was posted; nothing more is accepted until stopped.
    Failed,
}

/// How the last recording ended, or failed to begin; what `stats` still tells when nothing is open.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// The file that it left.
    pub path: Option<PathBuf>,
    /// Whether that has its final name.
    pub finished: bool,
    /// What went wrong, for people.
    pub error: Option<String>,
}

/// Lock order: `state`, then the locks of its session. `settings`, `given_advice` and `outcome` are never held together with another.
/// None is held while something is posted, pushed or queried.
#[derive(Default)]
pub struct CrashSafeSink {
    settings: Mutex<Settings>,
    state: Mutex<RecordingState>,
    /// Where a recording opened later in this run begins: BYTES segments arrive before its first buffer.
    pub(super) position: AtomicU64,
    /// The last advice about the muxer upstream, which is not given twice.
    given_advice: Mutex<Option<String>>,
    outcome: Mutex<Outcome>,
}

impl CrashSafeSink {
    pub(super) fn settings(&self) -> MutexGuard<'_, Settings> {
        lock(&self.settings)
    }

    pub(super) fn state(&self) -> MutexGuard<'_, RecordingState> {
        lock(&self.state)
    }

    pub(super) fn given_advice(&self) -> MutexGuard<'_, Option<String>> {
        lock(&self.given_advice)
    }

    pub(super) fn outcome(&self) -> MutexGuard<'_, Outcome> {
        lock(&self.outcome)
    }

    /// Notes and logs a failure; the caller posts what this returns. Whoever goes straight to NULL flushes the bus on the way and
    /// has only the log and `stats`.
    pub(super) fn failure(&self, failure: &Failure) -> gst::ErrorMessage {
        gst::warning!(CAT, imp = self, "{failure} ({})", failure.debug);
        self.outcome().error = Some(failure.text.clone());
        messages::error(failure)
    }

    /// The session of the recording under way, if there is one.
    pub(super) fn session(&self) -> Option<Arc<Session>> {
        match &*self.state() {
            RecordingState::Recording(active) => Some(active.session.clone()),
            _ => None,
        }
    }
}
