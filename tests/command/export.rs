//! From an audio file to a video that plays: the whole job, judged by ffmpeg.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use gststeady::logic::frame_grid::FrameGrid;

use crate::common;
use crate::common::media::{self, framemd5, probe};

fn gst_steady() -> Command {
    Command::new(env!("CARGO_BIN_EXE_gst-steady"))
}

fn export(arguments: &[&dyn AsRef<std::ffi::OsStr>]) -> Output {
    let mut command = gst_steady();
    command.arg("export").args(["--progress", "none"]);
    for argument in arguments {
        command.arg(argument);
    }
    command.output().unwrap()
}

#[track_caller]
fn export_ok(arguments: &[&dyn AsRef<std::ffi::OsStr>]) -> String {
    let output = export(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

const SIZE: &str = "192x108";
const RATE: u32 = 44_100;
/// No whole number of frames at any rate, and no whole number of MP3 or Vorbis blocks.
const SAMPLES: u64 = 70_001;

#[track_caller]
fn assert_exact(video: &Path, samples: u64, fps: (u32, u32)) {
    let grid = FrameGrid::new(RATE, fps.0, fps.1).unwrap();
    let found = probe(video);
    let (audio, frames) = (samples as f64 / f64::from(RATE), grid.frame_count(samples));
    assert_eq!((found.videos, found.audios, found.others), (1, 1, 0), "{video:?}");
    assert_eq!(found.frames, frames, "{video:?}");
    assert_eq!(found.size, (192, 108));
    assert_eq!(found.fps, format!("{}/{}", fps.0, fps.1));
    let wanted = grid.pts(frames) as f64 / 1e9;
    // One tick of an MP4's video time scale, or of Matroska's milliseconds.
    assert!((found.video_seconds - wanted).abs() <= 0.0011, "{video:?} lasts {} not {wanted}", found.video_seconds);
    // Matroska rounds the times of its packets to milliseconds.
    let longest = audio + 3.0 * 1024.0 / f64::from(RATE);
    assert!((audio - 0.0021..=longest).contains(&found.audio_seconds), "audio of {} for {audio}", found.audio_seconds);
}

fn every_container_is_exact_at(fps: &str, fraction: (u32, u32)) {
    let folder = tempfile::tempdir().unwrap();
    let mut digests = Vec::new();
    for audio in media::four_containers(folder.path(), SAMPLES) {
        let video = audio.with_extension(format!("{}.mp4", audio.extension().unwrap().to_str().unwrap()));
        export_ok(&[&audio, &video, &"--size", &SIZE, &"--fps", &fps]);
        assert_exact(&video, media::decoded_samples(&audio), fraction);
        digests.push(framemd5(&video));
    }
    assert_eq!(digests[0], digests[1], "WAV and FLAC hold the same samples, so they make the same pictures");
}

#[test]
fn every_container_gives_exactly_its_frames_at_24_fps() {
    every_container_is_exact_at("24", (24, 1));
}

#[test]
fn every_container_gives_exactly_its_frames_at_ntsc_30_fps() {
    every_container_is_exact_at("30000/1001", (30_000, 1001));
}

#[test]
fn every_container_gives_exactly_its_frames_at_30_fps() {
    every_container_is_exact_at("30", (30, 1));
}

#[test]
fn every_container_gives_exactly_its_frames_at_60_fps() {
    every_container_is_exact_at("60", (60, 1));
}

#[test]
fn the_sound_of_an_mp3_stays_in_step_with_its_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let [wav, .., mp3] = media::four_containers(folder.path(), SAMPLES);
    let [from_wav, from_mp3] = [wav, mp3].map(|audio| {
        let video = audio.with_extension(format!("{}.mkv", audio.extension().unwrap().to_str().unwrap()));
        export_ok(&[&audio, &video, &"--size", &SIZE, &"--audio-codec", &"flac"]);
        media::mono_samples(&video)
    });
    // The best of all lags within 50 ms; an MP3 that is not cut is 1105 samples late.
    let difference = |lag: i64| -> i64 {
        let at = |samples: &[i16], i: i64| i64::from(samples[usize::try_from(i).unwrap()]);
        (10_000..20_000).map(|i| (at(&from_wav, i) - at(&from_mp3, i + lag)).abs()).sum()
    };
    let best = (-2205..=2205).min_by_key(|lag| difference(*lag)).unwrap();
    assert!(best.abs() <= 1, "the sound is {best} samples late");
}

#[test]
fn two_runs_make_the_same_pictures_and_another_seed_makes_others() {
    let folder = tempfile::tempdir().unwrap();
    let [audio, ..] = media::four_containers(folder.path(), SAMPLES);
    let make = |name: &str, seed: &str| {
        let video = folder.path().join(name);
        export_ok(&[&audio, &video, &"--size", &SIZE, &"--seed", &seed]);
        framemd5(&video)
    };
    let first = make("a.mp4", "7");
    assert_eq!(first, make("b.mp4", "7"));
    assert_ne!(first, make("c.mp4", "8"));
}

#[test]
fn every_video_container_is_exact_with_each_of_its_codecs() {
    let folder = tempfile::tempdir().unwrap();
    let [audio, ..] = media::four_containers(folder.path(), SAMPLES);
    for (name, codecs) in [
        ("a.mp4", &["--codec", "hevc"] as &[&str]),
        ("b.mov", &[]),
        ("c.mkv", &[]),
        ("d.mkv", &["--codec", "ffv1", "--audio-codec", "flac"]),
        ("e.mkv", &["--codec", "vp9", "--audio-codec", "aac"]),
        ("f.webm", &[]),
    ] {
        let video = folder.path().join(name);
        let mut command = gst_steady();
        command.arg("export").arg(&audio).arg(&video).args(["--size", SIZE, "--progress", "none"]).args(codecs);
        media::output_of(&mut command);
        assert_exact(&video, SAMPLES, (30, 1));
        // Nobody has to guess, and nobody takes a small picture for BT.601.
        let bt709 = "color_range=tv color_space=bt709 color_transfer=bt709 color_primaries=bt709";
        let colours = media::colours(&video);
        assert_eq!(colours.starts_with(bt709), !codecs.contains(&"ffv1"), "{name}: {colours}");
    }
}

#[test]
fn real_speech_and_real_music_make_correct_videos() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let words = "Nothing that was recorded here may be lost.";
    media::output_of(Command::new("espeak-ng").arg("-w").arg(path("speech.wav")).arg(words));
    media::convert(&path("speech.wav"), &path("speech.mp3"), &[]);
    // From the Debian package holotz-castle-data.
    let music = Path::new("/usr/share/games/holotz-castle/game/sound/HCMainTitle.wav");
    media::convert(music, &path("music.ogg"), &["-t", "4"]);
    for (audio, video, scene) in [
        ("speech.wav", "speech.webm", "podcast-bars"),
        ("speech.mp3", "speech.mkv", "wave-line"),
        ("music.ogg", "music.mp4", "cover-pulse"),
    ] {
        export_ok(&[&path(audio), &path(video), &"--size", &SIZE, &"--scene", &scene]);
        let (samples, rate) = (media::decoded_samples(&path(audio)), media::sample_rate(&path(audio)));
        let grid = FrameGrid::new(rate, 30, 1).unwrap();
        let found = probe(&path(video));
        assert_eq!((found.videos, found.audios, found.others), (1, 1, 0), "{video}");
        assert_eq!(found.frames, grid.frame_count(samples), "{video}");
    }
}

#[test]
fn where_ffmpeg_is_not_installed_the_other_aac_encoder_makes_a_video_that_passes() {
    let folder = tempfile::tempdir().unwrap();
    let [audio, ..] = media::four_containers(folder.path(), SAMPLES);
    // All plugins of the system but one.
    let system = media::output_of(Command::new("pkg-config").args(["--variable=pluginsdir", "gstreamer-1.0"]));
    let plugins = folder.path().join("plugins");
    std::fs::create_dir(&plugins).unwrap();
    for entry in std::fs::read_dir(system.trim()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap();
        if name != "libgstlibav.so" {
            std::os::unix::fs::symlink(&path, plugins.join(name)).unwrap();
        }
    }
    let mut command = gst_steady();
    command.env("GST_PLUGIN_SYSTEM_PATH", &plugins).env("GST_REGISTRY", folder.path().join("registry"));
    let video = folder.path().join("a.mp4");
    media::output_of(command.args(["export", "--progress", "none", "--size", SIZE]).arg(&audio).arg(&video));
    let found = probe(&video);
    assert_eq!((found.videos, found.audios, found.others, found.frames), (1, 1, 0, 48));
}

#[test]
fn without_an_audio_codec_the_video_is_silent() {
    let folder = tempfile::tempdir().unwrap();
    let [audio, ..] = media::four_containers(folder.path(), SAMPLES);
    let video = folder.path().join("silent.mp4");
    export_ok(&[&audio, &video, &"--size", &SIZE, &"--audio-codec", &"none"]);
    let found = probe(&video);
    assert_eq!((found.videos, found.audios, found.others), (1, 0, 0));
}

#[test]
fn the_pasted_dry_run_makes_the_same_video_whatever_the_files_are_called() {
    common::plugin_folder();
    let folder = tempfile::tempdir().unwrap();
    let [tune, ..] = media::four_containers(folder.path(), SAMPLES);
    for name in ["plain", "two words", "it's \"quoted\" & $HOME `x` \\", "-dash", "\"all\"", "ünïcode 日本 ! ; # = ,"]
    {
        let audio = folder.path().join(format!("{name}.wav"));
        std::fs::rename(&tune, &audio).unwrap();
        let in_folder = |command: &mut Command| media::output_of(command.current_dir(folder.path()));

        let mut command = gst_steady();
        command
            .args(["export", "--size", SIZE, "--dry-run", "--artist", "", "--title", name])
            .arg("--")
            .arg(format!("{name}.wav"))
            .arg(format!("{name}.mkv"));
        let printed = in_folder(&mut command);
        assert!(!audio.with_extension("mkv").exists(), "a dry run writes nothing");
        in_folder(Command::new("sh").arg("-c").arg(&printed));
        let pasted = framemd5(&audio.with_extension("mkv"));

        let mut command = gst_steady();
        command.args(["export", "--size", SIZE, "--progress", "none", "--overwrite", "--artist", "", "--title", name]);
        in_folder(command.arg("--").arg(format!("{name}.wav")).arg(format!("{name}.mkv")));
        assert_eq!(pasted, framemd5(&audio.with_extension("mkv")), "{name}");
        std::fs::rename(&audio, &tune).unwrap();
    }
}

#[test]
fn an_export_goes_on_when_nobody_reads_what_it_says() {
    common::plugin_folder();
    let folder = tempfile::tempdir().unwrap();
    let [audio, ..] = media::four_containers(folder.path(), SAMPLES);
    let video = folder.path().join("a.mkv");
    let closed = || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        writer
    };
    for progress in ["--dry-run", "--progress=json", "--progress=auto"] {
        let mut command = gst_steady();
        command.args(["export", "--size", SIZE, "--overwrite", progress]).arg(&audio).arg(&video);
        let status = command.stdout(closed()).stderr(closed()).status().unwrap();
        assert_eq!(status.code(), Some(0), "{progress}");
        if progress != "--dry-run" {
            assert_exact(&video, SAMPLES, (30, 1));
        }
    }
}

#[test]
fn the_renderer_is_told_of_scenes_and_when_to_switch() {
    common::plugin_folder();
    let folder = tempfile::tempdir().unwrap();
    let [audio, ..] = media::four_containers(folder.path(), SAMPLES);
    let printed = export_ok(&[&audio, &"--dry-run", &"--switch", &"time", &"--scenes", &"wave-line,0"]);
    assert!(printed.contains(" switch=time scenes=wave-line,0 "), "{printed}");
    let pictures = |more: &[&dyn AsRef<std::ffi::OsStr>]| {
        let video = folder.path().join("a.mkv");
        let arguments: [&dyn AsRef<std::ffi::OsStr>; 5] = [&audio, &video, &"--size", &SIZE, &"--overwrite"];
        export_ok(&[&arguments[..], more].concat());
        framemd5(&video)
    };
    // Less than ten seconds: the first scene is the only one.
    let switched = pictures(&[&"--switch", &"time", &"--scenes", &"wave-line,0"]);
    assert_eq!(switched, pictures(&[&"--scene", &"wave-line"]));
    assert_ne!(switched, pictures(&[]));
}

#[test]
fn without_a_name_the_video_lies_beside_the_audio_and_its_path_is_printed() {
    let folder = tempfile::tempdir().unwrap();
    let [audio, ..] = media::four_containers(folder.path(), SAMPLES);
    let printed = export_ok(&[&audio, &"--size", &SIZE]);
    assert_eq!(PathBuf::from(printed.trim_end()), audio.with_extension("mp4"));
    assert!(audio.with_extension("mp4").exists());
}

#[test]
fn progress_as_json_counts_up_to_the_last_frame() {
    let folder = tempfile::tempdir().unwrap();
    let [audio, ..] = media::four_containers(folder.path(), SAMPLES);
    let mut command = gst_steady();
    command.arg("export").arg(&audio).args(["--size", SIZE, "--progress", "json"]);
    let printed = media::output_of(&mut command);
    let objects: Vec<serde_json::Value> = printed.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let last = objects.last().unwrap();
    assert_eq!((last["stage"].as_str(), last["frame"].as_u64()), (Some("done"), Some(48)));
    assert_eq!(last["dropped"], 0);
    assert!(objects.iter().all(|o| ["analyse", "render", "finish", "done"].contains(&o["stage"].as_str().unwrap())));
}

/// The boxes of an ISO file as far as their sizes lead.
fn top_level_boxes(bytes: &[u8]) -> impl Iterator<Item = [u8; 4]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (size, name) = (rest.get(..4)?, rest.get(4..8)?);
        let size = u32::from_be_bytes(size.try_into().unwrap()) as usize;
        rest = rest.get(size.max(8)..).filter(|_| size >= 8).unwrap_or_default();
        Some(name.try_into().unwrap())
    })
}

/// An export that takes a while, and the name of its temporary file.
fn start_long_export(folder: &Path) -> (std::process::Child, PathBuf, PathBuf) {
    let audio = media::long_tune(folder, 10);
    let video = folder.join("out.mp4");
    let mut command = gst_steady();
    command.arg("export").arg(&audio).arg(&video).args(["--size", "640x360", "--progress", "none"]);
    command.stderr(std::process::Stdio::piped());
    let child = command.spawn().unwrap();
    let temp = folder.join("out.recording.mp4");
    // The muxer writes its index behind the first fragment and says where that ends a moment later.
    let playable = |bytes: Vec<u8>| top_level_boxes(&bytes).filter(|name| name == b"moof").count() >= 2;
    common::wait_until("two fragments are written", || std::fs::read(&temp).is_ok_and(playable));
    (child, video, temp)
}

#[test]
fn a_killed_export_leaves_a_temporary_file_that_plays_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (mut child, video, temp) = start_long_export(folder.path());
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!video.exists());
    let found = probe(&temp);
    assert_eq!((found.videos, found.audios), (1, 1));
    assert!(found.frames > 60, "{} frames", found.frames);
}

#[test]
fn an_interrupted_export_finishes_its_file_cleanly() {
    let folder = tempfile::tempdir().unwrap();
    let (child, video, temp) = start_long_export(folder.path());
    output_of_kill(&child, "-INT");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!temp.exists());
    let found = probe(&video);
    assert_eq!((found.videos, found.audios), (1, 1));
    assert!(found.frames > 60 && found.frames < 180 * 30, "{} frames", found.frames);
}

fn output_of_kill(child: &std::process::Child, signal: &str) {
    media::output_of(Command::new("kill").arg(signal).arg(child.id().to_string()));
}
