//! Spectrum as capsules that stand on a line and are mirrored in it, as in dark glass.

use crate::logic::audio::features::{BANDS, FULL, Window};
use crate::logic::render::backdrop::{Backdrop, light};
use crate::logic::render::canvas::Canvas;
use crate::logic::render::draw::{Pixel, cover, over, pixel, span};
use crate::logic::render::math::{ease, fall, sine};
use crate::logic::render::palette::{self, from_hex};
use crate::logic::render::scene::{Frame, Look, Reach, Scene, Scratch};
use crate::logic::render::soft::{Grid, Layer, Node, node};

/// Most bars in a picture.
const BARS: usize = 48;
/// How bright and how long the mirrored half is.
const MIRROR_LIGHT: f32 = 0.42;
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
    /// Colour of bar b at distance d from the line: `lit[b * lengths + d]`, above and mirrored.
    lengths: usize,
    lit: Vec<Pixel>,
    mirrored: Vec<Pixel>,
    caps: Vec<Pixel>,
    /// Colour of the glow at each column of nodes.
    glow: [Vec<f32>; 3],
}

/// What one frame needs to know of a bar, in pixels.
#[derive(Clone, Copy, Default)]
struct Bar {
    height: f32,
    peak: f32,
}

impl BarsMirror {
    pub(super) fn new(look: &Look) -> Self {
        let (w, h) = (look.width() as f32, look.height() as f32);
        let unit = w.min(h);
        let grid = Grid::new(look.width(), look.height());
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
        let (mut lit, mut mirrored, mut caps) = (Vec::new(), Vec::new(), Vec::new());
        for b in 0..bars {
            let colour = hue(b as f32 / (bars - 1).max(1) as f32);
            for d in 0..lengths {
                let t = f64::from(d as u32) / f64::from(lengths as u32);
                let shade = palette::mix(from_hex(0x0b0d12), colour, 0.62 + 0.38 * (t * 2.2).min(1.0));
                let shade = palette::mix(shade, from_hex(0xffffff), 0.34 * t * t);
                lit.push(pixel(shade));
                // Dark glass swallows more the deeper it goes.
                let deep = MIRROR_LIGHT * (1.0 - ease(t as f32 * 1.35));
                mirrored.push(pixel(palette::mix(from_hex(0x07080c), shade, f64::from(deep))));
            }
            caps.push(pixel(palette::mix(colour, from_hex(0xffffff), 0.55)));
        }
        let colours: Vec<[f32; 3]> = (0..grid.columns())
            .map(|c| {
                let x = (c as u32 * grid.cell()) as f32 - left as f32;
                light(grid, hue(x / (pitch * bars as i32) as f32))
            })
            .collect();
        let glow = std::array::from_fn(|channel| colours.iter().map(|colour| colour[channel]).collect());
        Self {
            grid,
            backdrop: Backdrop::new(grid),
            bars,
            left,
            pitch,
            width,
            line,
            tallest,
            unit,
            lengths,
            lit,
            mirrored,
            caps,
            glow,
        }
    }

    fn bars(&self, frame: &Frame<'_>, window: &Window) -> [Bar; BARS] {
        let at = frame.at;
        let level = |b: usize, peak: bool| {
            let bands = b * BANDS / self.bars..(b + 1) * BANDS / self.bars;
            let read = |band: usize| at.level(window, |hop| if peak { hop.peaks[band] } else { hop.bands[band] });
            let level = f32::from(bands.map(read).max().unwrap_or(0)) / f32::from(FULL);
            // Between the scale in decibels and one in amplitude: quiet bands stay low, loud ones have room to dance.
            level * (0.35 + 0.65 * level)
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
            Bar { height: height(level(b, false)), peak: height(level(b, true)) }
        })
    }

    /// Part of a bar in one row, `d` pixels from the line: the body and its round end.
    fn body(&self, row: &mut [u8], x: i32, height: f32, d: f32, colour: Pixel) {
        let radius = 0.5 * self.width as f32;
        if d <= height - radius - 0.5 {
            span(row, x, x + self.width).fill(colour);
        } else if d < height + 0.5 {
            let along = (d - (height - radius)).max(0.0);
            for (i, below) in span(row, x, x + self.width).iter_mut().enumerate() {
                let across = i as f32 + 0.5 - radius;
                over(below, colour, cover((across * across + along * along).sqrt() - radius));
            }
        }
    }
}

impl Scene for BarsMirror {
    fn reach(&self) -> Reach {
        Reach { before: 0, after: 1 }
    }

    fn render(&self, frame: &Frame<'_>, window: &Window, scratch: &mut Scratch, canvas: &mut Canvas<'_>) {
        let bars = self.bars(frame, window);
        let pulse = f32::from(frame.at.level(window, |hop| hop.onsets[0])) / f32::from(FULL);
        let tips = &mut scratch.values;
        tips.clear();
        tips.extend((0..self.grid.columns()).map(|c| {
            let x = (c as u32 * self.grid.cell()) as f32 - self.left as f32;
            let b = (x / self.pitch as f32 - 0.3).clamp(0.0, self.bars as f32 - 1.001);
            let i = b as usize;
            bars[i].height + (bars[i + 1].height - bars[i].height) * (b - i as f32)
        }));
        self.grid.paint(canvas, &mut scratch.rows, &mut Picture { scene: self, bars, pulse, tips });
    }
}

struct Picture<'a> {
    scene: &'a BarsMirror,
    bars: [Bar; BARS],
    pulse: f32,
    /// Height of the bars over each column of nodes.
    tips: &'a [f32],
}

impl Layer for Picture<'_> {
    fn field(&mut self, r: usize, nodes: &mut [Node]) {
        let scene = self.scene;
        let d = (r as u32 * scene.grid.cell()) as f32 - scene.line;
        let (near, far) = (scene.unit * 0.012, scene.unit * 0.05);
        let floor = 0.30 * fall(d.abs() / near) + 0.10 * fall(d.abs() / far);
        let (light, stretch) = if d < 0.0 { (1.0, 1.0) } else { (MIRROR_LIGHT, MIRROR_LENGTH) };
        let light = light * (0.17 + 0.10 * self.pulse);
        let base = scene.backdrop.row(r);
        let glow = Glow { one: scene.grid.one(), base, d: d.abs(), stretch, light, floor, per: 1.0 / far };
        shine(glow, self.tips, &scene.glow, nodes);
    }

    fn crisp(&mut self, y: u32, row: &mut [u8]) {
        let scene = self.scene;
        let cap = (scene.width as f32 * 0.36).max(1.5);
        let d = y as f32 + 0.5 - scene.line;
        let (stretch, colours) = if d < 0.0 { (1.0, &scene.lit) } else { (MIRROR_LENGTH, &scene.mirrored) };
        let d = d.abs();
        let length = ((d / stretch) as usize).min(scene.lengths - 1);
        for (b, bar) in self.bars[..scene.bars].iter().enumerate() {
            let x = scene.left + b as i32 * scene.pitch;
            scene.body(row, x, bar.height * stretch, d, colours[b * scene.lengths + length]);
            if stretch == 1.0 {
                let at = d - (bar.peak + cap * 1.4);
                if at.abs() < cap {
                    let cover = cover((at.abs() - cap * 0.5).max(-0.5));
                    for below in span(row, x, x + scene.width) {
                        over(below, scene.caps[b], cover);
                    }
                }
            }
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

#[multiversion::multiversion(targets("x86_64+avx512f+avx512bw+avx512vl+avx512dq", "x86_64+avx2"))]
fn shine(glow: Glow, tips: &[f32], [red, green, blue]: &[Vec<f32>; 3], nodes: &mut [Node]) {
    let n = nodes.len();
    let (tips, red, green, blue) = (&tips[..n], &red[..n], &green[..n], &blue[..n]);
    for c in 0..n {
        let beyond = (glow.d - tips[c] * glow.stretch).max(0.0);
        let g = glow.light * fall(beyond * glow.per) + glow.floor;
        nodes[c] = node(glow.one, glow.base[0] + red[c] * g, glow.base[1] + green[c] * g, glow.base[2] + blue[c] * g);
    }
}
