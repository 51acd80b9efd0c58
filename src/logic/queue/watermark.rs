//! Back-pressure with hysteresis: on near the limit, off well below it, never both.

use super::levels::Size;
use crate::logic::clock::{MILLISECOND, Nanos};

/// Fill at which back-pressure begins.
pub const HIGH: f64 = 0.90;
/// Fill at which it ends.
pub const LOW: f64 = 0.70;
/// A queue that fills and drains thousands of times a second has one long period of back-pressure, not thousands.
const LEAST_BETWEEN_EPISODES: Nanos = 100 * MILLISECOND;

/// A change of the state.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// Whether back-pressure began (or ended).
    pub active: bool,
    /// Fill at the change, 0 to 1 and beyond.
    pub fill: f64,
    /// How long the period that ended lasted; 0 when one began.
    pub duration: Nanos,
    /// Counts the periods, from 1.
    pub episode: u64,
}

/// The state. Levels go in, changes come out.
#[derive(Debug, Default)]
pub struct Watermark {
    since: Option<Nanos>,
    last_began: Option<Nanos>,
    episodes: u64,
}

/// Whether `level` is at or above the mark that turns back-pressure on.
pub fn is_high(level: &Size, limits: &Size, high: f64) -> bool {
    let above = |level: u64, limit: u64| limit > 0 && level as f64 >= (limit as f64 * high).max(1.0);
    above(level.buffers, limits.buffers) || above(level.bytes, limits.bytes) || above(level.time, limits.time)
}

/// Whether `level` is at or below the mark that turns it off; what turns it on never turns it off.
pub fn is_low(level: &Size, limits: &Size, high: f64, low: f64) -> bool {
    !is_high(level, limits, high) && level.fill(limits) <= low
}

impl Watermark {
    /// Whether there is back-pressure now.
    pub fn active(&self) -> bool {
        self.since.is_some()
    }

    /// Periods so far.
    pub fn episodes(&self) -> u64 {
        self.episodes
    }

    /// Tells of the level now.
    pub fn update(&mut self, level: &Size, limits: &Size, high: f64, low: f64, now: Nanos) -> Option<Change> {
        let fill = level.fill(limits);
        match self.since {
            None if is_high(level, limits, high) => {
                let soon = self.last_began.is_some_and(|began| now.saturating_sub(began) < LEAST_BETWEEN_EPISODES);
                if soon {
                    return None;
                }
                self.since = Some(now);
                self.last_began = Some(now);
                self.episodes += 1;
                Some(Change { active: true, fill, duration: 0, episode: self.episodes })
            }
            Some(since) if is_low(level, limits, high, low) => {
                self.since = None;
                Some(Change { active: false, fill, duration: now.saturating_sub(since), episode: self.episodes })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn buffers(n: u64) -> Size {
        Size { buffers: n, ..Size::default() }
    }

    #[test]
    fn on_at_ninety_off_at_seventy_percent_once_each_way() {
        let (mut mark, limits, mut now) = (Watermark::default(), buffers(10), 0);
        let mut changes = Vec::new();
        for level in [8, 9, 10, 9, 8, 7, 6, 8, 9, 7] {
            now += 200 * MILLISECOND;
            changes.extend(mark.update(&buffers(level), &limits, HIGH, LOW, now));
        }
        let seen: Vec<_> = changes.iter().map(|c| (c.active, c.episode, c.duration / MILLISECOND)).collect();
        assert_eq!(seen, [(true, 1, 0), (false, 1, 800), (true, 2, 0), (false, 2, 200)]);
    }

    #[test]
    fn limits_of_one_and_two_work() {
        for (limit, on, off) in [(1, 1, 0), (2, 2, 1)] {
            let mut mark = Watermark::default();
            assert!(
                mark.update(&buffers(on), &buffers(limit), HIGH, LOW, 0).is_some_and(|c| c.active),
                "limit {limit}"
            );
            assert!(mark.update(&buffers(on), &buffers(limit), HIGH, LOW, 1).is_none());
            assert!(mark.update(&buffers(off), &buffers(limit), HIGH, LOW, 2).is_some_and(|c| !c.active));
        }
    }

    #[test]
    fn rapid_filling_and_draining_is_told_of_ten_times_a_second_at_most() {
        let mut mark = Watermark::default();
        let began = (0..10_000u64)
            .filter_map(|i| {
                mark.update(&buffers(if i % 2 == 0 { 10 } else { 0 }), &buffers(10), HIGH, LOW, i * 100_000)
            })
            .filter(|c| c.active)
            .count();
        assert!((9..=11).contains(&began), "{began} in one second");
    }

    proptest! {
        #[test]
        fn no_level_is_both_high_and_low(b in 0u64..50, t in 0u64..50, lb in 0u64..20, lt in 0u64..20, high in 0.1f64..1.0, part in 0.0f64..1.0) {
            let (level, limits) = (Size { buffers: b, bytes: 0, time: if b == 0 { 0 } else { t } }, Size { buffers: lb, bytes: 0, time: lt });
            prop_assert!(!(is_high(&level, &limits, high) && is_low(&level, &limits, high, high * part)));
        }
    }
}
