//! The layout in pictures of different shapes.

use super::RING;
use crate::logic::render::composition::{Shape, TALL_TEXT, TALL_TITLE};
use crate::logic::render::glyphs::TextLine;
use crate::logic::render::look::Look;

/// The most that the ring grows sideways, in units, where nothing else limits it.
const GROWTH: f32 = 0.185;
/// How much larger the disc is in a tall picture, of the same width.
const TALL: f32 = 1.22;
/// How far the ring reaches up and down at most, in parts of the width: lifted further, it would be too wide between.
const TALLEST: f32 = 0.68;

/// The place of the disc, and the text if there is any.
pub struct Place {
    /// What radii are measured in, in pixels.
    pub unit: f32,
    /// The most that the ring grows sideways, in units.
    pub growth: f32,
    /// How many times more than sideways, less one, it grows up and down: 0 but in tall pictures, below 0 in short ones
    /// of those that have a title.
    pub lift: f32,
    /// Height of the disc's centre, in pixels from the top.
    pub centre: f32,
    pub text: Vec<TextLine>,
}

impl Place {
    pub fn new(look: &Look) -> Self {
        let (w, h) = (look.width() as f32, look.height() as f32);
        let unit = w.min(h);
        let written = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.trim().is_empty());
        let titled = written(&look.title) || written(&look.artist);
        let shape = Shape::of(look);
        // Where there is a title, the ring moves up; where there is little room for both, it is also drawn smaller.
        let (centre, scale) = match (shape, titled) {
            (Shape::Wide, false) => (0.5, 1.0),
            (Shape::Square, false) => (0.5, 1.06),
            (Shape::Wide, true) => (0.44, 0.83),
            (Shape::Square, true) => (0.44, (0.83 * h / w).clamp(0.83, 1.06)),
            (Shape::Tall, false) => (0.5, TALL),
            (Shape::Tall, true) => (0.415, TALL),
        };
        let centre = centre * h;
        let mut place = Self { unit: unit * scale, growth: GROWTH, lift: 0.0, centre, text: Vec::new() };
        let mut title = 0.885 * h;
        if shape == Shape::Tall {
            // Sideways the ring ends before the margin, whatever the sound; up and down it has the room that is left.
            place.growth = 0.445 / TALL - 1.05 * RING;
            let room = if titled { 0.315 * h } else { 0.41 * h };
            let reach = room.min(TALLEST * unit);
            place.lift = (reach / place.unit - 1.05 * RING) / place.growth - 1.0;
            title = (TALL_TITLE * h).min(centre + reach + 0.2 * unit);
        }
        if titled {
            let size = if shape == Shape::Tall { TALL_TEXT } else { 1.0 };
            place.text = TextLine::below(look, title, size * unit, look.palette.at(0.6));
        }
        place
    }
}
