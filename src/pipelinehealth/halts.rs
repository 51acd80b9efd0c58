//! Why a pipeline of any elements hangs: the threads of its pads' tasks that stand still, weighed as `adaptivequeue` weighs its own.

use std::collections::{BTreeSet, HashMap};

use gst::glib;
use gst::prelude::*;

use super::slot;
use super::tracer::CAT;
use crate::glue::health::queues;
use crate::glue::stall::{
    Evidence, Finding, Halted, Kind, Reason, StallReport, Survey, Waiting, has_task, inside, is_held, is_prerolling,
    is_running,
};
use crate::glue::topology::{inner_links, real_peer, top_level};
use crate::logic::clock::{MILLISECOND, Nanos};
use crate::logic::health::counters::Count;
use crate::logic::queue::levels::Level;
use crate::logic::stall::detector::{Class, Observation, PATIENCE, Rules, StallDetector, Verdict};
use crate::logic::stall::waits::Hope;

/// How far apart looks at one thread are.
const LOOK_INTERVAL: Nanos = 200 * MILLISECOND;
/// The threads of the process are looked at once something has stood still for this long.
const WATCH_AFTER: Nanos = 250 * MILLISECOND;

/// Remembers what stood still at the last look.
#[derive(Debug, Default)]
pub(super) struct Halts {
    suspects: HashMap<gst::Pad, Suspect>,
    evidence: Evidence,
    next_look: Nanos,
}

/// The task of a pad.
#[derive(Debug, Default)]
struct Suspect {
    detector: StallDetector,
    /// What had passed its pads when it was last looked at.
    passed: u64,
    /// It has been told that it is a stall.
    told: bool,
    /// The pads that data would pass if it went on, and the tasks that would bring it, once it has been found to be a halt.
    halted: Vec<glib::WeakRef<gst::Pad>>,
}

/// What a task's thread waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    /// It does not come back from downstream, and somebody waits for that.
    Downstream,
    /// It does not come back from downstream, and nobody has to wait for that yet.
    DownstreamAlone,
    /// Nothing comes to it.
    Upstream,
}

/// A halt to tell of.
#[derive(Debug)]
pub(super) struct Halt {
    element: gst::Element,
    report: StallReport,
}

impl Halts {
    /// Looks at the pipelines that are measured. What there is to tell is returned, so that no lock is held meanwhile.
    pub fn look(&mut self, now: Nanos, timeout: Nanos, pipelines: BTreeSet<gst::Object>) -> Vec<Halt> {
        if timeout == 0 || now < self.next_look {
            return Vec::new();
        }
        self.next_look = now + LOOK_INTERVAL;
        let stands = self.suspects.values().any(|suspect| suspect.detector.still() >= WATCH_AFTER);
        self.evidence.follow_threads(stands);
        let mut halts = Vec::new();
        let mut seen = Vec::new();
        for top in pipelines.iter().filter(|top| is_running(top)) {
            let tasks: Vec<gst::Pad> = inside(top).iter().flat_map(|element| element.pads()).filter(has_task).collect();
            // A queue that is full has more to tell than whoever waits for it.
            let full: Vec<gst::Pad> = tasks.iter().filter(|task| is_full(task)).cloned().collect();
            for task in tasks {
                halts.extend(self.look_at(now, timeout, &task, top, &full));
                seen.push(task);
            }
        }
        self.suspects.retain(|task, _| seen.contains(task));
        halts
    }

    /// Whether data would come out of this source pad if a halt that was found went on.
    pub fn is_halted(&self, pad: &gst::Pad) -> bool {
        let halted = || self.suspects.values().flat_map(|suspect| &suspect.halted);
        if halted().next().is_none() {
            return false;
        }
        let ends = [Some(pad.clone()), real_peer(pad)];
        halted().filter_map(glib::WeakRef::upgrade).any(|other| ends.contains(&Some(other)))
    }

    fn look_at(
        &mut self,
        now: Nanos,
        timeout: Nanos,
        task: &gst::Pad,
        top: &gst::Object,
        full: &[gst::Pad],
    ) -> Option<Halt> {
        let element = task.parent_element()?;
        let suspect = self.suspects.entry(task.clone()).or_default();
        let passed = passed(task, &element);
        if std::mem::replace(&mut suspect.passed, passed) != passed {
            *suspect = Suspect { passed, ..Suspect::default() };
            return None;
        }
        let survey = Survey::of_task(task);
        let finding = survey.finding();
        let side = side(task, &element, &survey);
        let concerns = match side {
            Side::Downstream => true,
            Side::DownstreamAlone => is_prerolling(top) || finding.hope == Hope::Never,
            Side::Upstream => survey.someone_stands(),
        };
        let is_fuller = |other: &gst::Pad| *other != *task && survey.tasks().any(|task| task == other);
        if !concerns || (!full.contains(task) && full.iter().any(is_fuller)) {
            *suspect = Suspect { passed, ..Suspect::default() };
            return None;
        }
        let seen = observe(&survey, &finding, &self.evidence, suspect.detector.still() >= WATCH_AFTER);
        gst::trace!(CAT, obj = task, "look: {side:?}, {seen:?}, {finding:?}");
        let class = match suspect.detector.observe(now, Rules { timeout, strict: false }, &seen) {
            Verdict::Wait | Verdict::Grow => return None,
            Verdict::Tell(class) | Verdict::Stalled(class) => class,
        };
        if suspect.halted.is_empty() {
            let pads = survey.pads_to_watch();
            suspect.halted = pads.iter().chain(survey.tasks()).map(ObjectExt::downgrade).collect();
        }
        if class == Class::Deadlock && std::mem::replace(&mut suspect.told, true) {
            return None;
        }
        if self.evidence.is_told(&survey, &finding, now, timeout.saturating_mul(PATIENCE)) {
            return None;
        }
        let halted = halted(task, &element, side, suspect.detector.still(), timeout);
        let report = StallReport::new(halted, top, &finding, (class, class == Class::Deadlock));
        Some(Halt { element, report })
    }
}

/// Whether the thread of a queue's task keeps somebody waiting for room.
fn is_full(task: &gst::Pad) -> bool {
    let element = task.parent_element().filter(queues::is_queue_like);
    element.is_some_and(|element| inner_links(task, &element).iter().any(is_held))
}

/// Where a task's thread is, in few words.
fn side(task: &gst::Pad, element: &gst::Element, survey: &Survey) -> Side {
    if survey.root_stands() {
        // A source waits for itself; and after what comes last nobody comes to wait.
        let waited_for =
            element.num_sink_pads() == 0 || has_ended(task, element) || inner_links(task, element).iter().any(is_held);
        return if waited_for { Side::Downstream } else { Side::DownstreamAlone };
    }
    Side::Upstream
}

/// Whether nothing more comes to a queue than what it has.
fn has_ended(task: &gst::Pad, element: &gst::Element) -> bool {
    inner_links(task, element).iter().any(|sink| sink.pad_flags().contains(gst::PadFlags::EOS))
}

/// Everything that has gone through the element of a task, as far as it is measured.
fn passed(task: &gst::Pad, element: &gst::Element) -> u64 {
    let pads = if task.direction() == gst::PadDirection::Src { vec![task.clone()] } else { element.src_pads() };
    let count = |pad: &gst::Pad| {
        let counts = slot::known(pad)?.meter.counts();
        Some(counts[Count::In].wrapping_add(counts[Count::Out]).wrapping_add(counts[Count::Dropped]))
    };
    pads.iter().filter_map(count).fold(0, u64::wrapping_add)
}

fn observe(survey: &Survey, finding: &Finding, evidence: &Evidence, still: bool) -> Observation {
    // What a source does inside, with threads and pipelines of its own, cannot be told from what others do.
    let source = matches!(finding.reason, Some(Reason::Source(_)));
    let hidden = source || finding.hope == Hope::Unexplained;
    let (own_work, other_work) = evidence.work(&survey.threads(), source);
    let through = survey.pads_to_watch();
    let counted = through.iter().filter_map(|pad| slot::known(pad).map(|tracked| tracked.meter.counts()));
    let passed = counted.map(|counts| counts[Count::In] + counts[Count::Out]).fold(0, u64::wrapping_add);
    Observation {
        moved: survey.fingerprint(|_| 0).wrapping_add(passed),
        hope: finding.hope,
        own_work,
        other_work,
        disk: finding.disk || (hidden && still && evidence.any_in_file_call()),
        growth_helps: false,
    }
}

fn halted(task: &gst::Pad, element: &gst::Element, side: Side, still: Nanos, timeout: Nanos) -> Halted {
    let is_queue = queues::is_queue_like(element);
    let waiting = match side {
        Side::Downstream if is_full(task) => Waiting::Room,
        Side::Downstream if is_queue && has_ended(task, element) => Waiting::End,
        Side::Downstream | Side::DownstreamAlone => Waiting::Sending,
        Side::Upstream => Waiting::Data,
    };
    Halted {
        name: element.name().into(),
        kind: if is_queue { Kind::Queue } else { Kind::Thread },
        waiting,
        blocked_for: still,
        timeout,
        level: if is_queue { queues::level_at(element, task) } else { Level::default() },
        denied: false,
        fixed: None,
        peer: real_peer(task),
    }
}

impl Halt {
    /// The whole story, for people.
    pub fn text(&self) -> String {
        self.report.text()
    }

    /// What kind of halt it is.
    pub fn class(&self) -> &'static str {
        self.report.class().nick()
    }

    /// Says it: on the bus, and in the log. On a thread of its own, since what hears of it on the bus may take its time.
    pub fn give(mut self) {
        let speak = move || {
            self.report.read_levels();
            let (text, debug) = (self.report.text(), self.report.debug());
            let details = self.report.details("pipelinehealth-stalled");
            gst::warning!(CAT, obj = self.element, "{text}");
            // Of the outermost bin, whose bus everybody reads: an element in the middle may be on its way out.
            let top = top_level(&self.element);
            if let Some(top) = top.downcast_ref::<gst::Element>() {
                gst::element_warning!(top, gst::StreamError::Failed, ("{text}"), ["{debug}"], details: details);
            }
        };
        if let Err(error) = std::thread::Builder::new().name("steady-report".into()).spawn(speak) {
            gst::warning!(CAT, "a halt is not reported: no thread: {error}");
        }
    }
}
