//! Where the nodes of a grid lie around a centre: distance and angle, worked out once for a look.
//!
//! A quarter is kept: the others are its mirror images. Distances are measured in an ellipse's radii.

use super::field::Grid;

/// Steps of angle in a whole turn, from the right downwards.
pub const TURN: usize = 4096;
const QUARTER: usize = TURN / 4;

pub struct Polar {
    /// The centre's column and row of nodes.
    centre: (usize, usize),
    /// Columns in a row of the quarter.
    columns: usize,
    radii: Vec<f32>,
    angles: Vec<u16>,
}

impl Polar {
    /// Around the node nearest to (`x`, `y`), where the ellipse with these radii has distance 1; all in pixels.
    pub fn new(grid: Grid, (x, y): (f32, f32), (across, up): (f32, f32)) -> Self {
        let cell = grid.cell() as f32;
        let near = |at: f32, count: usize| ((at / cell + 0.5).max(0.0) as usize).min(count - 1);
        let centre = (near(x, grid.columns()), near(y, grid.rows()));
        let columns = centre.0.max(grid.columns() - 1 - centre.0) + 1;
        let rows = centre.1.max(grid.rows() - 1 - centre.1) + 1;
        let (across, up) = (across.max(1.0), up.max(1.0));
        let at = |i: usize| ((i % columns) as f32 * cell / across, (i / columns) as f32 * cell / up);
        let count = columns * rows;
        let angle = |(x, y): (f32, f32)| libm::atan2f(y, x) / std::f32::consts::FRAC_PI_2;
        Self {
            centre,
            columns,
            radii: (0..count).map(at).map(|(x, y)| (x * x + y * y).sqrt()).collect(),
            angles: (0..count)
                .map(|i| (angle(at(i)) * QUARTER as f32 + 0.5).clamp(0.0, QUARTER as f32) as u16)
                .collect(),
        }
    }

    /// The centre in pixels.
    pub fn centre(&self, grid: Grid) -> (f32, f32) {
        let pixels = |node: usize| (node as u32 * grid.cell()) as f32;
        (pixels(self.centre.0), pixels(self.centre.1))
    }

    /// Distance and angle of each node in row `r` of the grid.
    pub fn row(&self, r: usize, radii: &mut [f32], angles: &mut [u32]) {
        let start = r.abs_diff(self.centre.1) * self.columns;
        let (stored, turned) = (&self.radii[start..], &self.angles[start..]);
        let lower = r >= self.centre.1;
        let middle = self.centre.0;
        let (left, right) = radii.split_at_mut(middle);
        right.copy_from_slice(&stored[..right.len()]);
        left.iter_mut().rev().zip(&stored[1..]).for_each(|(out, &radius)| *out = radius);
        let (left, right) = angles.split_at_mut(middle);
        let turn = TURN as u32;
        for (out, &angle) in right.iter_mut().zip(turned) {
            let angle = u32::from(angle);
            *out = if lower { angle } else { (turn - angle) % turn };
        }
        for (out, &angle) in left.iter_mut().rev().zip(&turned[1..]) {
            let angle = u32::from(angle);
            *out = if lower { turn / 2 - angle } else { turn / 2 + angle };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::render::look::Look;

    #[test]
    fn distances_and_angles_are_those_of_each_node() {
        let grid = Grid::of(&Look::new(641, 400).unwrap());
        let polar = Polar::new(grid, (300.0, 170.0), (200.0, 100.0));
        let (x, y) = polar.centre(grid);
        let (mut radii, mut angles) = (vec![0.0; grid.columns()], vec![0; grid.columns()]);
        for r in 0..grid.rows() {
            polar.row(r, &mut radii, &mut angles);
            for c in 0..grid.columns() {
                let (dx, dy) =
                    (((c as u32 * grid.cell()) as f32 - x) / 200.0, ((r as u32 * grid.cell()) as f32 - y) / 100.0);
                assert!((radii[c] - (dx * dx + dy * dy).sqrt()).abs() < 1e-5, "({c}, {r})");
                let want = libm::atan2f(dy, dx) / std::f32::consts::TAU * TURN as f32;
                let off = (angles[c] as f32 - want).rem_euclid(TURN as f32);
                assert!(
                    (angles[c] as usize) < TURN && (radii[c] == 0.0 || off.min(TURN as f32 - off) <= 0.51),
                    "({c}, {r}): {off}"
                );
            }
        }
    }
}
