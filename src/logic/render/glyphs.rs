//! Lines of text in the bundled font, rasterised once and laid over rows of pixels.

use std::sync::LazyLock;

use ab_glyph::{Font, FontRef, PxScale, ScaleFont, point};

use super::colour::{Rgb, from_hex, mix};
use super::look::Look;
use super::shapes::{Pixel, over, pixel, span};

/// Inter SemiBold 4.0, under the SIL Open Font License: Latin, Greek and Cyrillic.
static FONT: LazyLock<FontRef<'static>> = LazyLock::new(|| {
    FontRef::try_from_slice(include_bytes!("../../../assets/Inter-SemiBold.otf")).expect("the bundled font is sound")
});

/// A line is shrunk to this part of its size before it is cut.
const SMALLEST: f32 = 0.7;

/// A line of text at its place in a picture.
#[derive(Debug)]
pub struct TextLine {
    left: i32,
    top: i32,
    width: usize,
    /// Coverage, of 255, rows of `width`.
    coverage: Vec<u8>,
    colour: Pixel,
}

impl TextLine {
    /// `text` around the column `middle` with its baseline at `baseline`, `size` pixels high, no wider than `room`.
    ///
    /// A line that is too wide is set smaller, then cut with an ellipsis. What is no text (control characters, line
    /// breaks) becomes space; characters that the font lacks are left out.
    pub fn new(text: &str, (middle, baseline): (f32, f32), size: f32, room: f32, colour: Pixel) -> Option<Self> {
        let words: Vec<&str> =
            text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
        let known = |c: &char| *c == ' ' || FONT.glyph_id(*c).0 != 0;
        let mut text: Vec<char> = words.join(" ").chars().filter(known).collect();
        // Far more than fits, and an end to what has to be measured.
        text.truncate(400);
        let full = width(&text, size);
        let size = if full > room { size * (room / full).max(SMALLEST) } else { size };
        if width(&text, size) > room {
            while !text.is_empty() && width(&[&text[..], &['…']].concat(), size) > room {
                text.pop();
            }
            while text.last() == Some(&' ') {
                text.pop();
            }
            text.push('…');
        }
        let glyphs = laid_out(&text, size);
        let left = (middle - 0.5 * width(&text, size)).floor();
        let outlines: Vec<_> = glyphs
            .into_iter()
            .filter_map(|(id, x)| FONT.outline_glyph(id.with_scale_and_position(PxScale::from(size), point(x, 0.0))))
            .collect();
        let bounds = outlines.iter().map(|outline| outline.px_bounds()).reduce(|a, b| ab_glyph::Rect {
            min: point(a.min.x.min(b.min.x), a.min.y.min(b.min.y)),
            max: point(a.max.x.max(b.max.x), a.max.y.max(b.max.y)),
        })?;
        let (width, height) = (bounds.width() as usize, bounds.height() as usize);
        let mut coverage = vec![0u8; width * height];
        for outline in outlines {
            let at = outline.px_bounds().min - bounds.min;
            outline.draw(|x, y, c| {
                let (x, y) = (x as usize + at.x as usize, y as usize + at.y as usize);
                if let Some(coverage) = coverage.get_mut(y * width + x).filter(|_| x < width) {
                    *coverage = coverage.saturating_add((c.clamp(0.0, 1.0) * 255.0 + 0.5) as u8);
                }
            });
        }
        let (left, top) = ((left + bounds.min.x) as i32, (baseline.round() + bounds.min.y) as i32);
        Some(Self { left, top, width, coverage, colour })
    }

    /// Title and artist of a look, if it has them, around the middle of the picture from `baseline` on.
    pub fn below(look: &Look, baseline: f32, unit: f32, tint: Rgb) -> Vec<Self> {
        let white = from_hex(0xf4f6fa);
        let quiet = mix(mix(white, tint, 0.35), from_hex(0x10131a), 0.1);
        let (middle, room) = (0.5 * look.width() as f32, 0.9 * look.width() as f32);
        let line = |text: &Option<String>, baseline: f32, size: f32, colour: Rgb| {
            text.as_deref().and_then(|text| Self::new(text, (middle, baseline), size * unit, room, pixel(colour)))
        };
        let title = line(&look.title, baseline, 0.050, white);
        title.into_iter().chain(line(&look.artist, baseline + 0.050 * unit, 0.034, quiet)).collect()
    }

    /// Draws the part of the line that is in row `y`.
    pub fn draw(&self, y: u32, row: &mut [u8]) {
        let Some(start) = usize::try_from(y as i32 - self.top).ok().map(|r| r * self.width) else { return };
        let Some(coverage) = self.coverage.get(start..start + self.width) else { return };
        let cut = (-self.left).max(0) as usize;
        for (below, &coverage) in
            span(row, self.left, self.left + self.width as i32).iter_mut().zip(coverage.iter().skip(cut))
        {
            if coverage > 0 {
                over(below, self.colour, u32::from(coverage) + u32::from(coverage >> 7));
            }
        }
    }
}

/// Glyphs and where they start, kerned.
fn laid_out(text: &[char], size: f32) -> Vec<(ab_glyph::GlyphId, f32)> {
    let font = FONT.as_scaled(size);
    let (mut x, mut last) = (0.0, None);
    let mut glyphs = Vec::with_capacity(text.len());
    for &c in text {
        let id = FONT.glyph_id(c);
        x += last.map_or(0.0, |last| font.kern(last, id));
        glyphs.push((id, x));
        x += font.h_advance(id);
        last = Some(id);
    }
    glyphs
}

fn width(text: &[char], size: f32) -> f32 {
    let font = FONT.as_scaled(size);
    laid_out(text, size).last().map_or(0.0, |&(id, x)| x + font.h_advance(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHITE: Pixel = [255; 4];

    fn ink(line: &TextLine) -> u64 {
        line.coverage.iter().map(|&coverage| u64::from(coverage)).sum()
    }

    #[test]
    fn a_line_stands_in_the_middle_on_its_baseline() {
        let line = TextLine::new("HHH", (100.0, 50.0), 20.0, 200.0, WHITE).unwrap();
        assert!((line.left + line.width as i32 / 2 - 100).abs() <= 1);
        assert_eq!(line.top + (line.coverage.len() / line.width) as i32, 50);
    }

    #[test]
    fn a_long_line_shrinks_and_then_ends_in_an_ellipsis() {
        let short = TextLine::new("Concerto", (200.0, 50.0), 20.0, 400.0, WHITE).unwrap();
        let room = short.width as f32 * 0.8;
        let shrunk = TextLine::new("Concerto", (200.0, 50.0), 20.0, room, WHITE).unwrap();
        assert!(shrunk.width < short.width && shrunk.width as f32 > room * 0.9);
        let endless = "Concerto ".repeat(1000);
        let cut = TextLine::new(&endless, (200.0, 50.0), 20.0, 400.0, WHITE).unwrap();
        assert!(cut.width <= 400 && cut.width > 340, "{}", cut.width);
    }

    #[test]
    fn what_cannot_be_drawn_is_left_out() {
        let plain = TextLine::new("a b", (50.0, 50.0), 20.0, 100.0, WHITE).unwrap();
        let odd = TextLine::new("\u{1}a \u{0}\n\t b漢", (50.0, 50.0), 20.0, 100.0, WHITE).unwrap();
        assert_eq!(ink(&plain), ink(&odd));
        assert!(TextLine::new("\u{0}\n漢字", (50.0, 50.0), 20.0, 100.0, WHITE).is_none());
        assert!(TextLine::new("", (50.0, 50.0), 20.0, 100.0, WHITE).is_none());
    }

    #[test]
    fn a_line_is_clipped_on_all_sides() {
        let line = TextLine::new("Wide and tall", (5.0, 4.0), 40.0, 1000.0, WHITE).unwrap();
        for y in 0..20 {
            line.draw(y, &mut [0; 40]);
        }
    }
}
