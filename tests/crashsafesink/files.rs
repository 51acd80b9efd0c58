//! `crashsafesink` in pipelines: what is on disk under which name, when, and what it says about it.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use gst::prelude::*;

use crate::bytes::{bytes_to, folder, pushed_to, shown};
use crate::common::sink::{names, pattern};
use crate::common::{self, PATIENCE, TestPipeline, wait_until};

#[test]
fn a_finished_recording_has_its_name_and_every_byte() {
    let dir = folder();
    let out = dir.path().join("out.bin");
    for (buffers, size) in [(1, 1), (1000, 188), (100, 65_536), (3, 8 << 20)] {
        for more in ["", "durability=flush", "flush-threshold=4096 page-cache=keep"] {
            let pipeline = bytes_to(&out, buffers, size, &format!("on-exists=replace {more}"));
            pipeline.run(PATIENCE).expect_eos();
            let content = std::fs::read(&out).unwrap();
            assert!(content == pattern(content.len()) && content.len() == buffers as usize * size as usize);
            assert_eq!(names(dir.path()), ["out.bin"]);
        }
    }
}

#[test]
fn while_recording_only_the_temporary_name_is_there_and_it_grows() {
    let dir = folder();
    let out = dir.path().join("out.bin");
    let pipeline = pushed_to(&out, "flush-interval=20000000");
    pipeline.push([7; 100]);
    let temp = dir.path().join("out.recording.bin");
    wait_until("the interval flushes what is held", || std::fs::metadata(&temp).is_ok_and(|m| m.len() == 100));
    assert_eq!(names(dir.path()), ["out.recording.bin"]);
    assert_eq!(pipeline.sink.property::<Option<String>>("temp-location"), Some(shown(&temp)));
    pipeline.finish();
    assert_eq!(names(dir.path()), ["out.bin"]);
}

#[test]
fn without_eos_the_temporary_file_is_kept_and_said_so() {
    let dir = folder();
    let out = dir.path().join("out.bin");
    let pipeline = bytes_to(&out, -1, 1000, "");
    pipeline.set_state(gst::State::Playing).unwrap();
    let sink = pipeline.element("sink");
    wait_until("data flows", || sink.property::<gst::Structure>("stats").get::<u64>("bytes").unwrap() > 100_000);
    let bus = pipeline.bus().unwrap();
    // Going to NULL empties a pipeline's bus.
    pipeline.set_property("auto-flush-bus", false);
    pipeline.set_state(gst::State::Null).unwrap();
    let kept = std::iter::from_fn(|| bus.pop())
        .find(|m| m.structure().is_some_and(|s| s.name() == "crashsafesink-kept"))
        .expect("a message about the kept file");
    let (path, bytes) = {
        let s = kept.structure().unwrap();
        (PathBuf::from(s.get::<String>("path").unwrap()), s.get::<u64>("bytes").unwrap())
    };
    assert_eq!(path, dir.path().join("out.recording.bin"));
    let content = std::fs::read(&path).unwrap();
    assert!(content.len() as u64 == bytes && content == pattern(content.len()));
    assert_eq!(names(dir.path()), ["out.recording.bin"]);
}

#[test]
fn an_existing_file_is_refused_numbered_or_replaced_as_asked() {
    let dir = folder();
    let out = dir.path().join("out.bin");
    std::fs::write(&out, b"old").unwrap();
    let inode = || std::fs::metadata(&out).unwrap().ino();
    let before = inode();
    let (error, _) = bytes_to(&out, 3, 10, "").run(PATIENCE).unwrap_error();
    assert!(error.matches(gst::ResourceError::OpenWrite), "{error}");
    assert!(error.message().ends_with("use on-exists=replace or on-exists=number."), "{error}");
    assert_eq!(names(dir.path()), ["out.bin"]);

    bytes_to(&out, 3, 10, "on-exists=number").run(PATIENCE).expect_eos();
    bytes_to(&out, 4, 10, "on-exists=number").run(PATIENCE).expect_eos();
    assert_eq!(names(dir.path()), ["out-1.bin", "out-2.bin", "out.bin"]);
    assert_eq!((std::fs::read(&out).unwrap().as_slice(), inode()), (&b"old"[..], before));
    assert_eq!(std::fs::read(dir.path().join("out-2.bin")).unwrap().len(), 40);

    bytes_to(&out, 3, 10, "on-exists=replace").run(PATIENCE).expect_eos();
    assert_eq!(std::fs::read(&out).unwrap(), pattern(30));
}

#[test]
fn a_file_that_appears_while_recording_stays_and_both_are_named() {
    let dir = folder();
    let out = dir.path().join("out.bin");
    let pipeline = pushed_to(&out, "");
    pipeline.push([7; 100]);
    wait_until("the recording has begun", || dir.path().join("out.recording.bin").exists());
    std::fs::write(&out, b"theirs").unwrap();
    let inode = || std::fs::metadata(&out).unwrap().ino();
    let before = inode();
    pipeline.end();
    let (error, _) = pipeline.wait(PATIENCE).unwrap_error();
    assert!(error.matches(gst::ResourceError::Close), "{error}");
    assert!(error.message().contains("out.bin") && error.message().contains("out.recording.bin"), "{error}");
    assert_eq!((std::fs::read(&out).unwrap().as_slice(), inode()), (&b"theirs"[..], before));
    assert_eq!(std::fs::read(dir.path().join("out.recording.bin")).unwrap(), [7; 100]);
}

#[test]
fn an_earlier_unfinished_recording_is_set_aside_untouched() {
    let dir = folder();
    let out = dir.path().join("out.bin");
    std::fs::write(dir.path().join("out.recording.bin"), b"precious").unwrap();
    let pipeline = bytes_to(&out, 3, 10, "");
    pipeline.set_state(gst::State::Playing).unwrap();
    let message = pipeline.next_message("crashsafesink-leftover", PATIENCE).expect("a message");
    let aside = PathBuf::from(message.structure().unwrap().get::<String>("path").unwrap());
    pipeline.wait(PATIENCE).expect_eos();
    assert_eq!(std::fs::read(&aside).unwrap(), b"precious");
    assert_eq!(names(dir.path()).len(), 2, "{:?}", names(dir.path()));
}

#[test]
fn a_second_recorder_on_the_same_location_is_refused_while_the_first_goes_on() {
    let dir = folder();
    let out = dir.path().join("out.bin");
    let first = pushed_to(&out, "");
    first.push([7; 100]);
    wait_until("the recording has begun", || dir.path().join("out.recording.bin").exists());
    let (error, _) = bytes_to(&out, 3, 10, "").run(PATIENCE).unwrap_error();
    assert!(error.matches(gst::ResourceError::Busy), "{error}");
    first.finish();
    assert_eq!(std::fs::read(&out).unwrap(), [7; 100]);
    assert_eq!(names(dir.path()), ["out.bin"]);
}

#[test]
fn places_that_cannot_be_recorded_to_are_refused_in_one_sentence() {
    let dir = folder();
    let at = |name: &str| dir.path().join(name);
    std::fs::create_dir(at("folder")).unwrap();
    std::os::unix::fs::symlink("/nowhere/at/all", at("dangling")).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        at("pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o644),
        0,
    )
    .unwrap();
    let before = names(dir.path());
    for (name, kind, text) in [
        ("folder", gst::ResourceError::OpenWrite, "is a directory"),
        ("dangling", gst::ResourceError::OpenWrite, "is a symbolic link"),
        ("pipe", gst::ResourceError::OpenWrite, "is a pipe, socket or device"),
        ("missing/out.bin", gst::ResourceError::OpenWrite, "does not exist"),
        ("pipe/out.bin", gst::ResourceError::OpenWrite, "is not a directory"),
        ("out.recording.bin", gst::ResourceError::OpenWrite, "already carries the mark"),
    ] {
        let (error, _) = bytes_to(&at(name), 1, 10, "on-exists=replace").run(PATIENCE).unwrap_error();
        assert!(error.matches(kind) && error.message().contains(text), "{name}: {error}");
    }
    let none = TestPipeline::parse("fakesrc num-buffers=1 ! crashsafesink");
    let (error, _) = none.run(PATIENCE).unwrap_error();
    assert!(error.matches(gst::ResourceError::NotFound) && error.message().contains("location property"), "{error}");
    assert_eq!(names(dir.path()), before);
}

#[test]
fn a_stream_without_data_makes_no_file() {
    let dir = folder();
    bytes_to(&dir.path().join("out.bin"), 0, 10, "").run(PATIENCE).expect_eos();
    assert!(names(dir.path()).is_empty());
}

#[test]
fn a_file_uri_finds_the_element_s_location() {
    common::init();
    let sink = gst::ElementFactory::make("crashsafesink").build().unwrap();
    let handler = sink.dynamic_cast_ref::<gst::URIHandler>().unwrap();
    handler.set_uri("file:///tmp/with%20space.ogg").unwrap();
    assert_eq!(sink.property::<String>("location"), "/tmp/with space.ogg");
    assert_eq!(handler.uri().unwrap(), "file:///tmp/with%20space.ogg");
    assert!(handler.set_uri("http://example.org/x").is_err());
}

#[test]
fn a_flush_sets_what_was_recorded_aside_and_begins_anew() {
    let dir = folder();
    let out = dir.path().join("out.bin");
    let pipeline = pushed_to(&out, "");
    pipeline.push([1; 100]);
    wait_until("data arrives", || pipeline.stat("bytes") == Some(100));
    let pad = pipeline.sink.static_pad("sink").unwrap();
    assert!(pad.send_event(gst::event::FlushStart::new()));
    assert!(pad.send_event(gst::event::FlushStop::new(true)));
    let message = pipeline.next_message("crashsafesink-kept", PATIENCE).unwrap();
    let aside = message.structure().unwrap().get::<String>("path").unwrap();
    assert_eq!(std::fs::read(&aside).unwrap(), [1; 100]);

    let bytes = gst::FormattedSegment::<gst::format::Bytes>::new();
    assert!(pad.send_event(gst::event::Segment::new(&bytes)));
    assert_eq!(pad.chain(gst::Buffer::from_slice([2_u8; 50])), Ok(gst::FlowSuccess::Ok));
    assert!(pad.send_event(gst::event::Eos::new()));
    assert_eq!(std::fs::read(&out).unwrap(), [2; 50]);
    assert_eq!(std::fs::read(&aside).unwrap(), [1; 100]);
    assert_eq!(names(dir.path()).len(), 2);
}

#[test]
fn a_recording_whose_name_was_removed_is_saved_all_the_same() {
    let dir = folder();
    let out = dir.path().join("out.bin");
    let pipeline = pushed_to(&out, "");
    pipeline.push([3; 100]);
    let temp = dir.path().join("out.recording.bin");
    wait_until("the recording has begun", || temp.exists());
    std::fs::remove_file(&temp).unwrap();
    std::fs::write(&temp, b"somebody else's").unwrap();
    pipeline.finish();
    assert_eq!(std::fs::read(&out).unwrap(), [3; 100]);
    assert_eq!(std::fs::read(&temp).unwrap(), b"somebody else's");
}

#[test]
fn finish_on_stop_gives_the_name_without_eos() {
    let dir = folder();
    let out = dir.path().join("out.bin");
    let pipeline = bytes_to(&out, -1, 1000, "finish-on-stop=true");
    pipeline.set_state(gst::State::Playing).unwrap();
    let sink = pipeline.element("sink");
    wait_until("data flows", || sink.property::<gst::Structure>("stats").get::<u64>("bytes").unwrap() > 10_000);
    pipeline.set_state(gst::State::Null).unwrap();
    assert_eq!(names(dir.path()), ["out.bin"]);
    let content = std::fs::read(&out).unwrap();
    assert!(content.len() > 10_000 && content == pattern(content.len()));
}

#[test]
fn low_space_is_told_and_can_end_the_pipeline() {
    let dir = folder();
    let out = dir.path().join("out.bin");
    let pipeline = TestPipeline::parse(&format!(
        "fakesrc is-live=true sizetype=fixed sizemax=100 do-timestamp=true ! \
         crashsafesink location={} min-free-space={} eos-on-low-space=true flush-interval=1000000",
        shown(&out),
        u64::MAX / 2
    ));
    pipeline.run(PATIENCE).expect_eos();
    assert_eq!(names(dir.path()), ["out.bin"]);
}

#[test]
fn a_muxer_that_writes_its_index_last_earns_a_warning_that_names_better_settings() {
    let dir = folder();
    for (settings, warned) in
        [("", true), ("fragment-duration=500", false), ("reserved-max-duration=9000000000", false)]
    {
        let out = dir.path().join("out.mp4");
        let pipeline = TestPipeline::parse(&format!(
            "videotestsrc num-buffers=10 ! x264enc ! h264parse ! mp4mux {settings} ! queue ! \
             crashsafesink location={} on-exists=replace",
            shown(&out)
        ));
        pipeline.set_state(gst::State::Playing).unwrap();
        let bus = pipeline.bus().unwrap();
        let until_eos = [gst::MessageType::Eos, gst::MessageType::Error, gst::MessageType::Warning];
        let mut warnings = Vec::new();
        loop {
            let message = bus.timed_pop_filtered(gst::ClockTime::from_seconds(60), &until_eos).unwrap();
            match message.view() {
                gst::MessageView::Warning(w) => warnings.push(w.error().message().to_owned()),
                gst::MessageView::Eos(_) => break,
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(warnings.len(), usize::from(warned), "{settings}: {warnings:?}");
        for word in ["fragment-duration", "first-moov-then-finalise", "reserved-max-duration", "matroskamux"] {
            assert!(warnings.iter().all(|w| w.contains(word)), "{word}: {warnings:?}");
        }
    }
}
