//! `crashsafesink` under kills and failing calls by the hundred.

use std::time::Duration;

use gst::prelude::*;

use crate::bytes::pushed_to;
use crate::common::sink::{Disk, Recorder, names, playable_frames};
use crate::common::{self, PATIENCE, wait_until};
use crate::{kill_loss, suite};

#[test]
fn the_final_name_is_absent_or_complete_in_200_recordings() {
    suite::the_final_name_is_absent_or_complete(200);
}

#[test]
fn five_hundred_kills_leave_no_partial_file() {
    suite::kills_leave_no_partial_file(440, 60);
}

#[test]
fn twenty_kills_of_each_form_lose_no_more_than_with_filesink() {
    kill_loss::no_form_loses_more_than_with_filesink(20, 0, 0);
}

#[test]
fn every_failing_call_with_every_error() {
    suite::any_failing_file_call_makes_one_error(&[
        libc::EIO,
        libc::ENOSPC,
        libc::EINTR,
        libc::EACCES,
        libc::EROFS,
        libc::EDQUOT,
    ]);
}

#[test]
fn matroska_and_robust_mp4_play_wherever_they_are_killed() {
    suite::killed_at_every_write_of_a_finalise_it_plays("matroskamux", 0);
    suite::killed_at_every_write_of_a_finalise_it_plays(
        "mp4mux reserved-max-duration=20000000000 reserved-moov-update-period=500000000",
        0,
    );
    suite::killed_at_every_write_of_a_finalise_it_plays("mp4mux fragment-duration=500", 0);
}

#[test]
fn two_gibibytes_leave_twelve_mebibytes_in_the_page_cache() {
    suite::the_page_cache_stays_small(2048);
}

#[test]
fn thirty_minutes_take_no_more_memory_than_one() {
    // At 4 Mbit/s; only the bytes matter.
    let one = suite::most_memory(7_500);
    let thirty = suite::most_memory(225_000);
    assert!(thirty * 100 <= one * 105, "{thirty} KiB for 30 minutes, {one} for one");
}

/// Needs root and loop devices: whoever asks for the full tests without them is told by a failure, not by silence.
#[test]
fn an_ext4_that_turns_read_only_while_recording_is_one_clear_error() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("disk");
    std::fs::create_dir(&folder).unwrap();
    let disk = Disk::image(&folder, "ext4", 64);
    let pipeline = pushed_to(&folder.join("out.bin"), "flush-interval=20000000");
    pipeline.push([1; 1000]);
    let temp = folder.join("out.recording.bin");
    let written = || std::fs::metadata(&temp).is_ok_and(|m| m.len() == 1000);
    wait_until("it is on the disk", || written() && pipeline.stat("unsynced-bytes") == Some(0));
    // What the kernel does by itself when it finds an error.
    disk.remount("abort");
    pipeline.push([2; 1000]);
    let (error, debug) = pipeline.wait(PATIENCE).unwrap_error();
    assert!(error.message().contains("Read-only"), "{error} {debug}");
    assert!(debug.contains("errno 30"), "{debug}");
    assert!(pipeline.bus().unwrap().pop_filtered(&[gst::MessageType::Eos]).is_none());
    pipeline.set_state(gst::State::Null).unwrap();
    assert_eq!(names(&folder).iter().filter(|n| n.contains("bin")).collect::<Vec<_>>(), ["out.recording.bin"]);
    assert_eq!(std::fs::read(&temp).unwrap()[..1000], [1; 1000]);
}

#[test]
fn a_process_stopped_for_half_a_minute_goes_on_as_if_nothing_had_been() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.mkv");
    let line = format!(
        "-e videotestsrc is-live=true ! video/x-raw,width=64,height=64,framerate=30/1 ! vp8enc deadline=1 ! matroskamux ! \
         crashsafesink location={} flush-interval=1000000000",
        out.display()
    );
    let mut recorder = Recorder::start(&line, &[]);
    let temp = dir.path().join("out.recording.mkv");
    let size = || std::fs::metadata(&temp).map_or(0, |m| m.len());
    wait_until("it records", || size() > 4000);
    // In the middle of an interval, so that bytes are waiting while nothing runs.
    std::thread::sleep(Duration::from_millis(300));
    let signal = |signal| rustix::process::kill_process(recorder.id(), signal).unwrap();
    signal(rustix::process::Signal::STOP);
    // The pause is what is tested: longer than any interval or patience of the sink's.
    std::thread::sleep(Duration::from_secs(30));
    let before = size();
    signal(rustix::process::Signal::CONT);
    wait_until("it goes on", || size() > before + 2000);
    signal(rustix::process::Signal::INT);
    wait_until("it ends", || recorder.ended().is_some());
    let output = recorder.output();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(names(dir.path()), ["out.mkv"]);
    assert!(playable_frames(&out) > 30);
}

#[test]
fn half_a_minute_of_silence_is_no_reason_to_warn() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.bin");
    let pipeline = pushed_to(&out, "");
    pipeline.push([1; 1000]);
    let bus = pipeline.bus().unwrap();
    let wrong = [gst::MessageType::Warning, gst::MessageType::Error];
    let told = bus.timed_pop_filtered(gst::ClockTime::from_seconds(30), &wrong);
    assert!(told.is_none(), "{told:?}");
    pipeline.push([1; 1000]);
    // What the background thread has to say about it, it says before EOS.
    wait_until("it is on the disk", || pipeline.stat("syncs").is_some_and(|syncs| syncs >= 2));
    pipeline.end();
    let kinds = [gst::MessageType::Warning, gst::MessageType::Error, gst::MessageType::Eos];
    let first = bus.timed_pop_filtered(gst::ClockTime::from_seconds(60), &kinds).unwrap();
    assert_eq!(first.type_(), gst::MessageType::Eos, "{first:?}");
    assert_eq!(std::fs::metadata(&out).unwrap().len(), 2000);
}

#[test]
fn one_list_of_more_than_two_gibibytes_is_written_whole() {
    // Nearly all of it never touched, so it takes no memory; more than one call can write, which is 2 GiB less a page.
    let size = (2_usize << 30) + 12_345;
    const END: usize = 20_000;
    for more in ["", "durability=flush page-cache=keep flush-threshold=1099511627776"] {
        let dir = common::folder_on_disk();
        let out = dir.path().join("out.bin");
        let pipeline = pushed_to(&out, more);
        let mut list = gst::BufferList::new();
        let mut large = vec![0_u8; size];
        large[size - END..].fill(9);
        list.get_mut().unwrap().add(gst::Buffer::from_slice(large));
        list.get_mut().unwrap().add(gst::Buffer::from_slice([7_u8; 10]));
        pipeline.push_list(list);
        pipeline.end();
        pipeline.wait(4 * PATIENCE).expect_eos();
        let file = std::fs::File::open(&out).unwrap();
        assert_eq!(file.metadata().unwrap().len(), size as u64 + 10);
        let mut end = [0; END + 12];
        std::os::unix::fs::FileExt::read_exact_at(&file, &mut end, (size - END - 2) as u64).unwrap();
        assert!(end[..2] == [0; 2] && end[2..END + 2] == [9; END] && end[END + 2..] == [7; 10]);
    }
}

#[test]
fn xfs_and_btrfs_are_recorded_to_like_ext4() {
    for (kind, mebibytes) in [("xfs", 320), ("btrfs", 128)] {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("disk");
        std::fs::create_dir(&folder).unwrap();
        let _disk = Disk::image(&folder, kind, mebibytes);
        for (more, expected) in [("", "out.bin"), ("on-exists=number", "out-1.bin"), ("on-exists=replace", "out.bin")] {
            let line = format!(
                "fakesrc num-buffers=2000 sizetype=fixed sizemax=1000 filltype=pattern-span ! \
                 crashsafesink location={} {more}",
                folder.join("out.bin").display()
            );
            let output = Recorder::start(&line, &[]).output();
            assert!(output.status.success(), "{kind}: {output:?}");
            assert!(std::fs::read(folder.join(expected)).unwrap() == common::sink::pattern(2_000_000), "{kind}");
        }
        assert_eq!(names(&folder), ["out-1.bin", "out.bin"], "{kind}");
    }
}

/// The table of docs/recording-safely.md is what this finds, and it prints the table anew:
/// `cargo nextest run --features full --no-capture the_table_of_muxers`.
#[test]
fn the_table_of_muxers_says_which_ones_play_after_a_kill() {
    let page = include_str!("../../docs/recording-safely.md");
    let section = page.split("\n## ").find(|s| s.starts_with("Muxer settings that survive a kill")).unwrap();
    let rows: Vec<_> = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | ")).collect();
    assert!(rows.len() >= 7, "{rows:?}");
    let mut wrong = Vec::new();
    for (muxer, row) in rows {
        let dir = tempfile::tempdir().unwrap();
        let start = |sink: &str, name: &str| {
            let line = format!(
                "videotestsrc is-live=true ! video/x-raw,framerate=30/1 ! x264enc tune=zerolatency key-int-max=15 ! \
                 h264parse ! {muxer} ! {sink} location={}",
                dir.path().join(name).display()
            );
            Recorder::start(&line, &[])
        };
        let both = [start("crashsafesink", "ours"), start("filesink", "theirs")];
        let files = ["ours.recording", "theirs"].map(|name| dir.path().join(name));
        wait_until("both record", || files.iter().all(|file| file.exists()));
        // What is measured is what three seconds leave.
        std::thread::sleep(Duration::from_secs(3));
        assert!(both.into_iter().all(Recorder::kill), "{muxer}");
        let [ours, theirs] = files.map(|file| playable_frames(&file));
        let plays = if ours > 0 { "yes" } else { "no" };
        println!("| `{muxer}` | {plays} | {ours} | {theirs} |");
        if !row.starts_with(plays) {
            wrong.push((muxer, row, ours));
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}
