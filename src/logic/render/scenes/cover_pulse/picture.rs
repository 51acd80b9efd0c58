//! One picture: everything worked out for it, laid down row by row.

use super::glow::{ECHOES, Echo, Light, Lit, lay, lay_backwards, light_up};
use super::haze::{Blob, haze};
use super::ring::{Ring, STEPS};
use super::{CoverPulse, orb};
use crate::logic::render::field::{Layer, Node, pack};
use crate::logic::render::math::{cosine, sine};
use crate::logic::render::shapes::{annulus, coverage, over};

pub struct Picture<'a> {
    pub scene: &'a CoverPulse,
    pub ring: Ring,
    pub echoes: [Echo; ECHOES],
    pub blobs: [Blob; 3],
    pub kick: f32,
    pub flow: orb::Flow,
    pub disc: f32,
    pub rail: f32,
    pub centre: (f32, f32),
    pub progress: Option<f32>,
    /// Red, green and blue of a row of nodes.
    pub planes: [&'a mut [f32]; 3],
    /// Distance from the ring's edge of the nodes above and below the pixels, from the centre column outwards.
    pub above: &'a mut [f32],
    pub below: &'a mut [f32],
    /// Half the width of the outline.
    pub line: f32,
    /// Cells of the present row that the outline runs through, counted from the centre.
    pub cells: &'a mut Vec<u32>,
    /// Work space for half a row of nodes: what shows through, red, green and blue.
    pub lit: [&'a mut [f32]; 4],
    /// Distance from the centre at which the last glow ends.
    pub furthest: f32,
}

/// A distance at which no edge is near.
pub const FAR: f32 = 1e6;

impl Picture<'_> {
    /// Adds the ring, its glow and its echoes to a row of nodes.
    fn ring_row(&mut self, r: usize) {
        let scene = self.scene;
        let dy = r.abs_diff(scene.centre.1);
        std::mem::swap(&mut self.above, &mut self.below);
        if dy > scene.half_rows {
            self.below.fill(FAR);
            return;
        }
        // Only nodes that are neither under the disc nor out of the glow's reach.
        let cell = scene.grid.cell() as f32;
        let dy_pixels = dy as f32 * cell;
        let chord = |radius: f32| (radius * radius - dy_pixels * dy_pixels).max(0.0).sqrt() / cell;
        let first = (chord(self.disc) as usize).saturating_sub(1);
        let end = (chord(self.furthest) as usize + 2).min(scene.half + 1).max(first + 1);
        self.below[..first].fill(FAR);
        self.below[end..].fill(FAR);
        let row = dy * (scene.half + 1);
        let mirror = if r >= scene.centre.1 { 0 } else { STEPS as u32 - 1 };
        let (radii, angles) = (&scene.radii[row + first..row + end], &scene.angles[row + first..row + end]);
        let light = Light {
            mirror,
            rail: self.rail,
            near: 1.0 / (scene.unit * 0.008),
            far: 1.0 / (scene.unit * 0.032),
            echo: 1.0 / (scene.unit * 0.004).max(cell),
            shine: 0.40 + 0.25 * self.kick,
        };
        let n = end - first;
        let lit = &mut self.lit;
        let [through, red, green, blue] = lit.each_mut().map(|lit| &mut lit[..n]);
        let out = Lit { distance: &mut self.below[first..end], through, red, green, blue };
        light_up(radii, angles, &self.ring, &self.echoes, &light, &scene.shades, out);
        let [through, colours @ ..] = lit.each_ref().map(|lit| &lit[..n]);
        for (plane, colours) in self.planes.iter_mut().zip(colours) {
            let (left, right) = plane.split_at_mut(scene.centre.0);
            lay(&mut right[first..], through, colours);
            // The column in the centre is its own mirror image.
            let skip = usize::from(first == 0);
            let left = &mut left[scene.centre.0 + 1 - end..scene.centre.0 + 1 - first - skip];
            lay_backwards(left, &through[skip..], &colours[skip..]);
        }
    }
}

impl Layer for Picture<'_> {
    fn field(&mut self, r: usize, nodes: &mut [Node]) {
        let scene = self.scene;
        let cell = scene.grid.cell() as f32;
        haze(r as f32 * cell, cell, scene.backdrop.row(r), &self.blobs, &mut self.planes);
        if let Some(art) = scene.art.as_ref().filter(|_| scene.has_haze) {
            art.add_behind(r, &mut self.planes);
        }
        self.ring_row(r);
        self.find_edge();
        let y = r as f32 * cell - self.centre.1;
        // Two cells further than the rail's edge, which hides where the disc's field ends.
        let reach = self.disc + 1.5 * cell;
        let across = reach * reach - y * y;
        if across > 0.0 && scene.art.is_none() {
            let side = (across.sqrt() / cell) as usize;
            let side = side.min(scene.centre.0).min(nodes.len() - 1 - scene.centre.0);
            let columns = scene.centre.0 - side..scene.centre.0 + side + 1;
            let x = -(side as f32 * cell);
            scene.orb.row(x, y, cell, 1.0 / self.disc, &self.flow, &mut self.planes, columns);
        }
        pack(scene.grid.one(), &self.planes, nodes);
    }

    fn crisp(&mut self, y: u32, row: &mut [u8]) {
        let dy = y as f32 + 0.5 - self.centre.1;
        self.draw_edge(y, row);
        if let Some(art) = &self.scene.art {
            art.draw(dy, self.centre.0, row);
        }
        self.draw_rail(dy, row);
        for line in &self.scene.text {
            line.draw(y, row);
        }
    }
}

impl Picture<'_> {
    /// Lists the cells between two rows of nodes that the outline runs through.
    fn find_edge(&mut self) {
        // No pixel of a cell is further than this from its nearest corner.
        let limit = self.line + 0.5 + 0.75 * self.scene.grid.cell() as f32;
        let near = |d: f32| d.abs() < limit;
        self.cells.clear();
        for i in 0..self.scene.half {
            let corners = [self.above[i], self.above[i + 1], self.below[i], self.below[i + 1]];
            if corners.iter().any(|&d| near(d)) && corners.iter().all(|&d| d < FAR) {
                self.cells.push(i as u32);
            }
        }
    }

    /// The ring's outline: a line where the interpolated distance is small.
    fn draw_edge(&self, y: u32, row: &mut [u8]) {
        let scene = self.scene;
        let cell = scene.grid.cell();
        let t = ((y % cell) as f32 + 0.5) / cell as f32;
        let middle = scene.centre.0 as u32 * cell;
        let pixels = row.as_chunks_mut::<4>().0;
        let r = (y / cell) as usize;
        let lower = r >= scene.centre.1;
        let dy = if lower { r - scene.centre.1 } else { scene.centre.1 - 1 - r };
        let angles = &scene.angles[dy.min(scene.half_rows) * (scene.half + 1)..];
        let limit = self.line + 0.5;
        for &i in self.cells.iter() {
            let at = i as usize;
            let left = self.above[at] + (self.below[at] - self.above[at]) * t;
            let right = self.above[at + 1] + (self.below[at + 1] - self.above[at + 1]) * t;
            if left.abs().min(right.abs()) > limit && (left > 0.0) == (right > 0.0) {
                continue;
            }
            let angle = angles[at] as usize;
            let colour = scene.line[if lower { angle } else { STEPS - 1 - angle }];
            for k in 0..cell {
                let d = left + (right - left) * ((k as f32 + 0.5) / cell as f32);
                let coverage = coverage(d.abs() - self.line);
                if coverage > 0 {
                    let x = i * cell + k;
                    for x in [middle + x, middle.wrapping_sub(x + 1)] {
                        if let Some(below) = pixels.get_mut(x as usize) {
                            over(below, colour, coverage);
                        }
                    }
                }
            }
        }
    }

    /// The dark rail around the disc, the track in it and how far the music is.
    fn draw_rail(&self, dy: f32, row: &mut [u8]) {
        let scene = self.scene;
        let middle = self.centre.0;
        let track = 0.5 * (self.disc + self.rail);
        let half = (scene.unit * 0.0024).max(0.6);
        annulus(row, middle, dy, self.disc, self.rail, |_| scene.rail);
        let Some(progress) = self.progress else {
            return annulus(row, middle, dy, track - half, track + half, |_| scene.track);
        };
        let (sin, cos) = (sine(progress), cosine(progress));
        annulus(row, middle, dy, track - half, track + half, |dx| {
            let before_head = dx * cos + dy * sin <= 0.0;
            let done = if progress <= 0.5 { dx >= 0.0 && before_head } else { dx >= 0.0 || before_head };
            if done { scene.progress } else { scene.track }
        });
        let head = (scene.unit * 0.0062).max(1.0);
        annulus(row, middle + sin * track, dy + cos * track, 0.0, head, |_| scene.head);
    }
}
