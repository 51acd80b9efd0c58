//! `crashsafesink` in circumstances: odd streams, names, neighbours, pauses, silence.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use gst::prelude::*;

use crate::bytes::{bytes_to, folder, pushed_to, shown};
use crate::common::gate::{Gate, Opener};
use crate::common::process::alone;
use crate::common::sink::{names, pattern};
use crate::common::{self, PATIENCE, TestPipeline, wait_until};

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
    let pipeline = pushed_to(&out, "flush-threshold=4096");
    let mut expected = Vec::new();
    for buffer in [gst::Buffer::new(), many(), gst::Buffer::from_slice(vec![9; 100_000]), gst::Buffer::new(), many()] {
        expected.extend_from_slice(buffer.map_readable().unwrap().as_slice());
        pipeline.push_buffer(buffer);
    }
    let mut list = gst::BufferList::new();
    for i in 0..2000_u32 {
        expected.extend_from_slice(&[i as u8; 188]);
        list.get_mut().unwrap().add(gst::Buffer::from_slice([i as u8; 188]));
    }
    pipeline.push_list(list);
    pipeline.finish();
    let pad = pipeline.sink.static_pad("sink").unwrap();
    // A second EOS and data after it change nothing.
    pad.send_event(gst::event::Eos::new());
    assert_eq!(pad.chain(gst::Buffer::from_slice([1_u8; 10])), Err(gst::FlowError::Eos));
    assert!(std::fs::read(&out).unwrap() == expected);
    assert_eq!(names(dir.path()), ["odd.bin"]);
}

#[test]
fn a_pool_of_one_buffer_is_never_kept_waiting() {
    let dir = folder();
    let out = dir.path().join("out.bin");
    let pipeline = pushed_to(&out, "flush-interval=0");
    let pad = pipeline.sink.static_pad("sink").unwrap();
    let pool = gst::BufferPool::new();
    for size in [188, 65_536, 100_000, 300_000] {
        let mut config = pool.config();
        config.set_params(None, size, 1, 1);
        pool.set_config(config).unwrap();
        pool.set_active(true).unwrap();
        let at_once = gst::BufferPoolAcquireParams::with_flags(gst::BufferPoolAcquireFlags::DONTWAIT);
        for n in 0..20 {
            let buffer = pool.acquire_buffer(Some(&at_once)).unwrap_or_else(|e| panic!("buffer {n} of {size}: {e}"));
            // Each second time another buffer that keeps it, as parts of a buffer do.
            let buffer = if n % 2 == 0 {
                buffer
            } else {
                let mut part = gst::Buffer::with_size(size as usize).unwrap();
                gst::meta::ParentBufferMeta::add(part.make_mut(), &buffer);
                part
            };
            pad.chain(buffer).unwrap();
        }
        pool.set_active(false).unwrap();
    }
}

#[test]
fn a_buffer_that_asks_for_it_is_on_disk_when_the_push_returns() {
    let dir = folder();
    let out = dir.path().join("out.bin");
    let pipeline = pushed_to(&out, "flush-interval=0 durability=flush");
    let mut buffer = gst::Buffer::from_slice([5_u8; 321]);
    buffer.get_mut().unwrap().set_flags(gst::BufferFlags::SYNC_AFTER);
    pipeline.push([4; 100]);
    pipeline.push_buffer(buffer);
    wait_until("it is synced", || pipeline.stat("syncs") == Some(1));
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
    alone!();
    let dir = folder();
    let (old, new) = (dir.path().join("old"), dir.path().join("new"));
    std::fs::create_dir(&old).unwrap();
    std::env::set_current_dir(&old).unwrap();
    let pipeline = pushed_to(Path::new("relative.bin"), "");
    pipeline.push([6; 100]);
    std::env::set_current_dir("/").unwrap();
    std::fs::rename(&old, &new).unwrap();
    pipeline.finish();
    assert_eq!(std::fs::read(new.join("relative.bin")).unwrap(), [6; 100]);
    assert_eq!(names(&new), ["relative.bin"]);
}

#[test]
fn a_deleted_directory_is_one_clear_error() {
    let dir = folder();
    let inner = dir.path().join("inner");
    std::fs::create_dir(&inner).unwrap();
    let pipeline = pushed_to(&inner.join("out.bin"), "");
    pipeline.push([6; 100]);
    std::fs::remove_dir_all(&inner).unwrap();
    pipeline.end();
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
    // Both ways to choose the sink; each counts in one of the two modes only, and in the other is silently not used.
    for how in [
        "muxer=matroskamux sink=\"crashsafesink on-exists=replace\"",
        // 1 is "replace": an enumeration is set from a number, and from a name it silently is not.
        "async-finalize=true muxer-factory=matroskamux sink-factory=crashsafesink sink-properties=\"properties,on-exists=1\"",
    ] {
        let dir = folder();
        let pipeline = TestPipeline::parse(&format!(
            "videotestsrc name=source num-buffers=150 ! video/x-raw,width=64,height=64,framerate=30/1 ! \
             x264enc tune=zerolatency key-int-max=15 ! h264parse ! splitmuxsink name=split {how} \
             location={}/part%02d.mkv max-size-time=1000000000 max-files=3",
            shown(dir.path())
        ));
        // Where fragments are finished beside the next ones, numbers may not return before: a file is still being recorded, and
        // splitmuxsink fails over two elements of one name. The fourth and the fifth fragment wait for the first two.
        let gates = [90, 120].map(|frame| (frame, Opener(Gate::default())));
        let (held, count) = (gates.each_ref().map(|(frame, gate)| (*frame, gate.0.clone())), AtomicU64::new(0));
        let source = pipeline.element("source").static_pad("src").unwrap();
        source.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
            let n = count.fetch_add(1, Ordering::SeqCst);
            held.iter().filter(|(frame, _)| *frame == n).for_each(|(_, gate)| gate.pass());
            gst::PadProbeReturn::Ok
        });
        pipeline.set_state(gst::State::Playing).unwrap();
        let split = pipeline.element("split").downcast::<gst::Bin>().unwrap();
        for (fragment, (_, gate)) in gates.iter().enumerate() {
            let gone = |kind| split.by_name(&format!("{kind}_{fragment}")).is_none();
            wait_until("an earlier fragment is finished", || {
                dir.path().join(format!("part0{fragment}.mkv")).exists() && gone("sink") && gone("muxer")
            });
            gate.open();
        }
        pipeline.wait(PATIENCE).expect_eos();
        pipeline.set_state(gst::State::Null).unwrap();
        // Five fragments, of which the last two replace the first two.
        assert_eq!(names(dir.path()), ["part00.mkv", "part01.mkv", "part02.mkv"], "{how}");
        let frames = |name: &String| common::sink::playable_frames(&dir.path().join(name));
        let frames: Vec<_> = names(dir.path()).iter().map(frames).collect();
        assert_eq!(frames, [30, 30, 30], "{how}");
    }
}

#[test]
fn memory_that_cannot_be_read_is_an_error_and_no_hole() {
    let dir = folder();
    let out = dir.path().join("out.bin");
    let pipeline = pushed_to(&out, "");
    pipeline.push([1; 100]);
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
        let pad = pipeline.sink.static_pad("sink").unwrap();
        wait_until("what came before is recorded", || pipeline.stat("bytes") == Some(100));
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
        let pipeline = pushed_to(&out, "flush-interval=20000000");
        pipeline.push([1; 100]);
        wait_until("silence flushes", || std::fs::metadata(&temp).is_ok_and(|m| m.len() == 100));
        wait_until("and syncs", || pipeline.stat("unsynced-bytes") == Some(0));
        // Many intervals of silence: nothing to flush, nothing to warn of.
        std::thread::sleep(std::time::Duration::from_millis(300));
        let bus = pipeline.bus().unwrap();
        assert!(bus.pop_filtered(&[gst::MessageType::Warning, gst::MessageType::Error]).is_none());
        if resumes {
            pipeline.push([2; 50]);
            wait_until("it goes on", || std::fs::metadata(&temp).is_ok_and(|m| m.len() == 150));
            pipeline.finish();
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
