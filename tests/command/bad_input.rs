//! Everything that can be wrong with an export: one clear sentence, the right exit code, nothing under the final name.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::media;

/// A folder with a good tune in it, and the command run in it.
struct Studio(tempfile::TempDir);

impl Studio {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        media::convert(&media::demo(), &folder.path().join("tune.flac"), &["-t", "1"]);
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gst-steady"));
        command.current_dir(self.0.path()).arg("export").args(["--progress", "none"]);
        command
    }

    /// Exit code and text of an export that has to fail and leave nothing under `out.mp4`.
    fn refused(&self, arguments: &[&str]) -> String {
        let refusal = refusal_of(self.command().args(arguments));
        assert!(!self.path("out.mp4").exists(), "nothing may be under the final name: {refusal}");
        refusal
    }
}

fn refusal_of(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    format!("{}: {}", output.status.code().unwrap_or(-1), text.trim_end())
}

/// A tmpfs of `options` on `folder`, seen only by the command that is run in it.
fn on_a_disk_of(options: &str, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    let script = "mount -t tmpfs -o \"$1\" none \"$2\" && shift 2 && \"$@\"; code=$?; ls \"$OUT\" >&3; exit $code";
    command.args(["--map-root-user", "--mount", "sh", "-c", &format!("exec 3>&1; {script}"), "sh", options]);
    command.arg(folder).arg(env!("CARGO_BIN_EXE_gst-steady")).args(["export", "--progress", "none"]).args(arguments);
    command.env("OUT", folder);
    command
}

#[test]
fn input_that_cannot_be_used_is_refused_in_a_sentence() {
    let studio = Studio::new();
    fs::write(studio.path("empty.flac"), "").unwrap();
    fs::write(studio.path("notes.txt"), "Not a song, only words about one.\n".repeat(50)).unwrap();
    fs::create_dir(studio.path("folder")).unwrap();
    media::output_of(
        Command::new("ffmpeg")
            .args(["-v", "error", "-f", "lavfi", "-i", "testsrc=d=1:s=64x64"])
            .arg(studio.path("mute.mp4")),
    );
    let whole = fs::read(studio.path("tune.flac")).unwrap();
    fs::write(studio.path("torn.flac"), &whole[..whole.len() / 2]).unwrap();

    let refusals = ["nosuch.flac", "empty.flac", "notes.txt", "folder", "mute.mp4", "torn.flac"]
        .map(|audio| studio.refused(&[audio, "out.mp4"]));
    insta::assert_snapshot!(refusals.join("\n"));
}

#[test]
fn sizes_rates_and_names_that_make_no_video_are_refused_in_a_sentence() {
    let studio = Studio::new();
    let refusals = [
        studio.refused(&["tune.flac", "out.mp4", "--size", "0x0"]),
        studio.refused(&["tune.flac", "out.mp4", "--size", "20000x20000"]),
        studio.refused(&["tune.flac", "out.mp4", "--size", "641x361"]),
        studio.refused(&["tune.flac", "out.mp4", "--fps", "0"]),
        studio.refused(&["tune.flac", "out.mp4", "--fps", "1000"]),
        studio.refused(&["tune.flac", "out.mp4", "--scene", "disco"]),
        studio.refused(&["tune.flac", "out.mp4", "--switch", "bar", "--scenes", "wave-line,disco"]),
        studio.refused(&["tune.flac", "out.mp4", "--palette", "mud"]),
        studio.refused(&["tune.flac", "out.mp4", "--cover", "nosuch.png"]),
        studio.refused(&["tune.flac", "out.mp4", "--cover", "tune.flac"]),
        studio.refused(&["tune.flac", "out.mp4", "--codec", "vp9"]),
        studio.refused(&["tune.flac", "out.ogg"]),
        studio.refused(&["tune.flac", "nosuch/out.mp4"]),
    ];
    insta::assert_snapshot!(refusals.join("\n"));
}

#[test]
fn words_that_are_no_arguments_are_refused_by_name() {
    let studio = Studio::new();
    for (arguments, named) in [
        (&["tune.flac", "--size", "big"] as &[&str], "WIDTHxHEIGHT"),
        (&["tune.flac", "--fps", "fast"], "30000/1001"),
        (&["tune.flac", "--seed", "-1"], "--seed"),
        (&["tune.flac", "--codec", "mp3"], "h264, hevc, vp9, ffv1"),
        (&["tune.flac", "--switch", "disco"], "manual, beat, bar, energy, time"),
        (&["tune.flac", "--scenes", "wave-line"], "--switch <MODE>"),
        (&[], "<AUDIO>"),
    ] {
        let refusal = studio.refused(arguments);
        assert!(refusal.starts_with("64: ") && refusal.contains(named), "{refusal}");
    }
}

#[test]
fn an_existing_video_is_kept_unless_it_may_be_replaced() {
    let studio = Studio::new();
    fs::write(studio.path("there.mp4"), "precious").unwrap();
    let refusal = refusal_of(studio.command().args(["tune.flac", "there.mp4"]));
    insta::assert_snapshot!(refusal, @r#"73: gst-steady: "there.mp4" is there already; use --overwrite to replace it, or name another video"#);
    assert_eq!(fs::read(studio.path("there.mp4")).unwrap(), b"precious");

    media::output_of(studio.command().args(["tune.flac", "there.mp4", "--overwrite", "--size", "192x108"]));
    assert_eq!(media::probe(&studio.path("there.mp4")).frames, 30);
}

#[test]
fn the_sound_is_never_replaced_by_its_own_video() {
    let studio = Studio::new();
    let before = fs::read(studio.path("tune.flac")).unwrap();
    fs::hard_link(studio.path("tune.flac"), studio.path("tune.mkv")).unwrap();
    let refusal = refusal_of(studio.command().args(["tune.flac", "./tune.mkv", "--overwrite"]));
    insta::assert_snapshot!(refusal, @r#"64: gst-steady: "tune.flac" is both the audio to read and the video to write; name another video"#);
    assert_eq!(fs::read(studio.path("tune.mkv")).unwrap(), before);
}

#[test]
fn a_full_disk_ends_the_export_with_what_fitted_kept() {
    let studio = Studio::new();
    let disk = studio.path("disk");
    fs::create_dir(&disk).unwrap();
    let (audio, video) = (studio.path("tune.flac"), disk.join("out.mkv"));
    let arguments = [audio.to_str().unwrap(), video.to_str().unwrap(), "--codec", "ffv1", "--size", "640x360"];
    let output = on_a_disk_of("size=300k", &disk, &arguments).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap().replace(disk.to_str().unwrap(), "/disk");
    assert_eq!(output.status.code(), Some(74), "{text}");
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), "out.recording.mkv", "the temporary file alone");
    insta::assert_snapshot!(text.trim_end());
}

#[test]
fn a_folder_that_cannot_be_written_to_is_named() {
    let studio = Studio::new();
    let disk = studio.path("disk");
    fs::create_dir(&disk).unwrap();
    let (audio, video) = (studio.path("tune.flac"), disk.join("out.mp4"));
    let arguments = [audio.to_str().unwrap(), video.to_str().unwrap(), "--size", "192x108"];
    let output = on_a_disk_of("ro", &disk, &arguments).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap().replace(disk.to_str().unwrap(), "/disk");
    assert_eq!(output.status.code(), Some(73), "{text}");
    insta::assert_snapshot!(text.trim_end());
}

#[test]
fn a_missing_encoder_is_named_with_its_package() {
    let studio = Studio::new();
    // GStreamer as it would be without the plugins that encode H.264.
    let plugins = studio.path("plugins");
    fs::create_dir(&plugins).unwrap();
    let all = media::output_of(Command::new("pkg-config").args(["--variable=pluginsdir", "gstreamer-1.0"]));
    for entry in fs::read_dir(all.trim()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if name.ends_with(".so") && !name.contains("264") {
            std::os::unix::fs::symlink(entry.path(), plugins.join(name)).unwrap();
        }
    }
    let mut command = studio.command();
    command.env("GST_PLUGIN_SYSTEM_PATH", &plugins).env("GST_REGISTRY", studio.path("registry.bin"));
    let refusal = refusal_of(command.args(["tune.flac", "out.mp4"]));
    assert!(!studio.path("out.mp4").exists());
    insta::assert_snapshot!(refusal, @"69: gst-steady: no h264 encoder is installed (x264enc or openh264enc); install the package gstreamer1.0-plugins-ugly");
}
