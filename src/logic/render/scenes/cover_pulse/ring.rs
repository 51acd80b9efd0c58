//! The outline of the ring: how far it reaches at each angle.

use crate::logic::audio::features::{BANDS, FULL, Window};
use crate::logic::render::math::sine;
use crate::logic::render::scene::HopTime;

/// Angles in half a turn, from straight down (the lowest band) to straight up; the other half mirrors it.
pub const STEPS: usize = 1024;

/// The outline at one angle.
#[derive(Clone, Copy, Default)]
pub struct Outline {
    /// Distance from the centre in pixels.
    pub radius: f32,
    /// Turns a distance along the radius into one from the edge: the cosine of the slope.
    pub slant: f32,
    /// 1 / the ring's thickness in pixels.
    pub thickness: f32,
}

pub struct Ring {
    pub outline: [Outline; STEPS],
    pub furthest: f32,
}

impl Ring {
    /// The ring at a moment: from radius `inner`, `thin` thick in silence, up to `growth` thicker.
    pub fn new(at: HopTime, window: &Window, inner: f32, growth: f32, thin: f32, slow: f32) -> Self {
        let level: [f32; BANDS] = std::array::from_fn(|b| {
            let v = f32::from(at.level(window, |hop| hop.bands[b])) / f32::from(FULL);
            v * (0.25 + 0.75 * v)
        });
        let at_band = |b: isize| level[if b < 0 { -b - 1 } else { b }.min(2 * BANDS as isize - 1 - b) as usize];
        let grown: [f32; STEPS] = std::array::from_fn(|i| {
            let x = i as f32 * (BANDS as f32 / STEPS as f32) - 0.5;
            let b = x.floor();
            let t = x - b;
            let b = b as isize;
            // Uniform cubic B-spline: smooth, and never beyond the levels it follows.
            let (t2, t3) = (t * t, t * t * t);
            let u = 1.0 - t;
            let sum = at_band(b - 1) * (u * u * u)
                + at_band(b) * (3.0 * t3 - 6.0 * t2 + 4.0)
                + at_band(b + 1) * (-3.0 * t3 + 3.0 * t2 + 3.0 * t + 1.0)
                + at_band(b + 2) * t3;
            let turn = i as f32 / STEPS as f32;
            let swell = 1.0 + 0.45 * sine(turn * 1.5 + slow * 0.09) + 0.35 * sine(turn * 3.0 - slow * 0.06);
            thin * swell + growth * (sum / 6.0)
        });
        let step = std::f32::consts::PI / STEPS as f32;
        let mut furthest = 0.0f32;
        let outline = std::array::from_fn(|i| {
            let radius = inner + grown[i];
            furthest = furthest.max(radius);
            let slope = (grown[(i + 1).min(STEPS - 1)] - grown[i.saturating_sub(1)]) / (2.0 * step * radius);
            Outline { radius, slant: 1.0 / (1.0 + slope * slope).sqrt(), thickness: 1.0 / grown[i].max(0.01) }
        });
        Self { outline, furthest }
    }
}
