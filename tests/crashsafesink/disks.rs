//! `crashsafesink` on disks that are full, read-only or limited, under other masks and clocks.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use gst::prelude::*;

use crate::common::sink::{Disk, Recorder, names, pattern, shim, sink_errors, with_mounts};
use crate::common::{self, PATIENCE, TestPipeline};

fn endless_bytes_to(location: &Path) -> TestPipeline {
    TestPipeline::parse(&format!(
        "fakesrc sizetype=fixed sizemax=1000 filltype=pattern-span ! crashsafesink name=sink location={}",
        location.display()
    ))
}

/// A recording of so many buffers of 1000 bytes, in a process of its own.
fn bytes_to(location: &Path, buffers: usize) -> String {
    let location = location.display();
    format!(
        "fakesrc num-buffers={buffers} sizetype=fixed sizemax=1000 filltype=pattern-span ! \
         crashsafesink name=sink location={location}"
    )
}

/// Errors of the sink's own among what is on the bus: upstream elements add theirs when their pushes fail.
fn errors_of_sink(pipeline: &TestPipeline) -> usize {
    let (bus, sink) = (pipeline.bus().unwrap(), pipeline.element("sink").upcast::<gst::Object>());
    std::iter::from_fn(|| bus.pop_filtered(&[gst::MessageType::Error])).filter(|m| m.src() == Some(&sink)).count()
}

#[test]
fn a_full_disk_is_said_to_be_full_and_what_fitted_is_kept() {
    with_mounts(|| {
        let dir = tempfile::tempdir().unwrap();
        let _disk = Disk::tmpfs(dir.path(), 1 << 20);
        let pipeline = endless_bytes_to(&dir.path().join("out.bin"));
        let (error, debug) = pipeline.run(PATIENCE).unwrap_error();
        assert!(error.matches(gst::ResourceError::NoSpaceLeft), "{error} {debug}");
        assert!(debug.contains("errno 28"), "{debug}");
        pipeline.set_property("auto-flush-bus", false);
        pipeline.set_state(gst::State::Null).unwrap();
        assert_eq!(errors_of_sink(&pipeline), 0, "a second error");
        let content = std::fs::read(dir.path().join("out.recording.bin")).unwrap();
        assert!(content.len() > 500_000 && content == pattern(content.len()));
        assert_eq!(names(dir.path()), ["out.recording.bin"]);
    });
}

#[test]
fn a_disk_that_fills_up_at_the_index_keeps_the_film_and_the_name_free() {
    with_mounts(|| {
        let dir = tempfile::tempdir().unwrap();
        let _disk = Disk::tmpfs(dir.path(), 4 << 20);
        let pipeline = TestPipeline::parse(&format!(
            "videotestsrc num-buffers=300 ! video/x-raw,width=64,height=64,framerate=30/1 ! x264enc key-int-max=15 ! \
             h264parse ! mp4mux fragment-duration=500 fragment-mode=first-moov-then-finalise ! \
             crashsafesink name=sink location={} flush-threshold=8192",
            dir.path().join("out.mp4").display()
        ));
        // All data has passed and the muxer is about to write its index: now the disk is full to the last page.
        let pad = pipeline.element("sink").static_pad("sink").unwrap();
        let filler = dir.path().join("filler");
        let muxer = pad.peer().unwrap().parent_element().unwrap();
        let fill = filler.clone();
        muxer.sink_pads()[0].add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
            if info.event().is_some_and(|e| e.type_() == gst::EventType::Eos) {
                let mut file = std::fs::File::create(&fill).unwrap();
                while file.write_all(&[0; 4096]).is_ok() {}
            }
            gst::PadProbeReturn::Ok
        });
        let (error, debug) = pipeline.run(PATIENCE).unwrap_error();
        assert!(error.matches(gst::ResourceError::NoSpaceLeft), "{error} {debug}");
        pipeline.set_state(gst::State::Null).unwrap();
        std::fs::remove_file(&filler).unwrap();
        assert_eq!(names(dir.path()), ["out.recording.mp4"]);
        assert!(common::sink::playable_frames(&dir.path().join("out.recording.mp4")) > 200);
    });
}

#[test]
fn nothing_stays_open_after_a_failure() {
    with_mounts(|| {
        let dir = tempfile::tempdir().unwrap();
        let _disk = Disk::tmpfs(dir.path(), 1 << 20);
        for _ in 0..3 {
            let pipeline = endless_bytes_to(&dir.path().join("out.bin"));
            pipeline.run(PATIENCE).unwrap_error();
            let since = Instant::now();
            pipeline.set_state(gst::State::Null).unwrap();
            assert!(since.elapsed() < Duration::from_secs(1));
            std::fs::remove_file(dir.path().join("out.recording.bin")).unwrap();
        }
        let open = std::fs::read_dir("/proc/self/fd").unwrap().filter_map(|e| std::fs::read_link(e.ok()?.path()).ok());
        let leaked: Vec<_> = open.filter(|path| path.starts_with(dir.path())).collect();
        assert!(leaked.is_empty(), "{leaked:?}");
    });
}

#[test]
fn a_read_only_file_system_is_one_clear_error() {
    with_mounts(|| {
        let dir = tempfile::tempdir().unwrap();
        Disk::tmpfs(dir.path(), 1 << 24).remount_and_record(dir.path());
    });
}

impl Disk {
    fn remount_and_record(self, folder: &Path) {
        self.remount("ro");
        let (error, debug) = endless_bytes_to(&folder.join("out.bin")).run(PATIENCE).unwrap_error();
        assert!(error.matches(gst::ResourceError::OpenWrite) && error.message().contains("Read-only"), "{error}");
        assert!(debug.contains("errno 30"), "{debug}");
    }
}

#[test]
fn a_file_that_reaches_the_process_limit_is_one_error_and_kept_up_to_there() {
    let dir = tempfile::tempdir().unwrap();
    let line = bytes_to(&dir.path().join("out.bin"), 3000);
    // Blocks of 512 bytes. The signal is the application's to ignore; by default it ends the process, as a kill does.
    let output = Recorder::start_after("trap '' XFSZ; ulimit -f 512", &line, &[]).output();
    let errors = sink_errors(&output);
    assert_eq!(errors.len(), 1, "{output:?}");
    assert!(errors[0].contains("largest size") && errors[0].contains("ulimit -f"), "{errors:?}");
    let content = std::fs::read(dir.path().join("out.recording.bin")).unwrap();
    assert!(content.len() == 512 * 512 && content == pattern(content.len()), "{}", content.len());
    assert_eq!(names(dir.path()), ["out.recording.bin"]);

    std::fs::remove_file(dir.path().join("out.recording.bin")).unwrap();
    let output = Recorder::start_after("ulimit -f 512", &line, &[]).output();
    assert!(!output.status.success());
    assert_eq!(names(dir.path()), ["out.recording.bin"]);
    assert_eq!(std::fs::read(dir.path().join("out.recording.bin")).unwrap(), pattern(512 * 512));
}

#[test]
fn the_mask_of_the_process_decides_who_may_read() {
    let dir = tempfile::tempdir().unwrap();
    for (mask, mode) in [("077", 0o600), ("022", 0o644), ("027", 0o640)] {
        let out = dir.path().join(mask);
        let output = Recorder::start_after(&format!("umask {mask}"), &bytes_to(&out, 3), &[]).output();
        assert!(output.status.success(), "{output:?}");
        assert_eq!(std::fs::metadata(&out).unwrap().permissions().mode() & 0o7777, mode, "umask {mask}");
    }
}

#[test]
fn a_wall_clock_that_jumps_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let tools = tempfile::tempdir().unwrap();
    let shim = shim(tools.path());
    let out = dir.path().join("out.bin");
    // Four leftovers in a row are named by a clock that goes back and forth by years; none may be lost.
    for n in 1..=4_usize {
        std::fs::write(dir.path().join("out.recording.bin"), vec![n as u8; n]).unwrap();
        // Slow enough for many flushes.
        let line = bytes_to(&out, 500).replacen(" ! ", " ! identity sleep-time=300 ! ", 1);
        let line = format!("{line} on-exists=replace flush-interval=1000000");
        let jumps = n.to_string();
        let environment = [("LD_PRELOAD", shim.to_str().unwrap()), ("SHIM_CLOCK", jumps.as_str())];
        let output = Recorder::start(&line, &environment).output();
        assert!(output.status.success(), "{output:?}");
        // Nor does anything look as if it had taken years.
        assert!(!String::from_utf8_lossy(&output.stdout).contains("WARNING"), "{output:?}");
        assert!(std::fs::read(&out).unwrap() == pattern(500_000));
        assert_eq!(names(dir.path()).len(), n + 1, "{:?}", names(dir.path()));
    }
    let mut sizes: Vec<_> =
        names(dir.path()).iter().map(|n| std::fs::metadata(dir.path().join(n)).unwrap().len()).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [1, 2, 3, 4, 500_000]);
}
