//! The object behind a `visualscope`, and its locks.

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{LazyLock, Mutex};

use super::properties::Settings;
use super::qos::Lateness;
use super::queue::Queue;
use super::stats::Stats;

pub(super) static CAT: LazyLock<gst::DebugCategory> =
    LazyLock::new(|| gst::DebugCategory::new("visualscope", gst::DebugColorFlags::empty(), Some("Audio to video")));

/// The element. Locks: `settings`, `pool`, `lateness` and the one in `queue`; no two are ever held together, and none
/// while anything leaves the element. The state of the drawing thread is its own.
pub struct VisualScope {
    pub(super) sinkpad: gst::Pad,
    pub(super) srcpad: gst::Pad,
    pub(super) settings: Mutex<Settings>,
    pub(super) queue: Queue,
    /// Pictures are allocated from it; kept here so that a flush can end the wait for one.
    pub(super) pool: Mutex<Option<gst::BufferPool>>,
    pub(super) lateness: Mutex<Lateness>,
    /// Duration of a frame in ns.
    pub(super) frame_ns: AtomicU64,
    /// Of the audio that comes in now; 0 before its format is known.
    pub(super) bytes_per_second: AtomicU64,
    /// EOS was queued.
    pub(super) ended: AtomicBool,
    pub(super) stats: Stats,
}
