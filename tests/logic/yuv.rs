//! I420 and NV12: the bytes of the RGBA picture by a fixed formula, the same on every CPU, and golden digests of them.

use gststeady::logic::render::look::Look;
use gststeady::logic::render::scene::{Scene, Scratch};
use gststeady::logic::render::scenes;
use gststeady::logic::render::yuv::Picture;

#[cfg(feature = "full")]
use crate::common::process::name_of;
use crate::scenes::{dressed, frame, golden_lines, picture, window};

/// The planes of frame `n`, one after the other: luma, Cb, Cr, or luma, pairs.
fn painted(scene: &dyn Scene, look: &Look, n: u64, in_pairs: bool) -> Vec<u8> {
    let (width, height) = (look.width() as usize, look.height() as usize);
    let (w, h) = (width.div_ceil(2), height.div_ceil(2));
    let mut bytes = vec![0xa5; width * height + 2 * w * h];
    let (luma, chroma) = bytes.split_at_mut(width * height);
    let picture = if in_pairs {
        Picture::nv12([luma, chroma], [width, 2 * w], look.width(), look.height())
    } else {
        let (cb, cr) = chroma.split_at_mut(w * h);
        Picture::i420([luma, cb, cr], [width, w, w], look.width(), look.height())
    };
    let frame = frame(n);
    picture.expect("memory for a picture").paint(scene, &frame, &window(scene, &frame), &mut Scratch::default());
    bytes
}

/// What the documentation promises, spelled out once more: the planes of I420 from rows of RGBA.
fn promised(rgba: &[u8], width: usize) -> Vec<u8> {
    let height = rgba.len() / (4 * width);
    let at = |x: usize, y: usize, c: usize| u32::from(rgba[(y.min(height - 1) * width + x.min(width - 1)) * 4 + c]);
    let sum = |parts: [i32; 3], zero: i32, value: &dyn Fn(usize) -> u32| -> u8 {
        let sum: i32 = (0..3).map(|c| parts[c] * value(c) as i32).sum();
        ((sum + zero * 32_768 + 16_384) >> 15) as u8
    };
    let luma = |x: usize, y: usize| sum([5_983, 20_127, 2_032], 16, &|c| at(x, y, c));
    let chroma = |x: usize, y: usize, parts: [i32; 3]| {
        sum(parts, 128, &|c| {
            let mean = |a: u32, b: u32| (a + b).div_ceil(2);
            let column = |x: usize| mean(at(x, y, c), at(x, y + 1, c));
            mean(column(x), mean(column(x.saturating_sub(1)), column(x + 1)))
        })
    };
    let mut planes: Vec<u8> = (0..height).flat_map(|y| (0..width).map(move |x| luma(x, y))).collect();
    for parts in [[-3_298, -11_094, 14_392], [14_392, -13_072, -1_320]] {
        let rows = (0..height).step_by(2);
        planes.extend(rows.flat_map(|y| (0..width).step_by(2).map(move |x| chroma(x, y, parts))));
    }
    planes
}

#[test]
fn i420_is_a_fixed_function_of_the_rgba_bytes_and_nv12_has_the_same_samples() {
    for (w, h) in [(320, 180), (361, 641), (97, 203), (16, 17)] {
        let mut look = dressed(w, h);
        look.progress_bar = true;
        for info in scenes::all() {
            let scene = info.prepare(&look);
            let i420 = painted(&*scene, &look, 95, false);
            assert!(i420 == promised(&picture(&*scene, &look, 95), w as usize), "{} at {w}×{h}", info.name);
            let (luma, chroma) = i420.split_at((w * h) as usize);
            let (cb, cr) = chroma.split_at(chroma.len() / 2);
            let pairs: Vec<u8> = cb.iter().zip(cr).flat_map(|(&cb, &cr)| [cb, cr]).collect();
            assert!(painted(&*scene, &look, 95, true) == [luma, &pairs].concat(), "{} in pairs", info.name);
        }
    }
}

/// Renewed by `INSTA_UPDATE=always cargo test --test logic`, when pictures were changed on purpose.
#[test]
fn pictures_in_i420_have_their_golden_digests() {
    let i420 = |scene: &dyn Scene, look: &Look, n| painted(scene, look, n, false);
    let lines: String = scenes::all().iter().map(|info| golden_lines(info, i420)).collect();
    insta::assert_snapshot!("golden", lines);
}

#[cfg(feature = "full")]
#[test]
fn pictures_in_i420_are_the_same_on_older_cpus() {
    crate::emulated::passes_on_every_cpu(name_of(pictures_in_i420_have_their_golden_digests));
}
