//! The work beside the stream, at regular intervals: looking at the surroundings, judging, telling.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::element::{BufferHealth, CAT};
use super::observer::{Observer, Surroundings};
use super::pads::{Pace, Stream};
use super::scheduler::{self, Job};
use super::settings::{PostMessages, Settings};
use super::{stats, topology};
use crate::logic::clock::{MILLISECOND, Nanos, monotonic};
use crate::logic::health::verdict::{Change, Health};

/// How often the watched queue is looked at, and a stall is looked for.
const PERIOD: Nanos = 100 * MILLISECOND;

/// The scheduler's job for one element.
struct Sampler(glib::WeakRef<super::BufferHealth>);

impl Job for Sampler {
    fn run(&self) -> Option<Nanos> {
        Some(self.0.upgrade()?.imp().sample())
    }

    fn panicked(&self, panic: Box<dyn Any + Send>) {
        if let Some(element) = self.0.upgrade() {
            gst::subclass::post_panic_error_message(element.upcast_ref(), element.upcast_ref(), Some(panic));
        }
    }
}

impl BufferHealth {
    /// Returns the figures so far and starts counting anew.
    pub(super) fn reset(&self) -> gst::Structure {
        gst::info!(CAT, imp = self, "Reset");
        let figures = self.stats();
        self.qos_events.store(0, Ordering::Relaxed);
        self.neighbours().runs.reset();
        self.observer().reset(monotonic());
        figures
    }

    pub(super) fn start(&self) -> Result<(), gst::StateChangeError> {
        let settings = self.settings().clone();
        if let Some(contradiction) = settings.contradiction() {
            gst::element_imp_error!(self, gst::LibraryError::Settings, ("{contradiction}"));
            return Err(gst::StateChangeError);
        }
        self.live.store(false, Ordering::Relaxed);
        self.ended_at.set(None);
        self.qos_events.store(0, Ordering::Relaxed);
        let observer = Observer::new(monotonic(), settings.latency_samples as usize);
        observer.probe.set_late_threshold(settings.late_threshold);
        *self.stream.borrow_mut() = Stream::new(observer.probe.clone());
        let old = std::mem::replace(&mut *self.observer(), observer);
        if !matches!(old.judge.state(), Health::Starting) {
            ["state", "reasons", "healthy"].iter().for_each(|name| self.obj().notify(name));
        }
        self.start_sampling()
    }

    pub(super) fn stop(&self) {
        self.stop_sampling();
        self.observer().stop(monotonic());
    }

    /// Has this element sampled from now on.
    fn start_sampling(&self) -> Result<(), gst::StateChangeError> {
        let job = Arc::new(Sampler(self.obj().downgrade()));
        let guard = scheduler::start(job).map_err(|error| {
            gst::element_imp_error!(
                self,
                gst::CoreError::Thread,
                ("Cannot start the thread that watches the stream: {error}. End other programs or raise the limit on threads.")
            );
            gst::StateChangeError
        })?;
        *self.job() = Some(guard);
        Ok(())
    }

    /// Ends the sampling, and lets go of other elements.
    fn stop_sampling(&self) {
        let guard = self.job().take();
        drop(guard);
        let neighbours = std::mem::take(&mut *self.neighbours());
        drop(neighbours);
    }

    /// The stream flows from now on.
    pub(super) fn play(&self) {
        let settings = self.settings().clone();
        self.search(&settings);
        self.set_pace(self.find_pace());
        let seen = self.surroundings();
        self.observer().play(monotonic(), seen);
    }

    /// The stream is halted.
    pub(super) fn pause(&self) {
        self.set_pace(None);
        self.observer().probe.set_playing(None);
    }

    /// Looks at everything once, and says when to do so again.
    fn sample(&self) -> Nanos {
        let settings = self.usable_settings();
        self.search_now_and_then(&settings);
        let playing = self.observer().probe.playing_since().is_some();
        self.set_pace(if playing { self.find_pace() } else { None });
        let seen = self.surroundings();
        let time = monotonic();
        let mut observer = self.observer();
        let interval_ended = observer.look(time, &settings, seen);
        let next = observer.next_interval(&settings).min(time + PERIOD);
        drop(observer);
        self.tell(&settings);
        if interval_ended && settings.post_messages == PostMessages::Interval {
            self.post_stats();
        }
        next
    }

    /// Judges at once instead of at the next sample: the stream ends.
    pub(super) fn conclude(&self) {
        let settings = self.usable_settings();
        let seen = self.surroundings();
        self.observer().look(monotonic(), &settings, seen);
        self.tell(&settings);
    }

    fn surroundings(&self) -> Surroundings {
        let queue = self.neighbours().queue();
        Surroundings {
            fill: queue.as_ref().and_then(topology::fill),
            leaky: queue.as_ref().is_some_and(topology::leaks),
            live: self.live.load(Ordering::Relaxed),
            paced: self.pace().is_some(),
            ended: self.ended_at.get(),
        }
    }

    /// The settings; watermarks that contradict each other since they were changed in flight are refused, with a warning.
    fn usable_settings(&self) -> Settings {
        let mut settings = self.settings();
        let refused = settings.contradiction();
        if refused.is_some() {
            let Settings { high_watermark, low_watermark, .. } = Settings::default();
            (settings.high_watermark, settings.low_watermark) = (high_watermark, low_watermark);
        }
        let usable = settings.clone();
        drop(settings);
        if let Some(contradiction) = refused {
            gst::element_imp_warning!(self, gst::LibraryError::Settings, ("{contradiction} The defaults are used."));
            self.obj().notify("high-watermark");
            self.obj().notify("low-watermark");
        }
        usable
    }

    /// The pace to compare arrivals with: the pipeline's clock, where something follows it.
    fn find_pace(&self) -> Option<Pace> {
        let obj = self.obj();
        if !self.live.load(Ordering::Relaxed) && !self.neighbours().synced() {
            return None;
        }
        Some(Pace { clock: obj.clock()?, base_time: obj.base_time()? })
    }

    /// Tells of the verdicts that have not been told yet.
    fn tell(&self, settings: &Settings) {
        let mut telling = false;
        loop {
            let (change, started) = {
                let mut observer = self.observer();
                (observer.next_untold(telling), observer.started)
            };
            let Some(change) = change else { return };
            telling = true;
            self.tell_change(&change, started, settings);
        }
    }

    fn tell_change(&self, change: &Change, started: Nanos, settings: &Settings) {
        let obj = self.obj();
        gst::info!(CAT, imp = self, "{change:?}");
        if change.old != change.new {
            obj.notify("state");
        }
        obj.notify("reasons");
        obj.notify("healthy");
        if settings.post_messages != PostMessages::None {
            let structure = stats::state_message(change, started);
            let _ = obj.post_message(gst::message::Element::builder(structure).src(&*obj).build());
        }
    }

    /// Posts the figures, unless nobody has read the last ones: a bus that nobody empties must not fill up.
    fn post_stats(&self) {
        let unread = self.observer().last_stats.as_mut().is_some_and(|last| last.get_mut().is_none());
        if unread {
            gst::log!(CAT, imp = self, "The last figures are unread");
            return;
        }
        let obj = self.obj();
        let mut figures = self.stats();
        figures.set_name("bufferhealth-stats");
        let message = gst::message::Element::builder(figures).src(&*obj).build();
        self.observer().last_stats = Some(message.clone());
        let _ = obj.post_message(message);
    }
}
