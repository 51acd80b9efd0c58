//! A queue that may be stuck: gathers the evidence, lets the detector weigh it, and does what that decides.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::AdaptiveQueue;
use super::element::CAT;
use super::settings::OnTimeout;
use super::stall_answer::Answer;
use crate::glue::stall::{
    Evidence, Finding, Halted, Kind, Reason, StallReport, Survey, Traffic, Waiting, is_prerolling, is_running,
};
use crate::glue::topology::{real_peer, top_level};
use crate::logic::clock::{Nanos, SECOND, monotonic};
use crate::logic::queue::handoff::OPEN;
use crate::logic::stall::detector::{GROWTH_INTERVAL, Observation, PATIENCE, Rules, StallDetector, Verdict};
use crate::logic::stall::waits::Hope;
use crate::logic::sync::{AtomicTime, lock};

/// The state of a stall, shared by the queue's own threads and the watchdog.
#[derive(Debug, Default)]
pub(super) struct Stall {
    /// Since when the producer is blocked.
    blocked: AtomicTime,
    /// Since when the consumer waits for data.
    starved: AtomicTime,
    /// What had come and gone at the watchdog's last round.
    seen: AtomicU64,
    /// The stall is answered by leaking until the consumer moves.
    leaking: AtomicBool,
    /// An error was posted for this queue, or for another one in the same pipeline.
    failed: AtomicBool,
}

impl Stall {
    pub fn blocked(&self) -> Option<Nanos> {
        self.blocked.get()
    }
    pub fn set_blocked(&self, since: Option<Nanos>) {
        self.blocked.set(since);
    }
    pub fn starved(&self) -> Option<Nanos> {
        self.starved.get()
    }
    pub fn set_starved(&self, since: Option<Nanos>) {
        self.starved.set(since);
    }
    /// Whether nothing has come or gone since this was last asked.
    pub fn has_rested(&self, moved: u64) -> bool {
        self.seen.swap(moved, Ordering::Relaxed) == moved
    }
    pub fn leaks(&self) -> bool {
        self.leaking.load(Ordering::Relaxed)
    }
    pub fn start_leaking(&self) {
        self.leaking.store(true, Ordering::Relaxed);
    }
    pub fn stop_leaking(&self) {
        self.leaking.store(false, Ordering::Relaxed);
    }
    /// Whether a stall was reported that this queue is part of.
    pub fn failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }
    pub fn set_failed(&self, failed: bool) {
        self.failed.store(failed, Ordering::Relaxed);
    }
    pub fn clear(&self) {
        self.stop_leaking();
        self.set_failed(false);
    }
}

/// A queue under suspicion.
#[derive(Debug, Default)]
pub(super) struct Suspect {
    pub queue: glib::WeakRef<AdaptiveQueue>,
    detector: StallDetector,
    traffic: Option<Traffic>,
    /// Looks since it was last stuck: one that blocks again and again stays under suspicion.
    innocent: u32,
    next_look: Nanos,
}

/// Looks are this far apart as long as growth may be the remedy, then a twentieth of the timeout.
const LOOK_INTERVAL: Nanos = GROWTH_INTERVAL;
const FIRST_LOOKS: Nanos = SECOND / 2;

/// A queue that is not stuck is let go after this many looks.
const LET_GO: u32 = 10;
/// Pads and threads are watched once nothing has moved for this long.
const WATCH_AFTER: Nanos = SECOND / 4;

/// What a queue waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    /// Its consumer does not come back, and somebody waits for that.
    Consumer,
    /// Its consumer does not come back, and there is room for more.
    ConsumerAlone,
    /// Nothing comes to it.
    Producer,
}

impl Suspect {
    pub fn new(queue: &AdaptiveQueue) -> Self {
        Self { queue: queue.downgrade(), ..Self::default() }
    }

    /// Whether it is time for a look.
    pub fn is_due(&self, now: Nanos) -> bool {
        now >= self.next_look
    }

    /// Whether nothing has moved for a while.
    pub fn stands_still(&self) -> bool {
        self.detector.still() >= WATCH_AFTER
    }

    /// One look. `all` are the queues that run. False when there is nothing to suspect any more.
    pub fn look(&mut self, queue: &AdaptiveQueue, all: &[AdaptiveQueue], evidence: &mut Evidence) -> bool {
        let imp = queue.imp();
        let top = top_level(queue);
        let Some(side) = stuck_side(queue).filter(|_| is_running(&top)) else { return self.is_innocent(LET_GO) };
        let survey = match side {
            Side::Consumer | Side::ConsumerAlone => Survey::of_task(&imp.srcpad),
            Side::Producer => Survey::of_feed(&imp.sinkpad),
        };
        let finding = survey.finding();
        let concerns = match side {
            Side::Consumer => true,
            // With room for more nothing is lost yet, unless the pipeline cannot even begin, or never go on.
            Side::ConsumerAlone => is_prerolling(&top) || finding.hope == Hope::Never,
            // Where nothing comes and nobody is stuck, there is nothing more to come at the moment.
            Side::Producer => survey.someone_stands(),
        };
        // A full queue in the same halt has more to tell.
        let is_fuller = |other: &&AdaptiveQueue| {
            other.imp().stall.blocked().is_some() && survey.tasks().any(|task| *task == other.imp().srcpad)
        };
        if !concerns || (side != Side::Consumer && all.iter().any(|other| is_fuller(&other))) {
            // The watchdog comes round again.
            return self.is_innocent(1);
        }
        self.innocent = 0;
        if self.stands_still() {
            self.traffic.get_or_insert_default().watch(&survey.pads_to_watch());
        }
        let seen = self.observe(queue, side, &survey, &finding, evidence);
        gst::trace!(CAT, obj = queue, "look: {seen:?}, {finding:?}");
        imp.follow_supply();
        let (timeout, on_timeout) = {
            let settings = lock(&imp.settings);
            (settings.push_timeout, settings.on_timeout)
        };
        let now = monotonic();
        self.next_look = match self.detector.still() < FIRST_LOOKS {
            true => 0,
            false => now + (timeout / 20).clamp(LOOK_INTERVAL, SECOND),
        };
        let verdict = self.detector.observe(now, Rules { timeout, strict: on_timeout != OnTimeout::Auto }, &seen);
        let (class, answer) = match verdict {
            Verdict::Wait => return true,
            Verdict::Grow => {
                if !imp.grow() {
                    gst::log!(CAT, obj = queue, "the memory budget has no room to grow");
                }
                return true;
            }
            Verdict::Tell(_) if evidence.is_told(&survey, &finding, now, timeout.saturating_mul(PATIENCE)) => {
                return true;
            }
            Verdict::Tell(class) => (class, Answer::Tell),
            Verdict::Stalled(_) if imp.stall.failed() => return true,
            Verdict::Stalled(class) => {
                // One halt, one error; it holds until a queue is flushed or restarted.
                let same = all.iter().filter(|other| top_level(*other) == top);
                same.for_each(|member| member.imp().stall.set_failed(true));
                (class, Answer::from(on_timeout))
            }
        };
        let halted = halted(queue, self.detector.still());
        let report = StallReport::new(halted, &top, &finding, (class, answer == Answer::Fail));
        answer.give(queue, report);
        true
    }

    /// Starts anew. Whether the queue stays under suspicion all the same, after fewer than `most` such looks.
    fn is_innocent(&mut self, most: u32) -> bool {
        *self = Self { queue: self.queue.clone(), innocent: self.innocent + 1, ..Self::default() };
        self.innocent < most
    }

    fn observe(
        &self,
        queue: &AdaptiveQueue,
        side: Side,
        survey: &Survey,
        finding: &Finding,
        evidence: &Evidence,
    ) -> Observation {
        let passed = self.traffic.as_ref().map_or(0, Traffic::passed);
        let counts = survey.fingerprint(|element| element.downcast_ref::<AdaptiveQueue>().map_or(0, moved));
        // What a source does inside, with threads and pipelines of its own, cannot be told from what others do.
        let source = matches!(finding.reason, Some(Reason::Source(_)));
        // And threads of an element's own may do for it what it waits for.
        let hidden = source || finding.hope == Hope::Unexplained;
        let (own_work, other_work) = evidence.work(&survey.threads(), source);
        let growth_helps = side == Side::Consumer && finding.hope == Hope::Never && finding.joins();
        Observation {
            moved: counts.wrapping_add(passed),
            hope: finding.hope,
            own_work,
            other_work,
            disk: finding.disk || (hidden && self.stands_still() && evidence.any_in_file_call()),
            growth_helps: growth_helps && queue.imp().growth_helps(),
        }
    }
}

/// What there is to say of the queue.
fn halted(queue: &AdaptiveQueue, still: Nanos) -> Halted {
    let imp = queue.imp();
    let waiting = match (imp.stall.blocked(), lock(&imp.query).as_ref()) {
        (Some(_), Some(query)) => Waiting::Answer(query.kind),
        (Some(_), None) => Waiting::Room,
        (None, _) if imp.handoff.consumer_waits() => Waiting::Data,
        (None, _) if imp.eos.load(Ordering::Acquire) => Waiting::End,
        (None, _) => Waiting::Sending,
    };
    let timeout = lock(&imp.settings).push_timeout;
    Halted {
        name: queue.name().into(),
        kind: Kind::Adaptive,
        waiting,
        blocked_for: imp.stuck_for().unwrap_or(still),
        timeout,
        level: imp.handoff.level(),
        denied: imp.allowance_stats().denied,
        fixed: imp.fixed_limit(),
        peer: real_peer(&imp.srcpad),
    }
}

/// On which side of the queue something stands still. A query or the end of the stream inside, which nobody takes, is stuck like a producer
/// without room.
fn stuck_side(queue: &AdaptiveQueue) -> Option<Side> {
    let imp = queue.imp();
    if imp.handoff.gate() != OPEN {
        return None;
    }
    let waits = imp.handoff.consumer_waits();
    let ending = imp.eos.load(Ordering::Acquire) && !waits;
    match (imp.stall.blocked().is_some() || ending, waits) {
        (true, _) => Some(Side::Consumer),
        (false, false) => Some(Side::ConsumerAlone),
        (false, true) => imp.stall.starved().map(|_| Side::Producer),
    }
}

/// Everything that has come and gone.
pub(super) fn moved(queue: &AdaptiveQueue) -> u64 {
    let handoff = &queue.imp().handoff;
    handoff.taken().0.wrapping_add(handoff.put().0)
}

/// How far apart the watchdog's rounds are for a queue: a tenth of its timeout. None where it never looks.
pub(super) fn round_interval(queue: &AdaptiveQueue) -> Option<Nanos> {
    let timeout = lock(&queue.imp().settings).push_timeout;
    (timeout > 0).then(|| (timeout / 10).clamp(LOOK_INTERVAL, SECOND / 2))
}
