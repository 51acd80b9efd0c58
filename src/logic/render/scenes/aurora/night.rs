//! What stands still behind and before the curtains: stars, and hills at the horizon with their mirror image.

use crate::logic::render::colour::{from_hex, mix};
use crate::logic::render::look::Look;
use crate::logic::render::noise::Line;
use crate::logic::render::shapes::{Pixel, coverage, over, pixel};
use crate::logic::render::stars::Stars;

pub struct Night {
    stars: Stars,
    horizon: f32,
    /// How high the hills are over each column of pixels, and the highest of them.
    hills: Vec<f32>,
    highest: f32,
    hill: Pixel,
}

impl Night {
    pub fn new(look: &Look, horizon: f32) -> Self {
        let unit = look.width().min(look.height()) as f32;
        let ridges = [Line::<32>::new(look.seed, 300, 0, 16), Line::new(look.seed, 301, 0, 16)];
        let trees = Line::<256>::new(look.seed, 302, 0, 16);
        let hills: Vec<f32> = (0..look.width())
            .map(|x| {
                let x = x as f32 / unit;
                let [a, b] = [ridges[0].at(x * 3.1), ridges[1].at(x * 9.7)];
                unit * (0.010 + 0.075 * a * a + 0.016 * b + 0.007 * trees.at(x * 120.0))
            })
            .collect();
        Self {
            stars: Stars::new(look, horizon, 230.0),
            horizon,
            highest: hills.iter().copied().fold(0.0, f32::max),
            hills,
            hill: pixel(mix(from_hex(0x020306), look.palette.at(0.1), 0.06)),
        }
    }

    pub fn draw(&self, y: u32, seconds: f32, row: &mut [u8]) {
        self.stars.draw(y, seconds, row);
        let y = y as f32 + 0.5;
        // The mirror image is less high.
        let up = if y < self.horizon { self.horizon - y } else { (y - self.horizon) * 2.2 };
        if up < self.highest + 1.0 {
            for (below, hill) in row.as_chunks_mut::<4>().0.iter_mut().zip(&self.hills) {
                let shown = coverage(up - hill);
                if shown > 0 {
                    over(below, self.hill, if y < self.horizon { shown } else { shown * 215 / 256 });
                }
            }
        }
    }
}
