//! Curtains of light over a lake at night: noise that flows with the energy of the voices, lit by the bands.

mod curtain;
mod night;

use std::ops::Range;

use crate::logic::audio::features::{BANDS, Hop, HopWindow};
use crate::logic::audio::hops::HopTime;
use crate::logic::render::backdrop::{Backdrop, light};
use crate::logic::render::canvas::Canvas;
use crate::logic::render::composition::Shape;
use crate::logic::render::field::{Grid, Layer, Node, pack, split_planes};
use crate::logic::render::look::Look;
use crate::logic::render::math::{fall, of_full, sine, smoothstep};
use crate::logic::render::noise::{HELD, Line, clock, running};
use crate::logic::render::scene::{Frame, Reach, Scene, Scratch};
use curtain::{Column, LAYERS, Rays, SHADES, Sheet, hang, light_sheet};
use night::Night;

/// The foot of a ray is looked for this far beyond the sides, as a part of the width: rays lean outwards.
const BEYOND: f32 = 0.25;

pub(super) struct Aurora {
    grid: Grid,
    backdrop: Backdrop,
    seed: u64,
    unit: f32,
    width: f32,
    height: f32,
    /// Above this, in pixels, all light has ended.
    margin: f32,
    sheets: [Sheet; LAYERS],
    /// Light and colour from the hem of a curtain up, in node units.
    shades: Box<[[f32; 4]; SHADES]>,
    /// The air above the horizon.
    air: [f32; 3],
    /// Where the lake begins, in pixels from the top.
    horizon: f32,
    night: Night,
}

impl Aurora {
    pub(super) fn new(look: &Look) -> Self {
        let (w, h) = (look.width() as f32, look.height() as f32);
        let unit = w.min(h);
        let grid = Grid::of(look);
        let shape = Shape::of(look);
        // Where hems hang and how long rays are, as parts of the height; the further curtain hangs lower and is shorter.
        let (hems, lengths, horizon) = match shape {
            Shape::Wide => ([0.665, 0.60, 0.51], [0.42, 0.58, 0.70], 0.80),
            Shape::Square => ([0.655, 0.59, 0.50], [0.40, 0.54, 0.64], 0.79),
            Shape::Tall => ([0.635, 0.56, 0.46], [0.34, 0.46, 0.56], 0.77),
        };
        // Waves of a hem, patches and rays in the width of a picture: the narrower it is, the fewer, the broader.
        let many = (w / h).clamp(0.5, 2.4).sqrt();
        // No ray is finer than pixels can show.
        let finest = (w / 3.0).max(2.0);
        let sheets = std::array::from_fn(|i| {
            let far = [1.0, 0.62, 0.32][i];
            Sheet {
                hem: hems[i] * h,
                swing: [0.035, 0.06, 0.085][i] * h.min(1.3 * unit),
                length: lengths[i] * h,
                waves: [3.4, 2.3, 1.5][i] * many,
                rays: ([46.0, 32.0, 21.0][i] * many).min(finest),
                fine: ([92.0, 74.0, 56.0][i] * many).min(finest),
                light: [0.62, 0.86, 1.05][i],
                spread: 0.55 - 0.25 * far,
            }
        });
        let horizon = (horizon * h).floor();
        Self {
            grid,
            backdrop: Backdrop::new(grid, look.background),
            seed: look.seed,
            unit,
            width: w,
            height: h,
            margin: 0.035 * h,
            sheets,
            shades: curtain::shades(look, grid),
            air: light(grid, look.palette.at(0.34)),
            horizon,
            night: Night::new(look, horizon),
        }
    }

    /// The columns of each curtain for a frame.
    fn hang(&self, at: HopTime, window: &HopWindow, columns: &mut [Column]) {
        let hue = running(at, window, |hop| hop.hue);
        let level = |band: usize| of_full(at.level(window, |hop| hop.bands[band]));
        let bands: [f32; BANDS] = std::array::from_fn(level);
        let loud = of_full(at.level(window, |hop| hop.loudness));
        let each = columns.len() / LAYERS;
        for (i, (sheet, columns)) in self.sheets.iter().zip(columns.chunks_exact_mut(each)).enumerate() {
            let lane = 16 * i as u64;
            // The nearest flows fastest; in silence the clock alone moves them.
            let flow = hue.wrapping_mul([2, 3, 4][i]).wrapping_add(clock(at, [26, 38, 50][i]));
            let hit = of_full(at.level(window, |hop| hop.onsets[LAYERS - 1 - i].max(hop.hit() / 2)));
            // The further, the higher the bands that light it; each is seen twice, so that low ones are not all at one side.
            let (first, last) = [(26, 63), (12, 46), (0, 26)][i];
            let count = (last - first) as f32;
            let part = |x: f32| {
                let turn = 1.6 * x + 0.35 * i as f32 + 0.15 * sine(at.seconds() * 0.011);
                let fold = 1.0 - (turn.rem_euclid(2.0) - 1.0).abs();
                let b = first as f32 + fold * (count - 1.0);
                let (b, t) = (b as usize, smoothstep(b - b.floor()));
                let (low, high) = (bands[b.min(BANDS - 1)], bands[(b + 1).min(BANDS - 1)]);
                low + (high - low) * t
            };
            let rays = Rays {
                hem: Line::new(self.seed, lane, flow, 25),
                ripple: Line::new(self.seed, lane + 1, flow, 24),
                patch: Line::new(self.seed, lane + 2, flow, 24),
                coarse: Line::new(self.seed, lane + 3, flow, 23),
                fine: Line::new(self.seed, lane + 4, flow.wrapping_mul(2), 23),
                drift: clock(at, [30, 40, 60][i]).wrapping_add(hue),
                loud,
                hit,
            };
            hang(sheet, &rays, self.unit, part, BEYOND, columns);
        }
    }
}

impl Scene for Aurora {
    fn reach(&self) -> Reach {
        Reach { before: HELD, after: 1 }
    }

    fn render(&self, frame: &Frame<'_>, window: &HopWindow, scratch: &mut Scratch, canvas: &mut Canvas<'_>) {
        let nodes = self.grid.columns();
        // Three columns a node, so that leaning rays do not step.
        let each = (3.0 * (1.0 + 2.0 * BEYOND) * nodes as f32) as usize;
        let floats = size_of::<Column>() / size_of::<f32>();
        scratch.values.resize(3 * nodes + LAYERS * each * floats, 0.0);
        let (planes, columns) = scratch.values.split_at_mut(3 * nodes);
        let columns = columns.as_chunks_mut().0;
        self.hang(frame.at, window, columns);
        let mut sheets = columns.chunks_exact(each).map(curtain::extent);
        let extents = std::array::from_fn(|_| sheets.next().unwrap_or(0.0..0.0));
        let seconds = frame.at.seconds();
        let hit = of_full(frame.at.level(window, Hop::hit));
        let mut picture = Picture { scene: self, planes: split_planes(planes), columns, extents, seconds, hit };
        self.grid.paint(canvas, &mut scratch.rows, &mut picture);
    }
}

struct Picture<'a> {
    scene: &'a Aurora,
    planes: [&'a mut [f32]; 3],
    columns: &'a [Column],
    /// The heights between which each curtain shines.
    extents: [Range<f32>; LAYERS],
    seconds: f32,
    hit: f32,
}

impl Layer for Picture<'_> {
    fn field(&mut self, r: usize, nodes: &mut [Node]) {
        let scene = self.scene;
        let cell = scene.grid.cell() as f32;
        let y = r as f32 * cell;
        let base = scene.backdrop.row(r);
        // Below the horizon the sky is seen again, upside down, drawn out and dimmer.
        let horizon = scene.horizon;
        let (up, shown, shift) = if y > horizon {
            let d = y - horizon;
            let depth = d / scene.unit;
            let ripple = sine(depth * 9.0 - self.seconds * 0.11) + 0.7 * sine(depth * 23.0 + self.seconds * 0.17);
            let gone = 1.0 - smoothstep((y - 0.90 * scene.height) / (0.075 * scene.height));
            (horizon - 2.3 * d, 0.52 * gone, ripple * 0.006 * scene.unit * (0.2 + depth * 4.0).min(1.0))
        } else {
            (y, smoothstep((y - scene.margin) / (2.6 * scene.margin)), 0.0)
        };
        let air = fall((horizon - up).max(0.0) / (0.11 * scene.unit));
        let air = air * (0.10 + 0.10 * self.hit) * if shown < 0.5 { 0.5 } else { 1.0 };
        for ((plane, base), air_colour) in self.planes.iter_mut().zip(base).zip(scene.air) {
            plane.fill(base + air * air_colour);
        }
        let each = self.columns.len() / LAYERS;
        let sheets = scene.sheets.iter().zip(self.columns.chunks_exact(each)).zip(&self.extents);
        for ((sheet, columns), extent) in sheets {
            if !extent.contains(&up) || shown <= 0.0 {
                continue;
            }
            // Rays meet far above: the higher, the nearer to the middle is the foot.
            let lean = 1.0 / (1.0 + sheet.spread * (sheet.hem - up) / (scene.unit * 2.2)).max(0.4);
            let per = columns.len() as f32 / (scene.width * (1.0 + 2.0 * BEYOND));
            let middle = (0.5 + BEYOND) * scene.width;
            let first = (middle + (shift - 0.5 * scene.width) * lean) * per;
            light_sheet([first, cell * lean * per], up, shown, columns, &scene.shades, &mut self.planes);
        }
        pack(scene.grid.one(), &self.planes, nodes);
    }

    fn crisp(&mut self, y: u32, row: &mut [u8]) {
        self.scene.night.draw(y, self.seconds, row);
    }
}
