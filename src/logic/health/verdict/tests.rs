use super::*;
use crate::logic::clock::{MILLISECOND, SECOND};

const TOLERANCE: Tolerance = Tolerance { stall_timeout: 2 * SECOND, max_drop_ratio: 0.01 };

fn counts(of: &[(Count, u64)]) -> Counts {
    let mut counts = Counts::default();
    of.iter().for_each(|&(count, n)| counts[count] = n);
    counts
}

fn clean() -> Vec<(Count, u64)> {
    vec![(Count::In, 30), (Count::Out, 30), (Count::Timed, 30), (Count::BlockedTime, 1), (Count::StarvedTime, 9)]
}

/// Judges an interval of a second of `of` beside 30 clean buffers, then the present.
fn judge(judge: &mut Judge, of: &[(Count, u64)], advance: Option<Nanos>) -> (Health, Vec<Reason>) {
    let counts = counts(&[clean(), of.to_vec()].concat());
    judge.interval(
        &Interval { counts: &counts, span: SECOND, advance, sink_dropped: 0, synced: true, early: 0 },
        &TOLERANCE,
    );
    judge.look(&Present { activity: Some(1), ..Present::default() }, &TOLERANCE);
    (judge.state(), judge.reasons().iter().collect())
}

#[test]
fn a_clean_interval_is_healthy_whoever_waits_for_whom() {
    for waits in [(Count::BlockedTime, SECOND), (Count::StarvedTime, SECOND)] {
        assert_eq!(judge(&mut Judge::new(0), &[waits], Some(SECOND)), (Health::Healthy, vec![]));
    }
}

#[test]
fn each_harm_has_its_reason_and_is_over_when_it_is_over() {
    use Reason::*;
    let cases = [
        (vec![(Count::Missing, 1), (Count::Holes, 1), (Count::DiscontFlag, 1)], Health::Unhealthy, vec![Dropping]),
        (vec![(Count::FlowError, 1)], Health::Unhealthy, vec![Dropping]),
        (vec![(Count::DiscontBackwards, 1)], Health::Degraded, vec![Discontinuous]),
        (vec![(Count::DiscontSegment, 1), (Count::DiscontFlush, 1), (Count::DiscontCaps, 1)], Health::Healthy, vec![]),
        (vec![(Count::Corrupted, 1)], Health::Degraded, vec![Corrupted]),
        (vec![(Count::FlowFlushing, 9), (Count::Dropped, 9)], Health::Healthy, vec![]),
    ];
    for (what, state, reasons) in cases {
        let mut j = Judge::new(0);
        assert_eq!(judge(&mut j, &what, None), (state, reasons), "{what:?}");
        assert_eq!(judge(&mut j, &[], None), (Health::Healthy, vec![]), "after {what:?}");
    }
}

#[test]
fn the_allowed_share_of_drops_is_allowed() {
    let few = [(Count::In, 1000), (Count::Missing, 10), (Count::Holes, 10), (Count::DiscontGap, 10)];
    assert_eq!(judge(&mut Judge::new(0), &few, None), (Health::Healthy, vec![]));
    let more = [(Count::In, 900), (Count::Missing, 10), (Count::Holes, 10), (Count::DiscontGap, 10)];
    assert_eq!(judge(&mut Judge::new(0), &more, None), (Health::Unhealthy, vec![Reason::Dropping]));
}

#[test]
fn lateness_must_last_and_names_who_is_slow() {
    let mut j = Judge::new(0);
    let late = [(Count::Late, 3)];
    assert_eq!(judge(&mut j, &late, None).0, Health::Healthy, "a hiccup");
    assert_eq!(judge(&mut j, &[(Count::Late, 2)], None).0, Health::Healthy, "too few");
    judge(&mut j, &late, None);
    assert_eq!(judge(&mut j, &late, None), (Health::Unhealthy, vec![Reason::Late, Reason::Starved]));
    let blocked = [late[0], (Count::BlockedTime, 10)];
    assert_eq!(judge(&mut j, &blocked, None).1, [Reason::Late, Reason::Backpressure]);
    assert_eq!(judge(&mut j, &[], None).0, Health::Unhealthy, "one good second is not the end of it");
    assert_eq!(judge(&mut j, &[], None).0, Health::Healthy);
    assert_eq!(judge(&mut j, &[(Count::Late, 15)], None).0, Health::Unhealthy, "half of them late need no proof");
}

#[test]
fn what_a_sink_holds_for_the_clock_is_not_what_makes_others_late() {
    // A source that sleeps now and then: the sink waits for each buffer that comes in time.
    let counts = counts(&[
        (Count::In, 30),
        (Count::Timed, 30),
        (Count::Late, 15),
        (Count::BlockedTime, 600 * MILLISECOND),
        (Count::StarvedTime, 400 * MILLISECOND),
    ]);
    let judged = |early| {
        let mut judge = Judge::new(0);
        judge.interval(
            &Interval { counts: &counts, span: SECOND, advance: None, sink_dropped: 0, synced: true, early },
            &TOLERANCE,
        );
        judge.look(&Present { activity: Some(1), ..Present::default() }, &TOLERANCE);
        judge.reasons().iter().collect::<Vec<_>>()
    };
    assert_eq!(judged(500 * MILLISECOND), [Reason::Late, Reason::Starved]);
    assert_eq!(judged(0), [Reason::Late, Reason::Backpressure]);
}

#[test]
fn a_halt_that_others_have_found_is_a_stall_before_it_plays_too() {
    let mut judge = Judge::new(SECOND);
    let halted =
        Present { now: 9 * SECOND, halted: true, activity: Some(2 * SECOND), pushing: true, ..Present::default() };
    let change = judge.look(&halted, &TOLERANCE).expect("a change");
    assert_eq!(
        (change.new, change.reasons),
        (Health::Stalled, [Reason::Stalled, Reason::Backpressure].into_iter().collect())
    );
    assert_eq!(judge.stalled(10 * SECOND), 8 * SECOND);
    let moves = Present { now: 11 * SECOND, halted: false, activity: Some(11 * SECOND), ..halted };
    assert_eq!(judge.look(&moves, &TOLERANCE).map(|change| change.new), Some(Health::Healthy));
    let nothing = Present { activity: None, pushing: false, ..halted };
    assert_eq!(Judge::new(SECOND).look(&nothing, &TOLERANCE).map(|change| change.new), Some(Health::Stalled));
}

#[test]
fn slow_is_less_media_than_time_twice() {
    let mut j = Judge::new(0);
    assert_eq!(judge(&mut j, &[], Some(700 * MILLISECOND)).0, Health::Healthy);
    assert_eq!(judge(&mut j, &[], Some(700 * MILLISECOND)), (Health::Degraded, vec![Reason::Starved, Reason::Slow]));
    judge(&mut j, &[], Some(SECOND));
    assert_eq!(judge(&mut j, &[], Some(SECOND)).0, Health::Healthy);
}

#[test]
fn a_stall_needs_play_and_patience_and_names_the_side_that_is_still() {
    let mut j = Judge::new(0);
    let at = |now, activity, pushing| Present {
        now,
        activity: Some(activity),
        pushing,
        playing_since: Some(SECOND),
        ..Present::default()
    };
    let present = at(3 * SECOND - 1, 5, false);
    assert_eq!(j.look(&present, &TOLERANCE).map(|c| c.new), Some(Health::Healthy), "not playing for two seconds yet");
    assert_eq!(j.look(&Present { pace: SECOND, now: 3 * SECOND, ..present }, &TOLERANCE), None, "slow media");
    assert_eq!(j.look(&Present { playing_since: None, now: 9 * SECOND, ..present }, &TOLERANCE), None, "paused");
    assert_eq!(
        j.look(&Present { ended: true, now: 9 * SECOND, ..present }, &TOLERANCE).map(|c| c.new),
        Some(Health::Eos)
    );
    let change = j.look(&at(3 * SECOND, 5, false), &TOLERANCE).expect("a stall");
    assert_eq!((change.old, change.new, change.since), (Health::Eos, Health::Stalled, 3 * SECOND));
    assert_eq!(change.reasons.iter().collect::<Vec<_>>(), [Reason::Stalled, Reason::Starved]);
    assert_eq!(j.look(&at(4 * SECOND, 5, false), &TOLERANCE), None, "one message each way");
    assert_eq!(j.stalled(4 * SECOND), 3 * SECOND);
    assert_eq!(j.look(&at(5 * SECOND, 5 * SECOND, true), &TOLERANCE).map(|c| c.new), Some(Health::Healthy));
    assert_eq!(j.stalled(6 * SECOND), 4 * SECOND);
    let change = j.look(&at(7 * SECOND, 5 * SECOND, true), &TOLERANCE).expect("another stall");
    assert_eq!(change.reasons.iter().collect::<Vec<_>>(), [Reason::Stalled, Reason::Backpressure]);
    let never = Tolerance { stall_timeout: 0, ..TOLERANCE };
    assert_eq!(j.look(&at(99 * SECOND, 5 * SECOND, true), &never).map(|c| c.new), Some(Health::Healthy));
}

#[test]
fn what_is_held_until_it_is_due_is_no_stall_nor_is_nothing_to_say() {
    let held = Present {
        now: 30 * SECOND,
        playing_since: Some(SECOND),
        activity: Some(5 * SECOND),
        pushing: true,
        ..Present::default()
    };
    let state = |present: &Present| {
        let mut j = Judge::new(0);
        j.look(present, &TOLERANCE);
        j.state()
    };
    assert_eq!(state(&held), Health::Stalled);
    assert_eq!(state(&Present { due: Some(29 * SECOND), ..held }), Health::Healthy);
    assert_eq!(state(&Present { due: Some(28 * SECOND), ..held }), Health::Stalled, "two seconds ago");
    assert_eq!(state(&Present { due: Some(4 * SECOND), ..held }), Health::Stalled);
    assert_eq!(state(&Present { sparse: true, ..held }), Health::Stalled, "it does not get through");
    assert_eq!(state(&Present { sparse: true, pushing: false, ..held }), Health::Healthy);
}

#[test]
fn what_a_sink_throws_away_is_dropped() {
    let counts = counts(&clean());
    for (sink_dropped, state) in [(0, Health::Healthy), (1, Health::Unhealthy)] {
        let mut j = Judge::new(0);
        j.interval(
            &Interval { counts: &counts, span: SECOND, advance: None, sink_dropped, synced: true, early: 0 },
            &TOLERANCE,
        );
        j.look(&Present { activity: Some(1), ..Present::default() }, &TOLERANCE);
        assert_eq!(j.state(), state);
    }
}

#[test]
fn an_error_outlives_the_end_it_brings() {
    let mut j = Judge::new(0);
    let failed = Present { failed: true, ended: true, activity: Some(1), ..Present::default() };
    let change = j.look(&failed, &TOLERANCE).expect("a change");
    assert_eq!((change.new, change.reasons), (Health::Unhealthy, [Reason::FlowError].into_iter().collect()));
}

#[test]
fn a_full_queue_behind_a_source_that_cannot_wait_is_told_before_it_overflows() {
    let mut j = Judge::new(0);
    let change = j.look(&Present { overrunning: true, activity: Some(1), ..Present::default() }, &TOLERANCE);
    assert_eq!(change.map(|c| (c.new, c.reasons.contains(Reason::Backpressure))), Some((Health::Degraded, true)));
}
