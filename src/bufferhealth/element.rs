//! The object behind `bufferhealth`: its parts and their locks.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard};

use atomic_refcell::AtomicRefCell;

use super::neighbours::Neighbours;
use super::observer::Observer;
use super::pads::{Pace, Stream};
use super::scheduler::JobGuard;
use super::settings::Settings;
use crate::logic::clock::monotonic;
use crate::logic::sync::{AtomicTime, lock};

pub(super) static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new("bufferhealth", gst::DebugColorFlags::empty(), Some("Stream measurement"))
});

/// The element. Locks: of `settings`, `observer`, `neighbours`, `pace` and `job` one at a time is held, and none across a call that
/// may run foreign code (push, query, notify, post, properties and signals of other elements). `stream` is no lock: the pads' stream
/// lock admits one thread at a time.
pub(crate) struct BufferHealth {
    pub(super) sinkpad: gst::Pad,
    pub(super) srcpad: gst::Pad,
    settings: Mutex<Settings>,
    /// Written by the streaming thread.
    pub(super) stream: AtomicRefCell<Stream>,
    /// Conclusions that readers and the sampler have drawn from it.
    observer: Mutex<Observer>,
    /// Upstream said in answer to a LATENCY query that it is live.
    pub(super) live: AtomicBool,
    /// When end of stream went through.
    pub(super) ended_at: AtomicTime,
    /// QoS events that came from downstream.
    pub(super) qos_events: AtomicU64,
    /// The pace to compare arrivals with, and the number of changes to it, which tells the streaming thread without a lock.
    pace: Mutex<Option<Pace>>,
    pub(super) pace_version: AtomicU64,
    /// Keeps the sampler going.
    job: Mutex<Option<JobGuard>>,
    neighbours: Mutex<Neighbours>,
}

impl BufferHealth {
    pub(super) fn new(sinkpad: gst::Pad, srcpad: gst::Pad) -> Self {
        let observer = Observer::new(monotonic(), 0);
        Self {
            sinkpad,
            srcpad,
            settings: Mutex::default(),
            stream: AtomicRefCell::new(Stream::new(observer.probe.clone())),
            observer: Mutex::new(observer),
            live: AtomicBool::new(false),
            ended_at: AtomicTime::default(),
            qos_events: AtomicU64::new(0),
            pace: Mutex::default(),
            pace_version: AtomicU64::new(0),
            job: Mutex::default(),
            neighbours: Mutex::default(),
        }
    }

    pub(super) fn settings(&self) -> MutexGuard<'_, Settings> {
        lock(&self.settings)
    }

    pub(super) fn observer(&self) -> MutexGuard<'_, Observer> {
        lock(&self.observer)
    }

    pub(super) fn neighbours(&self) -> MutexGuard<'_, Neighbours> {
        lock(&self.neighbours)
    }

    pub(super) fn pace(&self) -> MutexGuard<'_, Option<Pace>> {
        lock(&self.pace)
    }

    pub(super) fn set_pace(&self, pace: Option<Pace>) {
        let mut current = self.pace();
        if *current != pace {
            *current = pace;
            self.pace_version.fetch_add(1, Ordering::Release);
        }
    }

    pub(super) fn job(&self) -> MutexGuard<'_, Option<JobGuard>> {
        lock(&self.job)
    }
}
