//! `gst-steady recover` on recordings that were killed.

use std::path::Path;
use std::process::{Command, Output};

use crate::common::sink::{Recorder, names, playable_frames};
use crate::common::{self, wait_until};

fn recover(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gst-steady")).arg("recover").args(args).output().unwrap()
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// A recorder that has some seconds of film in its temporary file.
fn film(folder: &Path, name: &str, muxer: &str) -> Recorder {
    let line = format!(
        "videotestsrc num-buffers=90 ! video/x-raw,width=64,height=64,framerate=30/1 ! x264enc key-int-max=15 ! h264parse ! \
         {muxer} ! identity sleep-time=100 ! crashsafesink location={} flush-interval=100000000",
        folder.join(name).display()
    );
    // The stream never ends: what follows the film is a source that waits.
    Recorder::start(&line.replace("num-buffers=90", "is-live=true"), &[])
}

fn grown(file: &Path, bytes: u64) {
    wait_until("the recording grows", || std::fs::metadata(file).is_ok_and(|m| m.len() > bytes));
}

#[test]
fn dead_recordings_are_found_and_finished_and_live_ones_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().to_str().unwrap();
    let temp = |name: &str| dir.path().join(name);
    let live = film(dir.path(), "live.mkv", "matroskamux");
    let dead: Vec<_> = ["a.mkv", "b.mkv", "c.mkv"].iter().map(|n| film(dir.path(), n, "matroskamux")).collect();
    for name in ["live", "a", "b", "c"] {
        grown(&temp(&format!("{name}.recording.mkv")), 12_000);
    }
    dead.into_iter().for_each(|recorder| assert!(recorder.kill()));
    std::fs::write(temp("b.mkv"), b"here before").unwrap();

    let listed: serde_json::Value = serde_json::from_slice(&recover(&["--json", folder]).stdout).unwrap();
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.len(), 4);
    assert_eq!(listed.iter().filter(|l| l["locked"] == false && l["plays"] == true).count(), 3, "{listed:?}");
    assert_eq!(listed.iter().filter(|l| l["locked"] == true).count(), 1);

    assert!(text(&recover(&["--finish", "--older-than", "1h", folder])).contains("being written"));
    assert_eq!(names(dir.path()).iter().filter(|n| n.contains("recording")).count(), 4);

    let finished = recover(&["--finish", folder]);
    assert_eq!(finished.status.code(), Some(74), "b is taken: {}", text(&finished));
    assert!(text(&finished).contains("b.mkv exists"), "{}", text(&finished));
    let expected = ["a.mkv", "b.mkv", "b.recording.mkv", "c.mkv", "live.recording.mkv"];
    assert_eq!(names(dir.path()), expected);
    recover(&["--finish", folder]);
    assert_eq!(names(dir.path()), expected, "a second time changes nothing");
    assert!(playable_frames(&temp("a.mkv")) > 10);
    assert_eq!(std::fs::read(temp("b.mkv")).unwrap(), b"here before");

    assert_eq!(recover(&["--delete", folder]).status.code(), Some(64), "nobody was asked");
    assert_eq!(names(dir.path()), expected);
    assert!(recover(&["--delete", "--yes", folder]).status.success());
    assert_eq!(names(dir.path()), ["a.mkv", "b.mkv", "c.mkv", "live.recording.mkv"]);
    assert!(live.kill());
}

#[test]
fn a_torn_film_is_repaired_into_a_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let recorder = film(dir.path(), "film.mp4", "mp4mux fragment-duration=500");
    let temp = dir.path().join("film.recording.mp4");
    grown(&temp, 15_000);
    recorder.kill();
    let frames = playable_frames(&temp);
    assert!(frames > 10);
    let repaired = recover(&["--remux", temp.to_str().unwrap()]);
    assert!(repaired.status.success(), "{}", text(&repaired));
    assert_eq!(names(dir.path()), ["film-repaired.mp4", "film.recording.mp4"]);
    let after = playable_frames(&dir.path().join("film-repaired.mp4"));
    assert!(after >= frames - 1, "{after} of {frames} frames");
}

#[test]
fn an_interrupted_change_of_names_only_loses_the_extra_name() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("out.mkv"), b"complete").unwrap();
    std::fs::hard_link(dir.path().join("out.mkv"), dir.path().join("out.recording.mkv")).unwrap();
    let output = recover(&["--finish", dir.path().to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output));
    assert_eq!(names(dir.path()), ["out.mkv"]);
    assert_eq!(std::fs::read(dir.path().join("out.mkv")).unwrap(), b"complete");
    assert!(text(&recover(&[dir.path().to_str().unwrap()])).contains("No unfinished recordings"));
}

#[test]
fn the_live_recording_example_makes_complete_files_and_the_operator_s_line_reads_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (dir, plugins) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::copy(common::sink::plugin(), plugins.path().join("libgststeady.so")).unwrap();
    let output = Command::new("sh")
        .arg(root.join("examples/pipelines/record-live.sh"))
        .args([dir.path().to_str().unwrap(), "1"])
        .env("SOURCES", "num-buffers=75")
        .env("GST_PLUGIN_PATH", plugins.path())
        .env("GST_REGISTRY", plugins.path().join("registry"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let parts = names(dir.path());
    assert!(parts.len() >= 2 && parts.iter().all(|p| p.starts_with("part-") && !p.contains("recording")), "{parts:?}");
    let frames: usize = parts.iter().map(|p| playable_frames(&dir.path().join(p))).sum();
    assert_eq!(frames, 75, "{parts:?}");
    // splitmuxsink says nothing when it does not use the sink and the muxer that it is told to.
    let finished = text(&output).matches("crashsafesink-finished").count();
    assert_eq!(finished, parts.len(), "{}", text(&output));
    let matroska = |p: &String| std::fs::read(dir.path().join(p)).unwrap().starts_with(b"\x1a\x45\xdf\xa3");
    assert!(parts.iter().all(matroska), "{parts:?}");

    std::fs::rename(dir.path().join(&parts[0]), dir.path().join("part-00000.recording.mkv")).unwrap();
    let unit = std::fs::read_to_string(root.join("examples/operator/gst-record.service")).unwrap();
    let line = unit.lines().find_map(|l| l.strip_prefix("ExecStartPre=-/usr/local/bin/gst-steady recover ")).unwrap();
    let line = line.replace("/var/lib/recordings", dir.path().to_str().unwrap()).replace("10s", "0s");
    let found = recover(&line.split_whitespace().collect::<Vec<_>>());
    let found: serde_json::Value = serde_json::from_slice(&found.stdout).unwrap();
    assert_eq!(found[0]["plays"], true, "{found}");
    assert_eq!(names(dir.path()).len(), parts.len());
    assert!(dir.path().join("part-00000.mkv").exists());
}

#[test]
fn every_word_of_it_says_what_is_there_and_what_became_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().to_str().unwrap();
    let make = |name: &str, content: &[u8]| std::fs::write(dir.path().join(name), content).unwrap();
    make("empty.recording.mkv", b"");
    make("noise.recording.mkv", b"this is no film");
    make("taken.recording.mkv", b"no film either");
    make("taken.mkv", b"here before");
    make("twice.mkv", b"complete");
    std::fs::hard_link(dir.path().join("twice.mkv"), dir.path().join("twice.recording.mkv")).unwrap();
    make("live.recording.mkv", b"being written");
    let live = std::fs::File::open(dir.path().join("live.recording.mkv")).unwrap();
    rustix::fs::flock(&live, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let mut said = Vec::new();
    for args in [
        &[folder] as &[&str],
        &["--remux", folder],
        &["--finish", folder],
        &["--delete", folder],
        &["--delete", "--yes", folder],
        &["/no/such/folder"],
        &["--older-than", "soon"],
        &["--finish", "--delete", folder],
    ] {
        let output = recover(args);
        let text = text(&output).replace(folder, "/recordings");
        // Ages differ from run to run.
        let lines = text.lines().map(|line| match line.split_once(" bytes, ").zip(line.split_once(" s old")) {
            Some(((before, _), (_, after))) => format!("{before} bytes, N s old{after}"),
            None => line.to_owned(),
        });
        let lines: Vec<_> = lines.collect();
        said.push(format!(
            "$ recover {}\n{}\n= {}",
            args.join(" ").replace(folder, "/recordings"),
            lines.join("\n"),
            output.status.code().unwrap()
        ));
    }
    insta::assert_snapshot!(said.join("\n"), @r#"
$ recover /recordings
/recordings/empty.recording.mkv  0 bytes, N s old, empty
/recordings/live.recording.mkv  13 bytes, N s old, being written
/recordings/noise.recording.mkv  15 bytes, N s old, does not play
/recordings/taken.recording.mkv  14 bytes, N s old, does not play
/recordings/twice.recording.mkv  8 bytes, N s old, complete, and also named /recordings/twice.mkv
Nothing was changed. --finish gives each its name, --remux copies what plays into a new file, --delete removes.
= 0
$ recover --remux /recordings
/recordings/empty.recording.mkv  0 bytes, N s old, empty
/recordings/live.recording.mkv  13 bytes, N s old, being written
/recordings/noise.recording.mkv  15 bytes, N s old, does not play
/recordings/taken.recording.mkv  14 bytes, N s old, does not play
/recordings/twice.recording.mkv  8 bytes, N s old, complete, and also named /recordings/twice.mkv
/recordings/empty.recording.mkv: not repaired: Stream contains no data.
/recordings/noise.recording.mkv: not repaired: Could not determine type of stream.
/recordings/taken.recording.mkv: not repaired: Could not determine type of stream.
/recordings/twice.recording.mkv: not repaired: Could not determine type of stream.
gst-steady: 4 of 5 could not be dealt with, for the reasons given; they are as they were
= 74
$ recover --finish /recordings
/recordings/empty.recording.mkv  0 bytes, N s old, empty
/recordings/live.recording.mkv  13 bytes, N s old, being written
/recordings/noise.recording.mkv  15 bytes, N s old, does not play
/recordings/taken.recording.mkv  14 bytes, N s old, does not play
/recordings/twice.recording.mkv  8 bytes, N s old, complete, and also named /recordings/twice.mkv
/recordings/empty.recording.mkv: left alone: it is empty
/recordings/live.recording.mkv: left alone: it is being written
/recordings/noise.recording.mkv: is now /recordings/noise.mkv
/recordings/taken.recording.mkv: left alone: /recordings/taken.mkv exists; rename one of the two
/recordings/twice.recording.mkv: was /recordings/twice.mkv already; the extra name is gone
gst-steady: 1 of 5 could not be dealt with, for the reasons given; they are as they were
= 74
$ recover --delete /recordings
/recordings/empty.recording.mkv  0 bytes, N s old, empty
/recordings/live.recording.mkv  13 bytes, N s old, being written
/recordings/taken.recording.mkv  14 bytes, N s old, does not play
gst-steady: nothing is deleted without --yes when nobody can be asked
= 64
$ recover --delete --yes /recordings
/recordings/empty.recording.mkv  0 bytes, N s old, empty
/recordings/live.recording.mkv  13 bytes, N s old, being written
/recordings/taken.recording.mkv  14 bytes, N s old, does not play
/recordings/empty.recording.mkv: deleted
/recordings/live.recording.mkv: left alone: it is being written
/recordings/taken.recording.mkv: deleted
= 0
$ recover /no/such/folder
gst-steady: cannot look at "/no/such/folder": No such file or directory; name a folder with recordings, or an unfinished recording
= 66
$ recover --older-than soon
error: invalid value 'soon' for '--older-than <TIME>': a number and s, m, h or d, such as 90s or 1h

For more information, try '--help'.
= 64
$ recover --finish --delete /recordings
error: the argument '--finish' cannot be used with '--delete'

Usage: gst-steady recover --finish <PATHS>...

For more information, try '--help'.
= 64
"#);
}
