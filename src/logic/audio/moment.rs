//! The moment a frame shows: the middle of its time, but for a hit.
//!
//! A hit is bright on the frame that it falls into, first half or second, and not before: the moment of that frame waits for the
//! first hop that has the hit in its levels, and that of the frame before does not run into it.

use super::features::{ATTACK_STEPS, HOPS_PER_SECOND, HopWindow};
use super::hops::HopTime;

const TICKS: i64 = 65_536;
/// No frame looks further ahead for a hit than this: at less than five frames a second a hit may show a frame late.
const FURTHEST: i64 = 10 * TICKS;

/// The time of a frame on the axis of hops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameTime {
    /// Its middle.
    pub middle: HopTime,
    /// From there to its end, in 1/65536 of a hop.
    half: i64,
}

impl FrameTime {
    /// That of a frame around `middle` at `fps_n`/`fps_d` frames a second.
    pub fn around(middle: HopTime, (fps_n, fps_d): (u32, u32)) -> Self {
        let half = u128::from(fps_d) * u128::from(HOPS_PER_SECOND) * TICKS as u128;
        let half = half.div_ceil(2 * u128::from(fps_n.max(1)));
        Self { middle, half: half.min(FURTHEST as u128) as i64 }
    }

    /// That of frame `n`.
    pub fn of_frame(n: u64, (fps_n, fps_d): (u32, u32)) -> Self {
        Self::around(HopTime::of_frame(n, fps_n, fps_d), (fps_n, fps_d))
    }

    /// Hops after [`middle`](Self::middle)'s own that [`moment`](Self::moment) looks at, and the moment may have moved by.
    pub fn ahead(self) -> u32 {
        // A hit at the end of the frame is in the levels up to a hop later.
        (self.half / TICKS) as u32 + 2
    }

    /// The moment that is shown. The window holds the hops up to [`ahead`](Self::ahead).
    pub fn moment(self, window: &HopWindow) -> HopTime {
        let (middle, end) = (self.middle.ticks(), self.middle.ticks() + self.half);
        // The last hit before the frame's end counts.
        for opened in (self.middle.hop + 1..=self.middle.hop + i64::from(self.ahead())).rev() {
            let Some(hit) = hit(opened, window) else { continue };
            if hit < end {
                return HopTime { hop: opened, fraction: 0 };
            }
            if opened == self.middle.hop + 1 && hit > middle {
                return HopTime { fraction: 0, ..self.middle };
            }
        }
        self.middle
    }
}

/// When the hit was that `hop` is the first to have in its levels.
fn hit(hop: i64, window: &HopWindow) -> Option<i64> {
    let steps = i64::from(ATTACK_STEPS);
    let at = |hop: i64, step: i64| (2 * hop - 1) * TICKS / 2 + (step - 1) * TICKS / steps;
    let step = |hop: i64| i64::from(window.hop(hop).attack);
    let (own, before) = (step(hop), step(hop - 1));
    if (1..=steps / 2).contains(&own) {
        return Some(at(hop, own));
    }
    (before > steps / 2).then(|| at(hop - 1, before))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    use proptest::prelude::*;

    /// A window of 200 hops with a hit at `ticks`.
    fn window(ticks: i64) -> HopWindow {
        let mut window = HopWindow::default();
        let hop = (ticks + TICKS / 2).div_euclid(TICKS);
        let step = (ticks - (2 * hop - 1) * TICKS / 2) * i64::from(ATTACK_STEPS) / TICKS + 1;
        let filled = window.refill(0, 200, |hops| {
            hops[hop as usize].attack = step as u8;
            Ok::<_, Infallible>(())
        });
        let Ok(()) = filled;
        window
    }

    #[test]
    fn without_a_hit_the_moment_is_the_middle() {
        for n in 0..20 {
            let time = FrameTime::of_frame(n, (30, 1));
            assert_eq!(time.moment(&HopWindow::default()), HopTime::of_frame(n, 30, 1));
        }
    }

    proptest! {
        /// Levels rise at the first hop that is not before the hit: no frame before the hit's own shows anything of it, and its own
        /// shows all.
        #[test]
        fn a_hit_shows_on_its_own_frame_and_not_before(
            fps in prop_oneof![Just((24_000, 1001)), Just((25, 1)), Just((30, 1)), Just((60, 1)), Just((120, 1))],
            hit in 20 * TICKS..150 * TICKS,
        ) {
            let window = window(hit);
            // To the half millisecond.
            let step = TICKS / i64::from(ATTACK_STEPS);
            let ticks = |n: u64| {
                (i128::from(n) * i128::from(fps.1) * 100 * i128::from(TICKS) / i128::from(fps.0)) as i64
            };
            let own = (0..).find(|&n| ticks(n + 1) > hit).unwrap();
            prop_assume!(hit - ticks(own) > step && ticks(own + 1) - hit > step);
            let opened = hit.div_euclid(TICKS) + 1;
            let moment = |n| FrameTime::of_frame(n, fps).moment(&window).ticks();
            for n in 0..own {
                prop_assert!(moment(n) < opened * TICKS);
                prop_assert!(moment(n) <= (opened - 1) * TICKS, "frame {n} of hit {own} runs into it");
            }
            for n in own..own + 10 {
                prop_assert!(moment(n) >= opened * TICKS, "frame {n} after hit {own}");
            }
        }

        #[test]
        fn moments_do_not_go_back(
            fps in prop_oneof![Just((24_000, 1001)), Just((30, 1)), Just((60, 1)), Just((120, 1)), Just((7, 3))],
            hits in prop::collection::vec(0u8..=ATTACK_STEPS, 200),
        ) {
            let mut window = HopWindow::default();
            let filled = window.refill(0, 200, |hops| {
                hops.iter_mut().zip(&hits).for_each(|(hop, &attack)| hop.attack = attack);
                Ok::<_, Infallible>(())
            });
            let Ok(()) = filled;
            let moments: Vec<_> = (0..60).map(|n| FrameTime::of_frame(n, fps).moment(&window)).collect();
            prop_assert!(moments.is_sorted());
            for (n, moment) in moments.into_iter().enumerate() {
                let time = FrameTime::of_frame(n as u64, fps);
                prop_assert!(moment.hop >= time.middle.hop && moment.hop <= time.middle.hop + i64::from(time.ahead()));
            }
        }
    }
}
