//! The walls: panels between the ribs, each lit by its band as it was when its depth was reached.

use crate::logic::audio::features::{BANDS, HopWindow};
use crate::logic::audio::hops::HopTime;
use crate::logic::render::backdrop::light;
use crate::logic::render::field::Grid;
use crate::logic::render::look::Look;
use crate::logic::render::math::{fall, of_full, smoothstep, whole};
use crate::logic::render::polar::TURN;

/// Hops that are seen down the tunnel.
pub const AGES: usize = 96;
/// Panels around, on one side: the other one is its mirror image.
pub const SECTORS: usize = 12;
const PANEL: usize = TURN / 2 / SECTORS;
/// Depths that are told apart: the radius at which they are seen, from the end to the mouth and beyond.
pub const DEPTHS: usize = 2048;
const WIDEST: f32 = 2.0;
const SHADES: usize = 256;
/// How much of the background walls hide.
const HIDES: f32 = 0.55;
/// Hops that light takes down from rib to rib.
pub const DELAY: f32 = 9.0;

/// Where the eye is.
#[derive(Clone, Copy)]
pub struct Flight {
    /// The rib that was passed last, and the part of the way to the next one.
    pub rib: u32,
    pub part: f32,
    /// How far all has turned, in turns.
    pub turn: f32,
    pub zoom: f32,
    pub hit: f32,
    pub loud: f32,
}

/// The level of each sector at each age.
pub struct Sectors<'a> {
    /// `[age · SECTORS + sector]`
    levels: &'a [f32],
    mean: [f32; AGES],
}

impl<'a> Sectors<'a> {
    pub fn new(at: HopTime, window: &HopWindow, levels: &'a mut [f32]) -> Self {
        let mut mean = [0.0; AGES];
        let mut bands = [0.0f32; BANDS];
        for (age, row) in levels.chunks_exact_mut(SECTORS).enumerate().take(AGES) {
            let then = HopTime { hop: at.hop - age as i64, ..at };
            for (b, band) in bands.iter_mut().enumerate() {
                *band = of_full(then.level(window, |hop| hop.bands[b]));
            }
            for (sector, level) in row.iter_mut().enumerate() {
                let (first, end) = (sector * BANDS / SECTORS, (sector + 1) * BANDS / SECTORS);
                let (sum, most) =
                    bands[first..end].iter().fold((0.0, 0.0f32), |(sum, most), &b| (sum + b, most.max(b)));
                *level = 0.5 * (sum / (end - first) as f32 + most);
            }
            mean[age] = bands.iter().sum::<f32>() / BANDS as f32;
        }
        Self { levels, mean }
    }

    /// The mean level of all bands when light set out that is seen at that many ribs' depth.
    pub fn mean(&self, ribs: f32) -> f32 {
        self.mean[whole((ribs * DELAY).clamp(0.0, (AGES - 1) as f32)).min(AGES - 1)]
    }
}

pub struct Walls {
    /// From the lowest band to the highest, in node units.
    colours: Box<[[f32; 4]; SHADES]>,
}

/// A row of nodes.
pub struct Row<'a> {
    pub radii: &'a [f32],
    pub angles: &'a [u32],
    pub base: [f32; 3],
    /// How much of the walls is seen in this row: they end before the edges of the picture.
    pub shown: f32,
    /// 1/width of the edges of panels, in radii of the mouth.
    pub sharp: f32,
}

impl Walls {
    pub fn new(look: &Look, grid: Grid) -> Self {
        let mut colours = Box::new([[0.0; 4]; SHADES]);
        for (i, colour) in colours.iter_mut().enumerate() {
            let [r, g, b] = light(grid, look.palette.at(0.10 + 0.88 * i as f32 / (SHADES - 1) as f32));
            *colour = [r, g, b, 0.0];
        }
        Self { colours }
    }

    /// What is the same all around, at each distance from the end: the light of sectors there, the light of ribs, the age
    /// of what lights it, as the first of its row, how far all is turned, and how much of the background shows.
    pub fn depths(&self, flight: &Flight, sectors: &Sectors<'_>, out: &mut [[f32; 8]]) {
        for (i, out) in out.iter_mut().enumerate() {
            let radius = (i as f32 + 0.5) * WIDEST / DEPTHS as f32;
            // In ribs from the eye; the mouth is one away.
            let depth = flight.zoom / radius.max(0.004);
            let along = depth + flight.part;
            let to_rib = (along - along.floor() - 0.5).abs() * 2.0;
            // Panels fade towards the ribs, which stand out of the wall and shine on it.
            let panel = 0.10 + 0.90 * smoothstep((1.0 - to_rib) * 1.7);
            let shine = fall((1.0 - to_rib) * 9.0);
            // Ribs too near to each other to be told apart are fog, and nothing is seen beside the eye.
            let clear = smoothstep((radius - 0.05) / 0.13);
            let near = 1.0 - smoothstep((radius - 0.80) / 0.85);
            let lit = clear * near;
            let panel = 1.0 + (panel - 1.0) * smoothstep((radius - 0.08) / 0.1);
            let age = (depth * DELAY - DELAY).clamp(0.0, (AGES - 1) as f32);
            let mean = sectors.mean(depth - 1.0);
            *out = [
                lit * panel * (0.95 + 0.75 * flight.hit),
                lit * shine * (0.20 + 1.10 * mean + 0.55 * flight.hit) * smoothstep((radius - 0.10) / 0.12),
                age,
                0.022 * depth * TURN as f32,
                1.0 - HIDES * lit,
                lit * (0.15 + 0.09 * flight.hit + 0.04 * flight.loud),
                0.0,
                0.0,
            ];
        }
    }

    pub fn paint(
        &self,
        row: &Row<'_>,
        flight: &Flight,
        sectors: &Sectors<'_>,
        depths: &[[f32; 8]],
        [red, green, blue]: &mut [&mut [f32]; 3],
    ) {
        const HALF: usize = TURN / 2;
        let n = red.len();
        let (green, blue, radii, angles) = (&mut green[..n], &mut blue[..n], &row.radii[..n], &row.angles[..n]);
        // The bass lies below the eye.
        let start = (flight.turn + 0.75) * TURN as f32;
        for c in 0..n {
            let depth = (radii[c] * (DEPTHS as f32 / WIDEST)).clamp(0.0, (DEPTHS - 1) as f32) as usize % DEPTHS;
            let [panel, shine, age, twist, shown, ambient, ..] = depths[depth];
            let angle = whole(angles[c] as f32 + start + twist) % TURN;
            let folded = if angle < HALF { angle } else { TURN - 1 - angle };
            let sector = (folded / PANEL).min(SECTORS - 1);
            let ago = (age as usize).min(AGES - 2);
            let (now, then) = (sectors.levels[ago * SECTORS + sector], sectors.levels[(ago + 1) * SECTORS + sector]);
            let level = now + (then - now) * (age - ago as f32).clamp(0.0, 1.0);
            let colour = &self.colours[folded * SHADES / HALF % SHADES];
            // Panels end before their seams, by some pixels wherever they are.
            let aside = folded % PANEL;
            let aside = aside.min(PANEL - 1 - aside) as f32;
            let aside_part = aside * (2.0 / PANEL as f32);
            let aside = aside * (std::f32::consts::TAU / TURN as f32) * radii[c];
            let inside = smoothstep((aside - 0.006) * row.sharp);
            // A panel is brightest in its middle.
            let bow = 0.62 + 0.38 * aside_part * (2.0 - aside_part);
            let lit = panel * (0.30 + 0.70 * inside) * bow * level * level
                + ambient * (0.4 + 0.6 * inside)
                + shine * (0.35 + 0.65 * level);
            let lit = lit * row.shown;
            let shown = 1.0 - (1.0 - shown) * row.shown;
            red[c] = row.base[0] * shown + colour[0] * lit;
            green[c] = row.base[1] * shown + colour[1] * lit;
            blue[c] = row.base[2] * shown + colour[2] * lit;
        }
    }
}
