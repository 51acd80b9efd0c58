//! Crisp shapes on one row of pixels. Edges are softened by the part of a pixel that a shape covers.

use super::palette::Rgb;

/// An RGBA pixel, premultiplied.
pub type Pixel = [u8; 4];

/// An opaque pixel of a palette colour.
pub fn pixel(colour: Rgb) -> Pixel {
    let [r, g, b] = colour.map(|v| ((u32::from(v) + 128) >> 8).min(255) as u8);
    [r, g, b, 255]
}

/// Lays `colour` over a pixel, `cover` of 256 of it.
#[inline(always)]
pub fn over(below: &mut Pixel, colour: Pixel, cover: u32) {
    // 255 + 1 for a full alpha makes the shift exact at both ends.
    let keep = 256 - (((u32::from(colour[3]) + u32::from(colour[3] >> 7)) * cover) >> 8);
    for (below, colour) in below.iter_mut().zip(colour) {
        *below = ((u32::from(colour) * cover + u32::from(*below) * keep + 128) >> 8).min(255) as u8;
    }
}

/// How much of a pixel lies in a shape, of 256: `distance` in pixels from its edge, negative inside.
#[inline(always)]
pub fn cover(distance: f32) -> u32 {
    ((0.5 - distance).clamp(0.0, 1.0) * 256.0 + 0.5) as u32
}

/// The pixels from `x0` to before `x1` of a row, clipped to it.
#[inline(always)]
pub fn span(row: &mut [u8], x0: i32, x1: i32) -> &mut [Pixel] {
    let pixels = row.as_chunks_mut::<4>().0;
    let end = (x1.max(0) as usize).min(pixels.len());
    let start = (x0.max(0) as usize).min(end);
    &mut pixels[start..end]
}

/// One row of a ring between two radii, or of a disc where the inner one is 0: `dy` pixels below its centre, which is at
/// column `middle`. `colour` is asked with the distance of a pixel to the right of the centre.
#[inline]
pub fn annulus(row: &mut [u8], middle: f32, dy: f32, inner: f32, outer: f32, colour: impl Fn(f32) -> Pixel) {
    // Half the chord of a circle in this row; nothing where the circle does not reach it.
    let chord = |radius: f32| (radius.max(0.0) * radius.max(0.0) - dy * dy).max(0.0).sqrt();
    let outside = chord(outer + 0.75);
    if outside == 0.0 {
        return;
    }
    let (solid_out, solid_in) = (chord(outer - 0.75), chord(inner + 0.75));
    let inside = if inner > 0.0 { chord(inner - 0.75) } else { 0.0 };
    let mut side = |from: f32, to: f32, edge: bool| {
        // Pixels whose centres lie in from ..< to: neighbouring pieces share no pixel.
        let first = (middle + from - 0.5).ceil() as i32;
        let end = (middle + to - 0.5).ceil() as i32;
        for (below, x) in span(row, first, end).iter_mut().zip(first.max(0)..) {
            let dx = x as f32 + 0.5 - middle;
            if edge {
                let radius = (dx * dx + dy * dy).sqrt();
                let hole = if inner > 0.0 { inner - radius } else { -1.0 };
                over(below, colour(dx), cover(hole.max(radius - outer)));
            } else {
                *below = colour(dx);
            }
        }
    };
    let solid_in = if inner > 0.0 { solid_in } else { 0.0 };
    if solid_in >= solid_out {
        // A sliver: the row only touches the edges.
        side(-outside, -inside, true);
        side(inside, outside, true);
        return;
    }
    side(-outside, -solid_out, true);
    side(-solid_out, -solid_in, false);
    side(-solid_in, -inside, true);
    side(inside, solid_in, true);
    side(solid_in, solid_out, false);
    side(solid_out, outside, true);
}
