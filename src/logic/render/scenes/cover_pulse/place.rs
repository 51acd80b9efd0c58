//! The layout in pictures of different shapes.

use crate::logic::render::glyphs::TextLine;
use crate::logic::render::look::Look;

/// The place of the disc, and the text if there is any.
pub struct Place {
    pub unit: f32,
    /// Height of the disc's centre, in pixels from the top.
    pub centre: f32,
    pub text: Vec<TextLine>,
}

impl Place {
    pub fn new(look: &Look) -> Self {
        let (w, h) = (look.width() as f32, look.height() as f32);
        let unit = w.min(h);
        let written = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.trim().is_empty());
        if !written(&look.title) && !written(&look.artist) {
            return Self { unit, centre: 0.5 * h, text: Vec::new() };
        }
        // Upright pictures have room below the ring; in others it moves up and is drawn a little smaller.
        let upright = h > 1.25 * w;
        let (centre, scale) = if upright { (0.5 * h - 0.09 * unit, 1.0) } else { (0.44 * h, 0.83) };
        let title = if upright { centre + 0.58 * unit } else { 0.885 * h };
        let text = TextLine::below(look, title, unit, look.palette.at(0.6));
        Self { unit: unit * scale, centre, text }
    }
}
