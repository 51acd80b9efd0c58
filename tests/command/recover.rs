//! `gst-steady recover` on recordings that were killed.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::common::sink::{Disk, Recorder, names, playable_frames, with_mounts};
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
        &["--finish", "--as-is", folder],
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
Nothing was changed. --finish gives each that plays its name, --remux copies what plays into a new file, --delete removes.
= 0
$ recover --remux /recordings
/recordings/empty.recording.mkv  0 bytes, N s old, empty
/recordings/live.recording.mkv  13 bytes, N s old, being written
/recordings/noise.recording.mkv  15 bytes, N s old, does not play
/recordings/taken.recording.mkv  14 bytes, N s old, does not play
/recordings/twice.recording.mkv  8 bytes, N s old, complete, and also named /recordings/twice.mkv
/recordings/empty.recording.mkv: not repaired: Stream contains no data.
/recordings/live.recording.mkv: left alone: it is being written
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
/recordings/noise.recording.mkv: left alone: it does not play; --as-is gives it its name all the same
/recordings/taken.recording.mkv: left alone: it does not play; --as-is gives it its name all the same
/recordings/twice.recording.mkv: was /recordings/twice.mkv already; the extra name is gone
gst-steady: 2 of 5 could not be dealt with, for the reasons given; they are as they were
= 74
$ recover --finish --as-is /recordings
/recordings/empty.recording.mkv  0 bytes, N s old, empty
/recordings/live.recording.mkv  13 bytes, N s old, being written
/recordings/noise.recording.mkv  15 bytes, N s old, does not play
/recordings/taken.recording.mkv  14 bytes, N s old, does not play
/recordings/empty.recording.mkv: left alone: it is empty
/recordings/live.recording.mkv: left alone: it is being written
/recordings/noise.recording.mkv: is now /recordings/noise.mkv
/recordings/taken.recording.mkv: left alone: /recordings/taken.mkv exists; rename one of the two
gst-steady: 1 of 4 could not be dealt with, for the reasons given; they are as they were
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
gst-steady: cannot look at /no/such/folder: no such file or directory; name a folder with recordings, or an unfinished recording
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

/// Small films made once, by muxer; each is torn at two thirds, as by a kill.
fn torn(folder: &Path, name: &str, pipeline: &str) -> std::path::PathBuf {
    let whole = folder.join("whole");
    let line = format!("{pipeline} ! filesink location={}", whole.display());
    let status = Command::new("gst-launch-1.0").arg("-q").args(line.split_whitespace()).status().unwrap();
    assert!(status.success(), "{line}");
    let bytes = std::fs::read(&whole).unwrap();
    std::fs::remove_file(&whole).unwrap();
    let path = folder.join(name);
    std::fs::write(&path, &bytes[..bytes.len() * 2 / 3]).unwrap();
    path
}

const FILM: &str = "videotestsrc num-buffers=90 ! video/x-raw,width=64,height=64,framerate=30/1 ! \
                    x264enc key-int-max=15 tune=zerolatency ! h264parse";

/// Packets of each stream by codec, as ffprobe counts them.
fn packets(file: &Path) -> Vec<(String, usize)> {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-count_packets", "-show_entries", "stream=codec_name,nb_read_packets", "-of", "csv=p=0"])
        .arg(file)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut streams: Vec<_> = text
        .lines()
        .filter_map(|line| line.trim_end_matches(',').split_once(','))
        .filter_map(|(codec, n)| Some((codec.to_owned(), n.parse().ok()?)))
        .collect();
    streams.sort();
    // Where there are programs, each stream comes once for them too.
    streams.dedup();
    streams
}

/// The command under a limit or with a library of faults before it.
fn recover_after(shell: &str, environment: &[(&str, &str)], args: &[&str]) -> Output {
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{shell}\nexec \"$@\"")).args(["sh", env!("CARGO_BIN_EXE_gst-steady"), "recover"]);
    command.args(args).envs(environment.iter().copied()).output().unwrap()
}

fn json(output: &Output) -> Vec<serde_json::Value> {
    let value: serde_json::Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", text(output)));
    value.as_array().unwrap().clone()
}

#[test]
fn a_thousand_leftovers_are_judged_with_few_descriptors_and_ten_thousand_listed() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().to_str().unwrap();
    let film = torn(dir.path(), "film.mkv", &format!("{FILM} ! matroskamux"));
    for n in 0..1000 {
        std::fs::hard_link(&film, dir.path().join(format!("hard{n}.mkv"))).unwrap();
        std::fs::copy(&film, dir.path().join(format!("{n}.recording.mkv"))).unwrap();
    }
    let list = || {
        let begun = std::time::Instant::now();
        let listed = json(&recover_after("ulimit -n 64", &[], &["--json", folder]));
        assert_eq!(listed.len(), 1000);
        assert!(listed.iter().all(|one| one["plays"] == true), "{:?}", listed.iter().find(|one| one["plays"] != true));
        begun.elapsed()
    };
    // It takes 3 s on two cores. The second time is for a machine that was busy with something else.
    let limit = std::time::Duration::from_secs(10);
    assert!(list() < limit || list() < limit);
    for n in 0..9000 {
        std::fs::write(dir.path().join(format!("{n}.recording-20260131T235959Z.ts")), b"").unwrap();
    }
    let listed = recover_after("ulimit -n 64", &[], &[folder]);
    assert_eq!(listed.status.code(), Some(0), "{}", text(&listed));
    let count = |what: &str| text(&listed).lines().filter(|line| line.contains(what)).count();
    assert_eq!((count(", plays, x-matroska"), count(", empty")), (1000, 9000));
}

#[test]
fn neither_a_listing_nor_a_question_keeps_a_recorder_from_starting() {
    let (dir, tools) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (shim, log) = (common::sink::shim(tools.path()), tools.path().join("calls"));
    let folder = dir.path().to_str().unwrap();
    torn(dir.path(), "a.recording.mkv", &format!("{FILM} ! matroskamux"));
    let environment = [("LD_PRELOAD", shim.to_str().unwrap()), ("SHIM_LOG", log.to_str().unwrap())];
    let calls = || std::fs::read_to_string(&log).unwrap_or_default().lines().filter(|l| *l == "flock").count();
    assert!(recover_after("", &environment, &[folder]).status.success());
    assert!(log.exists(), "the library is loaded");
    assert_eq!(recover_after("", &environment, &["--delete", folder]).status.code(), Some(64));
    assert_eq!(calls(), 0);
    assert!(recover_after("", &environment, &["--finish", folder]).status.success());
    assert_eq!(calls(), 1, "what acts does lock");
}

#[test]
fn the_question_names_what_plays_and_holds_nothing_while_it_waits() {
    let dir = tempfile::tempdir().unwrap();
    let film = torn(dir.path(), "a.recording.mkv", &format!("{FILM} ! matroskamux"));
    std::fs::write(dir.path().join("b.recording.mkv"), b"no film").unwrap();
    // A terminal, from util-linux.
    let line = format!("{} recover --delete {}", env!("CARGO_BIN_EXE_gst-steady"), dir.path().display());
    let mut asked = Command::new("script")
        .args(["-qec", &line, "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut said, mut stdout) = (String::new(), asked.stdout.take().unwrap());
    while !said.contains("Type yes: ") {
        let mut bytes = [0; 1024];
        let n = stdout.read(&mut bytes).unwrap();
        assert!(n > 0, "{said}");
        said.push_str(&String::from_utf8_lossy(&bytes[..n]));
    }
    assert!(said.contains(&format!("This one plays: {}", film.display())), "{said}");
    assert!(said.contains("Delete 2 unfinished recordings for good?") && !said.contains("This one plays: b"), "{said}");
    let file = std::fs::File::open(&film).unwrap();
    rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive).unwrap();
    drop(file);
    asked.stdin.take().unwrap().write_all(b"yes\n").unwrap();
    let _ = stdout.read_to_string(&mut said);
    assert!(asked.wait().unwrap().success(), "{said}");
    assert_eq!(names(dir.path()), [""; 0], "{said}");
}

#[test]
fn only_what_the_sink_names_is_touched() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().to_str().unwrap();
    let theirs =
        ["band.recording-final-mix.wav", "band.recording-new.wav", "my.recording.old.mkv", "talk.recordings.mkv"];
    for name in theirs {
        std::fs::write(dir.path().join(name), b"dear to somebody").unwrap();
    }
    std::fs::create_dir(dir.path().join("folder.recording.d")).unwrap();
    for name in ["a.recording.mkv", "b.recording-20260131T235959Z.mkv", "c.recording", "d.recording-20260131T235959Z-2"]
    {
        std::fs::write(dir.path().join(name), b"left").unwrap();
    }
    let deleted = recover(&["--delete", "--yes", folder]);
    assert!(deleted.status.success(), "{}", text(&deleted));
    let mut left = theirs.to_vec();
    left.push("folder.recording.d");
    left.sort_unstable();
    assert_eq!(names(dir.path()), left);

    let named = dir.path().join(theirs[0]);
    let named = recover(&["--delete", "--yes", named.to_str().unwrap()]);
    assert_eq!(named.status.code(), Some(65));
    assert!(text(&named).contains("band.recording-final-mix.wav is not an unfinished recording"), "{}", text(&named));
    assert_eq!(names(dir.path()), left);
}

#[test]
fn without_locks_what_changed_a_moment_ago_is_left_alone() {
    let (dir, tools) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let shim = common::sink::shim(tools.path());
    let folder = dir.path().to_str().unwrap();
    let new = torn(dir.path(), "new.recording.mkv", &format!("{FILM} ! matroskamux"));
    let old = dir.path().join("old.recording.mkv");
    std::fs::copy(&new, &old).unwrap();
    let before = std::time::SystemTime::now() - std::time::Duration::from_secs(61);
    std::fs::File::options().write(true).open(&old).unwrap().set_modified(before).unwrap();
    // 37 is ENOLCK.
    let environment = [("LD_PRELOAD", shim.to_str().unwrap()), ("SHIM", "flock:0:errno=37")];
    let finished = recover_after("", &environment, &["--finish", folder]);
    assert!(text(&finished).contains("left alone: it changed within the last minute"), "{}", text(&finished));
    assert_eq!(names(dir.path()), ["new.recording.mkv", "old.mkv"]);
    recover_after("", &environment, &["--delete", "--yes", folder]);
    assert_eq!(names(dir.path()), ["new.recording.mkv", "old.mkv"]);
}

#[test]
fn only_what_plays_gets_a_name_unless_told_otherwise() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().to_str().unwrap();
    // What no index was written for, and bytes of no meaning, the same in each run.
    torn(dir.path(), "index.recording.mp4", &format!("{FILM} ! mp4mux"));
    let mut state = 1_u64;
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    let kinds = ["mp4", "mkv", "ts", "mp3", "h264"];
    for n in 0..20 {
        let bytes: Vec<u8> = (0..100_000).map(|_| noise()).collect();
        std::fs::write(dir.path().join(format!("noise{n}.recording.{}", kinds[n % 5])), bytes).unwrap();
    }
    torn(dir.path(), "film.recording.ts", &format!("{FILM} ! mpegtsmux"));
    let finished = recover(&["--finish", folder]);
    assert_eq!(finished.status.code(), Some(74), "{}", text(&finished));
    let named: Vec<_> = names(dir.path()).into_iter().filter(|name| !name.contains("recording")).collect();
    assert_eq!(named, ["film.ts"], "{}", text(&finished));
    assert!(text(&finished).contains("left alone: it does not play; --as-is gives it its name all the same"));
    assert!(recover(&["--finish", "--as-is", folder]).status.success());
    assert!(names(dir.path()).iter().all(|name| !name.contains("recording")));
}

#[test]
fn what_cannot_be_read_says_why_and_is_not_called_unplayable() {
    let (dir, tools) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let shim = common::sink::shim(tools.path());
    let path = torn(dir.path(), "a.recording.mkv", &format!("{FILM} ! matroskamux"));
    for (errno, why) in [("13", "permission denied"), ("24", "too many open files"), ("5", "input/output error")] {
        let plan = format!("openat64:0:errno={errno}");
        let environment = [("LD_PRELOAD", shim.to_str().unwrap()), ("SHIM", plan.as_str())];
        let listed = recover_after("", &environment, &[path.to_str().unwrap()]);
        assert!(text(&listed).contains(&format!("not readable: {why}")), "{}", text(&listed));
        assert!(!text(&listed).contains("does not play"), "{}", text(&listed));
        assert_eq!(listed.status.code(), Some(66));
        let finished = recover_after("", &environment, &["--finish", path.to_str().unwrap()]);
        assert!(text(&finished).contains("left alone: whether it plays is not known"), "{}", text(&finished));
        assert!(path.exists());
    }
}

#[test]
fn links_to_folders_are_followed_once_and_each_file_comes_once() {
    let dir = tempfile::tempdir().unwrap();
    let real = dir.path().join("real");
    std::fs::create_dir(&real).unwrap();
    std::fs::write(real.join("a.recording.mkv"), b"left").unwrap();
    let link = dir.path().join("link");
    std::os::unix::fs::symlink(&real, &link).unwrap();
    std::os::unix::fs::symlink(&link, dir.path().join("again.recording.mkv")).unwrap();
    std::os::unix::fs::symlink(dir.path(), real.join("back")).unwrap();
    let (real, link) = (real.to_str().unwrap(), link.to_str().unwrap());
    assert_eq!(json(&recover(&["--json", link])).len(), 1);
    assert_eq!(json(&recover(&["--json", link, real, &format!("{real}/.")])).len(), 1, "one file by two ways");
    let above = recover(&[dir.path().to_str().unwrap()]);
    assert_eq!((text(&above).trim(), above.status.code()), ("No unfinished recordings.", Some(0)));
    // A link may name a folder, not a recording.
    let file = dir.path().join("b.recording.mkv");
    std::os::unix::fs::symlink(Path::new(real).join("a.recording.mkv"), &file).unwrap();
    assert_eq!(recover(&["--finish", "--as-is", file.to_str().unwrap()]).status.code(), Some(65));
    let dangling = dir.path().join("nowhere");
    std::os::unix::fs::symlink("no such folder", &dangling).unwrap();
    assert_eq!(recover(&[dangling.to_str().unwrap()]).status.code(), Some(66));
}

#[test]
fn a_closed_pipe_ends_it_quietly_and_names_stay_on_their_line() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().to_str().unwrap();
    std::fs::write(dir.path().join("two\nlines\u{1b}[2J.recording.mkv"), b"").unwrap();
    let listed = recover(&[folder]);
    assert!(text(&listed).contains(r"two\nlines\u{1b}[2J.recording.mkv  0 bytes"), "{}", text(&listed));
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let listed =
        Command::new(env!("CARGO_BIN_EXE_gst-steady")).args(["recover", folder]).stdout(writer).output().unwrap();
    assert_eq!((text(&listed).as_str(), listed.status.code()), ("", Some(0)));
}

#[test]
fn a_length_that_is_not_known_is_not_shown() {
    let dir = tempfile::tempdir().unwrap();
    let muxers = [
        ("a.recording.mp4", "mp4mux fragment-duration=500"),
        ("b.recording.mp4", "mp4mux fragment-duration=500 fragment-mode=first-moov-then-finalise"),
        (
            "c.recording.mp4",
            "mp4mux reserved-max-duration=86400000000000 reserved-moov-update-period=500000000 reserved-bytes-per-sec=1",
        ),
        ("d.recording.mkv", "matroskamux"),
        ("e.recording.mkv", "matroskamux streamable=true"),
        ("f.recording.ts", "mpegtsmux"),
        ("g.recording.flv", "flvmux"),
        ("h.recording.flv", "flvmux streamable=true"),
    ];
    let record = |(name, muxer): &(&str, &str)| film(dir.path(), &name.replace(".recording", ""), muxer);
    let recorders: Vec<_> = muxers.iter().map(record).collect();
    for (recorder, (name, _)) in recorders.into_iter().zip(muxers) {
        grown(&dir.path().join(name), 12_000);
        recorder.kill();
    }
    let short =
        "videotestsrc num-buffers=3 ! video/x-raw,width=64,height=64,framerate=30/1 ! x264enc ! h264parse ! mpegtsmux";
    torn(dir.path(), "short.recording.ts", short);
    let listed = text(&recover(&[dir.path().to_str().unwrap()]));
    assert!(!listed.contains("24:00:00") && !listed.contains(", 0:00:00"), "{listed}");
    assert!(listed.matches(", plays, ").count() > 5, "{listed}");
    for one in json(&recover(&["--json", dir.path().to_str().unwrap()])) {
        let seconds = one["duration_seconds"].as_f64();
        assert!(seconds.is_none_or(|s| s > 0.0 && s < 60.0), "{one}");
    }
}

#[test]
fn a_playlist_is_not_followed() {
    let dir = tempfile::tempdir().unwrap();
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    server.set_nonblocking(true).unwrap();
    let address = format!("http://{}/a.ts", server.local_addr().unwrap());
    let write = |name: &str, text: String| std::fs::write(dir.path().join(name), text).unwrap();
    let list = format!("#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{address}\n#EXT-X-ENDLIST\n");
    write("hls.recording.m3u8", list.clone());
    write("hls.recording.ts", list);
    write("list.recording.txt", format!("{address}\n"));
    let dash = "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" type=\"static\">";
    write("dash.recording.mpd", format!("{dash}<BaseURL>{address}</BaseURL></MPD>"));
    let folder = dir.path().to_str().unwrap();
    for args in [&["--json", folder] as &[&str], &["--json", "--remux", folder], &["--json", "--finish", folder]] {
        let said = json(&recover(args));
        assert_eq!(said.iter().filter(|one| one["plays"] == false).count(), 4, "{said:?}");
    }
    let asked = server.accept();
    assert!(asked.is_err_and(|e| e.kind() == std::io::ErrorKind::WouldBlock), "somebody was asked for it");
    assert_eq!(names(dir.path()).len(), 4);
}

#[test]
fn every_stream_is_in_the_repaired_file() {
    let sound = "audiotestsrc num-buffers=130";
    let opus = "audiotestsrc num-buffers=600 samplesperbuffer=480 ! audio/x-raw,rate=48000 ! opusenc frame-size=10";
    let sparse = "videotestsrc num-buffers=3 ! video/x-raw,width=64,height=64,framerate=1/3 ! x264enc tune=zerolatency";
    for (name, pipeline, codecs) in [
        ("a.recording.ts", format!("{FILM} ! mpegtsmux"), &["h264"] as &[&str]),
        ("b.recording.ts", format!("{sound} ! avenc_aac ! aacparse ! m. {FILM} ! mpegtsmux name=m"), &["aac", "h264"]),
        (
            "c.recording.mov",
            format!("{sound} ! audio/x-raw,format=S16LE ! m. {FILM} ! qtmux name=m fragment-duration=500"),
            &["h264", "pcm_s16le"],
        ),
        ("d.recording.mkv", format!("{opus} ! m. {sparse} ! h264parse ! matroskamux name=m"), &["h264", "opus"]),
        ("e.recording.webm", format!("{opus} ! webmmux"), &["opus"]),
        ("f.recording.flv", format!("{sound} ! avenc_aac ! aacparse ! m. {FILM} ! flvmux name=m"), &["aac", "h264"]),
        ("g.recording.avi", format!("{FILM} ! avimux"), &["h264"]),
        ("h.recording.mp4", format!("{FILM} ! mp4mux fragment-duration=500"), &["h264"]),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = torn(dir.path(), name, &pipeline);
        let before = packets(&path);
        assert_eq!(before.iter().map(|(codec, _)| codec.as_str()).collect::<Vec<_>>(), codecs, "{name}");
        let repaired = recover(&["--remux", path.to_str().unwrap()]);
        assert!(repaired.status.success(), "{name}: {}", text(&repaired));
        let file = name.replace(".recording", "-repaired");
        assert_eq!(names(dir.path()), [file.as_str(), name], "{}", text(&repaired));
        let after = packets(&dir.path().join(&file));
        assert_eq!(after.len(), before.len(), "{name}: {after:?} of {before:?}");
        // Sound without a container's own packets is cut anew; pictures are not.
        for ((codec, after), (_, before)) in after.iter().zip(&before) {
            assert!(
                *after + 2 >= *before || codec.starts_with("pcm") && *after > 0,
                "{name}: {codec} {after} of {before}"
            );
        }
    }
}

#[test]
fn a_repair_that_would_lose_a_stream_fails_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    // FLV has no place for Opus, and the name says that it is to be FLV.
    let opus = "audiotestsrc num-buffers=200 ! audio/x-raw,rate=48000 ! opusenc";
    let path = torn(dir.path(), "a.recording.flv", &format!("{opus} ! m. {FILM} ! matroskamux name=m"));
    let repaired = recover(&["--remux", path.to_str().unwrap()]);
    assert_eq!(repaired.status.code(), Some(74), "{}", text(&repaired));
    assert!(text(&repaired).contains("not repaired: its audio/x-opus stream does not fit"), "{}", text(&repaired));
    assert_eq!(names(dir.path()), ["a.recording.flv"]);
}

/// Sound and pictures that GStreamer's demuxers do not give back whole, or at all, from an unfinished file.
#[test]
fn a_repair_that_would_hold_less_than_the_file_fails_and_says_what_is_missing() {
    let sound = "audiotestsrc num-buffers=300 samplesperbuffer=480 ! audio/x-raw,rate=48000,channels=2";
    let first_moov = "mp4mux name=m fragment-duration=500 fragment-mode=first-moov-then-finalise";
    for (name, pipeline, whole) in [
        ("a.recording.mp4", format!("{sound} ! avenc_aac ! aacparse ! m. {FILM} ! {first_moov}"), false),
        ("b.recording.mp4", format!("{FILM} ! {first_moov}"), true),
        // avidemux gives up MP3 of an unfinished file with no more than a warning.
        ("c.recording.avi", format!("{sound} ! lamemp3enc ! mpegaudioparse ! m. {FILM} ! avimux name=m"), false),
    ] {
        let dir = tempfile::tempdir().unwrap();
        // Torn before its index: the film goes on behind a pause in which the recorder is killed.
        let endless = pipeline.replace("num-buffers=90", "is-live=true").replace("num-buffers=300", "is-live=true");
        let path = dir.path().join(name);
        let line =
            format!("{endless} ! crashsafesink location={}", dir.path().join(name.replace(".recording", "")).display());
        let recorder = Recorder::start(&line, &[]);
        grown(&path, 20_000);
        wait_until("some fragments are there", || playable_frames(&path) >= 60);
        assert!(recorder.kill());
        let before = packets(&path);
        // Not fatal: avidemux trips over what it gives up.
        let repaired = recover_after("", &[("G_DEBUG", "")], &["--remux", path.to_str().unwrap()]);
        // A later GStreamer may read all of it.
        if repaired.status.success() {
            let after = packets(&dir.path().join(name.replace(".recording", "-repaired")));
            assert_eq!(after.len(), before.len(), "{before:?}, {after:?}");
            let lost = after.iter().zip(&before).any(|(after, before)| after.1 + 16 < before.1);
            assert!(!lost, "{name}: {before:?}, {after:?}");
        } else {
            let told = text(&repaired);
            let reasons = ["of data; another program", "did not get into", "a stream in it cannot be made out"];
            assert!(!whole && reasons.iter().any(|reason| told.contains(reason)), "{told}");
            assert_eq!(names(dir.path()), [name]);
        }
    }
}

#[test]
fn a_repair_of_a_stub_fails_at_once_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let matroska = torn(dir.path(), "a.recording.mkv", &format!("{FILM} ! matroskamux"));
    let mp4 = torn(dir.path(), "b.recording.mp4", &format!("{FILM} ! mp4mux fragment-duration=500"));
    for (path, bytes) in [(matroska, 600), (mp4, 300)] {
        std::fs::File::options().write(true).open(&path).unwrap().set_len(bytes).unwrap();
    }
    let before = names(dir.path());
    // What a demuxer says of them is lost now and then, depending on which thread comes first.
    for _ in 0..5 {
        let began = std::time::Instant::now();
        let repaired = recover(&["--remux", dir.path().to_str().unwrap()]);
        assert_eq!(repaired.status.code(), Some(74), "{}", text(&repaired));
        assert_eq!(text(&repaired).matches("not repaired").count(), 2, "{}", text(&repaired));
        assert_eq!(names(dir.path()), before);
        assert!(began.elapsed() < std::time::Duration::from_secs(14), "{:?}: {}", began.elapsed(), text(&repaired));
    }
}

#[test]
fn a_fragmented_film_has_no_length_and_others_the_same_at_each_look() {
    let dir = tempfile::tempdir().unwrap();
    let sound = "audiotestsrc num-buffers=300 samplesperbuffer=480 ! audio/x-raw,rate=48000 ! opusenc";
    torn(dir.path(), "a.recording.mp4", &format!("{FILM} ! mp4mux fragment-duration=500"));
    torn(dir.path(), "b.recording.mkv", &format!("{sound} ! m. {FILM} ! matroskamux name=m"));
    torn(dir.path(), "c.recording.webm", &format!("{sound} ! webmmux"));
    let mut lengths = std::collections::BTreeSet::new();
    for _ in 0..8 {
        let listed = json(&recover(&["--json", dir.path().to_str().unwrap()]));
        assert!(listed.iter().all(|one| one["plays"] == true), "{listed:?}");
        assert_eq!(listed[0]["duration_seconds"], serde_json::Value::Null);
        lengths.insert(format!("{} {}", listed[1]["duration_seconds"], listed[2]["duration_seconds"]));
    }
    assert_eq!(lengths.len(), 1, "{lengths:?}");
}

#[test]
fn a_repair_that_finds_no_room_says_so_and_names_no_file_that_is_gone() {
    with_mounts(|| {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("disk");
        std::fs::create_dir(&folder).unwrap();
        let _disk = Disk::tmpfs(&folder, 128 << 10);
        let film = torn(dir.path(), "a.recording.mkv", &format!("{FILM} ! matroskamux"));
        let path = folder.join("a.recording.mkv");
        std::fs::copy(film, &path).unwrap();
        // Room for less than a second file like it.
        let left = rustix::fs::statvfs(&folder).map(|s| s.f_bavail * s.f_bsize).unwrap();
        std::fs::write(folder.join("more"), vec![0; left as usize - 8192]).unwrap();
        let repaired = recover(&["--remux", path.to_str().unwrap()]);
        assert_eq!(repaired.status.code(), Some(74), "{}", text(&repaired));
        let told = text(&repaired);
        assert!(told.contains("No space left") && !told.contains("recorded so far"), "{told}");
        assert_eq!(names(&folder), ["a.recording.mkv", "more"], "{told}");
    });
}
