//! The lines of the ridges, and the ground that hides what is behind them.
//!
//! Rows are drawn one by one, but a line is found column by column: so lines are laid down in strips of some rows, of which each row
//! is then taken.

use super::Place;
use super::ridges::{RIDGES, Ridge};
use crate::logic::render::colour::{Rgb, from_hex, mix};
use crate::logic::render::field::DITHER;
use crate::logic::render::look::Look;
use crate::logic::render::math::{smoothstep, whole};
use crate::logic::render::shapes::{Pixel, over, pixel};

/// Rows in a strip.
pub const STRIP: u32 = 32;
/// Columns of pixels that are looked at together.
const PIECE: usize = 16;
/// Shades of a line from level ground to the tallest mountain.
const SHADES: usize = 64;

pub struct Lines {
    colours: [Pixel; SHADES],
}

/// Of each ridge, over each column of pixels: where it is, what hides it from below, and how much longer than across
/// itself it is straight up.
#[derive(Clone, Copy)]
pub struct Land<'a> {
    pub ridges: &'a [Ridge; RIDGES],
    pub heights: &'a [f32],
    pub limits: &'a [f32],
    pub slants: &'a [f32],
}

/// Pieces in a picture of that width.
pub fn pieces(width: usize) -> usize {
    width.div_ceil(PIECE)
}

impl Lines {
    pub fn new(look: &Look) -> Self {
        let white = from_hex(0xffffff);
        let colour = |i: usize| {
            let up = i as f32 / (SHADES - 1) as f32;
            pixel(mix(look.palette.at(0.16 + 0.80 * up), white, f64::from(0.10 + 0.45 * up * up)))
        };
        Self { colours: std::array::from_fn(colour) }
    }

    /// Draws a row of a strip, and empties it.
    pub fn draw(&self, strip: &mut [u32], row: &mut [u8]) {
        take(&self.colours, strip, row);
    }
}

#[multiversion::multiversion(targets = "simd")]
fn take(colours: &[Pixel; SHADES], strip: &mut [u32], row: &mut [u8]) {
    let pixels = row.as_chunks_mut::<4>().0;
    for (pixels, covers) in pixels.chunks_mut(PIECE).zip(strip.chunks_mut(PIECE)) {
        if covers.iter().fold(0, |all, cover| all | cover) == 0 {
            continue;
        }
        for (below, cover) in pixels.iter_mut().zip(covers) {
            if *cover > 0 {
                over(below, colours[*cover as usize % SHADES], *cover >> 8);
                *cover = 0;
            }
        }
    }
}

/// The first row of each piece of each ridge, and the one after the last; nothing where it is hidden.
#[multiversion::multiversion(targets = "simd")]
pub fn find(land: Land<'_>, found: &mut [[f32; 2]]) {
    let width = land.heights.len() / RIDGES;
    let rows =
        land.heights.chunks_exact(width).zip(land.limits.chunks_exact(width)).zip(land.slants.chunks_exact(width));
    for ((((heights, limits), slants), ridge), found) in
        rows.zip(land.ridges).zip(found.chunks_exact_mut(pieces(width)))
    {
        let pieces = heights.chunks(PIECE).zip(limits.chunks(PIECE)).zip(slants.chunks(PIECE));
        for (((heights, limits), slants), found) in pieces.zip(found) {
            let (mut top, mut end, mut hidden, mut steep) = (f32::MAX, f32::MIN, f32::MIN, 1.0f32);
            for ((&height, &limit), &slant) in heights.iter().zip(limits).zip(slants) {
                top = if height < top { height } else { top };
                end = if height > end { height } else { end };
                hidden = if limit > hidden { limit } else { hidden };
                steep = if slant > steep { slant } else { steep };
            }
            let reach = (ridge.half + 0.5) * steep;
            let end = (end + reach).min(hidden + 1.0);
            *found = if ridge.light > 0.01 && end > top - reach { [top - reach, end] } else { [f32::MAX, f32::MIN] };
        }
    }
}

/// Lays down what of the lines is in the strip that row `y` is in, from that row on: how much of a pixel they cover, of 256, above the
/// eight bits of their shade. Where two meet, the one that covers more is seen.
#[multiversion::multiversion(targets = "simd")]
pub fn lay_down(land: Land<'_>, found: &[[f32; 2]], y: u32, strip: &mut [u32]) {
    let width = land.heights.len() / RIDGES;
    let count = pieces(width);
    let first = y / STRIP * STRIP;
    let (from, to) = (y as f32, (first + STRIP) as f32);
    for (k, (ridge, found)) in land.ridges.iter().zip(found.chunks_exact(count)).enumerate() {
        let shade = ridge.per * (SHADES - 1) as f32 / 1.05;
        let light = ridge.light * 256.0;
        for (piece, &[top, end]) in found.iter().enumerate() {
            if top >= to || end <= from {
                continue;
            }
            let columns = piece * PIECE..((piece + 1) * PIECE).min(width);
            let all = k * width + columns.start..k * width + columns.end;
            let places = land.heights[all.clone()].iter().zip(&land.limits[all.clone()]).zip(&land.slants[all]);
            for (((&height, &limit), &slant), x) in places.zip(columns) {
                let reach = (ridge.half + 0.5) * slant;
                let (top, end) = ((height - reach).max(from), (height + reach).min(limit + 1.0).min(to));
                if top >= end {
                    continue;
                }
                let flat = 1.0 / slant;
                let up = whole(((ridge.base - height) * shade).clamp(0.0, (SHADES - 1) as f32)) as u32;
                for r in (top as u32 - first)..(end as u32 + 1 - first).min(STRIP) {
                    let middle = (first + r) as f32 + 0.5;
                    let d = (middle - height).abs() * flat - ridge.half;
                    let shown = (0.5 - d).clamp(0.0, 1.0) * (limit - middle + 0.5).clamp(0.0, 1.0);
                    let cover = (whole(shown * light) as u32) << 8 | up;
                    let place = &mut strip[r as usize * width + x];
                    if cover >= 256 && cover > *place {
                        *place = cover;
                    }
                }
            }
        }
    }
}

/// The highest and the lowest place of the land's edge over each piece.
pub fn bound(outline: &[f32], bounds: &mut [[f32; 2]]) {
    for (outline, bound) in outline.chunks(PIECE).zip(bounds) {
        *bound = outline.iter().fold([f32::MAX, f32::MIN], |[top, end], &y| [top.min(y), end.max(y)]);
    }
}

/// The ground, the same over each row but for the light on it.
pub struct Ground {
    /// Colours of rows from the horizon down to the nearest ridge and from there to the lower edge.
    far: Rgb,
    middle: Rgb,
    near: Rgb,
    lit: Rgb,
    horizon: f32,
    front: f32,
    height: f32,
}

impl Ground {
    pub fn new(look: &Look, place: &Place) -> Self {
        let base = from_hex(0x07_080d);
        let h = look.height() as f32;
        Self {
            far: mix(base, look.palette.at(0.30), 0.26),
            middle: mix(base, look.palette.at(0.22), 0.05),
            near: base,
            lit: look.palette.at(0.45),
            horizon: place.horizon * h,
            front: place.front * h,
            height: h,
        }
    }

    /// Covers what is below the upper edge of the land.
    pub fn draw(&self, y: u32, hit: f32, outline: &[f32], bounds: &[[f32; 2]], row: &mut [u8]) {
        let middle = y as f32 + 0.5;
        let down = smoothstep((middle - self.horizon) / (0.75 * (self.front - self.horizon)).max(1.0));
        let under = smoothstep((middle - self.front) / (self.height - self.front).max(1.0));
        let light = hit * 0.10 * (1.0 - down);
        let channel = |i: usize| {
            let (far, mid, near) = (f32::from(self.far[i]), f32::from(self.middle[i]), f32::from(self.near[i]));
            let colour = far + (mid - far) * down;
            let colour = colour + (near - colour) * under;
            colour + (f32::from(self.lit[i]) - colour) * light
        };
        let colour = [channel(0), channel(1), channel(2)].map(|v| v.clamp(0.0, 65_280.0) as u32);
        let dither = DITHER[y as usize % 8];
        let pattern: [Pixel; 8] = std::array::from_fn(|i| {
            let [r, g, b] = colour.map(|v| ((v + u32::from(dither[i])) >> 8).min(255) as u8);
            [r, g, b, 255]
        });
        let pixels = row.as_chunks_mut::<4>().0;
        for ((pixels, outline), &[top, end]) in pixels.chunks_mut(PIECE).zip(outline.chunks(PIECE)).zip(bounds) {
            if middle + 0.5 <= top {
                continue;
            }
            if middle - 0.5 >= end {
                pixels.chunks_mut(8).for_each(|below| below.copy_from_slice(&pattern[..below.len()]));
            } else {
                for ((below, &edge), &colour) in pixels.iter_mut().zip(outline).zip(pattern.iter().cycle()) {
                    let shown = (middle - edge + 0.5).clamp(0.0, 1.0) * 256.0;
                    over(below, colour, (shown + 0.5) as u32);
                }
            }
        }
    }
}
