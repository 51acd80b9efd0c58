//! The ridges: where each of them is over each column of pixels, and which of it can be seen.

use super::Place;
use crate::logic::audio::features::{BANDS, Hop, HopWindow};
use crate::logic::audio::hops::HopTime;
use crate::logic::render::look::Look;
use crate::logic::render::math::{of_full, smoothstep, spline};
use crate::logic::render::noise::Line;

/// The ridge of what is heard now, and 40 of what was.
pub const RIDGES: usize = 41;
/// Hops from ridge to ridge: three frames at 30 frames a second.
pub const SPACING: i64 = 10;
const AGO: f32 = (RIDGES - 1) as f32;
/// Points of a ridge, from −[`WIDEST`] to [`WIDEST`]; at ±1 it leaves the picture where it is nearest.
const POINTS: usize = 208;
const WIDEST: f32 = 1.75;
/// How much smaller a ridge is one spacing further away.
const AWAY: f32 = 0.075;

/// A ridge of a frame.
#[derive(Clone, Copy)]
pub struct Ridge {
    /// Where level ground is, in pixels from the top, and 1/the tallest mountain.
    pub base: f32,
    pub per: f32,
    /// How much of it shows, 0 … 1, and half its thickness.
    pub light: f32,
    pub half: f32,
}

pub struct Ridges {
    seed: u64,
    width: f32,
    horizon: f32,
    front: f32,
    tallest: f32,
    narrow: f32,
    fine: f32,
    half: f32,
}

impl Ridges {
    pub fn new(look: &Look, place: &Place) -> Self {
        let (w, h) = (look.width() as f32, look.height() as f32);
        Self {
            seed: look.seed,
            width: w,
            horizon: place.horizon * h,
            front: place.front * h,
            tallest: (place.tallest * h).min(1.2 * w),
            narrow: place.narrow,
            fine: place.fine,
            half: w.min(h) * 0.0015,
        }
    }

    /// The ridges of a frame and, in `heights`, where they are, from the nearest to the furthest.
    pub fn raise(&self, at: HopTime, window: &HopWindow, hit: f32, heights: &mut [f32]) -> [Ridge; RIDGES] {
        let newest = at.hop.div_euclid(SPACING) * SPACING;
        let mut ridges = [Ridge { base: 0.0, per: 0.0, light: 0.0, half: 0.0 }; RIDGES];
        let width = self.width as usize;
        for (k, (ridge, heights)) in ridges.iter_mut().zip(heights.chunks_exact_mut(width)).enumerate() {
            let then = match k {
                0 => at,
                _ => HopTime { hop: newest - (k as i64 - 1) * SPACING, fraction: 0 },
            };
            let age = (at.ticks() - then.ticks()) as f32 / (65_536 * SPACING) as f32;
            let scale = 1.0 / (1.0 + AWAY * age);
            let last = 1.0 / (1.0 + AWAY * AGO);
            let near = ((scale - last) / (1.0 - last)).max(0.0);
            let base = self.horizon + (self.front - self.horizon) * near;
            let tallest = self.tallest * scale;
            let struck = (0..SPACING).map(|back| window.hop(then.hop - back).hit()).max().unwrap_or(0);
            let loud = of_full(then.level(window, |hop: &Hop| hop.loudness));
            let left = 1.0 - age / AGO;
            // A ridge that was struck lights up as it leaves the nearest one, which has flashed with the sun.
            let lit = of_full(struck) * (0.5 * age).min(1.0);
            *ridge = Ridge {
                base,
                per: 1.0 / tallest.max(1.0),
                light: match k {
                    0 => 0.84 + 0.16 * hit,
                    _ => (left * (0.34 + 0.16 * loud + 0.50 * lit + 0.25 * hit * left)).clamp(0.0, 1.0),
                },
                half: (self.half * (0.40 + 0.60 * scale) * if k == 0 { 1.6 } else { 1.0 }).max(0.5),
            };
            let points = self.points(then, window);
            // Ridges that are further away are less wide, but not as much as they are lower: the land has no edge.
            let across = 0.5 * self.width * (self.narrow + (1.0 - self.narrow) * near);
            let step = (POINTS - 1) as f32 / (2.0 * WIDEST * across);
            let first = 0.5 * (POINTS - 1) as f32 + (0.5 - 0.5 * self.width) * step;
            climb(&points, [first, step], [base, tallest], heights);
        }
        ridges
    }

    /// The heights of a ridge at its points, 0.0 … 1.2.
    fn points(&self, then: HopTime, window: &HopWindow) -> [f32; POINTS] {
        let sharp: [f32; BANDS] = std::array::from_fn(|b| of_full(then.level(window, |hop| hop.bands[b])));
        // Where there is less room abreast, mountains are made of more bands.
        let bands: [f32; BANDS] = std::array::from_fn(|b| {
            let sides = 0.5 * (sharp[b.saturating_sub(1)] + sharp[(b + 1).min(BANDS - 1)]);
            sharp[b] + (sides - sharp[b]) * 0.9 * (1.0 - self.fine)
        });
        // The land goes on from ridge to ridge: its phase is the time, a step of it four ridges.
        let phase = (then.ticks() * 8 / 5) as u32;
        let rough = Line::<128>::new(self.seed, 700, phase, 22);
        let dunes = Line::<32>::new(self.seed, 701, phase, 24);
        std::array::from_fn(|i| {
            let u = (i as f32 / (POINTS - 1) as f32 * 2.0 - 1.0) * WIDEST;
            // What is high lies in the valley before the sun, the bass to both sides of it.
            // No land is the same on both sides.
            let out = u.abs() * if u < 0.0 { 1.0 } else { 0.88 };
            let part = if out < 1.0 { 0.97 - 0.94 * out } else { 0.03 + 0.5 * (out - 1.0) };
            let b = part * (BANDS - 1) as f32;
            let k = (b as usize).min(BANDS - 2);
            let level = bands[k] + (bands[k + 1] - bands[k]) * smoothstep(b - k as f32);
            let flank = 0.42 + 0.58 * smoothstep(out * 2.2) - 0.45 * smoothstep((out - 0.86) * 1.5);
            let stone = rough.at(u * 19.0 * self.fine + 64.0);
            let dune = dunes.at(u * 4.5 + 16.0);
            let rolling = 0.03 + 0.13 * dune * (0.35 + 0.65 * smoothstep(out * 2.0));
            rolling + flank * level * (0.50 + 0.62 * stone)
        })
    }
}

/// From points to the line through them over each column of pixels.
#[multiversion::multiversion(targets = "simd")]
fn climb(points: &[f32; POINTS], [first, step]: [f32; 2], [base, tallest]: [f32; 2], heights: &mut [f32]) {
    let scale = tallest / 6.0;
    for (x, height) in heights.iter_mut().enumerate() {
        let at = (first + x as u32 as f32 * step).clamp(1.0, (POINTS - 3) as f32 - 0.001);
        let i = (at as usize).min(POINTS - 3);
        let [a, b, c, d] = spline(at - i as f32);
        *height = base - scale * (points[i - 1] * a + points[i] * b + points[i + 1] * c + points[i + 2] * d);
    }
}

/// What hides each ridge: the upper edge of all that are nearer; at last that of all of them. And their slopes.
pub fn hide(width: usize, heights: &[f32], limits: &mut [f32], slants: &mut [f32], outline: &mut [f32]) {
    outline.fill(f32::MAX);
    let rows = heights.chunks_exact(width).zip(limits.chunks_exact_mut(width)).zip(slants.chunks_exact_mut(width));
    for ((heights, limits), slants) in rows {
        cover(heights, limits, outline);
        slope(heights, slants);
    }
}

#[multiversion::multiversion(targets = "simd")]
fn cover(heights: &[f32], limits: &mut [f32], outline: &mut [f32]) {
    for ((&height, limit), edge) in heights.iter().zip(limits).zip(outline) {
        *limit = *edge;
        *edge = if height < *edge { height } else { *edge };
    }
}

/// How much further it is straight up to a slope than to its nearest place.
#[multiversion::multiversion(targets = "simd")]
fn slope(heights: &[f32], slants: &mut [f32]) {
    let last = slants.len() - 1;
    for (slant, pair) in slants[..last].iter_mut().zip(heights.windows(2)) {
        let rise = pair[1] - pair[0];
        // Steeper ones would throw long rays.
        *slant = (1.0 + rise * rise).sqrt().min(6.25);
    }
    slants[last] = slants[last.saturating_sub(1)];
}
