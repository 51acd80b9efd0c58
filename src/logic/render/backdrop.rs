//! What is behind everything: a vertical gradient that is nearly black.

use super::palette::{Rgb, from_hex};
use super::soft::Grid;

/// The default: #0b0d12 at the top to #05060a at the bottom.
const TOP: u32 = 0x0b_0d12;
const BOTTOM: u32 = 0x05_060a;

/// A vertical gradient in node units.
#[derive(Debug, Clone, Copy)]
pub struct Backdrop {
    top: [f32; 3],
    step: [f32; 3],
}

impl Backdrop {
    /// The default backdrop on a grid.
    pub fn new(grid: Grid) -> Self {
        let [top, bottom] = [TOP, BOTTOM].map(|hex| light(grid, from_hex(hex)));
        let rows = (grid.rows() - 1) as f32;
        Self { top, step: std::array::from_fn(|c| (bottom[c] - top[c]) / rows) }
    }

    /// The colour of a row of nodes.
    pub fn row(&self, r: usize) -> [f32; 3] {
        std::array::from_fn(|c| self.top[c] + self.step[c] * r as f32)
    }
}

/// A palette colour in node units.
pub fn light(grid: Grid, colour: Rgb) -> [f32; 3] {
    colour.map(|v| f32::from(v) / f32::from(super::palette::ONE) * grid.one())
}
