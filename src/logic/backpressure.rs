//! When a queue counts as full: on at a high mark, off at a low one.

use crate::logic::clock::Nanos;

/// The spans during which a queue was full.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub struct Episodes {
    /// When the one under way began.
    began: Option<Nanos>,
    /// How many began.
    pub count: u64,
    ended: Nanos,
    longest: Nanos,
}

impl Episodes {
    /// Takes a look at the queue: `fill` of it is used. `high` must be above `low`. Whether an episode is under way.
    pub fn look(&mut self, now: Nanos, fill: f64, high: f64, low: f64) -> bool {
        match self.began {
            None if fill >= high => {
                self.began = Some(now);
                self.count += 1;
            }
            Some(_) if fill <= low => self.end(now),
            _ => {}
        }
        self.began.is_some()
    }

    /// Ends the episode under way, if any: the queue is gone.
    pub fn end(&mut self, now: Nanos) {
        if let Some(began) = self.began.take() {
            let span = now.saturating_sub(began);
            self.ended += span;
            self.longest = self.longest.max(span);
        }
    }

    /// Whether one is under way.
    pub fn active(&self) -> bool {
        self.began.is_some()
    }

    /// How long they took together, the one under way included.
    pub fn total(&self, now: Nanos) -> Nanos {
        self.ended + self.current(now)
    }

    /// How long the longest took, the one under way included.
    pub fn longest(&self, now: Nanos) -> Nanos {
        self.longest.max(self.current(now))
    }

    /// Starts counting anew. An episode under way counts from `now`.
    pub fn reset(&mut self, now: Nanos) {
        let active = self.active();
        *self = Self { began: active.then_some(now), count: u64::from(active), ..Self::default() };
    }

    fn current(&self, now: Nanos) -> Nanos {
        self.began.map_or(0, |began| now.saturating_sub(began))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn looks(fills: &[f64]) -> (Episodes, Vec<bool>) {
        let mut episodes = Episodes::default();
        let seen = fills.iter().enumerate().map(|(i, &f)| episodes.look(i as u64 * 10, f, 0.9, 0.7)).collect();
        (episodes, seen)
    }

    #[test]
    fn on_at_ninety_and_off_at_seventy_with_nothing_in_between() {
        let (episodes, seen) = looks(&[0.0, 0.89, 0.9, 0.75, 0.89, 0.70, 0.89, 1.0, 0.71]);
        assert_eq!(seen, [false, false, true, true, true, false, false, true, true]);
        assert_eq!(episodes.count, 2);
        assert_eq!(episodes.total(80), 30 + 10);
        assert_eq!(episodes.longest(80), 30);
        assert_eq!(episodes.longest(170), 100, "the one under way grows");
    }

    #[test]
    fn a_reset_keeps_the_one_under_way_from_then_on() {
        let (mut episodes, _) = looks(&[1.0, 1.0, 0.0, 1.0]);
        episodes.reset(100);
        assert_eq!((episodes.count, episodes.total(100), episodes.total(130)), (1, 0, 30));
        let mut idle = Episodes::default();
        idle.reset(100);
        assert_eq!(idle, Episodes::default());
    }
}
