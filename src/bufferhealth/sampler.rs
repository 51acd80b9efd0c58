//! What happens beside the stream: looking at the surroundings, judging, telling.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::imp::{BufferHealth, CAT, now};
use super::observer::Surroundings;
use super::pads::Pace;
use super::properties::{PostMessages, Settings};
use super::scheduler::{self, Job};
use super::{stats, topology};
use crate::logic::clock::{MILLISECOND, Nanos, SECOND};
use crate::logic::health::verdict::Change;

/// How often the watched queue is looked at, and a stall is looked for.
const PERIOD: Nanos = 100 * MILLISECOND;
/// How often elements around are looked for: pipelines change seldom.
const SEARCH_PERIOD: Nanos = SECOND;
/// How often a queue ran full and empty: counted in its own threads.
#[derive(Debug, Default)]
pub(super) struct Runs {
    pub over: AtomicU64,
    pub under: AtomicU64,
}

impl Runs {
    pub fn reset(&self) {
        [&self.over, &self.under].iter().for_each(|count| count.store(0, Ordering::Relaxed));
    }
}

/// The watched queue.
#[derive(Debug)]
struct Watched {
    queue: glib::WeakRef<gst::Element>,
    handlers: Vec<glib::SignalHandlerId>,
}

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(queue) = self.queue.upgrade() {
            self.handlers.drain(..).for_each(|handler| queue.disconnect(handler));
        }
    }
}

/// The elements around, as last found.
#[derive(Debug, Default)]
pub(super) struct Neighbours {
    watched: Option<Watched>,
    /// A sink downstream waits for the clock.
    synced: bool,
    searched_at: Nanos,
    /// The name in `watch` that no queue has: told of once.
    not_found: Option<String>,
    pub runs: Arc<Runs>,
}

impl Neighbours {
    pub fn queue(&self) -> Option<gst::Element> {
        self.watched.as_ref().and_then(|watched| watched.queue.upgrade())
    }

    pub fn synced(&self) -> bool {
        self.synced
    }
}

/// The job of the monitor for one element.
struct Ticking(glib::WeakRef<super::BufferHealth>);

impl Job for Ticking {
    fn run(&self) -> Option<Nanos> {
        Some(self.0.upgrade()?.imp().tick())
    }

    fn panicked(&self, panic: Box<dyn Any + Send>) {
        if let Some(element) = self.0.upgrade() {
            gst::subclass::post_panic_error_message(element.upcast_ref(), element.upcast_ref(), Some(panic));
        }
    }
}

impl BufferHealth {
    /// Has the monitor look after this element.
    pub(super) fn watch(&self) -> Result<(), gst::StateChangeError> {
        let job = Arc::new(Ticking(self.obj().downgrade()));
        let ticket = scheduler::start(job).map_err(|error| {
            gst::element_imp_error!(
                self,
                gst::CoreError::Thread,
                ("Cannot start the thread that watches the stream: {error}. End other programs or raise the limit on threads.")
            );
            gst::StateChangeError
        })?;
        *self.ticket() = Some(ticket);
        Ok(())
    }

    /// Ends that, and lets go of other elements.
    pub(super) fn unwatch(&self) {
        let ticket = self.ticket().take();
        drop(ticket);
        let neighbours = std::mem::take(&mut *self.neighbours());
        drop(neighbours);
    }

    /// The stream flows from now on.
    pub(super) fn play(&self) {
        let settings = self.settings().clone();
        self.search(&settings);
        self.set_pace(self.find_pace());
        let seen = self.surroundings();
        self.observer().play(now(), seen);
    }

    /// The stream is halted.
    pub(super) fn pause(&self) {
        self.set_pace(None);
        self.observer().probe.set_playing(None);
    }

    /// Looks at everything once. When to do so again.
    fn tick(&self) -> Nanos {
        let settings = self.usable_settings();
        if now() >= self.neighbours().searched_at.saturating_add(SEARCH_PERIOD) {
            self.search(&settings);
        }
        let playing = self.observer().probe.playing_since().is_some();
        self.set_pace(if playing { self.find_pace() } else { None });
        let seen = self.surroundings();
        let time = now();
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

    /// Judges at once instead of at the next tick: the stream ends.
    pub(super) fn conclude(&self) {
        let settings = self.usable_settings();
        let seen = self.surroundings();
        self.observer().look(now(), &settings, seen);
        self.tell(&settings);
    }

    fn surroundings(&self) -> Surroundings {
        let queue = self.neighbours().queue();
        Surroundings {
            fill: queue.as_ref().and_then(topology::fill),
            leaky: queue.as_ref().is_some_and(topology::leaks),
            live: self.live.load(Ordering::Relaxed),
            paced: self.pace().is_some(),
            ended: self.ended(),
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

    /// Finds the queue to watch and whether there is a sink that waits for the clock.
    fn search(&self, settings: &Settings) {
        let obj = self.obj();
        let queue = match settings.watch.as_deref().filter(|name| !name.is_empty()) {
            Some(name) => topology::queue_called(name, &*obj),
            None => topology::queue_upstream(&self.sinkpad),
        };
        let missing = settings.watch.clone().filter(|name| !name.is_empty() && queue.is_none());
        let synced = topology::synced_downstream(&self.srcpad);

        let mut neighbours = self.neighbours();
        neighbours.synced = synced;
        neighbours.searched_at = now();
        let news = missing.is_some() && missing != neighbours.not_found;
        neighbours.not_found = missing.clone();
        let same = neighbours.queue() == queue;
        let before = if same { None } else { neighbours.watched.take() };
        let runs = neighbours.runs.clone();
        drop(neighbours);
        drop(before);

        if !same {
            let watched = queue.map(|queue| {
                gst::debug!(CAT, imp = self, "Watching {}", queue.name());
                let handlers = connect(&queue, &runs);
                Watched { queue: queue.downgrade(), handlers }
            });
            let before = std::mem::replace(&mut self.neighbours().watched, watched);
            drop(before);
        }
        if news && let Some(name) = missing {
            gst::element_imp_warning!(
                self,
                gst::ResourceError::NotFound,
                ("There is no queue called \"{name}\" to watch. Set watch to the name of an element with current-level \
                     properties, or leave it unset.")
            );
        }
    }

    /// What arrivals can be compared with: the pipeline's clock, where something follows it.
    fn find_pace(&self) -> Option<Pace> {
        let obj = self.obj();
        if !self.live.load(Ordering::Relaxed) && !self.neighbours().synced() {
            return None;
        }
        Some(Pace { clock: obj.clock()?, base_time: obj.base_time()? })
    }

    /// Tells of the verdicts that nobody has been told of.
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

/// Counts how often a queue runs full and empty, if it says so.
fn connect(queue: &gst::Element, runs: &Arc<Runs>) -> Vec<glib::SignalHandlerId> {
    let says = |name| glib::subclass::signal::SignalId::lookup(name, queue.type_()).is_some();
    let connect = |name, count: fn(&Runs) -> &AtomicU64| {
        let runs = runs.clone();
        says(name).then(|| {
            queue.connect(name, false, move |_| {
                count(&runs).fetch_add(1, Ordering::Relaxed);
                None
            })
        })
    };
    [connect("overrun", |runs| &runs.over), connect("underrun", |runs| &runs.under)].into_iter().flatten().collect()
}
