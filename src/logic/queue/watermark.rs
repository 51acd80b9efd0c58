//! The marks of back-pressure in a queue with several limits: one near the limit, one well below it.

use super::levels::Level;
use crate::logic::backpressure::Zone;
use crate::logic::clock::{MILLISECOND, Nanos};

/// Fill at which back-pressure begins.
pub const HIGH: f64 = 0.90;
/// Fill at which it ends.
pub const LOW: f64 = 0.70;
/// Back-pressure begins no more often than this.
pub const LEAST_BETWEEN_EPISODES: Nanos = 100 * MILLISECOND;

/// Why these marks cannot work together, if they cannot.
pub fn contradiction(high: f64, low: f64) -> Option<String> {
    (high <= low).then(|| {
        format!("high-watermark ({high}) must be above low-watermark ({low}). Raise the one or lower the other.")
    })
}

/// The levels that turn back-pressure on: whole numbers, at least 1, for every limit that there is.
pub fn marks(limits: &Level, high: f64) -> Level {
    let mark = |limit: u64| match limit {
        0 => 0,
        limit => ((limit as f64 * high).ceil() as u64).clamp(1, limit),
    };
    Level { buffers: mark(limits.buffers), bytes: mark(limits.bytes), time: mark(limits.time) }
}

/// Whether `level` is at or above the mark that turns back-pressure on.
pub fn is_high(level: &Level, limits: &Level, high: f64) -> bool {
    level.reaches(&marks(limits, high))
}

/// Whether `level` is at or below the mark that turns it off; what turns it on never turns it off.
pub fn is_low(level: &Level, limits: &Level, high: f64, low: f64) -> bool {
    !is_high(level, limits, high) && level.fill(limits) <= low
}

/// Where `level` lies.
pub fn zone(level: &Level, limits: &Level, high: f64, low: f64) -> Zone {
    match () {
        _ if is_high(level, limits, high) => Zone::High,
        _ if is_low(level, limits, high, low) => Zone::Low,
        _ => Zone::Middle,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::backpressure::{Episodes, Transition};
    use proptest::prelude::*;

    fn buffers(n: u64) -> Level {
        Level { buffers: n, ..Level::default() }
    }

    /// Tells `episodes` of a queue with room for `limit` buffers.
    fn update(episodes: &mut Episodes, level: u64, limit: u64, now: Nanos) -> Option<Transition> {
        episodes.update(now, zone(&buffers(level), &buffers(limit), HIGH, LOW))
    }

    #[test]
    fn on_at_ninety_off_at_seventy_percent_once_each_way() {
        let (mut episodes, mut now) = (Episodes::spaced(LEAST_BETWEEN_EPISODES), 0);
        let mut changes = Vec::new();
        for level in [8, 9, 10, 9, 8, 7, 6, 8, 9, 7] {
            now += 200 * MILLISECOND;
            changes.extend(update(&mut episodes, level, 10, now));
        }
        let seen: Vec<_> = changes.iter().map(|c| (c.active, c.episode, c.duration / MILLISECOND)).collect();
        assert_eq!(seen, [(true, 1, 0), (false, 1, 800), (true, 2, 0), (false, 2, 200)]);
    }

    #[test]
    fn limits_of_one_and_two_work() {
        for (limit, on, off) in [(1, 1, 0), (2, 2, 1)] {
            let mut episodes = Episodes::spaced(LEAST_BETWEEN_EPISODES);
            assert!(update(&mut episodes, on, limit, 0).is_some_and(|c| c.active), "limit {limit}");
            assert!(update(&mut episodes, on, limit, 1).is_none());
            assert!(update(&mut episodes, off, limit, 2).is_some_and(|c| !c.active));
        }
    }

    #[test]
    fn rapid_filling_and_draining_is_told_of_ten_times_a_second_at_most() {
        let mut episodes = Episodes::spaced(LEAST_BETWEEN_EPISODES);
        let began = (0..10_000u64)
            .filter_map(|i| update(&mut episodes, if i % 2 == 0 { 10 } else { 0 }, 10, i * 100_000))
            .filter(|c| c.active)
            .count();
        assert!((9..=11).contains(&began), "{began} in one second");
    }

    proptest! {
        #[test]
        fn no_level_is_both_high_and_low(b in 0u64..50, t in 0u64..50, lb in 0u64..20, lt in 0u64..20, high in 0.1f64..1.0, part in 0.0f64..1.0) {
            let (level, limits) = (Level { buffers: b, bytes: 0, time: if b == 0 { 0 } else { t } }, Level { buffers: lb, bytes: 0, time: lt });
            prop_assert!(!(is_high(&level, &limits, high) && is_low(&level, &limits, high, high * part)));
        }
    }
}
