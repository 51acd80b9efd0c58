//! A curtain: a hem that waves, rays that stand on it, and the light of both.

use std::ops::Range;

use crate::logic::render::backdrop::light;
use crate::logic::render::field::Grid;
use crate::logic::render::look::Look;
use crate::logic::render::math::{fall, smoothstep, whole};
use crate::logic::render::noise::Line;

/// Curtains, from the furthest to the nearest.
pub const LAYERS: usize = 3;
/// Shades from below a hem to the ends of rays, and those of them that are below it.
pub const SHADES: usize = 512;
const BELOW: usize = 24;

/// Where a curtain hangs, in pixels.
pub struct Sheet {
    pub hem: f32,
    pub swing: f32,
    pub length: f32,
    /// Waves of the hem, rays and finer rays in the width of a picture.
    pub waves: f32,
    pub rays: f32,
    pub fine: f32,
    pub light: f32,
    /// How much rays lean outwards.
    pub spread: f32,
}

/// What moves a curtain.
pub struct Rays {
    pub hem: Line<16>,
    pub ripple: Line<32>,
    pub patch: Line<16>,
    pub coarse: Line<128>,
    pub fine: Line<256>,
    /// How far rays have wandered along the hem: 2³² for as many as the lines hold.
    pub drift: u32,
    pub loud: f32,
    pub hit: f32,
}

/// A column of a curtain: the hem, shades per pixel, the light, nothing.
pub type Column = [f32; 4];

/// The columns of a curtain. `part` is the level of the bands that light it at a place, in widths of a picture.
pub fn hang(sheet: &Sheet, rays: &Rays, unit: f32, part: impl Fn(f32) -> f32, beyond: f32, columns: &mut [Column]) {
    let count = columns.len() as f32;
    let drift = rays.drift as f32 / 4_294_967_296.0;
    let mut last = None;
    for (i, column) in columns.iter_mut().enumerate() {
        let x = (i as f32 + 0.5) / count * (1.0 + 2.0 * beyond) - beyond;
        let wave = rays.hem.at(x * sheet.waves) - 0.5 + 0.30 * (rays.ripple.at(x * sheet.waves * 3.1) - 0.5);
        let level = part(x);
        let hem = sheet.hem + 2.0 * sheet.swing * wave;
        // Where the curtain is seen along its folds, more of it shines on one place.
        let fold = ((hem - last.unwrap_or(hem)) * count / unit).abs();
        last = Some(hem);
        let ray =
            0.55 * rays.coarse.at(x * sheet.rays + 128.0 * drift) + 0.45 * rays.fine.at(x * sheet.fine - 256.0 * drift);
        let ray = 0.30 + 1.15 * ray * ray;
        let patch = 0.36 + 0.64 * smoothstep((rays.patch.at(x * sheet.waves * 0.9 + 5.0) - 0.16) * 1.9);
        let sound = 0.30 + 1.05 * level + 0.15 * rays.loud;
        let lit = sheet.light * ray * patch * (sound * (0.85 + 0.10 * fold.min(3.0)) + 0.85 * rays.hit);
        let length = sheet.length * (0.50 + 0.52 * level + 0.22 * ray) * (1.0 + 0.10 * rays.hit);
        *column = [hem, (SHADES - BELOW) as f32 / length.max(1.0), lit, 0.0];
    }
}

/// The heights between which a curtain shines.
pub fn extent(columns: &[Column]) -> Range<f32> {
    let ends = columns.iter().map(|&[hem, per, ..]| (hem - (SHADES - BELOW) as f32 / per, hem + BELOW as f32 / per));
    let all = ends.reduce(|all, one| (all.0.min(one.0), all.1.max(one.1)));
    all.map_or(0.0..0.0, |(top, end)| top..end)
}

/// Colours of a curtain from below its hem up, in node units and lit as it is there; the ends are dark.
pub fn shades(look: &Look, grid: Grid) -> Box<[[f32; 4]; SHADES]> {
    let mut shades = Box::new([[0.0; 4]; SHADES]);
    for (i, shade) in shades.iter_mut().enumerate() {
        let up = (i as f32 - BELOW as f32) / (SHADES - BELOW - 1) as f32;
        let lit = if up < 0.0 {
            smoothstep(i as f32 / BELOW as f32)
        } else {
            let rest = 1.0 - up;
            (0.55 * fall(up * 6.5) + 0.45 * rest * rest) * smoothstep(rest * 3.0)
        };
        let colour = light(grid, look.palette.at(0.28 + 0.72 * up.max(0.0) * (1.35 - 0.35 * up.max(0.0))));
        *shade = [colour[0] * lit, colour[1] * lit, colour[2] * lit, 0.0];
    }
    shades
}

/// Adds a curtain to a row of nodes at height `y`. The first node's foot is at column `first`, the next one's `step` on.
pub fn light_sheet(
    [first, step]: [f32; 2],
    y: f32,
    shown: f32,
    columns: &[Column],
    shades: &[[f32; 4]; SHADES],
    [red, green, blue]: &mut [&mut [f32]; 3],
) {
    let n = red.len();
    let (green, blue) = (&mut green[..n], &mut blue[..n]);
    let last = (columns.len() - 1) as f32;
    for c in 0..n {
        let at = whole((first + c as u32 as f32 * step).clamp(0.0, last));
        let [hem, per, lit, _] = columns[at];
        let shade = whole(((hem - y) * per + BELOW as f32).clamp(0.0, (SHADES - 1) as f32)) % SHADES;
        let [r, g, b, _] = shades[shade];
        let lit = lit * shown;
        red[c] += r * lit;
        green[c] += g * lit;
        blue[c] += b * lit;
    }
}
