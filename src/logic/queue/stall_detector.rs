//! When standing still has become a stall, and when growing is the remedy.
//!
//! The detector is told at every look whether anything moved in the part of the pipeline that the queue belongs to and
//! what is known of those who stand still. It never sees a pipeline; it only weighs evidence over time.

use std::collections::VecDeque;

use crate::logic::clock::{MILLISECOND, Nanos, SECOND};

/// A queue in front of a join may grow after standing still for this long, one step for each such span.
pub const GROWTH_INTERVAL: Nanos = 50 * MILLISECOND;
/// Fewer looks than this never agree on a stall, however short the timeout.
const LEAST_LOOKS: u32 = 5;
/// A process that uses more of one core than this is at work.
const IDLE_CORES: f64 = 0.2;
/// A process at work gets this many times the timeout.
const BUSY_FACTOR: u64 = 12;

/// The part of the pipeline around a queue, as seen at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Observation {
    /// Sum of everything that counts as progress; any change is progress.
    pub moved: u64,
    /// Time in which the process has worked, or would have if it had got a core, so far.
    pub cpu: Nanos,
    /// Standing still is right: paused, flushing, blocked by a probe, waiting for the clock.
    pub excused: bool,
    /// Something with several inputs holds the chain.
    pub join: bool,
    /// Every other input of what holds the chain is fed by a thread that stands in the same jam.
    pub inputs_stuck: bool,
    /// The application decides when the sink that holds the chain takes the next buffer.
    pub application: bool,
    /// More room would let the producer go on.
    pub growth_helps: bool,
}

/// The conclusion, which is also the thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Wait,
    /// Make room, if the budget allows.
    Grow,
    /// Say once that nothing moves; the evidence is not enough for more.
    Tell,
    /// It is a stall.
    Stalled,
}

/// Weighs the observations of one queue.
#[derive(Debug, Default)]
pub struct StallDetector {
    last: Option<(Nanos, u64)>,
    still: Nanos,
    looks: u32,
    grown_at: Nanos,
    /// Whether the last look spoke for growth.
    growth_seen: bool,
    told: bool,
    /// Times (time counted as still, CPU time) since the evidence has been complete.
    evidence: VecDeque<(Nanos, Nanos)>,
}

impl StallDetector {
    /// How long nothing has moved; a suspended process counts as one look.
    pub fn still(&self) -> Nanos {
        self.still
    }

    /// Takes in what is seen at time `now`, with the `timeout` of the queue (0 = never).
    pub fn observe(&mut self, now: Nanos, timeout: Nanos, seen: &Observation) -> Verdict {
        let Some((then, moved)) = self.last.replace((now, seen.moved)) else { return Verdict::Wait };
        if seen.excused || seen.moved != moved {
            *self = Self { last: self.last, ..Self::default() };
            return Verdict::Wait;
        }
        let spacing = spacing(timeout);
        self.still += now.saturating_sub(then).min(spacing);
        self.looks += 1;
        if let Some(verdict) = self.judge(timeout, spacing, seen) {
            return verdict;
        }
        // Growth that is denied changes nothing, and is asked for again until the judgement above.
        let grows = seen.join && seen.inputs_stuck && seen.growth_helps;
        // Seen once, it may be a thread that has not had its turn: a consumer just woken looks as stuck as one that blocks.
        let lasts = std::mem::replace(&mut self.growth_seen, grows);
        if grows && lasts && self.still >= self.grown_at.saturating_add(GROWTH_INTERVAL) {
            self.grown_at = self.still;
            return Verdict::Grow;
        }
        Verdict::Wait
    }

    /// Whether the looks so far make a stall.
    fn judge(&mut self, timeout: Nanos, spacing: Nanos, seen: &Observation) -> Option<Verdict> {
        if timeout == 0 {
            return None;
        }
        let complete = seen.inputs_stuck && !seen.application;
        if complete {
            if self.evidence.back().is_none_or(|(at, _)| self.still >= at.saturating_add(spacing)) {
                self.evidence.push_back((self.still, seen.cpu));
            }
            if let Some(verdict) = self.weigh(timeout, seen.cpu) {
                return Some(verdict);
            }
        } else {
            self.evidence.clear();
        }
        if self.still >= timeout && self.looks >= LEAST_LOOKS && !self.told && !(complete && self.is_young(timeout)) {
            self.told = true;
            return Some(Verdict::Tell);
        }
        None
    }

    /// Whether the evidence became complete too short a time ago to judge.
    fn is_young(&self, timeout: Nanos) -> bool {
        self.evidence.front().is_none_or(|(at, _)| self.still - at < timeout)
    }

    fn weigh(&mut self, timeout: Nanos, cpu: Nanos) -> Option<Verdict> {
        // The first look of the evidence came up to one interval after the jam began.
        let tolerance = GROWTH_INTERVAL.min(timeout / 10);
        let long_enough = |at: Nanos| self.still - at + tolerance >= timeout;
        let since = self.evidence.front()?.0;
        if self.looks < LEAST_LOOKS || !long_enough(since) {
            return None;
        }
        // Idle over the last `timeout`, not over all of it: work may have ended meanwhile.
        let (from, cpu_then) = self.evidence.iter().rev().find(|(at, _)| long_enough(*at))?;
        let (wall, used) = (self.still - from, cpu.saturating_sub(*cpu_then));
        let idle = used as f64 <= IDLE_CORES * wall as f64;
        let waited_for_work = self.still - since >= timeout.saturating_mul(BUSY_FACTOR);
        (idle || waited_for_work).then_some(Verdict::Stalled)
    }
}

/// The span that one look can count for: a fifth of the timeout, a second at most.
fn spacing(timeout: Nanos) -> Nanos {
    match timeout {
        0 => SECOND,
        timeout => (timeout / u64::from(LEAST_LOOKS)).clamp(1, SECOND),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Nanos = 50 * MILLISECOND;
    const TIMEOUT: Nanos = 5 * SECOND;
    /// Nothing moves, nobody else is to be waited for, the process is idle.
    const STUCK: Observation = Observation {
        moved: 7,
        cpu: 0,
        excused: false,
        join: false,
        inputs_stuck: true,
        application: false,
        growth_helps: false,
    };

    /// Looks every 50 ms for `span` and returns the verdicts that are not `Wait`, with their times in ms.
    fn run(
        detector: &mut StallDetector,
        from: Nanos,
        span: Nanos,
        look: impl Fn(Nanos) -> Observation,
    ) -> Vec<(u64, Verdict)> {
        (0..=span / TICK)
            .map(|i| from + i * TICK)
            .map(|now| (now / MILLISECOND, detector.observe(now, TIMEOUT, &look(now))))
            .filter(|(_, verdict)| *verdict != Verdict::Wait)
            .collect()
    }

    #[test]
    fn an_idle_jam_is_a_stall_after_the_timeout() {
        let seen = run(&mut StallDetector::default(), 0, 6 * SECOND, |_| STUCK);
        let (at, verdict) = seen[0];
        assert!(verdict == Verdict::Stalled && (5000..=5200).contains(&at), "{seen:?}");
    }

    #[test]
    fn any_progress_starts_anew() {
        let look = |now| Observation { moved: now / (4 * SECOND), ..STUCK };
        assert_eq!(run(&mut StallDetector::default(), 0, 60 * SECOND, look), []);
    }

    #[test]
    fn an_excuse_starts_anew() {
        let look = |now| Observation { excused: (now / SECOND) % 5 == 4, ..STUCK };
        assert_eq!(run(&mut StallDetector::default(), 0, 60 * SECOND, look), []);
    }

    #[test]
    fn an_input_fed_by_somebody_else_is_told_of_once_and_never_fails() {
        for look in [Observation { inputs_stuck: false, ..STUCK }, Observation { application: true, ..STUCK }] {
            let seen = run(&mut StallDetector::default(), 0, 600 * SECOND, |_| look);
            assert!(matches!(seen[..], [(5000..=5100, Verdict::Tell)]), "{seen:?}");
        }
    }

    #[test]
    fn a_process_at_work_is_told_of_and_fails_after_twelve_timeouts() {
        let seen = run(&mut StallDetector::default(), 0, 61 * SECOND, |now| Observation { cpu: now / 4, ..STUCK });
        assert!(matches!(seen[..2], [(5000..=5200, Verdict::Tell), (60_000..=60_200, Verdict::Stalled)]), "{seen:?}");
        let ends = |now: Nanos| Observation { cpu: now.min(20 * SECOND), ..STUCK };
        let seen = run(&mut StallDetector::default(), 0, 40 * SECOND, ends);
        assert!(matches!(seen[1], (24_000..=25_500, Verdict::Stalled)), "work that ended is no excuse: {seen:?}");
    }

    #[test]
    fn a_suspended_process_counts_as_one_look() {
        let mut detector = StallDetector::default();
        assert_eq!(run(&mut detector, 0, SECOND, |_| STUCK), []);
        assert_eq!(run(&mut detector, 21 * SECOND, 2 * SECOND, |_| STUCK), []);
        assert!(detector.still() <= 4 * SECOND + TICK);
    }

    #[test]
    fn growth_comes_first_one_step_per_span_and_only_at_a_join() {
        let grow = Observation { join: true, growth_helps: true, ..STUCK };
        let seen = run(&mut StallDetector::default(), 0, 200 * MILLISECOND, |_| grow);
        assert_eq!(seen, [100, 150, 200].map(|at| (at, Verdict::Grow)), "two looks have to agree");
        // A thread that has not had its turn yet is seen as stuck now and then.
        let now_and_then = |now: Nanos| Observation { inputs_stuck: (now / TICK).is_multiple_of(2), ..grow };
        assert_eq!(run(&mut StallDetector::default(), 0, 400 * MILLISECOND, now_and_then), []);
        for look in [
            Observation { join: false, ..grow },
            Observation { inputs_stuck: false, ..grow },
            Observation { excused: true, ..grow },
        ] {
            assert_eq!(run(&mut StallDetector::default(), 0, SECOND, |_| look), [], "{look:?}");
        }
    }

    #[test]
    fn growth_that_is_denied_does_not_put_off_the_stall() {
        let grow = Observation { join: true, growth_helps: true, ..STUCK };
        let seen = run(&mut StallDetector::default(), 0, 6 * SECOND, |_| grow);
        assert!(seen.iter().any(|(at, v)| *v == Verdict::Stalled && (5000..=5200).contains(at)), "{seen:?}");
    }

    #[test]
    fn never_means_never_but_growth_goes_on() {
        let mut detector = StallDetector::default();
        let verdicts: Vec<_> = (0..4000).map(|i| detector.observe(i * TICK, 0, &STUCK)).collect();
        assert!(verdicts.iter().all(|v| *v == Verdict::Wait));
        let grow = Observation { join: true, growth_helps: true, ..STUCK };
        assert_eq!(detector.observe(4000 * TICK, 0, &grow), Verdict::Wait);
        assert_eq!(detector.observe(4001 * TICK, 0, &grow), Verdict::Grow);
    }

    #[test]
    fn a_short_timeout_needs_five_looks() {
        let mut detector = StallDetector::default();
        let stalled = (0..20).find(|i| detector.observe(i * TICK, MILLISECOND, &STUCK) == Verdict::Stalled);
        assert!(matches!(stalled, Some(5..=6)), "{stalled:?}");
    }
}
