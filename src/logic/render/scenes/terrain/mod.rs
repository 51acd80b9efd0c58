//! A landscape of the last seconds: each ridge is a spectrum, which moves away towards a sun and hides what lies behind.

mod lines;
mod ridges;
mod sky;

use crate::logic::audio::features::{Hop, HopWindow};
use crate::logic::render::canvas::Canvas;
use crate::logic::render::composition::Shape;
use crate::logic::render::field::{Grid, Layer, Node};
use crate::logic::render::look::Look;
use crate::logic::render::math::of_full;
use crate::logic::render::scene::{Frame, Reach, Scene, Scratch};
use crate::logic::render::stars::Stars;
use lines::{Ground, Land, Lines, STRIP};
use ridges::{RIDGES, Ridges, SPACING};
use sky::{Sky, Sun};

pub(super) struct Terrain {
    grid: Grid,
    width: usize,
    ridges: Ridges,
    lines: Lines,
    ground: Ground,
    sky: Sky,
    stars: Stars,
}

/// Where the land lies, as parts of the height: the horizon, the nearest ridge, the tallest mountain of it; the sun's
/// radius, in units, and how far above the horizon it stands; how much of the width the furthest ridge has; and how rough the land is.
struct Place {
    horizon: f32,
    front: f32,
    tallest: f32,
    sun: f32,
    risen: f32,
    narrow: f32,
    fine: f32,
}

impl Terrain {
    pub(super) fn new(look: &Look) -> Self {
        let place = match Shape::of(look) {
            Shape::Wide => {
                Place { horizon: 0.44, front: 0.90, tallest: 0.33, sun: 0.19, risen: 0.09, narrow: 0.60, fine: 1.0 }
            }
            Shape::Square => {
                Place { horizon: 0.43, front: 0.89, tallest: 0.29, sun: 0.20, risen: 0.10, narrow: 0.66, fine: 0.85 }
            }
            Shape::Tall => {
                Place { horizon: 0.38, front: 0.80, tallest: 0.24, sun: 0.27, risen: 0.055, narrow: 0.74, fine: 0.55 }
            }
        };
        let grid = Grid::of(look);
        Self {
            grid,
            width: look.width() as usize,
            ridges: Ridges::new(look, &place),
            lines: Lines::new(look),
            ground: Ground::new(look, &place),
            sky: Sky::new(look, grid, &place),
            stars: Stars::new(look, place.horizon * look.height() as f32, 120.0),
        }
    }
}

impl Scene for Terrain {
    fn reach(&self) -> Reach {
        Reach { before: (RIDGES as i64 * SPACING) as u32, after: 1 }
    }

    fn render(&self, frame: &Frame<'_>, window: &HopWindow, scratch: &mut Scratch, canvas: &mut Canvas<'_>) {
        let at = frame.at;
        let hit = of_full(at.level(window, Hop::hit));
        let kick = of_full(at.level(window, |hop| hop.onsets[0]));
        let loud = of_full(at.level(window, |hop| hop.loudness));
        let size = RIDGES * self.width;
        let pieces = lines::pieces(self.width);
        scratch.values.resize(3 * size + self.width + 2 * (RIDGES + 1) * pieces, 0.0);
        let (heights, rest) = scratch.values.split_at_mut(size);
        let (limits, rest) = rest.split_at_mut(size);
        let (slants, rest) = rest.split_at_mut(size);
        let (outline, rest) = rest.split_at_mut(self.width);
        let (bounds, found) = rest.as_chunks_mut().0.split_at_mut(pieces);
        let ridges = self.ridges.raise(at, window, hit, heights);
        ridges::hide(self.width, heights, limits, slants, outline);
        lines::bound(outline, bounds);
        let land = Land { ridges: &ridges, heights, limits, slants };
        lines::find(land, found);
        let strip = &mut scratch.cells;
        strip.clear();
        strip.resize(self.width * STRIP as usize, 0);
        let mut picture = Picture {
            scene: self,
            sun: self.sky.sun(hit, kick, loud),
            land,
            found,
            outline,
            bounds,
            hit,
            seconds: at.seconds(),
            strip,
            first: None,
        };
        self.grid.paint(canvas, &mut scratch.rows, &mut picture);
    }
}

struct Picture<'a> {
    scene: &'a Terrain,
    sun: Sun,
    land: Land<'a>,
    /// The rows of each piece of each ridge.
    found: &'a [[f32; 2]],
    /// The upper edge of the land.
    outline: &'a [f32],
    /// Its highest and lowest place over each piece.
    bounds: &'a [[f32; 2]],
    hit: f32,
    seconds: f32,
    /// The lines in the strip of rows that begins with row `first`.
    strip: &'a mut [u32],
    first: Option<u32>,
}

impl Layer for Picture<'_> {
    fn field(&mut self, r: usize, nodes: &mut [Node]) {
        self.scene.sky.row(r, &self.sun, nodes);
    }

    fn crisp(&mut self, y: u32, row: &mut [u8]) {
        let scene = self.scene;
        scene.stars.draw(y, self.seconds, row);
        scene.sky.draw_sun(y, &self.sun, row);
        scene.ground.draw(y, self.hit, self.outline, self.bounds, row);
        let first = y / STRIP * STRIP;
        if self.first != Some(first) {
            self.first = Some(first);
            lines::lay_down(self.land, self.found, y, self.strip);
        }
        let start = (y - first) as usize * scene.width;
        scene.lines.draw(&mut self.strip[start..start + scene.width], row);
    }
}
