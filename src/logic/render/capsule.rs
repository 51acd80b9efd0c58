//! Upright bars with round ends, at whole pixels across and parts of a pixel in height, and the glow around them.

use super::field::{Grid, Node, node};
use super::math::{fall, smoothstep};
use super::shapes::{Pixel, coverage, over, over_all, span};

/// Bars side by side in the middle of a picture, in whole pixels for sharp sides.
pub struct Bars {
    /// Left edge of the first bar.
    pub left: i32,
    /// From bar to bar.
    pub pitch: i32,
    /// Of a bar.
    pub width: i32,
    ends: Ends,
}

impl Bars {
    /// `count` bars in a picture `across` pixels wide.
    pub fn new(across: u32, count: usize, pitch: i32, width: i32) -> Self {
        let left = (across as i32 - (pitch * (count as i32 - 1) + width)) / 2;
        Self { left, pitch, width, ends: Ends::new(width) }
    }

    /// The left edges of the bars, and of more to the right of them.
    #[inline(always)]
    pub fn edges(&self) -> impl Iterator<Item = i32> {
        (self.left..).step_by(self.pitch as usize)
    }

    /// Draws a row of the bar at column `x`, `d` pixels from where it stands, `shown` of 256 of it.
    #[inline(always)]
    pub fn draw(&self, row: &mut [u8], x: i32, d: f32, height: f32, colour: Pixel, shown: u32) {
        let along = d - (height - self.ends.radius);
        if along <= 0.0 {
            let pixels = span(row, x, x + self.width);
            if shown == 256 { pixels.fill(colour) } else { over_all(pixels, colour, shown) }
        } else if let Some(coverage) = self.ends.row(along) {
            for (below, &coverage) in span(row, x, x + self.width).iter_mut().zip(coverage) {
                over(below, colour, (u32::from(coverage) * shown) >> 8);
            }
        }
    }

    /// The height over each column of nodes of a smooth outline through the middles of bars of those heights.
    pub fn outline(&self, grid: Grid, heights: &[f32], tips: &mut Vec<f32>) {
        let last = heights.len() - 1;
        tips.clear();
        tips.extend((0..grid.columns()).map(|c| {
            let x = (c as u32 * grid.cell()) as f32 - (self.left as f32 + 0.5 * self.width as f32);
            let b = (x / self.pitch as f32).clamp(0.0, heights.len() as f32 - 1.001);
            let i = b as usize;
            heights[i] + (heights[(i + 1).min(last)] - heights[i]) * smoothstep(b - i as f32)
        }));
    }
}

/// One row of the glow: `d` pixels from where the bars stand, `light` up to the tips (`stretch` of their height), then
/// falling off over 1/`per` pixels, with `floor` everywhere.
#[derive(Clone, Copy)]
pub struct Glow {
    pub one: f32,
    pub base: [f32; 3],
    pub d: f32,
    pub stretch: f32,
    pub light: f32,
    pub floor: f32,
    pub per: f32,
}

/// Fills a row of nodes with the glow around bars with such an outline.
#[multiversion::multiversion(targets = "simd")]
pub fn shine(glow: Glow, tips: &[f32], [red, green, blue]: &[Vec<f32>; 3], nodes: &mut [Node]) {
    let n = nodes.len();
    let (tips, red, green, blue) = (&tips[..n], &red[..n], &green[..n], &blue[..n]);
    for c in 0..n {
        let beyond = (glow.d - tips[c] * glow.stretch).max(0.0);
        let g = glow.light * fall(beyond * glow.per) + glow.floor;
        nodes[c] = node(glow.one, glow.base[0] + red[c] * g, glow.base[1] + green[c] * g, glow.base[2] + blue[c] * g);
    }
}

/// Heights of a bar's end that are told apart, per pixel.
const FINE: i32 = 16;

/// How much the round end of a bar covers of each pixel, of 256, for [`FINE`] positions of the end between two rows.
struct Ends {
    /// Half the width of the bar.
    radius: f32,
    width: usize,
    rows: i32,
    coverage: Vec<u16>,
}

impl Ends {
    /// For bars of `width` pixels.
    fn new(width: i32) -> Self {
        let radius = 0.5 * width as f32;
        let rows = radius.ceil() as i32 + 1;
        let mut ends = Vec::new();
        for position in 0..FINE * rows {
            let along = (position as f32 + 0.5) / FINE as f32;
            ends.extend((0..width).map(|x| {
                let across = x as f32 + 0.5 - radius;
                coverage((across * across + along * along).sqrt() - radius) as u16
            }));
        }
        Self { radius, width: width as usize, rows, coverage: ends }
    }

    /// The row `along` pixels beyond the centre of the end, `None` past it.
    #[inline(always)]
    fn row(&self, along: f32) -> Option<&[u16]> {
        let position = (along * FINE as f32) as i32;
        let start = position as usize * self.width;
        (position < FINE * self.rows).then(|| &self.coverage[start..start + self.width])
    }
}
