//! The background as nodes of a field: a vertical gradient that is nearly black, a colour, or nothing.

use super::colour::{self, Rgb, from_hex};
use super::field::Grid;
use super::look::Background;

/// The default: #0b0d12 at the top to #05060a at the bottom.
const TOP: u32 = 0x0b_0d12;
const BOTTOM: u32 = 0x05_060a;

/// A vertical gradient in node units.
#[derive(Debug, Clone, Copy)]
pub(super) struct Backdrop {
    top: [f32; 3],
    step: [f32; 3],
}

impl Backdrop {
    /// A background on a grid. Nothing is drawn as black; [`super::transparent`] finds out what shows through.
    pub fn new(grid: Grid, background: Background) -> Self {
        let [top, bottom] = match background {
            Background::Dark => [TOP, BOTTOM].map(from_hex),
            Background::Colour(colour) => [colour; 2],
            Background::Transparent => [[0; 3]; 2],
        }
        .map(|colour| light(grid, colour));
        let rows = (grid.rows() - 1) as f32;
        Self { top, step: std::array::from_fn(|c| (bottom[c] - top[c]) / rows) }
    }

    /// The colour of a row of nodes.
    pub fn row(&self, r: usize) -> [f32; 3] {
        std::array::from_fn(|c| self.top[c] + self.step[c] * r as f32)
    }
}

/// A palette colour in node units.
pub(super) fn light(grid: Grid, colour: Rgb) -> [f32; 3] {
    colour.map(|v| f32::from(v) / f32::from(colour::ONE) * grid.one())
}
