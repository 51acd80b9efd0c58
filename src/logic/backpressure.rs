//! Back-pressure with hysteresis: it begins at a high mark and ends at a low one, with nothing in between.

use crate::logic::clock::Nanos;

/// Where the fill of a queue lies between its two marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    /// At or above the high mark.
    High,
    /// Between the marks: everything stays as it is.
    Middle,
    /// At or below the low mark.
    Low,
}

impl Zone {
    /// The zone of a queue of which `fill` is used. `high` must be above `low`.
    pub fn of(fill: f64, high: f64, low: f64) -> Self {
        match fill {
            _ if fill >= high => Self::High,
            _ if fill <= low => Self::Low,
            _ => Self::Middle,
        }
    }
}

/// Back-pressure began or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Whether it began (or ended).
    pub active: bool,
    /// How long the episode that ended lasted; 0 when one began.
    pub duration: Nanos,
    /// Counts the episodes, from 1.
    pub episode: u64,
}

/// The spans during which there was back-pressure.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Episodes {
    /// The least time from the beginning of one episode to that of the next.
    spacing: Nanos,
    last_began: Option<Nanos>,
    /// When the one under way began.
    began: Option<Nanos>,
    count: u64,
    ended: Nanos,
    longest: Nanos,
}

impl Episodes {
    /// At most one episode begins in each span of `spacing`: a queue that fills and drains thousands of times a second has one
    /// long episode, not thousands.
    pub fn spaced(spacing: Nanos) -> Self {
        Self { spacing, ..Self::default() }
    }

    /// Takes note of where the fill is now.
    pub fn update(&mut self, now: Nanos, zone: Zone) -> Option<Transition> {
        match (self.began, zone) {
            (None, Zone::High) => {
                if self.last_began.is_some_and(|began| now.saturating_sub(began) < self.spacing) {
                    return None;
                }
                (self.began, self.last_began) = (Some(now), Some(now));
                self.count += 1;
                Some(Transition { active: true, duration: 0, episode: self.count })
            }
            (Some(_), Zone::Low) => self.end(now),
            _ => None,
        }
    }

    /// Ends the episode under way, if any, as when the queue is gone.
    pub fn end(&mut self, now: Nanos) -> Option<Transition> {
        let duration = now.saturating_sub(self.began.take()?);
        self.ended += duration;
        self.longest = self.longest.max(duration);
        Some(Transition { active: false, duration, episode: self.count })
    }

    /// How long the one under way lasts.
    pub fn current(&self, now: Nanos) -> Option<Nanos> {
        self.began.map(|began| now.saturating_sub(began))
    }

    /// Whether one is under way.
    pub fn active(&self) -> bool {
        self.began.is_some()
    }

    /// How many began.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How long they took together, the one under way included.
    pub fn total(&self, now: Nanos) -> Nanos {
        self.ended + self.current(now).unwrap_or(0)
    }

    /// How long the longest took, the one under way included.
    pub fn longest(&self, now: Nanos) -> Nanos {
        self.longest.max(self.current(now).unwrap_or(0))
    }

    /// Starts counting anew. An episode under way counts from `now`.
    pub fn reset(&mut self, now: Nanos) {
        let began = self.began.map(|_| now);
        *self = Self { began, last_began: began, count: u64::from(began.is_some()), ..Self::spaced(self.spacing) };
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn looks(fills: &[f64]) -> (Episodes, Vec<bool>) {
        let mut episodes = Episodes::default();
        let mut look = |(i, &fill): (usize, &f64)| {
            episodes.update(i as u64 * 10, Zone::of(fill, 0.9, 0.7));
            episodes.active()
        };
        let seen = fills.iter().enumerate().map(&mut look).collect();
        (episodes, seen)
    }

    #[test]
    fn on_at_ninety_and_off_at_seventy_with_nothing_in_between() {
        let (episodes, seen) = looks(&[0.0, 0.89, 0.9, 0.75, 0.89, 0.70, 0.89, 1.0, 0.71]);
        assert_eq!(seen, [false, false, true, true, true, false, false, true, true]);
        assert_eq!(episodes.count(), 2);
        assert_eq!(episodes.total(80), 30 + 10);
        assert_eq!(episodes.longest(80), 30);
        assert_eq!(episodes.longest(170), 100, "the one under way grows");
    }

    #[test]
    fn a_reset_keeps_the_one_under_way_from_then_on() {
        let (mut episodes, _) = looks(&[1.0, 1.0, 0.0, 1.0]);
        episodes.reset(100);
        assert_eq!((episodes.count(), episodes.total(100), episodes.total(130)), (1, 0, 30));
        let mut idle = Episodes::default();
        idle.reset(100);
        assert_eq!(idle, Episodes::default());
    }
}
