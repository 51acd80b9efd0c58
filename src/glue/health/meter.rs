//! One measuring point: the streaming thread's side, and the side of those who look.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use atomic_refcell::AtomicRefCell;

use super::pairs::Side;
use super::stream::{Pace, Stream};
use crate::logic::clock::{Nanos, monotonic};
use crate::logic::health::counters::Counts;
use crate::logic::health::observer::{Limits, Observer, Surroundings};
use crate::logic::health::probe::{Flow, Probe};
use crate::logic::health::reading::Reading;
use crate::logic::health::verdict::{Change, Health, Reasons};
use crate::logic::sync::{AtomicTime, lock};

/// Measures one stream. Locks: of `observer` and `pace` one at a time is held, for a few instructions; the streaming thread takes `pace`
/// only when it has changed, and `observer` never. `stream` is no lock: its users are one at a time already.
#[derive(Debug)]
pub(crate) struct Meter {
    /// Written by the streaming thread.
    stream: AtomicRefCell<Stream>,
    /// Conclusions that others have drawn from it.
    observer: Mutex<Observer>,
    /// Upstream said in answer to a LATENCY query that it is live.
    live: AtomicBool,
    /// When end of stream went through.
    ended_at: AtomicTime,
    /// QoS events that came from downstream.
    qos_events: AtomicU64,
    /// The pace to compare arrivals with, and the number of changes to it, which tells the streaming thread without a lock.
    pace: Mutex<Option<Pace>>,
    pace_version: AtomicU64,
    /// This is the start of a pair.
    marks: AtomicBool,
}

/// What is seen of the elements around.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Around {
    /// Fill of the watched queue, from 0 to 1.
    pub fill: Option<f64>,
    /// It throws buffers away when it is full.
    pub leaky: bool,
    /// A sink downstream waits for the clock.
    pub synced: bool,
    /// Buffers that sinks downstream have thrown away because they were late. None where they have not been asked.
    pub sink_dropped: Option<u64>,
    /// Nothing is meant to come for now.
    pub shut: bool,
    /// Buffers are rare by nature.
    pub sparse: bool,
    /// The stream is part of a halt, as whoever looks at the whole pipeline has found.
    pub halted: bool,
}

impl Meter {
    pub fn new() -> Self {
        let observer = Observer::new(monotonic(), 0);
        Self {
            stream: AtomicRefCell::new(Stream::new(observer.probe().clone())),
            observer: Mutex::new(observer),
            live: AtomicBool::new(false),
            ended_at: AtomicTime::default(),
            qos_events: AtomicU64::new(0),
            pace: Mutex::default(),
            pace_version: AtomicU64::new(0),
            marks: AtomicBool::new(false),
        }
    }

    fn observer(&self) -> MutexGuard<'_, Observer> {
        lock(&self.observer)
    }

    pub fn probe(&self) -> Arc<Probe> {
        self.observer().probe().clone()
    }

    /// Begins with nothing, before there is a stream. Keeps the last `samples` push times. Returns what the verdict was.
    pub fn start(&self, samples: usize, late_threshold: Nanos) -> Health {
        self.live.store(false, Ordering::Relaxed);
        self.ended_at.set(None);
        self.qos_events.store(0, Ordering::Relaxed);
        let observer = Observer::new(monotonic(), samples);
        observer.probe().set_late_threshold(late_threshold);
        *self.stream.borrow_mut() = Stream::new(observer.probe().clone());
        std::mem::replace(&mut *self.observer(), observer).judge().state()
    }

    /// Takes part in a pair, until the stream is over. After [`Self::start`], before there is a stream.
    pub fn join(&self, side: Side) {
        match side {
            Side::Start(_) => self.marks.store(true, Ordering::Relaxed),
            Side::End(_) => self.probe().become_end_of_pair(),
        }
        self.stream.borrow_mut().pair = Some(side);
    }

    /// The stream is over. The figures stay readable.
    pub fn stop(&self) {
        self.marks.store(false, Ordering::Relaxed);
        if let Ok(mut stream) = self.stream.try_borrow_mut() {
            stream.pair = None;
        }
        self.observer().stop(monotonic());
    }

    /// Starts counting anew.
    pub fn reset(&self) {
        self.qos_events.store(0, Ordering::Relaxed);
        self.observer().reset(monotonic());
    }

    /// The stream flows from now on.
    pub fn play(&self, around: Around) {
        let seen = self.surroundings(around);
        self.observer().play(monotonic(), seen);
    }

    /// The stream is halted.
    pub fn pause(&self) {
        self.set_pace(None);
        self.observer().probe().halt(monotonic());
    }

    pub fn is_playing(&self) -> bool {
        self.observer().probe().playing_since().is_some()
    }

    /// Whether anything has come.
    pub fn has_moved(&self) -> bool {
        self.probe().read(monotonic()).activity.is_some()
    }

    /// The counts as of now.
    pub fn counts(&self) -> Counts {
        self.probe().read(monotonic()).counts
    }

    pub fn set_pace(&self, pace: Option<Pace>) {
        let mut current = lock(&self.pace);
        if *current != pace {
            *current = pace;
            self.pace_version.fetch_add(1, Ordering::Release);
        }
    }

    pub fn set_live(&self, live: bool) {
        self.live.store(live, Ordering::Relaxed);
    }

    pub fn is_live(&self) -> bool {
        self.live.load(Ordering::Relaxed)
    }

    /// Whether buffers are to be marked before they arrive.
    #[inline]
    pub fn marks(&self) -> bool {
        self.marks.load(Ordering::Relaxed)
    }

    /// A buffer is about to arrive at the start of a pair. For the streaming thread.
    pub fn mark(&self, buffer: &mut gst::BufferRef) {
        if let Ok(mut stream) = self.stream.try_borrow_mut() {
            stream.mark(buffer);
        }
    }

    /// Buffers arrived, together. For the streaming thread.
    #[inline]
    pub fn arrive<'a>(&self, buffers: impl Iterator<Item = &'a gst::BufferRef>) {
        let now = monotonic();
        // Borrowed already only if downstream pushed into its own upstream; such a buffer passes uncounted.
        if let Ok(mut stream) = self.stream.try_borrow_mut() {
            let version = self.pace_version.load(Ordering::Acquire);
            stream.set_pace(version, || lock(&self.pace).clone());
            stream.arrive(now, buffers);
        }
    }

    /// The push of what arrived last has ended. For the streaming thread.
    #[inline]
    pub fn depart(&self, flow: Flow) {
        let now = monotonic();
        if let Ok(mut stream) = self.stream.try_borrow_mut() {
            stream.depart(now, flow);
        }
    }

    /// An event goes downstream out of or through `element`. Whether it is the end of the stream.
    pub fn downstream_event(&self, element: &gst::Element, event: &gst::EventRef) -> bool {
        // FLUSH_START comes from any thread while a buffer may be on its way; all that matter come in the streaming thread's turn.
        if event.is_serialized()
            && let Ok(mut stream) = self.stream.try_borrow_mut()
        {
            stream.event(element, event);
        }
        match event.type_() {
            gst::EventType::Eos => self.ended_at.set(Some(monotonic())),
            gst::EventType::StreamStart | gst::EventType::Segment | gst::EventType::FlushStop => {
                self.ended_at.set(None);
            }
            _ => {}
        }
        event.type_() == gst::EventType::Eos
    }

    /// An event goes upstream.
    pub fn upstream_event(&self, event: &gst::EventRef) {
        match event.view() {
            gst::EventView::Latency(latency) => self.observer().probe().set_latency(latency.latency().nseconds()),
            gst::EventView::Qos(qos) => {
                self.qos_events.fetch_add(1, Ordering::Relaxed);
                let (_, _, diff, timestamp) = qos.get();
                // What decoders and transforms make of it: late by `diff`, they skip ahead by twice that.
                if let Some(timestamp) = timestamp
                    && diff > 0
                {
                    let skip_until = timestamp.nseconds().saturating_add(diff.unsigned_abs().saturating_mul(2));
                    self.observer().probe().set_skip_until(skip_until);
                }
            }
            _ => {}
        }
    }

    fn surroundings(&self, around: Around) -> Surroundings {
        // Clocks have locks of their own.
        let pace = lock(&self.pace).clone();
        Surroundings {
            fill: around.fill,
            leaky: around.leaky,
            synced: around.synced,
            halted: around.halted,
            shut: around.shut,
            sparse: around.sparse,
            live: self.is_live(),
            paced: pace.is_some(),
            running_now: pace.map(|pace| pace.running_time()),
            sink_dropped: around.sink_dropped,
            ended: self.ended_at.get(),
        }
    }

    /// Judges. Whether an interval ended, and when the one under way will.
    pub fn look(&self, limits: &Limits, around: Around) -> (bool, Nanos) {
        let seen = self.surroundings(around);
        let mut observer = self.observer();
        (observer.look(monotonic(), limits, seen), observer.next_interval(limits))
    }

    /// The verdict, with its reasons.
    pub fn verdict(&self) -> (Health, Reasons) {
        let observer = self.observer();
        (observer.judge().state(), observer.judge().reasons())
    }

    /// The next verdict to tell of, with the time when counting began; see [`Observer::next_untold`].
    pub fn next_untold(&self, telling: bool) -> Option<(Change, Nanos)> {
        let mut observer = self.observer();
        observer.next_untold(telling).map(|change| (change, observer.started()))
    }

    /// All figures but those of the place and the watched queue's name and runs.
    pub fn reading(&self, around: Around) -> Reading {
        let seen = self.surroundings(around);
        let mut reading = self.observer().reading(monotonic(), seen);
        reading.qos_events = self.qos_events.load(Ordering::Relaxed);
        reading
    }
}
