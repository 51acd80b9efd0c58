//! Pictures as encoders take them: Y′CbCr with its chroma halved in both directions, from the RGBA of a scene.
//!
//! The conversion is a fixed function of the RGBA bytes in integers, so that it has the same bytes on every CPU:
//! BT.709 in limited range (luma 16 ..= 235, chroma 16 ..= 240), the chroma sited as in MPEG-2, that is on the even
//! columns and between the rows. Each chroma sample is made from six pixels with the weights 1 2 1 across and 1 1 down:
//! from the mean of each two, one above the other, then from that of the outer ones, then from that of both; halves are
//! rounded up. At the edges the last pixel stands for what is missing. Alpha is ignored: on nothing there is no YUV.
//!
//! The colours' part of it is in `matrix`, this is what is around it: planes, tiles, and the filter for chroma.

mod matrix;

use multiversion::target::match_target;

use self::matrix::{BLUE_DIFFERENCE, LUMA, Pixel, RED_DIFFERENCE, Row};
use super::canvas::{BPP, Canvas, CanvasError, Pairs};
use super::scene::{Frame, Scene, Scratch};
use crate::logic::audio::features::HopWindow;

/// Pixels that are converted at a time: so few that what lies between the steps stays in the registers of the widest
/// vector units.
const TILE: usize = 32;
/// Bytes of the two pixels before a tile: the first chroma sample looks at one of them, and samples are made from
/// pixels two by two.
const LEAD: usize = 2 * BPP;

/// The memory of one plane: rows of samples, `stride` bytes apart.
#[derive(Debug)]
pub struct Plane<'a> {
    data: &'a mut [u8],
    stride: usize,
}

impl<'a> Plane<'a> {
    /// `rows` rows of `row` bytes each. What lies between the end of a row and the next is zeroed, so that the bytes
    /// of a buffer depend on the picture alone.
    fn new(data: &'a mut [u8], stride: usize, row: usize, rows: usize) -> Result<Self, CanvasError> {
        if stride < row {
            return Err(CanvasError::Stride { stride, row });
        }
        let needed = rows.saturating_sub(1).saturating_mul(stride).saturating_add(row);
        if data.len() < needed {
            return Err(CanvasError::Short { needed, got: data.len() });
        }
        if stride > row {
            for padded in data.chunks_mut(stride).take(rows) {
                let end = row.min(padded.len());
                padded[end..].fill(0);
            }
        }
        Ok(Self { data, stride })
    }

    fn row(&mut self, y: usize, length: usize) -> &mut [u8] {
        &mut self.data[y * self.stride..][..length]
    }
}

/// The chroma of a picture.
#[derive(Debug)]
enum Chroma<'a> {
    /// I420: a plane for Cb and one for Cr.
    Planar([Plane<'a>; 2]),
    /// NV12: one plane of pairs, Cb before Cr.
    Pairs(Plane<'a>),
}

/// A picture of `width` × `height` in YUV; chroma planes have half of both, rounded up.
#[derive(Debug)]
pub struct Picture<'a> {
    luma: Plane<'a>,
    chroma: Chroma<'a>,
    width: usize,
    height: usize,
}

impl<'a> Picture<'a> {
    /// A picture in I420: the planes of luma, Cb and Cr, and how many bytes lie between the rows of each.
    ///
    /// # Errors
    ///
    /// [`CanvasError::Stride`] when a row of a plane is longer than its stride, [`CanvasError::Short`] when a plane
    /// ends before its last row does.
    pub fn i420(planes: [&'a mut [u8]; 3], strides: [usize; 3], width: u32, height: u32) -> Result<Self, CanvasError> {
        let (width, height) = (width as usize, height as usize);
        let [luma, cb, cr] = planes;
        let half = |data, stride| Plane::new(data, stride, width.div_ceil(2), height.div_ceil(2));
        let chroma = Chroma::Planar([half(cb, strides[1])?, half(cr, strides[2])?]);
        Ok(Self { luma: Plane::new(luma, strides[0], width, height)?, chroma, width, height })
    }

    /// A picture in NV12: the planes of luma and of both kinds of chroma, and how many bytes lie between the rows of
    /// each.
    ///
    /// # Errors
    ///
    /// As of [`i420`](Self::i420).
    pub fn nv12(planes: [&'a mut [u8]; 2], strides: [usize; 2], width: u32, height: u32) -> Result<Self, CanvasError> {
        let (width, height) = (width as usize, height as usize);
        let [luma, chroma] = planes;
        let chroma = Chroma::Pairs(Plane::new(chroma, strides[1], 2 * width.div_ceil(2), height.div_ceil(2))?);
        Ok(Self { luma: Plane::new(luma, strides[0], width, height)?, chroma, width, height })
    }

    /// Draws `frame` of a scene and converts its rows two by two, as soon as they are drawn.
    pub fn paint(&mut self, scene: &dyn Scene, frame: &Frame<'_>, window: &HopWindow, scratch: &mut Scratch) {
        let (width, height) = (self.width as u32, self.height as u32);
        let mut pair = std::mem::take(&mut scratch.pair);
        pair.resize(2 * self.width * BPP, 0);
        scene.render(frame, window, scratch, &mut Canvas::in_pairs(&mut pair, width, height, self));
        scratch.pair = pair;
    }
}

impl Pairs for Picture<'_> {
    /// Takes over two rows, or the last one of an odd number.
    fn take(&mut self, y: u32, rgba: &[u8]) {
        let (width, y) = (self.width, y as usize);
        let (top, bottom) = rgba.split_at(width * BPP);
        let is_last = bottom.is_empty();
        let bottom = if is_last { top } else { bottom };
        let (rest, half) = (&mut self.luma.data[y * self.luma.stride..], width.div_ceil(2));
        let (upper, lower) = rest.split_at_mut(self.luma.stride.min(rest.len()));
        let lumas = [&mut upper[..width], if is_last { &mut [] } else { &mut lower[..width] }];
        match &mut self.chroma {
            Chroma::Planar([cb, cr]) => {
                planar([top, bottom], lumas, [cb.row(y / 2, half), cr.row(y / 2, half)]);
            }
            Chroma::Pairs(pairs) => in_pairs([top, bottom], lumas, pairs.row(y / 2, 2 * half)),
        }
    }
}

/// The mean of two bytes, halves rounded up: an instruction of every vector unit. Spelled without words of 16 bits, for
/// which the compiler would take half of a register.
#[inline(always)]
fn mean(a: u8, b: u8) -> u8 {
    (a | b) - ((a ^ b) >> 1)
}

type Half = [u8; TILE / 2];
/// The bytes of a tile and of what leads to it.
type Led = [u8; LEAD + BPP * TILE];

/// Converts two rows of RGBA, each kind of chroma to a row of its own. The lower row of luma may be left out.
fn planar(rgba: [&[u8]; 2], lumas: [&mut [u8]; 2], [cb, cr]: [&mut [u8]; 2]) {
    let whole = whole_tiles(rgba[0]) * TILE / 2;
    let ((cbs, cb_end), (crs, cr_end)) = (cb.split_at_mut(whole), cr.split_at_mut(whole));
    let mut tiles = cbs.as_chunks_mut().0.iter_mut().zip(crs.as_chunks_mut().0);
    let put = |cb: Half, cr: Half| {
        if let Some((to_cb, to_cr)) = tiles.next() {
            (*to_cb, *to_cr) = (cb, cr);
        }
    };
    let end = |cb: Half, cr: Half| {
        cb_end.copy_from_slice(&cb[..cb_end.len()]);
        cr_end.copy_from_slice(&cr[..cr_end.len()]);
    };
    convert(rgba, lumas, put, end);
}

/// Converts two rows of RGBA, their chroma to one row of pairs. The lower row of luma may be left out.
fn in_pairs(rgba: [&[u8]; 2], lumas: [&mut [u8]; 2], pairs: &mut [u8]) {
    let (tiles, end) = pairs.split_at_mut(whole_tiles(rgba[0]) * TILE);
    let mut tiles = tiles.as_chunks_mut::<TILE>().0.iter_mut();
    let pair = |to: &mut [u8], cb: Half, cr: Half| {
        for ((to, cb), cr) in to.as_chunks_mut().0.iter_mut().zip(cb).zip(cr) {
            *to = [cb, cr];
        }
    };
    let put = |cb, cr| {
        if let Some(tile) = tiles.next() {
            pair(tile, cb, cr);
        }
    };
    let end = |cb, cr| pair(end, cb, cr);
    convert(rgba, lumas, put, end);
}

/// The tiles that a row fills. With an odd pixel at its end it may have chroma for one more.
fn whole_tiles(row: &[u8]) -> usize {
    row.len() / BPP / TILE
}

/// Converts two rows. `put` is handed the chroma of each whole tile, `end` that of what is left after the last of them:
/// two closures, since one for both would copy an unknown number of bytes each time.
#[multiversion::multiversion(targets(
    "x86_64+avx2+avx512bw+avx512dq+avx512f+avx512vl+avx512vnni+bmi1+bmi2+fma+lzcnt+movbe",
    "x86_64+avx2+bmi1+bmi2+fma+lzcnt+movbe"
))]
fn convert(rgba: [&[u8]; 2], lumas: [&mut [u8]; 2], put: impl FnMut(Half, Half), end: impl FnOnce(Half, Half)) {
    // Closures, since these may use the instructions that the function around them was compiled for.
    match_target! {
        "x86_64+avx512vnni" => by_tiles(|pixels, row| matrix::avx512(pixels, row), rgba, lumas, put, end),
        "x86_64+avx2" => by_tiles(|pixels, row| matrix::avx2(pixels, row), rgba, lumas, put, end),
        _ => by_tiles(matrix::portable, rgba, lumas, put, end),
    }
}

#[inline(always)]
fn by_tiles(
    apply: impl Fn(&[Pixel; 16], Row) -> [u8; 16],
    [top, bottom]: [&[u8]; 2],
    [upper, lower]: [&mut [u8]; 2],
    mut put: impl FnMut(Half, Half),
    end: impl FnOnce(Half, Half),
) {
    let ((uppers, upper_end), (lowers, lower_end)) = (upper.as_chunks_mut(), lower.as_chunks_mut());
    let (whole, mut lowers) = (uppers.len(), lowers.iter_mut());
    for (i, upper) in uppers.iter_mut().enumerate() {
        let edge;
        let rows = match in_place(top, i).zip(in_place(bottom, i)) {
            Some(rows) => rows,
            None => {
                edge = (filled(top, i), filled(bottom, i));
                (&edge.0, &edge.1)
            }
        };
        *upper = brightness(&apply, rows.0);
        if let Some(lower) = lowers.next() {
            *lower = brightness(&apply, rows.1);
        }
        let (cb, cr) = colours(&apply, rows.0, rows.1);
        put(cb, cr);
    }
    if !upper_end.is_empty() {
        let (top, bottom) = (filled(top, whole), filled(bottom, whole));
        upper_end.copy_from_slice(&brightness(&apply, &top)[..upper_end.len()]);
        lower_end.copy_from_slice(&brightness(&apply, &bottom)[..lower_end.len()]);
        let (cb, cr) = colours(&apply, &top, &bottom);
        end(cb, cr);
    }
}

/// Tile `i` of a row where it lies, if there are two pixels before it.
#[inline(always)]
fn in_place(row: &[u8], i: usize) -> Option<&Led> {
    row.get((BPP * TILE * i).checked_sub(LEAD)?..)?.first_chunk()
}

/// Tile `i` of a row that has at least one pixel: the first stands for what is missing before it, the last for what is
/// missing after it.
#[inline(always)]
fn filled(row: &[u8], i: usize) -> Led {
    let pixels: &[Pixel] = row.as_chunks().0;
    let mut led = [0; LEAD + BPP * TILE];
    if let (0, Some(tile)) = (i, row.first_chunk::<{ BPP * TILE }>()) {
        // The first tile of nearly every row.
        let (lead, rest) = led.split_at_mut(LEAD);
        lead.as_chunks_mut().0.fill(pixels[0]);
        rest.copy_from_slice(tile);
        return led;
    }
    for (x, pixel) in led.as_chunks_mut::<BPP>().0.iter_mut().enumerate() {
        *pixel = pixels[(TILE * i + x).saturating_sub(LEAD / BPP).min(pixels.len() - 1)];
    }
    led
}

/// The luma of a tile.
#[inline(always)]
fn brightness(apply: impl Fn(&[Pixel; 16], Row) -> [u8; 16], tile: &Led) -> [u8; TILE] {
    let pixels = tile[LEAD..].as_chunks().0.as_chunks().0;
    bytemuck::cast([apply(&pixels[0], LUMA), apply(&pixels[1], LUMA)])
}

/// The chroma of two tiles, one above the other.
#[inline(always)]
fn colours(apply: impl Fn(&[Pixel; 16], Row) -> [u8; 16], top: &Led, bottom: &Led) -> (Half, Half) {
    let pixels = halved(top, bottom);
    (apply(&pixels, BLUE_DIFFERENCE), apply(&pixels, RED_DIFFERENCE))
}

/// The pixels that chroma is made from. What is wanted are the even ones of the filtered rows, so bytes are taken in
/// eights: an even pixel and the odd one after it.
#[inline(always)]
fn halved(top: &Led, bottom: &Led) -> [Pixel; TILE / 2] {
    let means: [u8; BPP * TILE] = std::array::from_fn(|i| mean(top[LEAD + i], bottom[LEAD + i]));
    let before: [u8; BPP * TILE] = std::array::from_fn(|i| mean(top[i], bottom[i]));
    let outer: [u8; BPP * TILE] = std::array::from_fn(|i| mean(before[i], means[i]));
    let outer: [[u8; 2 * BPP]; TILE / 2] = bytemuck::cast(outer);
    let outer: [[u8; 2 * BPP]; TILE / 2] = outer.map(|pair| (u64::from_le_bytes(pair) >> 32).to_le_bytes());
    let outer: [u8; BPP * TILE] = bytemuck::cast(outer);
    let filtered: [u8; BPP * TILE] = std::array::from_fn(|i| mean(means[i], outer[i]));
    let filtered: [[u8; 2 * BPP]; TILE / 2] = bytemuck::cast(filtered);
    filtered.map(|pair| (u64::from_le_bytes(pair) as u32).to_le_bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition, pixel by pixel: the luma of each, and for each square of four its Cb and Cr.
    fn defined(rgba: &[u8], width: usize) -> (Vec<u8>, Vec<[u8; 2]>) {
        let height = rgba.len() / (4 * width);
        let at = |x: usize, y: usize| &rgba[(y.min(height - 1) * width + x.min(width - 1)) * 4..][..3];
        let level = |row: Row, rgb: [u32; 3]| {
            let sum: i32 = rgb.into_iter().zip(row.parts).map(|(v, part)| v as i32 * i32::from(part)).sum();
            ((sum + row.offset) >> 15) as u8
        };
        let luma = |x, y| level(LUMA, [0, 1, 2].map(|c| at(x, y)[c].into()));
        let chroma = |x: usize, y: usize| {
            let rgb = [0, 1, 2].map(|c| {
                let mean = |a: u32, b: u32| (a + b).div_ceil(2);
                let column = |x: usize| mean(at(x, y)[c].into(), at(x, y + 1)[c].into());
                mean(column(x), mean(column(x.saturating_sub(1)), column(x + 1)))
            });
            [level(BLUE_DIFFERENCE, rgb), level(RED_DIFFERENCE, rgb)]
        };
        let lumas = (0..height).flat_map(|y| (0..width).map(move |x| luma(x, y))).collect();
        let chromas = (0..height).step_by(2).flat_map(|y| (0..width).step_by(2).map(move |x| chroma(x, y))).collect();
        (lumas, chromas)
    }

    /// Both formats of the same pixels: luma, Cb, Cr, and luma, pairs.
    fn converted(rgba: &[u8], width: usize) -> ([Vec<u8>; 3], [Vec<u8>; 2]) {
        let height = rgba.len() / (4 * width);
        let (w, h) = (width.div_ceil(2), height.div_ceil(2));
        let [mut y, mut cb, mut cr] = [width * height, w * h, w * h].map(|size| vec![0xa5; size]);
        let [mut y2, mut pairs] = [width * height, 2 * w * h].map(|size| vec![0x5a; size]);
        let mut planar = Picture::i420([&mut y, &mut cb, &mut cr], [width, w, w], width as u32, height as u32).unwrap();
        let mut paired = Picture::nv12([&mut y2, &mut pairs], [width, 2 * w], width as u32, height as u32).unwrap();
        for (i, pair) in rgba.chunks(4 * width * 2).enumerate() {
            planar.take(2 * i as u32, pair);
            paired.take(2 * i as u32, pair);
        }
        ([y, cb, cr], [y2, pairs])
    }

    #[track_caller]
    fn is_as_defined(rgba: &[u8], width: usize) {
        let (luma, chroma) = defined(rgba, width);
        let ([y, cb, cr], [y2, pairs]) = converted(rgba, width);
        assert!(y == luma && y2 == luma, "luma at a width of {width}");
        assert!(cb.into_iter().zip(cr).map(|(cb, cr)| [cb, cr]).eq(chroma.iter().copied()), "chroma of {width} planar");
        assert!(pairs == chroma.concat(), "chroma of {width} in pairs");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

        #[test]
        fn every_size_is_converted_as_defined(
            width in 1usize..400, height in 1usize..9, seed: u32, extreme: bool,
        ) {
            let mut state = seed | 1;
            let rgba: Vec<u8> = std::iter::repeat_with(|| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                if extreme { [0, 255][(state >> 31) as usize] } else { (state >> 24) as u8 }
            }).take(width * height * 4).collect();
            is_as_defined(&rgba, width);
        }
    }

    #[test]
    fn rows_end_anywhere_in_a_tile() {
        for width in 1..=2 * TILE + 1 {
            let rgba: Vec<u8> = (0..3 * width * 4).map(|i| (i * i + i / 7) as u8).collect();
            is_as_defined(&rgba, width);
        }
    }

    /// BT.709 (2015), items 3.2 to 4.6, of one colour in 0 ..= 255: Y′, Cb and Cr before they are rounded.
    fn bt709([r, g, b]: [f64; 3]) -> [f64; 3] {
        let y = 0.2126 * r + 0.7152 * g + 0.0722 * b;
        let (cb, cr) = ((b - y) / 1.8556, (r - y) / 1.5748);
        [16.0 + 219.0 / 255.0 * y, 128.0 + 224.0 / 255.0 * cb, 128.0 + 224.0 / 255.0 * cr]
    }

    #[test]
    fn every_colour_is_within_a_hair_of_half_a_level_of_bt_709() {
        // 52³ colours, with all corners and edges of the cube, each as a picture of one colour.
        let values: Vec<u8> = (0..=255).step_by(5).collect();
        let mut worst: f64 = 0.0;
        for &r in &values {
            for &g in &values {
                // Four pixels of each, so that the chroma of the third sees no other.
                let rgba: Vec<u8> = values.iter().flat_map(|&b| [r, g, b, 0].repeat(4)).collect();
                let ([y, cb, cr], _) = converted(&rgba, 4 * values.len());
                for (i, &b) in values.iter().enumerate() {
                    let got = [y[4 * i], cb[2 * i + 1], cr[2 * i + 1]].map(f64::from);
                    let want = bt709([r, g, b].map(f64::from));
                    worst = got.iter().zip(want).map(|(got, want)| (got - want).abs()).fold(worst, f64::max);
                }
            }
        }
        assert!(worst < 0.506, "{worst} levels off");
    }

    #[test]
    fn greys_have_no_chroma_and_black_and_white_are_the_ends_of_the_range() {
        let grey = |v: u8| {
            let ([y, cb, cr], _) = converted(&[v, v, v, 255].repeat(16), 4);
            assert!(cb.iter().chain(&cr).all(|&v| v == 128), "{v}: {cb:?} {cr:?}");
            assert!(y.iter().all(|&other| other == y[0]));
            y[0]
        };
        let greys: Vec<u8> = (0..=255).map(grey).collect();
        assert!(greys.is_sorted());
        assert_eq!((greys[0], greys[255]), (16, 235));
    }

    #[test]
    fn chroma_is_filtered_for_the_even_columns_and_between_the_rows() {
        // A blue pixel in column 4 is seen by the chroma of column 4 alone, one in column 5 by those of 4 and 6 alike.
        let seen = |x: usize, y: usize| {
            let mut rgba = [0, 0, 0, 255].repeat(10 * 4);
            rgba[(y * 10 + x) * 4 + 2] = 255;
            let ([_, cb, _], _) = converted(&rgba, 10);
            cb.iter().map(|&v| v - 128).collect::<Vec<_>>()
        };
        assert_eq!(seen(4, 1), [0, 0, 28, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(seen(5, 0), [0, 0, 14, 14, 0, 0, 0, 0, 0, 0]);
        assert_eq!(seen(5, 2), [0, 0, 0, 0, 0, 0, 0, 14, 14, 0]);
    }

    #[test]
    fn planes_that_are_too_small_are_refused_and_padding_is_zeroed() {
        let [mut y, mut cb, mut cr] = [[9u8; 24]; 3];
        let mut refused = |strides| Picture::i420([&mut y, &mut cb, &mut cr], strides, 5, 3).err();
        assert_eq!(refused([4, 3, 3]), Some(CanvasError::Stride { stride: 4, row: 5 }));
        assert_eq!(refused([5, 3, 2]), Some(CanvasError::Stride { stride: 2, row: 3 }));
        assert_eq!(refused([10, 3, 3]), Some(CanvasError::Short { needed: 25, got: 24 }));
        assert_eq!(refused([5, 22, 3]), Some(CanvasError::Short { needed: 25, got: 24 }));
        assert_eq!(refused([8, 4, 4]), None);
        assert_eq!([y[5], y[7], y[8], y[23], cb[3], cb[2]], [0, 0, 9, 0, 0, 9]);
        assert!(Picture::nv12([&mut y, &mut cb], [8, 5], 5, 3).is_err());
        assert!(Picture::nv12([&mut y, &mut cb], [8, 6], 5, 3).is_ok());
    }
}
