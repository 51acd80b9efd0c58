//! Whether a queue's room is needed: more of it, or less.
//!
//! More would have helped when the consumer found the queue empty shortly after the producer had been blocked on it: a
//! larger queue would have held what the producer was not allowed to bring. Less will do when, over half a minute, the
//! level moved within the room that would be left. The level as such says nothing: a queue in front of a bottleneck is
//! full at every size.

use crate::logic::clock::{Nanos, SECOND};
use crate::logic::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// An empty queue this long after a blocked producer shows need.
pub const SHORTLY: Nanos = SECOND;
/// A queue gives up room that nothing needed for this long.
pub const IDLE: Nanos = 30 * SECOND;
/// Buffers between two looks at the clock.
const LOOK: u32 = 8;

/// Need of more room. Both sides tell it what they meet, at moments at which they read the clock anyway.
#[derive(Debug, Default)]
pub struct Need {
    /// More room can be had, so it is worth telling.
    asked: AtomicBool,
    /// When the producer was last blocked; 0 = not since the consumer last found the queue empty.
    blocked: AtomicU64,
}

impl Need {
    /// Whether there is more room to be had.
    pub fn ask(&self, asked: bool) {
        self.asked.store(asked, Ordering::Relaxed);
    }

    /// Whether anybody wants to know.
    pub fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// The producer was blocked until now.
    pub fn blocked(&self, now: Nanos) {
        self.blocked.store(now.max(1), Ordering::Relaxed);
    }

    /// The consumer found nothing. Says whether room would have helped, once for each time the producer was blocked.
    pub fn found_empty(&self, now: Nanos) -> bool {
        let blocked = self.blocked.swap(0, Ordering::Relaxed);
        // The sides read the clock one after the other: the later reading may arrive first.
        blocked > 0 && now.saturating_sub(blocked) <= SHORTLY
    }

    /// The queue was emptied by something else.
    pub fn forget(&self) {
        self.blocked.store(0, Ordering::Relaxed);
    }
}

/// Need of the room that there is: how far the level moved. Only the producer uses it, which meets the level at its
/// lowest, just before data comes, and at its highest, just after.
#[derive(Debug, Default)]
pub struct Swing {
    /// Lowest and highest since room was last needed.
    range: Option<(u64, u64)>,
    /// When that was.
    since: Option<Nanos>,
    passed: u32,
    /// What a smaller queue would hold. Another size begins anew.
    smaller: u64,
}

impl Swing {
    /// The level went from `before` to `after`; a smaller queue would hold `smaller`. Says now and then that a look at the
    /// clock is due.
    pub fn note(&mut self, before: u64, after: u64, smaller: u64) -> bool {
        if self.smaller != smaller {
            *self = Self { smaller, ..Self::default() };
        }
        let (low, high) = self.range.unwrap_or((before, after));
        let (low, high) = (low.min(before), high.max(after));
        // As far as the smaller queue is large: there the producer would have been blocked, or the consumer idle.
        if high - low >= smaller {
            (self.range, self.since) = (None, None);
        } else {
            self.range = Some((low, high));
        }
        self.passed += 1;
        self.passed.is_multiple_of(LOOK)
    }

    /// Whether the smaller queue would have done for long enough. Another one begins with it.
    pub fn is_idle(&mut self, now: Nanos) -> bool {
        let since = *self.since.get_or_insert(now);
        let idle = now.saturating_sub(since) >= IDLE;
        if idle {
            self.forget();
        }
        idle
    }

    /// The queue was emptied by something else.
    pub fn forget(&mut self) {
        *self = Self::default();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::logic::clock::MILLISECOND;
    use crate::logic::queue::capacity::{Capacity, Content, UserLimits};
    use proptest::prelude::*;

    #[test]
    fn an_empty_queue_shows_need_within_a_second_of_a_blocked_producer_and_once() {
        let need = Need::default();
        assert!(!need.found_empty(5 * SECOND), "nobody was blocked");
        for (after, needed) in [(0, true), (SECOND, true), (SECOND + 1, false)] {
            need.blocked(5 * SECOND);
            assert_eq!(need.found_empty(5 * SECOND + after), needed, "{after} ns later");
            assert!(!need.found_empty(5 * SECOND + after), "told once");
        }
        need.blocked(6 * SECOND);
        assert!(need.found_empty(6 * SECOND - 1), "clock readings may cross");
        need.blocked(7 * SECOND);
        need.forget();
        assert!(!need.found_empty(7 * SECOND), "a flush is no need");
    }

    /// Looks at pairs of levels, ten a second, for `seconds`: when is the queue found too large?
    fn idle_at(seconds: u64, smaller: u64, level: impl Fn(u64) -> (u64, u64)) -> Option<Nanos> {
        let mut swing = Swing::default();
        (0..seconds * 10).find_map(|i| {
            let (before, after) = level(i);
            let now = SECOND + i * SECOND / 10;
            (swing.note(before, after, smaller) && swing.is_idle(now)).then_some(now - SECOND)
        })
    }

    #[test]
    fn a_queue_that_is_always_full_is_too_large_after_half_a_minute() {
        let found = idle_at(100, 16, |i| if i % 4 == 0 { (23, 32) } else { (30, 31) }).unwrap();
        assert!((30 * SECOND..=32 * SECOND).contains(&found), "{found}");
    }

    #[test]
    fn room_that_is_passed_through_is_needed_even_if_the_queue_is_never_empty_or_full() {
        assert_eq!(idle_at(1000, 16, |i| (2 + i % 16, 3 + i % 16)), None);
        assert!(idle_at(1000, 16, |i| (2 + i % 15, 3 + i % 15)).is_some(), "one less would fit in half");
    }

    #[test]
    fn need_starts_the_half_minute_anew() {
        let found = idle_at(100, 16, |i| if i == 200 { (0, 16) } else { (8, 9) }).unwrap();
        assert!((50 * SECOND..=52 * SECOND).contains(&found), "20 s and 30 s: {found}");
    }

    /// A producer that works for `work` ms and then brings a burst, and a consumer that takes a frame every `pace` ms: the units at the
    /// end of each burst, and the frames that were late after the fifth.
    fn bursts(bursts: usize, frames: u64, work: u64, pace: u64) -> (Vec<u32>, u64) {
        let (need, mut swing, user) = (Need::default(), Swing::default(), UserLimits::default());
        let mut capacity = Capacity::new(Content::Frames(1), 8, 32, 1 << 30);
        need.ask(true);
        let (mut level, mut to_bring, mut next_burst, mut blocked) = (0u64, 0, 0, false);
        let (mut units, mut late, mut starving) = (Vec::new(), 0, true);
        for ms in 0.. {
            let now = SECOND + ms * MILLISECOND;
            if to_bring == 0 && ms >= next_burst {
                to_bring = frames;
            }
            let before_bringing = to_bring;
            while to_bring > 0 && level < u64::from(capacity.units) {
                if std::mem::take(&mut blocked) {
                    need.blocked(now);
                }
                (level, to_bring) = (level + 1, to_bring - 1);
                let smaller = capacity.halved().unwrap_or(0);
                if smaller > 0 && swing.note(level - 1, level, smaller.into()) && swing.is_idle(now) {
                    capacity = Capacity { needed: smaller, units: smaller, ..capacity };
                }
            }
            blocked = to_bring > 0;
            if before_bringing > 0 && to_bring == 0 {
                next_burst = ms + work;
                units.push(capacity.units);
                if units.len() == bursts {
                    return (units, late);
                }
            }
            if ms % pace == 0 {
                // What is late is told of once, when the consumer comes in vain.
                if level == 0 && !std::mem::replace(&mut starving, true) {
                    late += u64::from(units.len() > 5);
                    if need.found_empty(now) {
                        capacity = capacity.doubled(&user).unwrap_or(capacity);
                    }
                }
                if level > 0 {
                    (level, starving) = (level - 1, false);
                }
            }
        }
        unreachable!("time does not end")
    }

    #[test]
    fn a_bursty_producer_gets_its_tier_within_five_bursts_and_then_never_starves_its_consumer() {
        // Half a second of frames at 60 fps every half second, for ten minutes: the half minute is over many times.
        let (units, late) = bursts(1200, 30, 480, 16);
        assert_eq!(&units[..5], [8, 16, 32, 32, 32]);
        assert!(units[5..].iter().all(|units| *units == 32), "{units:?}");
        assert_eq!(late, 0);
    }

    #[test]
    fn a_burst_that_fits_brings_no_more_room_than_it_needs() {
        let (units, late) = bursts(300, 12, 150, 16);
        assert_eq!((units[299], late), (16, 0), "{units:?}");
    }

    proptest! {
        #[test]
        fn room_is_given_up_only_if_all_that_happened_would_have_fitted(
            levels in proptest::collection::vec(0u64..64, 1..200),
            smaller in 1u64..64,
            pace in 1u64..2000,
        ) {
            let mut swing = Swing::default();
            let (mut seen, mut since): (Vec<u64>, Nanos) = (Vec::new(), 0);
            for (i, pair) in levels.windows(2).enumerate() {
                let (before, after) = (pair[0].min(pair[1]), pair[0].max(pair[1]));
                let now = i as u64 * pace * MILLISECOND;
                seen.extend([before, after]);
                let spread = seen.iter().max().unwrap() - seen.iter().min().unwrap();
                if spread >= smaller {
                    (seen, since) = (Vec::new(), now);
                }
                if swing.note(before, after, smaller) && swing.is_idle(now) {
                    prop_assert!(spread < smaller);
                    prop_assert!(now - since >= IDLE);
                    (seen, since) = (Vec::new(), now);
                }
            }
        }
    }
}
