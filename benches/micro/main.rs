//! What the smallest steps cost, by themselves: the ring of `adaptivequeue`, pictures in RGBA and in I420, and memory and plans of the frame
//! cache.
//! `benches/micro/run` starts it.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gststeady::logic::audio::features::{HopWindow, Info};
use gststeady::logic::audio::hops::HopTime;
use gststeady::logic::audio::moment::FrameTime;
use gststeady::logic::cache::frames::{Eviction, Frames};
use gststeady::logic::cache::playhead::{Playhead, Preload};
use gststeady::logic::memory::budget::{Budget, Charge, Class};
use gststeady::logic::memory::slabs::Slabs;
use gststeady::logic::queue::ring::Ring;
use gststeady::logic::render::canvas::Canvas;
use gststeady::logic::render::look::Look;
use gststeady::logic::render::scene::{Frame, Scratch};
use gststeady::logic::render::scenes;
use gststeady::logic::render::yuv::Picture;

/// As many places as the element's ring has.
const PLACES: usize = 250;
/// Items per round where two threads are at work, so that starting one of them does not count.
const ITEMS: u64 = 1_000_000;

fn ring(c: &mut Criterion) {
    let mut group = c.benchmark_group("ring");
    group.throughput(Throughput::Elements(1));
    let ring = Ring::new(PLACES);
    group.bench_function("push and pop, one thread", |b| {
        b.iter(|| {
            ring.push(black_box(1u64));
            ring.pop()
        });
    });
    // Beyond the ring everything goes through the list behind it.
    let full = Ring::new(PLACES);
    (0..2 * PLACES as u64).for_each(|i| full.push(i));
    group.bench_function("push and pop, with a list behind", |b| {
        b.iter(|| {
            full.push(black_box(1u64));
            full.pop()
        });
    });
    group.throughput(Throughput::Elements(ITEMS));
    group.sample_size(10);
    group.bench_function("push and pop, two threads", |b| {
        b.iter(|| {
            let ring = Ring::new(PLACES);
            std::thread::scope(|scope| {
                scope.spawn(|| (0..ITEMS).for_each(|i| ring.push(i)));
                let mut taken = 0;
                while taken < ITEMS {
                    match ring.pop() {
                        Some(_) => taken += 1,
                        None => std::hint::spin_loop(),
                    }
                }
            });
        });
    });
    group.finish();
}

/// A picture of 1920×1080 of each scene, of sound that fills it.
fn pictures(c: &mut Criterion) {
    const WIDTH: usize = 1920;
    const HEIGHT: usize = 1080;
    let look = Look::new(WIDTH as u32, HEIGHT as u32).expect("a size");
    let info = Info { rate: 48_000, channels: 2, samples: 480_000, hops: 1001 };
    let mut scratch = Scratch::default();
    for scene in scenes::all() {
        let mut group = c.benchmark_group(scene.name);
        let scene = scene.prepare(&look);
        let frame = Frame { n: 100, total: Some(300), at: HopTime::of_frame(100, 30, 1), info: &info };
        let (first, count) = scene.reach().span(FrameTime::of_frame(frame.n, (30, 1)));
        let mut window = HopWindow::default();
        let filled: Result<(), ()> = window.refill(first, count, |hops| {
            for (i, hop) in hops.iter_mut().enumerate() {
                hop.bands = std::array::from_fn(|b| 20_000 + ((i + 3 * b) % 64) as u16 * 600);
                (hop.peaks, hop.loudness, hop.onsets) = (hop.bands, 40_000, [30_000; _]);
                hop.wave = std::array::from_fn(|w| ((w * 5 + i) % 100) as i8 - 50);
            }
            Ok(())
        });
        filled.expect("filling cannot fail");
        let mut rgba = vec![0; WIDTH * HEIGHT * 4];
        group.bench_function("RGBA", |b| {
            b.iter(|| {
                let mut canvas = Canvas::new(&mut rgba, WIDTH * 4, WIDTH as u32, HEIGHT as u32).expect("the memory");
                scene.render(&frame, &window, &mut scratch, &mut canvas);
            });
        });
        let mut luma = vec![0; WIDTH * HEIGHT];
        let [mut cb, mut cr] = [(); 2].map(|()| vec![0; WIDTH * HEIGHT / 4]);
        group.bench_function("I420", |b| {
            b.iter(|| {
                let strides = [WIDTH, WIDTH / 2, WIDTH / 2];
                let picture = Picture::i420([&mut luma, &mut cb, &mut cr], strides, WIDTH as u32, HEIGHT as u32);
                picture.expect("the memory").paint(&*scene, &frame, &window, &mut scratch);
            });
        });
        group.finish();
    }
}

/// Taking memory for a frame that is there and giving it back, and counting it.
fn memory(c: &mut Criterion) {
    let mut group = c.benchmark_group("memory");
    let budget = Arc::new(Budget::new(1 << 30));
    group.bench_function("reserve and release", |b| b.iter(|| Charge::new(&budget, 8_294_400, Class::Evictable)));
    let slabs = Slabs::new(&budget, 8_294_400, 4).expect("there is room");
    group.bench_function("take and give back, one thread", |b| b.iter(|| slabs.take(Class::Evictable)));
    group.throughput(Throughput::Elements(4 * ITEMS));
    group.sample_size(10);
    group.bench_function("take and give back, four threads", |b| {
        b.iter(|| {
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| (0..ITEMS).for_each(|_| drop(slabs.take(Class::Evictable))));
                }
            });
        });
    });
}

/// Showing a frame and planning the next, with ten thousand there.
fn planner(c: &mut Criterion) {
    let mut frames = Frames::<u64, ()>::new(10_000, Eviction::Plan, 1);
    let start = Playhead {
        range: 0..u64::MAX / 8,
        preload: Preload::Forward,
        ahead: 10_000,
        jumped: true,
        ..Playhead::default()
    };
    frames.jump(|playhead| *playhead = start);
    let work = |frames: &mut Frames<u64, ()>| {
        while let Some((job, _)) = frames.next_job() {
            frames.finish(&job, Ok(job.frame));
        }
    };
    work(&mut frames);
    let mut n = 0;
    c.bench_function("planner/10000 frames", |b| {
        b.iter(|| {
            let taken = frames.take(n);
            frames.shown(n, Some(n + 1));
            work(&mut frames);
            n += 1;
            taken
        });
    });
}

criterion_group!(all, ring, pictures, memory, planner);
criterion_main!(all);
