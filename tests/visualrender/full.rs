//! `visualrender` at length: the whole matrix of the frame law, and ten hours of audio.

use std::ops::ControlFlow;
use std::path::Path;

use gst::prelude::*;
use gststeady::logic::audio::analyze::Analyzer;
use gststeady::logic::audio::scratch;
use gststeady::logic::frame_grid::FrameGrid;

use crate::common::audio::{Fixtures, frames, render, sink, tune};
use crate::common::memory;
use crate::common::process::alone;
use crate::common::{self, PATIENCE, TestPipeline};

const RATES: [(i32, i32); 8] = [(24_000, 1001), (24, 1), (25, 1), (30_000, 1001), (30, 1), (50, 1), (60, 1), (120, 1)];

fn check(audio: &Path, rate: u32, samples: u64) {
    for (fps_n, fps_d) in RATES {
        let caps = format!("width=16,height=16,framerate={fps_n}/{fps_d}");
        let frames = frames(audio, "", &caps);
        let grid = FrameGrid::new(rate, fps_n as u32, fps_d as u32).unwrap();
        let name = audio.display();
        assert_eq!(frames.len() as u64, grid.frame_count(samples), "{name} at {fps_n}/{fps_d}");
        for (n, frame) in (0..).zip(&frames) {
            assert_eq!((frame.pts, frame.duration, frame.offset), (grid.pts(n), grid.duration(n), n), "{name}");
        }
    }
}

#[test]
fn the_whole_matrix_of_containers_and_rates_obeys_the_frame_law() {
    for rate in [22_050, 44_100, 48_000, 96_000] {
        let files = Fixtures::new();
        // One sample more than whole frames at each of the frame rates, and one less than that.
        for samples in [rate as usize + 1, rate as usize] {
            let wav = files.wav(rate, samples);
            let samples = samples as u64;
            check(&wav, rate, samples);
            check(&files.flac(&wav), rate, samples);
            check(&files.ogg(&wav), rate, samples);
            // MP3 ends at 48 kHz.
            if rate <= 48_000 {
                check(&files.mp3(&wav), rate, samples);
            }
        }
    }
}

#[test]
fn pushes_of_any_size_give_the_same_timeline_at_every_rate() {
    for rate in [22_050, 44_100, 48_000, 96_000] {
        let samples: Vec<f32> = tune(rate, rate as usize).iter().map(|&x| f32::from(x) / 32_768.0).collect();
        let digest = |size: usize| {
            let mut analyzer = Analyzer::new(rate, 2, scratch::unlinked().unwrap()).unwrap();
            samples.chunks(2 * size).for_each(|push| analyzer.push(push).unwrap());
            analyzer.finish(&mut |_| ControlFlow::Continue(())).unwrap().unwrap().digest()
        };
        let whole = digest(44_100);
        assert!([1, 441, 1024].into_iter().all(|size| digest(size) == whole), "{rate} Hz");
    }
}

/// A sparse file of silence with a click each second.
fn ten_hours(path: &Path) -> u64 {
    use std::os::unix::fs::FileExt;
    let (rate, seconds) = (8_000u64, 36_000);
    common::audio::write_wav(path, rate as u32, 1, &[]);
    let file = std::fs::File::options().write(true).open(path).unwrap();
    let bytes = rate * seconds * 2;
    file.set_len(44 + bytes).unwrap();
    file.write_all_at(&(36 + bytes as u32).to_le_bytes(), 4).unwrap();
    file.write_all_at(&(bytes as u32).to_le_bytes(), 40).unwrap();
    let click: Vec<u8> = (0..80).flat_map(|i: i16| (12_000 - 150 * i).to_le_bytes()).collect();
    for second in (0..seconds).step_by(7) {
        file.write_all_at(&click, 44 + second * rate * 2).unwrap();
    }
    rate * seconds
}

#[test]
fn ten_hours_are_analysed_in_flat_memory_and_drawn_to_the_last_frame() {
    alone!();
    let files = Fixtures::new();
    let path = files.path("long.wav");
    let samples = ten_hours(&path);
    // Whose parser stops before it brings the end, while the timeline is still to be made.
    let path = files.flac(&path);
    // What the first run of everything takes stays resident and is not counted.
    frames(&files.wav(8_000, 8_000), "", "width=16,height=16,framerate=25/1");
    let before = memory::kib("VmRSS");
    let pipeline = render(&path, "", "width=16,height=16,framerate=25/1");
    pipeline.set_state(gst::State::Paused).unwrap();
    let bus = pipeline.bus().unwrap();
    let mut most = before;
    loop {
        let types = [gst::MessageType::Progress, gst::MessageType::AsyncDone, gst::MessageType::Error];
        let message = bus.timed_pop_filtered(gst::ClockTime::try_from(PATIENCE).unwrap(), &types).unwrap();
        most = most.max(memory::kib("VmRSS"));
        match message.view() {
            gst::MessageView::AsyncDone(_) => break,
            gst::MessageView::Error(error) => panic!("{error:?}"),
            _ => {}
        }
    }
    assert!(most - before <= 32 * 1024, "{} KiB more than before", most - before);
    let count: u64 = pipeline.element("render").property("frame-count");
    assert_eq!(count, samples / 8_000 * 25);
    let last = gst::format::Default::from_u64(count - 3);
    pipeline.seek_simple(gst::SeekFlags::FLUSH | gst::SeekFlags::ACCURATE, last).unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    assert_eq!(common::audio::pull(&pipeline).len(), 3);
}

/// A thousand seeks in a row, from another thread than the one that draws, end on the frame that was asked for.
#[test]
fn a_thousand_seeks_end_where_they_should() {
    let files = Fixtures::new();
    let pipeline: TestPipeline = render(&files.wav(8_000, 80_000), "", "width=16,height=16,framerate=25/1");
    pipeline.set_state(gst::State::Playing).unwrap();
    pipeline.state(gst::ClockTime::try_from(PATIENCE).unwrap()).0.unwrap();
    let sink = common::audio::sink(&pipeline);
    for i in 0..1000u64 {
        let n = i * 7919 % 250;
        let flags = gst::SeekFlags::FLUSH | gst::SeekFlags::ACCURATE;
        pipeline.seek_simple(flags, gst::format::Default::from_u64(n)).unwrap();
        let sample = sink.try_pull_sample(gst::ClockTime::try_from(PATIENCE).unwrap()).unwrap();
        assert_eq!(sample.buffer().unwrap().offset(), n);
    }
}

/// A thousand 4K frames offered to a limit of 2 GB, back and forth, and as many as fit are kept.
#[test]
fn frames_of_4k_stay_within_the_limit() {
    alone!("STEADY_ASSUME_MEMORY" = "8G", "STEADY_MEMORY_LIMIT" = "2G");
    play_4k(2 << 30, |shown| shown < 1500);
}

/// Ten minutes of 4K on a machine of 8 GiB.
#[cfg(feature = "soak")]
#[test]
fn ten_minutes_of_4k_stay_within_the_limit_of_8_gib() {
    alone!("STEADY_ASSUME_MEMORY" = "8G");
    let start = std::time::Instant::now();
    play_4k(6 << 30, |_| start.elapsed().as_secs() < 600);
}

/// Plays a thousand frames of 4K as fast as they are drawn, and again from where it began each 500, until `go_on` says no
/// of how many were shown. Never is more than `limit` taken, and more than half of it is used.
fn play_4k(limit: u64, go_on: impl Fn(u64) -> bool) {
    const SIZE: u64 = 3840 * 2160 * 4;
    let p = TestPipeline::parse(
        "visualrender name=render num-buffers=20000 scene=bars-mirror ! video/x-raw,format=RGBA,width=3840,height=2160,framerate=60/1 ! \
         appsink name=sink sync=false max-buffers=1",
    );
    p.set_state(gst::State::Paused).unwrap();
    let (result, ..) = p.state(gst::ClockTime::try_from(PATIENCE).unwrap());
    result.unwrap();
    let stat = |name: &str| p.element("render").property::<gst::Structure>("memory-stats").get::<u64>(name).unwrap();
    let before = memory::kib("VmRSS") * 1024;
    p.set_state(gst::State::Playing).unwrap();
    let sink = sink(&p);
    let (mut most, mut shown) = (0, 0);
    while go_on(shown) {
        // Forth, back to where it began, and forth again.
        if shown % 500 == 0 {
            p.seek_simple(gst::SeekFlags::FLUSH, gst::format::Default::from_u64(500)).unwrap();
        }
        sink.pull_sample().expect("a frame");
        shown += 1;
        let (charged, allowed) = (stat("charged"), stat("limit"));
        assert!(charged <= allowed && allowed <= limit, "{charged} of {allowed}");
        most = most.max(memory::kib("VmRSS") * 1024 - before);
    }
    eprintln!("{shown} frames, {} of them drawn, {most} bytes of {limit}", stat("rendered"));
    assert!(stat("rendered") >= 1000, "{}", stat("rendered"));
    // Three frames are GStreamer's: what the sink and the pad hold.
    assert!(most <= limit + 3 * SIZE, "{most} bytes more");
    assert!(most > limit / 2, "{most}: it is used");
}
