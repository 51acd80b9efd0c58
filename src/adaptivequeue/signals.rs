//! The signals of `queue`, and notifications of its level.

use std::sync::LazyLock;
use std::sync::atomic::Ordering;

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::element::AdaptiveQueue;
use crate::logic::queue::levels::Level;

const NAMES: [&str; 4] = ["underrun", "running", "overrun", "pushing"];

pub(super) static SIGNALS: LazyLock<Vec<glib::subclass::Signal>> =
    LazyLock::new(|| NAMES.map(|name| glib::subclass::Signal::builder(name).run_first().build()).into());

/// The ids of the signals. Looked up only by an element, whose class has made them.
static IDS: LazyLock<Vec<(&'static str, glib::subclass::SignalId)>> = LazyLock::new(|| {
    let type_ = super::AdaptiveQueue::static_type();
    NAMES.into_iter().filter_map(|name| Some((name, glib::subclass::SignalId::lookup(name, type_)?))).collect()
});

impl AdaptiveQueue {
    pub(super) fn emit(&self, signal: &'static str) {
        if self.hot.silent.load(Ordering::Relaxed) {
            return;
        }
        // Emitting to nobody costs ten times what asking does.
        let obj = self.obj();
        let id = IDS.iter().find(|(name, _)| *name == signal).expect("only names of signals are emitted").1;
        if glib::signal::signal_has_handler_pending(&*obj, id, None, false) {
            obj.emit::<()>(id, &[]);
        }
    }

    /// The level, if somebody wants to be notified of changes to it.
    pub(super) fn level_to_notify(&self) -> Option<Level> {
        self.hot.notify_levels.load(Ordering::Relaxed).then(|| self.handoff.level())
    }

    /// Notifies of each dimension in which the level differs from `before`, if that is wanted.
    pub(super) fn notify_level(&self, before: Option<Level>) {
        let Some(before) = before else { return };
        let now = self.handoff.level();
        let obj = self.obj();
        for (changed, name) in [
            (before.buffers != now.buffers, "current-level-buffers"),
            (before.bytes != now.bytes, "current-level-bytes"),
            (before.time != now.time, "current-level-time"),
        ] {
            if changed {
                obj.notify(name);
            }
        }
    }
}
