//! From NULL to PLAYING and back: where a recording ends, what is told about it in which state, and what stays behind.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use gst::prelude::*;

use crate::bytes::{Pushed, bytes_to, folder, pushed_to, shown};
use crate::common::process::alone;
use crate::common::sink::{Recorder, names, shim};
use crate::common::{self, PATIENCE, TestPipeline, wait_until};

/// Pushes `data` and waits until it is accepted.
fn record(pipeline: &Pushed, data: Vec<u8>) {
    let bytes = data.len() as u64;
    pipeline.push(data);
    wait_until("it is accepted", || pipeline.stat("bytes") == Some(bytes));
}

/// A text in the sink's `stats`.
fn told(sink: &gst::Element, name: &str) -> Option<String> {
    sink.property::<gst::Structure>("stats").get(name).ok()
}

#[test]
fn at_ready_a_recording_is_over_and_the_next_one_begins_from_there() {
    let dir = folder();
    let (first, second) = (dir.path().join("first.bin"), dir.path().join("second.bin"));
    let pipeline = pushed_to(&first, "flush-interval=0");
    record(&pipeline, vec![1; 1000]);
    pipeline.set_state(gst::State::Ready).unwrap();
    let kept = dir.path().join("first.recording.bin");
    assert_eq!(std::fs::read(&kept).unwrap(), [1; 1000]);
    let message = pipeline.next_message("crashsafesink-kept", PATIENCE).unwrap();
    assert_eq!(message.structure().unwrap().get::<String>("path").unwrap(), shown(&kept));
    let (state, path) = (told(&pipeline.sink, "state"), told(&pipeline.sink, "path"));
    assert_eq!((state.as_deref(), path), (Some("kept"), Some(shown(&kept))));

    // To the same place, where it sets its own leftover aside, and to another one.
    pipeline.set_state(gst::State::Playing).unwrap();
    assert_eq!(told(&pipeline.sink, "state").as_deref(), Some("recording"));
    record(&pipeline, vec![2; 500]);
    let leftover = pipeline.next_message("crashsafesink-leftover", PATIENCE).unwrap();
    let aside = leftover.structure().unwrap().get::<String>("path").unwrap();
    assert_eq!(std::fs::read(aside).unwrap(), [1; 1000]);
    pipeline.set_state(gst::State::Ready).unwrap();
    pipeline.sink.set_property("location", shown(&second));
    pipeline.set_state(gst::State::Playing).unwrap();
    record(&pipeline, vec![3; 100]);
    pipeline.finish();
    assert_eq!(std::fs::read(&kept).unwrap(), [2; 500]);
    assert_eq!(std::fs::read(&second).unwrap(), [3; 100]);
    assert_eq!(names(dir.path()).len(), 3, "{:?}", names(dir.path()));
    pipeline.set_state(gst::State::Null).unwrap();
    let (state, path) = (told(&pipeline.sink, "state"), told(&pipeline.sink, "path"));
    assert_eq!((state.as_deref(), path), (Some("finished"), Some(shown(&second))));
}

#[test]
fn a_failure_while_stopping_is_on_the_bus_at_ready_and_in_stats_in_null() {
    let dir = folder();
    let out = dir.path().join("out.bin");
    let pipeline = pushed_to(&out, "finish-on-stop=true");
    record(&pipeline, vec![1; 1000]);
    // In the way of the name that it is to get while it stops.
    std::fs::write(&out, b"theirs").unwrap();
    pipeline.set_state(gst::State::Ready).unwrap();
    let (error, _) = pipeline.wait(PATIENCE).unwrap_error();
    assert!(error.message().contains("has appeared"), "{error}");
    pipeline.set_state(gst::State::Null).unwrap();
    assert_eq!(told(&pipeline.sink, "state").as_deref(), Some("failed"));
    assert_eq!(told(&pipeline.sink, "path"), Some(shown(&dir.path().join("out.recording.bin"))));
    assert_eq!(told(&pipeline.sink, "error").as_deref(), Some(error.message()));
}

#[test]
fn straight_to_null_what_was_kept_is_in_stats_and_a_warning_in_the_log() {
    alone!("GST_DEBUG" = "crashsafesink:WARNING");
    let logged = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = logged.clone();
    common::init();
    gst::log::add_log_function(move |category, level, _, _, _, _, message| {
        if category.name() == "crashsafesink" && level == gst::DebugLevel::Warning {
            log.lock().unwrap().push(message.get().unwrap_or_default().to_string());
        }
    });
    let dir = folder();
    for (more, blocked, state) in [("", false, "kept"), ("finish-on-stop=true", true, "failed")] {
        let out = dir.path().join(format!("{state}.bin"));
        let kept = shown(&dir.path().join(format!("{state}.recording.bin")));
        let pipeline = pushed_to(&out, more);
        record(&pipeline, vec![1; 1000]);
        if blocked {
            std::fs::write(&out, b"theirs").unwrap();
        }
        pipeline.set_state(gst::State::Null).unwrap();
        assert_eq!(told(&pipeline.sink, "state").as_deref(), Some(state));
        assert_eq!(told(&pipeline.sink, "path").as_ref(), Some(&kept));
        assert_eq!(told(&pipeline.sink, "error").is_some(), blocked);
        let logged = std::mem::take(&mut *logged.lock().unwrap());
        let says = |text: &str| logged.iter().any(|line| line.contains(text) && line.contains(&kept));
        assert!(says("gst-steady recover") && says("has appeared") == blocked, "{logged:?}");
    }
}

/// Threads of recordings in this process.
fn threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let name = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
    // The main thread has the name of the test binary, which begins the same way.
    tasks.map(name).filter(|name| ["crashsafesink", "crashsafesink-w"].contains(&name.trim())).count()
}

/// Descriptors of this process that are open in `folder`.
fn descriptors(folder: &Path) -> usize {
    let open = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    open.filter(|fd| std::fs::read_link(fd.path()).is_ok_and(|target| target.starts_with(folder))).count()
}

#[test]
fn no_lock_thread_or_descriptor_is_left_at_ready() {
    alone!();
    let dir = folder();
    let out = dir.path().join("out.bin");
    let pipeline = pushed_to(&out, "on-exists=replace");
    for cycle in 0..6 {
        pipeline.set_state(gst::State::Playing).unwrap();
        record(&pipeline, vec![1; 1000]);
        // A thread gives itself its name.
        wait_until("both threads run", || threads() == 2);
        match cycle % 3 {
            0 => {}
            // By a cleaner: a recorder that still held it would not notice.
            1 => std::fs::remove_file(dir.path().join("out.recording.bin")).unwrap(),
            _ => pipeline.finish(),
        }
        pipeline.set_state(gst::State::Ready).unwrap();
        wait_until("the threads have gone", || threads() == 0);
        assert_eq!(descriptors(dir.path()), 0, "cycle {cycle}");
    }
}

#[test]
fn an_impossible_location_is_told_on_the_way_to_ready() {
    let dir = folder();
    std::fs::create_dir(dir.path().join("folder")).unwrap();
    std::fs::write(dir.path().join("file"), b"").unwrap();
    std::os::unix::fs::symlink("/nowhere/at/all", dir.path().join("dangling")).unwrap();
    let shown = |name: &str| Some(shown(&dir.path().join(name)));
    for (location, text) in [
        (None, "location property"),
        (Some(String::new()), "location property"),
        (shown("missing/out.bin"), "does not exist"),
        (shown("file/out.bin"), "is not a directory"),
        (shown("folder"), "is a directory"),
        (shown("dangling"), "symbolic link"),
        (shown("out.recording.bin"), "already carries the mark"),
    ] {
        let pipeline = TestPipeline::parse("fakesrc num-buffers=1 ! crashsafesink name=sink");
        let sink = pipeline.element("sink");
        sink.set_property("location", &location);
        assert!(pipeline.set_state(gst::State::Ready).is_err(), "{location:?}");
        let (error, _) = pipeline.wait(PATIENCE).unwrap_error();
        assert!(error.message().contains(text), "{location:?}: {error}");
        assert_eq!(
            (told(&sink, "state").as_deref(), told(&sink, "error").as_deref()),
            (Some("failed"), Some(error.message()))
        );
        // And a possible one is taken after that.
        sink.set_property("location", shown("out.bin"));
        pipeline.set_state(gst::State::Ready).unwrap();
        assert_eq!(told(&sink, "state").as_deref(), Some("idle"));
    }
    // What is there already may be gone until the recording begins.
    let pipeline = bytes_to(&dir.path().join("file"), 1, 10, "");
    pipeline.set_state(gst::State::Ready).unwrap();
    std::fs::remove_file(dir.path().join("file")).unwrap();
    pipeline.run(PATIENCE).expect_eos();
}

#[test]
fn addresses_of_files_on_other_machines_are_refused_as_filesink_refuses_them() {
    common::init();
    for uri in
        ["file:///tmp/a.bin", "file://localhost/tmp/a.bin", "file://elsewhere/tmp/a.bin", "file://tmp", "file://"]
    {
        let taken = ["filesink", "crashsafesink"].map(|factory| {
            let sink = gst::ElementFactory::make(factory).build().unwrap();
            let handler = sink.dynamic_cast_ref::<gst::URIHandler>().unwrap();
            handler.set_uri(uri).ok().map(|()| sink.property::<Option<String>>("location"))
        });
        assert_eq!(taken[0], taken[1], "{uri}");
    }
}

#[test]
fn a_file_or_folder_that_was_deleted_is_a_warning_while_recording() {
    let dir = folder();
    for what in ["file", "folder", "replaced"] {
        let inner = dir.path().join(what);
        std::fs::create_dir(&inner).unwrap();
        let pipeline = pushed_to(&inner.join("out.bin"), "flush-interval=50000000");
        record(&pipeline, vec![1; 1000]);
        let temp = inner.join("out.recording.bin");
        match what {
            "file" => std::fs::remove_file(&temp).unwrap(),
            "folder" => std::fs::remove_dir_all(&inner).unwrap(),
            _ => {
                std::fs::write(inner.join("other"), b"theirs").unwrap();
                std::fs::rename(inner.join("other"), &temp).unwrap();
            }
        }
        // Nothing more comes meanwhile: silence is no reason not to look.
        let bus = pipeline.bus().unwrap();
        let patience = gst::ClockTime::try_from(PATIENCE).unwrap();
        let kinds = [gst::MessageType::Warning, gst::MessageType::Error];
        let message = bus.timed_pop_filtered(patience, &kinds).expect("a warning");
        let gst::MessageView::Warning(warning) = message.view() else { panic!("{message:?}") };
        let text = warning.error().message().to_owned();
        assert!(text.contains("removed or replaced") && text.contains(&shown(&temp)), "{text}");
        // Once, however many intervals pass.
        for _ in 0..3 {
            let before = pipeline.stat("syncs");
            pipeline.push([2; 100]);
            wait_until("another interval has passed", || pipeline.stat("syncs") > before);
        }
        assert!(bus.pop_filtered(&kinds).is_none());
    }
}

#[test]
fn a_disk_that_makes_the_stream_wait_for_more_than_a_second_is_a_message() {
    let (dir, tools) = (folder(), folder());
    let shim = shim(tools.path());
    for (delay, slow) in [(1500, true), (200, false)] {
        let line = format!(
            "fakesrc num-buffers=100 sizetype=fixed sizemax=1000 ! \
             crashsafesink location={} flush-threshold=4096 on-exists=replace",
            dir.path().join("out.bin").display()
        );
        let rule = format!("fdatasync:1:delay={delay}");
        let environment = [("LD_PRELOAD", shim.to_str().unwrap()), ("SHIM", rule.as_str())];
        let output = Recorder::start(&line, &environment).output();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8_lossy(&output.stdout);
        let said: Vec<_> = text.lines().filter(|line| line.contains("crashsafesink-slow")).collect();
        assert_eq!(said.len(), usize::from(slow), "{text}");
        let figure = |name: &str| {
            let rest = said[0].split_once(name).unwrap().1;
            rest.split([',', ';']).next().unwrap().parse::<u64>().unwrap()
        };
        if slow {
            let (stall, unsynced) = (figure("max-stall=(guint64)"), figure("unsynced=(guint64)"));
            assert!((1_000_000_000..60_000_000_000).contains(&stall) && unsynced <= 8192, "{said:?}");
        }
    }
}

#[test]
fn what_replaces_a_file_has_its_mode_and_its_owner() {
    let dir = folder();
    let (out, temp) = (dir.path().join("out.bin"), dir.path().join("out.recording.bin"));
    let nobody = rustix::process::geteuid().is_root().then_some(65_534);
    for mode in [0o600, 0o640, 0o666, 0o444] {
        let _ = std::fs::remove_file(&out);
        std::fs::write(&out, b"old").unwrap();
        std::os::unix::fs::chown(&out, nobody, nobody).unwrap();
        std::fs::set_permissions(&out, std::fs::Permissions::from_mode(mode)).unwrap();
        let access = |file: &Path| {
            let m = std::fs::metadata(file).unwrap();
            (m.mode() & 0o7777, m.uid(), m.gid())
        };
        let before = access(&out);
        let pipeline = pushed_to(&out, "on-exists=replace");
        record(&pipeline, vec![1; 1000]);
        // Nobody may look meanwhile who may not look at what is replaced; its owner always may.
        assert_eq!(access(&temp), (mode | 0o600, before.1, before.2));
        pipeline.finish();
        assert_eq!(access(&out), before);
        assert_eq!(std::fs::read(&out).unwrap(), [1; 1000]);
    }
    // One that appears while it is being recorded counts as well.
    let _ = std::fs::remove_file(&out);
    let pipeline = pushed_to(&out, "on-exists=replace");
    record(&pipeline, vec![1; 1000]);
    std::fs::write(&out, b"theirs").unwrap();
    std::fs::set_permissions(&out, std::fs::Permissions::from_mode(0o604)).unwrap();
    pipeline.finish();
    assert_eq!((std::fs::read(&out).unwrap().len(), std::fs::metadata(&out).unwrap().mode() & 0o777), (1000, 0o604));
}
