//! How full a queue is, in the three dimensions of GStreamer's `queue`.

use crate::logic::clock::Nanos;

/// A level or a set of limits. In limits and thresholds 0 means "none".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Level {
    /// Buffers; a list counts each of its buffers.
    pub buffers: u64,
    /// Bytes.
    pub bytes: u64,
    /// Running time between what goes in and what comes out.
    pub time: Nanos,
}

impl Level {
    fn dimensions(&self) -> [u64; 3] {
        [self.buffers, self.bytes, self.time]
    }

    /// Whether a level has come up to any of `limits`.
    pub fn reaches(&self, limits: &Level) -> bool {
        self.reached(limits).contains(&true)
    }

    /// Which of `limits` (buffers, bytes, time) a level has come up to.
    pub fn reached(&self, limits: &Level) -> [bool; 3] {
        let (level, limits) = (self.dimensions(), limits.dimensions());
        std::array::from_fn(|i| limits[i] > 0 && level[i] >= limits[i])
    }

    /// Whether a level is below any of `thresholds`.
    pub fn is_short_of(&self, thresholds: &Level) -> bool {
        let (level, thresholds) = (self.dimensions(), thresholds.dimensions());
        (0..3).any(|i| level[i] < thresholds[i])
    }

    /// The fullest dimension as a part of its limit; 0 without limits.
    pub fn fill(&self, limits: &Level) -> f64 {
        let (level, limits) = (self.dimensions(), limits.dimensions());
        (0..3).filter(|i| limits[*i] > 0).map(|i| level[i] as f64 / limits[i] as f64).fold(0.0, f64::max)
    }

    /// Whether there is room for a quarter of the limits (one buffer at least), which makes waking a producer pay.
    pub fn leaves_room_worth_waking_for(&self, limits: &Level) -> bool {
        let (level, limits) = (self.dimensions(), limits.dimensions());
        (0..3).all(|i| limits[i] == 0 || level[i] < limits[i] - (limits[i] / 4).min(limits[i] - 1))
    }

    /// Whether any dimension is larger than in `other`.
    pub fn exceeds(&self, other: &Level) -> bool {
        self.buffers > other.buffers || self.bytes > other.bytes || self.time > other.time
    }

    /// The larger of both in each dimension.
    pub fn max(&self, other: &Level) -> Level {
        Level {
            buffers: self.buffers.max(other.buffers),
            bytes: self.bytes.max(other.bytes),
            time: self.time.max(other.time),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(buffers: u64, bytes: u64, time: u64) -> Level {
        Level { buffers, bytes, time }
    }

    #[test]
    fn zero_is_no_limit_and_any_dimension_fills_the_queue() {
        let limits = size(4, 0, 100);
        assert!(!size(3, 1 << 40, 99).reaches(&limits));
        assert_eq!(size(4, 0, 100).reached(&limits), [true, false, true]);
        assert!(size(0, 0, 100).reaches(&limits));
        assert!(!size(9, 9, 9).reaches(&Level::default()));
        assert_eq!(size(2, 7, 75).fill(&limits), 0.75);
        assert_eq!(size(2, 7, 75).fill(&Level::default()), 0.0);
    }

    #[test]
    fn a_threshold_in_any_dimension_holds_back() {
        assert!(size(1, 5, 0).is_short_of(&size(2, 0, 0)));
        assert!(!size(2, 0, 0).is_short_of(&size(2, 0, 0)));
        assert!(!size(0, 0, 0).is_short_of(&Level::default()));
    }

    #[test]
    fn a_producer_is_woken_for_a_quarter_of_the_limit_or_for_one_buffer() {
        for (limit, least) in [(1, 0), (2, 1), (3, 2), (4, 2), (64, 47), (200, 149)] {
            let limits = size(limit, 0, 0);
            assert!(size(least, 0, 0).leaves_room_worth_waking_for(&limits), "{least} of {limit}");
            assert!(!size(least + 1, 0, 0).leaves_room_worth_waking_for(&limits), "{} of {limit}", least + 1);
        }
    }
}
