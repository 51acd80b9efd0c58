//! Recorders of live sources: seen from outside, on a slow disk, and killed by the hundred.

use std::time::{Duration, Instant};

use crate::common::sink::{Recorder, names, playable_frames, shim};
use crate::common::wait_until;
use crate::kill_loss::OPUS;

#[test]
fn at_64_kbit_a_second_the_file_grows_in_the_eyes_of_others_every_second() {
    let dir = tempfile::tempdir().unwrap();
    let recorder = Recorder::start(
        &format!("{OPUS} ! matroskamux ! crashsafesink location={}", dir.path().join("out.mkv").display()),
        &[],
    );
    let temp = dir.path().join("out.recording.mkv");
    let size = || std::fs::metadata(&temp).map_or(0, |m| m.len());
    wait_until("it records", || size() > 0);
    let (began, mut seen, mut grown, mut longest) = (Instant::now(), size(), Instant::now(), Duration::ZERO);
    while began.elapsed() < Duration::from_secs(6) {
        if size() > seen {
            (seen, longest) = (size(), longest.max(grown.elapsed()));
            grown = Instant::now();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    longest = longest.max(grown.elapsed());
    assert!(recorder.kill() && seen > 30_000, "{seen} bytes");
    assert!(longest < Duration::from_secs(1), "{longest:?} without growth");
}

#[test]
fn a_disk_that_takes_four_seconds_a_sync_costs_a_live_source_no_frame() {
    let tools = tempfile::tempdir().unwrap();
    let shim = shim(tools.path());
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.mkv");
    // What cannot go on within a second is dropped at the source, as a camera does.
    let line = format!(
        "videotestsrc is-live=true num-buffers=300 pattern=snow ! video/x-raw,width=320,height=240,framerate=30/1 ! \
         queue leaky=downstream max-size-buffers=30 max-size-bytes=0 max-size-time=0 ! \
         x264enc tune=zerolatency speed-preset=ultrafast bitrate=2000 ! h264parse ! matroskamux ! crashsafesink location={}",
        out.display()
    );
    let slow = [("LD_PRELOAD", shim.to_str().unwrap()), ("SHIM", "fdatasync:0:delay=4000")];
    let output = Recorder::start(&line, &slow).output();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(playable_frames(&out), 300);
}

const H264: &str = "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=1 ! h264parse";
/// Muxer settings with which a recording plays from its first frame on, and the encoder before each.
const KILL_SAFE: [(&str, &str); 8] = [
    ("matroskamux", H264),
    ("matroskamux streamable=true", H264),
    ("webmmux", "vp8enc deadline=1 cpu-used=16"),
    ("mp4mux fragment-duration=50", H264),
    ("mp4mux fragment-duration=50 fragment-mode=first-moov-then-finalise", H264),
    ("mp4mux reserved-max-duration=20000000000 reserved-moov-update-period=50000000", H264),
    ("mpegtsmux", H264),
    ("flvmux", H264),
];

/// Frames of a recording that is not killed.
const FRAMES: usize = 30;

/// Kills of one recorder after another, beside somebody who looks all the time.
fn kill_and_look(form: usize, kills: usize) {
    let (muxer, encoder) = KILL_SAFE[form];
    let dir = tempfile::tempdir().unwrap();
    let (out, temp) = (dir.path().join("out"), dir.path().join("out.recording"));
    let line = format!(
        "videotestsrc is-live=true num-buffers={FRAMES} ! video/x-raw,width=64,height=64,framerate=30/1 ! \
         {encoder} ! {muxer} ! crashsafesink location={}",
        out.display()
    );
    let check_whole = |context: &str| {
        let frames = playable_frames(&out);
        assert_eq!(frames, FRAMES, "{context}: not all of it is under the final name");
    };
    for n in 0..kills {
        let context = format!("{muxer}, kill {n}");
        let recorder = Recorder::start(&line, &[]);
        let bytes = || [&out, &temp].iter().any(|file| std::fs::metadata(file).is_ok_and(|m| m.len() > 0));
        wait_until("there are bytes", bytes);
        let began = Instant::now();
        // Up to a little beyond the end, which needs a second.
        let until = Duration::from_millis((n as u64 * 397 + form as u64 * 131) % 1400);
        let mut seen = false;
        while began.elapsed() < until {
            if out.exists() && !seen {
                seen = true;
                check_whole(&context);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let age = began.elapsed();
        recorder.kill();
        let left = names(dir.path());
        if out.exists() {
            check_whole(&context);
        } else if age > Duration::from_millis(200) {
            assert!(playable_frames(&temp) > 0, "{context}: {} ms old and does not play", age.as_millis());
        }
        assert!(left.len() == 1, "{context}: {left:?}");
        let _ = std::fs::remove_file(&out);
        let _ = std::fs::remove_file(&temp);
    }
}

/// All forms at the same time.
fn kills_leave_what_plays(kills: usize) {
    std::thread::scope(|scope| {
        for form in 0..KILL_SAFE.len() {
            scope.spawn(move || kill_and_look(form, kills.div_ceil(KILL_SAFE.len())));
        }
    });
}

#[test]
fn what_kills_leave_plays_and_no_final_name_is_partial() {
    kills_leave_what_plays(if cfg!(feature = "soak") {
        5000
    } else if cfg!(feature = "full") {
        500
    } else {
        24
    });
}
