//! The outline of the ring: how far it reaches at each angle.

use crate::logic::audio::features::{BANDS, HopWindow};
use crate::logic::audio::hops::HopTime;
use crate::logic::render::math::{cosine, of_full, sine, spline};

/// Angles in half a turn, from straight down (the lowest band) to straight up; the other half mirrors it.
pub const STEPS: usize = 1024;

/// The outline at each angle; powers of two, so that a masked index needs no check.
pub struct Ring {
    /// Distance from the centre in pixels.
    pub radius: [f32; STEPS],
    /// Turns a distance along the radius into one from the edge: the cosine of the slope.
    pub slant: [f32; STEPS],
    /// 1 / the ring's thickness in pixels.
    pub thickness: [f32; STEPS],
    pub furthest: f32,
}

/// Of a ring, in pixels.
#[derive(Clone, Copy)]
pub struct Size {
    /// Radius from which it grows.
    pub inner: f32,
    /// How much thicker it gets to the sides, where the sound is loudest.
    pub growth: f32,
    /// How many times more, less one, it grows up and down.
    pub lift: f32,
    /// How thick it is in silence.
    pub thin: f32,
}

impl Ring {
    /// The ring at a moment.
    pub fn new(at: HopTime, window: &HopWindow, size: Size, slow: f32) -> Self {
        let Size { inner, growth, lift, thin } = size;
        let read = |b: usize| of_full(at.level(window, |hop| hop.bands[b]));
        let raw: [f32; BANDS] = std::array::from_fn(|i| {
            // The outermost bands are often empty and would cut a notch into the outline.
            let b = 1.0 + i as f32 * (BANDS as f32 - 6.0) / (BANDS as f32 - 1.0);
            let (lower, t) = (b as usize, b.fract());
            read(lower) + (read(lower + 1) - read(lower)) * t
        });
        let folded = |b: isize| if b < 0 { -b - 1 } else { b }.min(2 * BANDS as isize - 1 - b) as usize;
        let level: [f32; BANDS] = std::array::from_fn(|b| {
            let b = b as isize;
            0.5 * raw[b as usize] + 0.25 * (raw[folded(b - 1)] + raw[folded(b + 1)])
        });
        let at_band = |b: isize| level[folded(b)];
        let (three, five) = (0.30 * sine(slow * 0.11), 0.25 * sine(slow * 0.073 + 0.3));
        let grown: [f32; STEPS] = std::array::from_fn(|i| {
            let x = i as f32 * (BANDS as f32 / STEPS as f32) - 0.5;
            let b = x.floor();
            let weights = spline(x - b);
            let b = b as isize;
            let sum = at_band(b - 1) * weights[0]
                + at_band(b) * weights[1]
                + at_band(b + 1) * weights[2]
                + at_band(b + 2) * weights[3];
            // What silence shows: waves that stand, rise and sink. Even in the angle, so that both halves meet smoothly.
            let turn = i as f32 / STEPS as f32;
            let swell = 1.0 + three * cosine(turn * 1.5) + five * cosine(turn * 2.5);
            // 1 straight up and down, 0 to the sides: the square of the cosine.
            let upright = if lift == 0.0 { 0.0 } else { 0.5 + 0.5 * cosine(turn) };
            thin * swell + growth * (1.0 + lift * upright) * (sum / 6.0)
        });
        let step = std::f32::consts::PI / STEPS as f32;
        let radius = grown.map(|v| inner + v);
        let slant = std::array::from_fn(|i| {
            let rise = grown[(i + 1).min(STEPS - 1)] - grown[i.saturating_sub(1)];
            let slope = rise / (2.0 * step * radius[i]);
            1.0 / (1.0 + slope * slope).sqrt()
        });
        let furthest = radius.iter().copied().fold(0.0, f32::max);
        Self { radius, slant, thickness: grown.map(|v| 1.0 / v.max(0.01)), furthest }
    }
}
