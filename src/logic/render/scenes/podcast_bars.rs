//! Rounded bars that a voice moves, the voice in the middle, with room for a title.

use crate::logic::audio::features::{BANDS, Hop, HopWindow};
use crate::logic::render::backdrop::{Backdrop, light};
use crate::logic::render::canvas::Canvas;
use crate::logic::render::capsule::{Bars, Glow, shine};
use crate::logic::render::colour::{from_hex, mix};
use crate::logic::render::composition::{Shape, TALL_TEXT, TALL_TITLE, abreast, fitted};
use crate::logic::render::field::{Grid, Layer, Node};
use crate::logic::render::glyphs::TextLine;
use crate::logic::render::look::Look;
use crate::logic::render::math::{fall, of_full, sine, smoothstep};
use crate::logic::render::scene::{Frame, Reach, Scene, Scratch};
use crate::logic::render::shapes::{Pixel, pixel};

/// Most bars to one side of the one in the middle.
const SIDE: usize = 14;
const BARS: usize = 2 * SIDE + 1;
/// The bands that voices live in: 90 Hz to 6 kHz of 30 Hz to 16 kHz.
const VOICE: (f32, f32) = (11.0, 54.0);

pub(super) struct PodcastBars {
    grid: Grid,
    backdrop: Backdrop,
    unit: f32,
    /// Bars to one side of the one in the middle.
    side: usize,
    middle: f32,
    tallest: f32,
    /// The scale of what silence shows.
    calm: f32,
    bars: Bars,
    colours: [Pixel; BARS],
    glow: [Vec<f32>; 3],
    text: Vec<TextLine>,
}

impl PodcastBars {
    pub(super) fn new(look: &Look) -> Self {
        let (w, h) = (look.width() as f32, look.height() as f32);
        let unit = w.min(h);
        let grid = Grid::of(look);
        let shape = Shape::of(look);
        let (title, size) = match shape {
            Shape::Wide => (0.5 * h + 0.36 * unit, 1.0),
            Shape::Square => (0.5 * h + 0.385 * unit, 1.0),
            Shape::Tall => (TALL_TITLE * h, TALL_TEXT),
        };
        let text = TextLine::below(look, title, size * unit, look.palette.at(0.6));
        let alone = text.is_empty();
        let above_title = if alone { 0.5 * h } else { 0.5 * h - 0.07 * unit };
        // Bars and their pitch, how thick they are, their middle and the tallest half of one.
        let ((bars, pitch), thick, middle, tallest) = match shape {
            Shape::Wide => {
                let pitch = ((0.86 * w).min(1.25 * unit) / BARS as f32).floor().max(1.0) as i32;
                ((BARS, pitch), 56, above_title, (0.30 * unit).min(0.38 * h))
            }
            Shape::Square => {
                let tallest = if alone { 0.38 } else { 0.34 };
                (fitted(0.9 * w, 25, 2, 0.42), 58, above_title, tallest * unit)
            }
            Shape::Tall => {
                let (middle, tallest) = if alone { (0.49, 0.37) } else { (0.40, 0.31) };
                (fitted(0.9 * w, abreast(look, 17.0) | 1, 2, 0.4), 60, middle * h, tallest * h)
            }
        };
        let side = bars / 2;
        let width = (pitch * thick / 100).max(1);
        // Mirrored, so that the colours do not fall to one side.
        let hue = |from_middle: f32| look.palette.at(0.78 - 0.5 * from_middle.abs().min(1.0));
        let centre = 0.5 * w;
        let half = (0.5 * (pitch * bars as i32) as f32).max(1.0);
        let glow = grid.planes(|x| {
            let x = (x - centre) / half;
            let fade = 1.0 - smoothstep((x.abs() - 0.75) / 0.6);
            light(grid, hue(x)).map(|v| v * fade)
        });
        Self {
            grid,
            backdrop: Backdrop::new(grid, look.background),
            unit,
            side,
            middle: middle.floor(),
            tallest,
            calm: if shape == Shape::Tall { 2.0 * unit } else { unit },
            bars: Bars::new(look.width(), bars, pitch, width),
            colours: std::array::from_fn(|b| {
                let colour = hue((b as f32 - side as f32) / side as f32);
                pixel(mix(colour, from_hex(0xffffff), 0.16))
            }),
            glow,
            text,
        }
    }

    /// Half the height of each bar in pixels.
    fn heights(&self, frame: &Frame<'_>, window: &HopWindow) -> [f32; BARS] {
        let at = frame.at;
        let loud = of_full(at.level(window, |hop| hop.loudness));
        let read = |band: usize| of_full(at.level(window, |hop| hop.bands[band.min(BANDS - 1)]));
        let seconds = at.seconds();
        let resting = 0.5 * self.bars.width as f32;
        std::array::from_fn(|b| {
            if b > 2 * self.side {
                return 0.0;
            }
            let out = b.abs_diff(self.side) as f32 / self.side as f32;
            let band = VOICE.0 + (VOICE.1 - VOICE.0) * out;
            let (i, t) = (band as usize, band.fract());
            // Two neighbours for a calm outline; the two sides look at slightly different bands, as no voice is even.
            let skew = usize::from(b < self.side);
            let level = read(i + skew) * (1.0 - t) + read(i + 1 + skew) * t;
            // Quiet voices are lifted a little: a whisper still moves the room.
            let lifted = level * (1.4 - 0.4 * level);
            let shape = 1.0 - 0.45 * out * out;
            let breath = 0.5 + 0.5 * sine(seconds * 0.16 - out * 0.8);
            let idle = self.calm * (0.006 + 0.016 * breath * (1.0 - out * out)) * (1.0 - 0.6 * smoothstep(loud * 2.0));
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
        let last = 2 * self.side;
        let soft: [f32; BARS] = std::array::from_fn(|i| {
            let (before, after) = (heights[i.saturating_sub(1)], heights[(i + 1).min(last)]);
            0.5 * heights[i] + 0.25 * (before + after)
        });
        self.bars.outline(self.grid, &soft[..=last], tips);
        let highest = heights.iter().copied().fold(0.0, f32::max);
        let loud = of_full(frame.at.level(window, |hop| hop.loudness));
        let hit = of_full(frame.at.level(window, Hop::hit));
        self.grid.paint(canvas, &mut scratch.rows, &mut Picture { scene: self, heights, highest, loud, hit, tips });
    }
}

struct Picture<'a> {
    scene: &'a PodcastBars,
    heights: [f32; BARS],
    highest: f32,
    loud: f32,
    /// How much of an onset there is: a drum below the voice is seen as light.
    hit: f32,
    tips: &'a [f32],
}

impl Layer for Picture<'_> {
    fn field(&mut self, r: usize, nodes: &mut [Node]) {
        let scene = self.scene;
        let d = ((r as u32 * scene.grid.cell()) as f32 - scene.middle).abs();
        let haze = (0.06 + 0.05 * self.loud + 0.10 * self.hit) * fall(d / (scene.unit * 0.16));
        let base = scene.backdrop.row(r);
        let (light, per) = (0.11 + 0.09 * self.loud + 0.14 * self.hit, 1.0 / (scene.unit * 0.042));
        let glow = Glow { one: scene.grid.one(), base, d, stretch: 1.0, light, floor: haze, per };
        shine(glow, self.tips, &scene.glow, nodes);
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
    let heights = &heights[..=2 * scene.side];
    for ((&height, &colour), x) in heights.iter().zip(&scene.colours).zip(scene.bars.edges()) {
        scene.bars.draw(row, x, d, height, colour, 256);
    }
}
