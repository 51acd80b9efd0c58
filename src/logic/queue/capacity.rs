//! A queue's limits: what the user set, what the tier, the budget and need make of the rest, and growth.

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
pub const OTHER_TIME: Nanos = 15 * MILLISECOND;
/// Bytes for all of them: a 32nd of the budget within these bounds.
const OTHER_BYTES: std::ops::RangeInclusive<u64> = (4 << 20)..=(64 << 20);
/// Time of raw video where neither buffers nor bytes have a limit.
const FRAMES_TIME: Nanos = SECOND;
/// Growth in percent of what there is, and the least number of buffers.
const GROWTH: (u32, u32) = (25, 4);

/// The adaptive part of a queue's limits, in units: frames for raw video, else buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// The kind of data.
    pub content: Content,
    /// Units to begin with, and the fewest that are left when nothing needs more.
    pub start: u32,
    /// The most units that need can bring.
    pub tier: u32,
    /// Units that need has shown, from `start` to `tier`.
    pub needed: u32,
    /// Units now: more than needed for the sake of a join, fewer while memory is low.
    pub units: u32,
    /// Bytes that a unit stands for; 0 = unknown.
    pub unit_bytes: u64,
}

impl Capacity {
    /// A queue for `content`, with `start` and `tier` frames for raw video and a share of the budget's `limit` for the rest.
    pub fn new(content: Content, start: u32, tier: u32, budget_limit: u64) -> Self {
        let (start, tier, unit_bytes) = match content {
            Content::Frames(bytes) => {
                let tier = tier.max(FLOOR);
                (start.clamp(FLOOR, tier), tier, bytes)
            }
            Content::Other => {
                let share = (budget_limit / 32).clamp(*OTHER_BYTES.start(), *OTHER_BYTES.end());
                (OTHER_BUFFERS, OTHER_BUFFERS, share / u64::from(OTHER_BUFFERS))
            }
        };
        Self { content, start, tier, needed: start, units: start, unit_bytes }
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
                // Time counts where it is all that is left to count: as much as in `queue`.
                let time = if user.buffers == Some(0) && user.bytes == Some(0) { FRAMES_TIME } else { 0 };
                Level { buffers: units, bytes: frames.saturating_mul(self.unit_bytes), time }
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

    /// With twice the room, since that would have helped. None at the tier, and where the user counts the buffers.
    pub fn doubled(&self, user: &UserLimits) -> Option<Self> {
        let more = self.units.saturating_mul(2).min(self.tier);
        (self.units < self.tier && user.buffers.is_none()).then_some(Self {
            needed: self.needed.max(more),
            units: more,
            ..*self
        })
    }

    /// The units that are left when half of the room is given up. None where there is none to give.
    pub fn halved(&self) -> Option<u32> {
        (self.needed > self.start).then(|| (self.needed / 2).max(self.start))
    }

    /// With the room that need has shown: without growth for a join, and without thrift.
    pub fn as_needed(&self) -> Self {
        Self { units: self.needed, ..*self }
    }

    /// Whether the queue has grown for a join and now holds so little that what need has shown will do again.
    pub fn may_fall_back(&self, level: &Level, user: &UserLimits) -> bool {
        self.units > self.needed && level.fill(&self.as_needed().limits(user)) <= 0.5
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
            Supply::Plenty if capacity.units < capacity.needed && rest.is_some_and(|rest| rest >= CALM) => {
                capacity.grown().min(capacity.needed)
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
    use proptest::prelude::*;

    const GIB: u64 = 1 << 30;
    const FRAME: u64 = 3840 * 2160 * 4;

    #[test]
    fn raw_video_counts_frames_and_their_bytes() {
        let capacity = Capacity::new(Content::Frames(FRAME), 64, 64, 24 * GIB);
        let limits = capacity.limits(&UserLimits::default());
        assert_eq!(limits, Level { buffers: 64, bytes: 64 * FRAME, time: 0 });
        assert_eq!(capacity.lease(64, &UserLimits::default()), (64 * FRAME, false));
        assert_eq!(capacity.affordable(10 * FRAME - 1), 9);
        assert_eq!(capacity.affordable(0), FLOOR);
    }

    #[test]
    fn everything_else_counts_three_seconds_two_hundred_buffers_and_a_share() {
        let limits = Capacity::new(Content::Other, 8, 64, 24 * GIB).limits(&UserLimits::default());
        assert_eq!((limits.buffers, limits.time), (200, 3_000_000_000));
        assert!((60 << 20..=64 << 20).contains(&limits.bytes), "{}", limits.bytes);
        assert!(Capacity::new(Content::Other, 8, 64, 64 << 20).limits(&UserLimits::default()).bytes > 3 << 20);
    }

    #[test]
    fn what_the_user_set_is_meant_and_not_denied() {
        let capacity = Capacity::new(Content::Frames(FRAME), 8, 8, GIB);
        let user = UserLimits { buffers: Some(200), ..UserLimits::default() };
        assert_eq!(capacity.limits(&user), Level { buffers: 200, bytes: 200 * FRAME, time: 0 });
        assert_eq!(capacity.lease(8, &user), (200 * FRAME, true));
        let none = UserLimits { buffers: Some(0), bytes: Some(0), time: Some(0) };
        assert_eq!(capacity.limits(&none), Level::default());
        let by_time = UserLimits { time: None, ..none };
        assert_eq!(
            capacity.limits(&by_time),
            Level { time: SECOND, ..Level::default() },
            "never without any limit by itself"
        );
        assert_eq!(capacity.lease(8, &none), (8 * FRAME, false));
    }

    #[test]
    fn growth_is_a_quarter_and_at_least_four() {
        let mut capacity = Capacity::new(Content::Frames(1), 8, 8, GIB);
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
    fn need_doubles_up_to_the_tier_and_halves_down_to_the_start() {
        let mut capacity = Capacity::new(Content::Frames(FRAME), 8, 50, 24 * GIB);
        let user = UserLimits::default();
        let up: Vec<_> = std::iter::successors(Some(capacity), |c| c.doubled(&user)).map(|c| c.units).collect();
        assert_eq!(up, [8, 16, 32, 50]);
        (capacity.needed, capacity.units) = (50, 50);
        let mut down = Vec::new();
        while let Some(units) = capacity.halved() {
            (capacity.needed, capacity.units) = (units, units);
            down.push(units);
        }
        assert_eq!(down, [25, 12, 8]);
        let counted = UserLimits { buffers: Some(9), ..UserLimits::default() };
        assert_eq!(capacity.doubled(&counted), None, "a number that the user chose is meant");
        assert_eq!(Capacity::new(Content::Other, 8, 64, GIB).doubled(&user), None);
        assert_eq!(Capacity::new(Content::Frames(FRAME), 8, 4, GIB).start, 4, "the tier is the ceiling");
    }

    #[test]
    fn after_growth_for_a_join_a_queue_falls_back_to_what_need_has_shown() {
        let user = UserLimits::default();
        let capacity = Capacity::new(Content::Frames(1), 8, 64, GIB).doubled(&user).unwrap();
        let grown = Capacity { units: 40, ..capacity };
        let level = |buffers| Level { buffers, bytes: buffers, time: 0 };
        assert!(grown.may_fall_back(&level(8), &user) && !grown.may_fall_back(&level(9), &user));
        assert_eq!(grown.as_needed().units, 16);
        assert_eq!(grown.doubled(&user).unwrap().needed, 64, "what a join has brought was too little as well");
    }

    #[test]
    fn under_low_memory_a_queue_gives_a_quarter_a_second_and_takes_it_back_after_calm() {
        let (mut capacity, mut thrift) = (Capacity::new(Content::Frames(FRAME), 8, 8, GIB), Thrift::default());
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

    proptest! {
        #[test]
        fn what_need_shows_lies_between_start_and_tier(
            start in 0u32..100,
            tier in 0u32..100,
            steps in proptest::collection::vec(any::<bool>(), 0..20),
        ) {
            let mut capacity = Capacity::new(Content::Frames(FRAME), start, tier, GIB);
            for double in steps {
                match double {
                    true => capacity = capacity.doubled(&UserLimits::default()).unwrap_or(capacity),
                    false => capacity.needed = capacity.halved().unwrap_or(capacity.needed),
                }
                capacity = capacity.as_needed();
                prop_assert!((capacity.start..=capacity.tier).contains(&capacity.units));
                prop_assert!(capacity.start >= FLOOR);
            }
        }
    }
}
