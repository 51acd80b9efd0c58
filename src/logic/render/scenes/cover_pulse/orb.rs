//! The disc without a cover: bands of palette colour that flow into each other, lit like a ball.

use std::ops::Range;

use crate::logic::render::backdrop::light;
use crate::logic::render::colour::{from_hex, mix};
use crate::logic::render::field::Grid;
use crate::logic::render::look::Look;
use crate::logic::render::math::{chance, cosine, sine};

const COLOURS: usize = 256;

pub struct Orb {
    colours: Vec<[f32; 3]>,
    /// Wave numbers and phases, in turns, of the waves that make the pattern.
    waves: [Wave; 4],
    one: f32,
}

#[derive(Clone, Copy)]
struct Wave {
    x: f32,
    y: f32,
    phase: f32,
    speed: f32,
}

/// How far the pattern has flowed.
#[derive(Clone, Copy)]
pub struct Flow {
    /// Seconds.
    pub slow: f32,
    /// Turns driven by the music.
    pub travelled: f32,
    /// 0 … 1, how much brighter than usual.
    pub glow: f32,
}

impl Orb {
    pub fn new(look: &Look, grid: Grid) -> Self {
        let dark = from_hex(0x05070d);
        let colours = (0..COLOURS)
            .map(|i| {
                let t = i as f32 / (COLOURS - 1) as f32;
                light(grid, mix(dark, look.palette.at(0.04 + 0.92 * t), f64::from(0.55 + 0.45 * t)))
            })
            .collect();
        let random = |i: usize, lane: u64| chance(look.seed, i as u64, lane);
        let waves = std::array::from_fn(|i| {
            let size = 0.26 + 0.15 * i as f32;
            let angle = random(i, 1);
            Wave {
                x: size * cosine(angle),
                y: size * sine(angle),
                phase: random(i, 2),
                speed: (0.012 + 0.01 * random(i, 3)) * if i % 2 == 0 { 1.0 } else { -1.0 },
            }
        });
        Self { colours, waves, one: grid.one() }
    }

    /// Overwrites the nodes `columns` of a row, the first one at (x, y) pixels from the centre, `step` apart.
    #[allow(clippy::too_many_arguments)]
    pub fn row(
        &self,
        x: f32,
        y: f32,
        step: f32,
        per: f32,
        flow: &Flow,
        planes: &mut [&mut [f32]; 3],
        columns: Range<usize>,
    ) {
        let [red, green, blue] = planes;
        let (red, green, blue) = (&mut red[columns.clone()], &mut green[columns.clone()], &mut blue[columns]);
        let mut phases = [0.0; 4];
        for ((i, phase), wave) in phases.iter_mut().enumerate().zip(&self.waves) {
            *phase =
                wave.phase + flow.slow * wave.speed + flow.travelled * (i as f32 - 1.5).signum() * (1 + i / 2) as f32;
        }
        let pattern = Pattern { waves: self.waves, phases, x: x * per, y: y * per, step: step * per, glow: flow.glow };
        // First the place in the gradient and the light, for all nodes at once, then the colours.
        marble(&pattern, red, green, blue);
        for ((red, green), blue) in red.iter_mut().zip(green).zip(blue) {
            let (at, shade, shine) = (*red, *green, *blue * self.one);
            let colour = self.colours[(at as usize).min(COLOURS - 1)];
            *red = colour[0] * shade + shine;
            *green = colour[1] * shade + shine;
            *blue = colour[2] * shade + shine;
        }
    }
}

struct Pattern {
    waves: [Wave; 4],
    phases: [f32; 4],
    x: f32,
    y: f32,
    step: f32,
    glow: f32,
}

/// Sine of an angle in turns, |turns| < 2²²: two parabolas, within 0.06.
#[inline(always)]
fn wave(turns: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0;
    let t = turns - ((turns + ROUND) - ROUND);
    t * (8.0 - 16.0 * t.abs())
}

#[multiversion::multiversion(targets = "simd")]
fn marble(pattern: &Pattern, at: &mut [f32], shade: &mut [f32], shine: &mut [f32]) {
    let n = at.len();
    let (shade, shine) = (&mut shade[..n], &mut shine[..n]);
    let [a, b, c, d] = pattern.waves;
    let [pa, pb, pc, pd] = pattern.phases;
    let y = pattern.y;
    for i in 0..n {
        let x = pattern.x + i as u32 as f32 * pattern.step;
        // Two waves bend the space in which the other two are seen.
        let u = x + 0.42 * wave(a.x * x + a.y * y + pa);
        let v = y + 0.42 * wave(b.x * x + b.y * y + pb);
        let t = 0.5 + 0.30 * wave(c.x * u + c.y * v + pc) + 0.2 * wave(d.x * v - d.y * u + pd);
        at[i] = t * 255.0;
        let square = x * x + y * y;
        let ball = (1.0 - 0.88 * square).max(0.0).sqrt();
        shade[i] = (0.30 + 0.70 * ball) * (1.0 + 0.16 * pattern.glow);
        let (hx, hy) = (x + 0.34, y + 0.40);
        let lit = (1.0 - (hx * hx + hy * hy) * 1.9).max(0.0);
        shine[i] = 0.20 * lit * lit * lit;
    }
}
