//! The timeline and what is drawn from it: the same bytes whatever the order, the threads and the machine.

use std::f64::consts::TAU;
use std::ops::ControlFlow;
use std::process::Command;

use gststeady::logic::audio::analyze::Analyzer;
use gststeady::logic::audio::features::HopWindow;
use gststeady::logic::audio::moment::FrameTime;
use gststeady::logic::audio::options::{Analysis, Normalize, Options};
use gststeady::logic::audio::scratch;
use gststeady::logic::audio::timeline::Timeline;
use gststeady::logic::render::canvas::Canvas;
use gststeady::logic::render::look::Look;
use gststeady::logic::render::scene::{Frame, Scratch};
use gststeady::logic::render::scenes::{self, SceneInfo};

use crate::common::process::name_of;

/// Some seconds with a beat, tones, noise and silence, made of exact arithmetic and `libm`.
fn tune(rate: u32, channels: u32) -> Vec<f32> {
    let mut noise = 1u32;
    let mut samples = Vec::new();
    for i in 0..rate * 4 {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let hiss = f64::from(noise >> 8) / f64::from(1 << 23) - 1.0;
        let t = f64::from(i) / f64::from(rate);
        let beat = (1.0 - 6.0 * (t % 0.5)).max(0.0);
        for channel in 0..channels {
            let hz = 220.0 * f64::from(channel + 1);
            let x = 0.3 * libm::sin(TAU * hz * t) + beat * (0.4 * libm::sin(TAU * 60.0 * t) + 0.2 * hiss);
            samples.push(if t > 3.5 { 0.0 } else { x as f32 });
        }
    }
    samples
}

fn analyze(rate: u32, channels: u32) -> Timeline {
    analyze_with(rate, channels, Options::default())
}

fn analyze_with(rate: u32, channels: u32, options: Options) -> Timeline {
    let mut analyzer = Analyzer::new(rate, channels, scratch::unlinked().unwrap()).unwrap().with(options);
    analyzer.push(&tune(rate, channels)).unwrap();
    analyzer.finish(&mut |_| ControlFlow::Continue(())).unwrap().unwrap()
}

/// Renewed by `INSTA_UPDATE=always cargo test --test logic`, together with `ANALYSIS_VERSION`, when results were changed
/// on purpose.
#[test]
fn the_analysis_gives_the_bytes_it_gave_before() {
    let full = [(44_100, 2), (48_000, 1), (22_050, 3)].map(|format| (format, Options::default()));
    let causal = [Normalize::Running, Normalize::Fixed]
        .map(|normalize| ((32_000, 2), Options { analysis: Analysis::Causal, normalize }));
    let lines = full.into_iter().chain(causal).map(|((rate, channels), options)| {
        let digest = analyze_with(rate, channels, options).digest();
        format!("{rate} Hz, {channels} channels, {:?}, {:?}: {digest}", options.analysis, options.normalize)
    });
    insta::assert_snapshot!("golden", lines.collect::<Vec<_>>().join("\n"));
}

/// glibc picks its mathematics by what the CPU can do; the analysis must not notice.
#[test]
fn the_analysis_does_not_depend_on_what_the_cpu_can_do() {
    for masked in ["-AVX2,-FMA,-AVX512F", "-AVX2,-FMA,-AVX512F,-AVX,-SSE4_2,-SSE4_1,-SSSE3,-ERMS"] {
        let run = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name_of(the_analysis_gives_the_bytes_it_gave_before)])
            .env("GLIBC_TUNABLES", format!("glibc.cpu.hwcaps={masked}"))
            .env("INSTA_UPDATE", "no")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&run.stdout);
        assert!(run.status.success() && text.contains("1 passed"), "{masked}: {text}");
    }
}

const SIZE: (u32, u32) = (96, 54);
const FRAMES: u64 = 100;

fn digests(timeline: &Timeline, scene: &SceneInfo, order: impl Iterator<Item = u64>) -> Vec<(u64, blake3::Hash)> {
    let mut look = Look::new(SIZE.0, SIZE.1).unwrap();
    look.seed = 7;
    let scene = scene.prepare(&look);
    let (mut window, mut records, mut scratch): (HopWindow, Vec<u8>, Scratch) = Default::default();
    let mut pixels = vec![0; (SIZE.0 * SIZE.1 * 4) as usize];
    let draw = |n| {
        let time = FrameTime::of_frame(n, (25, 1));
        let (first, count) = scene.reach().span(time);
        timeline.read(first, count, &mut window, &mut records).unwrap();
        let mut canvas = Canvas::new(&mut pixels, SIZE.0 as usize * 4, SIZE.0, SIZE.1).unwrap();
        let frame = Frame { n, total: Some(FRAMES), at: time.moment(&window), info: timeline.info() };
        scene.render(&frame, &window, &mut scratch, &mut canvas);
        (n, blake3::hash(&pixels))
    };
    order.map(draw).collect()
}

#[test]
fn pictures_do_not_depend_on_order_and_threads() {
    let timeline = analyze(44_100, 2);
    for scene in scenes::all() {
        let forward = digests(&timeline, scene, 0..FRAMES);
        let sorted = |mut frames: Vec<(u64, blake3::Hash)>| {
            frames.sort_by_key(|frame| frame.0);
            frames
        };
        assert_eq!(sorted(digests(&timeline, scene, (0..FRAMES).rev())), forward, "{} backwards", scene.name);
        // 37 and 100 have no common divisor, so each frame comes once.
        let shuffled = digests(&timeline, scene, (0..FRAMES).map(|i| i * 37 % FRAMES));
        assert_eq!(sorted(shuffled), forward, "{} shuffled", scene.name);
        for threads in [2u64, 7] {
            let timeline = &timeline;
            let frames = std::thread::scope(|scope| {
                let workers: Vec<_> = (0..threads)
                    .map(|first| {
                        scope.spawn(move || digests(timeline, scene, (first..FRAMES).step_by(threads as usize)))
                    })
                    .collect();
                workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
            });
            assert_eq!(sorted(frames), forward, "{} on {threads} threads", scene.name);
        }
        let different: std::collections::BTreeSet<_> = forward.iter().map(|frame| *frame.1.as_bytes()).collect();
        assert!(different.len() as u64 > FRAMES / 2, "{} hardly moves: {}", scene.name, different.len());
    }
}

#[cfg(feature = "full")]
#[test]
fn the_analysis_is_the_same_on_older_cpus() {
    crate::emulated::passes_on_every_cpu(name_of(the_analysis_gives_the_bytes_it_gave_before));
}
