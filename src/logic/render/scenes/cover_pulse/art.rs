//! The cover on the disc, and out of focus behind everything.

use crate::logic::render::backdrop::light;
use crate::logic::render::cover::Cover;
use crate::logic::render::field::Grid;
use crate::logic::render::math::{smoothstep, spline};
use crate::logic::render::shapes::{Pixel, span};

/// Pixels on the longer side of the cover out of focus.
const BLURRED: u32 = 12;
/// Its brightness in the middle of the picture.
const BEHIND: f32 = 0.24;

pub struct Art {
    /// The cover at the size of the disc's square.
    side: i32,
    pixels: Vec<Pixel>,
    columns: usize,
    /// Red, green and blue at each node.
    behind: [Vec<f32>; 3],
}

impl Art {
    pub fn new(cover: &Cover, grid: Grid, (width, height): (u32, u32), radius: f32) -> Self {
        let side = 2 * (radius.ceil() as i32 + 1);
        let pixels = cover.filling(side as u32, side as u32).into_iter().map(|[r, g, b]| [r, g, b, 255]).collect();
        // A tiny picture, smoothed by the spline that enlarges it.
        let longest = width.max(height);
        let [tw, th] = [width, height].map(|v| (v * BLURRED).div_ceil(longest).max(2));
        let tiny = cover.filling(tw, th);
        let colours: Vec<[f32; 3]> = tiny.iter().map(|p| light(grid, p.map(|v| u16::from(v) << 8))).collect();
        let at = |x: isize, y: isize, channel: usize| {
            let (x, y) = (x.clamp(0, tw as isize - 1), y.clamp(0, th as isize - 1));
            colours[y as usize * tw as usize + x as usize][channel]
        };
        let columns = grid.columns();
        let behind = std::array::from_fn(|channel| {
            let mut plane = Vec::with_capacity(columns * grid.rows());
            for r in 0..grid.rows() {
                let v = (r as u32 * grid.cell()) as f32 / height as f32;
                let (y, weights_y) = samples(v * th as f32 - 0.5);
                for c in 0..columns {
                    let u = (c as u32 * grid.cell()) as f32 / width as f32;
                    let (x, weights_x) = samples(u * tw as f32 - 0.5);
                    let mut sum = 0.0;
                    for (j, wy) in weights_y.iter().enumerate() {
                        for (i, wx) in weights_x.iter().enumerate() {
                            sum += at(x + i as isize, y + j as isize, channel) * wx * wy;
                        }
                    }
                    let (dx, dy) = (2.0 * u - 1.0, 2.0 * v - 1.0);
                    plane.push(sum * BEHIND * (1.0 - 0.75 * smoothstep((dx * dx + dy * dy) * 0.5)));
                }
            }
            plane
        });
        Self { side, pixels, columns, behind }
    }

    /// Adds the cover out of focus to a row of nodes.
    pub fn add_behind(&self, r: usize, planes: &mut [&mut [f32]; 3]) {
        for (plane, behind) in planes.iter_mut().zip(&self.behind) {
            for (out, v) in plane.iter_mut().zip(&behind[r * self.columns..]) {
                *out += v;
            }
        }
    }

    /// Draws a row of the disc, up to where the rail covers its edge; `dy` pixels below the centre at column `middle`.
    pub fn draw(&self, dy: f32, middle: f32, row: &mut [u8]) {
        let half = self.side / 2;
        let y = dy.floor() as i32 + half;
        let radius = (half - 1) as f32 + 0.5;
        let across = radius * radius - dy * dy;
        if across <= 0.0 || !(0..self.side).contains(&y) {
            return;
        }
        let chord = (across.sqrt() as i32).min(half);
        let left = middle as i32 - chord;
        let source = &self.pixels[(y * self.side + half - chord) as usize..][..2 * chord as usize];
        let cut = (-left).max(0) as usize;
        for (out, pixel) in span(row, left, left + 2 * chord).iter_mut().zip(source.iter().skip(cut)) {
            *out = *pixel;
        }
    }
}

/// The first of four samples around `at`, and their weights.
fn samples(at: f32) -> (isize, [f32; 4]) {
    let first = at.floor();
    (first as isize - 1, spline(at - first).map(|weight| weight / 6.0))
}
