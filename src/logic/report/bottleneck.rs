//! Who sets the pace.
//!
//! A thread that moves a stream either waits in the push for downstream or outside of it for upstream. Where measuring points
//! wait for downstream and those after them for upstream, what lies between them is the slowest part.

use super::recorder::Recorder;
use super::slot::{Slot, Sum, severity};
use super::slots::Merge;
use super::track::Track;
use crate::logic::clock::Nanos;
use crate::logic::health::verdict::Health;

/// What sets the pace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// A part of the pipeline is slower than all others.
    Part,
    /// A sink waits for the clock, as it should.
    Clock,
    /// A live source delivers when there is something, as it should.
    Source,
}

/// Where the pace is set, and what it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Bottleneck {
    pub pace: Pace,
    /// The measuring point before it, which waits for it; none before the first.
    pub after: Option<usize>,
    /// The measuring point after it, which waits for it too; none behind the last.
    pub before: Option<usize>,
    /// For which share of the time they waited.
    pub share: f64,
    /// Since when, after the start of recording; none if from the beginning.
    pub since: Option<Nanos>,
    /// It was so while something was wrong, which is all that is looked at then.
    pub amid_trouble: bool,
    /// For how long the stream flowed, and how many buffers and how much media passed.
    pub flowed: Nanos,
    pub buffers: u64,
    pub media: Nanos,
}

/// One of the shares of time that a stream waits: for downstream or for upstream.
type Which = fn((f64, f64)) -> f64;

/// A place where the pace may be set.
#[derive(Clone, Copy)]
struct Candidate {
    /// Somebody is held up by it.
    holds_up: bool,
    share: f64,
    pace: Pace,
    after: Option<usize>,
    before: Option<usize>,
}

/// From which share on somebody is said to wait.
const MOSTLY: f64 = 0.5;
/// How many spans in a row may be different.
const EXCEPTIONS: usize = 2;

/// Whether something was wrong in each span, at any measuring point.
fn trouble(tracks: &[Vec<Slot>]) -> Vec<bool> {
    let bad = |slot: &Slot| {
        slot.lost() + slot.sum(Sum::Late) + slot.sum(Sum::Stalled) > 0
            || severity(slot.state) >= severity(Health::Degraded)
    };
    let spans = tracks.iter().map(Vec::len).max().unwrap_or(0);
    (0..spans).map(|at| tracks.iter().any(|slots| slots.get(at).is_some_and(bad))).collect()
}

/// Finds what sets the pace, if anything does: in the spans in which something was wrong, if there are any.
pub fn find(recorder: &Recorder) -> Option<Bottleneck> {
    let tracks = recorder.tracks();
    let slots: Vec<_> = tracks.iter().map(|track| track.slots.columns(1)).collect();
    let trouble = trouble(&slots);
    let amid = |slots: &Vec<Slot>| {
        let mut sum = Slot::default();
        slots.iter().zip(&trouble).filter(|(_, bad)| **bad).for_each(|(slot, _)| sum.merge(slot));
        sum
    };
    let sums: Vec<_> = slots.iter().map(amid).collect();
    let found = find_in(tracks, &sums).map(|found| Bottleneck { amid_trouble: true, ..found });
    found.or_else(|| {
        let sums: Vec<_> = tracks.iter().map(|track| track.total.clone()).collect();
        let found = find_in(tracks, &sums)?;
        let (probe, which): (_, Which) = match (found.after, found.before) {
            (Some(probe), _) => (probe, |(blocked, _)| blocked),
            (None, Some(probe)) => (probe, |(_, starved)| starved),
            (None, None) => return Some(found),
        };
        Some(Bottleneck { since: since(recorder.axis().0, &slots[probe], which), ..found })
    })
}

fn find_in(tracks: &[Track], sums: &[Slot]) -> Option<Bottleneck> {
    let waits: Vec<_> = sums.iter().map(Slot::waits).collect();
    let next = |probe: usize| {
        let next = tracks[probe].around.next.as_ref()?;
        tracks.iter().position(|track| track.is_at(next))
    };
    let is_first = |probe: usize| (0..tracks.len()).all(|other| next(other) != Some(probe));
    let is_starved = |probe: usize| waits[probe].is_some_and(|(_, starved)| starved >= MOSTLY);
    let mut best: Option<Candidate> = None;
    for (probe, track) in tracks.iter().enumerate() {
        let Some((blocked, starved)) = waits[probe].filter(|_| !track.sparse) else { continue };
        let found = if blocked >= MOSTLY {
            match next(probe) {
                Some(next) if waits[next].is_some_and(|(blocked, _)| blocked >= MOSTLY) => continue,
                // Where streams join, one that is held up waits for the one that does not come.
                Some(join) if (0..tracks.len()).any(|other| next(other) == Some(join) && is_starved(other)) => continue,
                Some(next) => {
                    let share = waits[next].map_or(blocked, |(_, starved)| starved.min(blocked));
                    Candidate { holds_up: true, share, pace: Pace::Part, after: Some(probe), before: Some(next) }
                }
                None => {
                    // What is late is not held for the clock.
                    let late = sums[probe].sum(Sum::Late) * 2 > sums[probe].sum(Sum::Timed);
                    let is_clock = track.synced && !late;
                    Candidate {
                        holds_up: !is_clock,
                        share: blocked,
                        pace: if is_clock { Pace::Clock } else { Pace::Part },
                        after: Some(probe),
                        before: None,
                    }
                }
            }
        } else if is_first(probe) {
            let pace = if track.live { Pace::Source } else { Pace::Part };
            Candidate { holds_up: false, share: starved, pace, after: None, before: Some(probe) }
        } else {
            continue;
        };
        // Somebody who holds others up says more than somebody who has nothing to hold up.
        if best.is_none_or(|best| (found.holds_up, found.share) > (best.holds_up, best.share)) {
            best = Some(found);
        }
    }
    let Candidate { share, pace, after, before, .. } = best?;
    let made = &sums[before.or(after)?];
    let flowed = |sum: &Slot| sum.sum(Sum::Blocked) + sum.sum(Sum::Starved);
    Some(Bottleneck {
        pace,
        after,
        before,
        share,
        since: None,
        amid_trouble: false,
        flowed: flowed(made),
        buffers: made.sum(Sum::Buffers),
        media: made.sum(Sum::Media),
    })
}

/// Since when one wait has been the longer one without much of a break; none if as good as from the beginning.
fn since(width: Nanos, slots: &[Slot], which: Which) -> Option<Nanos> {
    let first = slots.iter().position(|slot| slot.waits().is_some())?;
    let (mut begin, mut against) = (slots.len(), 0);
    for (at, slot) in slots.iter().enumerate().rev() {
        let Some(waits) = slot.waits() else { continue };
        if which(waits) >= MOSTLY {
            (begin, against) = (at, 0);
        } else {
            against += 1;
            if against > EXCEPTIONS {
                break;
            }
        }
    }
    let start_up = slots.len() / 20 + 2 * EXCEPTIONS;
    if begin >= slots.len() || begin <= first + start_up {
        return None;
    }
    // Where it goes to and fro it was no different before.
    let mut before = Slot::default();
    slots[..begin].iter().for_each(|slot| before.merge(slot));
    before.waits().is_none_or(|waits| which(waits) < MOSTLY).then(|| begin as Nanos * width)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::recorder::Process;
    use super::super::testing::Stream;
    use super::super::track::Around;
    use super::*;
    use crate::logic::clock::SECOND;

    /// Two measuring points in a row with pushes that take so many tenths of a second of each, as many seconds as there are.
    fn run(pushes: &[(u64, u64)], change: impl Fn(&mut Stream)) -> Option<Bottleneck> {
        let mut recorder = Recorder::new(0, SECOND);
        let mut streams = [Stream::new("a"), Stream::new("b")];
        streams.iter_mut().for_each(&change);
        for (s, &(a, b)) in (1u64..).zip(pushes) {
            for (stream, tenths) in streams.iter_mut().zip([a, b]) {
                stream.each_push = tenths * SECOND / 100;
                stream.flow(SECOND, 10, 0, 0);
            }
            recorder.sample(s * SECOND, &Process::default(), &streams.each_ref().map(Stream::reading));
        }
        let next = Some(streams[1].place.clone());
        recorder.describe(&streams[0].place, Around { next, ..Around::default() });
        find(&recorder)
    }

    #[test]
    fn the_slowest_part_lies_where_waiting_for_downstream_turns_into_waiting_for_upstream() {
        let between = |pushes: &[(u64, u64)]| run(pushes, |_| {}).map(|b| (b.pace, b.after, b.before));
        assert_eq!(between(&[(9, 1); 40]), Some((Pace::Part, Some(0), Some(1))));
        assert_eq!(between(&[(9, 8); 40]), Some((Pace::Part, Some(1), None)));
        assert_eq!(between(&[(1, 2); 40]), Some((Pace::Part, None, Some(0))));
    }

    #[test]
    fn a_clock_and_a_live_source_are_no_fault() {
        assert_eq!(run(&[(9, 9); 9], |s| s.synced = true).map(|b| b.pace), Some(Pace::Clock));
        assert_eq!(run(&[(1, 1); 9], |s| s.live = true).map(|b| b.pace), Some(Pace::Source));
    }

    #[test]
    fn what_is_rare_by_nature_is_not_slow() {
        assert_eq!(run(&[(9, 1); 40], |_| {}).map(|b| b.pace), Some(Pace::Part));
        assert_eq!(run(&[(9, 1); 40], |s| s.sparse = true).map(|b| b.pace), None);
    }

    #[test]
    fn when_something_was_wrong_it_is_about_that_time() {
        let mut recorder = Recorder::new(0, SECOND);
        let mut streams = [Stream::new("a"), Stream::new("b")];
        for s in 1..=100 {
            let bad = s > 90;
            streams[0].each_push = if bad { 90 } else { 1 } * SECOND / 1000;
            streams.iter_mut().for_each(|stream| stream.flow(SECOND, 10, u64::from(bad), 0));
            recorder.sample(s * SECOND, &Process::default(), &streams.each_ref().map(Stream::reading));
        }
        let next = Some(streams[1].place.clone());
        recorder.describe(&streams[0].place, Around { next, ..Around::default() });
        let found = find(&recorder);
        let found = found.map(|b| (b.after, b.before, b.amid_trouble, b.flowed, b.buffers));
        assert_eq!(found, Some((Some(0), Some(1), true, 10 * SECOND, 100)));
    }

    #[test]
    fn a_branch_that_waits_at_a_join_for_another_is_not_to_blame() {
        let mut recorder = Recorder::new(0, SECOND);
        let mut streams = ["sound", "pictures", "coded", "file"].map(Stream::new);
        let pushes = [95, 90, 1, 1];
        for s in 1..=20 {
            for (stream, each) in streams.iter_mut().zip(pushes) {
                stream.each_push = each * SECOND / 1000;
                stream.flow(SECOND, 10, 0, 0);
            }
            recorder.sample(s * SECOND, &Process::default(), &streams.each_ref().map(Stream::reading));
        }
        for (from, to) in [(0, 3), (1, 2), (2, 3)] {
            let next = Some(streams[to].place.clone());
            recorder.describe(&streams[from].place, Around { next, ..Around::default() });
        }
        assert_eq!(find(&recorder).map(|b| (b.after, b.before)), Some((Some(1), Some(2))));
    }

    #[test]
    fn it_says_since_when_unless_that_is_the_beginning() {
        let late = [vec![(1, 1); 40], vec![(9, 1); 60], vec![(2, 1)], vec![(9, 1); 20]].concat();
        assert_eq!(run(&late, |_| {}).and_then(|b| b.since), Some(40 * SECOND));
        let early = [vec![(1, 1); 2], vec![(9, 1); 60]].concat();
        assert_eq!(run(&early, |_| {}).and_then(|b| b.since), None);
        let to_and_fro = [vec![(9, 1); 40], vec![(4, 1); 5], vec![(9, 1); 20]].concat();
        assert_eq!(run(&to_and_fro, |_| {}).map(|b| (b.after, b.since)), Some((Some(0), None)));
    }
}
