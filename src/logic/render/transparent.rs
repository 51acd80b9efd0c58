//! Pictures on nothing: straight alpha, for laying over another video.
//!
//! Any scene can be drawn so. It is drawn on black and on white: where both are the same, the scene is opaque, and the
//! more of the white comes through, the more of anything will.

use super::canvas::{BPP, Canvas};
use super::colour::from_hex;
use super::look::{Background, Look};
use super::scene::{Frame, Reach, Scene, Scratch};
use crate::logic::audio::features::HopWindow;

/// Rows that are drawn at a time, so that both pictures stay in the cache.
const BAND: u32 = 64;

pub(super) struct Transparent {
    on_black: Box<dyn Scene>,
    on_white: Box<dyn Scene>,
}

impl Transparent {
    pub fn new(look: &Look, opaque: impl Fn(&Look) -> Box<dyn Scene>) -> Self {
        let on = |hex| {
            let mut look = look.clone();
            look.background = Background::Colour(from_hex(hex));
            opaque(&look)
        };
        Self { on_black: on(0), on_white: on(0xff_ffff) }
    }
}

impl Scene for Transparent {
    fn reach(&self) -> Reach {
        self.on_black.reach()
    }

    fn render(&self, frame: &Frame<'_>, window: &HopWindow, scratch: &mut Scratch, canvas: &mut Canvas<'_>) {
        let (width, height, rows) = (canvas.width(), canvas.height(), canvas.rows());
        let stride = width as usize * BPP;
        let [mut first, mut second] = [&mut scratch.first, &mut scratch.second].map(std::mem::take);
        for top in rows.clone().step_by(BAND as usize) {
            let band = top..rows.end.min(top + BAND);
            for (memory, scene) in [(&mut first, &self.on_black), (&mut second, &self.on_white)] {
                memory.resize(stride * band.len(), 0);
                scene.render(frame, window, scratch, &mut Canvas::packed_band(memory, width, height, band.clone()));
            }
            for (y, (black, white)) in band.zip(first.chunks(stride).zip(second.chunks(stride))) {
                let row = canvas.row(y);
                row.copy_from_slice(black);
                separate(row, white);
                canvas.finish(y);
            }
        }
        (scratch.first, scratch.second) = (first, second);
    }
}

/// Turns a row drawn on black into straight alpha, given the same row drawn on white.
fn separate(black: &mut [u8], white: &[u8]) {
    for (black, white) in black.as_chunks_mut::<4>().0.iter_mut().zip(white.as_chunks::<4>().0) {
        // What comes through is the same in each channel, but for rounding and where adding light to white clipped.
        let through = (0..3).map(|c| white[c].saturating_sub(black[c])).min().unwrap_or(0);
        let alpha = u32::from(255 - through);
        for v in &mut black[..3] {
            *v = (u32::from(*v) * 255 + alpha / 2).checked_div(alpha).unwrap_or(0).min(255) as u8;
        }
        black[3] = alpha as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alpha_is_what_does_not_come_through_and_colours_are_straight() {
        let separated = |black: [u8; 3], white: [u8; 3]| {
            let mut row = [black[0], black[1], black[2], 255];
            separate(&mut row, &[white[0], white[1], white[2], 255]);
            row
        };
        assert_eq!(separated([10, 200, 90], [10, 200, 90]), [10, 200, 90, 255], "opaque");
        assert_eq!(separated([0, 0, 0], [255, 255, 255]), [0, 0, 0, 0], "nothing there");
        assert_eq!(separated([50, 0, 25], [178, 128, 153]), [100, 0, 50, 127], "half of #640032");
        assert_eq!(separated([100, 50, 0], [255, 255, 255]), [255, 128, 0, 100], "light that was added");
    }
}
