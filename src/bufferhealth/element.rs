//! The object behind `bufferhealth`: its parts and their locks.

use std::sync::atomic::AtomicBool;
use std::sync::{LazyLock, Mutex, MutexGuard};

use super::neighbours::Neighbours;
use super::settings::Settings;
use crate::glue::health::meter::Meter;
use crate::glue::scheduler::JobGuard;
use crate::logic::sync::lock;
use crate::metrics::Export;

pub(super) static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new("bufferhealth", gst::DebugColorFlags::empty(), Some("Stream measurement"))
});

/// The element. Locks: of `settings`, `neighbours`, `last_stats`, `job`, `export` and those inside `meter` one at a time is held, and none across a
/// call that may run foreign code (push, query, notify, post, properties and signals of other elements).
pub(crate) struct BufferHealth {
    pub(super) sinkpad: gst::Pad,
    pub(super) srcpad: gst::Pad,
    settings: Mutex<Settings>,
    pub(super) meter: Meter,
    neighbours: Mutex<Neighbours>,
    /// It was told that this end of a pair has no start.
    pub(super) told_alone: AtomicBool,
    /// The last interval message: as long as somebody else has it, it is unread. Refers to the element, so it must not stay.
    last_stats: Mutex<Option<gst::Message>>,
    /// Keeps the sampler going.
    job: Mutex<Option<JobGuard>>,
    /// Shows the figures to monitoring systems. Its end waits for whoever is reading them.
    export: Mutex<Export>,
}

impl BufferHealth {
    pub(super) fn new(sinkpad: gst::Pad, srcpad: gst::Pad) -> Self {
        Self {
            sinkpad,
            srcpad,
            settings: Mutex::default(),
            meter: Meter::new(),
            neighbours: Mutex::default(),
            told_alone: AtomicBool::new(false),
            last_stats: Mutex::default(),
            job: Mutex::default(),
            export: Mutex::default(),
        }
    }

    pub(super) fn settings(&self) -> MutexGuard<'_, Settings> {
        lock(&self.settings)
    }

    pub(super) fn neighbours(&self) -> MutexGuard<'_, Neighbours> {
        lock(&self.neighbours)
    }

    pub(super) fn last_stats(&self) -> MutexGuard<'_, Option<gst::Message>> {
        lock(&self.last_stats)
    }

    pub(super) fn export(&self) -> MutexGuard<'_, Export> {
        lock(&self.export)
    }

    pub(super) fn job(&self) -> MutexGuard<'_, Option<JobGuard>> {
        lock(&self.job)
    }
}
