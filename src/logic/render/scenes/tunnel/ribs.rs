//! The ribs: thin bright rings, sharp where they are near.

use super::walls::{Flight, Sectors};
use crate::logic::render::colour::{from_hex, mix};
use crate::logic::render::look::Look;
use crate::logic::render::math::smoothstep;
use crate::logic::render::shapes::{Pixel, coverage, over, pixel, span};

/// Ribs that are drawn; the further ones are fog.
pub const RIBS: usize = 12;
const HUES: usize = 64;

pub struct Ribs {
    centre: [f32; 2],
    /// Radii of the mouth in pixels.
    mouth: [f32; 2],
    unit: f32,
    height: f32,
    colours: [Pixel; HUES],
}

/// A rib of a frame: radii in pixels, half its thickness, how much of it shows, of 256, and its colour.
#[derive(Clone, Copy)]
pub struct Rib {
    across: f32,
    up: f32,
    half: f32,
    shown: u32,
    colour: Pixel,
}

impl Ribs {
    pub fn new(look: &Look, (x, y): (f32, f32), mouth: [f32; 2]) -> Self {
        let white = from_hex(0xffffff);
        let colour = |i: usize| pixel(mix(look.palette.at(0.15 + 0.83 * i as f32 / (HUES - 1) as f32), white, 0.30));
        Self {
            centre: [x, y],
            mouth,
            unit: look.width().min(look.height()) as f32,
            height: look.height() as f32,
            colours: std::array::from_fn(colour),
        }
    }

    /// The ribs as they are seen, from the nearest on.
    pub fn fly(&self, flight: &Flight, sectors: &Sectors<'_>) -> [Rib; RIBS] {
        std::array::from_fn(|i| {
            let depth = (i as f32 + 1.0 - flight.part).max(0.2);
            let radius = flight.zoom / depth;
            let near = 1.0 - smoothstep((radius - 0.80) / 0.70);
            let far = smoothstep((radius - 0.075) / 0.12);
            let level = sectors.mean(depth - 1.0);
            let light = (0.26 + 1.25 * level + 0.35 * flight.hit).min(1.0) * near * far;
            // Every fourth rib is a stronger one; its number stays with it.
            let number = flight.rib.wrapping_add(i as u32);
            let strong = if number.is_multiple_of(4) { 1.7 } else { 1.0 };
            let half = (self.unit * 0.0042 * strong * radius).max(0.55);
            let hue = ((number % 16) as i32 - 8).unsigned_abs() as f32 / 8.0;
            Rib {
                across: self.mouth[0] * radius,
                up: self.mouth[1] * radius,
                half,
                shown: (light * 256.0).clamp(0.0, 256.0) as u32,
                colour: self.colours[((0.25 + 0.6 * hue) * (HUES - 1) as f32) as usize % HUES],
            }
        })
    }

    pub fn draw(&self, rib: &Rib, y: u32, row: &mut [u8]) {
        let dy = y as f32 + 0.5 - self.centre[1];
        let reach = rib.half + 1.0;
        let edge = (y as f32 + 0.5).min(self.height - y as f32 - 0.5) / self.unit;
        let light = (rib.shown as f32 * smoothstep((edge - 0.02) / 0.12) + 0.5) as u32;
        if light == 0 || dy.abs() >= rib.up + reach {
            return;
        }
        let (per_x, per_y) = (1.0 / (rib.across * rib.across).max(1.0), 1.0 / (rib.up * rib.up).max(1.0));
        // Where an ellipse larger or smaller by the reach is crossed by this row.
        let chord = |off: f32| {
            let (a, b) = (rib.across + off, rib.up + off);
            if a <= 0.0 || b <= dy.abs() { 0.0 } else { a * (1.0 - dy * dy / (b * b)).max(0.0).sqrt() }
        };
        let (outside, inside) = (chord(reach), chord(-reach));
        let [middle, _] = self.centre;
        let mut piece = |from: f32, to: f32| {
            let (first, end) = ((middle + from).floor() as i32, (middle + to).ceil() as i32);
            let left = first.max(0) as f32 + 0.5 - middle;
            for (i, below) in span(row, first, end).iter_mut().enumerate() {
                let dx = left + i as f32;
                let (gx, gy) = (dx * per_x, dy * per_y);
                // The distance from the ellipse, near to it: the function over its slope.
                let f = dx * gx + dy * gy - 1.0;
                let d = 0.5 * f.abs() / (gx * gx + gy * gy).sqrt().max(1e-9);
                let shown = (coverage(d - rib.half) * light) >> 8;
                if shown > 0 {
                    over(below, rib.colour, shown);
                }
            }
        };
        if inside > 1.0 {
            // Pieces share no pixel: each ends where the hole begins.
            piece(-outside, -inside);
            piece(inside.ceil(), outside);
        } else {
            piece(-outside, outside);
        }
    }
}
