//! The object behind `pipelinehealth`: its parts and their locks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, OnceLock};

use super::selection::Selection;
use super::watch::Watch;
use crate::logic::clock::{Nanos, SECOND};
use crate::logic::sync::lock;
use crate::metrics::Targets;

pub(super) static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new("pipelinehealth", gst::DebugColorFlags::empty(), Some("Measurement of whole pipelines"))
});

/// One tracer in the process measures; a second one would count everything twice.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// What is set by the parameters in `GST_TRACERS`.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub include: Option<String>,
    pub exclude: Option<String>,
    pub interval: Nanos,
    pub stall_timeout: Nanos,
    pub port: u32,
    pub textfile: Option<String>,
    pub report: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            include: None,
            exclude: None,
            interval: SECOND,
            stall_timeout: 5 * SECOND,
            port: 0,
            textfile: None,
            report: None,
        }
    }
}

/// The tracer. The streaming threads take none of its locks but that of `selection`, once for each pad.
pub(crate) struct PipelineHealth {
    settings: Mutex<Settings>,
    /// Which elements are measured, once the first buffer flows.
    selection: OnceLock<Selection>,
    /// Whether it measures at the moment.
    pub(super) active: AtomicBool,
    /// It is the one in the process.
    pub(super) first: bool,
    pub(super) watch: Arc<Watch>,
}

impl Default for PipelineHealth {
    fn default() -> Self {
        Self {
            settings: Mutex::default(),
            selection: OnceLock::new(),
            active: AtomicBool::new(true),
            first: !TAKEN.swap(true, Ordering::Relaxed),
            watch: Arc::default(),
        }
    }
}

impl Drop for PipelineHealth {
    fn drop(&mut self) {
        if self.first {
            TAKEN.store(false, Ordering::Relaxed);
        }
    }
}

impl Settings {
    /// Where figures are to be shown.
    pub fn targets(&self) -> Targets {
        Targets {
            prometheus: if self.port > 0 { self.port.to_string() } else { String::new() },
            textfile: self.textfile.clone().unwrap_or_default(),
            ..Targets::default()
        }
    }
}

impl PipelineHealth {
    pub(super) fn settings(&self) -> MutexGuard<'_, Settings> {
        lock(&self.settings)
    }

    /// Measures, or does not for a while: that is a pause for all streams. The report is written when it ends.
    pub(super) fn switch(&self, on: bool) {
        if self.active.swap(on, Ordering::Relaxed) != on {
            self.watch.pause_or_play(on);
        }
    }

    /// Hands them to the thread that looks. Where figures are shown is settled at its first look.
    pub(super) fn apply(&self, settings: &Settings) {
        self.watch.set_times(settings.interval, settings.stall_timeout);
        self.watch.set_targets(settings.targets());
        self.watch.set_report(settings.report.as_deref());
    }

    /// Whether an element of that name is measured. What is wrong with the patterns is told of the first time.
    pub(super) fn selects(&self, name: &str) -> bool {
        let selection = self.selection.get_or_init(|| {
            let settings = self.settings().clone();
            let text = |value: &Option<String>| value.clone().unwrap_or_default();
            let (selection, complaints) = Selection::new(&text(&settings.include), &text(&settings.exclude));
            complaints.into_iter().for_each(|complaint| self.watch.complain(complaint));
            selection
        });
        selection.has(name)
    }
}
