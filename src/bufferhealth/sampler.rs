//! The work beside the stream, at regular intervals: looking at the surroundings, judging, telling.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::element::{BufferHealth, CAT};
use super::settings::{PairRole, PostMessages, Settings};
use crate::glue::health::meter::Around;
use crate::glue::health::pairs::{self, Role, Side};
use crate::glue::health::stream::Pace;
use crate::glue::health::{figures, queues};
use crate::glue::scheduler::{self, Job};
use crate::logic::clock::{MILLISECOND, Nanos, monotonic};
use crate::logic::health::counters::Count;
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
        self.neighbours().runs.reset();
        self.meter.reset();
        figures
    }

    pub(super) fn start(&self) -> Result<(), gst::StateChangeError> {
        let settings = self.settings().clone();
        if let Some(contradiction) = settings.contradiction() {
            gst::element_imp_error!(self, gst::LibraryError::Settings, ("{contradiction}"));
            return Err(gst::StateChangeError);
        }
        let before = self.meter.start(settings.latency_samples as usize, settings.late_threshold);
        if before != Health::Starting {
            ["state", "reasons", "healthy"].iter().for_each(|name| self.obj().notify(name));
        }
        self.join_pair(&settings);
        self.start_sampling()?;
        self.start_export(&settings);
        Ok(())
    }

    /// Takes part in the pair, if there is to be one. One probe too many measures everything but that.
    fn join_pair(&self, settings: &Settings) {
        self.told_alone.store(false, Ordering::Relaxed);
        let Some(id) = settings.pair() else { return };
        let (role, name) = match settings.pair_role {
            PairRole::Start => (Role::Start, "start"),
            PairRole::End => (Role::End, "end"),
        };
        match Side::join(id, role) {
            Some(side) => self.meter.join(side),
            None => gst::element_imp_warning!(
                self,
                gst::LibraryError::Settings,
                ("Another bufferhealth is the {name} of the pair \"{id}\" already, so this one measures no latency. Give each pair \
                  in this program an id of its own.")
            ),
        }
    }

    /// Says once that the other probe of the pair is missing: mostly one of the two ids is mistyped.
    fn tell_if_alone(&self, settings: &Settings) {
        let Some(id) = settings.pair().filter(|_| settings.pair_role == PairRole::End) else { return };
        let counts = self.meter.counts();
        let is_alone = counts[Count::PairUnmatched] > 0 && counts[Count::PairMatched] == 0 && !pairs::has_start(id);
        if is_alone && !self.told_alone.swap(true, Ordering::Relaxed) {
            gst::element_imp_warning!(
                self,
                gst::LibraryError::Settings,
                ("No bufferhealth is the start of the pair \"{id}\", so this one measures no latency. Give another one, upstream of it, \
                  pair-id={id}.")
            );
        }
    }

    pub(super) fn stop(&self) {
        self.stop_export();
        self.stop_sampling();
        self.meter.stop();
        let unread = self.last_stats().take();
        drop(unread);
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
        self.meter.set_pace(self.find_pace());
        self.meter.play(self.around());
    }

    /// The stream is halted.
    pub(super) fn pause(&self) {
        self.meter.pause();
    }

    /// Looks at everything once, and says when to do so again.
    fn sample(&self) -> Nanos {
        let settings = self.usable_settings();
        self.search_now_and_then(&settings);
        let pace = if self.meter.is_playing() { self.find_pace() } else { None };
        self.meter.set_pace(pace);
        let (interval_ended, next_interval) = self.meter.look(&settings.limits(), self.around());
        self.tell(&settings);
        self.tell_if_alone(&settings);
        if interval_ended && settings.post_messages == PostMessages::Interval {
            self.post_stats();
        }
        next_interval.min(monotonic() + PERIOD)
    }

    /// Judges at once instead of at the next sample: the stream ends.
    pub(super) fn conclude(&self) {
        let settings = self.usable_settings();
        self.meter.look(&settings.limits(), self.around());
        self.tell(&settings);
    }

    pub(super) fn around(&self) -> Around {
        let (queue, sinks, synced) = {
            let neighbours = self.neighbours();
            (neighbours.queue(), neighbours.sinks(), neighbours.synced())
        };
        Around {
            fill: queue.as_ref().and_then(queues::fill),
            leaky: queue.as_ref().is_some_and(queues::leaks),
            synced,
            sink_dropped: Some(sinks.iter().map(queues::dropped_by).sum()),
            shut: queues::is_shut(&self.srcpad),
            sparse: queues::is_rare(&self.srcpad),
            halted: false,
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
        if !self.meter.is_live() && !self.neighbours().synced() {
            return None;
        }
        let sequenced = self.neighbours().sequenced;
        Some(Pace { clock: obj.clock()?, base_time: obj.base_time()?, sequenced })
    }

    /// Tells of the verdicts that have not been told yet.
    fn tell(&self, settings: &Settings) {
        let mut telling = false;
        while let Some((change, started)) = self.meter.next_untold(telling) {
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
            let mut structure = figures::state_message("bufferhealth-state", change, started);
            if change.new == Health::Stalled
                && let Some(task) = queues::paused_task_upstream(&self.sinkpad)
            {
                structure.set("paused-task", task);
            }
            let _ = obj.post_message(gst::message::Element::builder(structure).src(&*obj).build());
        }
    }

    /// Posts the figures, unless nobody has read the last ones: a bus that nobody empties must not fill up.
    fn post_stats(&self) {
        let unread = self.last_stats().as_mut().is_some_and(|last| last.get_mut().is_none());
        if unread {
            gst::log!(CAT, imp = self, "The last figures are unread");
            return;
        }
        let obj = self.obj();
        let mut figures = self.stats();
        figures.set_name("bufferhealth-stats");
        let message = gst::message::Element::builder(figures).src(&*obj).build();
        *self.last_stats() = Some(message.clone());
        let _ = obj.post_message(message);
    }
}
