//! The fault suite of `crashsafesink` with processes: the same code runs short in CI and long with the feature `full`.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::common::sink::{Recorder, names, pattern, playable_frames, shim, sink_errors};
use crate::common::wait_until;

/// A recording of so many buffers of 1000 bytes.
fn recording(out: &Path, buffers: usize, more: &str) -> String {
    format!(
        "fakesrc num-buffers={buffers} sizetype=fixed sizemax=1000 filltype=pattern-span ! \
         crashsafesink name=sink location={} {more}",
        out.display()
    )
}

/// Another thread looks at the final name all the time: it is absent or complete.
pub fn the_final_name_is_absent_or_complete(recordings: usize) {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.bin");
    let (stop, looks) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let poller = std::thread::spawn({
        let (out, stop, looks) = (out.clone(), stop.clone(), looks.clone());
        move || {
            while !stop.load(Ordering::SeqCst) {
                if let Ok(content) = std::fs::read(&out) {
                    assert!(content == pattern(200_000), "{} bytes under the final name", content.len());
                    looks.fetch_add(1, Ordering::SeqCst);
                }
            }
        }
    });
    for _ in 0..recordings {
        let before = looks.load(Ordering::SeqCst);
        let output = Recorder::start(&recording(&out, 200, "flush-threshold=16384"), &[]).output();
        assert!(output.status.success(), "{output:?}");
        wait_until("the poller has seen it", || poller.is_finished() || looks.load(Ordering::SeqCst) > before);
        assert!(!poller.is_finished(), "a partial file was seen");
        std::fs::remove_file(&out).unwrap();
    }
    stop.store(true, Ordering::SeqCst);
    // The last removal may meet the poller between open and read; what it read was whole.
    poller.join().unwrap();
}

/// SIGKILL at any time, and so many in the widened window from the last sync to the sync of the directory.
pub fn kills_leave_no_partial_file(anywhere: usize, in_window: usize) {
    let tools = tempfile::tempdir().unwrap();
    let shim = shim(tools.path());
    let log = tools.path().join("log");
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.bin");
    let check = |context: &str| {
        if let Ok(content) = std::fs::read(&out) {
            assert!(content == pattern(3_000_000), "{context}: {} bytes under the final name", content.len());
            std::fs::remove_file(&out).unwrap();
        }
        for name in names(dir.path()) {
            let content = std::fs::read(dir.path().join(&name)).unwrap();
            assert!(content == pattern(content.len()), "{context}: {name} is not what was recorded");
            std::fs::remove_file(dir.path().join(&name)).unwrap();
        }
    };
    let line = recording(&out, 3000, "flush-threshold=65536");
    for n in 0..anywhere {
        let recorder = Recorder::start(&line, &[]);
        std::thread::sleep(Duration::from_millis(20 + (n as u64 * 37) % 120));
        recorder.kill();
        check(&format!("kill {n}"));
    }
    let environment = [
        ("LD_PRELOAD", shim.to_str().unwrap()),
        ("SHIM", "renameat2:2:delay=60,fsync:2:delay=60"),
        ("SHIM_DIR", dir.path().to_str().unwrap()),
        ("SHIM_LOG", log.to_str().unwrap()),
    ];
    let mut hits = 0;
    for n in 0.. {
        assert!(n < 4 * in_window + 8, "only {hits} of {n} kills came in time");
        if hits == in_window {
            break;
        }
        let _ = std::fs::remove_file(&log);
        let recorder = Recorder::start(&line, &environment);
        // The first rename made the temporary name; the second one publishes.
        let publishing = || std::fs::read_to_string(&log).is_ok_and(|l| l.matches("renameat2").count() == 2);
        wait_until("the recording is about to be published", publishing);
        std::thread::sleep(Duration::from_millis(n as u64 * 29 % 120));
        hits += usize::from(recorder.kill());
        check(&format!("kill {n} while publishing"));
    }
}

/// Kills at every single write of a recording through a muxer that finalises: what is left plays.
pub fn killed_at_every_write_of_a_finalise_it_plays(muxer: &str, unplayable_at_most: usize) {
    let tools = tempfile::tempdir().unwrap();
    let shim = shim(tools.path());
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.mp4");
    let line = format!(
        "videotestsrc num-buffers=150 ! video/x-raw,width=64,height=64,framerate=30/1 ! x264enc key-int-max=15 ! h264parse ! \
         {muxer} ! crashsafesink location={} flush-threshold=8192 on-exists=replace",
        out.display()
    );
    let (mut unplayable, mut most) = (Vec::new(), 0);
    for nth in 1.. {
        let kill = format!("pwritev64:{nth}:kill");
        let environment = [("LD_PRELOAD", shim.to_str().unwrap()), ("SHIM", kill.as_str())];
        let output = Recorder::start(&line, &environment).output();
        if output.status.success() {
            assert_eq!(playable_frames(&out), 150);
            break;
        }
        let temp = dir.path().join("out.recording.mp4");
        let frames = playable_frames(&temp);
        // The first writes hold less than the header and one fragment.
        if frames == 0 && std::fs::metadata(&temp).unwrap().len() > 40_000 {
            unplayable.push(nth);
        }
        assert!(frames == 0 || frames + 60 >= most, "write {nth}: {frames} frames, {most} before");
        most = most.max(frames);
        std::fs::remove_file(&temp).unwrap();
    }
    assert!(most >= 120, "only {most} frames");
    assert!(unplayable.len() <= unplayable_at_most, "does not play when killed at writes {unplayable:?}");
}

/// Killed as the nth window goes to the kernel: no more than a window of what was accepted is lost. A `filesink` that gets each
/// buffer after it was accepted, and holds nothing back, is the witness.
pub fn a_kill_loses_no_more_than_a_window(nths: impl IntoIterator<Item = usize>) {
    const WINDOW: usize = 65_536;
    let tools = tempfile::tempdir().unwrap();
    let shim = shim(tools.path());
    for nth in nths {
        let dir = tempfile::tempdir().unwrap();
        let (out, witness) = (dir.path().join("out.bin"), tools.path().join("witness.bin"));
        let line = format!(
            "fakesrc num-buffers=3000 sizetype=fixed sizemax=1000 filltype=pattern-span ! tee name=both ! \
             crashsafesink async=false flush-threshold={WINDOW} location={} \
             both. ! filesink async=false buffer-mode=unbuffered location={}",
            out.display(),
            witness.display()
        );
        let kill = format!("pwritev64:{nth}:kill");
        let environment = [("LD_PRELOAD", shim.to_str().unwrap()), ("SHIM", kill.as_str())];
        let output = Recorder::start(&line, &environment).output();
        assert!(!output.status.success(), "{nth}: it was not killed");
        let content = std::fs::read(dir.path().join("out.recording.bin")).unwrap();
        let accepted = std::fs::metadata(witness).unwrap().len() as usize;
        // Not a multiple of the window: what is gathered goes to the kernel ten times a second as well.
        assert!(accepted >= 1000, "{nth}: killed after {accepted} bytes");
        assert!(content.len() + WINDOW >= accepted, "{nth}: {} of {accepted} bytes", content.len());
        assert!(content == pattern(content.len()), "{nth}: not what was recorded");
        assert_eq!(names(dir.path()), ["out.recording.bin"]);
    }
}

/// The nth of each file call fails: one error, nothing lost, no hang.
pub fn any_failing_file_call_makes_one_error(errors: &[i32]) {
    let tools = tempfile::tempdir().unwrap();
    let shim = shim(tools.path());
    let log = tools.path().join("log");
    for call in [
        "pwritev64",
        "fdatasync",
        "fsync",
        "renameat2",
        "openat64",
        "flock",
        "fstat64",
        "fstatat64",
        "close",
        "unlinkat",
    ] {
        for errno in errors {
            for nth in 1.. {
                let dir = tempfile::tempdir().unwrap();
                let out = dir.path().join("out.bin");
                let _ = std::fs::remove_file(&log);
                let rule = format!("{call}:{nth}:errno={errno}");
                let environment = [
                    ("LD_PRELOAD", shim.to_str().unwrap()),
                    ("SHIM", rule.as_str()),
                    ("SHIM_DIR", dir.path().to_str().unwrap()),
                    ("SHIM_LOG", log.to_str().unwrap()),
                ];
                let output = Recorder::start(&recording(&out, 100, "flush-threshold=32768"), &environment).output();
                let calls = std::fs::read_to_string(&log).unwrap_or_default();
                let failed = calls.lines().filter(|l| *l == call).count() >= nth;
                let errors = sink_errors(&output);
                let context = format!("{rule}: {errors:?} {:?}", names(dir.path()));
                if *errno == libc::EINTR || !failed {
                    assert!(errors.is_empty() && output.status.success(), "{context}");
                    assert!(std::fs::read(&out).unwrap() == pattern(100_000), "{context}");
                } else if errors.is_empty() {
                    // Tolerated: the recording came out whole all the same.
                    assert!(std::fs::read(&out).unwrap() == pattern(100_000), "{context}");
                } else {
                    assert_eq!(errors.len(), 1, "{context}");
                }
                for name in names(dir.path()) {
                    let content = std::fs::read(dir.path().join(&name)).unwrap();
                    assert!(content == pattern(content.len()), "{context}: {name}");
                    assert!(name != "out.bin" || content.len() == 100_000, "{context}");
                }
                if !failed {
                    break;
                }
            }
        }
    }
}

/// Short and interrupted writes do not change a byte.
pub fn short_writes_are_completed(buffers: usize) {
    let tools = tempfile::tempdir().unwrap();
    let shim = shim(tools.path());
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.bin");
    let environment = [("LD_PRELOAD", shim.to_str().unwrap()), ("SHIM", "pwritev64:0:short,pwritev64:0:eintr3")];
    let output = Recorder::start(&recording(&out, buffers, ""), &environment).output();
    assert!(output.status.success(), "{output:?}");
    assert!(std::fs::read(&out).unwrap() == pattern(buffers * 1000));
}

/// Resident pages of a file, as the kernel tells them.
pub fn resident(file: &Path) -> u64 {
    let mut fincore = std::process::Command::new("fincore");
    fincore.env("LC_ALL", "C").args(["-b", "-n", "-o", "RES"]).arg(file);
    let output = fincore.output().expect("fincore (in the package util-linux-extra, elsewhere in util-linux)");
    let error = String::from_utf8_lossy(&output.stderr);
    // A recording has its temporary name neither before it begins nor after it has ended.
    if error.contains("No such file") {
        return 0;
    }
    String::from_utf8_lossy(&output.stdout).trim().parse().unwrap_or_else(|e| panic!("fincore: {e}: {error}"))
}

/// The page cache holds a few windows of a long recording, not all of it.
pub fn the_page_cache_stays_small(mebibytes: usize) {
    let dir = crate::common::folder_on_disk();
    let out = dir.path().join("out.bin");
    let line = format!(
        "fakesrc num-buffers={mebibytes} sizetype=fixed sizemax=1048576 ! crashsafesink location={}",
        out.display()
    );
    let mut recorder = Recorder::start(&line, &[]);
    let temp = dir.path().join("out.recording.bin");
    let (mut most, mut looks) = (0, 0);
    while recorder.ended().is_none() {
        most = most.max(resident(&temp));
        looks += 1;
    }
    assert!(looks > 3 && std::fs::metadata(&out).unwrap().len() == (mebibytes as u64) << 20);
    most = most.max(resident(&out));
    assert!(most <= 12 << 20, "{} MiB resident", most >> 20);
}

/// The most memory that a recorder of so many buffers of 4000 bytes had, in KiB.
#[cfg(feature = "full")]
pub fn most_memory(buffers: usize) -> u64 {
    let dir = crate::common::folder_on_disk();
    let line = format!(
        "fakesrc num-buffers={buffers} sizetype=fixed sizemax=4000 filltype=nothing ! crashsafesink location={}",
        dir.path().join("out.bin").display()
    );
    let mut recorder = Recorder::start(&line, &[]);
    let mut most = 0;
    while recorder.ended().is_none() {
        let status = std::fs::read_to_string(format!("/proc/{}/status", recorder.id().as_raw_nonzero()));
        let line = status.ok().and_then(|s| s.lines().find_map(|l| l.strip_prefix("VmHWM:").map(str::to_owned)));
        most = most.max(line.and_then(|l| l.split_whitespace().next()?.parse().ok()).unwrap_or(0));
    }
    assert!(recorder.output().status.success());
    most
}
