//! From figures to a state that has reasons.
//!
//! To be busy is not to be ill: a full queue in front of a clock, a source that waits for its next frame and an export slower
//! than real time are how such pipelines work. A reason needs harm that somebody sees, or one that is about to come.

use super::counters::{Count, Counts};
use crate::logic::clock::Nanos;
use crate::logic::named::named;

/// The state of a stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Health {
    /// Nothing has arrived yet.
    #[default]
    Starting,
    /// It flows, and nothing is wrong.
    Healthy,
    /// Something is wrong that may go unnoticed.
    Degraded,
    /// Data are lost, late or refused.
    Unhealthy,
    /// It should flow and does not.
    Stalled,
    /// It ended.
    Eos,
}

impl Health {
    /// The name in statistics and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
            Self::Stalled => "stalled",
            Self::Eos => "eos",
        }
    }
}

named! {
    /// Why a stream is not healthy, in the order in which reasons are told.
    Reason:
    Stalled "stalled" "Nothing has moved for the stall timeout although it should have.",
    FlowError "flow-error" "Downstream refused the last buffer with an error.",
    Late "late" "Buffers arrive after they were due.",
    Dropping "dropping" "More buffers are missing or refused than allowed.",
    Discontinuous "discontinuous" "Timestamps jump although nothing is missing.",
    Backpressure "backpressure" "Downstream does not take what arrives.",
    Starved "starved" "Upstream does not deliver.",
    Corrupted "corrupted" "Buffers with damaged data arrive.",
    Slow "slow" "Less media arrives than time passes.",
}

/// A set of reasons.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reasons(u16);

impl Reasons {
    /// Whether `reason` is among them.
    pub fn contains(self, reason: Reason) -> bool {
        self.0 & (1 << reason as u16) != 0
    }

    /// Those that are there, in order.
    pub fn iter(self) -> impl Iterator<Item = Reason> {
        Reason::ALL.iter().copied().filter(move |&reason| self.contains(reason))
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    fn set(&mut self, reason: Reason, there: bool) {
        if there {
            self.0 |= 1 << reason as u16;
        }
    }
}

impl FromIterator<Reason> for Reasons {
    fn from_iter<T: IntoIterator<Item = Reason>>(iter: T) -> Self {
        let mut reasons = Self::default();
        iter.into_iter().for_each(|reason| reasons.set(reason, true));
        reasons
    }
}

/// From which share of late buffers on an interval is late if the one before it was. One scheduling hiccup makes a few of thirty late.
const LATE_SHARE: f64 = 0.10;
/// From which share on it is late at once: somebody saw that.
const LATE_AT_ONCE: f64 = 0.50;
/// Below which speed, in media time per time, an interval is slow.
const SLOW_SPEED: f64 = 0.80;
/// How many intervals in a row must be late or slow, and how many must not be until it is over. Buffers come in bursts.
const AGREEING: u8 = 2;

/// As much trouble as the user tolerates.
#[derive(Debug, Clone, Copy)]
pub struct Tolerance {
    /// How long nothing may move; 0 for ever.
    pub stall_timeout: Nanos,
    /// Which share of buffers may be missing or refused.
    pub max_drop_ratio: f64,
}

/// An interval throughout which the stream was meant to flow.
#[derive(Debug, Clone, Copy)]
pub struct Interval<'a> {
    /// The counts of it.
    pub counts: &'a Counts,
    /// How long it was.
    pub span: Nanos,
    /// How far running time advanced, where it is compared with a clock and went on without a seek.
    pub advance: Option<Nanos>,
    /// Buffers that sinks downstream threw away because they were late.
    pub sink_dropped: u64,
    /// A sink downstream waits for the clock, so that what is late is seen late. A recording may be as far behind as it likes, as an encoder
    /// that looks ahead is, if only it keeps up.
    pub synced: bool,
    /// How much too early the buffers were that were in time, all together: a sink holds each of them until it is due.
    pub early: Nanos,
}

/// The situation at one moment.
#[derive(Debug, Clone, Copy, Default)]
pub struct Present {
    /// The time.
    pub now: Nanos,
    /// Since when the stream is meant to flow; none while it is halted.
    pub playing_since: Option<Nanos>,
    /// When the last arrival or departure was.
    pub activity: Option<Nanos>,
    /// How long the last buffers last: what a clock lets pass between two. 0 where there is no clock.
    pub pace: Nanos,
    /// When the last buffer is or was due, where a clock says so: until then a sink may hold it, and nobody needs the next.
    pub due: Option<Nanos>,
    /// A buffer is being pushed.
    pub pushing: bool,
    /// Buffers are rare by nature, so that only one that does not get through is a stall.
    pub sparse: bool,
    /// End of stream went through.
    pub ended: bool,
    /// The last push ended in an error.
    pub failed: bool,
    /// The source cannot wait, and its queue is full.
    pub overrunning: bool,
    /// It is part of a halt that was found by other means, before it plays too.
    pub halted: bool,
}

/// A new verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The state before.
    pub old: Health,
    /// The state now. The same as before if only the reasons are new.
    pub new: Health,
    /// The reasons now.
    pub reasons: Reasons,
    /// Since when it is so.
    pub since: Nanos,
}

/// Needs several equal answers in a row to change its own.
#[derive(Debug, Clone, Copy, Default)]
struct Debounced {
    there: bool,
    against: u8,
}

impl Debounced {
    fn hear(&mut self, there: bool) {
        self.against = if there == self.there { 0 } else { self.against + 1 };
        if self.against >= AGREEING {
            (self.there, self.against) = (there, 0);
        }
    }
}

/// Remembers what it concluded.
#[derive(Debug, Clone, Default)]
pub struct Judge {
    state: Health,
    reasons: Reasons,
    since: Nanos,
    /// Reasons of the last interval.
    found: Reasons,
    late: Debounced,
    slow: Debounced,
    /// Since when nothing moves, while stalled.
    still_since: Option<Nanos>,
    /// Of the stalls that are over.
    stalled: Nanos,
}

impl Judge {
    /// A judge of a stream that begins at `now`.
    pub fn new(now: Nanos) -> Self {
        Self { since: now, ..Self::default() }
    }

    /// The state.
    pub fn state(&self) -> Health {
        self.state
    }

    /// Its reasons.
    pub fn reasons(&self) -> Reasons {
        self.reasons
    }

    /// Since when the state is so.
    pub fn since(&self) -> Nanos {
        self.since
    }

    /// How long the stream stood still in all stalls, the one under way included.
    pub fn stalled(&self, now: Nanos) -> Nanos {
        self.stalled + self.still_since.map_or(0, |since| now.saturating_sub(since))
    }

    /// Starts counting stalled time anew.
    pub fn reset(&mut self, now: Nanos) {
        self.stalled = 0;
        self.still_since = self.still_since.map(|_| now);
    }

    /// Takes in an interval.
    pub fn interval(&mut self, interval: &Interval, tolerance: &Tolerance) {
        let n = interval.counts;
        let mut found = Reasons::default();

        let lost = n.lost() + interval.sink_dropped;
        found.set(Reason::Dropping, lost as f64 > tolerance.max_drop_ratio * n.offered() as f64);

        let flags = [Count::DiscontFlag, Count::DiscontGap, Count::DiscontBackwards, Count::DiscontOverlap];
        let jumps: u64 = flags.iter().map(|&count| n[count]).sum();
        found.set(Reason::Discontinuous, jumps > n[Count::Holes]);
        found.set(Reason::Corrupted, n[Count::Corrupted] > 0);

        // An interval without buffers says nothing of lateness, and stays neutral.
        if n[Count::Timed] > 0 {
            let share = if interval.synced { n[Count::Late] as f64 / n[Count::Timed] as f64 } else { 0.0 };
            self.late.hear(share >= LATE_SHARE);
            if share >= LATE_AT_ONCE {
                self.late = Debounced { there: true, against: 0 };
            }
        }
        if let Some(advance) = interval.advance {
            self.slow.hear((advance as f64) < SLOW_SPEED * interval.span as f64);
        }
        found.set(Reason::Late, self.late.there);
        found.set(Reason::Slow, self.slow.there);
        if self.late.there || self.slow.there {
            // What is late is not held for the clock, what is early is: apart from that the longer wait shows who is slow.
            let downstream = n[Count::BlockedTime].saturating_sub(interval.early) > n[Count::StarvedTime];
            found.set(if downstream { Reason::Backpressure } else { Reason::Starved }, true);
        }
        self.found = found;
    }

    /// Looks at the present. Tells when the verdict changed.
    pub fn look(&mut self, present: &Present, tolerance: &Tolerance) -> Option<Change> {
        let mut reasons = self.found;
        reasons.set(Reason::FlowError, present.failed);
        reasons.set(Reason::Backpressure, present.overrunning);

        let ended = present.ended && !present.failed;
        if ended {
            // What comes after the end, once it is sought back or played again, is another stream.
            (self.found, self.late, self.slow) = Default::default();
        }
        let moved = present.activity.max(present.due).unwrap_or(0);
        let still_since = match present.playing_since {
            Some(playing) => Some(playing.max(moved)),
            None => present.halted.then(|| present.activity.unwrap_or(self.since)),
        };
        let patience = tolerance.stall_timeout.saturating_add(present.pace);
        let still = still_since.filter(|&since| {
            let flows = present.ended || (present.sparse && !present.pushing);
            let patient = tolerance.stall_timeout == 0 || present.now.saturating_sub(since) < patience;
            !flows && (present.halted || !patient)
        });
        if self.still_since.is_some() && still != self.still_since {
            // It moved, was halted or ended.
            let over = still_since.unwrap_or(present.now).min(present.now);
            self.stalled += over.saturating_sub(self.still_since.take().unwrap_or(over));
        }
        self.still_since = still;
        if still.is_some() {
            reasons.set(Reason::Stalled, true);
            reasons.set(if present.pushing { Reason::Backpressure } else { Reason::Starved }, true);
        }

        let any = |of: &[Reason]| of.iter().any(|&reason| reasons.contains(reason));
        let state = if ended {
            reasons = Reasons::default();
            Health::Eos
        } else if any(&[Reason::Stalled]) {
            Health::Stalled
        } else if any(&[Reason::FlowError, Reason::Late, Reason::Dropping]) {
            Health::Unhealthy
        } else if !reasons.is_empty() {
            Health::Degraded
        } else if present.activity.is_some() {
            Health::Healthy
        } else {
            Health::Starting
        };
        if (state, reasons) == (self.state, self.reasons) {
            return None;
        }
        let old = self.state;
        if state != old {
            self.since = present.now;
        }
        (self.state, self.reasons) = (state, reasons);
        Some(Change { old, new: state, reasons, since: self.since })
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
