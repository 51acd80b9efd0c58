//! What an application hears from `crashsafesink` and may ask it.

use gst::prelude::*;

use crate::bytes::{folder, pushed_to, shown};
use crate::common::sink::{Recorder, names, pattern, shim, sink_errors};
use crate::common::{self, PATIENCE, wait_until};
use crate::suite;

#[test]
fn a_recording_tells_its_story_in_messages() {
    let dir = folder();
    let out = dir.path().join("out.bin");
    for (durability, synced) in [("sync", true), ("flush", false)] {
        let pipeline = pushed_to(&out, &format!("durability={durability} flush-interval=1000000 on-exists=replace"));
        let next = |name| pipeline.next_message(name, PATIENCE).unwrap().structure().unwrap().to_owned();
        let started = next("crashsafesink-started");
        assert_eq!(started.get::<String>("location").unwrap(), shown(&out));
        assert_eq!(started.get::<String>("temp-location").unwrap(), shown(&dir.path().join("out.recording.bin")));
        pipeline.push([1; 1000]);
        let flushed = next("crashsafesink-flushed");
        assert_eq!((flushed.get::<u64>("bytes"), flushed.get::<u64>("position")), (Ok(1000), Ok(1000)));
        pipeline.end();
        let finished = next("crashsafesink-finished");
        assert_eq!(finished.get::<String>("location").unwrap(), shown(&out));
        assert_eq!((finished.get::<u64>("bytes"), finished.get::<bool>("synced")), (Ok(1000), Ok(synced)));
        pipeline.wait(PATIENCE).expect_eos();
    }
}

#[test]
fn low_space_is_a_message_with_both_figures() {
    let dir = folder();
    let limit = u64::MAX / 2;
    // With the first window that is safe, and long before there is one.
    for interval in [1_000_000, 0] {
        let out = dir.path().join(format!("{interval}.bin"));
        let pipeline = pushed_to(&out, &format!("min-free-space={limit} flush-interval={interval}"));
        pipeline.push([1; 1000]);
        let low = pipeline.next_message("crashsafesink-low-space", PATIENCE).unwrap().structure().unwrap().to_owned();
        assert_eq!(low.get::<u64>("min-free-space"), Ok(limit));
        let available = low.get::<u64>("available").unwrap();
        assert!(available > 0 && available < limit, "{available}");
    }
}

/// What a sink answers to the queries that muxers and applications put. Not asked: what `filesink` gets wrong, which answers a
/// query in the default format in bytes.
fn answers(pad: &gst::Pad) -> Vec<String> {
    let mut said = Vec::new();
    for format in [gst::Format::Bytes, gst::Format::Default, gst::Format::Time, gst::Format::Percent] {
        let mut seeking = gst::query::Seeking::new(format);
        said.push(format!("{} {}", pad.query(&mut seeking), seeking.result().0));
    }
    for format in [gst::Format::Bytes, gst::Format::Time] {
        let mut position = gst::query::Position::new(format);
        said.push(format!("{} {:?}", pad.query(&mut position), position.result()));
    }
    let mut formats = gst::query::Formats::new();
    said.push(format!("{} {:?}", pad.query(&mut formats), formats.result().collect::<Vec<_>>()));
    said
}

#[test]
fn queries_are_answered_as_filesink_answers_them() {
    common::init();
    let dir = folder();
    let both: Vec<_> = ["filesink", "crashsafesink"]
        .into_iter()
        .map(|factory| {
            let sink = gst::ElementFactory::make(factory)
                .property("location", shown(&dir.path().join(factory)))
                .property("async", false)
                .build()
                .unwrap();
            let pipeline = common::TestPipeline(gst::Pipeline::new());
            pipeline.add(&sink).unwrap();
            pipeline.set_state(gst::State::Playing).unwrap();
            let pad = sink.static_pad("sink").unwrap();
            assert!(pad.send_event(gst::event::StreamStart::new("s")));
            let mut segment = gst::FormattedSegment::<gst::format::Bytes>::new();
            assert!(pad.send_event(gst::event::Segment::new(&segment)));
            pad.chain(gst::Buffer::from_slice([1; 1000])).unwrap();
            let before = answers(&pad);
            segment.set_start(gst::format::Bytes::from_u64(300));
            assert!(pad.send_event(gst::event::Segment::new(&segment)));
            pad.chain(gst::Buffer::from_slice([2; 10])).unwrap();
            (before, answers(&pad))
        })
        .collect();
    assert_eq!(both[0], both[1]);
    assert!(both[1].1.iter().any(|answer| answer.contains("310")), "{:?}", both[1]);
}

#[test]
fn a_write_that_is_briefly_denied_is_tried_again_as_long_as_it_may() {
    let (dir, tools) = (folder(), folder());
    let (out, shim) = (dir.path().join("out.bin"), shim(tools.path()));
    for (allowed, fails) in [(0, true), (5000, false)] {
        let line = format!(
            "fakesrc num-buffers=100 sizetype=fixed sizemax=1000 filltype=pattern-span ! \
             crashsafesink location={} max-transient-error-timeout={allowed} on-exists=replace",
            shown(&out)
        );
        // EACCES, as from a network file system that is briefly away.
        let rules = format!("pwritev64:1:errno={0},pwritev64:2:errno={0}", libc::EACCES);
        let environment = [("LD_PRELOAD", shim.to_str().unwrap()), ("SHIM", rules.as_str())];
        let output = Recorder::start(&line, &environment).output();
        assert_eq!(sink_errors(&output).len(), usize::from(fails), "{output:?}");
        if fails {
            assert_eq!(names(dir.path()), ["out.recording.bin"]);
        } else {
            assert!(std::fs::read(&out).unwrap() == pattern(100_000));
        }
    }
}

#[test]
fn with_flush_the_pages_of_each_window_go_while_the_recording_goes_on() {
    let dir = common::folder_on_disk();
    let out = dir.path().join("out.bin");
    let pipeline = pushed_to(&out, "durability=flush flush-threshold=1048576");
    let temp = dir.path().join("out.recording.bin");
    for n in 1..=24 {
        pipeline.push(vec![1; 1 << 20]);
        wait_until("it is written", || pipeline.stat("bytes") == Some(n << 20));
        // Waiting for it keeps this slower than any disk.
        wait_until("the window's pages are let go", || suite::resident(&temp) < 1 << 20);
    }
    pipeline.finish();
    assert!(suite::resident(&out) < 1 << 20 && std::fs::metadata(&out).unwrap().len() == 24 << 20);
}
