//! The element's object: its locks, its debug category and how it reports.

use std::sync::{LazyLock, Mutex, MutexGuard};

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::failure::Failure;
use super::frame_renderer::FrameRenderer;
use super::gate::Gate;
use super::playback::Playback;
use super::properties::Settings;
use crate::logic::render::look::Background;
use crate::logic::sync::lock;

pub(super) static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new("visualrender", gst::DebugColorFlags::empty(), Some("Audio file to video"))
});

// Locks: `settings`, `playback`, `renderer` and the one in `gate`. No two are ever held together; `renderer` is held while
// a frame is drawn, the others for moments.

#[derive(Default)]
pub struct VisualRender {
    settings: Mutex<Settings>,
    playback: Mutex<Playback>,
    /// Made for the caps and the timeline that there are now.
    renderer: Mutex<Option<FrameRenderer>>,
    pub(super) gate: Gate,
}

impl VisualRender {
    pub(super) fn settings(&self) -> MutexGuard<'_, Settings> {
        lock(&self.settings)
    }

    /// What is behind the pictures, which decides the formats they can be in.
    pub(super) fn background(&self) -> Background {
        self.settings().look.background()
    }

    pub(super) fn playback(&self) -> MutexGuard<'_, Playback> {
        lock(&self.playback)
    }

    pub(super) fn renderer(&self) -> MutexGuard<'_, Option<FrameRenderer>> {
        lock(&self.renderer)
    }

    /// Reports why the stream ends.
    pub(super) fn fail(&self, failure: &Failure) -> gst::FlowError {
        gst::error!(CAT, imp = self, "{failure:?}");
        self.post_error_message(failure.to_message());
        gst::FlowError::Error
    }

    /// Reports how far the analysis is.
    pub(super) fn progress(&self, kind: gst::ProgressType, text: &str) {
        let obj = self.obj();
        let message = gst::message::Progress::builder(kind, "analysis", text).src(&*obj).build();
        let _ = obj.post_message(message);
    }
}
