//! A hit is seen on its own frame: nowhere does the picture become brighter by more than on the frame that the hit falls into.

use std::ops::ControlFlow;

use gststeady::logic::audio::analyze::Analyzer;
use gststeady::logic::audio::features::HopWindow;
use gststeady::logic::audio::moment::FrameTime;
use gststeady::logic::audio::options::{Analysis, Normalize, Options};
use gststeady::logic::audio::scratch;
use gststeady::logic::audio::timeline::Timeline;
use gststeady::logic::render::canvas::Canvas;
use gststeady::logic::render::look::Look;
use gststeady::logic::render::scene::{Frame, Scene, Scratch};
use gststeady::logic::render::scenes;

const RATE: u32 = 48_000;
const PHASES: u64 = 16;
/// A hit this near to the edge of a frame, in seconds, may be seen on either side: attacks are known to half a millisecond.
const EDGE: f64 = 0.001;
const FPS: [u32; 3] = [24, 30, 60];
const SIZE: (u32, u32) = (160, 90);

/// The frame of each hit, and its sample.
fn hits(fps: u32) -> Vec<(u64, u64)> {
    let hit = |phase: u64| {
        let frame = u64::from(fps) * (phase + 1);
        let part = (phase as f64 + 0.5) / PHASES as f64;
        (frame, ((frame as f64 + part) * f64::from(RATE) / f64::from(fps)) as u64, part / f64::from(fps))
    };
    let inside = |&(.., part): &(u64, u64, f64)| part >= EDGE && part <= 1.0 / f64::from(fps) - EDGE;
    (0..PHASES).map(hit).filter(inside).map(|(frame, sample, _)| (frame, sample)).collect()
}

/// A click a second, over silence or over something quiet that goes on.
fn clicks(fps: u32, bed: f32) -> Vec<f32> {
    let mut noise = 1u32;
    let mut samples: Vec<f32> = (0..u64::from(RATE) * (PHASES + 2))
        .map(|i| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let hiss = (noise >> 8) as f32 / (1 << 23) as f32 - 1.0;
            let tone = |hz: f64| libm::sin(std::f64::consts::TAU * hz * i as f64 / f64::from(RATE)) as f32;
            bed * (tone(65.0) + tone(220.0) + tone(277.0) + tone(880.0) + 0.1 * hiss)
        })
        .collect();
    for (_, hit) in hits(fps) {
        // Two milliseconds that die away, as of a stick.
        for (i, sample) in samples[hit as usize..hit as usize + 96].iter_mut().enumerate() {
            *sample += 0.8 * (1.0 - i as f32 / 96.0) * if i % 2 == 0 { 1.0 } else { -0.4 };
        }
    }
    samples
}

fn analyze(samples: &[f32], options: Options) -> Timeline {
    let mut analyzer = Analyzer::new(RATE, 1, scratch::unlinked().unwrap()).unwrap().with(options);
    analyzer.push(samples).unwrap();
    analyzer.finish(&mut |_| ControlFlow::Continue(())).unwrap().unwrap()
}

/// The mean brightness of each of these frames, 0 to 255.
fn brightness(timeline: &Timeline, scene: &dyn Scene, fps: u32, frames: impl Iterator<Item = u64>) -> Vec<f64> {
    let (w, h) = SIZE;
    let (mut window, mut records, mut scratch): (HopWindow, Vec<u8>, Scratch) = Default::default();
    let mut pixels = vec![0; (w * h * 4) as usize];
    let draw = |n| {
        let time = FrameTime::of_frame(n, (fps, 1));
        let (first, count) = scene.reach().span(time);
        timeline.read(first, count, &mut window, &mut records).unwrap();
        let frame = Frame { n, total: None, at: time.moment(&window), info: timeline.info() };
        let mut canvas = Canvas::new(&mut pixels, w as usize * 4, w, h).unwrap();
        scene.render(&frame, &window, &mut scratch, &mut canvas);
        let pixels = pixels.as_chunks().0.iter();
        let luma = pixels.map(|&[r, g, b, _]| 54 * u64::from(r) + 183 * u64::from(g) + 19 * u64::from(b));
        luma.sum::<u64>() as f64 / f64::from(256 * w * h)
    };
    frames.map(draw).collect()
}

fn check(options: Options) {
    let mut elsewhere = Vec::new();
    for fps in FPS {
        for bed in [0.0, 0.01] {
            let timeline = analyze(&clicks(fps, bed), options);
            for scene in scenes::all() {
                let drawn = scene.prepare(&Look::new(SIZE.0, SIZE.1).unwrap());
                for (frame, _) in hits(fps) {
                    // From a quarter of a second before: the longest window hears the hit that early.
                    let from = frame - u64::from(fps) / 4;
                    let bright = brightness(&timeline, &*drawn, fps, from..=frame + u64::from(fps) / 12);
                    let rises: Vec<f64> = bright.windows(2).map(|pair| pair[1] - pair[0]).collect();
                    let (most, _) = rises.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap();
                    let off = (from + 1 + most as u64) as i64 - frame as i64;
                    if off != 0 {
                        let name = scene.name;
                        elsewhere.push(format!("{name} at {fps}, bed {bed}: {off} frames from {frame}: {rises:.2?}"));
                    }
                }
            }
        }
    }
    assert!(elsewhere.is_empty(), "{} hits are seen on another frame:\n{}", elsewhere.len(), elsewhere.join("\n"));
}

#[test]
fn a_hit_is_seen_on_its_own_frame() {
    check(Options::default());
}

#[test]
fn a_hit_that_is_heard_live_is_seen_on_its_own_frame() {
    check(Options { analysis: Analysis::Causal, normalize: Normalize::Fixed });
}
