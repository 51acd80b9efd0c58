//! What is known of one measuring point in one span of time.

use super::slots::Merge;
use super::spread::{Spread, part};
use crate::logic::clock::Nanos;
use crate::logic::health::verdict::Health;
use crate::logic::named::named;

named! {
    /// What adds up from span to span.
    Sum:
    Covered "covered" "Nanoseconds that readings tell of.",
    Buffers "buffers" "Buffers that arrived.",
    Bytes "bytes" "Bytes that arrived.",
    Media "media-time" "Nanoseconds of media that arrived.",
    Missing "missing" "Buffers that should have arrived and did not.",
    Refused "refused" "Buffers that downstream refused with an error.",
    Jumps "discontinuities" "Places where timestamps or flags jump.",
    Corrupted "corrupted" "Buffers flagged as corrupted.",
    Timed "timed" "Buffers whose arrival was compared with the clock.",
    Late "late" "Buffers that arrived later than allowed.",
    Blocked "blocked-time" "Nanoseconds spent waiting for downstream.",
    Starved "starved-time" "Nanoseconds spent waiting for upstream.",
    Backpressure "backpressure-time" "Nanoseconds in episodes of back-pressure.",
    Episodes "backpressure-episodes" "Episodes of back-pressure that began.",
    Stalled "stalled-time" "Nanoseconds in which nothing moved although it should have.",
}

const SUMS: usize = Sum::ALL.len();

/// How bad a state is.
pub fn severity(state: Health) -> u8 {
    match state {
        Health::Starting => 0,
        Health::Eos => 1,
        Health::Healthy => 2,
        Health::Degraded => 3,
        Health::Unhealthy => 4,
        Health::Stalled => 5,
    }
}

/// The figures of one span.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Slot {
    pub(super) sums: [u64; SUMS],
    /// Times inside the push downstream.
    pub(super) push: Spread,
    /// The least and the most that the watched queue was filled, from 0 to 1.
    pub(super) fill: Option<(f32, f32)>,
    /// By how much the latest buffer was late.
    pub(super) late_by: Nanos,
    /// The worst state.
    pub(super) state: Health,
}

impl Slot {
    /// A sum.
    pub fn sum(&self, sum: Sum) -> u64 {
        self.sums[sum as usize]
    }

    pub(super) fn set(&mut self, sum: Sum, value: u64) {
        self.sums[sum as usize] = value;
    }

    /// Buffers that are missing or were refused with an error.
    pub fn lost(&self) -> u64 {
        self.sum(Sum::Missing).saturating_add(self.sum(Sum::Refused))
    }

    /// Which share of the time of a stream that flows it waited for downstream, and for upstream.
    pub fn waits(&self) -> Option<(f64, f64)> {
        let (blocked, starved) = (self.sum(Sum::Blocked) as f64, self.sum(Sum::Starved) as f64);
        let all = blocked + starved;
        (all > 0.0).then(|| (blocked / all, starved / all))
    }

    /// Whether readings tell of it.
    pub fn is_known(&self) -> bool {
        self.sum(Sum::Covered) > 0
    }

    /// The part of this span from `from` to `to` where it is `of` long: an even share of what adds up, and all that does not.
    pub(super) fn part(&self, from: Nanos, to: Nanos, of: Nanos) -> Self {
        Self { sums: self.sums.map(|sum| part(sum, from, to, of)), push: self.push.part(from, to, of), ..self.clone() }
    }
}

impl Merge for Slot {
    fn merge(&mut self, later: &Self) {
        self.sums.iter_mut().zip(&later.sums).for_each(|(to, from)| *to = to.saturating_add(*from));
        self.push.merge(&later.push);
        self.fill = match (self.fill, later.fill) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (one, other) => one.or(other),
        };
        self.late_by = self.late_by.max(later.late_by);
        if severity(later.state) > severity(self.state) {
            self.state = later.state;
        }
    }
}
