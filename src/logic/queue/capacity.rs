//! A queue's limits: what the user set, what the tier and the budget allow for the rest, and growth.

use super::levels::Level;
use crate::logic::clock::{MILLISECOND, Nanos, SECOND};
use crate::logic::memory::low::Supply;
use crate::logic::memory::tiers::FLOOR;

/// The kind of data in the queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Content {
    /// Audio, encoded or unknown: counted by time and buffers.
    #[default]
    Other,
    /// Raw video with this many bytes in a frame (0 = unknown, as for frames in graphics memory).
    Frames(u64),
}

/// Limits that the user set; 0 = no limit. None adapts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UserLimits {
    /// Buffers.
    pub buffers: Option<u32>,
    /// Bytes.
    pub bytes: Option<u32>,
    /// Nanoseconds.
    pub time: Option<Nanos>,
}

impl UserLimits {
    /// Whether every dimension adapts.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// Buffers that a queue of anything but raw video holds before it grows.
pub const OTHER_BUFFERS: u32 = 200;
/// Time for each of them: 3 s in all.
const OTHER_TIME: Nanos = 15 * MILLISECOND;
/// Bytes for all of them: a 32nd of the budget within these bounds.
const OTHER_BYTES: std::ops::RangeInclusive<u64> = (4 << 20)..=(64 << 20);
/// Growth in percent of what there is, and the least number of buffers.
const GROWTH: (u32, u32) = (25, 4);

/// The adaptive part of a queue's limits, in units: frames for raw video, else buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// The kind of data.
    pub content: Content,
    /// Units before growth.
    pub base: u32,
    /// Units now.
    pub units: u32,
    /// Bytes that a unit stands for; 0 = unknown.
    pub unit_bytes: u64,
}

impl Capacity {
    /// A queue for `content`, with the tier's `frames` for raw video and a share of the budget's `limit` for the rest.
    pub fn new(content: Content, frames: u32, budget_limit: u64) -> Self {
        let (base, unit_bytes) = match content {
            Content::Frames(bytes) => (frames.max(FLOOR), bytes),
            Content::Other => {
                let share = (budget_limit / 32).clamp(*OTHER_BYTES.start(), *OTHER_BYTES.end());
                (OTHER_BUFFERS, share / u64::from(OTHER_BUFFERS))
            }
        };
        Self { content, base, units: base, unit_bytes }
    }

    /// Bytes to lease for `units` when the user has set `user`, and whether they may not be denied.
    pub fn lease(&self, units: u32, user: &UserLimits) -> (u64, bool) {
        let by_buffers = user.buffers.filter(|b| *b > 0).map(|b| u64::from(b).saturating_mul(self.unit_bytes));
        let by_bytes = user.bytes.filter(|b| *b > 0).map(u64::from);
        match (by_buffers, by_bytes) {
            (Some(a), Some(b)) => (a.min(b), true),
            // Counting buffers says nothing of bytes where their size is unknown: the share stays.
            (Some(a), None) if self.content != Content::Other => (a, true),
            (None, Some(b)) => (b, true),
            _ => (u64::from(units).saturating_mul(self.unit_bytes), false),
        }
    }

    /// Units that `bytes` pay for, never below the floor.
    pub fn affordable(&self, bytes: u64) -> u32 {
        let floor = match self.content {
            Content::Frames(_) => FLOOR,
            // 1/50 of the share: 1.3 MB on a large machine.
            Content::Other => OTHER_BUFFERS / 50,
        };
        match self.unit_bytes {
            0 => self.units,
            unit => (bytes / unit).min(self.units.into()).max(floor.into()) as u32,
        }
    }

    /// The limits in force.
    pub fn limits(&self, user: &UserLimits) -> Level {
        let units = u64::from(self.units);
        let adaptive = match self.content {
            Content::Frames(_) => {
                // A number of frames that the user chose is meant: bytes follow it.
                let frames = user.buffers.filter(|b| *b > 0).map_or(units, u64::from);
                Level { buffers: units, bytes: frames.saturating_mul(self.unit_bytes), time: 0 }
            }
            Content::Other => Level { buffers: units, bytes: units * self.unit_bytes, time: units * OTHER_TIME },
        };
        Level {
            buffers: user.buffers.map_or(adaptive.buffers, u64::from),
            bytes: user.bytes.map_or(adaptive.bytes, u64::from),
            time: user.time.unwrap_or(adaptive.time),
        }
    }

    /// The units after one step of growth.
    pub fn grown(&self) -> u32 {
        self.units.saturating_add((self.units / 100 * GROWTH.0 + self.units % 100 * GROWTH.0 / 100).max(GROWTH.1))
    }

    /// The units after one step back under low memory.
    pub fn shrunk(&self) -> u32 {
        self.units.saturating_sub((self.units / 4).max(1)).clamp(FLOOR.min(self.units), self.units)
    }

    /// Whether the queue has grown and now holds so little that its first size will do again.
    pub fn may_fall_back(&self, level: &Level, user: &UserLimits) -> bool {
        self.units > self.base && {
            let first = Capacity { units: self.base, ..*self };
            level.fill(&first.limits(user)) <= 0.5
        }
    }
}

/// Gives up room while memory is low, and takes it again after calm.
#[derive(Clone, Copy, Debug, Default)]
pub struct Thrift {
    stepped: Option<Nanos>,
}

/// A queue gives up room this often.
const SHRINK_INTERVAL: Nanos = SECOND;
/// It takes room again after this long without a step.
const CALM: Nanos = 10 * SECOND;

impl Thrift {
    /// The units from now on.
    pub fn update(&mut self, capacity: &Capacity, supply: Supply, now: Nanos) -> u32 {
        let rest = self.stepped.map(|stepped| now.saturating_sub(stepped));
        let units = match supply {
            Supply::Low | Supply::Scarce if rest.is_none_or(|rest| rest >= SHRINK_INTERVAL) => capacity.shrunk(),
            Supply::Plenty if capacity.units < capacity.base && rest.is_some_and(|rest| rest >= CALM) => {
                capacity.grown().min(capacity.base)
            }
            _ => return capacity.units,
        };
        self.stepped = Some(now);
        units
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;
    const FRAME: u64 = 3840 * 2160 * 4;

    #[test]
    fn raw_video_counts_frames_and_their_bytes() {
        let capacity = Capacity::new(Content::Frames(FRAME), 64, 24 * GIB);
        let limits = capacity.limits(&UserLimits::default());
        assert_eq!(limits, Level { buffers: 64, bytes: 64 * FRAME, time: 0 });
        assert_eq!(capacity.lease(64, &UserLimits::default()), (64 * FRAME, false));
        assert_eq!(capacity.affordable(10 * FRAME - 1), 9);
        assert_eq!(capacity.affordable(0), FLOOR);
    }

    #[test]
    fn everything_else_counts_three_seconds_two_hundred_buffers_and_a_share() {
        let limits = Capacity::new(Content::Other, 64, 24 * GIB).limits(&UserLimits::default());
        assert_eq!((limits.buffers, limits.time), (200, 3_000_000_000));
        assert!((60 << 20..=64 << 20).contains(&limits.bytes), "{}", limits.bytes);
        assert!(Capacity::new(Content::Other, 64, 64 << 20).limits(&UserLimits::default()).bytes > 3 << 20);
    }

    #[test]
    fn what_the_user_set_is_meant_and_not_denied() {
        let capacity = Capacity::new(Content::Frames(FRAME), 8, GIB);
        let user = UserLimits { buffers: Some(200), ..UserLimits::default() };
        assert_eq!(capacity.limits(&user), Level { buffers: 200, bytes: 200 * FRAME, time: 0 });
        assert_eq!(capacity.lease(8, &user), (200 * FRAME, true));
        let none = UserLimits { buffers: Some(0), bytes: Some(0), time: Some(0) };
        assert_eq!(capacity.limits(&none), Level::default());
        assert_eq!(capacity.lease(8, &none), (8 * FRAME, false));
    }

    #[test]
    fn growth_is_a_quarter_and_at_least_four() {
        let mut capacity = Capacity::new(Content::Frames(1), 8, GIB);
        let mut steps = vec![capacity.units];
        for _ in 0..6 {
            capacity.units = capacity.grown();
            steps.push(capacity.units);
        }
        assert_eq!(steps, [8, 12, 16, 20, 25, 31, 38]);
        assert!(capacity.may_fall_back(&Level { buffers: 4, bytes: 4, time: 0 }, &UserLimits::default()));
        assert!(!capacity.may_fall_back(&Level { buffers: 5, bytes: 5, time: 0 }, &UserLimits::default()));
        assert_eq!(Capacity { units: u32::MAX, ..capacity }.grown(), u32::MAX);
        let steps: Vec<_> =
            std::iter::successors(Some(8), |units| Some(Capacity { units: *units, ..capacity }.shrunk()))
                .take(6)
                .collect();
        assert_eq!(steps, [8, 6, 5, 4, 3, 2]);
    }

    #[test]
    fn under_low_memory_a_queue_gives_a_quarter_a_second_and_takes_it_back_after_calm() {
        let (mut capacity, mut thrift) = (Capacity::new(Content::Frames(FRAME), 8, GIB), Thrift::default());
        let mut held = Vec::new();
        for half_second in 0..100 {
            let supply = if half_second < 12 { Supply::Low } else { Supply::Plenty };
            let units = thrift.update(&capacity, supply, half_second * SECOND / 2);
            if units != capacity.units {
                held.push((half_second, units));
            }
            capacity.units = units;
        }
        assert_eq!(held, [(0, 6), (2, 5), (4, 4), (6, 3), (8, 2), (30, 6), (50, 8)]);
    }
}
