//! A disc of flowing colour that breathes with the music, in a ring of its loudness by frequency.

mod art;
mod glow;
mod haze;
mod orb;
mod picture;
mod place;
mod ring;

use crate::logic::audio::features::HopWindow;
use crate::logic::audio::hops::HopTime;
use crate::logic::render::backdrop::{Backdrop, light};
use crate::logic::render::canvas::Canvas;
use crate::logic::render::colour::{from_hex, mix};
use crate::logic::render::field::{Grid, split_planes};
use crate::logic::render::glyphs::TextLine;
use crate::logic::render::look::{Background, Look};
use crate::logic::render::math::{chance, cosine, of_full, sine};
use crate::logic::render::scene::{Frame, Reach, Scene, Scratch};
use crate::logic::render::shapes::{Pixel, pixel};
use art::Art;
use glow::{ECHOES, Echo, SHADES, Shades};
use haze::Blob;
use orb::Orb;
use picture::Picture;
use place::Place;
use ring::{Ring, STEPS, Size};

/// Radii in units, which are the shorter side or near it: the disc, the rail around it, and where the ring starts.
const DISC: f32 = 0.205;
const RAIL: f32 = 0.232;
const RING: f32 = 0.232;
/// Hops from one echo of the ring to the next, and how far each one travels.
const ECHO_EVERY: i64 = 36;
const ECHO_TRAVEL: f32 = 0.11;

pub(super) struct CoverPulse {
    grid: Grid,
    backdrop: Backdrop,
    seed: u64,
    unit: f32,
    growth: f32,
    lift: f32,
    /// The centre, on a node: in columns and rows of nodes, and in pixels.
    centre: (usize, usize),
    /// Columns and rows of nodes from the centre that the ring can reach.
    half: usize,
    half_rows: usize,
    /// Distance (in pixels) and angle (in [`STEPS`] of half a turn from straight down) of the nodes of a quarter.
    radii: Vec<f32>,
    angles: Vec<u32>,
    orb: Orb,
    art: Option<Art>,
    text: Vec<TextLine>,
    shades: Box<Shades>,
    has_haze: bool,
    haze: [[f32; 3]; 3],
    line: [Pixel; STEPS],
    rail: Pixel,
    track: Pixel,
    progress: Pixel,
    head: Pixel,
}

impl CoverPulse {
    pub(super) fn new(look: &Look) -> Self {
        let (w, h) = (look.width(), look.height());
        let grid = Grid::of(look);
        let cell = grid.cell();
        let place = Place::new(look);
        let unit = place.unit;
        let node = |at: f32| (at / cell as f32 + 0.5) as usize;
        let centre = (node(0.5 * w as f32), node(place.centre));
        let half = ((0.55 * unit / cell as f32) as usize).min(centre.0).min(grid.columns() - 1 - centre.0);
        // A ring that is lifted reaches so much further up and down.
        let half_rows = ((0.55 + place.growth * place.lift) * unit / cell as f32) as usize;
        let quarter = || {
            (0..=half_rows).flat_map(|r| (0..=half).map(move |c| ((c as u32 * cell) as f32, (r as u32 * cell) as f32)))
        };
        let radii = quarter().map(|(x, y)| (x * x + y * y).sqrt()).collect();
        let angle = |(x, y)| (libm::atan2f(x, y) / std::f32::consts::PI * (STEPS - 1) as f32 + 0.5) as u32;
        let angles = quarter().map(angle).collect();
        let hue = |t: f32| look.palette.at(t);
        let white = from_hex(0xffffff);
        let dark = from_hex(0x07090e);
        // Whoever asks for a colour, or for nothing, wants no haze and no blurred cover over it.
        let has_haze = look.background == Background::Dark;
        let mut shades = Box::new([[0.0; SHADES * SHADES]; 3]);
        for i in 0..SHADES * SHADES {
            let (out, band) = ((i % SHADES) as f32 / SHADES as f32, (i / SHADES) as f32 / SHADES as f32);
            let colour = hue(0.14 + 0.5 * band + 0.34 * out);
            let shade = light(grid, mix(dark, colour, f64::from(0.30 + 0.70 * out * out)));
            shades.iter_mut().zip(shade).for_each(|(shades, shade)| shades[i] = shade);
        }
        Self {
            grid,
            backdrop: Backdrop::new(grid, look.background),
            seed: look.seed,
            unit,
            growth: place.growth,
            lift: place.lift,
            centre,
            half,
            half_rows,
            radii,
            angles,
            orb: Orb::new(look, grid),
            art: look.cover.as_deref().map(|cover| Art::new(cover, grid, (w, h), DISC * unit)),
            text: place.text,
            shades,
            has_haze,
            haze: std::array::from_fn(|i| {
                let colour = light(grid, hue(0.2 + 0.3 * i as f32 + 0.1 * chance(look.seed, i as u64, 90)));
                if has_haze { colour } else { [0.0; 3] }
            }),
            line: std::array::from_fn(|i| pixel(mix(hue(0.45 + 0.5 * i as f32 / STEPS as f32), white, 0.35))),
            rail: pixel(dark),
            track: pixel(mix(dark, hue(0.5), 0.30)),
            progress: pixel(mix(hue(0.6), white, 0.25)),
            head: pixel(mix(hue(0.6), white, 0.75)),
        }
    }

    fn outline(&self, at: HopTime, window: &HopWindow, breath: f32, slow: f32) -> Ring {
        let size = Size {
            inner: self.unit * RING * breath,
            growth: self.unit * self.growth,
            lift: self.lift,
            thin: self.unit * 0.016,
        };
        Ring::new(at, window, size, slow)
    }
}

impl Scene for CoverPulse {
    fn reach(&self) -> Reach {
        Reach { before: (ECHO_EVERY * (ECHOES as i64 + 1)) as u32, after: 1 }
    }

    fn render(&self, frame: &Frame<'_>, window: &HopWindow, scratch: &mut Scratch, canvas: &mut Canvas<'_>) {
        let at = frame.at;
        let loud = of_full(at.level(window, |hop| hop.loudness));
        let kick = of_full(at.level(window, |hop| hop.onsets[0]));
        let breath = 1.0 + 0.05 * kick + 0.012 * loud;
        let slow = at.seconds();
        let ring = self.outline(at, window, breath, slow);
        let echoes: [Echo; ECHOES] = std::array::from_fn(|i| {
            let born = (at.hop.div_euclid(ECHO_EVERY) - i as i64) * ECHO_EVERY;
            let age = (at.ticks() - born * 65_536) as f32 / (65_536.0 * (ECHO_EVERY * ECHOES as i64) as f32);
            let then = HopTime { hop: born, fraction: 0 };
            let strength = of_full(then.level(window, |hop| hop.loudness));
            let rest = 1.0 - age;
            Echo {
                ring: self.outline(then, window, 1.0, slow),
                out: ECHO_TRAVEL * self.unit * age * (2.0 - age),
                light: 0.5 * strength * rest * rest * (age * 8.0).min(1.0),
            }
        });
        let travelled = {
            let (a, b) = (window.hop(at.hop).travel, window.hop(at.hop + 1).travel);
            let between = (i64::from(b.wrapping_sub(a) as i32) * i64::from(at.fraction)) >> 16;
            // A turn for ten seconds of full energy.
            ((i64::from(a) + between).rem_euclid(65_535_000)) as f32 / 65_535_000.0
        };
        let centre = (self.centre.0 as u32 * self.grid.cell(), self.centre.1 as u32 * self.grid.cell());
        let progress = frame.total.map(|total| (frame.n as f32 + 0.5) / total.max(1) as f32);
        let columns = self.grid.columns();
        let values = &mut scratch.values;
        let half = self.half + 1;
        values.resize(3 * columns + 6 * half, 0.0);
        let (planes, distances) = values.split_at_mut(3 * columns);
        let mut halves = distances.chunks_exact_mut(half);
        let [above, below, through, r, g, b] = std::array::from_fn(|_| halves.next().unwrap_or_default());
        let blobs = std::array::from_fn(|i| {
            let phase = chance(self.seed, 0, 91) + (i as f32 + 0.4 * chance(self.seed, i as u64, 93)) / 3.0;
            let drift = slow * (0.011 + 0.004 * i as f32);
            let (w, h) = (canvas.width() as f32, canvas.height() as f32);
            let radius = (0.62 + 0.2 * chance(self.seed, i as u64, 92)) * w.max(h) * 0.8;
            Blob {
                x: w * (0.5 + 0.36 * cosine(phase + drift)),
                y: h * (0.5 + 0.36 * sine(phase + drift)),
                per: 1.0 / (radius * radius),
                colour: self.haze[i].map(|v| v * 0.12),
            }
        });
        let furthest = echoes.iter().map(|echo| echo.ring.furthest + echo.out).fold(ring.furthest, f32::max);
        let furthest = furthest + self.unit * 0.13;
        let mut picture = Picture {
            scene: self,
            ring,
            echoes,
            blobs,
            kick,
            flow: orb::Flow { slow, travelled, glow: kick },
            // A cover keeps its size, what is around it breathes.
            disc: self.unit * DISC * if self.art.is_some() { 1.0 } else { breath },
            rail: self.unit * RAIL * breath,
            centre: (centre.0 as f32, centre.1 as f32),
            progress,
            planes: split_planes(planes),
            above,
            below,
            line: (self.unit * 0.0016).max(0.5),
            cells: &mut scratch.cells,
            lit: [through, r, g, b],
            furthest,
        };
        self.grid.paint(canvas, &mut scratch.rows, &mut picture);
    }
}
