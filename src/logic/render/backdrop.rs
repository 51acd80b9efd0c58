//! What is behind everything: a vertical gradient that is nearly black, a colour, or nothing.

use super::field::Grid;
use super::palette::{Rgb, from_hex, parse_hex};

/// The default: #0b0d12 at the top to #05060a at the bottom.
const TOP: u32 = 0x0b_0d12;
const BOTTOM: u32 = 0x05_060a;

/// What is behind everything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Background {
    /// A vertical gradient that is nearly black.
    #[default]
    Dark,
    /// One colour.
    Colour(Rgb),
    /// Nothing: pictures have straight alpha.
    Transparent,
}

/// Not the name of a background.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("“{asked}” is no background; it can be dark, transparent or a colour such as #101820")]
pub struct UnknownBackground {
    /// What was asked for.
    pub asked: String,
}

impl std::str::FromStr for Background {
    type Err = UnknownBackground;

    fn from_str(text: &str) -> Result<Self, UnknownBackground> {
        match text {
            "dark" => Ok(Self::Dark),
            "transparent" => Ok(Self::Transparent),
            _ => parse_hex(text).map(Self::Colour).ok_or_else(|| UnknownBackground { asked: text.to_owned() }),
        }
    }
}

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
    colour.map(|v| f32::from(v) / f32::from(super::palette::ONE) * grid.one())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backgrounds_are_named_in_words_or_as_a_colour() {
        assert_eq!("dark".parse(), Ok(Background::Dark));
        assert_eq!("transparent".parse(), Ok(Background::Transparent));
        assert_eq!("#ff8000".parse(), Ok(Background::Colour([0xff00, 0x8000, 0])));
        for asked in ["", "red", "#12345", "#12345g", "#1234567", "#é2345"] {
            let error = asked.parse::<Background>().unwrap_err().to_string();
            assert!(error.contains("transparent") && error.contains(asked), "{error}");
        }
    }
}
