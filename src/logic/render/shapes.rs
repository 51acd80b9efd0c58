//! Crisp shapes on one row of pixels. Edges are softened by the part of a pixel that a shape covers.

use super::colour::Rgb;

/// An RGBA pixel, premultiplied.
pub type Pixel = [u8; 4];

/// An opaque pixel of a palette colour.
pub fn pixel(colour: Rgb) -> Pixel {
    let [r, g, b] = colour.map(|v| ((u32::from(v) + 128) >> 8).min(255) as u8);
    [r, g, b, 255]
}

/// Lays an opaque `colour` over a pixel, `coverage` of 256 of it.
#[inline(always)]
pub fn over(below: &mut Pixel, colour: Pixel, coverage: u32) {
    // Two channels at a time, in the halves of a word: no sum passes 2¹⁶.
    const LANES: u32 = 0x00ff_00ff;
    let (colour, old) = (u32::from_le_bytes(colour), u32::from_le_bytes(*below));
    let mix = |colour: u32, old: u32| {
        (((colour & LANES) * coverage + (old & LANES) * (256 - coverage) + 0x0080_0080) >> 8) & LANES
    };
    *below = (mix(colour, old) | (mix(colour >> 8, old >> 8) << 8)).to_le_bytes();
}

/// Lays an opaque `colour` over many pixels, `coverage` of 256 of it.
#[inline(always)]
pub fn over_all(pixels: &mut [Pixel], colour: Pixel, coverage: u32) {
    let (coverage, keep) = (coverage as u16, 256 - coverage as u16);
    let one = |below: &mut u8, colour: u8| {
        *below = ((u16::from(*below) * keep + u16::from(colour) * coverage + 128) >> 8) as u8;
    };
    let colours: [u8; 16] = std::array::from_fn(|i| colour[i % 4]);
    let (blocks, rest) = pixels.as_flattened_mut().as_chunks_mut::<16>();
    for below in blocks {
        below.iter_mut().zip(colours).for_each(|(below, colour)| one(below, colour));
    }
    rest.iter_mut().zip(colours).for_each(|(below, colour)| one(below, colour));
}

/// The part of a pixel that a shape covers, of 256: `distance` in pixels from its edge, negative inside.
#[inline(always)]
pub fn coverage(distance: f32) -> u32 {
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
    // Pixels whose centres lie in from ..< to: neighbouring pieces share no pixel.
    let piece = |from: f32, to: f32| {
        let (first, end) = ((middle + from - 0.5).ceil() as i32, (middle + to - 0.5).ceil() as i32);
        (first, end, first.max(0) as f32 + 0.5 - middle)
    };
    // Near a circle, r − R is (r² − R²) / 2R.
    let (per_inner, per_outer) = (0.5 / inner.max(0.5), 0.5 / outer.max(0.5));
    let side = |row: &mut [u8], from: f32, to: f32, edge: bool| {
        let (first, end, left) = piece(from, to);
        let pixels = span(row, first, end).iter_mut().enumerate();
        if edge {
            for (i, below) in pixels {
                let dx = left + i as u32 as f32;
                let square = dx * dx + dy * dy;
                let hole = if inner > 0.0 { (inner * inner - square) * per_inner } else { -1.0 };
                over(below, colour(dx), coverage(hole.max((square - outer * outer) * per_outer)));
            }
        } else {
            for (i, below) in pixels {
                *below = colour(left + i as u32 as f32);
            }
        }
    };
    let solid_in = if inner > 0.0 { solid_in } else { 0.0 };
    if solid_in >= solid_out {
        // A sliver: the row only touches the edges.
        side(row, -outside, -inside, true);
        side(row, inside, outside, true);
        return;
    }
    side(row, -outside, -solid_out, true);
    side(row, -solid_out, -solid_in, false);
    side(row, -solid_in, -inside, true);
    side(row, inside, solid_in, true);
    side(row, solid_in, solid_out, false);
    side(row, solid_out, outside, true);
}
