//! Spectrum as glowing dots on thin stems; a dot that falls leaves a wedge of light behind.

use crate::logic::audio::features::{BANDS, Hop, HopWindow};
use crate::logic::audio::hops::HopTime;
use crate::logic::render::backdrop::{Backdrop, light};
use crate::logic::render::canvas::Canvas;
use crate::logic::render::colour::{from_hex, mix};
use crate::logic::render::composition::{Shape, abreast, fitted};
use crate::logic::render::field::{Grid, Layer, Node, pack, split_planes};
use crate::logic::render::look::Look;
use crate::logic::render::math::{fall, of_full, sine, smoothstep};
use crate::logic::render::scene::{Frame, Reach, Scene, Scratch};
use crate::logic::render::shapes::{Pixel, annulus, coverage, over, pixel, span};

/// Hops ago at which a wedge looks where its dot was.
const SMEAR: [i64; 4] = [3, 6, 11, 18];
/// Shades of a stem from the floor to its head.
const PARTS: usize = 64;

pub(super) struct StemDots {
    grid: Grid,
    backdrop: Backdrop,
    unit: f32,
    /// Size of heads and of their light, 1 in wide pictures.
    size: f32,
    /// The scale of what silence shows.
    calm: f32,
    stems: usize,
    left: f32,
    pitch: f32,
    floor: f32,
    tallest: f32,
    stem: i32,
    head: f32,
    colours: Vec<Pixel>,
    /// Colour of stem s at part p of its height: `[s * PARTS + p]`.
    shaded: Vec<Pixel>,
    heads: Vec<Pixel>,
    /// Light of each stem's head.
    lights: Vec<[f32; 3]>,
    glow: [Vec<f32>; 3],
}

/// One frame's stem, in pixels above the floor.
#[derive(Clone, Copy, Default)]
struct Stem {
    height: f32,
    /// The upper end of the wedge above the head.
    tail: f32,
    /// Shades per pixel.
    parts: f32,
}

impl StemDots {
    pub(super) fn new(look: &Look) -> Self {
        let (w, h) = (look.width() as f32, look.height() as f32);
        let unit = w.min(h);
        let grid = Grid::of(look);
        // The fewer stems, the larger their heads: in each shape they fill about as much of the picture.
        let (about, size, floor, top) = match Shape::of(look) {
            Shape::Wide => (BANDS, 1.0, 0.80, 0.12),
            Shape::Square => (44, 1.3, 0.84, 0.10),
            Shape::Tall => (abreast(look, 24.0), 48.0 / abreast(look, 24.0) as f32, 0.84, 0.09),
        };
        // Room for the outermost heads is kept.
        let across = w - (0.1 + 2.0 * 0.0086 * size) * unit;
        let (stems, pitch) = match Shape::of(look) {
            Shape::Wide => (about, ((w - 0.13 * unit) / BANDS as f32).floor().max(1.0) as i32),
            Shape::Square | Shape::Tall => fitted(across, about, 1, 1.0),
        };
        let pitch = pitch as f32;
        let left = (0.5 * (w - pitch * (stems - 1) as f32)).floor();
        let floor = (h * floor).floor();
        let hue = |t: f32| look.palette.at(0.14 + 0.82 * t);
        let part = |s: usize| s as f32 / (stems - 1) as f32;
        let across = pitch * (stems - 1) as f32;
        let glow = grid.planes(|x| {
            let x = x - left;
            let fade = smoothstep((x.min(across - x) + 0.06 * unit) / (0.14 * across));
            light(grid, hue(x / across)).map(|v| v * fade)
        });
        let (dark, white) = (from_hex(0x0b0d12), from_hex(0xffffff));
        Self {
            grid,
            backdrop: Backdrop::new(grid, look.background),
            unit,
            stems,
            left,
            pitch,
            floor,
            tallest: (floor - top * h).max(4.0),
            stem: ((unit * 0.0026 * size) as i32).max(1),
            head: (unit * 0.0086 * size).min(0.42 * pitch).max(1.0),
            size,
            calm: if Shape::of(look) == Shape::Tall { 3.0 * unit } else { unit },
            colours: (0..stems).map(|s| pixel(mix(dark, hue(part(s)), 0.72))).collect(),
            shaded: (0..stems * PARTS)
                .map(|i| {
                    // Dim at the floor, bright at the head.
                    let shown = 0.24 + 0.52 * (i % PARTS) as f64 / PARTS as f64;
                    pixel(mix(dark, hue(part(i / PARTS)), shown))
                })
                .collect(),
            heads: (0..stems).map(|s| pixel(mix(hue(part(s)), white, 0.45))).collect(),
            lights: (0..stems).map(|s| light(grid, hue(part(s)))).collect(),
            glow,
        }
    }

    fn height(&self, s: usize, at: HopTime, window: &HopWindow, seconds: f32) -> f32 {
        let bands = s * BANDS / self.stems..(s + 1) * BANDS / self.stems;
        let level = bands.map(|band| at.level(window, |hop| hop.bands[band])).max().unwrap_or(0);
        let x = s as f32 / self.stems as f32;
        let swell = 1.2 + 0.7 * sine(x * 1.3 - seconds * 0.10) + 0.5 * sine(x * 2.7 + seconds * 0.06);
        let idle = self.calm * 0.014 * swell + self.head;
        idle + (self.tallest - idle - self.head) * of_full(level)
    }

    fn stems(&self, frame: &Frame<'_>, window: &HopWindow) -> [Stem; BANDS] {
        let seconds = frame.at.seconds();
        std::array::from_fn(|s| {
            if s >= self.stems {
                return Stem::default();
            }
            let height = self.height(s, frame.at, window, seconds);
            // The further back, the less of the way is still seen.
            let tail = SMEAR.iter().zip([1.0, 0.85, 0.6, 0.35]).map(|(&age, kept)| {
                let then = HopTime { hop: frame.at.hop - age, ..frame.at };
                height + (self.height(s, then, window, seconds) - height) * kept
            });
            Stem { height, tail: tail.fold(height, f32::max), parts: PARTS as f32 / height.max(1.0) }
        })
    }
}

impl Scene for StemDots {
    fn reach(&self) -> Reach {
        Reach { before: SMEAR[SMEAR.len() - 1] as u32, after: 1 }
    }

    fn render(&self, frame: &Frame<'_>, window: &HopWindow, scratch: &mut Scratch, canvas: &mut Canvas<'_>) {
        let stems = self.stems(frame, window);
        scratch.values.resize(3 * self.grid.columns(), 0.0);
        let planes = split_planes(&mut scratch.values);
        let hit = of_full(frame.at.level(window, Hop::hit));
        let highest = stems.iter().map(|stem| stem.tail).fold(0.0, f32::max) + self.head + 1.0;
        let picture = &mut Picture { scene: self, stems, highest, hit, planes };
        self.grid.paint(canvas, &mut scratch.rows, picture);
    }
}

struct Picture<'a> {
    scene: &'a StemDots,
    stems: [Stem; BANDS],
    highest: f32,
    hit: f32,
    planes: [&'a mut [f32]; 3],
}

impl Picture<'_> {
    /// Adds the light around the heads that are near a row of nodes.
    fn add_heads(&mut self, y: f32) {
        let scene = self.scene;
        let cell = scene.grid.cell() as f32;
        let unit = scene.unit * scene.size;
        let (near, far) = (1.0 / (unit * 0.0050).max(0.7 * cell), 1.0 / (unit * 0.0135));
        let reach = 8.0 / far;
        for (s, (stem, colour)) in self.stems[..scene.stems].iter().zip(&scene.lights).enumerate() {
            let dy = y - (scene.floor - stem.height);
            if dy.abs() > reach {
                continue;
            }
            let x = scene.left + s as f32 * scene.pitch;
            // The outermost fifth of the reach holds less than a level.
            let side = ((0.62 * reach) * (0.62 * reach) - dy * dy).max(0.0).sqrt();
            let first = ((x - side) / cell).max(0.0) as usize;
            let end = (((x + side) / cell) as usize + 1).min(self.planes[0].len());
            if first < end {
                let planes = self.planes.each_mut().map(|plane| &mut plane[first..end]);
                halo(first as f32 * cell - x, dy, cell, [near, far], colour, planes);
            }
        }
    }
}

/// Light of a head at (`dx`, `dy`) pixels from it and every `step` further right.
#[multiversion::multiversion(targets = "simd")]
fn halo(dx: f32, dy: f32, step: f32, [near, far]: [f32; 2], colour: &[f32; 3], planes: [&mut [f32]; 3]) {
    let [red, green, blue] = planes;
    let n = red.len();
    let (green, blue) = (&mut green[..n], &mut blue[..n]);
    for c in 0..n {
        let dx = dx + c as u32 as f32 * step;
        let d = (dx * dx + dy * dy).sqrt();
        let g = 0.50 * fall(d * near) + 0.22 * fall(d * far);
        red[c] += colour[0] * g;
        green[c] += colour[1] * g;
        blue[c] += colour[2] * g;
    }
}

impl Layer for Picture<'_> {
    fn field(&mut self, r: usize, nodes: &mut [Node]) {
        let scene = self.scene;
        let y = (r as u32 * scene.grid.cell()) as f32;
        let d = (y - scene.floor).abs();
        let (near, far) = (scene.unit * 0.010, scene.unit * 0.05);
        let below = if y > scene.floor { 0.7 } else { 1.0 };
        let g = below
            * (0.26 * fall(d / near)
                + (0.10 + 0.24 * self.hit) * fall(d / far)
                + (0.06 + 0.10 * self.hit) * fall(d / (4.0 * far)));
        let base = scene.backdrop.row(r);
        lay(base, g, &scene.glow, &mut self.planes);
        self.add_heads(y);
        pack(scene.grid.one(), &self.planes, nodes);
    }

    fn crisp(&mut self, y: u32, row: &mut [u8]) {
        let scene = self.scene;
        let d = scene.floor - (y as f32 + 0.5);
        if d > self.highest || d < -1.0 {
            return;
        }
        for (s, stem) in self.stems[..scene.stems].iter().enumerate() {
            let x = scene.left + s as f32 * scene.pitch;
            if d > stem.tail + scene.head + 1.0 {
                continue;
            }
            let left = x as i32 - scene.stem / 2;
            if d < stem.height {
                let part = (d.max(0.0) * stem.parts) as usize;
                span(row, left, left + scene.stem).fill(scene.shaded[s * PARTS + part.min(PARTS - 1)]);
                if d < stem.height - scene.head - 1.0 {
                    continue;
                }
            } else if d < stem.tail {
                // As wide as the head below, a point above.
                let left_of_way = (stem.tail - d) / (stem.tail - stem.height);
                let half = scene.head * left_of_way;
                let middle = left as f32 + 0.5 * scene.stem as f32;
                let shown = (120.0 * left_of_way) as u32;
                let first = (middle - half - 1.0) as i32;
                for (i, below) in span(row, first, (middle + half + 2.0) as i32).iter_mut().enumerate() {
                    let across = (first.max(0) + i as i32) as f32 + 0.5 - middle;
                    over(below, scene.colours[s], (coverage(across.abs() - half) * shown) >> 8);
                }
            }
            let dy = d - stem.height;
            if dy.abs() < scene.head + 1.0 {
                annulus(row, left as f32 + 0.5 * scene.stem as f32, dy, 0.0, scene.head, |_| scene.heads[s]);
            }
        }
    }
}

#[multiversion::multiversion(targets = "simd")]
fn lay(base: [f32; 3], g: f32, glow: &[Vec<f32>; 3], planes: &mut [&mut [f32]; 3]) {
    for ((plane, glow), base) in planes.iter_mut().zip(glow).zip(base) {
        for (out, glow) in plane.iter_mut().zip(glow) {
            *out = base + glow * g;
        }
    }
}
