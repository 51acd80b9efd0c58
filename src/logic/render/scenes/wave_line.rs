//! The waveform as one glowing line, held still by a trigger, with the lines of a moment ago fading behind it.

use crate::logic::audio::features::{Hop, HopWindow, WAVE_POINTS};
use crate::logic::audio::hops::HopTime;
use crate::logic::render::backdrop::{Backdrop, light};
use crate::logic::render::canvas::Canvas;
use crate::logic::render::colour::{from_hex, mix};
use crate::logic::render::composition::{Shape, TALL_TEXT, TALL_TITLE};
use crate::logic::render::field::{Grid, Layer, Node, node};
use crate::logic::render::glyphs::TextLine;
use crate::logic::render::look::Look;
use crate::logic::render::math::{fall, of_full, sine, smoothstep, spline};
use crate::logic::render::scene::{Frame, Reach, Scene, Scratch};
use crate::logic::render::shapes::{Pixel, coverage, over, pixel, span};

/// The line and its ghosts: how many hops ago each of them was.
const AGES: [i64; 7] = [0, 2, 4, 7, 11, 16, 22];
/// Most points of the waveform in a picture: 40 ms.
const POINTS: usize = 320;
/// Points to either side among which the trigger is looked for: one period of 67 Hz.
const SEARCH: i64 = 60;
const REACH: u32 = 25;
/// Cosine of the steepest slope that is told apart: steeper ones would throw long rays.
const STEEPEST: f32 = 0.2;

pub(super) struct WaveLine {
    grid: Grid,
    backdrop: Backdrop,
    unit: f32,
    width: u32,
    /// Height of the picture.
    tall: f32,
    middle: f32,
    /// Height of full scale in pixels.
    swing: f32,
    points: usize,
    /// Half the width of the line in pixels.
    thick: f32,
    /// Light between the line and its middle, 1 in wide pictures, and units from the middle at which it is all there.
    body: (f32, f32),
    /// A value v of the waveform is shown as b₀v / (1 + b₁|v|), where b₀ = 1 + b₁.
    bend: [f32; 2],
    glow: [Vec<f32>; 3],
    /// Colour of the line in each column of pixels.
    line: Vec<Pixel>,
    text: Vec<TextLine>,
}

impl WaveLine {
    pub(super) fn new(look: &Look) -> Self {
        let (w, h) = (look.width() as f32, look.height() as f32);
        let unit = w.min(h);
        let grid = Grid::of(look);
        let hue = |x: f32| look.palette.at(0.2 + 0.7 * x / w);
        let white = from_hex(0xffffff);
        let shape = Shape::of(look);
        let (title, size) = if shape == Shape::Tall { (TALL_TITLE, TALL_TEXT) } else { (0.885, 1.0) };
        let text = TextLine::below(look, title * h, size * unit, look.palette.at(0.6));
        // Middle and swing as parts of the height, points of the waveform, and how thick the line is. Taller pictures
        // show less of the time: the same points would stand so steep that nothing but strokes is left of the line.
        let few = 84.0 * (w / h / 0.5625).sqrt().max(0.25);
        let (middle, swing, points, thick) = match (shape, text.is_empty()) {
            (Shape::Wide, true) => (0.5, 0.36, 150.0 * w / unit, 1.0),
            (Shape::Wide, false) => (0.45, 0.36, 150.0 * w / unit, 1.0),
            (Shape::Square, true) => (0.5, 0.42, 120.0, 1.3),
            (Shape::Square, false) => (0.44, 0.37, 120.0, 1.3),
            (Shape::Tall, true) => (0.5, 0.45, few, 1.8),
            (Shape::Tall, false) => (0.40, 0.345, few, 1.8),
        };
        Self {
            grid,
            backdrop: Backdrop::new(grid, look.background),
            unit,
            width: look.width(),
            tall: h,
            middle: middle * h,
            // Very tall pictures would tear the line apart.
            swing: (swing * h).min(1.5 * w),
            points: (points as usize).min(POINTS),
            thick: (unit * 0.0024 * thick).max(0.7),
            body: if shape == Shape::Tall { (1.6, 0.09) } else { (1.0, 0.03) },
            // The more height there is, the more of a swing what is not loud is given.
            bend: match shape {
                Shape::Wide => [1.55, 0.55],
                Shape::Square => [1.9, 0.9],
                Shape::Tall => [2.3, 1.3],
            },
            glow: grid.planes(|x| light(grid, hue(x))),
            line: (0..look.width()).map(|x| pixel(mix(hue(x as f32), white, 0.62))).collect(),
            text,
        }
    }

    /// The height of the line at a moment in each column of nodes or pixels, which are `step` apart.
    fn trace(&self, at: HopTime, window: &HopWindow, seconds: f32, step: f32, heights: &mut [f32]) {
        let now = at.hop * WAVE_POINTS as i64 + ((i64::from(at.fraction) * WAVE_POINTS as i64) >> 16);
        let read = |p: i64| {
            let hop = window.hop(p.div_euclid(WAVE_POINTS as i64));
            i32::from(hop.wave[p.rem_euclid(WAVE_POINTS as i64) as usize])
        };
        // The steepest way up through zero nearby: the same place of each period, so that a steady tone stands still.
        let slope = |p: i64| (1..=4).map(|d| read(p + d) - read(p - d)).sum::<i32>();
        let crossing = |p: &i64| read(*p) < 0 && read(*p + 1) >= 0;
        let trigger = (now - SEARCH..now + SEARCH).filter(crossing).max_by_key(|&p| (slope(p), -(p - now).abs()));
        let first = trigger.unwrap_or(now) - self.points as i64 / 2 - 1;
        let mut wave = [0.0; POINTS + 8];
        for (i, value) in wave[..self.points + 6].iter_mut().enumerate() {
            let v = read(first + i as i64) as f32 / 127.0;
            // Loud music bends instead of running into the edge.
            *value = self.bend[0] * v / (1.0 + self.bend[1] * v.abs());
        }
        // Peaks rise with the sound and not before it, and are held for a while after it.
        let sounds = of_full(at.level(window, |hop| hop.peaks.into_iter().max().unwrap_or(0)));
        let idle = 0.05 * (1.0 - smoothstep(sounds * 2.5));
        let per = (self.points - 1) as f32 / self.width as f32;
        for (c, height) in heights.iter_mut().enumerate() {
            let x = (c as f32 + 0.5 * f32::from(u8::from(step == 1.0))) * step;
            let p = (x * per).clamp(0.0, (self.points - 1) as f32);
            let i = p as usize;
            let [a, b, c, d] = spline(p - i as f32);
            let v = (wave[i] * a + wave[i + 1] * b + wave[i + 2] * c + wave[i + 3] * d) / 6.0;
            let across = x / self.width as f32;
            // Comes to rest towards the sides.
            let taper = smoothstep(across.min(1.0 - across) * 5.0);
            let swell = if idle > 0.0 {
                idle * (sine(across * 1.7 - seconds * 0.13) + 0.6 * sine(across * 2.9 + seconds * 0.09))
            } else {
                0.0
            };
            *height = self.middle - self.swing * taper * (v + swell);
        }
    }
}

impl Scene for WaveLine {
    fn reach(&self) -> Reach {
        Reach { before: REACH + AGES[AGES.len() - 1] as u32 / 2, after: 4 }
    }

    fn render(&self, frame: &Frame<'_>, window: &HopWindow, scratch: &mut Scratch, canvas: &mut Canvas<'_>) {
        let seconds = frame.at.seconds();
        let columns = self.grid.columns();
        let pixels = self.width as usize;
        scratch.values.resize((AGES.len() * 2 + 3) * columns + 2 * pixels, 0.0);
        let (light, values) = scratch.values.split_at_mut(columns);
        let (spans, values) = values.split_at_mut(2 * columns);
        let spans = &mut spans.as_chunks_mut().0[..columns - 1];
        let (soft, crisp) = values.split_at_mut(AGES.len() * 2 * columns);
        let cell = self.grid.cell() as f32;
        let lights = AGES.map(|age| {
            let fade = 1.0 - age as f32 / 26.0;
            if age == 0 { 1.0 } else { 0.34 * fade * fade }
        });
        let mut bounds = [(f32::MAX, f32::MIN); AGES.len()];
        for ((pair, age), bounds) in soft.chunks_exact_mut(2 * columns).zip(AGES).zip(&mut bounds) {
            let (heights, slants) = pair.split_at_mut(columns);
            let then = HopTime { hop: frame.at.hop - age, ..frame.at };
            self.trace(then, window, seconds - age as f32 * 0.01, cell, heights);
            slope(heights, slants, cell);
            *bounds = heights.iter().fold(*bounds, |(low, high), &y| (low.min(y), high.max(y)));
        }
        let (heights, slants) = crisp.split_at_mut(pixels);
        self.trace(frame.at, window, seconds, 1.0, heights);
        slope(heights, slants, 1.0);
        let cells = heights.chunks(self.grid.cell() as usize).zip(slants.chunks(self.grid.cell() as usize));
        for (span, (heights, slants)) in spans.iter_mut().zip(cells) {
            let reach = (self.thick + 1.0) / slants.iter().copied().fold(1.0, f32::min);
            let low = heights.iter().copied().fold(f32::MAX, f32::min) - reach;
            *span = [low, heights.iter().copied().fold(f32::MIN, f32::max) + reach];
        }
        let loud = of_full(frame.at.level(window, |hop| hop.loudness));
        // A waveform is as tall between two beats as on them: what tells the beat is the light.
        let hit = of_full(frame.at.level(window, Hop::hit));
        let extent = spans.iter().fold((f32::MAX, f32::MIN), |(low, high), span| (low.min(span[0]), high.max(span[1])));
        let cells = &mut scratch.cells;
        let picture =
            &mut Picture { scene: self, soft, bounds, spans, extent, light, heights, slants, lights, loud, hit, cells };
        self.grid.paint(canvas, &mut scratch.rows, picture);
    }
}

/// From heights to the cosines of their slopes, which turn a distance upwards into one from the line.
fn slope(heights: &[f32], slants: &mut [f32], step: f32) {
    let last = heights.len() - 1;
    for (i, slant) in slants.iter_mut().enumerate() {
        let (a, b) = (i.saturating_sub(1), (i + 1).min(last));
        let rise = (heights[b] - heights[a]) / (step * (b - a).max(1) as f32);
        *slant = (1.0 / (1.0 + rise * rise).sqrt()).max(STEEPEST);
    }
}

struct Picture<'a> {
    scene: &'a WaveLine,
    /// For the line and each ghost: heights and slants at the columns of nodes.
    soft: &'a [f32],
    /// The lowest and highest y of each of them.
    bounds: [(f32, f32); AGES.len()],
    /// The light at each node of a row.
    light: &'a mut [f32],
    /// The same for the line at each column of pixels.
    heights: &'a [f32],
    slants: &'a [f32],
    lights: [f32; AGES.len()],
    loud: f32,
    /// How much of an onset there is.
    hit: f32,
    /// The lowest and highest y of the line to the right of each column of nodes.
    spans: &'a [[f32; 2]],
    extent: (f32, f32),
    /// Columns of nodes right of which the line runs through the present rows.
    cells: &'a mut Vec<u32>,
}

impl Layer for Picture<'_> {
    fn field(&mut self, r: usize, nodes: &mut [Node]) {
        let scene = self.scene;
        let cell = scene.grid.cell();
        let y = (r as u32 * cell) as f32;
        let (near, far) = (1.0 / (scene.unit * 0.0056).max(cell as f32), 1.0 / (scene.unit * 0.037));
        let ghost = 1.0 / (scene.unit * 0.004).max(cell as f32);
        let n = nodes.len();
        let away = (y - scene.middle).abs();
        self.light.fill(0.035 * fall(away / (scene.unit * 0.11)) + 0.05 * fall(away / (scene.tall * 0.10)));
        for (k, (curve, light)) in self.soft.chunks_exact(2 * n).zip(self.lights).enumerate() {
            let (low, high) = self.bounds[k];
            let reach = 8.0 / if k == 0 { far } else { ghost * STEEPEST };
            if y < low - reach || y > high + reach {
                continue;
            }
            let (line, slant) = curve.split_at(n);
            if k == 0 {
                let (light, ramp) = scene.body;
                let shown = ((y - scene.middle).abs() / (ramp * scene.unit)).min(1.0);
                let body = light * (0.09 + 0.05 * self.loud) * shown;
                let shine = [0.55 + 0.25 * self.hit, 0.20 + 0.6 * self.hit];
                add_line(y, scene.middle, [near, far, body], shine, line, slant, self.light);
            } else {
                add_ghost(y, ghost, light, line, slant, self.light);
            }
        }
        shine(scene.grid.one(), scene.backdrop.row(r), self.light, &scene.glow, nodes);
        // Pixels above this row of nodes are drawn next.
        let top = y - cell as f32;
        self.cells.clear();
        let (low, high) = self.extent;
        if low < y && high > top {
            let crossed = self.spans.iter().zip(0..).filter(|&(&[low, high], _)| low < y && high > top);
            self.cells.extend(crossed.map(|(_, i)| i));
        }
    }

    fn crisp(&mut self, y: u32, row: &mut [u8]) {
        let scene = self.scene;
        let cell = scene.grid.cell() as usize;
        let width = scene.thick;
        let y_middle = y as f32 + 0.5;
        for &i in self.cells.iter() {
            let first = i as usize * cell;
            for (k, below) in span(row, first as i32, (first + cell) as i32).iter_mut().enumerate() {
                let x = first + k;
                let d = (y_middle - self.heights[x]).abs() * self.slants[x];
                if d < width + 0.5 {
                    over(below, scene.line[x], coverage(d - width));
                }
            }
        }
        for line in &scene.text {
            line.draw(y, row);
        }
    }
}

#[multiversion::multiversion(targets = "simd")]
fn add_line(
    y: f32,
    middle: f32,
    [near, far, body]: [f32; 3],
    [sharp, wide]: [f32; 2],
    line: &[f32],
    slant: &[f32],
    light: &mut [f32],
) {
    for ((light, line), slant) in light.iter_mut().zip(line).zip(slant) {
        let d = (y - line).abs();
        // The wide glow takes no notice of slopes: it would throw rays from the steep ones.
        let glow = sharp * fall(d * slant * near) + wide * fall(d * far);
        let inside = (y - middle) * (y - line) <= 0.0;
        *light += glow + if inside { body } else { 0.0 };
    }
}

#[multiversion::multiversion(targets = "simd")]
fn add_ghost(y: f32, per: f32, bright: f32, line: &[f32], slant: &[f32], light: &mut [f32]) {
    for ((light, line), slant) in light.iter_mut().zip(line).zip(slant) {
        *light += bright * fall((y - line).abs() * slant * per);
    }
}

#[multiversion::multiversion(targets = "simd")]
fn shine(one: f32, base: [f32; 3], light: &[f32], [red, green, blue]: &[Vec<f32>; 3], nodes: &mut [Node]) {
    let n = nodes.len();
    let (light, red, green, blue) = (&light[..n], &red[..n], &green[..n], &blue[..n]);
    for c in 0..n {
        let g = light[c];
        nodes[c] = node(one, base[0] + red[c] * g, base[1] + green[c] * g, base[2] + blue[c] * g);
    }
}
