//! How much of a picture a scene fills, in each shape of picture, and what may not touch what.
//!
//! The subject is what dense sound makes of the picture: the pixels that differ plainly from the same frame in silence.

use gststeady::logic::audio::features::{Hop, HopWindow};
use gststeady::logic::render::canvas::Canvas;
use gststeady::logic::render::look::Look;
use gststeady::logic::render::scene::{Scene, Scratch};
use gststeady::logic::render::scenes::{self, SceneInfo};

use crate::hops::{level, noise};
use crate::scenes::{dressed, frame, time};

/// Frames of which the subject is the union.
const FRAMES: [u64; 5] = [60, 67, 75, 82, 90];

/// Hop `h` of a dense sound: every band moves between 0.3 and 0.95, a twelfth of them stands at 0.9 or more.
fn dense(h: i64) -> Hop {
    let bands = std::array::from_fn(|b| level(0.3 + 0.65 * noise((h.div_euclid(6) * 64 + b as i64) as u64)));
    let wave: [i8; _] = std::array::from_fn(|i| {
        let t = (h * Hop::SILENCE.wave.len() as i64 + i as i64) as f32;
        let saw = |period: f32| (t / period).fract() * 2.0 - 1.0;
        (100.0 * (0.62 * saw(100.0) + 0.38 * saw(36.0))) as i8
    });
    Hop {
        bands,
        peaks: bands,
        wave,
        side: wave.map(|v| v / 3),
        rms: level(0.6),
        peak: level(0.9),
        loudness: level(0.8),
        // Something strikes four times a second.
        onsets: [level(0.6 - 0.2 * h.rem_euclid(24) as f32 / 24.0); 3],
        ..Hop::SILENCE
    }
}

fn window(scene: &dyn Scene, n: u64) -> HopWindow {
    let (first, count) = scene.reach().span(time(n));
    let mut window = HopWindow::default();
    let filled: Result<(), ()> = window.refill(first, count, |hops| {
        hops.iter_mut().zip(first..).for_each(|(hop, h)| *hop = dense(h));
        Ok(())
    });
    filled.expect("filling cannot fail");
    window
}

fn picture(scene: &dyn Scene, look: &Look, n: u64, window: &HopWindow) -> Vec<u8> {
    let (w, h) = (look.width(), look.height());
    let mut data = vec![0; w as usize * h as usize * 4];
    let mut canvas = Canvas::new(&mut data, w as usize * 4, w, h).expect("memory for a picture");
    scene.render(&frame(n), window, &mut Scratch::default(), &mut canvas);
    data
}

/// The smallest box around something, in pixels: from `left`, `top` to before `right`, `bottom`.
#[derive(Debug, Clone, Copy)]
struct Extent {
    left: u32,
    top: u32,
    right: u32,
    bottom: u32,
}

impl Extent {
    /// Of the pixels that differ by more than `least` in some channel, if there are any.
    fn of_difference(look: &Look, a: &[u8], b: &[u8], least: u8) -> Option<Self> {
        let differ = |(a, b): (&[u8], &[u8])| a.iter().zip(b).any(|(a, b)| a.abs_diff(*b) > least);
        let pixels = a.chunks(4).zip(b.chunks(4)).zip(0..).filter(|&(pair, _)| differ(pair));
        pixels
            .map(|(_, i): (_, u32)| (i % look.width(), i / look.width()))
            .fold(None, |all, (x, y)| Some(Self { left: x, top: y, right: x + 1, bottom: y + 1 }.with(all)))
    }

    fn with(self, other: Option<Self>) -> Self {
        other.map_or(self, |other| Self {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        })
    }

    /// Width and height as parts of the picture's.
    fn share(self, look: &Look) -> (f64, f64) {
        let part = |from: u32, to: u32, of: u32| f64::from(to - from) / f64::from(of);
        (part(self.left, self.right, look.width()), part(self.top, self.bottom, look.height()))
    }
}

/// What differs by more than `least`: 16 takes in most of the glow, 48 what is crisp and little else.
fn subject(info: &SceneInfo, look: &Look, least: u8) -> Extent {
    let scene = info.prepare(look);
    let of_frame = |&n: &u64| {
        let loud = picture(&*scene, look, n, &window(&*scene, n));
        Extent::of_difference(look, &loud, &picture(&*scene, look, n, &HopWindow::default()), least)
    };
    let frames = FRAMES.iter().filter_map(of_frame);
    frames.reduce(|all, extent| extent.with(Some(all))).expect("sound changes the picture")
}

/// Without anything, with a title and an artist, and with a cover too.
fn looks(w: u32, h: u32) -> [(&'static str, Look); 3] {
    let plain = Look::new(w, h).expect("a size");
    let covered = dressed(w, h);
    let mut titled = covered.clone();
    titled.cover = None;
    [("plain", plain), ("titled", titled), ("with a cover", covered)]
}

/// A failure for each scene and look whose subject spans less than that part of the width and height.
fn too_small(sizes: &[(u32, u32)], least: impl Fn(&str) -> (f64, f64)) -> String {
    let mut failures = String::new();
    for &(w, h) in sizes {
        for (dress, look) in looks(w, h) {
            for info in scenes::all() {
                let (across, up) = subject(info, &look, 16).share(&look);
                let least = least(info.name);
                if across < least.0 || up < least.1 {
                    failures += &format!(
                        "{} {w}×{h} {dress}: {across:.3} of the width, {up:.3} of the height, wanted {least:?}\n",
                        info.name
                    );
                }
            }
        }
    }
    failures
}

#[test]
fn in_a_tall_picture_the_subject_fills_the_width_and_about_half_of_the_height() {
    let failures = too_small(&[(270, 480), (360, 640)], |_| (0.90, 0.45));
    assert!(failures.is_empty(), "\n{failures}");
}

#[test]
fn in_a_square_picture_the_subject_fills_most_of_both() {
    let failures = too_small(&[(270, 270)], |name| if name == "cover-pulse" { (0.70, 0.60) } else { (0.85, 0.60) });
    assert!(failures.is_empty(), "\n{failures}");
}

#[test]
fn in_a_wide_picture_the_subject_fills_most_of_the_height() {
    // A circle and a voice stay in the middle.
    let across = |name: &str| match name {
        "cover-pulse" => 0.38,
        "podcast-bars" => 0.65,
        "stem-dots" => 0.80,
        _ => 0.85,
    };
    let failures = too_small(&[(480, 270)], |name| (across(name), 0.50));
    assert!(failures.is_empty(), "\n{failures}");
}

#[test]
fn subject_text_and_progress_bar_keep_clear_of_each_other() {
    for (w, h) in [(480, 270), (270, 270), (270, 338), (270, 360), (270, 480), (64, 480)] {
        let mut written = 0;
        for (dress, look) in looks(w, h) {
            for info in scenes::all() {
                let what = format!("{} {w}×{h} {dress}", info.name);
                let subject = subject(info, &look, 48);
                let silent = |look: &Look| picture(&*info.prepare(look), look, 60, &HopWindow::default());
                let (mut other, mut barred) = (look.clone(), look.clone());
                barred.progress_bar = true;
                let bar = Extent::of_difference(&look, &silent(&look), &silent(&barred), 2).expect("a progress bar");
                let margin = 0.04 * f64::from(w.min(h));
                assert!(f64::from(subject.top) >= margin, "{what}: {subject:?} runs into the upper edge");
                assert!(subject.bottom <= bar.top, "{what}: {subject:?} runs into the progress bar, {bar:?}");
                other.title = look.title.as_ref().map(|_| "Ågjpqy|".to_owned());
                other.artist = look.artist.as_ref().map(|_| "Something else".to_owned());
                let Some(text) = Extent::of_difference(&look, &silent(&look), &silent(&other), 8) else { continue };
                written += 1;
                assert!(subject.bottom <= text.top, "{what}: {subject:?} runs into the text, {text:?}");
                assert!(text.bottom < bar.top, "{what}: the text, {text:?}, runs into the progress bar, {bar:?}");
                assert!(f64::from(text.left) >= margin, "{what}: the text, {text:?}, leaves the margin");
            }
        }
        assert_eq!(written, 6, "scenes that write a title, {w}×{h}");
    }
}
