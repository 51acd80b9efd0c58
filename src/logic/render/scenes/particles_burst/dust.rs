//! Dust in three depths: a grain somewhere in each cell of a grid that scrolls with a running sum.

use super::sparks::Spark;
use crate::logic::audio::features::HopWindow;
use crate::logic::audio::hops::HopTime;
use crate::logic::render::colour::{from_hex, mix};
use crate::logic::render::look::Look;
use crate::logic::render::math::{chance, sine, smoothstep};
use crate::logic::render::noise::{clock, running, step};

/// Cells of a depth, in either direction, until they come again.
const CELLS: u32 = 1 << (32 - BITS);
/// A cell takes 2²⁴ units of the sum to go by: a whole number of them makes the sum wrap.
const BITS: u32 = 24;

pub struct Dust {
    seed: u64,
    unit: f32,
    size: [f32; 2],
    depths: [Depth; 3],
}

/// From the furthest to the nearest.
struct Depth {
    /// Of a cell, in pixels.
    cell: f32,
    radius: f32,
    light: f32,
    /// How much faster than the furthest it goes by.
    speed: u32,
    colour: [f32; 3],
}

impl Dust {
    pub fn new(look: &Look, scale: f32) -> Self {
        let (w, h) = (look.width() as f32, look.height() as f32);
        let unit = w.min(h);
        let white = from_hex(0xffffff);
        // Very long pictures are not filled with thousands of grains.
        let room = (w.max(h) / unit / 2.5).max(1.0);
        let depths = std::array::from_fn(|i| Depth {
            cell: unit * [0.085, 0.15, 0.40][i] * scale * room,
            radius: (unit * [0.0022, 0.0042, 0.022][i] * scale).max(1.0),
            light: [0.55, 0.85, 0.22][i],
            speed: [2, 3, 4][i],
            colour: mix(look.palette.at([0.35, 0.55, 0.75][i]), white, [0.25, 0.35, 0.1][i])
                .map(|v| f32::from(v) / 256.0),
        });
        Self { seed: look.seed, unit, size: [w, h], depths }
    }

    /// Writes the grains of a frame; says how many there are.
    pub fn drift(&self, at: HopTime, window: &HopWindow, loud: f32, hit: f32, out: &mut [Spark]) -> usize {
        let sum = running(at, window, |hop| hop.rotation);
        let seconds = at.seconds();
        let mut count = 0;
        for (lane, depth) in (0u64..).zip(&self.depths) {
            let risen = sum.wrapping_mul(depth.speed).wrapping_add(clock(at, 34 * i64::from(depth.speed)));
            let (up, part) = step(risen, BITS);
            let (aside, shift) = step(clock(at, 14 * i64::from(depth.speed)), BITS);
            let (columns, rows) = (self.size[0] / depth.cell + 2.0, self.size[1] / depth.cell + 2.0);
            for row in 0..rows as u32 {
                for column in 0..columns as u32 {
                    let Some(out) = out.get_mut(count) else { return count };
                    let cell = (((row + up) % CELLS) << 12) | (column.wrapping_sub(aside) % CELLS);
                    let random = |which: u64| chance(self.seed, u64::from(cell), 500 + 16 * lane + which);
                    let x = (column as f32 - 1.0 + shift + random(0)) * depth.cell;
                    let y = (row as f32 - part + random(1)) * depth.cell;
                    let near = x.min(self.size[0] - x).min(y).min(self.size[1] - y) / self.unit;
                    let twinkle = 0.65 + 0.35 * sine(seconds * (0.05 + 0.12 * random(2)) + random(3));
                    let lit = depth.light * twinkle * (0.35 + 0.65 * random(4)) * (0.75 + 0.35 * loud + 0.4 * hit);
                    let lit = lit * smoothstep((near - 0.025) / 0.07);
                    let radius = depth.radius * (0.6 + 0.8 * random(5));
                    let [r, g, b] = depth.colour.map(|v| v * lit);
                    *out = [x, y, 0.0, 0.0, radius, 0.0, r, g, b, 0.0];
                    count += 1;
                }
            }
        }
        count
    }
}
