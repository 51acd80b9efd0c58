//! The ring, its glow and its echoes at the nodes of half a row: kernels over plain arrays.

use super::ring::{Ring, STEPS};
use crate::logic::render::math::{fall, whole};

/// Echoes of the ring that are on their way.
pub const ECHOES: usize = 2;
/// Colours of the ring from its inside to its edge and from its lowest to its highest band.
pub const SHADES: usize = 64;
/// Red, green and blue of shade o + b · [`SHADES`], o from the inside out, b from low to high.
pub type Shades = [[f32; SHADES * SHADES]; 3];

/// An outline of some time ago on its way out.
pub struct Echo {
    pub ring: Ring,
    pub out: f32,
    pub light: f32,
}

/// The light on half a row of nodes, from the centre outwards.
pub struct Lit<'a> {
    /// Distance from the outline.
    pub distance: &'a mut [f32],
    /// The part of the background that shows.
    pub through: &'a mut [f32],
    pub red: &'a mut [f32],
    pub green: &'a mut [f32],
    pub blue: &'a mut [f32],
}

#[derive(Clone, Copy)]
pub struct Light {
    /// All ones above the centre, where angles count from the other end.
    pub mirror: u32,
    /// Radius of the rail.
    pub rail: f32,
    /// 1/widths of the two glows and of an echo.
    pub near: f32,
    pub far: f32,
    pub echo: f32,
    /// Brightness of the glow.
    pub shine: f32,
}

/// The ring, its glow and its echoes at nodes given by distance and angle.
#[multiversion::multiversion(targets = "simd")]
pub fn light_up(
    radii: &[f32],
    angles: &[u32],
    ring: &Ring,
    [first, second]: &[Echo; ECHOES],
    light: &Light,
    shades: &Shades,
    out: Lit<'_>,
) {
    let n = out.distance.len();
    let (radii, angles) = (&radii[..n], &angles[..n]);
    let (distance, through) = (&mut out.distance[..n], &mut out.through[..n]);
    let (red, green, blue) = (&mut out.red[..n], &mut out.green[..n], &mut out.blue[..n]);
    for i in 0..n {
        let (radius, angle) = (radii[i], (angles[i] ^ light.mirror) as usize % STEPS);
        let d = (radius - ring.radius[angle]) * ring.slant[angle];
        distance[i] = d;
        let outside = d.max(0.0);
        let echo = |echo: &Echo| {
            let e = (radius - echo.ring.radius[angle] - echo.out) * echo.ring.slant[angle];
            echo.light * fall(e.abs() * light.echo)
        };
        let glow = light.shine * (0.6 * fall(outside * light.near) + 0.4 * fall(outside * light.far));
        let inside = d <= 0.0;
        through[i] = if inside { 0.12 } else { 1.0 };
        let level = if inside { 0.92 } else { glow + echo(first) + echo(second) };
        // From the rail to the outline; the glow has the colour of a place shortly before it.
        let part = ((radius - light.rail) * ring.thickness[angle]).clamp(0.0, 1.0);
        let part = if inside { part } else { 0.82 } * (SHADES - 1) as f32;
        let shade = (angle * SHADES / STEPS * SHADES + whole(part)) % (SHADES * SHADES);
        (red[i], green[i], blue[i]) = (level * shades[0][shade], level * shades[1][shade], level * shades[2][shade]);
    }
}

#[multiversion::multiversion(targets = "simd")]
pub fn lay(plane: &mut [f32], through: &[f32], colours: &[f32]) {
    for ((plane, through), colour) in plane.iter_mut().zip(through).zip(colours) {
        *plane = *plane * through + colour;
    }
}

#[multiversion::multiversion(targets = "simd")]
pub fn lay_backwards(plane: &mut [f32], through: &[f32], colours: &[f32]) {
    for ((plane, through), colour) in plane.iter_mut().rev().zip(through).zip(colours) {
        *plane = *plane * through + colour;
    }
}
