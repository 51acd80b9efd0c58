//! `crashsafesink` in pipelines: what is on disk under which name, when, and what it says about it.
#![cfg(feature = "plugin")]
#![allow(clippy::unwrap_used, reason = "a failed step should end the test where it stands")]
mod common;

use std::path::{Path, PathBuf};

use common::sink::{names, pattern};
use common::{PATIENCE, TestPipeline, wait_until};
use gst::prelude::*;

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// A source of `buffers` times `size` known bytes into the sink.
fn bytes_to(location: &Path, buffers: i32, size: u32, more: &str) -> TestPipeline {
    TestPipeline::parse(&format!(
        "fakesrc num-buffers={buffers} sizetype=fixed sizemax={size} filltype=pattern-span ! \
         crashsafesink name=sink location=\"{}\" {more}",
        shown(location)
    ))
}

fn push(src: &gst::Element, data: impl AsRef<[u8]> + Send + 'static) {
    let buffer = gst::Buffer::from_slice(data);
    assert_eq!(src.emit_by_name::<gst::FlowReturn>("push-buffer", &[&buffer]), gst::FlowReturn::Ok);
}

fn end(src: &gst::Element) {
    assert_eq!(src.emit_by_name::<gst::FlowReturn>("end-of-stream", &[]), gst::FlowReturn::Ok);
}

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
    let pipeline = TestPipeline::parse(&format!(
        "appsrc name=src format=bytes ! crashsafesink name=sink location={} flush-interval=20000000",
        shown(&out)
    ));
    pipeline.set_state(gst::State::Playing).unwrap();
    let src = pipeline.element("src");
    push(&src, [7; 100]);
    let temp = dir.path().join("out.recording.bin");
    wait_until("the interval flushes what is held", || std::fs::metadata(&temp).is_ok_and(|m| m.len() == 100));
    assert_eq!(names(dir.path()), ["out.recording.bin"]);
    assert_eq!(pipeline.element("sink").property::<Option<String>>("temp-location"), Some(shown(&temp)));
    end(&src);
    pipeline.wait(PATIENCE).expect_eos();
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
    let (error, _) = bytes_to(&out, 3, 10, "").run(PATIENCE).unwrap_error();
    assert!(error.matches(gst::ResourceError::OpenWrite), "{error}");
    assert!(error.message().ends_with("use on-exists=replace or on-exists=number."), "{error}");
    assert_eq!(names(dir.path()), ["out.bin"]);

    bytes_to(&out, 3, 10, "on-exists=number").run(PATIENCE).expect_eos();
    bytes_to(&out, 4, 10, "on-exists=number").run(PATIENCE).expect_eos();
    assert_eq!(names(dir.path()), ["out-1.bin", "out-2.bin", "out.bin"]);
    assert_eq!(std::fs::read(&out).unwrap(), b"old");
    assert_eq!(std::fs::read(dir.path().join("out-2.bin")).unwrap().len(), 40);

    bytes_to(&out, 3, 10, "on-exists=replace").run(PATIENCE).expect_eos();
    assert_eq!(std::fs::read(&out).unwrap(), pattern(30));
}

#[test]
fn a_file_that_appears_while_recording_stays_and_both_are_named() {
    let dir = folder();
    let out = dir.path().join("out.bin");
    let pipeline =
        TestPipeline::parse(&format!("appsrc name=src format=bytes ! crashsafesink location={}", shown(&out)));
    pipeline.set_state(gst::State::Playing).unwrap();
    let src = pipeline.element("src");
    push(&src, [7_u8; 100]);
    wait_until("the recording has begun", || dir.path().join("out.recording.bin").exists());
    std::fs::write(&out, b"theirs").unwrap();
    end(&src);
    let (error, _) = pipeline.wait(PATIENCE).unwrap_error();
    assert!(error.matches(gst::ResourceError::Close), "{error}");
    assert!(error.message().contains("out.bin") && error.message().contains("out.recording.bin"), "{error}");
    assert_eq!(std::fs::read(&out).unwrap(), b"theirs");
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
    let first = TestPipeline::parse(&format!("appsrc name=src format=bytes ! crashsafesink location={}", shown(&out)));
    first.set_state(gst::State::Playing).unwrap();
    let src = first.element("src");
    push(&src, [7_u8; 100]);
    wait_until("the recording has begun", || dir.path().join("out.recording.bin").exists());
    let (error, _) = bytes_to(&out, 3, 10, "").run(PATIENCE).unwrap_error();
    assert!(error.matches(gst::ResourceError::Busy), "{error}");
    end(&src);
    first.wait(PATIENCE).expect_eos();
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
        ("missing/out.bin", gst::ResourceError::NotFound, "does not exist"),
        ("pipe/out.bin", gst::ResourceError::NotFound, "is not a directory"),
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
    let pipeline = TestPipeline::parse(&format!(
        "appsrc name=src format=bytes stream-type=seekable max-bytes=0 ! crashsafesink name=sink location={}",
        shown(&out)
    ));
    let src = pipeline.element("src");
    src.connect("seek-data", false, |_| Some(true.to_value()));
    pipeline.set_state(gst::State::Playing).unwrap();
    push(&src, [1; 100]);
    let sink = pipeline.element("sink");
    wait_until("data arrives", || sink.property::<gst::Structure>("stats").get::<u64>("bytes") == Ok(100));
    let pad = sink.static_pad("sink").unwrap();
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
    let pipeline = TestPipeline::parse(&format!(
        "appsrc name=src format=bytes ! crashsafesink name=sink location={}",
        shown(&out)
    ));
    pipeline.set_state(gst::State::Playing).unwrap();
    let src = pipeline.element("src");
    push(&src, [3; 100]);
    let temp = dir.path().join("out.recording.bin");
    wait_until("the recording has begun", || temp.exists());
    std::fs::remove_file(&temp).unwrap();
    std::fs::write(&temp, b"somebody else's").unwrap();
    end(&src);
    pipeline.wait(PATIENCE).expect_eos();
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

/// Deadly for a lesser sink; each with what should come of it.
#[test]
fn odd_streams_are_recorded_byte_for_byte() {
    let dir = folder();
    common::init();
    let out = dir.path().join("odd.bin");
    let many = || {
        let mut buffer = gst::Buffer::new();
        for i in 0..2000_u32 {
            buffer.get_mut().unwrap().append_memory(gst::Memory::from_slice(vec![i as u8; 50]));
        }
        buffer
    };
    let pipeline = TestPipeline::parse(&format!(
        "appsrc name=src format=bytes max-bytes=0 ! crashsafesink name=sink location={} flush-threshold=4096",
        shown(&out)
    ));
    pipeline.set_state(gst::State::Playing).unwrap();
    let src = pipeline.element("src");
    let mut expected = Vec::new();
    for buffer in [gst::Buffer::new(), many(), gst::Buffer::from_slice(vec![9; 100_000]), gst::Buffer::new(), many()] {
        expected.extend_from_slice(buffer.map_readable().unwrap().as_slice());
        assert_eq!(src.emit_by_name::<gst::FlowReturn>("push-buffer", &[&buffer]), gst::FlowReturn::Ok);
    }
    let mut list = gst::BufferList::new();
    for i in 0..500_u32 {
        expected.extend_from_slice(&[i as u8; 188]);
        list.get_mut().unwrap().add(gst::Buffer::from_slice([i as u8; 188]));
    }
    assert_eq!(src.emit_by_name::<gst::FlowReturn>("push-buffer-list", &[&list]), gst::FlowReturn::Ok);
    end(&src);
    pipeline.wait(PATIENCE).expect_eos();
    let sink = pipeline.element("sink");
    let pad = sink.static_pad("sink").unwrap();
    // A second EOS and data after it change nothing.
    pad.send_event(gst::event::Eos::new());
    assert_eq!(pad.chain(gst::Buffer::from_slice([1_u8; 10])), Err(gst::FlowError::Eos));
    assert!(std::fs::read(&out).unwrap() == expected);
    assert_eq!(names(dir.path()), ["odd.bin"]);
}

#[test]
fn a_buffer_that_asks_for_it_is_on_disk_when_the_push_returns() {
    let dir = folder();
    let out = dir.path().join("out.bin");
    let pipeline = TestPipeline::parse(&format!(
        "appsrc name=src format=bytes ! crashsafesink name=sink location={} flush-interval=0 durability=flush",
        shown(&out)
    ));
    pipeline.set_state(gst::State::Playing).unwrap();
    let mut buffer = gst::Buffer::from_slice([5_u8; 321]);
    buffer.get_mut().unwrap().set_flags(gst::BufferFlags::SYNC_AFTER);
    let (src, sink) = (pipeline.element("src"), pipeline.element("sink"));
    push(&src, [4; 100]);
    assert_eq!(src.emit_by_name::<gst::FlowReturn>("push-buffer", &[&buffer]), gst::FlowReturn::Ok);
    wait_until("it is synced", || sink.property::<gst::Structure>("stats").get::<u64>("syncs") == Ok(1));
    wait_until("it is written", || std::fs::read(dir.path().join("out.recording.bin")).unwrap().len() == 421);
}

#[test]
fn the_location_is_fixed_while_recording() {
    let dir = folder();
    let out = dir.path().join("out.bin");
    let pipeline = bytes_to(&out, -1, 100, "");
    pipeline.set_state(gst::State::Playing).unwrap();
    let sink = pipeline.element("sink");
    wait_until("data flows", || sink.property::<gst::Structure>("stats").get::<u64>("bytes").unwrap() > 0);
    sink.set_property("location", "/elsewhere");
    assert_eq!(sink.property::<String>("location"), shown(&out));
    pipeline.set_state(gst::State::Null).unwrap();
    sink.set_property("location", "/elsewhere");
    assert_eq!(sink.property::<String>("location"), "/elsewhere");
}

#[test]
fn a_moved_directory_and_a_changed_working_directory_do_not_matter() {
    let dir = folder();
    let (old, new) = (dir.path().join("old"), dir.path().join("new"));
    std::fs::create_dir(&old).unwrap();
    std::env::set_current_dir(&old).unwrap();
    let pipeline = TestPipeline::parse("appsrc name=src format=bytes ! crashsafesink name=sink location=relative.bin");
    pipeline.set_state(gst::State::Playing).unwrap();
    let src = pipeline.element("src");
    push(&src, [6; 100]);
    std::env::set_current_dir("/").unwrap();
    std::fs::rename(&old, &new).unwrap();
    end(&src);
    pipeline.wait(PATIENCE).expect_eos();
    assert_eq!(std::fs::read(new.join("relative.bin")).unwrap(), [6; 100]);
    assert_eq!(names(&new), ["relative.bin"]);
}

#[test]
fn a_deleted_directory_is_one_clear_error() {
    let dir = folder();
    let inner = dir.path().join("inner");
    std::fs::create_dir(&inner).unwrap();
    let pipeline = TestPipeline::parse(&format!(
        "appsrc name=src format=bytes ! crashsafesink name=sink location={}",
        shown(&inner.join("out.bin"))
    ));
    pipeline.set_state(gst::State::Playing).unwrap();
    let src = pipeline.element("src");
    push(&src, [6; 100]);
    std::fs::remove_dir_all(&inner).unwrap();
    end(&src);
    let (error, _) = pipeline.wait(PATIENCE).unwrap_error();
    assert!(error.matches(gst::ResourceError::Close) && error.message().contains("removed"), "{error}");
}

#[test]
fn a_link_planted_under_the_temporary_name_is_not_followed() {
    let dir = folder();
    let victim = dir.path().join("victim");
    std::fs::write(&victim, b"victim").unwrap();
    std::os::unix::fs::symlink(&victim, dir.path().join("out.recording.bin")).unwrap();
    let (error, _) = bytes_to(&dir.path().join("out.bin"), 3, 10, "").run(PATIENCE).unwrap_error();
    assert!(error.matches(gst::ResourceError::OpenWrite) && error.message().contains("link"), "{error}");
    assert_eq!(std::fs::read(&victim).unwrap(), b"victim");
}

#[test]
fn long_and_foreign_names_are_recorded_to() {
    let dir = folder();
    for name in ["é".repeat(125) + ".mp4", "名".repeat(85), "-rf 'quoted' \"name\".ogg".into(), "x".repeat(255)] {
        let out = dir.path().join(&name);
        common::init();
        let sink = gst::ElementFactory::make("crashsafesink").property("location", shown(&out)).build().unwrap();
        let src = gst::ElementFactory::make("fakesrc").property("num-buffers", 3).build().unwrap();
        src.set_property_from_str("sizetype", "fixed");
        src.set_property("sizemax", 10);
        let pipeline = TestPipeline(gst::Pipeline::new());
        pipeline.add_many([&src, &sink]).unwrap();
        src.link(&sink).unwrap();
        pipeline.run(PATIENCE).expect_eos();
        assert_eq!(std::fs::metadata(&out).unwrap().len(), 30, "{name}");
        std::fs::remove_file(&out).unwrap();
    }
    assert!(names(dir.path()).is_empty());
}

#[test]
fn four_recorders_at_once_keep_every_byte() {
    let dir = folder();
    let pipelines: Vec<_> =
        (0..4).map(|n| bytes_to(&dir.path().join(format!("{n}.bin")), 2000, 1000, "flush-threshold=65536")).collect();
    for pipeline in &pipelines {
        pipeline.set_state(gst::State::Playing).unwrap();
    }
    for pipeline in &pipelines {
        pipeline.wait(PATIENCE).expect_eos();
    }
    for n in 0..4 {
        assert!(std::fs::read(dir.path().join(format!("{n}.bin"))).unwrap() == pattern(2_000_000));
    }
}

#[test]
fn inside_splitmuxsink_every_fragment_is_final_and_old_ones_are_reused() {
    let dir = folder();
    let pipeline = TestPipeline::parse(&format!(
        "videotestsrc num-buffers=150 ! video/x-raw,width=64,height=64,framerate=30/1 ! x264enc key-int-max=15 ! h264parse ! \
         splitmuxsink name=split location={}/part%02d.mp4 max-size-time=1000000000 max-files=3 sink-factory=crashsafesink",
        shown(dir.path())
    ));
    let properties = gst::Structure::builder("properties").field("on-exists", "replace").build();
    pipeline.element("split").set_property("sink-properties", properties);
    pipeline.run(PATIENCE).expect_eos();
    pipeline.set_state(gst::State::Null).unwrap();
    let parts = names(dir.path());
    assert!(parts.len() >= 3 && parts.iter().all(|p| !p.contains("recording")), "{parts:?}");
    let frames: usize = parts.iter().map(|p| common::sink::playable_frames(&dir.path().join(p))).sum();
    assert!((90..=150).contains(&frames), "{frames} frames in {parts:?}");
}

#[test]
fn memory_that_cannot_be_read_is_an_error_and_no_hole() {
    let dir = folder();
    let out = dir.path().join("out.bin");
    let pipeline = TestPipeline::parse(&format!(
        "appsrc name=src format=bytes ! crashsafesink name=sink location={}",
        shown(&out)
    ));
    pipeline.set_state(gst::State::Playing).unwrap();
    let src = pipeline.element("src");
    push(&src, [1; 100]);
    for memories in [1, 3] {
        let mut buffer = gst::Buffer::new();
        for _ in 0..memories {
            buffer.get_mut().unwrap().append_memory(gst::Memory::with_size(100));
        }
        // Mapped for writing by somebody else: it can be mapped for nothing else meanwhile.
        let memory = buffer.peek_memory(memories - 1).as_ptr().cast_mut();
        let mut info = std::mem::MaybeUninit::uninit();
        // SAFETY: the memory lives in `buffer`, which outlives the mapping.
        assert_ne!(unsafe { gst::ffi::gst_memory_map(memory, info.as_mut_ptr(), gst::ffi::GST_MAP_WRITE) }, 0);
        let pad = pipeline.element("sink").static_pad("sink").unwrap();
        wait_until("what came before is recorded", || {
            pipeline.element("sink").property::<gst::Structure>("stats").get::<u64>("bytes") == Ok(100)
        });
        assert_eq!(pad.chain(buffer.clone()), Err(gst::FlowError::Error), "{memories} memories");
        // SAFETY: mapped above with this very structure.
        unsafe { gst::ffi::gst_memory_unmap(memory, info.as_mut_ptr()) };
        let (error, _) = pipeline.wait(PATIENCE).unwrap_error();
        assert!(error.matches(gst::ResourceError::Read) && error.message().contains("hole"), "{error}");
    }
    pipeline.set_state(gst::State::Null).unwrap();
    assert_eq!(std::fs::read(dir.path().join("out.recording.bin")).unwrap(), [1; 100]);
}

#[test]
fn pausing_in_the_middle_of_a_write_changes_no_byte() {
    let dir = folder();
    let out = dir.path().join("out.bin");
    // Buffers of many windows, so that most pauses come within one.
    let pipeline = bytes_to(&out, 12, 4 << 20, "flush-threshold=65536");
    let sink = pipeline.element("sink");
    let bytes = || sink.property::<gst::Structure>("stats").get::<u64>("bytes").unwrap_or(u64::MAX);
    let mut within = 0;
    for n in 0..20_u64 {
        pipeline.set_state(gst::State::Playing).unwrap();
        wait_until("it goes on", || bytes() >= n * (2 << 20) + 100_000);
        pipeline.set_state(gst::State::Paused).unwrap();
        within += usize::from(bytes() % (4 << 20) != 0);
    }
    assert!(within > 3, "only {within} pauses in the middle of a buffer");
    pipeline.run(PATIENCE).expect_eos();
    assert!(std::fs::read(&out).unwrap() == pattern(48 << 20));
}

#[test]
fn a_recording_of_a_fifth_of_a_second_is_complete() {
    let dir = folder();
    let out = dir.path().join("short.mkv");
    let pipeline = TestPipeline::parse(&format!(
        "videotestsrc is-live=true num-buffers=6 ! video/x-raw,width=64,height=64,framerate=30/1 ! vp8enc deadline=1 ! \
         matroskamux ! crashsafesink location={}",
        shown(&out)
    ));
    pipeline.run(PATIENCE).expect_eos();
    assert_eq!(common::sink::playable_frames(&out), 6);
    assert_eq!(names(dir.path()), ["short.mkv"]);
}

#[test]
fn a_source_that_falls_silent_leaves_nothing_unflushed_and_may_resume_or_vanish() {
    let dir = folder();
    for resumes in [true, false] {
        let out = dir.path().join(format!("{resumes}.bin"));
        let temp = dir.path().join(format!("{resumes}.recording.bin"));
        let pipeline = TestPipeline::parse(&format!(
            "appsrc name=src format=bytes ! crashsafesink name=sink location={} flush-interval=20000000",
            shown(&out)
        ));
        pipeline.set_state(gst::State::Playing).unwrap();
        let src = pipeline.element("src");
        push(&src, [1; 100]);
        wait_until("silence flushes", || std::fs::metadata(&temp).is_ok_and(|m| m.len() == 100));
        let unsynced = || pipeline.element("sink").property::<gst::Structure>("stats").get::<u64>("unsynced-bytes");
        wait_until("and syncs", || unsynced() == Ok(0));
        // Many intervals of silence: nothing to flush, nothing to warn of.
        std::thread::sleep(std::time::Duration::from_millis(300));
        let bus = pipeline.bus().unwrap();
        assert!(bus.pop_filtered(&[gst::MessageType::Warning, gst::MessageType::Error]).is_none());
        if resumes {
            push(&src, [2; 50]);
            wait_until("it goes on", || std::fs::metadata(&temp).is_ok_and(|m| m.len() == 150));
            end(&src);
            pipeline.wait(PATIENCE).expect_eos();
            assert_eq!(std::fs::read(&out).unwrap().len(), 150);
        } else {
            pipeline.set_state(gst::State::Null).unwrap();
            assert_eq!(std::fs::read(&temp).unwrap(), [1; 100]);
        }
    }
}

#[test]
fn syncs_are_no_more_than_windows_intervals_and_overwrites_ask_for() {
    let dir = folder();
    for (buffers, threshold, interval) in [(4000, 65_536, 0_u64), (300, 1 << 20, 5_000_000), (1, 1 << 20, 0)] {
        let pipeline = bytes_to(
            &dir.path().join("out.bin"),
            buffers,
            1000,
            &format!("flush-threshold={threshold} flush-interval={interval} on-exists=replace"),
        );
        let sink = pipeline.element("sink");
        let syncs = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
        // Figures end with the recording; the last look is at EOS, and after it come one sync of the rest and none more.
        let pad = sink.static_pad("sink").unwrap();
        let seen = syncs.clone();
        pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |pad, info| {
            if info.event().is_some_and(|e| e.type_() == gst::EventType::Eos) {
                let stats = pad.parent_element().unwrap().property::<gst::Structure>("stats");
                seen.store(stats.get::<u64>("syncs").unwrap(), std::sync::atomic::Ordering::SeqCst);
            }
            gst::PadProbeReturn::Ok
        });
        let since = std::time::Instant::now();
        pipeline.run(PATIENCE).expect_eos();
        let elapsed = since.elapsed().as_nanos() as u64;
        let windows = (buffers as u64 * 1000).div_ceil(threshold);
        let allowed = windows + elapsed.checked_div(interval).unwrap_or(0) + 2;
        let syncs = syncs.load(std::sync::atomic::Ordering::SeqCst) + 1;
        assert!(syncs <= allowed, "{syncs} syncs, {allowed} allowed");
    }
}

#[test]
fn a_muxer_set_up_otherwise_for_the_next_file_is_looked_at_again() {
    let dir = folder();
    let pipeline = TestPipeline::parse(&format!(
        "videotestsrc num-buffers=5 ! x264enc ! h264parse ! mp4mux name=mux fragment-duration=500 ! \
         crashsafesink name=sink location={} on-exists=replace",
        shown(&dir.path().join("out.mp4"))
    ));
    let warnings = || {
        let bus = pipeline.bus().unwrap();
        std::iter::from_fn(|| bus.pop_filtered(&[gst::MessageType::Warning])).count()
    };
    pipeline.run(PATIENCE).expect_eos();
    assert_eq!(warnings(), 0);
    // The muxer alone goes to READY and comes back with other settings, as splitmuxsink has it do between files.
    let (mux, pad) = (pipeline.element("mux"), pipeline.element("sink").static_pad("sink").unwrap());
    pipeline.set_state(gst::State::Paused).unwrap();
    mux.set_locked_state(true);
    mux.set_state(gst::State::Null).unwrap();
    mux.set_property("fragment-duration", 0_u32);
    assert!(pad.send_event(gst::event::FlushStart::new()) && pad.send_event(gst::event::FlushStop::new(true)));
    assert!(pad.send_event(gst::event::StreamStart::new("next")));
    for _ in 0..2 {
        pad.send_event(gst::event::Caps::new(&gst::Caps::new_empty_simple("video/quicktime")));
    }
    assert_eq!(warnings(), 1, "once for the new settings");
}

#[test]
fn the_digest_is_that_of_the_file_whether_bytes_were_overwritten_or_not() {
    let dir = folder();
    let film = "videotestsrc num-buffers=30 ! video/x-raw,width=64,height=64 ! x264enc ! h264parse ! mp4mux";
    let bytes = "fakesrc num-buffers=3000 sizetype=fixed sizemax=1000 filltype=pattern-span";
    let large = "fakesrc num-buffers=9 sizetype=fixed sizemax=5000000 filltype=pattern-span";
    for (source, wanted) in [(film, true), (bytes, true), (large, true), (bytes, false)] {
        let out = dir.path().join("out");
        let pipeline = TestPipeline::parse(&format!(
            "{source} ! crashsafesink location={} on-exists=replace blake3={wanted}",
            shown(&out)
        ));
        pipeline.set_state(gst::State::Playing).unwrap();
        let message = pipeline.next_message("crashsafesink-finished", PATIENCE).unwrap();
        let digest = message.structure().unwrap().get::<String>("blake3").ok();
        let expected = blake3::hash(&std::fs::read(&out).unwrap()).to_hex().to_string();
        assert_eq!(digest, wanted.then_some(expected), "{source}");
    }
}
