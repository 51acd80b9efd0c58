//! The work beside the streams: looking at all of them ten times a second, judging, telling. It goes on while there is something to look at.

use std::any::Any;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use gst::prelude::*;

use super::halts::{Halt, Halts};
use super::report::{self, Report};
use super::slot::Tracked;
use super::tracer::CAT;
use crate::glue::health::figures;
use crate::glue::health::meter::Around;
use crate::glue::scheduler::{self, Job, JobGuard};
use crate::glue::stall::is_playing;
use crate::glue::topology::top_level;
use crate::logic::clock::{MILLISECOND, Nanos, SECOND, monotonic};
use crate::logic::health::observer::Limits;
use crate::logic::health::reading::Reading;
use crate::logic::health::verdict::Tolerance;
use crate::logic::sync::lock;
use crate::metrics::{self, Export, Source, Targets};

/// How often everything is looked at.
const PERIOD: Nanos = 100 * MILLISECOND;
/// From which lateness on a buffer counts as late.
pub(super) const LATE_THRESHOLD: Nanos = 20 * MILLISECOND;
/// As for `bufferhealth`.
const MAX_DROP_RATIO: f64 = 0.01;

/// What is looked after. Locks: one at a time, and none while anything is told.
#[derive(Debug, Default)]
pub(super) struct Watch {
    tracked: Mutex<Vec<Weak<Tracked>>>,
    /// Keeps the job going.
    job: Mutex<Option<JobGuard>>,
    halts: Mutex<Halts>,
    /// What cannot be done that the parameters ask for, until there is a bus to tell it on.
    complaints: Mutex<Vec<String>>,
    /// Where figures are shown, from the first look on.
    targets: Mutex<Targets>,
    export: Mutex<Option<Export>>,
    report: Mutex<Option<Report>>,
    /// Where it was last said that it should be.
    report_path: Mutex<Option<Option<String>>>,
    failure: Mutex<Option<String>>,
    interval: AtomicU64,
    stall_timeout: AtomicU64,
    /// Everything is being looked at.
    looking: AtomicBool,
}

/// Looks after a pad from now on. Called in its streaming thread, once.
pub(super) fn add(watch: &Arc<Watch>, tracked: &Arc<Tracked>) {
    lock(&watch.tracked).push(Arc::downgrade(tracked));
    let mut job = lock(&watch.job);
    if job.is_none() {
        match scheduler::start(Arc::new(Looks(watch.clone()))) {
            Ok(guard) => *job = Some(guard),
            Err(error) => gst::error!(CAT, "Cannot start the thread that watches the pipeline: {error}"),
        }
    }
}

impl Watch {
    pub fn set_times(&self, interval: Nanos, stall_timeout: Nanos) {
        self.interval.store(interval, Ordering::Relaxed);
        self.stall_timeout.store(stall_timeout, Ordering::Relaxed);
    }

    pub fn set_targets(&self, targets: Targets) {
        *lock(&self.targets) = targets;
    }

    /// Where a report is to be written. One that has begun is given up.
    pub fn set_report(&self, path: Option<&str>) {
        let path = path.filter(|path| !path.is_empty());
        if lock(&self.report_path).replace(path.map(str::to_owned)) == Some(path.map(str::to_owned)) {
            return;
        }
        let report = path.map(|path| Report::new(Path::new(path)));
        let report = report.and_then(|report| report.map_err(|why| self.complain(why)).ok());
        *lock(&self.report) = report;
    }

    /// A pipeline has failed: the first error counts.
    pub fn failed(&self, text: &str) {
        lock(&self.failure).get_or_insert_with(|| text.to_owned());
    }

    /// All streams are halted for the measurement, or go on. Writes the report when they are.
    pub fn pause_or_play(&self, play: bool) {
        for tracked in self.alive() {
            match play {
                true if tracked
                    .pad()
                    .and_then(|pad| pad.parent_element())
                    .is_some_and(|element| is_playing(&element)) =>
                {
                    tracked.meter.play(Around::default());
                }
                true => {}
                false => tracked.meter.pause(),
            }
        }
        if !play {
            let readings = report::readings(&self.alive());
            self.report(true, &readings);
        }
    }

    /// Takes figures for the report, and writes it now and then. One that cannot be written is given up.
    fn report(&self, end: bool, readings: &[(gst::Pad, Reading)]) {
        // Nobody waits for the file.
        let Some(mut report) = lock(&self.report).take() else { return };
        if !readings.is_empty() {
            report.sample(readings);
        }
        let failure = lock(&self.failure).clone();
        match report.write(end, failure) {
            Ok(()) => _ = lock(&self.report).get_or_insert(report),
            Err(why) => self.complain(why),
        }
    }

    /// Shows the figures where that was asked for, unless that is done already.
    fn show(self: &Arc<Self>) {
        if lock(&self.export).is_none() {
            let targets = Targets { interval: self.limits().interval_length(), ..lock(&self.targets).clone() };
            let source: Arc<dyn Source> = Arc::new(Shown(Arc::downgrade(self)));
            let export = metrics::export(&source, &targets);
            *lock(&self.export) = Some(export);
        }
    }

    /// Something that a parameter asks for cannot be done.
    pub fn complain(&self, complaint: String) {
        gst::error!(CAT, "{complaint}");
        lock(&self.complaints).push(complaint);
    }

    /// Looks no more. A look under way is waited for, since GStreamer may be about to end; but not for ever, since a bus handler may
    /// hold it up.
    pub fn end(&self) {
        let guard = lock(&self.job).take();
        let export = lock(&self.export).take();
        drop((guard, export));
        let patience = monotonic() + SECOND;
        while self.looking.load(Ordering::Acquire) && monotonic() < patience {
            std::thread::sleep(Duration::from_millis(1));
        }
        // Without figures: GStreamer may be ending, and what they are of be gone by halves.
        self.report(true, &[]);
    }

    /// Those that still are.
    fn alive(&self) -> Vec<Arc<Tracked>> {
        let mut tracked = lock(&self.tracked);
        tracked.retain(|tracked| tracked.strong_count() > 0);
        tracked.iter().filter_map(Weak::upgrade).collect()
    }

    /// All figures as of now.
    pub fn readings(&self) -> Vec<Reading> {
        self.alive().iter().filter_map(|tracked| tracked.reading()).collect()
    }

    fn limits(&self) -> Limits {
        Limits {
            interval: self.interval.load(Ordering::Relaxed),
            high_watermark: 0.90,
            low_watermark: 0.70,
            tolerance: Tolerance {
                stall_timeout: self.stall_timeout.load(Ordering::Relaxed),
                max_drop_ratio: MAX_DROP_RATIO,
            },
        }
    }

    fn look(&self) {
        let limits = self.limits();
        let mut pipelines = BTreeSet::new();
        for tracked in self.alive() {
            let Some(pad) = tracked.pad() else { continue };
            let Some(element) = pad.parent_element() else { continue };
            let halted = lock(&self.halts).is_halted(&pad);
            let around = Around { halted, ..tracked.around(&pad, &element) };
            tracked.meter.set_pace(tracked.pace(&element, around.synced));
            // A pad that has never had a buffer may never get one: what is pulled through it is not seen, and neither is what was not chosen.
            let limits = if tracked.meter.has_moved() { limits } else { limits.without_stalls() };
            tracked.meter.look(&limits, around);
            tell(&tracked, &pad, &element);
            pipelines.insert(top_level(&element));
        }
        self.tell_complaints(&pipelines);
        let timeout = self.stall_timeout.load(Ordering::Relaxed);
        let found = lock(&self.halts).look(monotonic(), timeout, pipelines);
        if let Some(report) = lock(&self.report).as_mut() {
            found.iter().for_each(|halt| report.stall(&halt.text(), halt.class()));
        }
        if lock(&self.report).is_some() {
            let readings = report::readings(&self.alive());
            self.report(false, &readings);
        }
        // Last, so that whoever ends the process now finds it in the report.
        found.into_iter().for_each(Halt::give);
    }

    fn tell_complaints(&self, pipelines: &BTreeSet<gst::Object>) {
        let Some(pipeline) = pipelines.iter().find_map(|top| top.downcast_ref::<gst::Element>()) else { return };
        // Not in the head of the loop, where the lock would be held until its end.
        let complaints = std::mem::take(&mut *lock(&self.complaints));
        for complaint in complaints {
            gst::element_warning!(pipeline, gst::LibraryError::Settings, ("{complaint}"), ["pipelinehealth"]);
        }
    }
}

/// Tells of the verdicts that have not been told yet: those of one thread, so they keep their order.
fn tell(tracked: &Tracked, pad: &gst::Pad, element: &gst::Element) {
    let mut telling = false;
    while let Some((change, started)) = tracked.meter.next_untold(telling) {
        telling = true;
        gst::info!(CAT, obj = pad, "{change:?}");
        let mut news = figures::state_message("pipelinehealth-state", &change, started);
        news.set("pad", pad.name().as_str());
        let _ = element.post_message(gst::message::Element::builder(news).src(element).build());
    }
}

/// Sets a flag as long as it lives, through a panic too.
struct Looking<'a>(&'a AtomicBool);

impl<'a> Looking<'a> {
    fn new(flag: &'a AtomicBool) -> Self {
        flag.store(true, Ordering::Release);
        Self(flag)
    }
}

impl Drop for Looking<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// What the thread that looks after things does again and again.
struct Looks(Arc<Watch>);

impl Job for Looks {
    fn run(&self) -> Option<Nanos> {
        let _looking = Looking::new(&self.0.looking);
        self.0.show();
        self.0.look();
        Some(monotonic() + PERIOD)
    }

    fn panicked(&self, panic: Box<dyn Any + Send>) {
        let what = panic.downcast_ref::<&str>().copied().unwrap_or("for an unknown reason");
        gst::error!(CAT, "The thread that watches the pipeline panicked: {what}. Nothing is judged any more.");
    }
}

/// The figures for the exporters.
struct Shown(Weak<Watch>);

impl Source for Shown {
    fn read(&self) -> Vec<Reading> {
        self.0.upgrade().map_or_else(Vec::new, |watch| watch.readings())
    }

    fn warn(&self, text: &str) {
        if let Some(watch) = self.0.upgrade() {
            watch.complain(text.into());
        }
    }
}
