//! The element's object: what it keeps, behind which locks.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};

use super::active_recording::ActiveRecording;
use super::properties::Settings;
use crate::logic::recording::Session;
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

/// Lock order: `state`, then the locks of its session. `settings` and `given_advice` are never held together with another.
/// None is held while something is posted, pushed or queried.
#[derive(Default)]
pub struct CrashSafeSink {
    settings: Mutex<Settings>,
    state: Mutex<RecordingState>,
    /// Where a recording opened later in this run begins: BYTES segments arrive before its first buffer.
    pub(super) position: AtomicU64,
    /// The last advice about the muxer upstream, which is not given twice.
    given_advice: Mutex<Option<String>>,
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

    /// The session of the recording under way, if there is one.
    pub(super) fn session(&self) -> Option<Arc<Session>> {
        match &*self.state() {
            RecordingState::Recording(active) => Some(active.session.clone()),
            _ => None,
        }
    }
}
