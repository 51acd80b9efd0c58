//! The sky: a sun that breathes with the bass, and the glow around it.

use super::Place;
use crate::logic::render::backdrop::{Backdrop, light};
use crate::logic::render::colour::{from_hex, mix};
use crate::logic::render::field::{Grid, Node, node};
use crate::logic::render::look::Look;
use crate::logic::render::math::fall;
use crate::logic::render::shapes::{Pixel, annulus, pixel};

/// Shades of the sun from its upper edge to the lower one.
const SHADES: usize = 256;

pub struct Sky {
    grid: Grid,
    backdrop: Backdrop,
    unit: f32,
    centre: [f32; 2],
    radius: f32,
    horizon: f32,
    glow: [f32; 3],
    haze: [f32; 3],
    colours: [Pixel; SHADES],
}

/// The sun of a frame.
pub struct Sun {
    /// How much of the sun's colour shows, of 256.
    bright: u32,
    radius: f32,
    glow: f32,
    haze: f32,
}

impl Sky {
    pub fn new(look: &Look, grid: Grid, place: &Place) -> Self {
        let (w, h) = (look.width() as f32, look.height() as f32);
        let unit = w.min(h);
        let white = from_hex(0xffffff);
        let horizon = place.horizon * h;
        let colour = |i: usize| {
            let down = i as f32 / (SHADES - 1) as f32;
            let hue = look.palette.at(0.95 - 0.50 * down);
            pixel(mix(hue, white, f64::from(0.42 * (1.0 - down) * (1.0 - down))))
        };
        Self {
            grid,
            backdrop: Backdrop::new(grid, look.background),
            unit,
            centre: [0.5 * w, horizon - (place.risen * h).min(0.3 * unit)],
            radius: place.sun * unit,
            horizon,
            glow: light(grid, look.palette.at(0.70)),
            haze: light(grid, look.palette.at(0.42)),
            colours: std::array::from_fn(colour),
        }
    }

    pub fn sun(&self, hit: f32, kick: f32, loud: f32) -> Sun {
        Sun {
            bright: (198.0 + 16.0 * loud.min(1.0) + 42.0 * hit.min(1.0)) as u32,
            radius: self.radius * (0.93 + 0.05 * loud + 0.12 * kick),
            glow: 0.20 + 0.14 * loud + 0.56 * hit,
            haze: 0.12 + 0.06 * loud + 0.24 * hit,
        }
    }

    pub fn row(&self, r: usize, sun: &Sun, nodes: &mut [Node]) {
        let cell = self.grid.cell() as f32;
        let y = r as f32 * cell;
        let haze = sun.haze * fall((self.horizon - y).abs() / (0.085 * self.unit));
        let base: [f32; 3] = std::array::from_fn(|c| self.backdrop.row(r)[c] + self.haze[c] * haze);
        let sky = Glow {
            one: self.grid.one(),
            base,
            colour: self.glow,
            x: self.centre[0],
            dy: y - self.centre[1],
            radius: sun.radius,
            near: 1.0 / (0.055 * self.unit),
            far: 1.0 / (0.16 * self.unit),
            light: sun.glow,
            cell,
        };
        shine(&sky, nodes);
    }

    pub fn draw_sun(&self, y: u32, sun: &Sun, row: &mut [u8]) {
        let dy = y as f32 + 0.5 - self.centre[1];
        if dy.abs() > sun.radius + 1.0 {
            return;
        }
        let down = (dy / sun.radius * 0.5 + 0.5) * (SHADES - 1) as f32;
        let colour = self.colours[(down.clamp(0.0, (SHADES - 1) as f32)) as usize % SHADES];
        let colour = colour.map(|v| ((u32::from(v) * sun.bright) >> 8) as u8);
        let colour = [colour[0], colour[1], colour[2], 255];
        annulus(row, self.centre[0], dy, 0.0, sun.radius, |_| colour);
    }
}

struct Glow {
    one: f32,
    base: [f32; 3],
    colour: [f32; 3],
    x: f32,
    dy: f32,
    radius: f32,
    near: f32,
    far: f32,
    light: f32,
    cell: f32,
}

#[multiversion::multiversion(targets = "simd")]
fn shine(sky: &Glow, nodes: &mut [Node]) {
    for (c, out) in nodes.iter_mut().enumerate() {
        let dx = c as u32 as f32 * sky.cell - sky.x;
        let d = ((dx * dx + sky.dy * sky.dy).sqrt() - sky.radius).max(0.0);
        let g = sky.light * (0.62 * fall(d * sky.near) + 0.38 * fall(d * sky.far));
        *out = node(
            sky.one,
            sky.base[0] + sky.colour[0] * g,
            sky.base[1] + sky.colour[1] * g,
            sky.base[2] + sky.colour[2] * g,
        );
    }
}
