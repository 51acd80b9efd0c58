//! Sparks that fly from a breathing core wherever the music strikes, before dust that drifts in three depths.

mod core;
mod dust;
mod events;
mod sparks;

use crate::logic::audio::features::{Hop, HopWindow};
use crate::logic::render::backdrop::Backdrop;
use crate::logic::render::canvas::Canvas;
use crate::logic::render::composition::Shape;
use crate::logic::render::field::{Grid, Layer, Node, pack, split_planes};
use crate::logic::render::look::Look;
use crate::logic::render::math::of_full;
use crate::logic::render::noise::{HELD, clock, running};
use crate::logic::render::polar::Polar;
use crate::logic::render::scene::{Frame, Reach, Scene, Scratch};
use core::{Core, Heart, SHELLS};
use dust::Dust;
use events::{LONGEST, events};
use sparks::{FLOATS, Shower, Spark};

/// Most sparks and grains of dust in a picture: what is oldest is left out.
const MOST: usize = 3000;
/// Bits of a spark's number in the list that is sorted by rows.
const NUMBER_BITS: u32 = 12;

pub(super) struct ParticlesBurst {
    grid: Grid,
    backdrop: Backdrop,
    polar: Polar,
    core: Core,
    shower: Shower,
    dust: Dust,
}

impl ParticlesBurst {
    pub(super) fn new(look: &Look) -> Self {
        let (w, h) = (look.width() as f32, look.height() as f32);
        let unit = w.min(h);
        let grid = Grid::of(look);
        // The centre as a part of the height, and how far sparks fly to the sides and up and down, in units.
        let (centre, spread) = match Shape::of(look) {
            Shape::Wide => (0.50, [(0.44 * w / unit).min(1.0), 0.46]),
            Shape::Square => (0.50, [0.46, 0.46]),
            Shape::Tall => (0.47, [0.48, (0.36 * h / unit).min(1.1)]),
        };
        let size = match Shape::of(look) {
            Shape::Wide => 1.0,
            Shape::Square => 1.1,
            Shape::Tall => 1.25,
        };
        let polar = Polar::new(grid, (0.5 * w, centre * h), (unit, unit));
        let centre = polar.centre(grid);
        Self {
            grid,
            backdrop: Backdrop::new(grid, look.background),
            polar,
            core: Core::new(look, grid, size),
            shower: Shower::new(look, [centre.0, centre.1], spread, size),
            dust: Dust::new(look, size),
        }
    }
}

impl Scene for ParticlesBurst {
    fn reach(&self) -> Reach {
        Reach { before: LONGEST as u32 + HELD, after: 1 }
    }

    fn render(&self, frame: &Frame<'_>, window: &HopWindow, scratch: &mut Scratch, canvas: &mut Canvas<'_>) {
        let at = frame.at;
        let turned = running(at, window, |hop| hop.rotation).wrapping_add(clock(at, 24));
        let heart = Heart {
            kick: of_full(at.level(window, |hop| hop.onsets[0])),
            hit: of_full(at.level(window, Hop::hit)),
            loud: of_full(at.level(window, |hop| hop.loudness)),
            seconds: at.seconds(),
            // A turn takes 2²⁷ units.
            turn: (turned & ((1 << 27) - 1)) as f32 / (1u32 << 27) as f32,
        };
        let columns = self.grid.columns();
        scratch.values.resize(4 * columns + SHELLS * 3 + MOST * FLOATS, 0.0);
        let (row, values) = scratch.values.split_at_mut(4 * columns);
        let (shells, sparks) = values.split_at_mut(SHELLS * 3);
        let shells = shells.as_chunks_mut().0;
        let sparks: &mut [Spark] = sparks.as_chunks_mut().0;
        self.core.shine(&heart, events(at, window), shells);
        let outline = self.core.outline(at, window, &heart);
        // Dust is there first: the sparks of old hits are left out where there are too many.
        let mut count = self.dust.drift(at, window, heart.loud, heart.hit, sparks);
        for event in events(at, window) {
            count += self.shower.burst(&event, &mut sparks[count..]);
        }
        let sparks = &sparks[..count];
        let cells = &mut scratch.cells;
        cells.clear();
        cells.resize(count + columns, 0);
        // Sorted by their upper ends, to be taken up as the rows come to them.
        let visible = canvas.rows();
        let mut listed = 0;
        for (number, spark) in sparks.iter().enumerate() {
            let (top, end) = sparks::rows(spark);
            if end > visible.start && top < visible.end {
                cells[listed] = top << NUMBER_BITS | number as u32;
                listed += 1;
            }
        }
        let (order, angles) = cells.split_at_mut(count);
        let order = &mut order[..listed];
        order.sort_unstable();
        let (planes, radii) = row.split_at_mut(3 * columns);
        let mut picture = Picture {
            scene: self,
            planes: split_planes(planes),
            radii,
            angles,
            shells,
            outline: &outline,
            sparks,
            order,
            first: 0,
            next: 0,
        };
        self.grid.paint(canvas, &mut scratch.rows, &mut picture);
    }
}

struct Picture<'a> {
    scene: &'a ParticlesBurst,
    planes: [&'a mut [f32]; 3],
    radii: &'a mut [f32],
    angles: &'a mut [u32],
    shells: &'a [[f32; 3]],
    outline: &'a [f32; core::OUTLINE],
    sparks: &'a [Spark],
    /// First row and number of each spark: those from `first` to before `next` can be in the present row.
    order: &'a mut [u32],
    first: usize,
    next: usize,
}

impl Layer for Picture<'_> {
    fn field(&mut self, r: usize, nodes: &mut [Node]) {
        let scene = self.scene;
        scene.polar.row(r, self.radii, self.angles);
        for (plane, base) in self.planes.iter_mut().zip(scene.backdrop.row(r)) {
            plane.fill(base);
        }
        core::lay(self.shells, self.outline, self.radii, self.angles, &mut self.planes);
        pack(scene.grid.one(), &self.planes, nodes);
    }

    fn crisp(&mut self, y: u32, row: &mut [u8]) {
        while self.order.get(self.next).is_some_and(|&key| key >> NUMBER_BITS <= y) {
            self.next += 1;
        }
        let mut at = self.first;
        while at < self.next {
            let spark = &self.sparks[(self.order[at] & ((1 << NUMBER_BITS) - 1)) as usize];
            let (_, end) = sparks::rows(spark);
            if end <= y {
                // It is over: the first one, which has had its turn in this row, takes its place.
                self.order[at] = self.order[self.first];
                self.first += 1;
            } else {
                sparks::draw(spark, y, row);
            }
            at += 1;
        }
    }
}
