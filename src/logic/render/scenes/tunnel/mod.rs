//! A flight through a tunnel whose speed is the bass: its ribs and walls are lit by the bands, the nearest by what is
//! heard now and the further ones by what was heard before.

mod ribs;
mod walls;

use crate::logic::audio::features::{Hop, HopWindow};
use crate::logic::render::backdrop::{Backdrop, light};
use crate::logic::render::canvas::Canvas;
use crate::logic::render::colour::{from_hex, mix};
use crate::logic::render::composition::Shape;
use crate::logic::render::field::{Grid, Layer, Node, pack, split_planes};
use crate::logic::render::look::Look;
use crate::logic::render::math::{fall, of_full, sine, smoothstep};
use crate::logic::render::noise::{HELD, clock, running};
use crate::logic::render::polar::Polar;
use crate::logic::render::scene::{Frame, Reach, Scene, Scratch};
use ribs::{RIBS, Rib, Ribs};
use walls::{AGES, DEPTHS, Flight, Sectors, Walls};

/// The bass sums up to this from one rib to the next: a power of two, so that nothing jumps where the sum wraps.
const RIB_BITS: u32 = 22;

pub(super) struct Tunnel {
    grid: Grid,
    backdrop: Backdrop,
    polar: Polar,
    walls: Walls,
    ribs: Ribs,
    unit: f32,
    height: f32,
    /// 1/width of the edges of panels, in radii of the mouth.
    sharp: f32,
    /// The light at the end, from its heart outwards.
    heart: [f32; 3],
    bloom: [f32; 3],
}

impl Tunnel {
    pub(super) fn new(look: &Look) -> Self {
        let (w, h) = (look.width() as f32, look.height() as f32);
        let unit = w.min(h);
        let grid = Grid::of(look);
        // Where the end is, as a part of the height, and the radii of the mouth as parts of the width and the height.
        let (end, across, up) = match Shape::of(look) {
            Shape::Wide => (0.50, 0.47, 0.47),
            Shape::Square => (0.50, 0.47, 0.47),
            Shape::Tall => (0.45, 0.47, 0.42),
        };
        // A mouth is not drawn out by more than this.
        let (across, up) = ((across * w).min(1.9 * unit), (up * h).min(1.9 * unit));
        let polar = Polar::new(grid, (0.5 * w, end * h), (across, up));
        let white = from_hex(0xffffff);
        Self {
            grid,
            backdrop: Backdrop::new(grid, look.background),
            walls: Walls::new(look, grid),
            ribs: Ribs::new(look, polar.centre(grid), [across, up]),
            polar,
            unit,
            height: h,
            // More than two nodes in any picture but the smallest, and the same at any quality.
            sharp: 1.0 / (3.0 / across.min(up)).max(0.020),
            heart: light(grid, mix(look.palette.at(0.72), white, 0.55)),
            bloom: light(grid, look.palette.at(0.55)),
        }
    }
}

impl Scene for Tunnel {
    fn reach(&self) -> Reach {
        Reach { before: AGES as u32 + HELD, after: 1 }
    }

    fn render(&self, frame: &Frame<'_>, window: &HopWindow, scratch: &mut Scratch, canvas: &mut Canvas<'_>) {
        let at = frame.at;
        let hit = of_full(at.level(window, Hop::hit));
        let kick = of_full(at.level(window, |hop| hop.onsets[0]));
        let loud = of_full(at.level(window, |hop| hop.loudness));
        let travel = running(at, window, |hop| hop.travel).wrapping_mul(3).wrapping_add(clock(at, 110));
        let rotation = running(at, window, |hop| hop.rotation).wrapping_add(clock(at, 30));
        let flight = Flight {
            rib: travel >> RIB_BITS,
            part: (travel & ((1 << RIB_BITS) - 1)) as f32 / (1u32 << RIB_BITS) as f32,
            // A turn takes 2²⁸ units: more than a minute.
            turn: (rotation & ((1 << 28) - 1)) as f32 / (1u32 << 28) as f32,
            // A hit throws the eye forward.
            zoom: 1.0 + 0.055 * kick.max(0.6 * hit) + 0.008 * sine(at.seconds() * 0.09),
            hit,
            loud,
        };
        let columns = self.grid.columns();
        scratch.values.resize(4 * columns + walls::SECTORS * AGES + 8 * DEPTHS, 0.0);
        let (row, tables) = scratch.values.split_at_mut(4 * columns);
        let (levels, depths) = tables.split_at_mut(walls::SECTORS * AGES);
        let sectors = Sectors::new(at, window, levels);
        let depths = depths.as_chunks_mut().0;
        self.walls.depths(&flight, &sectors, depths);
        let (planes, radii) = row.split_at_mut(3 * columns);
        scratch.cells.resize(columns, 0);
        let ribs = self.ribs.fly(&flight, &sectors);
        let mut picture = Picture {
            scene: self,
            planes: split_planes(planes),
            radii,
            angles: &mut scratch.cells,
            flight,
            sectors,
            depths,
            ribs,
        };
        self.grid.paint(canvas, &mut scratch.rows, &mut picture);
    }
}

struct Picture<'a> {
    scene: &'a Tunnel,
    planes: [&'a mut [f32]; 3],
    radii: &'a mut [f32],
    angles: &'a mut [u32],
    flight: Flight,
    sectors: Sectors<'a>,
    depths: &'a [[f32; 8]],
    ribs: [Rib; RIBS],
}

impl Layer for Picture<'_> {
    fn field(&mut self, r: usize, nodes: &mut [Node]) {
        let scene = self.scene;
        scene.polar.row(r, self.radii, self.angles);
        let base = scene.backdrop.row(r);
        let y = (r as u32 * scene.grid.cell()) as f32;
        let edge = y.min(scene.height - y) / scene.unit;
        let shown = smoothstep((edge - 0.02) / 0.14);
        let wall = walls::Row { radii: self.radii, angles: self.angles, base, shown, sharp: scene.sharp };
        scene.walls.paint(&wall, &self.flight, &self.sectors, self.depths, &mut self.planes);
        let flight = &self.flight;
        let beat = 0.62 + 0.30 * flight.loud + 0.80 * flight.hit;
        let (near, far) = (1.0 / (0.045 + 0.015 * flight.loud + 0.02 * flight.hit), 1.0 / (0.14 + 0.07 * flight.hit));
        glow(self.radii, [near, far], [1.0 * beat, 0.50 * beat], [scene.heart, scene.bloom], &mut self.planes);
        pack(scene.grid.one(), &self.planes, nodes);
    }

    fn crisp(&mut self, y: u32, row: &mut [u8]) {
        for rib in &self.ribs {
            self.scene.ribs.draw(rib, y, row);
        }
    }
}

/// Adds the light at the end.
#[multiversion::multiversion(targets = "simd")]
fn glow(
    radii: &[f32],
    [near, far]: [f32; 2],
    [inner, outer]: [f32; 2],
    [heart, bloom]: [[f32; 3]; 2],
    [red, green, blue]: &mut [&mut [f32]; 3],
) {
    let n = red.len();
    let (radii, green, blue) = (&radii[..n], &mut green[..n], &mut blue[..n]);
    for c in 0..n {
        let (a, b) = (inner * fall(radii[c] * near), outer * fall(radii[c] * far));
        red[c] += heart[0] * a + bloom[0] * b;
        green[c] += heart[1] * a + bloom[1] * b;
        blue[c] += heart[2] * a + bloom[2] * b;
    }
}
