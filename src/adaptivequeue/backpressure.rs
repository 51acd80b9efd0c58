//! Back-pressure as a state that is told of.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::element::AdaptiveQueue;
use crate::logic::backpressure::{Episodes, Transition};
use crate::logic::clock::monotonic;
use crate::logic::queue::levels::Level;
use crate::logic::queue::watermark::{HIGH, LEAST_BETWEEN_EPISODES, LOW, contradiction, zone};
use crate::logic::sync::lock;

/// The state, and transitions that are still to be told. They are told in order, by one thread at a time and without a lock.
#[derive(Debug, Default)]
pub(super) struct Backpressure {
    active: AtomicBool,
    telling: Mutex<Telling>,
}

#[derive(Debug)]
struct Telling {
    episodes: Episodes,
    /// With the fill at each.
    untold: VecDeque<(Transition, f64)>,
    /// A thread is at it.
    busy: bool,
}

impl Default for Telling {
    fn default() -> Self {
        Self { episodes: Episodes::spaced(LEAST_BETWEEN_EPISODES), untold: VecDeque::new(), busy: false }
    }
}

impl Backpressure {
    pub fn active(&self) -> bool {
        self.active.load(Ordering::Relaxed)
    }

    /// How many episodes began.
    pub fn episodes(&self) -> u64 {
        lock(&self.telling).episodes.count()
    }
}

impl AdaptiveQueue {
    /// Watermarks that contradict each other do not let the element start.
    pub(super) fn refuse_crossed_marks(&self) -> Result<(), gst::StateChangeError> {
        let (high, low) = self.hot.marks();
        let Some(contradiction) = contradiction(high, low) else { return Ok(()) };
        gst::element_imp_error!(self, gst::LibraryError::Settings, ("{contradiction}"));
        Err(gst::StateChangeError)
    }

    /// The watermarks; ones that contradict each other since they were changed in flight are refused, with a warning.
    pub(super) fn usable_marks(&self) -> (f64, f64) {
        let (high, low) = self.hot.marks();
        let Some(contradiction) = contradiction(high, low) else { return (high, low) };
        self.hot.set_high(HIGH);
        self.hot.set_low(LOW);
        self.set_marks();
        gst::element_imp_warning!(self, gst::LibraryError::Settings, ("{contradiction} The defaults are used."));
        self.obj().notify("high-watermark");
        self.obj().notify("low-watermark");
        (HIGH, LOW)
    }

    #[cold]
    pub(super) fn update_backpressure(&self, level: &Level, limits: &Level) {
        let (high, low) = self.usable_marks();
        let mut telling = lock(&self.backpressure.telling);
        if let Some(transition) = telling.episodes.update(monotonic(), zone(level, limits, high, low)) {
            self.backpressure.active.store(transition.active, Ordering::Relaxed);
            telling.untold.push_back((transition, level.fill(limits)));
        }
        if std::mem::replace(&mut telling.busy, true) {
            return;
        }
        while let Some((Transition { active, duration, episode }, fill)) = telling.untold.pop_front() {
            drop(telling);
            self.obj().notify("backpressure");
            let structure = gst::Structure::builder("adaptivequeue-backpressure")
                .field("active", active)
                .field("fill", fill)
                .field("duration", duration)
                .field("episode", episode)
                .build();
            let obj = self.obj();
            // Refused only by an element without a bus, which has nobody to tell.
            let _ = obj.post_message(gst::message::Element::builder(structure).src(&*obj).build());
            telling = lock(&self.backpressure.telling);
        }
        telling.busy = false;
    }
}
