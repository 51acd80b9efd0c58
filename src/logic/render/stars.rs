//! Stars that twinkle.

use super::colour::{from_hex, mix};
use super::look::Look;
use super::math::{chance, sine};
use super::shapes::span;

pub struct Stars {
    /// From top to bottom.
    stars: Vec<Star>,
    /// The largest radius of a star.
    reach: f32,
}

struct Star {
    x: f32,
    y: f32,
    radius: f32,
    light: f32,
    colour: [f32; 3],
    /// Turns a second, and where it begins.
    twinkle: [f32; 2],
}

impl Stars {
    /// In a sky that ends at `horizon`, in pixels from the top: `many` of them in a square of the width of a picture.
    pub fn new(look: &Look, horizon: f32, many: f32) -> Self {
        let (w, h) = (look.width() as f32, look.height() as f32);
        let unit = w.min(h);
        let count = (many * w * h / (unit * unit)).min(900.0) as u64;
        let random = |i: u64, lane: u64| chance(look.seed, i, 400 + lane);
        let white = from_hex(0xffffff);
        let star = |i: u64| {
            let size = random(i, 2);
            let size = size * size * size;
            let colour = mix(white, look.palette.at(random(i, 3)), 0.35);
            Star {
                x: random(i, 0) * w,
                y: (0.02 + 0.98 * random(i, 1)) * horizon,
                radius: (unit * (0.0010 + 0.0016 * size)).max(0.75),
                light: 0.22 + 0.75 * size,
                colour: colour.map(|v| f32::from(v) / 256.0),
                twinkle: [0.08 + 0.3 * random(i, 4), random(i, 5)],
            }
        };
        let mut stars: Vec<Star> = (0..count).map(star).collect();
        stars.sort_by(|a, b| a.y.total_cmp(&b.y));
        let reach = stars.iter().map(|star| star.radius).fold(0.0, f32::max);
        Self { stars, reach }
    }

    /// Adds their light to row `y`.
    pub fn draw(&self, y: u32, seconds: f32, row: &mut [u8]) {
        let y = y as f32 + 0.5;
        let first = self.stars.partition_point(|star| star.y < y - self.reach);
        for star in self.stars[first..].iter().take_while(|star| star.y < y + self.reach) {
            star.draw(y, seconds, row);
        }
    }
}

impl Star {
    fn draw(&self, y: f32, seconds: f32, row: &mut [u8]) {
        let dy = y - self.y;
        let first = (self.x - self.radius).max(0.0);
        let light = self.light * (0.72 + 0.28 * sine(seconds * self.twinkle[0] + self.twinkle[1]));
        let pixels = span(row, first as i32, (self.x + self.radius) as i32 + 1);
        for (i, below) in pixels.iter_mut().enumerate() {
            let dx = first.floor() + i as f32 + 0.5 - self.x;
            let near = (1.0 - (dx * dx + dy * dy) / (self.radius * self.radius)).max(0.0);
            for (below, colour) in below.iter_mut().zip(self.colour) {
                *below = below.saturating_add((colour * light * near).clamp(0.0, 255.0) as u8);
            }
        }
    }
}
