//! Spectrum as capsules that stand on a line and are mirrored in it, as in dark glass.

use crate::logic::audio::features::{BANDS, FULL, HopWindow};
use crate::logic::render::backdrop::{Backdrop, light};
use crate::logic::render::canvas::Canvas;
use crate::logic::render::capsule::{Ends, outline};
use crate::logic::render::draw::{Pixel, cover, over, over_all, pixel, span};
use crate::logic::render::math::{ease, fall, sine};
use crate::logic::render::palette::{self, from_hex};
use crate::logic::render::scene::{Frame, Look, Reach, Scene, Scratch};
use crate::logic::render::soft::{Grid, Layer, Node, node};

/// Most bars in a picture.
const BARS: usize = 48;
/// How bright and how long the mirrored half is.
const MIRROR_LIGHT: f32 = 0.5;
const MIRROR_LENGTH: f32 = 0.62;

pub(super) struct BarsMirror {
    grid: Grid,
    backdrop: Backdrop,
    bars: usize,
    /// Left edge of the first bar, distance from bar to bar and width of a bar, in whole pixels for sharp sides.
    left: i32,
    pitch: i32,
    width: i32,
    /// The line, and the tallest bar above it, in pixels.
    line: f32,
    tallest: f32,
    unit: f32,
    /// Colour of bar b at distance d from the line: `[d * bars + b]`, and how much of it the glass shows, of 256.
    lengths: usize,
    lit: Vec<Pixel>,
    glass: Vec<u32>,
    caps: Vec<Pixel>,
    cap: f32,
    ends: Ends,
    /// Colour of the glow at each column of nodes.
    glow: [Vec<f32>; 3],
}

/// What one frame needs to know of a bar, in pixels.
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
        let bars = match w / h {
            r if r > 1.25 => BARS,
            r if r > 0.8 => 32,
            _ => 24,
        };
        let pitch = ((w - 0.1 * unit) / bars as f32).floor().max(1.0) as i32;
        let width = (pitch * 62 / 100).max(1);
        let left = (look.width() as i32 - (pitch * (bars as i32 - 1) + width)) / 2;
        let line = (h * 0.6).floor();
        let tallest = (line - 0.09 * h).min(0.85 * w).max(4.0);
        let lengths = tallest as usize + 2;
        let hue = |t: f32| look.palette.at(0.12 + 0.83 * t);
        let white = from_hex(0xffffff);
        let colour_of = |b: usize| hue(b as f32 / (bars - 1).max(1) as f32);
        let (mut lit, mut glass) = (Vec::new(), Vec::new());
        for d in 0..lengths {
            let t = f64::from(d as u32) / f64::from(lengths as u32);
            // Dark glass swallows more the deeper it goes.
            glass.push((256.0 * MIRROR_LIGHT * (1.0 - ease(t as f32 * 1.25))) as u32);
            for b in 0..bars {
                let shade = palette::mix(from_hex(0x0b0d12), colour_of(b), 0.62 + 0.38 * (t * 2.2).min(1.0));
                lit.push(pixel(palette::mix(shade, white, 0.34 * t * t)));
            }
        }
        let caps = (0..bars).map(|b| pixel(palette::mix(colour_of(b), white, 0.55))).collect();
        let colours: Vec<[f32; 3]> = (0..grid.columns())
            .map(|c| {
                let across = (pitch * bars as i32) as f32;
                let x = (c as u32 * grid.cell()) as f32 - left as f32;
                // Fades out before the picture ends, so that the line does not look cut off.
                let fade = ease((x.min(across - x) + 0.05 * unit) / (0.12 * across));
                light(grid, hue(x / across)).map(|v| v * fade)
            })
            .collect();
        let glow = std::array::from_fn(|channel| colours.iter().map(|colour| colour[channel]).collect());
        Self {
            grid,
            backdrop: Backdrop::new(grid, look.background),
            bars,
            left,
            pitch,
            width,
            line,
            tallest,
            unit,
            lengths,
            lit,
            glass,
            caps,
            cap: (0.17 * width as f32).max(0.8),
            ends: Ends::new(width),
            glow,
        }
    }

    fn bars(&self, frame: &Frame<'_>, window: &HopWindow) -> [Bar; BARS] {
        let at = frame.at;
        let level = |b: usize, peak: bool| {
            let bands = b * BANDS / self.bars..(b + 1) * BANDS / self.bars;
            let read = |band: usize| at.level(window, |hop| if peak { hop.peaks[band] } else { hop.bands[band] });
            let level = f32::from(bands.map(read).max().unwrap_or(0)) / f32::from(FULL);
            // Between the scale in decibels and one in amplitude: quiet bands stay low, loud ones have room to dance.
            level * (0.42 + 0.58 * level)
        };
        let seconds = at.ticks() as f32 / 6_553_600.0;
        let resting = 0.5 * self.width as f32;
        std::array::from_fn(|b| {
            if b >= self.bars {
                return Bar::default();
            }
            // What silence shows: a slow swell that louder sound outgrows.
            let x = b as f32 / self.bars as f32;
            let swell = 1.0 + 0.6 * sine(x * 1.5 - seconds * 0.11) + 0.4 * sine(x * 2.6 + seconds * 0.07);
            let idle = resting + self.unit * 0.009 * swell;
            let height = |level: f32| idle + (self.tallest - idle) * level;
            let peak = level(b, true);
            let shown = (256.0 * ease(peak * 9.0)) as u32;
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
        let bars = self.bars(frame, window);
        let pulse = f32::from(frame.at.level(window, |hop| hop.onsets[0])) / f32::from(FULL);
        let soft = Self::softened(&bars[..self.bars]);
        let tips = &mut scratch.values;
        outline(self.grid, (self.left, self.pitch, self.width), &soft[..self.bars], tips);
        let highest = bars.iter().map(|bar| bar.height.max(bar.peak + 4.0 * self.cap)).fold(0.0, f32::max);
        self.grid.paint(canvas, &mut scratch.rows, &mut Picture { scene: self, bars, highest, pulse, tips });
    }
}

struct Picture<'a> {
    scene: &'a BarsMirror,
    bars: [Bar; BARS],
    /// What no bar and no cap is higher than.
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
        let light = light * (0.17 + 0.10 * self.pulse);
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
        let colours = &scene.lit[length * scene.bars..][..scene.bars];
        stand(scene, &self.bars, Line { d, stretch, shown, colours }, row);
    }
}

/// What is the same for all bars in a row of pixels.
struct Line<'a> {
    /// Distance from the line the bars stand on.
    d: f32,
    stretch: f32,
    /// How much shows, of 256.
    shown: u32,
    colours: &'a [Pixel],
}

/// One row of all bars; as one function, so that its fills use the widest vectors there are.
#[multiversion::multiversion(targets = "simd")]
fn stand(scene: &BarsMirror, bars: &[Bar; BARS], line: Line<'_>, row: &mut [u8]) {
    let Line { d, stretch, shown, colours } = line;
    let up = shown == 256;
    let first = scene.left..;
    for ((bar, &colour), x) in bars.iter().zip(colours).zip(first.step_by(scene.pitch as usize)) {
        let along = d - (bar.height * stretch - scene.ends.radius);
        if along <= 0.0 {
            let pixels = span(row, x, x + scene.width);
            if up { pixels.fill(colour) } else { over_all(pixels, colour, shown) }
        } else if let Some(covers) = scene.ends.row(along) {
            for (below, &cover) in span(row, x, x + scene.width).iter_mut().zip(covers) {
                over(below, colour, (u32::from(cover) * shown) >> 8);
            }
        }
        if up && bar.shown > 0 {
            let off = (d - (bar.peak + 2.6 * scene.cap)).abs();
            if off < scene.cap + 0.5 {
                scene.draw_cap(
                    span(row, x, x + scene.width),
                    off,
                    bar.shown,
                    scene.caps[(x - scene.left) as usize / scene.pitch as usize],
                );
            }
        }
    }
}

impl BarsMirror {
    /// A row of a peak's cap, `off` pixels from its middle: a capsule that lies down.
    fn draw_cap(&self, pixels: &mut [Pixel], off: f32, shown: u32, colour: Pixel) {
        let half = 0.5 * self.width as f32;
        let straight = half - self.cap;
        for (i, below) in pixels.iter_mut().enumerate() {
            let across = ((i as f32 + 0.5 - half).abs() - straight).max(0.0);
            let cover = cover((across * across + off * off).sqrt() - self.cap);
            over(below, colour, (cover * shown) >> 8);
        }
    }
}

/// One row of the glow: `d` pixels from the line, `light` up to the tips (`stretch` of their length), then falling off
/// over 1/`per` pixels, with `floor` everywhere.
#[derive(Clone, Copy)]
struct Glow {
    one: f32,
    base: [f32; 3],
    d: f32,
    stretch: f32,
    light: f32,
    floor: f32,
    per: f32,
}

#[multiversion::multiversion(targets = "simd")]
fn shine(glow: Glow, tips: &[f32], [red, green, blue]: &[Vec<f32>; 3], nodes: &mut [Node]) {
    let n = nodes.len();
    let (tips, red, green, blue) = (&tips[..n], &red[..n], &green[..n], &blue[..n]);
    for c in 0..n {
        let beyond = (glow.d - tips[c] * glow.stretch).max(0.0);
        let g = glow.light * fall(beyond * glow.per) + glow.floor;
        nodes[c] = node(glow.one, glow.base[0] + red[c] * g, glow.base[1] + green[c] * g, glow.base[2] + blue[c] * g);
    }
}
