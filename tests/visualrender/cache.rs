//! The frame cache behind `visualrender`: what is kept, what is rendered ahead, and what is said of it.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use gst::prelude::*;

use crate::common::audio::{Delivered, Fixtures, error_of, frames, pull, render, sink};
use crate::common::memory::kib;
use crate::common::process::alone;
use crate::common::{PATIENCE, TestPipeline, wait_until};

const SMALL: &str = "format=RGBA,width=64,height=36,framerate=30/1";
const FLUSH: gst::SeekFlags = gst::SeekFlags::FLUSH.union(gst::SeekFlags::ACCURATE);

/// Pictures of silence, which take no analysis, in a player that is paused at its first.
fn paused(properties: &str, caps: &str, length: u64) -> TestPipeline {
    let p = TestPipeline::parse(&format!(
        "visualrender name=render num-buffers={length} {properties} ! video/x-raw,{caps} ! appsink name=sink sync=false max-buffers=1"
    ));
    p.set_state(gst::State::Paused).unwrap();
    settle(&p);
    p
}

#[track_caller]
fn settle(p: &TestPipeline) {
    let (result, ..) = p.state(gst::ClockTime::try_from(PATIENCE).unwrap());
    result.unwrap();
}

#[track_caller]
fn seek(p: &TestPipeline, rate: f64, flags: gst::SeekFlags, frames: std::ops::Range<u64>) {
    let time = |n: u64| gst::ClockTime::from_nseconds(n * 1_000_000_000 / 30);
    let range = (gst::SeekType::Set, time(frames.start), gst::SeekType::Set, time(frames.end));
    p.seek(rate, flags, range.0, range.1, range.2, range.3).unwrap();
}

/// Jumps to a frame, and returns the picture that is shown then.
#[track_caller]
fn jump(p: &TestPipeline, n: u64) -> Delivered {
    p.seek_simple(FLUSH, gst::format::Default::from_u64(n)).unwrap();
    preroll(p)
}

#[track_caller]
fn preroll(p: &TestPipeline) -> Delivered {
    let sample = sink(p).try_pull_preroll(gst::ClockTime::try_from(PATIENCE).unwrap());
    Delivered::of(sample.expect("a picture").buffer().unwrap())
}

fn stat(p: &TestPipeline, name: &str) -> u64 {
    p.element("render").property::<gst::Structure>("memory-stats").get(name).unwrap()
}

fn status(p: &TestPipeline) -> String {
    p.element("render").property("cache-status")
}

fn threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    tasks
        .filter(|task| {
            std::fs::read_to_string(task.path().join("comm")).is_ok_and(|name| name.starts_with("steady-render"))
        })
        .count()
}

/// Nothing is rendered any more: all that is worth it is there.
#[track_caller]
fn wait_for_rest(p: &TestPipeline) {
    let mut last = (0, Instant::now());
    wait_until("all is rendered that is worth it", || {
        let rendered = stat(p, "rendered");
        if rendered != last.0 {
            last = (rendered, Instant::now());
        }
        !status(p).contains('w') && last.1.elapsed() > Duration::from_millis(100)
    });
}

#[test]
fn a_warm_cache_gives_the_frames_of_a_cold_one() {
    let files = Fixtures::new();
    let wav = files.wav(44_100, 88_200);
    for format in ["RGBA", "I420", "NV12", "BGRA"] {
        let caps = format!("format={format},width=66,height=35,framerate=30/1");
        let cold = frames(&wav, "preload=none render-threads=1", &caps);
        let p = render(&wav, "render-threads=3", &caps);
        p.set_state(gst::State::Paused).unwrap();
        settle(&p);
        for n in [40u64, 7, 59, 0, 41, 40, 8] {
            assert_eq!(jump(&p, n), cold[n as usize], "{format}: frame {n}");
        }
        wait_for_rest(&p);
        let hits = stat(&p, "hits");
        for n in [40u64, 7, 59, 0, 41, 40, 8] {
            assert_eq!(jump(&p, n), cold[n as usize], "{format}: frame {n} once more");
        }
        assert!(stat(&p, "hits") >= hits + 7, "all of them were there");
        p.set_state(gst::State::Playing).unwrap();
        seek(&p, 1.0, FLUSH, 0..1_000_000);
        assert_eq!(pull(&p), cold, "{format}");
    }
}

/// Whoever writes into a picture gets one of his own.
#[test]
fn an_element_that_draws_over_a_picture_does_not_change_the_one_that_is_kept() {
    let p = paused("", SMALL, 100);
    let clean = jump(&p, 5);
    let pad = p.element("sink").static_pad("sink").unwrap();
    let probe = pad.add_probe(gst::PadProbeType::BUFFER, |_, info| {
        let buffer = info.buffer_mut().unwrap().make_mut();
        buffer.map_writable().unwrap().fill(0x55);
        gst::PadProbeReturn::Ok
    });
    assert_ne!(jump(&p, 5).digest, clean.digest, "it draws");
    pad.remove_probe(probe.unwrap());
    let rendered = stat(&p, "rendered");
    wait_for_rest(&p);
    assert_eq!(jump(&p, 5), clean);
    assert!(status(&p).contains('l') && stat(&p, "hits") > 0 && rendered > 0);
}

/// Paused, and moved to another place sixty times a second: each picture is rendered though the next jump has come before it was done.
#[test]
fn scrubbing_while_paused_shows_pictures_all_the_time() {
    // So large that one takes longer than a jump, where nothing is optimised.
    let p = paused("scene=bars-mirror", "format=RGBA,width=1280,height=720,framerate=30/1", 3000);
    let began = Instant::now();
    let (mut shown, mut n) = (BTreeSet::new(), 0);
    while began.elapsed() < Duration::from_secs(2) {
        n += 37;
        seek(&p, 1.0, FLUSH, n % 3000..1_000_000);
        let until = gst::ClockTime::from_nseconds(16_666_667);
        if let Some(sample) = sink(&p).try_pull_preroll(until) {
            shown.insert(sample.buffer().unwrap().offset());
        }
    }
    assert!(shown.len() >= 20, "{} pictures in two seconds", shown.len());
}

#[test]
fn five_hundred_random_jumps_while_the_limit_changes_show_what_they_lead_to() {
    alone!("STEADY_ASSUME_MEMORY" = "1G");
    let (files, length) = (Fixtures::new(), 400);
    let p = render(&files.wav(22_050, 294_000), "", "format=RGBA,width=640,height=360,framerate=30/1");
    p.set_state(gst::State::Paused).unwrap();
    settle(&p);
    let render = p.element("render");
    let first = jump(&p, 0);
    let mut state = 12345u64;
    for i in 0..500u32 {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let n = (state >> 33) % length;
        if i % 25 == 0 {
            render.set_property("memory-fraction", if i % 50 == 0 { 0.25 } else { 0.75 });
        }
        if i % 60 == 59 {
            p.set_state(gst::State::Playing).unwrap();
            p.set_state(gst::State::Paused).unwrap();
        }
        let got = jump(&p, n);
        assert_eq!((got.offset, got.offset_end), (n, n + 1), "jump {i}");
        let used = stat(&p, "charged") + stat(&p, "leased");
        assert!(used <= stat(&p, "limit"), "{used}");
    }
    assert_eq!(jump(&p, 0), first);
}

#[test]
fn a_loop_by_segment_seeks_comes_without_a_hole_and_is_rendered_once() {
    let p = paused("render-threads=2", SMALL, 400);
    let sink = sink(&p);
    sink.set_property("max-buffers", 0u32);
    seek(&p, 1.0, FLUSH | gst::SeekFlags::SEGMENT, 100..120);
    p.set_state(gst::State::Playing).unwrap();
    let bus = p.bus().unwrap();
    let done = || {
        let message = bus.timed_pop_filtered(
            gst::ClockTime::try_from(PATIENCE).unwrap(),
            &[gst::MessageType::SegmentDone, gst::MessageType::Error],
        );
        assert_eq!(message.expect("the end of the segment").type_(), gst::MessageType::SegmentDone);
    };
    done();
    let after_one = stat(&p, "rendered");
    for _ in 0..9 {
        seek(&p, 1.0, gst::SeekFlags::SEGMENT, 100..120);
        done();
    }
    let shown: Vec<u64> = std::iter::from_fn(|| sink.try_pull_sample(gst::ClockTime::ZERO))
        .map(|sample| sample.buffer().unwrap().offset())
        .collect();
    let expected: Vec<u64> = (0..10).flat_map(|_| 100..120).collect();
    assert_eq!(shown, expected);
    assert_eq!(stat(&p, "rendered"), after_one, "once is enough");
    assert!(stat(&p, "hits") > 180);
}

#[test]
fn trick_modes_show_every_frame_in_both_directions() {
    for (rate, expected) in
        [(2.0, (20..40).collect::<Vec<_>>()), (-1.0, (20..40).rev().collect()), (-4.0, (20..40).rev().collect())]
    {
        let p = paused("", SMALL, 100);
        let sink = sink(&p);
        sink.set_property("max-buffers", 0u32);
        seek(&p, rate, FLUSH, 20..40);
        p.set_state(gst::State::Playing).unwrap();
        let shown: Vec<u64> = pull(&p).iter().map(|frame| frame.offset).collect();
        assert_eq!(shown, expected, "at rate {rate}");
    }
}

#[test]
fn the_indicator_tells_what_is_there_in_percent_time_and_frames() {
    // Room for seventy frames.
    alone!("STEADY_MEMORY_LIMIT" = "64M");
    let p = paused("", "format=RGBA,width=640,height=360,framerate=30/1", 100);
    jump(&p, 50);
    wait_for_rest(&p);
    let runs = status(&p);
    let loaded = stat(&p, "frames");
    assert!(loaded > 20 && loaded < 100, "{loaded}: {runs}");
    let ask = |format: gst::Format| {
        let mut query = gst::query::Buffering::new(format);
        assert!(p.element("render").query(&mut query));
        query.ranges().map(|(start, stop)| start.value()..stop.value()).collect::<Vec<_>>()
    };
    let in_frames = ask(gst::Format::Default);
    let sum: i64 = in_frames.iter().map(|run| run.end - run.start).sum();
    assert_eq!(sum as u64, loaded);
    assert!(in_frames.iter().any(|run| run.contains(&50)), "what was rendered ahead is shown too: {in_frames:?}");
    assert!(in_frames.iter().any(|run| run.start <= 40 && run.end >= 60), "on both sides: {in_frames:?}");
    let frame = |time: i64| (time as u64 * 30).div_ceil(1_000_000_000) as i64;
    let in_time: Vec<_> = ask(gst::Format::Time).into_iter().map(|run| frame(run.start)..frame(run.end)).collect();
    assert!(in_time.iter().zip(&in_frames).all(|(a, b)| a.start.abs_diff(b.start) <= 1 && a.end.abs_diff(b.end) <= 1));
    let in_percent: Vec<_> =
        ask(gst::Format::Percent).into_iter().map(|run| run.start / 10_000..run.end / 10_000).collect();
    assert_eq!(in_percent, in_frames, "a hundred frames");
    // Runs of the property add up to the video, and say the same.
    let mut total = 0;
    let mut there = 0;
    for part in runs.split_inclusive(char::is_alphabetic) {
        let (count, letter) = part.split_at(part.len() - 1);
        total += count.parse::<u64>().unwrap();
        there += if letter == "l" { count.parse::<u64>().unwrap() } else { 0 };
    }
    assert_eq!((total, there), (100, loaded), "{runs}");
}

/// The limit falls below what others hold: what is shown stays, and goes on as soon as there is room.
#[test]
fn what_is_denied_while_nobody_waits_is_no_error() {
    alone!("STEADY_ASSUME_MEMORY" = "1G");
    let p = paused("", "format=RGBA,width=1920,height=1080,framerate=60/1", 1000);
    jump(&p, 500);
    wait_until("much is there", || stat(&p, "mapped") > 300_000_000);
    for _ in 0..20 {
        p.element("render").set_property("memory-fraction", 0.25);
        p.element("render").emit_by_name::<()>("clear-cache", &[]);
        p.element("render").set_property("memory-fraction", 0.75);
    }
    p.element("render").set_property("memory-fraction", 0.25);
    p.element("render").emit_by_name::<()>("clear-cache", &[]);
    wait_until("it is rendered again", || stat(&p, "frames") > 10);
    assert!(!status(&p).contains('e'), "{}", status(&p));
}

#[test]
fn the_limit_acts_while_frames_are_there() {
    // Frames of 8 MB that are dear where nothing is optimised, and limits of 750 and 250 MB.
    alone!("STEADY_ASSUME_MEMORY" = "1G");
    let p = paused("", "format=RGBA,width=1920,height=1080,framerate=60/1", 1000);
    jump(&p, 500);
    wait_until("more is there than the lower limit allows", || stat(&p, "mapped") > 300_000_000);
    let rss = kib("VmRSS");
    p.element("render").set_property("memory-fraction", 0.25);
    let began = Instant::now();
    wait_until("it is given back", || stat(&p, "charged") <= stat(&p, "limit"));
    assert!(began.elapsed() < Duration::from_millis(100), "{:?}", began.elapsed());
    assert!(stat(&p, "limit") <= 268_435_456 && stat(&p, "mapped") <= 268_435_456);
    assert!(kib("VmRSS") + 40_000 < rss, "{} after {rss} KiB", kib("VmRSS"));
    assert!(status(&p).contains('l'), "the nearest are kept: {}", status(&p));
    p.element("render").set_property("memory-fraction", 0.75);
    wait_until("it comes back", || stat(&p, "mapped") > 300_000_000);
}

#[test]
fn the_account_is_what_is_mapped_and_nothing_is_left_at_the_end() {
    alone!("STEADY_ASSUME_MEMORY" = "1G");
    let p = paused("", "format=RGBA,width=1920,height=1080,framerate=60/1", 1000);
    let (rss, mapped) = (kib("VmRSS") * 1024, stat(&p, "mapped"));
    jump(&p, 500);
    wait_until("much is there", || stat(&p, "mapped") > 300_000_000);
    wait_for_rest(&p);
    let (more, accounted) = ((kib("VmRSS") * 1024) as i64 - rss as i64, (stat(&p, "mapped") - mapped) as i64);
    assert!((more - accounted).abs() < accounted / 10, "{more} of {accounted}");
    p.element("render").set_property(
        "preload",
        gst::glib::EnumClass::with_type(p.element("render").property_type("preload").unwrap())
            .unwrap()
            .to_value_by_nick("none")
            .unwrap(),
    );
    p.element("render").emit_by_name::<()>("clear-cache", &[]);
    // The frame that is shown, and the one behind it.
    wait_until("it is given back", || stat(&p, "mapped") <= 5 * 8_294_400);
    let left = (kib("VmRSS") * 1024) as i64 - rss as i64;
    assert!(left.unsigned_abs() < rss / 20 + 2 * 8_294_400, "{left} of {rss} more");
    assert_eq!(threads(), std::thread::available_parallelism().unwrap().get());
    let began = Instant::now();
    p.set_state(gst::State::Ready).unwrap();
    assert!(began.elapsed() < Duration::from_millis(500), "{:?}", began.elapsed());
    assert_eq!(threads(), 0, "all are joined");
    drop(sink(&p));
    p.set_state(gst::State::Null).unwrap();
    drop(p);
    let p = TestPipeline::parse("visualrender name=render num-buffers=1 ! fakesink");
    wait_until("the account is empty", || stat(&p, "charged") == 0);
}

#[test]
fn pictures_that_do_not_fit_into_the_memory_are_refused_in_words() {
    alone!("STEADY_MEMORY_LIMIT" = "64M");
    let (error, _) =
        error_of("visualrender num-buffers=10 ! video/x-raw,format=RGBA,width=3840,height=2160 ! fakesink");
    assert!(error.matches(gst::ResourceError::NoSpaceLeft), "{error}");
    insta::assert_snapshot!(error.message(), @"Pictures of this size need 100 MB, and 67 MB are free of the memory that frames may use. Ask for smaller pictures, or raise STEADY_MEMORY_LIMIT, which stands above the properties.");
}

/// Three frames have room, and a queue takes nine: playback goes on with memory that is not ours.
#[test]
fn without_memory_playback_goes_on() {
    alone!("STEADY_MEMORY_LIMIT" = "64M");
    let p = TestPipeline::parse(
        "visualrender name=render num-buffers=40 ! video/x-raw,format=RGBA,width=2560,height=1440,framerate=30/1 ! \
         queue max-size-buffers=9 max-size-bytes=0 max-size-time=0 ! appsink name=sink sync=false max-buffers=1",
    );
    p.set_state(gst::State::Playing).unwrap();
    wait_until("the queue is full", || stat(&p, "denied") > 0);
    let shown: Vec<u64> = pull(&p).iter().map(|frame| frame.offset).collect();
    assert_eq!(shown, (0..40).collect::<Vec<_>>());
    assert!(stat(&p, "charged") <= 67_108_864);
}

#[test]
fn changes_are_told_four_times_a_second_at_most() {
    let p = paused("", SMALL, 1000);
    p.element("sink").set_property("sync", true);
    p.set_state(gst::State::Playing).unwrap();
    let bus = p.bus().unwrap();
    let pulling = sink(&p);
    let reader = std::thread::spawn(move || while pulling.pull_sample().is_ok() {});
    let began = Instant::now();
    let mut count = 0;
    while began.elapsed() < Duration::from_secs(2) {
        let left = Duration::from_secs(2).saturating_sub(began.elapsed());
        let message = bus.timed_pop_filtered(gst::ClockTime::try_from(left).unwrap(), &[gst::MessageType::Element]);
        let Some(message) = message else { break };
        let structure = message.structure().unwrap();
        if structure.name() == "visualrender-cache" {
            count += 1;
            assert_eq!(structure.get("frame-count"), Ok(1000u64));
            assert!(structure.get::<u64>("used").unwrap() <= structure.get::<u64>("limit").unwrap());
            assert!(
                structure.get::<gst::Array>("ranges").unwrap().len() as u64 <= structure.get::<u64>("frames").unwrap()
            );
        }
    }
    assert!((2..=9).contains(&count), "{count} in two seconds");
    p.set_state(gst::State::Null).unwrap();
    reader.join().unwrap();
}

/// The example jumps about and draws the strip, of which the part around the last place is ready in the end.
#[test]
fn the_example_scrubs() {
    use std::io::Write;
    // Tests lie in target/PROFILE/deps.
    let test = std::env::current_exe().unwrap();
    let program = test.ancestors().nth(2).unwrap().join("examples/scrub");
    let mut example = std::process::Command::new(program)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("the example is built with the tests");
    example.stdin.take().unwrap().write_all(b"30\n500\nlllhjjk200\n").unwrap();
    let output = example.wait_with_output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let strips: Vec<&str> = text.split('\r').filter(|strip| strip.contains(" of 540 ")).collect();
    let places =
        strips.iter().filter_map(|strip| strip.split(" of 540").next()?.rsplit(' ').next()?.parse::<u64>().ok());
    assert_eq!(places.collect::<Vec<_>>(), [0, 30, 500, 501, 502, 503, 502, 472, 442, 472, 200, 200]);
    let last = strips.last().unwrap();
    assert!(last.contains('█') && last.contains("\x1b[32;7m█"), "the place itself is ready: {last}");
}

/// Every field of the structures is in `docs/messages.md`, and no other.
#[test]
fn the_documentation_lists_the_fields() {
    let text = include_str!("../../docs/messages.md");
    let documented = |from: &str| {
        let (_, rest) = text.split_once(from).unwrap();
        let rows = rest.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
        let first = rows.skip(2).map(|row| row.split('|').nth(1).unwrap().to_owned());
        first
            .flat_map(|names| names.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>())
            .collect::<BTreeSet<_>>()
    };
    let fields =
        |structure: &gst::StructureRef| structure.fields().map(|name| name.to_string()).collect::<BTreeSet<_>>();
    let p = paused("", SMALL, 100);
    let stats = p.element("render").property::<gst::Structure>("memory-stats");
    assert_eq!(fields(&stats), documented("The property `memory-stats`"));
    let bus = p.bus().unwrap();
    let message = loop {
        let patience = gst::ClockTime::try_from(PATIENCE).unwrap();
        let message = bus.timed_pop_filtered(patience, &[gst::MessageType::Element]).expect("a message");
        if message.structure().unwrap().name() == "visualrender-cache" {
            break message;
        }
    };
    assert_eq!(fields(message.structure().unwrap()), documented("the message `visualrender-cache`"));
}

/// A window that is dragged to another size, under a limit that has room for the pictures of either size but not of both.
#[test]
fn pictures_of_another_size_wait_for_those_before_to_go() {
    alone!("STEADY_MEMORY_LIMIT" = "13M");
    let p = TestPipeline::parse(
        "visualrender name=render num-buffers=100000 ! capsfilter name=size caps=video/x-raw,format=RGBA,width=1280,height=720,framerate=30/1 ! \
         appsink name=sink sync=false max-buffers=1 enable-last-sample=false",
    );
    p.set_state(gst::State::Playing).unwrap();
    let sizes = ["RGBA,width=1280,height=720", "I420,width=1920,height=1080"];
    for turn in 0..40 {
        let caps: gst::Caps = format!("video/x-raw,framerate=30/1,format={}", sizes[turn % 2]).parse().unwrap();
        p.element("size").set_property("caps", &caps);
        // Some with the old caps may come first.
        let new = (0..20).find_map(|_| {
            let sample = sink(&p).try_pull_sample(gst::ClockTime::try_from(PATIENCE).unwrap());
            let sample = sample.unwrap_or_else(|| panic!("turn {turn}: {:?}", p.wait(Duration::ZERO)));
            sample.caps().is_some_and(|now| now.can_intersect(&caps)).then_some(())
        });
        assert!(new.is_some(), "turn {turn}");
        assert!(stat(&p, "charged") <= stat(&p, "limit"));
    }
}

#[test]
fn the_end_keeps_what_was_shown() {
    alone!();
    let p = paused("", SMALL, 90);
    jump(&p, 30);
    p.set_state(gst::State::Playing).unwrap();
    let count = pull(&p).len();
    let before = stat(&p, "frames");
    // It is looked at what is worth being kept.
    p.element("render").set_property_from_str("preload", "forward");
    let now = stat(&p, "frames");
    assert!(count >= 59 && before >= 50 && now >= before, "{count} shown, {before} kept, {now} after a while");
}
