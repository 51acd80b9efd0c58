//! The worst moments of a run.

use super::units::{things, time};
use crate::logic::clock::{MILLISECOND, Nanos, SECOND};

/// How many are kept.
pub const MOMENTS: usize = 20;

/// Trouble that goes on after less than this is the same trouble.
const PAUSE: Nanos = SECOND;
/// A push that takes this long is worth a mention, although a stream without a clock may bear it.
const LONG_PUSH: Nanos = 500 * MILLISECOND;

/// A span in which something was wrong at one measuring point.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Moment {
    /// Which measuring point: its place among the recorder's.
    pub probe: usize,
    /// From when to when, after the start of recording.
    pub span: (Nanos, Nanos),
    /// Running time of the media that passed, where it has any.
    pub media: Option<(Nanos, Nanos)>,
    /// Buffers that are missing, and how long they would have been shown.
    pub missing: u64,
    pub(super) missing_for: Nanos,
    /// Buffers that downstream refused with an error.
    pub refused: u64,
    /// Buffers that were late, and by how much at most.
    pub late: u64,
    /// As `late`.
    pub late_by: Nanos,
    /// For how long nothing moved.
    pub stalled: Nanos,
    /// Places where timestamps or flags jump.
    pub jumps: u64,
    /// Buffers flagged as corrupted.
    pub corrupted: u64,
    /// The longest push.
    pub push: Nanos,
}

impl Moment {
    /// Whether anything was wrong.
    pub fn is_bad(&self) -> bool {
        self.missing + self.refused + self.late + self.jumps + self.corrupted > 0
            || self.stalled > 0
            || self.push >= LONG_PUSH
    }

    /// How bad it was, as the time that somebody who watches or listens misses. A refused buffer ends most streams; a jump is
    /// seen for a frame or two; a long push alone harms nobody yet, but it is where to look.
    pub fn harm(&self) -> Nanos {
        let many = |n: u64, each: Nanos| n.saturating_mul(each);
        let push = if self.push >= LONG_PUSH { self.push / 10 } else { 0 };
        [
            self.stalled,
            self.missing_for,
            self.late_by,
            push,
            many(self.refused, SECOND),
            many(self.jumps, 40 * MILLISECOND),
            many(self.corrupted, 40 * MILLISECOND),
        ]
        .into_iter()
        .fold(0, Nanos::saturating_add)
    }

    /// What was wrong, in words.
    pub fn what(&self) -> String {
        let buffers = |n: u64, what: &str| format!("{} {what}", things(n, "buffer", "buffers"));
        let mut said = Vec::new();
        if self.stalled > 0 {
            said.push(format!("nothing moved for {}", time(self.stalled)));
        }
        if self.refused > 0 {
            said.push(buffers(self.refused, "refused with an error"));
        }
        if self.missing > 0 {
            said.push(buffers(self.missing, "missing"));
        }
        if self.late > 0 {
            said.push(format!("{} by up to {}", buffers(self.late, "late"), time(self.late_by)));
        }
        if self.jumps > 0 {
            said.push(things(self.jumps, "jump in the timestamps", "jumps in the timestamps"));
        }
        if self.corrupted > 0 {
            said.push(buffers(self.corrupted, "corrupted"));
        }
        if self.push >= LONG_PUSH {
            said.push(format!("downstream took {} for one buffer", time(self.push)));
        }
        said.join(", ")
    }

    /// Whether `later` goes on where this ends.
    fn leads_to(&self, later: &Self) -> bool {
        later.span.0 <= self.span.1.saturating_add(PAUSE)
    }

    fn join(&mut self, later: &Self) {
        self.span.1 = self.span.1.max(later.span.1);
        self.media = match (self.media, later.media) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (one, other) => one.or(other),
        };
        self.missing += later.missing;
        self.missing_for = self.missing_for.saturating_add(later.missing_for);
        self.refused += later.refused;
        self.late += later.late;
        self.late_by = self.late_by.max(later.late_by);
        self.stalled += later.stalled;
        self.jumps += later.jumps;
        self.corrupted += later.corrupted;
        self.push = self.push.max(later.push);
    }
}

/// Keeps the worst.
#[derive(Debug, Clone, Default)]
pub(super) struct Moments {
    /// Those that are over, the worst first.
    over: Vec<Moment>,
    /// The last one of each measuring point: it may go on.
    open: Vec<Moment>,
}

impl Moments {
    /// Adds a moment, unless nothing was wrong. Those of one measuring point come in order.
    pub fn add(&mut self, moment: Moment) {
        if !moment.is_bad() {
            return;
        }
        match self.open.iter_mut().find(|open| open.probe == moment.probe) {
            Some(open) if open.leads_to(&moment) => open.join(&moment),
            Some(open) => {
                let over = std::mem::replace(open, moment);
                keep(&mut self.over, over);
            }
            None => self.open.push(moment),
        }
    }

    /// The worst, the worst first.
    pub fn worst(&self) -> Vec<Moment> {
        let mut worst = self.over.clone();
        self.open.iter().for_each(|open| keep(&mut worst, open.clone()));
        worst
    }
}

/// Of moments that are equally bad the earlier one counts.
fn keep(worst: &mut Vec<Moment>, moment: Moment) {
    let place = |m: &Moment| (std::cmp::Reverse(m.harm()), m.span, m.probe);
    let at = worst.partition_point(|other| place(other) < place(&moment));
    worst.insert(at, moment);
    worst.truncate(MOMENTS);
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lost(at: Nanos, n: u64) -> Moment {
        Moment { span: (at, at + SECOND), missing: n, missing_for: n * 40 * MILLISECOND, ..Moment::default() }
    }

    #[test]
    fn trouble_that_goes_on_is_one_moment() {
        let mut moments = Moments::default();
        [0, 1, 2, 9].iter().for_each(|&s| moments.add(lost(s * SECOND, 2)));
        moments.add(Moment { span: (3 * SECOND, 4 * SECOND), ..Moment::default() });
        let worst = moments.worst();
        let spans: Vec<_> = worst.iter().map(|m| (m.span.0 / SECOND, m.span.1 / SECOND, m.missing)).collect();
        assert_eq!(spans, [(0, 3, 6), (9, 10, 2)]);
        assert_eq!(worst[1].what().replace('\u{a0}', " "), "2 buffers missing");
    }

    proptest! {
        #[test]
        fn the_worst_are_those_of_all(harms in prop::collection::vec(1u64..1000, 0..100)) {
            let mut moments = Moments::default();
            harms.iter().enumerate().for_each(|(i, &n)| moments.add(lost(i as u64 * 10 * SECOND, n)));
            let mut sorted = harms.clone();
            sorted.sort_unstable_by(|a, b| b.cmp(a));
            sorted.truncate(MOMENTS);
            prop_assert_eq!(moments.worst().iter().map(|m| m.missing).collect::<Vec<_>>(), sorted);
        }
    }
}
