//! When standing still has become a stall, and when growing is the remedy.
//!
//! The detector is told at every look what those who stand still wait for and who is at work. It never sees a pipeline; it only weighs
//! evidence over time. Time alone proves nothing: what it decides depends on the class of the wait.

use std::collections::VecDeque;

use super::waits::Hope;
use crate::logic::clock::{MILLISECOND, Nanos, SECOND};

/// A queue in front of a join may grow after standing still for this long, one step for each such span.
pub const GROWTH_INTERVAL: Nanos = 50 * MILLISECOND;
/// Fewer looks than this never agree on anything, however short the timeout.
const LEAST_LOOKS: u32 = 5;
/// Threads that together use more of one core than this are at work.
const IDLE_CORES: f64 = 0.2;
/// What is not proved gets this many times the timeout, and is said again as often.
pub const PATIENCE: u64 = 12;

/// What a wait that does not end is. The order is that of [`Hope`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Nothing that this process or its application does can end it.
    Deadlock,
    /// Held in the middle, and nothing proves that it is for ever.
    Unexplained,
    /// Somebody outside the pipeline is waited for.
    Outside,
}

impl Class {
    /// The name in messages.
    pub fn nick(self) -> &'static str {
        match self {
            Class::Deadlock => "deadlock",
            Class::Unexplained => "unexplained",
            Class::Outside => "outside",
        }
    }
}

/// What is seen of a wait at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Observation {
    /// Changes whenever anything moves on which the wait depends.
    pub moved: u64,
    /// What may end the wait.
    pub hope: Hope,
    /// Time in which those that are waited for were at work so far.
    pub own_work: Nanos,
    /// The same of threads of which it is not known for whom they work.
    pub other_work: Nanos,
    /// A call about a file is in progress.
    pub disk: bool,
    /// More room would let the producer go on, whom a join waits for.
    pub growth_helps: bool,
}

/// The conclusion, which is also the thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Wait,
    /// Make room, if the budget allows.
    Grow,
    /// Say that nothing moves; the evidence is not enough for more.
    Tell(Class),
    /// It is a stall.
    Stalled(Class),
}

/// A queue's times and strictness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// 0 = never.
    pub timeout: Nanos,
    /// Whatever stands still is a stall, be it proved or not.
    pub strict: bool,
}

#[derive(Clone, Copy, Debug)]
struct Look {
    still: Nanos,
    own_work: Nanos,
    other_work: Nanos,
    hope: Hope,
    disk: bool,
}

/// Weighs the observations of one wait.
#[derive(Debug, Default)]
pub struct StallDetector {
    last: Option<(Nanos, u64)>,
    still: Nanos,
    looks: u32,
    grown_at: Nanos,
    /// Whether the last look spoke for growth.
    growth_seen: bool,
    /// Time counted as still when it was last told of.
    told_at: Option<Nanos>,
    /// Time counted as still when somebody was last at work.
    worked_at: Nanos,
    recent: VecDeque<Look>,
}

impl StallDetector {
    /// How long nothing has moved; a suspended process counts as one look.
    pub fn still(&self) -> Nanos {
        self.still
    }

    /// Takes in what is seen at time `now`.
    pub fn observe(&mut self, now: Nanos, rules: Rules, seen: &Observation) -> Verdict {
        let last = self.last.replace((now, seen.moved));
        let Some((then, _)) = last.filter(|(_, moved)| *moved == seen.moved && seen.hope != Hope::InTime) else {
            *self = Self { last: self.last, ..Self::default() };
            return Verdict::Wait;
        };
        let spacing = spacing(rules.timeout);
        self.still += now.saturating_sub(then).min(spacing);
        self.looks += 1;
        self.remember(rules.timeout, seen);
        if rules.timeout > 0 && self.looks >= LEAST_LOOKS {
            let verdict = self.judge(rules);
            if verdict != Verdict::Wait {
                return verdict;
            }
        }
        // Growth that is denied changes nothing, and is asked for again until the judgement above. Seen once, it may be a thread that has
        // not had its turn: a consumer just woken looks as stuck as one that blocks.
        let grows = seen.growth_helps && seen.hope == Hope::Never;
        let lasts = std::mem::replace(&mut self.growth_seen, grows);
        if grows && lasts && self.still >= self.grown_at.saturating_add(GROWTH_INTERVAL) {
            self.grown_at = self.still;
            return Verdict::Grow;
        }
        Verdict::Wait
    }

    /// Keeps what was seen for as long as it counts, a hundred entries at most.
    fn remember(&mut self, timeout: Nanos, seen: &Observation) {
        let look = Look {
            still: self.still,
            own_work: seen.own_work,
            other_work: seen.other_work,
            hope: seen.hope,
            disk: seen.disk,
        };
        match self.recent.back_mut() {
            // Looks in quick succession are one, of which the best is kept.
            Some(last) if self.still < last.still.saturating_add(timeout / 100) => {
                last.hope = last.hope.max(look.hope);
                last.disk |= look.disk;
            }
            _ => self.recent.push_back(look),
        }
        while self.recent.get(1).is_some_and(|second| self.is_old(second, timeout)) {
            self.recent.pop_front();
        }
    }

    /// Whether `look` was a timeout ago. The first look came up to one interval after the wait began.
    fn is_old(&self, look: &Look, timeout: Nanos) -> bool {
        self.still - look.still + GROWTH_INTERVAL.min(timeout / 10) >= timeout
    }

    fn judge(&mut self, rules: Rules) -> Verdict {
        let Some((first, last)) = self.recent.front().copied().zip(self.recent.back().copied()) else {
            return Verdict::Wait;
        };
        if !self.is_old(&first, rules.timeout) {
            return Verdict::Wait;
        }
        let busy = |then: Nanos, now: Nanos| {
            now.saturating_sub(then) as f64 > IDLE_CORES * (self.still - first.still).max(1) as f64
        };
        let others_work = busy(first.other_work, last.other_work);
        // All looks have to agree: the mildest counts.
        let hope = self.recent.iter().map(|look| look.hope).max().unwrap_or_default();
        let excused = match hope {
            Hope::Unexplained => others_work,
            Hope::Outside => others_work && rules.strict,
            Hope::Never | Hope::InTime => false,
        };
        if busy(first.own_work, last.own_work) || excused {
            self.worked_at = self.still;
            return Verdict::Wait;
        }
        let long = self.still - self.worked_at >= rules.timeout.saturating_mul(PATIENCE);
        let disk = self.recent.iter().any(|look| look.disk);
        let (class, proved) = match hope {
            Hope::Never => (Class::Deadlock, !others_work || long),
            Hope::Unexplained => (Class::Unexplained, long || (rules.strict && !disk)),
            Hope::Outside => (Class::Outside, rules.strict && (!disk || long)),
            Hope::InTime => return Verdict::Wait,
        };
        if proved {
            return Verdict::Stalled(class);
        }
        let again = rules.timeout.saturating_mul(PATIENCE);
        if self.told_at.is_some_and(|told| self.still < told.saturating_add(again)) {
            return Verdict::Wait;
        }
        self.told_at = Some(self.still);
        Verdict::Tell(class)
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
    use proptest::prelude::*;

    const TICK: Nanos = 50 * MILLISECOND;
    const TIMEOUT: Nanos = 5 * SECOND;
    const AUTO: Rules = Rules { timeout: TIMEOUT, strict: false };
    const STRICT: Rules = Rules { timeout: TIMEOUT, strict: true };
    /// Nothing moves, nobody can help, everybody is idle.
    const STUCK: Observation =
        Observation { moved: 7, hope: Hope::Never, own_work: 0, other_work: 0, disk: false, growth_helps: false };
    const HELD: Observation = Observation { hope: Hope::Unexplained, ..STUCK };
    const PEER: Observation = Observation { hope: Hope::Outside, ..STUCK };

    /// Looks every 50 ms for `seconds` and returns the verdicts that are not `Wait`, with their times in tenths of a second.
    fn run(rules: Rules, seconds: u64, look: impl Fn(Nanos) -> Observation) -> Vec<(u64, Verdict)> {
        let mut detector = StallDetector::default();
        (0..=seconds * SECOND / TICK)
            .map(|i| i * TICK)
            .map(|now| (now / (100 * MILLISECOND), detector.observe(now, rules, &look(now))))
            .filter(|(_, verdict)| *verdict != Verdict::Wait)
            .collect()
    }

    #[test]
    fn a_deadlock_is_a_stall_after_the_timeout() {
        for rules in [AUTO, STRICT] {
            let seen = run(rules, 6, |_| STUCK);
            assert!(matches!(seen[0], (50..=52, Verdict::Stalled(Class::Deadlock))), "{seen:?}");
        }
    }

    #[test]
    fn what_is_outside_is_told_of_again_and_again_and_never_fails() {
        let seen = run(AUTO, 130, |_| PEER);
        let tell = Verdict::Tell(Class::Outside);
        assert!(
            matches!(seen[..], [(50..=51, a), (650..=651, b), (1250..=1251, c)] if [a, b, c] == [tell; 3]),
            "{seen:?}"
        );
    }

    #[test]
    fn what_is_held_in_the_middle_is_told_of_and_fails_after_twelve_timeouts() {
        let seen = run(AUTO, 61, |_| HELD);
        let (tell, stalled) = (Verdict::Tell(Class::Unexplained), Verdict::Stalled(Class::Unexplained));
        assert!(matches!(seen[..2], [(50..=51, a), (600..=602, b)] if (a, b) == (tell, stalled)), "{seen:?}");
    }

    #[test]
    fn a_strict_queue_needs_no_proof_but_waits_for_the_disk() {
        for (look, class) in [(HELD, Class::Unexplained), (PEER, Class::Outside)] {
            let seen = run(STRICT, 6, |_| look);
            assert!(matches!(seen[0], (50..=52, verdict) if verdict == Verdict::Stalled(class)), "{seen:?}");
        }
        let seen = run(STRICT, 61, |_| Observation { disk: true, ..PEER });
        let (tell, stalled) = (Verdict::Tell(Class::Outside), Verdict::Stalled(Class::Outside));
        assert!(matches!(seen[..2], [(50..=51, a), (600..=602, b)] if (a, b) == (tell, stalled)), "{seen:?}");
    }

    #[test]
    fn whoever_works_is_right_for_as_long_as_it_does() {
        for look in [STUCK, HELD, PEER] {
            for rules in [AUTO, STRICT] {
                assert_eq!(run(rules, 200, |now| Observation { own_work: now / 4, ..look }), [], "{look:?}");
            }
        }
        let ends = |now: Nanos| Observation { own_work: now.min(90 * SECOND), ..HELD };
        let seen = run(AUTO, 170, ends);
        assert!(matches!(seen[0], (940..=955, Verdict::Tell(_))), "work that ended is no excuse: {seen:?}");
        assert!(matches!(seen[1], (1535..=1555, Verdict::Stalled(_))), "and gets its time anew: {seen:?}");
    }

    #[test]
    fn work_of_unknown_threads_excuses_what_is_unexplained_and_delays_a_deadlock() {
        let at_work = |now: Nanos| now / 4;
        assert_eq!(run(AUTO, 200, |now| Observation { other_work: at_work(now), ..HELD }), []);
        assert_eq!(run(STRICT, 200, |now| Observation { other_work: at_work(now), ..PEER }), []);
        let seen = run(AUTO, 61, |now| Observation { other_work: at_work(now), ..STUCK });
        let (tell, stalled) = (Verdict::Tell(Class::Deadlock), Verdict::Stalled(Class::Deadlock));
        assert!(matches!(seen[..2], [(50..=51, a), (600..=602, b)] if (a, b) == (tell, stalled)), "{seen:?}");
        assert!(matches!(run(AUTO, 6, |now| Observation { other_work: at_work(now), ..PEER })[..], [(50..=51, _)]));
    }

    #[test]
    fn one_mild_look_in_a_timeout_is_enough_for_mildness() {
        let now_and_then = |now: Nanos| if now.is_multiple_of(4 * SECOND) { PEER } else { STUCK };
        assert!(run(AUTO, 60, now_and_then).iter().all(|(_, verdict)| *verdict == Verdict::Tell(Class::Outside)));
    }

    #[test]
    fn a_suspended_process_counts_as_one_look() {
        let mut detector = StallDetector::default();
        let times = (0..20).map(|i| i * TICK).chain((0..40).map(|i| 21 * SECOND + i * TICK));
        assert!(times.map(|now| detector.observe(now, AUTO, &STUCK)).all(|verdict| verdict == Verdict::Wait));
        assert!(detector.still() <= 4 * SECOND + TICK);
    }

    #[test]
    fn growth_comes_first_one_step_per_span_where_nobody_else_can_help() {
        let grow = Observation { growth_helps: true, ..STUCK };
        let mut detector = StallDetector::default();
        let seen: Vec<_> = (0..5).filter(|i| detector.observe(i * TICK, AUTO, &grow) == Verdict::Grow).collect();
        assert_eq!(seen, [2, 3, 4], "two looks have to agree");
        // A thread that has not had its turn yet is seen as stuck now and then.
        let now_and_then = |now: Nanos| Observation { growth_helps: (now / TICK).is_multiple_of(2), ..STUCK };
        assert_eq!(run(AUTO, 1, now_and_then), []);
        for look in [PEER, HELD, Observation { hope: Hope::InTime, ..STUCK }] {
            assert_eq!(run(AUTO, 1, |_| Observation { growth_helps: true, ..look }), [], "{look:?}");
        }
        let denied = run(AUTO, 6, |_| grow);
        assert!(denied.iter().any(|(at, v)| matches!((at, v), (50..=52, Verdict::Stalled(_)))), "{denied:?}");
    }

    #[test]
    fn never_means_never_but_growth_goes_on() {
        let never = Rules { timeout: 0, strict: true };
        assert_eq!(run(never, 200, |_| STUCK), []);
        assert!(!run(never, 1, |_| Observation { growth_helps: true, ..STUCK }).is_empty());
    }

    #[test]
    fn a_short_timeout_needs_five_looks() {
        let mut detector = StallDetector::default();
        let rules = Rules { timeout: MILLISECOND, strict: false };
        let stalled = (0..20).find(|i| detector.observe(i * TICK, rules, &STUCK) == Verdict::Stalled(Class::Deadlock));
        assert!(matches!(stalled, Some(5..=6)), "{stalled:?}");
    }

    proptest! {
        /// Whatever is seen, nothing that moves, works or may be helped from outside within every timeout is ever an error.
        #[test]
        fn no_error_without_proof(looks in prop::collection::vec((0u8..4, 0u64..3, any::<bool>()), 1..400)) {
            let mut detector = StallDetector::default();
            let (mut moved, mut own_work) = (0, 0);
            for (i, (hope, step, works)) in looks.iter().enumerate() {
                let now = i as Nanos * 200 * MILLISECOND;
                moved += u64::from(*step == 2 && *hope == 3);
                own_work += if *works { 100 * MILLISECOND } else { 0 };
                let hope = [Hope::Unexplained, Hope::Outside, Hope::Outside, Hope::InTime][usize::from(*hope)];
                let seen = Observation { moved, hope, own_work, ..STUCK };
                let verdict = detector.observe(now, Rules { timeout: 30 * SECOND, strict: false }, &seen);
                prop_assert!(!matches!(verdict, Verdict::Stalled(Class::Deadlock | Class::Outside)), "{verdict:?}");
            }
        }

        /// Whatever stands still for twice the timeout is spoken of.
        #[test]
        fn no_silence(hopes in prop::collection::vec(0u8..3, 200..210), timeout in 1u64..5) {
            let mut detector = StallDetector::default();
            let mut spoken = false;
            for (i, hope) in hopes.iter().enumerate() {
                let hope = [Hope::Never, Hope::Unexplained, Hope::Outside][usize::from(*hope)];
                let rules = Rules { timeout: timeout * SECOND, strict: false };
                let verdict = detector.observe(i as Nanos * TICK, rules, &Observation { hope, ..STUCK });
                spoken |= matches!(verdict, Verdict::Tell(_) | Verdict::Stalled(_));
            }
            prop_assert!(spoken || timeout * 2 > 10);
        }
    }
}
