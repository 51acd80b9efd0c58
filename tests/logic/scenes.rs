//! Every scene as a pure function: same picture from any order, thread, band or CPU, and golden digests of it.

use std::sync::Arc;

use gststeady::logic::audio::features::{Hop, HopWindow, Info};
use gststeady::logic::audio::hops::HopTime;
use gststeady::logic::audio::moment::FrameTime;
use gststeady::logic::render::canvas::Canvas;
use gststeady::logic::render::cover::Cover;
use gststeady::logic::render::look::Look;
use gststeady::logic::render::palette::{Palette, palettes};
use gststeady::logic::render::scene::{Frame, Scene, Scratch};
use gststeady::logic::render::scenes;
use proptest::prelude::*;

use crate::common::process::name_of;
use crate::hops;

const INFO: Info = Info { rate: 44_100, channels: 2, samples: 441_000, hops: 1000 };
const FPS: u32 = 30;
const TOTAL: u64 = 300;

fn made(name: &str, look: &Look) -> Box<dyn Scene> {
    let info = scenes::all().iter().find(|scene| scene.name == name).expect("a scene of the registry");
    info.prepare(look)
}

pub(crate) fn seeded(width: u32, height: u32, seed: u64) -> Look {
    let mut look = Look::new(width, height).expect("a size");
    look.seed = seed;
    look
}

pub(crate) fn frame(n: u64) -> Frame<'static> {
    Frame { n, total: Some(TOTAL), at: HopTime::of_frame(n, FPS, 1), info: &INFO }
}

pub(crate) fn time(n: u64) -> FrameTime {
    FrameTime::of_frame(n, (FPS, 1))
}

pub(crate) fn window(scene: &dyn Scene, frame: &Frame<'_>) -> HopWindow {
    // The made-up tune has no hits: the moment is the middle.
    let (first, count) = scene.reach().span(FrameTime::around(frame.at, (FPS, 1)));
    hops::window(first, count)
}

fn draw(scene: &dyn Scene, look: &Look, frame: &Frame<'_>, window: &HopWindow, scratch: &mut Scratch) -> Vec<u8> {
    let (w, h) = (look.width(), look.height());
    // Old content that a scene must not let through.
    let mut data = vec![0xa5; w as usize * h as usize * 4];
    let mut canvas = Canvas::new(&mut data, w as usize * 4, w, h).expect("memory for a picture");
    scene.render(frame, window, scratch, &mut canvas);
    data
}

pub(crate) fn picture(scene: &dyn Scene, look: &Look, n: u64) -> Vec<u8> {
    let frame = frame(n);
    draw(scene, look, &frame, &window(scene, &frame), &mut Scratch::default())
}

fn each_scene(look: &Look, mut check: impl FnMut(&str, &dyn Scene)) {
    for info in scenes::all() {
        check(info.name, &*info.prepare(look));
    }
}

#[test]
fn frames_are_the_same_forwards_backwards_shuffled_and_from_several_threads() {
    let look = Look::new(320, 180).expect("a size");
    each_scene(&look, |name, scene| {
        let frames: Vec<u64> = (0..16).map(|i| i * 7).collect();
        let mut scratch = Scratch::default();
        let mut with_one_scratch = |n: u64| {
            let frame = frame(n);
            draw(scene, &look, &frame, &window(scene, &frame), &mut scratch)
        };
        let forwards: Vec<_> = frames.iter().map(|&n| with_one_scratch(n)).collect();
        let backwards: Vec<_> = frames.iter().rev().map(|&n| with_one_scratch(n)).collect();
        assert!(forwards.iter().eq(backwards.iter().rev()), "{name}: backwards differs");
        for i in 0..frames.len() {
            let i = i * 11 % frames.len();
            assert_eq!(with_one_scratch(frames[i]), forwards[i], "{name}: shuffled frame {i} differs");
        }
        std::thread::scope(|threads| {
            for t in 0..3 {
                let (frames, forwards, look) = (&frames, &forwards, &look);
                threads.spawn(move || {
                    for i in (t..frames.len()).step_by(3) {
                        assert!(
                            picture(scene, look, frames[i]) == forwards[i],
                            "{name}: thread {t}, frame {i} differs"
                        );
                    }
                });
            }
        });
    });
}

#[test]
fn a_picture_drawn_in_bands_is_the_same_picture() {
    for (w, h) in [(320, 180), (97, 203), (1100, 620)] {
        let look = Look::new(w, h).expect("a size");
        each_scene(&look, |name, scene| {
            let frame = frame(95);
            let window = window(scene, &frame);
            let whole = draw(scene, &look, &frame, &window, &mut Scratch::default());
            for rows in [1, 7, 16, 64, 1000] {
                let mut data = vec![3; whole.len()];
                let canvas = Canvas::new(&mut data, w as usize * 4, w, h).expect("memory for a picture");
                let mut scratch = Scratch::default();
                for mut band in canvas.bands(rows) {
                    scene.render(&frame, &window, &mut scratch, &mut band);
                }
                assert!(data == whole, "{name} at {w}×{h} in bands of {rows} rows differs");
            }
        });
    }
}

#[test]
fn a_stride_changes_nothing_and_its_padding_is_zero() {
    let look = Look::new(203, 114).expect("a size");
    each_scene(&look, |name, scene| {
        let tight = picture(scene, &look, 40);
        let frame = frame(40);
        let stride = 203 * 4 + 52;
        let mut data = vec![0xee; stride * 114];
        let mut canvas = Canvas::new(&mut data, stride, 203, 114).expect("memory for a picture");
        scene.render(&frame, &window(scene, &frame), &mut Scratch::default(), &mut canvas);
        for (y, (padded, tight)) in data.chunks(stride).zip(tight.chunks(203 * 4)).enumerate() {
            assert!(padded[..203 * 4] == *tight, "{name}: row {y} differs");
            assert!(padded[203 * 4..].iter().all(|&byte| byte == 0), "{name}: the padding of row {y} is not zero");
        }
    });
}

#[test]
fn pictures_are_opaque() {
    let look = Look::new(320, 180).expect("a size");
    each_scene(&look, |name, scene| {
        let data = picture(scene, &look, 95);
        assert!(data.chunks(4).all(|pixel| pixel[3] == 255), "{name} lets something through");
    });
}

#[test]
fn every_palette_gives_another_picture() {
    let mut look = Look::new(160, 90).expect("a size");
    for info in scenes::all() {
        let mut seen = Vec::new();
        for palette in palettes() {
            look.palette = Palette::parse(palette.name, None).expect("a palette of the registry");
            let data = picture(&*made(info.name, &look), &look, 40);
            assert!(!seen.contains(&data), "{}: {} is not told apart", info.name, palette.name);
            seen.push(data);
        }
    }
}

#[test]
fn the_seed_changes_the_default_scene() {
    let look = Look::new(160, 90).expect("a size");
    let other = seeded(160, 90, 1);
    let name = scenes::all()[0].name;
    assert_ne!(picture(&*made(name, &look), &look, 40), picture(&*made(name, &other), &other, 40));
}

/// The share of pixels that differ.
fn changed(a: &[u8], b: &[u8]) -> f64 {
    let differ = a.chunks(4).zip(b.chunks(4)).filter(|(a, b)| a != b).count();
    differ as f64 / (a.len() / 4) as f64
}

/// The share of pixels that are plainly brighter than the backdrop.
fn bright(data: &[u8]) -> f64 {
    data.chunks(4).filter(|p| p[..3].iter().any(|&v| v > 40)).count() as f64 / (data.len() / 4) as f64
}

#[test]
fn silence_is_a_picture_that_moves() {
    let look = Look::new(640, 360).expect("a size");
    each_scene(&look, |name, scene| {
        let silent = |n| draw(scene, &look, &frame(n), &HopWindow::default(), &mut Scratch::default());
        let (first, second) = (silent(0), silent(60));
        assert!(bright(&first) > 0.02, "{name}: silence is nearly empty");
        assert!(changed(&first, &second) > 0.005, "{name}: silence stands still");
    });
}

#[test]
fn the_first_frame_of_music_is_alive_and_the_picture_moves_at_every_rate() {
    let look = Look::new(640, 360).expect("a size");
    each_scene(&look, |name, scene| {
        assert!(bright(&picture(scene, &look, 0)) > 0.05, "{name}: the first frame is dead");
        for fps in [24, 25, 30, 60, 120] {
            let at = |n| {
                let frame = Frame { n, total: None, at: HopTime::of_frame(n, fps, 1), info: &INFO };
                draw(scene, &look, &frame, &window(scene, &frame), &mut Scratch::default())
            };
            for n in [0, 10, 11] {
                assert!(changed(&at(n), &at(n + 1)) > 0.005, "{name}: frames {n} and {} are alike at {fps} fps", n + 1);
            }
        }
    });
}

fn extreme_hop() -> impl Strategy<Value = Hop> {
    let level = || prop_oneof![Just(0u16), Just(u16::MAX), any::<u16>()];
    let sum = || prop_oneof![Just(0u32), Just(u32::MAX), any::<u32>()];
    let wave = prop_oneof![Just(i8::MIN), Just(i8::MAX), any::<i8>()];
    (level(), level(), wave, [level(), level(), level()], [sum(), sum(), sum()]).prop_map(
        |(band, peak, wave, onsets, [travel, hue, rotation])| Hop {
            bands: std::array::from_fn(|b| if b % 2 == 0 { band } else { peak }),
            peaks: [peak; _],
            wave: [wave; _],
            side: [wave; _],
            rms: band,
            peak,
            loudness: band,
            onsets,
            attack: 0,
            travel,
            hue,
            rotation,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn no_size_and_no_sound_makes_a_scene_panic(
        (w, h) in prop_oneof![
            (16u32..400, 16u32..400),
            Just((16, 16)), Just((16, 4000)), Just((4000, 16)), Just((17, 641)), Just((1023, 577)), Just((2000, 1600)),
        ],
        hops in proptest::collection::vec(extreme_hop(), 1..4),
        start in prop_oneof![Just(0i64), Just(-5), Just(360_000_000), -1000i64..1_000_000],
        fraction: u16,
        total in prop_oneof![Just(None), Just(Some(0)), Just(Some(1)), Just(Some(u64::MAX))],
        seed: u64,
        title in prop_oneof![Just(None), Just(Some("Title".to_owned())), any::<String>().prop_map(Some)],
    ) {
        let mut look = seeded(w, h, seed);
        look.title = title;
        for info in scenes::all() {
            let scene = info.prepare(&look);
            let frame = Frame { n: start.unsigned_abs(), total, at: HopTime { hop: start, fraction }, info: &INFO };
            // The made-up tune has no hits: the moment is the middle.
    let (first, count) = scene.reach().span(FrameTime::around(frame.at, (FPS, 1)));
            let mut window = HopWindow::default();
            let filled: Result<(), ()> = window.refill(first, count, |out| {
                out.iter_mut().enumerate().for_each(|(i, out)| *out = hops[i % hops.len()]);
                Ok(())
            });
            filled.expect("filling cannot fail");
            let data = draw(&*scene, &look, &frame, &window, &mut Scratch::default());
            prop_assert!(data.chunks(4).all(|pixel| pixel[3] == 255), "{} at {}×{}", info.name, w, h);
        }
    }
}

/// Sizes of each shape and with each spacing of the nodes but the largest, odd ones among them.
const GOLDEN_SIZES: [(u32, u32); 6] = [(64, 36), (640, 360), (361, 641), (401, 400), (960, 540), (2048, 1500)];

/// A look with everything that can be written and shown.
pub(crate) fn dressed(width: u32, height: u32) -> Look {
    let mut look = seeded(width, height, 7);
    look.title = Some("Größe – Σήμα".to_owned());
    look.artist =
        Some("A rather long name of an artist, so long that it has to be cut somewhere before its end".to_owned());
    let cover = image::RgbImage::from_fn(120, 90, |x, y| image::Rgb([x as u8 * 2, y as u8 * 2, (x ^ y) as u8]));
    let mut png = std::io::Cursor::new(Vec::new());
    cover.write_to(&mut png, image::ImageFormat::Png).expect("memory takes a picture");
    look.cover = Some(Arc::new(Cover::decode(&png.into_inner()).expect("a picture just made")));
    look
}

#[test]
fn a_title_an_artist_and_a_cover_change_the_default_scene() {
    let plain = Look::new(640, 360).expect("a size");
    let dressed = dressed(640, 360);
    let name = scenes::all()[0].name;
    let pictures: Vec<_> = (0..4)
        .map(|i| {
            let mut look = plain.clone();
            match i {
                1 => look.title = dressed.title.clone(),
                2 => look.artist = dressed.artist.clone(),
                3 => look.cover = dressed.cover.clone(),
                _ => {}
            }
            picture(&*made(name, &look), &look, 40)
        })
        .collect();
    for i in 0..4 {
        assert!(!pictures[i + 1..].contains(&pictures[i]), "look {i} is not told apart");
    }
}

/// A line for each golden size of a scene, with the digest of some frames as `paint` makes them.
pub(crate) fn golden_lines(info: &scenes::SceneInfo, paint: impl Fn(&dyn Scene, &Look, u64) -> Vec<u8>) -> String {
    let line = |(w, h)| {
        let look = seeded(w, h, 7);
        let scene = info.prepare(&look);
        let mut hasher = blake3::Hasher::new();
        for n in [0, 31, 32, 150] {
            hasher.update(&paint(&*scene, &look, n));
        }
        format!("{} {w}x{h} {}\n", info.name, &hasher.finalize().to_hex()[..32])
    };
    GOLDEN_SIZES.into_iter().map(line).collect()
}

fn digests() -> String {
    let mut lines = String::new();
    for info in scenes::all() {
        lines += &golden_lines(info, picture);
        let look = dressed(640, 360);
        let digest = blake3::hash(&picture(&*info.prepare(&look), &look, 77));
        lines += &format!("{} 640x360 dressed {}\n", info.name, &digest.to_hex()[..32]);
    }
    lines
}

/// Renewed by `INSTA_UPDATE=always cargo test --test logic`, when pictures were changed on purpose.
#[test]
fn pictures_have_their_golden_digests() {
    insta::assert_snapshot!("golden", digests());
}

#[test]
fn pictures_are_the_same_without_avx2_and_fma_in_the_c_library() {
    let test = std::env::current_exe().expect("the path of this test");
    let output = std::process::Command::new(test)
        .args(["--exact", name_of(pictures_have_their_golden_digests)])
        .env("GLIBC_TUNABLES", "glibc.cpu.hwcaps=-AVX2,-FMA,-AVX512F")
        .env("INSTA_UPDATE", "no")
        .output()
        .expect("this test can be run again");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "the digests differ: {text}");
}

#[cfg(feature = "full")]
#[test]
fn pictures_are_the_same_on_older_cpus() {
    crate::emulated::passes_on_every_cpu(name_of(pictures_have_their_golden_digests));
}
