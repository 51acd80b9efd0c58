//! Spectrum as capsules that stand on a line and are mirrored in it, as in dark glass.

use crate::logic::audio::features::{BANDS, Hop, HopWindow};
use crate::logic::render::backdrop::{Backdrop, light};
use crate::logic::render::canvas::Canvas;
use crate::logic::render::capsule::{Bars, Glow, shine};
use crate::logic::render::colour::{from_hex, mix};
use crate::logic::render::composition::{Shape, abreast, fitted};
use crate::logic::render::field::{Grid, Layer, Node};
use crate::logic::render::look::Look;
use crate::logic::render::math::{fall, of_full, sine, smoothstep};
use crate::logic::render::scene::{Frame, Reach, Scene, Scratch};
use crate::logic::render::shapes::{Pixel, coverage, over, pixel, span};

/// Most bars in a picture.
const BARS: usize = 48;
/// Brightness and length of the mirrored half.
const MIRROR_LIGHT: f32 = 0.5;
const MIRROR_LENGTH: f32 = 0.62;

pub(super) struct BarsMirror {
    grid: Grid,
    backdrop: Backdrop,
    /// Bars in this picture.
    count: usize,
    bars: Bars,
    /// The line, and the tallest bar above it, in pixels.
    line: f32,
    tallest: f32,
    unit: f32,
    /// The scale of what silence shows.
    calm: f32,
    /// Colour of bar b at distance d from the line: `[d * count + b]`, and how much of it the glass shows, of 256.
    lengths: usize,
    lit: Vec<Pixel>,
    glass: Vec<u32>,
    caps: Vec<Pixel>,
    cap: f32,
    /// Colour of the glow at each column of nodes.
    glow: [Vec<f32>; 3],
}

/// A bar in one frame, in pixels.
#[derive(Clone, Copy, Default)]
struct Bar {
    height: f32,
    peak: f32,
    /// How much of the peak's cap shows, of 256: none in silence.
    shown: u32,
}

impl BarsMirror {
    pub(super) fn new(look: &Look) -> Self {
        let (w, h) = (look.width() as f32, look.height() as f32);
        let unit = w.min(h);
        let grid = Grid::of(look);
        // Bars of a tall picture are few and broad, or they would be strokes.
        let across = w - 0.1 * unit;
        let ((count, pitch), thick) = match Shape::of(look) {
            Shape::Wide => ((BARS, (across / BARS as f32).floor().max(1.0) as i32), 62),
            Shape::Square => (fitted(across, 30, 1, 0.36), 64),
            Shape::Tall => (fitted(across, abreast(look, 20.0), 1, 0.34), 66),
        };
        let width = (pitch * thick / 100).max(1);
        let bars = Bars::new(look.width(), count, pitch, width);
        let line = (h * 0.6).floor();
        let tallest = (line - 0.09 * h).max(4.0);
        let lengths = tallest as usize + 2;
        let hue = |t: f32| look.palette.at(0.12 + 0.83 * t);
        let white = from_hex(0xffffff);
        let colour_of = |b: usize| hue(b as f32 / (count - 1).max(1) as f32);
        let (mut lit, mut glass) = (Vec::new(), Vec::new());
        for d in 0..lengths {
            let t = f64::from(d as u32) / f64::from(lengths as u32);
            // Dark glass swallows more the deeper it goes.
            glass.push((256.0 * MIRROR_LIGHT * (1.0 - smoothstep(t as f32 * 1.25))) as u32);
            for b in 0..count {
                let shade = mix(from_hex(0x0b0d12), colour_of(b), 0.62 + 0.38 * (t * 2.2).min(1.0));
                lit.push(pixel(mix(shade, white, 0.34 * t * t)));
            }
        }
        let caps = (0..count).map(|b| pixel(mix(colour_of(b), white, 0.55))).collect();
        let glow = grid.planes(|x| {
            let across = (pitch * count as i32) as f32;
            let x = x - bars.left as f32;
            // Fades out before the picture ends, so that the line does not look cut off.
            let fade = smoothstep((x.min(across - x) + 0.05 * unit) / (0.12 * across));
            light(grid, hue(x / across)).map(|v| v * fade)
        });
        Self {
            grid,
            backdrop: Backdrop::new(grid, look.background),
            count,
            bars,
            line,
            tallest,
            unit,
            calm: if Shape::of(look) == Shape::Tall { 3.0 * unit } else { unit },
            lengths,
            lit,
            glass,
            caps,
            cap: (0.17 * width as f32).max(0.8),
            glow,
        }
    }

    fn heights(&self, frame: &Frame<'_>, window: &HopWindow) -> [Bar; BARS] {
        let at = frame.at;
        let level = |b: usize, peak: bool| {
            let bands = b * BANDS / self.count..(b + 1) * BANDS / self.count;
            let read = |band: usize| at.level(window, |hop| if peak { hop.peaks[band] } else { hop.bands[band] });
            of_full(bands.map(read).max().unwrap_or(0))
        };
        let seconds = at.ticks() as f32 / 6_553_600.0;
        let resting = 0.5 * self.bars.width as f32;
        std::array::from_fn(|b| {
            if b >= self.count {
                return Bar::default();
            }
            // What silence shows: a slow swell that louder sound outgrows.
            let x = b as f32 / self.count as f32;
            let swell = 1.0 + 0.6 * sine(x * 1.5 - seconds * 0.11) + 0.4 * sine(x * 2.6 + seconds * 0.07);
            let idle = resting + self.calm * 0.009 * swell;
            let height = |level: f32| idle + (self.tallest - idle) * level;
            let peak = level(b, true);
            let shown = (256.0 * smoothstep(peak * 9.0)) as u32;
            Bar { height: height(level(b, false)), peak: height(peak), shown }
        })
    }

    /// The height of the glow over each bar: softer than the bars, so that it does not trace them.
    fn softened(bars: &[Bar]) -> [f32; BARS] {
        let last = bars.len() as isize - 1;
        let height = |b: isize| bars[b.clamp(0, last) as usize].height;
        std::array::from_fn(|b| {
            let b = b as isize;
            let pair = |d: isize| height(b - d) + height(b + d);
            (6.0 * height(b) + 4.0 * pair(1) + pair(2)) / 16.0
        })
    }
}

impl Scene for BarsMirror {
    fn reach(&self) -> Reach {
        Reach { before: 0, after: 1 }
    }

    fn render(&self, frame: &Frame<'_>, window: &HopWindow, scratch: &mut Scratch, canvas: &mut Canvas<'_>) {
        let bars = self.heights(frame, window);
        let pulse = of_full(frame.at.level(window, Hop::hit));
        let soft = Self::softened(&bars[..self.count]);
        let tips = &mut scratch.values;
        self.bars.outline(self.grid, &soft[..self.count], tips);
        let highest = bars.iter().map(|bar| bar.height.max(bar.peak + 4.0 * self.cap)).fold(0.0, f32::max);
        self.grid.paint(canvas, &mut scratch.rows, &mut Picture { scene: self, bars, highest, pulse, tips });
    }
}

struct Picture<'a> {
    scene: &'a BarsMirror,
    bars: [Bar; BARS],
    /// No bar and no cap is higher.
    highest: f32,
    pulse: f32,
    /// Height of the bars over each column of nodes.
    tips: &'a [f32],
}

impl Layer for Picture<'_> {
    fn field(&mut self, r: usize, nodes: &mut [Node]) {
        let scene = self.scene;
        let d = (r as u32 * scene.grid.cell()) as f32 - scene.line;
        let (near, far) = (scene.unit * 0.012, scene.unit * 0.05);
        let floor = 0.30 * fall(d.abs() / near) + 0.10 * fall(d.abs() / far) + 0.05 * fall(d.abs() / (3.6 * far));
        let (light, stretch) = if d < 0.0 { (1.0, 1.0) } else { (MIRROR_LIGHT, MIRROR_LENGTH) };
        let light = light * (0.15 + 0.25 * self.pulse);
        let base = scene.backdrop.row(r);
        let glow = Glow { one: scene.grid.one(), base, d: d.abs(), stretch, light, floor, per: 1.0 / far };
        shine(glow, self.tips, &scene.glow, nodes);
    }

    fn crisp(&mut self, y: u32, row: &mut [u8]) {
        let scene = self.scene;
        let d = y as f32 + 0.5 - scene.line;
        let up = d < 0.0;
        let stretch = if up { 1.0 } else { MIRROR_LENGTH };
        let d = d.abs();
        if d > self.highest * stretch + 1.0 {
            return;
        }
        let length = ((d / stretch) as usize).min(scene.lengths - 1);
        let shown = if up { 256 } else { scene.glass[length] };
        let colours = &scene.lit[length * scene.count..][..scene.count];
        stand(scene, &self.bars, Row { d, stretch, shown, colours }, row);
    }
}

/// Values that all bars share in a row of pixels.
struct Row<'a> {
    /// Distance from the line the bars stand on.
    d: f32,
    stretch: f32,
    /// How much shows, of 256.
    shown: u32,
    colours: &'a [Pixel],
}

/// One row of all bars; as one function, so that its fills use the widest vectors there are.
#[multiversion::multiversion(targets = "simd")]
fn stand(scene: &BarsMirror, bars: &[Bar; BARS], shared: Row<'_>, row: &mut [u8]) {
    let Row { d, stretch, shown, colours } = shared;
    let up = shown == 256;
    for (((bar, &colour), &cap), x) in bars.iter().zip(colours).zip(&scene.caps).zip(scene.bars.edges()) {
        scene.bars.draw(row, x, d, bar.height * stretch, colour, shown);
        if up && bar.shown > 0 {
            let off = (d - (bar.peak + 2.6 * scene.cap)).abs();
            if off < scene.cap + 0.5 {
                scene.draw_cap(span(row, x, x + scene.bars.width), off, bar.shown, cap);
            }
        }
    }
}

impl BarsMirror {
    /// A row of a peak's cap, `off` pixels from its middle: a capsule that lies down.
    fn draw_cap(&self, pixels: &mut [Pixel], off: f32, shown: u32, colour: Pixel) {
        let half = 0.5 * self.bars.width as f32;
        let straight = half - self.cap;
        for (i, below) in pixels.iter_mut().enumerate() {
            let across = ((i as f32 + 0.5 - half).abs() - straight).max(0.0);
            let coverage = coverage((across * across + off * off).sqrt() - self.cap);
            over(below, colour, (coverage * shown) >> 8);
        }
    }
}
