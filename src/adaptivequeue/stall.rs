//! A queue that may be stuck: gathers the evidence, lets the detector weigh it, and does what that decides.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::AdaptiveQueue;
use super::element::CAT;
use super::settings::OnTimeout;
use super::stall_report::StallReport;
use super::topology::{self, Jam};
use crate::glue::topology::{is_clocked, nearest, top_level};
use crate::logic::clock::{Nanos, SECOND, monotonic};
use crate::logic::queue::handoff::OPEN;
use crate::logic::queue::stall_detector::{Observation, StallDetector, Verdict};
use crate::logic::sync::{AtomicTime, lock};

/// The state of a stall, shared by the queue's own threads and the watchdog.
#[derive(Debug, Default)]
pub(super) struct Stall {
    /// Since when the producer is blocked.
    blocked: AtomicTime,
    /// The stall is answered by leaking until the consumer moves.
    leaking: AtomicBool,
    /// An error was posted for this queue, or for another one in the same jam.
    failed: AtomicBool,
}

impl Stall {
    pub fn blocked(&self) -> Option<Nanos> {
        self.blocked.get()
    }
    pub fn set_blocked(&self, since: Option<Nanos>) {
        self.blocked.set(since);
    }
    pub fn leaks(&self) -> bool {
        self.leaking.load(Ordering::Relaxed)
    }
    pub fn stop_leaking(&self) {
        self.leaking.store(false, Ordering::Relaxed);
    }
    /// Whether a stall was reported that this queue is part of.
    pub fn failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }
    pub fn clear(&self) {
        self.stop_leaking();
        self.failed.store(false, Ordering::Relaxed);
    }
}

/// Counts everything that passes the joining elements. The probes go with the value.
#[derive(Debug, Default)]
struct Traffic {
    passed: Arc<AtomicU64>,
    probes: Vec<(gst::Pad, gst::PadProbeId)>,
}

impl Traffic {
    /// Watches the pads of the first joins and sinks behind every member.
    fn watch(&mut self, jam: &Jam) {
        let pads = jam
            .members
            .iter()
            .flat_map(|queue| topology::joins(&queue.imp().srcpad))
            .flat_map(|element| element.pads())
            .collect::<Vec<_>>();
        for pad in pads {
            if self.probes.iter().any(|(known, _)| *known == pad) {
                continue;
            }
            let passed = Arc::clone(&self.passed);
            let kinds =
                gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST | gst::PadProbeType::EVENT_DOWNSTREAM;
            let probe = pad.add_probe(kinds, move |_, _| {
                passed.fetch_add(1, Ordering::Relaxed);
                gst::PadProbeReturn::Ok
            });
            self.probes.extend(probe.map(|probe| (pad, probe)));
        }
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        for (pad, probe) in self.probes.drain(..) {
            pad.remove_probe(probe);
        }
    }
}

/// A queue under suspicion.
#[derive(Debug)]
pub(super) struct Suspect {
    pub queue: glib::WeakRef<AdaptiveQueue>,
    detector: StallDetector,
    traffic: Option<Traffic>,
    /// Looks since it was last blocked: one that blocks again and again stays under suspicion.
    innocent: u32,
}

/// An unblocked queue is let go after this many looks.
const LET_GO: u32 = 10;
/// Joins are watched once nothing has moved for this long.
const WATCH_AFTER: Nanos = SECOND / 4;

impl Suspect {
    pub fn new(queue: &AdaptiveQueue) -> Self {
        Self { queue: queue.downgrade(), detector: StallDetector::default(), traffic: None, innocent: 0 }
    }

    /// One look. `all` are the queues that run, `cpu` is the time in which the process was at work. False when there is nothing to
    /// suspect any more.
    pub fn look(&mut self, queue: &AdaptiveQueue, all: &[AdaptiveQueue], cpu: Nanos) -> bool {
        let imp = queue.imp();
        let draining = imp.eos.load(Ordering::Acquire) && imp.handoff.items() > 0 && !imp.handoff.consumer_waits();
        if imp.handoff.gate() != OPEN || !(imp.stall.blocked().is_some() || draining) {
            self.detector = StallDetector::default();
            self.traffic = None;
            self.innocent += 1;
            return self.innocent < LET_GO;
        }
        self.innocent = 0;
        let top = top_level(queue);
        let members = all.iter().filter(|other| top_level(*other) == top).cloned().collect();
        let jam = Jam::new(members);
        if self.detector.still() >= WATCH_AFTER {
            self.traffic.get_or_insert_default().watch(&jam);
        }
        let (holder, seen) = self.observe(queue, &top, &jam, cpu);
        imp.follow_supply();
        let timeout = lock(&imp.settings).push_timeout;
        match self.detector.observe(monotonic(), timeout, &seen) {
            Verdict::Wait => (),
            Verdict::Grow => {
                if !imp.grow() {
                    gst::log!(CAT, obj = queue, "the memory budget has no room to grow");
                }
            }
            verdict => {
                let report = StallReport::new(queue, &top, &jam, holder.as_ref(), self.detector.still(), &seen);
                respond(queue, &jam, verdict, &report);
            }
        }
        true
    }

    /// The pad whose chain does not return, and everything that the detector asks for.
    fn observe(
        &self,
        queue: &AdaptiveQueue,
        top: &gst::Object,
        jam: &Jam,
        cpu: Nanos,
    ) -> (Option<gst::Pad>, Observation) {
        let imp = queue.imp();
        let holder = topology::holder(&imp.srcpad);
        let element = holder.as_ref().and_then(gst::Pad::parent_element);
        let join = element.as_ref().is_some_and(topology::is_join);
        let inputs_stuck = match &element {
            Some(element) if join => jam.starved(element).iter().all(|pad| jam.is_fed_by_stuck(pad)),
            _ => true,
        };
        let taken: u64 = jam.members.iter().map(|queue| queue.imp().handoff.taken().0).sum();
        let passed = self.traffic.as_ref().map_or(0, |traffic| traffic.passed.load(Ordering::Relaxed));
        let excused = !is_running(top)
            || topology::is_blocked_by_probe(&imp.srcpad)
            || jam.members.iter().any(|member| waits_for_clock(member, top));
        let seen = Observation {
            moved: taken + passed,
            cpu,
            excused,
            join,
            inputs_stuck,
            application: element.as_ref().and_then(|e| e.factory()).is_some_and(|f| f.name() == "appsink"),
            growth_helps: imp.growth_helps(),
        };
        gst::trace!(CAT, obj = queue, "look: {seen:?}, held by {:?}", holder.as_ref().map(|pad| pad.path_string()));
        (holder, seen)
    }
}

/// Posts the message about a stall.
fn post(queue: &AdaptiveQueue, report: &StallReport) {
    let message = gst::message::Element::builder(report.details("adaptivequeue-stalled")).src(queue).build();
    // Refused only by an element without a bus, which has nobody to tell.
    let _ = queue.post_message(message);
}

/// Does what the verdict asks for and the user wants.
fn respond(queue: &AdaptiveQueue, jam: &Jam, verdict: Verdict, report: &StallReport) {
    let imp = queue.imp();
    let on_timeout = lock(&imp.settings).on_timeout;
    if verdict == Verdict::Tell {
        gst::warning!(CAT, obj = queue, "{}", report.text());
        post(queue, report);
        return;
    }
    if imp.stall.failed() {
        return;
    }
    // One jam, one report; it holds until a queue is flushed or restarted.
    for member in &jam.members {
        member.imp().stall.failed.store(true, Ordering::Relaxed);
    }
    match on_timeout {
        OnTimeout::Error => {
            gst::element_error!(
                queue,
                gst::StreamError::Failed,
                ("{}", report.text()),
                ["{}", report.debug()],
                details: report.details("adaptivequeue-stalled")
            );
            // Whoever closed the stream meanwhile has the last word.
            let _ = imp.fail_flow(gst::FlowError::Error);
        }
        OnTimeout::Warning => gst::element_warning!(
            queue,
            gst::StreamError::Failed,
            ("{}", report.text()),
            ["{}", report.debug()],
            details: report.details("adaptivequeue-stalled")
        ),
        OnTimeout::Leak => {
            gst::warning!(CAT, obj = queue, "{} Dropping old buffers until it moves again.", report.text());
            post(queue, report);
            imp.stall.failed.store(false, Ordering::Relaxed);
            imp.stall.leaking.store(true, Ordering::Relaxed);
            imp.handoff.nudge_producer();
            imp.wake_query();
        }
    }
}

/// PLAYING, or on the way to PAUSED or PLAYING. PAUSED on purpose does not count.
fn is_running(top: &gst::Object) -> bool {
    let Some(element) = top.downcast_ref::<gst::Element>() else { return false };
    match element.state(gst::ClockTime::ZERO) {
        (Ok(gst::StateChangeSuccess::Async), ..) => true,
        (_, current, _) => current == gst::State::Playing,
    }
}

/// Whether the data that the queue last sent may still be waiting for its time in a sink.
fn waits_for_clock(queue: &AdaptiveQueue, top: &gst::Object) -> bool {
    let Some(top) = top.downcast_ref::<gst::Element>() else { return false };
    let imp = queue.imp();
    let (Some(clock), Some(base), Some(sent)) = (top.clock(), top.base_time(), imp.handoff.head_time()) else {
        return false;
    };
    if top.current_state() != gst::State::Playing {
        return false;
    }
    let now = clock.time().saturating_sub(base).nseconds() as i64;
    // Sinks add the latency of the pipeline, seldom more than a second.
    let slack = SECOND as i64
        + top.downcast_ref::<gst::Pipeline>().and_then(|p| p.latency()).map_or(0, |l| l.nseconds() as i64);
    sent.saturating_add(slack) >= now && nearest(&imp.srcpad, is_clocked).is_some()
}
