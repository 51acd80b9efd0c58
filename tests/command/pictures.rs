//! `gst-steady frame` and `gst-steady scenes`: looking before a video is made.

use std::path::Path;
use std::process::{Command, Output};

use gststeady::logic::render::palette::palettes;
use gststeady::logic::render::scenes;

use crate::common::media;

fn run(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gst-steady")).current_dir(folder).args(arguments).output().unwrap()
}

/// A folder with two seconds of a tune.
fn studio() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    media::convert(&media::demo(), &folder.path().join("tune.flac"), &["-t", "2"]);
    folder
}

/// The pixels of all frames of a video.
fn decoded(video: &Path) -> Vec<u8> {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin", "-i"]).arg(video).args(["-f", "rawvideo", "-pix_fmt", "rgb24", "-"]);
    command.output().unwrap().stdout
}

#[test]
fn a_frame_is_the_one_that_the_export_has_at_that_time() {
    let folder = studio();
    let look = ["--size", "96x64", "--fps", "10", "--scene", "stem-dots", "--seed", "7", "--palette", "ember"];
    let frame = [&["frame", "tune.flac", "--at", "0:01.25", "--out", "look.png"][..], &look].concat();
    let output = run(folder.path(), &frame);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "look.png\n");
    let export = [&["export", "tune.flac", "all.mkv", "--codec", "ffv1", "--progress", "none"][..], &look].concat();
    assert!(run(folder.path(), &export).status.success());
    let frames = decoded(&folder.path().join("all.mkv"));
    let shown = image::open(folder.path().join("look.png")).unwrap().into_rgb8();
    assert_eq!(shown.dimensions(), (96, 64));
    // What is encoded has half of the colours' resolution.
    let apart = |frame: &[u8]| frame.iter().zip(shown.as_raw()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum::<u64>();
    let nearest = (0..20).min_by_key(|&n| apart(&frames[n * 96 * 64 * 3..][..96 * 64 * 3]));
    assert_eq!((frames.len(), nearest), (20 * 96 * 64 * 3, Some(12)), "1.25 s is in frame 12");
}

#[test]
fn what_is_no_frame_is_refused_in_a_sentence() {
    let folder = studio();
    let refusals: Vec<String> = [
        &["frame", "tune.flac", "--at", "9"][..],
        &["frame", "nothing.flac"],
        &["frame", "tune.flac", "--scene", "disco"],
        &["frame", "tune.flac", "--size", "5x5"],
        &["frame", "tune.flac", "--fps", "0"],
        &["frame", "tune.flac", "--out", "nowhere/look.png"],
    ]
    .iter()
    .map(|arguments| {
        let output = run(folder.path(), arguments);
        format!("{}: {}", output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap().trim_end())
    })
    .collect();
    insta::assert_snapshot!(refusals.join("\n"));
}

#[test]
fn all_scenes_and_palettes_are_listed_for_people_and_for_programs() {
    let folder = tempfile::tempdir().unwrap();
    let list = String::from_utf8(run(folder.path(), &["scenes"]).stdout).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&run(folder.path(), &["scenes", "--json"]).stdout).unwrap();
    let names = |of: &str| -> Vec<&str> {
        json[of].as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap()).collect()
    };
    assert_eq!(names("scenes"), scenes::all().iter().map(|scene| scene.name).collect::<Vec<_>>());
    assert_eq!(names("palettes"), palettes().iter().map(|palette| palette.name).collect::<Vec<_>>());
    for name in names("scenes").into_iter().chain(names("palettes")) {
        assert!(list.lines().any(|line| line.split_whitespace().next() == Some(name)), "{name}: {list}");
    }
}
