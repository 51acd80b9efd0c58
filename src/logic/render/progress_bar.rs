//! A line at the lower edge that says how far the music is, over any scene.

use super::canvas::Canvas;
use super::colour::{from_hex, mix};
use super::look::Look;
use super::scene::{Frame, Reach, Scene, Scratch};
use super::shapes::{Pixel, coverage, over, pixel, span};
use crate::logic::audio::features::HopWindow;

/// Margin at the sides and below, and half the line's thickness, in units of the shorter side.
const MARGIN: f32 = 0.05;
const HALF: f32 = 0.0028;

pub(super) struct WithProgress {
    scene: Box<dyn Scene>,
    left: f32,
    right: f32,
    middle: f32,
    half: f32,
    done: Pixel,
    rest: Pixel,
}

impl WithProgress {
    pub fn new(look: &Look, scene: Box<dyn Scene>) -> Self {
        let (w, h) = (look.width() as f32, look.height() as f32);
        let unit = w.min(h);
        let white = from_hex(0xff_ffff);
        Self {
            scene,
            left: MARGIN * unit,
            right: w - MARGIN * unit,
            middle: h - 0.6 * MARGIN * unit,
            half: (HALF * unit).max(0.75),
            done: pixel(mix(look.palette.at(0.6), white, 0.25)),
            rest: pixel(mix(from_hex(0x07_090e), look.palette.at(0.5), 0.30)),
        }
    }
}

impl Scene for WithProgress {
    fn reach(&self) -> Reach {
        self.scene.reach()
    }

    fn render(&self, frame: &Frame<'_>, window: &HopWindow, scratch: &mut Scratch, canvas: &mut Canvas<'_>) {
        let Some(total) = frame.total else { return self.scene.render(frame, window, scratch, canvas) };
        let part = ((frame.n as f32 + 0.5) / total.max(1) as f32).clamp(0.0, 1.0);
        let head = self.left + (self.right - self.left) * part;
        self.scene.render(frame, window, scratch, &mut canvas.overlaid(&|y, row| self.draw(head, y, row)));
    }
}

impl WithProgress {
    /// Row `y` of the line, whose part up to `head` is done.
    fn draw(&self, head: f32, y: u32, row: &mut [u8]) {
        let reach = self.half + 1.0;
        let first = (self.middle - reach).max(0.0) as u32;
        if !(first..(self.middle + reach) as u32 + 1).contains(&y) {
            return;
        }
        let dy = y as f32 + 0.5 - self.middle;
        let (from, to) = ((self.left - reach) as i32, (self.right + reach) as i32 + 1);
        for (x, below) in (from.max(0)..).zip(span(row, from, to)) {
            let x = x as f32 + 0.5;
            // The line has round ends.
            let dx = (self.left - x).max(x - self.right).max(0.0);
            let coverage = coverage((dx * dx + dy * dy).sqrt() - self.half);
            over(below, if x <= head { self.done } else { self.rest }, coverage);
        }
    }
}
