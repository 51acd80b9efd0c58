//! Where playback is and where it goes: which frame is worth most, and which is to be rendered next.

use std::ops::Range;

use super::runs::Runs;

/// In which order frames are rendered that nobody has asked for yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Preload {
    /// Those that come next, in the direction of playback and around a loop.
    Forward,
    /// The nearest on both sides: 0, +1, −1, +2, −2 and so on, for whoever looks for a place.
    Spiral,
    /// `Forward` while playing, `Spiral` while paused.
    #[default]
    Auto,
    /// None.
    None,
}

/// A frame behind is worth as much as one this many times as far ahead: a fifth of the room is left to what was shown.
const BEHIND: u64 = 4;

/// What is known of playback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Playhead {
    /// The frame that is wanted next.
    pub next: u64,
    /// The frame that playback last jumped to: what a person who looks for a place sees.
    pub anchor: u64,
    /// Frame numbers fall.
    pub backwards: bool,
    /// The frames that are played.
    pub range: Range<u64>,
    /// After the last of them the first comes again.
    pub looped: bool,
    /// Time stands still.
    pub paused: bool,
    /// There has been a jump: what was shown may be wanted again. An export never jumps, and keeps nothing of what it has shown.
    pub jumped: bool,
    /// What is rendered ahead.
    pub preload: Preload,
    /// How many frames are rendered ahead at most.
    pub ahead: u64,
}

impl Default for Playhead {
    fn default() -> Self {
        Self {
            next: 0,
            anchor: 0,
            backwards: false,
            range: 0..u64::MAX,
            looped: false,
            paused: false,
            jumped: false,
            preload: Preload::Auto,
            ahead: 0,
        }
    }
}

/// When a frame is next shown, as far as one can tell. What is smaller is worth more.
pub type Distance = u64;
/// Not again.
pub const NEVER: Distance = Distance::MAX;

/// How far a frame is that was shown so many frames ago. After the end of what is played all were shown long ago, and yet only a jump away.
fn behind(away: u64) -> Distance {
    away.saturating_mul(BEHIND).min(NEVER - 1)
}

impl Playhead {
    /// The strategy in force.
    pub fn strategy(&self) -> Preload {
        match self.preload {
            Preload::Auto if self.paused => Preload::Spiral,
            Preload::Auto => Preload::Forward,
            other => other,
        }
    }

    /// How far off frame `n` is.
    pub fn distance(&self, n: u64) -> Distance {
        if n == self.next {
            return 0;
        }
        if self.strategy() == Preload::Spiral {
            // The frame that is shown, and the one that stands ready after it.
            return 2 * n.abs_diff(self.anchor) + u64::from(n < self.anchor);
        }
        let ahead = if self.backwards { n < self.next } else { n > self.next };
        let away = n.abs_diff(self.next);
        if !self.range.contains(&n) {
            // Outside of what is played: only another jump leads there.
            return if self.jumped { behind(away).max(self.length()) } else { NEVER };
        }
        match (ahead, self.looped) {
            (true, _) => away,
            (false, true) => self.length().saturating_sub(away),
            (false, false) if self.jumped => behind(away),
            (false, false) => NEVER,
        }
    }

    /// The frame that playback begins with, as far as the range says.
    pub fn first(&self) -> u64 {
        if self.backwards { self.range.end.saturating_sub(1) } else { self.range.start }
    }

    fn length(&self) -> u64 {
        self.range.end - self.range.start
    }

    /// The frame to render next, of those that are not in `there`; `next` itself before all others.
    pub fn wanted(&self, there: &Runs) -> Option<u64> {
        if self.range.contains(&self.next) && !there.contains(self.next) {
            return Some(self.next);
        }
        let found = match self.strategy() {
            Preload::None | Preload::Auto => None,
            Preload::Forward => self.ahead_of_next(there),
            Preload::Spiral => self.beside_anchor(there),
        };
        let within = |n: &u64| match self.strategy() {
            Preload::Spiral => n.abs_diff(self.anchor) <= self.ahead / 2,
            _ => self.distance(*n) <= self.ahead,
        };
        found.filter(within)
    }

    fn ahead_of_next(&self, there: &Runs) -> Option<u64> {
        let Range { start, end } = self.range;
        let within = |n: &u64| self.range.contains(n);
        if self.backwards {
            let from = self.next.min(end.checked_sub(1)?);
            let again = || there.gap_down_from(end - 1).filter(|n| self.looped && *n >= start && *n > self.next);
            there.gap_down_from(from).filter(within).or_else(again)
        } else {
            let again = || Some(there.gap_from(start)).filter(|n| self.looped && *n < self.next);
            Some(there.gap_from(self.next.max(start))).filter(within).or_else(again)
        }
    }

    fn beside_anchor(&self, there: &Runs) -> Option<u64> {
        let up = Some(there.gap_from(self.anchor)).filter(|n| self.range.contains(n));
        let down = there.gap_down_from(self.anchor).filter(|n| self.range.contains(n));
        [up, down].into_iter().flatten().min_by_key(|n| self.distance(*n))
    }

    /// The frame of `there` that is worth least, other than `next`. Distances grow towards the ends of what is there and of what is
    /// played, and in a loop towards what was shown last, so that no other frames need to be looked at.
    pub fn least(&self, there: &Runs) -> Option<u64> {
        let Range { start, end } = self.range;
        let ends = [
            there.nearest_up(0),
            there.nearest_down(u64::MAX),
            start.checked_sub(1).and_then(|before| there.nearest_down(before)),
            there.nearest_up(start),
            end.checked_sub(1).and_then(|last| there.nearest_down(last)),
            there.nearest_up(end),
            self.next.checked_sub(1).and_then(|before| there.nearest_down(before)),
            there.nearest_up(self.next.saturating_add(1)),
        ];
        ends.into_iter().flatten().filter(|n| *n != self.next).max_by_key(|n| self.distance(*n))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn runs(frames: impl IntoIterator<Item = u64>) -> Runs {
        let mut runs = Runs::default();
        frames.into_iter().for_each(|n| runs.insert(n));
        runs
    }

    /// The first frames that a planner asks for, when each is there as soon as it was asked for.
    fn order(playhead: &Playhead, count: usize) -> Vec<u64> {
        let mut there = Runs::default();
        std::iter::from_fn(|| {
            let n = playhead.wanted(&there)?;
            there.insert(n);
            Some(n)
        })
        .take(count)
        .collect()
    }

    fn at(next: u64) -> Playhead {
        Playhead { next, anchor: next, range: 0..100, ahead: 100, ..Playhead::default() }
    }

    #[test]
    fn while_playing_frames_are_rendered_in_the_order_they_are_shown() {
        assert_eq!(order(&at(7), 4), [7, 8, 9, 10]);
        assert_eq!(order(&Playhead { backwards: true, ..at(2) }, 9), [2, 1, 0]);
        assert_eq!(order(&at(98), 9), [98, 99]);
        assert_eq!(order(&Playhead { ahead: 2, ..at(7) }, 9), [7, 8, 9]);
    }

    #[test]
    fn around_a_loop_the_first_frames_follow_the_last() {
        let looped = Playhead { looped: true, range: 10..20, ..at(17) };
        assert_eq!(order(&looped, 20), [17, 18, 19, 10, 11, 12, 13, 14, 15, 16]);
        let back = Playhead { backwards: true, ..looped };
        assert_eq!(order(&back, 20), [17, 16, 15, 14, 13, 12, 11, 10, 19, 18]);
        assert_eq!((back.distance(18), back.distance(10)), (9, 7));
    }

    #[test]
    fn while_paused_frames_are_rendered_from_the_middle_outwards() {
        let paused = Playhead { paused: true, ..at(50) };
        assert_eq!(order(&paused, 7), [50, 51, 49, 52, 48, 53, 47]);
        assert_eq!(order(&Playhead { paused: true, ..at(1) }, 6), [1, 2, 0, 3, 4, 5], "there is nothing below 0");
        // What stands ready behind the picture that is shown is further on than that picture.
        let ready = Playhead { next: 52, ..paused };
        assert_eq!(order(&ready, 5), [52, 50, 51, 49, 48]);
    }

    #[test]
    fn without_preloading_only_what_is_wanted_is_rendered() {
        assert_eq!(order(&Playhead { preload: Preload::None, ..at(7) }, 9), [7]);
        assert_eq!(order(&Playhead { next: 100, ..at(7) }, 9), Vec::<u64>::new(), "nothing after the end");
    }

    #[test]
    fn what_was_shown_is_worth_something_once_somebody_has_jumped() {
        let export = at(50);
        assert_eq!((export.distance(49), export.distance(51)), (NEVER, 1));
        let player = Playhead { jumped: true, ..at(50) };
        assert_eq!((player.distance(49), player.distance(40), player.distance(54)), (4, 40, 4));
        assert_eq!(player.least(&runs([10, 49, 50, 51, 99])), Some(10));
        let looped = Playhead { looped: true, ..at(50) };
        assert_eq!(looped.least(&runs([0, 49, 50, 51, 99])), Some(49), "in a loop what was just shown is needed last");
        assert_eq!(looped.least(&runs([50])), None, "what is wanted stays");
    }

    proptest! {
        #[test]
        fn the_least_of_a_few_is_the_least_of_all(
            frames in proptest::collection::btree_set(0u64..40, 0..40),
            next in 0u64..40, start in 0u64..20, length in 1u64..20,
            [backwards, looped, paused, jumped]: [bool; 4],
        ) {
            let range = start..start + length;
            let playhead = Playhead {
                next, anchor: next, backwards, range, looped, paused, jumped, ..Playhead::default()
            };
            let there = runs(frames.iter().copied());
            let most = frames.iter().filter(|n| **n != next).map(|n| playhead.distance(*n)).max();
            prop_assert_eq!(playhead.least(&there).map(|n| playhead.distance(n)), most);
        }
    }
}
