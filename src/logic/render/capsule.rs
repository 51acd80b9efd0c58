//! Upright bars with round ends, at whole pixels across and parts of a pixel in height.

use super::field::Grid;
use super::math::ease;
use super::shapes::cover;

/// The height over each column of nodes of a smooth outline through the middles of bars `width` pixels wide, the first
/// one at `left` and one each `pitch`.
pub fn outline(grid: Grid, (left, pitch, width): (i32, i32, i32), heights: &[f32], tips: &mut Vec<f32>) {
    let last = heights.len() - 1;
    tips.clear();
    tips.extend((0..grid.columns()).map(|c| {
        let x = (c as u32 * grid.cell()) as f32 - (left as f32 + 0.5 * width as f32);
        let b = (x / pitch as f32).clamp(0.0, heights.len() as f32 - 1.001);
        let i = b as usize;
        heights[i] + (heights[(i + 1).min(last)] - heights[i]) * ease(b - i as f32)
    }));
}

/// Heights of a bar's end that are told apart, per pixel.
const FINE: i32 = 16;

/// How much the round end of a bar covers of each pixel, of 256, for [`FINE`] positions of the end between two rows.
pub struct Ends {
    /// Half the width of the bar.
    pub radius: f32,
    width: usize,
    rows: i32,
    cover: Vec<u16>,
}

impl Ends {
    /// For bars of `width` pixels.
    pub fn new(width: i32) -> Self {
        let radius = 0.5 * width as f32;
        let rows = radius.ceil() as i32 + 1;
        let mut covers = Vec::new();
        for position in 0..FINE * rows {
            let along = (position as f32 + 0.5) / FINE as f32;
            covers.extend((0..width).map(|x| {
                let across = x as f32 + 0.5 - radius;
                cover((across * across + along * along).sqrt() - radius) as u16
            }));
        }
        Self { radius, width: width as usize, rows, cover: covers }
    }

    /// The row `along` pixels beyond the centre of the end, `None` past it.
    pub fn row(&self, along: f32) -> Option<&[u16]> {
        let position = (along * FINE as f32) as i32;
        let start = position as usize * self.width;
        (position < FINE * self.rows).then(|| &self.cover[start..start + self.width])
    }
}
