//! The elements around: the queue that is watched, and whether a sink waits for the clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::element::{BufferHealth, CAT};
use super::settings::Settings;
use crate::glue::health::queues;
use crate::glue::topology::is_clocked;
use crate::logic::clock::{Nanos, SECOND, monotonic};

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
    /// The sinks downstream, and whether one of them waits for the clock.
    sinks: Vec<glib::WeakRef<gst::Element>>,
    synced: bool,
    /// Streams are put one after the other downstream.
    pub sequenced: bool,
    searched_at: Nanos,
    /// The name in `watch` that no queue has, reported once.
    not_found: Option<String>,
    pub runs: Arc<Runs>,
}

impl Neighbours {
    pub fn queue(&self) -> Option<gst::Element> {
        self.watched.as_ref().and_then(|watched| watched.queue.upgrade())
    }

    pub fn sinks(&self) -> Vec<gst::Element> {
        self.sinks.iter().filter_map(glib::WeakRef::upgrade).collect()
    }

    pub fn synced(&self) -> bool {
        self.synced
    }
}

impl BufferHealth {
    /// Looks for the elements around, if the last search is too long ago.
    pub(super) fn search_now_and_then(&self, settings: &Settings) {
        if monotonic() >= self.neighbours().searched_at.saturating_add(SEARCH_PERIOD) {
            self.search(settings);
        }
    }

    /// Finds the queue to watch and whether there is a sink that waits for the clock.
    pub(super) fn search(&self, settings: &Settings) {
        let obj = self.obj();
        let queue = match settings.watch.as_deref().filter(|name| !name.is_empty()) {
            Some(name) => queues::queue_called(name, &*obj),
            None => queues::queue_upstream(&self.sinkpad),
        };
        let missing = settings.watch.clone().filter(|name| !name.is_empty() && queue.is_none());
        let sinks = queues::sinks_downstream(&self.srcpad);
        let synced = sinks.iter().any(is_clocked);
        let sequenced = queues::is_sequenced(&self.srcpad);

        let mut neighbours = self.neighbours();
        neighbours.synced = synced;
        neighbours.sequenced = sequenced;
        neighbours.sinks = sinks.iter().map(ObjectExt::downgrade).collect();
        neighbours.searched_at = monotonic();
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
