//! SECTION:element-bufferhealth
//!
//! Measures what passes through it, without touching it: counts, gaps, jitter, waiting times and lateness as percentiles, and a
//! verdict with reasons. Put it where you want to know.
//!
//! ```text
//! gst-launch-1.0 -m videotestsrc num-buffers=300 is-live=true ! queue ! bufferhealth label=camera post-messages=interval ! autovideosink
//! ```
//!
//! `stats` may be read at any time from any thread and never holds up the stream. See `docs/messages.md` for its fields.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use atomic_refcell::AtomicRefCell;
use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::HealthState;
use super::observer::Observer;
use super::pads::{Pace, Stream};
use super::properties::{PROPERTIES, Settings};
use super::sampler::Neighbours;
use super::scheduler::Ticket;
use crate::logic::clock::{Nanos, SECOND};
use crate::logic::health::verdict::State;

pub(super) static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new("bufferhealth", gst::DebugColorFlags::empty(), Some("Stream measurement"))
});

// Locks: of `settings`, `observer`, `neighbours`, `pace` and `ticket` one at a time is held, and none across a call that may run foreign
// code (push, query, notify, post, properties and signals of other elements). `stream` is no lock: the pads' stream lock admits one
// thread at a time.

pub(crate) struct BufferHealth {
    pub(super) sinkpad: gst::Pad,
    pub(super) srcpad: gst::Pad,
    pub(super) settings: Mutex<Settings>,
    /// What the streaming thread writes.
    pub(super) stream: AtomicRefCell<Stream>,
    /// What readers and the monitor have made of it.
    pub(super) observer: Mutex<Observer>,
    /// Upstream said in answer to a LATENCY query that it is live.
    pub(super) live: AtomicBool,
    /// When end of stream went through; 0 while it has not.
    pub(super) ended_at: AtomicU64,
    /// QoS events that came from downstream.
    pub(super) qos_events: AtomicU64,
    /// What arrivals are compared with, and the number of changes to it, by which the streaming thread knows without a lock.
    pace: Mutex<Option<Pace>>,
    pub(super) pace_version: AtomicU64,
    ticket: Mutex<Option<Ticket>>,
    neighbours: Mutex<Neighbours>,
}

/// The machine's monotonic time, which is above zero, the mark for "never". Twice a buffer, so not by way of `Instant`: its
/// arithmetic adds a third to what the clock itself takes.
#[inline]
pub(super) fn now() -> Nanos {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    time.tv_sec as Nanos * SECOND + time.tv_nsec as Nanos
}

/// A panic while a lock was held is reported as an element error; the figures behind it stay readable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl BufferHealth {
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

    pub(super) fn ticket(&self) -> MutexGuard<'_, Option<Ticket>> {
        lock(&self.ticket)
    }

    /// When end of stream went through, if it did.
    pub(super) fn ended(&self) -> Option<Nanos> {
        Some(self.ended_at.load(Ordering::Relaxed)).filter(|&at| at != 0)
    }

    /// Returns the figures so far and starts counting anew.
    fn reset(&self) -> gst::Structure {
        gst::info!(CAT, imp = self, "Reset");
        let figures = self.stats();
        self.qos_events.store(0, Ordering::Relaxed);
        self.neighbours().runs.reset();
        self.observer().reset(now());
        figures
    }

    fn start(&self) -> Result<(), gst::StateChangeError> {
        let settings = self.settings().clone();
        if let Some(contradiction) = settings.contradiction() {
            gst::element_imp_error!(self, gst::LibraryError::Settings, ("{contradiction}"));
            return Err(gst::StateChangeError);
        }
        self.live.store(false, Ordering::Relaxed);
        self.ended_at.store(0, Ordering::Relaxed);
        self.qos_events.store(0, Ordering::Relaxed);
        let observer = Observer::new(now(), settings.latency_samples as usize);
        observer.probe.set_late_threshold(settings.late_threshold);
        *self.stream.borrow_mut() = Stream::new(observer.probe.clone());
        let old = std::mem::replace(&mut *self.observer(), observer);
        if !matches!(old.judge.state(), State::Starting) {
            ["state", "reasons", "healthy"].iter().for_each(|name| self.obj().notify(name));
        }
        self.watch()
    }

    fn stop(&self) {
        self.unwatch();
        self.observer().stop(now());
    }
}

#[glib::object_subclass]
impl ObjectSubclass for BufferHealth {
    const NAME: &'static str = "GstBufferHealth";
    type Type = super::BufferHealth;
    type ParentType = gst::Element;

    fn with_class(klass: &Self::Class) -> Self {
        let (sinkpad, srcpad) = super::pads::make(klass);
        let settings = Settings::default();
        let observer = Observer::new(now(), 0);
        Self {
            sinkpad,
            srcpad,
            settings: Mutex::new(settings),
            stream: AtomicRefCell::new(Stream::new(observer.probe.clone())),
            observer: Mutex::new(observer),
            live: AtomicBool::new(false),
            ended_at: AtomicU64::new(0),
            qos_events: AtomicU64::new(0),
            pace: Mutex::default(),
            pace_version: AtomicU64::new(0),
            ticket: Mutex::default(),
            neighbours: Mutex::default(),
        }
    }
}

impl ObjectImpl for BufferHealth {
    fn properties() -> &'static [glib::ParamSpec] {
        &PROPERTIES
    }

    fn signals() -> &'static [glib::subclass::Signal] {
        static SIGNALS: LazyLock<Vec<glib::subclass::Signal>> = LazyLock::new(|| {
            vec![
                glib::subclass::Signal::builder("reset")
                    .action()
                    .return_type::<gst::Structure>()
                    .class_handler(|args| {
                        let element = args[0].get::<super::BufferHealth>().expect("the emitter");
                        Some(element.imp().reset().to_value())
                    })
                    .build(),
            ]
        });
        &SIGNALS
    }

    fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        let mut settings = self.settings();
        settings.set(value, pspec);
        let late_threshold = settings.late_threshold;
        drop(settings);
        self.observer().probe.set_late_threshold(late_threshold);
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        if let Some(value) = self.settings().get(pspec.name()) {
            return value;
        }
        match pspec.name() {
            "stats" => self.stats().to_value(),
            "healthy" => self.observer().judge.reasons().is_empty().to_value(),
            "state" => HealthState::from(self.observer().judge.state()).to_value(),
            "reasons" => super::stats::reasons(self.observer().judge.reasons()).to_value(),
            other => unreachable!("no property {other}"),
        }
    }

    fn constructed(&self) {
        self.parent_constructed();
        let obj = self.obj();
        obj.add_pad(&self.sinkpad).expect("a new pad of a new element");
        obj.add_pad(&self.srcpad).expect("a new pad of a new element");
    }
}

impl GstObjectImpl for BufferHealth {}

impl ElementImpl for BufferHealth {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Buffer health",
                "Generic/Analyzer",
                "Measures the stream that passes through it and says whether it is healthy",
                "The gst-plugin-steady developers",
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            [("sink", gst::PadDirection::Sink), ("src", gst::PadDirection::Src)]
                .map(|(name, direction)| {
                    gst::PadTemplate::new(name, direction, gst::PadPresence::Always, &gst::Caps::new_any())
                        .expect("an always pad of any format")
                })
                .into()
        });
        &TEMPLATES
    }

    fn change_state(&self, transition: gst::StateChange) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        match transition {
            gst::StateChange::ReadyToPaused => self.start()?,
            gst::StateChange::PausedToPlaying => self.play(),
            gst::StateChange::PlayingToPaused => self.pause(),
            _ => {}
        }
        let result = self.parent_change_state(transition);
        let undone = transition == gst::StateChange::ReadyToPaused && result.is_err();
        // The pads are inactive now, so nobody writes any more.
        if undone || transition == gst::StateChange::PausedToReady {
            self.stop();
        }
        result
    }
}
