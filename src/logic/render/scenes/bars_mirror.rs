//! Spectrum as capsules, mirrored on a centre line.

use crate::logic::audio::features::{BANDS, FULL, Window};
use crate::logic::render::canvas::{BPP, Canvas};
use crate::logic::render::palette::Palette;
use crate::logic::render::scene::{Frame, Look, Reach, Scene, Scratch};

pub(super) struct BarsMirror {
    palette: Palette,
}

impl BarsMirror {
    pub(super) fn new(look: &Look) -> Self {
        Self { palette: look.palette.clone() }
    }
}

impl Scene for BarsMirror {
    fn reach(&self) -> Reach {
        Reach { before: 0, after: 1 }
    }

    fn render(&self, frame: &Frame<'_>, window: &Window, scratch: &mut Scratch, canvas: &mut Canvas<'_>) {
        let (width, height) = (canvas.width() as usize, canvas.height());
        let levels = scratch.words(BANDS);
        for (b, level) in levels.iter_mut().enumerate() {
            *level = frame.at.level(window, |hop| hop.bands[b]);
        }
        for y in canvas.rows() {
            let from_centre = (2 * y + 1).abs_diff(height) * u32::from(FULL) / height;
            for (x, pixel) in canvas.row(y).chunks_exact_mut(BPP).enumerate() {
                let lit = u32::from(levels[x * BANDS / width]) * 9 / 10 >= from_centre;
                let colour = if lit { self.palette.entry(x * 1023 / width) } else { [0x0b00, 0x0d00, 0x1200] };
                pixel.copy_from_slice(&[(colour[0] >> 8) as u8, (colour[1] >> 8) as u8, (colour[2] >> 8) as u8, 255]);
            }
        }
    }
}
