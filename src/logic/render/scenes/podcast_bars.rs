//! Rounded bars that a voice moves, the voice in the middle, with room for a title.

use crate::logic::audio::features::{BANDS, FULL, HopWindow};
use crate::logic::render::backdrop::{Backdrop, light};
use crate::logic::render::canvas::Canvas;
use crate::logic::render::capsule::{Ends, outline};
use crate::logic::render::draw::{Pixel, over, pixel, span};
use crate::logic::render::math::{ease, fall, sine};
use crate::logic::render::palette::{self, from_hex};
use crate::logic::render::scene::{Frame, Look, Reach, Scene, Scratch};
use crate::logic::render::soft::{Grid, Layer, Node, node};
use crate::logic::render::text::Line;

/// Bars to one side of the one in the middle.
const SIDE: usize = 14;
const BARS: usize = 2 * SIDE + 1;
/// The bands that voices live in: 90 Hz to 6 kHz of 30 Hz to 16 kHz.
const VOICE: (f32, f32) = (11.0, 54.0);

pub(super) struct PodcastBars {
    grid: Grid,
    backdrop: Backdrop,
    unit: f32,
    left: i32,
    pitch: i32,
    width: i32,
    middle: f32,
    tallest: f32,
    ends: Ends,
    colours: [Pixel; BARS],
    glow: [Vec<f32>; 3],
    text: Vec<Line>,
}

impl PodcastBars {
    pub(super) fn new(look: &Look) -> Self {
        let (w, h) = (look.width() as f32, look.height() as f32);
        let unit = w.min(h);
        let grid = Grid::of(look);
        let pitch = ((0.86 * w).min(1.25 * unit) / BARS as f32).floor().max(1.0) as i32;
        let width = (pitch * 56 / 100).max(1);
        let text = Line::below(look, 0.5 * h + 0.36 * unit, unit, look.palette.at(0.6));
        let middle = if text.is_empty() { 0.5 * h } else { 0.5 * h - 0.07 * unit };
        let left = (look.width() as i32 - (pitch * (BARS as i32 - 1) + width)) / 2;
        // Mirrored, so that the colours do not fall to one side.
        let hue = |from_middle: f32| look.palette.at(0.78 - 0.5 * from_middle.abs().min(1.0));
        let centre = 0.5 * w;
        let half = (0.5 * (pitch * BARS as i32) as f32).max(1.0);
        let colours: Vec<[f32; 3]> = (0..grid.columns())
            .map(|c| {
                let x = ((c as u32 * grid.cell()) as f32 - centre) / half;
                let fade = 1.0 - ease((x.abs() - 0.75) / 0.6);
                light(grid, hue(x)).map(|v| v * fade)
            })
            .collect();
        Self {
            grid,
            backdrop: Backdrop::new(grid, look.background),
            unit,
            left,
            pitch,
            width,
            middle: middle.floor(),
            tallest: (0.30 * unit).min(0.38 * h),
            ends: Ends::new(width),
            colours: std::array::from_fn(|b| {
                let colour = hue((b as f32 - SIDE as f32) / SIDE as f32);
                pixel(palette::mix(colour, from_hex(0xffffff), 0.16))
            }),
            glow: std::array::from_fn(|channel| colours.iter().map(|colour| colour[channel]).collect()),
            text,
        }
    }

    /// Half the height of each bar in pixels.
    fn heights(&self, frame: &Frame<'_>, window: &HopWindow) -> [f32; BARS] {
        let at = frame.at;
        let loud = f32::from(at.level(window, |hop| hop.loudness)) / f32::from(FULL);
        let read = |band: usize| f32::from(at.level(window, |hop| hop.bands[band.min(BANDS - 1)])) / f32::from(FULL);
        let seconds = at.seconds();
        let resting = 0.5 * self.width as f32;
        std::array::from_fn(|b| {
            let out = b.abs_diff(SIDE) as f32 / SIDE as f32;
            let band = VOICE.0 + (VOICE.1 - VOICE.0) * out;
            let (i, t) = (band as usize, band.fract());
            // Two neighbours for a calm outline; the two sides look at slightly different bands, as no voice is even.
            let skew = usize::from(b < SIDE);
            let level = read(i + skew) * (1.0 - t) + read(i + 1 + skew) * t;
            // Quiet voices are lifted: a whisper still fills half of the room.
            let lifted = level * (1.75 - 0.75 * level);
            let shape = 1.0 - 0.45 * out * out;
            let breath = 0.5 + 0.5 * sine(seconds * 0.16 - out * 0.8);
            let idle = self.unit * (0.006 + 0.016 * breath * (1.0 - out * out)) * (1.0 - 0.6 * ease(loud * 2.0));
            let height = resting + idle + (self.tallest - resting) * lifted * shape;
            height.min(self.tallest)
        })
    }
}

impl Scene for PodcastBars {
    fn reach(&self) -> Reach {
        Reach { before: 0, after: 1 }
    }

    fn render(&self, frame: &Frame<'_>, window: &HopWindow, scratch: &mut Scratch, canvas: &mut Canvas<'_>) {
        let heights = self.heights(frame, window);
        let tips = &mut scratch.values;
        let soft: [f32; BARS] = std::array::from_fn(|i| {
            let (before, after) = (heights[i.saturating_sub(1)], heights[(i + 1).min(BARS - 1)]);
            0.5 * heights[i] + 0.25 * (before + after)
        });
        outline(self.grid, (self.left, self.pitch, self.width), &soft, tips);
        let highest = heights.iter().copied().fold(0.0, f32::max);
        let loud = f32::from(frame.at.level(window, |hop| hop.loudness)) / f32::from(FULL);
        self.grid.paint(canvas, &mut scratch.rows, &mut Picture { scene: self, heights, highest, loud, tips });
    }
}

struct Picture<'a> {
    scene: &'a PodcastBars,
    heights: [f32; BARS],
    highest: f32,
    loud: f32,
    tips: &'a [f32],
}

impl Layer for Picture<'_> {
    fn field(&mut self, r: usize, nodes: &mut [Node]) {
        let scene = self.scene;
        let d = ((r as u32 * scene.grid.cell()) as f32 - scene.middle).abs();
        let haze = (0.06 + 0.05 * self.loud) * fall(d / (scene.unit * 0.16));
        let base = scene.backdrop.row(r);
        let light = 0.11 + 0.09 * self.loud;
        shine(scene.grid.one(), base, d, [light, haze], 1.0 / (scene.unit * 0.042), self.tips, &scene.glow, nodes);
    }

    fn crisp(&mut self, y: u32, row: &mut [u8]) {
        let scene = self.scene;
        let d = (y as f32 + 0.5 - scene.middle).abs();
        if d < self.highest + 1.0 {
            stand(scene, &self.heights, d, row);
        }
        for line in &scene.text {
            line.draw(y, row);
        }
    }
}

#[multiversion::multiversion(targets = "simd")]
fn stand(scene: &PodcastBars, heights: &[f32; BARS], d: f32, row: &mut [u8]) {
    let first = scene.left..;
    for ((height, &colour), x) in heights.iter().zip(&scene.colours).zip(first.step_by(scene.pitch as usize)) {
        let along = d - (height - scene.ends.radius);
        if along <= 0.0 {
            span(row, x, x + scene.width).fill(colour);
        } else if let Some(covers) = scene.ends.row(along) {
            for (below, &cover) in span(row, x, x + scene.width).iter_mut().zip(covers) {
                over(below, colour, u32::from(cover));
            }
        }
    }
}

#[allow(clippy::too_many_arguments, reason = "one row of numbers, in one place")]
#[multiversion::multiversion(targets = "simd")]
fn shine(
    one: f32,
    base: [f32; 3],
    d: f32,
    [bright, haze]: [f32; 2],
    per: f32,
    tips: &[f32],
    [red, green, blue]: &[Vec<f32>; 3],
    nodes: &mut [Node],
) {
    let n = nodes.len();
    let (tips, red, green, blue) = (&tips[..n], &red[..n], &green[..n], &blue[..n]);
    for c in 0..n {
        let g = bright * fall((d - tips[c]).max(0.0) * per) + haze;
        nodes[c] = node(one, base[0] + red[c] * g, base[1] + green[c] * g, base[2] + blue[c] * g);
    }
}
