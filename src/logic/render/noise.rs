//! Running sums as phases, and value noise that goes on with them, without a seam where a sum wraps.

use super::math::{chance, smoothstep};
use crate::logic::audio::features::{Hop, HopWindow};
use crate::logic::audio::hops::HopTime;

/// Hops back at which a sum is looked for where there is none: after the end of the music it stays what it was.
pub const HELD: u32 = 4;

/// A running sum of the timeline at a moment, interpolated between hops. It wraps as the sum does.
pub fn running(at: HopTime, window: &HopWindow, read: impl Fn(&Hop) -> u32) -> u32 {
    let sum = |hop: i64| {
        let held = (0..i64::from(HELD)).map(|back| read(window.hop(hop - back)));
        held.into_iter().find(|&sum| sum != 0).unwrap_or(0)
    };
    let (a, b) = (sum(at.hop), sum(at.hop + 1));
    let between = (i64::from(b.wrapping_sub(a) as i32) * i64::from(at.fraction)) >> 16;
    a.wrapping_add(between as u32)
}

/// The clock in the unit of the sums: what a level of `parts`/256 that never changes would add up to.
pub fn clock(at: HopTime, parts: i64) -> u32 {
    ((at.ticks().wrapping_mul(parts)) >> 8) as u32
}

/// The step of 2^`bits` units that a phase is in, and how far it is through it, 0.0 ..< 1.0. There are 2^(32 − `bits`)
/// steps, after the last of which comes the first.
pub fn step(phase: u32, bits: u32) -> (u32, f32) {
    let part = phase & ((1 << bits) - 1);
    (phase >> bits, part as f32 / (1u32 << bits) as f32)
}

/// `N` values of noise on a line, each of which goes from one number left to chance to the next with a phase.
pub struct Line<const N: usize>([f32; N]);

impl<const N: usize> Line<N> {
    /// Each value takes 2^`bits` units of `phase` from number to number. `lane` tells lines of one seed apart.
    pub fn new(seed: u64, lane: u64, phase: u32, bits: u32) -> Self {
        let (now, part) = step(phase, bits);
        let next = (now + 1) & (u32::MAX >> bits);
        let number = |i: usize, step: u32| chance(seed, i as u64, lane << 32 | u64::from(step));
        let part = smoothstep(part);
        Self(std::array::from_fn(|i| {
            let (a, b) = (number(i, now), number(i, next));
            a + (b - a) * part
        }))
    }

    /// The noise at `x` values from the first one, 0.0 … 1.0; the last value is followed by the first.
    #[inline(always)]
    pub fn at(&self, x: f32) -> f32 {
        let floor = x.floor();
        let i = (floor.clamp(-1e6, 1e6) as i32).rem_euclid(N as i32) as usize;
        let (a, b) = (self.0[i], self.0[(i + 1) % N]);
        a + (b - a) * smoothstep(x - floor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    fn window(sums: &[u32]) -> HopWindow {
        let mut window = HopWindow::default();
        let filled = window.refill(0, sums.len(), |hops| {
            hops.iter_mut().zip(sums).for_each(|(hop, &sum)| hop.hue = sum);
            Ok::<_, Infallible>(())
        });
        let Ok(()) = filled;
        window
    }

    #[test]
    fn a_sum_is_interpolated_across_its_wrap_and_held_after_the_end() {
        let window = window(&[u32::MAX - 99, 100, 300]);
        let at = |hop, fraction| running(HopTime { hop, fraction }, &window, |hop| hop.hue);
        assert_eq!([at(0, 0), at(0, 16_384), at(0, 32_768), at(1, 32_768)], [u32::MAX - 99, u32::MAX - 49, 0, 200]);
        assert_eq!([at(2, 60_000), at(3, 5), at(4, 0)], [300; 3]);
    }

    #[test]
    fn noise_has_no_seam_where_its_phase_wraps_and_none_at_the_end_of_the_line() {
        for bits in [20, 23, 26] {
            let line = |phase: u32| Line::<16>::new(7, 3, phase, bits);
            let (before, after) = (line(u32::MAX), line(0));
            for i in 0..160 {
                let x = i as f32 / 10.0;
                assert!((before.at(x) - after.at(x)).abs() < 1e-3, "{bits} bits at {x}");
                assert!((after.at(x) - after.at(x + 16.0)).abs() < 1e-4, "{bits} bits at {x}");
            }
            assert!((0..16).any(|i| (line(0).at(i as f32) - line(1 << bits).at(i as f32)).abs() > 0.2));
        }
        let line = Line::<8>::new(1, 0, 12_345, 16);
        assert!((line.at(7.999) - line.at(8.0)).abs() < 1e-2);
    }
}
