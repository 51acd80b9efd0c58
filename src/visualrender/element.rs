//! The element's object: its locks, its debug category and how it reports.

use std::sync::{Arc, LazyLock, Mutex, MutexGuard};

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::failure::Failure;
use super::frame_cache::FrameCache;
use super::gate::Gate;
use super::playback::Playback;
use super::properties::Settings;
use super::reports::Reports;
use crate::logic::render::look::Background;
use crate::logic::sync::lock;

pub(super) static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new("visualrender", gst::DebugColorFlags::empty(), Some("Audio file to video"))
});

// Locks: `settings`, `playback`, `cache` and those inside `gate` and the cache. No two are ever held together, each for moments.

#[derive(Default)]
pub struct VisualRender {
    settings: Mutex<Settings>,
    playback: Mutex<Playback>,
    /// From the first frame to the end of the stream.
    cache: Mutex<Option<Arc<FrameCache>>>,
    pub(super) gate: Gate,
    pub(super) reports: Reports,
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

    /// The frames that there are, once there are any.
    pub(super) fn cache(&self) -> Option<Arc<FrameCache>> {
        lock(&self.cache).clone()
    }

    pub(super) fn set_cache(&self, cache: Option<Arc<FrameCache>>) -> Option<Arc<FrameCache>> {
        std::mem::replace(&mut *lock(&self.cache), cache)
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
