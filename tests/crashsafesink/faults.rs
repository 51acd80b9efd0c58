//! `crashsafesink` under kills, failing calls and small disks, in the short form that every run affords.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::common::sink::{Recorder, names, pattern, shim, sink_errors};
use crate::common::wait_until;
use crate::suite;

#[test]
fn the_final_name_is_absent_or_complete_at_every_look() {
    suite::the_final_name_is_absent_or_complete(6);
}

#[test]
fn kills_leave_no_partial_file_under_the_final_name() {
    suite::kills_leave_no_partial_file(6, 6);
}

#[test]
fn killed_at_any_write_a_file_finalised_by_mp4mux_plays() {
    suite::killed_at_every_write_of_a_finalise_it_plays(
        "mp4mux fragment-duration=500 fragment-mode=first-moov-then-finalise",
        1,
    );
}

#[test]
fn a_kill_loses_no_more_than_the_window_that_was_being_filled() {
    suite::a_kill_loses_no_more_than_a_window([1, 2, 7, 45]);
}

#[test]
fn any_failing_file_call_makes_one_error_and_loses_nothing() {
    suite::any_failing_file_call_makes_one_error(&[libc::EIO]);
}

#[test]
fn short_and_interrupted_writes_are_completed() {
    suite::short_writes_are_completed(2000);
}

#[test]
fn the_page_cache_stays_small_during_a_long_recording() {
    suite::the_page_cache_stays_small(96);
}

/// A recording of so many buffers of 1000 bytes.
fn line(out: &Path, buffers: i32) -> String {
    format!(
        "-e fakesrc num-buffers={buffers} is-live=true sizetype=fixed sizemax=1000 filltype=pattern-span ! \
         crashsafesink name=sink location={}",
        out.display()
    )
}

#[test]
fn two_processes_do_not_share_a_file_and_the_first_one_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.bin");
    let mut first = Recorder::start(&line(&out, -1), &[]);
    let temp = dir.path().join("out.recording.bin");
    wait_until("the first one records", || temp.exists());
    let inode = std::fs::metadata(&temp).unwrap().ino();
    let errors = sink_errors(&Recorder::start(&line(&out, 10), &[]).output());
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].contains("Another recorder") && errors[0].contains("out.recording.bin"), "{errors:?}");
    assert_eq!(std::fs::metadata(&temp).unwrap().ino(), inode);
    rustix::process::kill_process(first.id(), rustix::process::Signal::INT).unwrap();
    wait_until("the first one ends", || first.ended().is_some());
    assert!(first.output().status.success());
    let content = std::fs::read(&out).unwrap();
    assert!(!content.is_empty() && content == pattern(content.len()));
    assert_eq!(std::fs::metadata(&out).unwrap().ino(), inode);
    assert_eq!(names(dir.path()), ["out.bin"]);
}

#[test]
fn a_file_that_appears_between_the_last_look_and_the_rename_stays() {
    let (dir, tools) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (out, log, shim) = (dir.path().join("out.bin"), tools.path().join("log"), shim(tools.path()));
    let environment = [
        ("LD_PRELOAD", shim.to_str().unwrap()),
        ("SHIM", "renameat2:2:delay=1000"),
        ("SHIM_LOG", log.to_str().unwrap()),
    ];
    let recorder = Recorder::start(&line(&out, 20).replacen("-e ", "", 1), &environment);
    let publishing = || std::fs::read_to_string(&log).is_ok_and(|l| l.matches("renameat2").count() == 2);
    wait_until("it is about to rename", publishing);
    std::fs::write(&out, b"theirs").unwrap();
    let inode = std::fs::metadata(&out).unwrap().ino();
    let errors = sink_errors(&recorder.output());
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].contains("out.bin has appeared") && errors[0].contains("out.recording.bin"), "{errors:?}");
    assert_eq!((std::fs::read(&out).unwrap(), std::fs::metadata(&out).unwrap().ino()), (b"theirs".to_vec(), inode));
    assert_eq!(std::fs::read(dir.path().join("out.recording.bin")).unwrap(), pattern(20_000));
}
