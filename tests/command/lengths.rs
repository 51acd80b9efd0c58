//! How long is the sound of a file, and where does it begin? The same answer from every container, on every GStreamer:
//! what was encoded, where the file says so. Judged against the samples that went into the encoders.

use std::path::{Path, PathBuf};
use std::process::Command;

use gst::prelude::*;
use gststeady::logic::frame_grid::FrameGrid;

use crate::common::media::{self, output_of, probe};
use crate::common::{self, TestPipeline};

/// A container with the encoder that fills it.
struct Kind {
    /// How the table calls it.
    name: &'static str,
    /// Of the file.
    ending: &'static str,
    /// Makes the file from a WAV.
    encode: fn(&Path, &Path),
    truth: Truth,
}

/// What the file says of its length.
#[derive(Clone, Copy, PartialEq)]
enum Truth {
    /// All that was encoded, to the sample.
    Encoded,
    /// The same at 48 kHz, the only rate that Opus has: the encoder resamples, and rounds.
    At48kHz,
    /// Nothing: what it decodes to counts, with the encoder's priming and filling.
    Nothing,
}

const KINDS: [Kind; 9] = [
    Kind { name: "WAV", ending: "wav", encode: |_, _| (), truth: Truth::Encoded },
    Kind { name: "FLAC", ending: "flac", encode: |wav, to| media::convert(wav, to, &[]), truth: Truth::Encoded },
    Kind {
        name: "MP3 by lame",
        ending: "lame.mp3",
        encode: |wav, to| drop(output_of(Command::new("lame").args(["--quiet", "-b", "128"]).arg(wav).arg(to))),
        truth: Truth::Encoded,
    },
    Kind {
        name: "MP3 by ffmpeg",
        ending: "ffmpeg.mp3",
        encode: |wav, to| media::convert(wav, to, &["-c:a", "libmp3lame", "-b:a", "128k"]),
        truth: Truth::Encoded,
    },
    Kind {
        name: "MP3 without a tag",
        ending: "untagged.mp3",
        encode: |wav, to| drop(output_of(Command::new("lame").args(["--quiet", "-t", "-b", "128"]).arg(wav).arg(to))),
        truth: Truth::Nothing,
    },
    Kind {
        name: "AAC (ADTS)",
        ending: "aac",
        encode: |wav, to| media::convert(wav, to, &["-c:a", "aac", "-b:a", "128k"]),
        truth: Truth::Nothing,
    },
    Kind {
        name: "AAC in M4A",
        ending: "m4a",
        encode: |wav, to| media::convert(wav, to, &["-c:a", "aac", "-b:a", "128k"]),
        truth: Truth::Encoded,
    },
    Kind {
        name: "Vorbis in Ogg",
        ending: "ogg",
        encode: |wav, to| media::convert(wav, to, &["-c:a", "libvorbis"]),
        truth: Truth::Encoded,
    },
    Kind {
        name: "Opus in Ogg",
        ending: "opus",
        encode: |wav, to| media::convert(wav, to, &["-c:a", "libopus", "-b:a", "128k"]),
        truth: Truth::At48kHz,
    },
];

/// The sound of a WAV file with a number of samples that makes whole frames at 30 a second: one sample too many is a
/// frame too many.
fn original(folder: &Path, rate: u32, channels: u32) -> (PathBuf, u64) {
    let samples = u64::from(rate / 30 * 61);
    let wav = folder.join(format!("{rate}-{channels}.wav"));
    let trim = format!("aresample={rate},atrim=end_sample={samples}");
    let channels = channels.to_string();
    media::convert(&media::demo(), &wav, &["-map_metadata", "-1", "-af", &trim, "-ac", &channels]);
    (wav, samples)
}

/// What `visualrender` finds in a file: samples, their rate, and who decoded them.
fn analysed(audio: &Path) -> (u64, u32, String) {
    let pipeline = TestPipeline::parse("visualrender name=render num-buffers=1 ! fakesink");
    pipeline.element("render").set_property("audio-location", audio.to_str().unwrap());
    pipeline.run(common::PATIENCE).expect_eos();
    let stats: gst::Structure = pipeline.element("render").property("stats");
    (
        stats.get("samples").unwrap(),
        stats.get("rate").unwrap(),
        stats.get("decoder").unwrap_or_else(|_| "none".to_owned()),
    )
}

/// By how many samples the sound of `file` is behind that of `original`: the best of all lags within 100 ms.
fn lag(original: &Path, file: &Path, rate: u32) -> i64 {
    let samples = |path: &Path| {
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-nostdin", "-i"]).arg(path);
        let output = command.args(["-ac", "1", "-ar", &rate.to_string(), "-f", "s16le", "-"]).output().unwrap();
        let pairs = output.stdout.chunks_exact(2);
        pairs.map(|pair| i64::from(i16::from_le_bytes([pair[0], pair[1]]))).collect::<Vec<_>>()
    };
    let (original, file) = (samples(original), samples(file));
    let most = i64::from(rate / 10);
    let from = most as usize;
    let difference = |lag: i64| -> i64 {
        let shifted = &file[(from as i64 + lag) as usize..];
        original[from..].iter().zip(shifted).take(16_000).map(|(a, b)| (a - b).abs()).sum()
    };
    (-most..=most).min_by_key(|lag| difference(*lag)).unwrap()
}

fn export(audio: &Path, video: &Path, options: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gst-steady"));
    command.args(["export", "--progress", "none", "--overwrite", "--size", "64x36"]).args(options);
    output_of(command.arg(audio).arg(video));
}

/// One row of the table, checked.
fn row(kind: &Kind, folder: &Path, rate: u32, channels: u32) -> String {
    let (wav, encoded) = original(folder, rate, channels);
    let audio = wav.with_extension(kind.ending);
    (kind.encode)(&wav, &audio);
    let case = format!("{} at {rate} Hz, {channels} channels", kind.name);

    let (samples, found_rate, decoder) = analysed(&audio);
    let wanted = match kind.truth {
        Truth::Encoded => encoded,
        // Its decoder delivers at the next rate that Opus knows.
        Truth::At48kHz => (encoded * u64::from(found_rate)).div_ceil(u64::from(rate)),
        Truth::Nothing => samples,
    };
    let off = i64::try_from(samples).unwrap() - i64::try_from(wanted).unwrap();
    match kind.truth {
        Truth::At48kHz => assert!(off.abs() <= 1, "{case}: {samples} samples for {wanted}"),
        Truth::Encoded => assert_eq!(off, 0, "{case}: {samples} samples for {wanted}"),
        Truth::Nothing => assert!(samples >= encoded, "{case}: {samples} samples of {encoded}"),
    }
    // Lossless sound shows what the command made of the decoded samples.
    let video = audio.with_extension("out.mkv");
    export(&audio, &video, &["--audio-codec", "flac"]);
    let found = probe(&video);
    let grid = FrameGrid::new(found_rate, 30, 1).unwrap();
    assert_eq!(found.frames, grid.frame_count(samples), "{case}");
    let sound = media::decoded_samples(&video);
    assert!(sound.abs_diff(samples) <= 1, "{case}: a sound of {sound} samples for {samples}");
    let lag = lag(&wav, &video, found_rate);
    let allowed = if kind.truth == Truth::Nothing { i64::from(found_rate) * 60 / 1000 } else { 1 };
    assert!((-1..=allowed).contains(&lag), "{case}: the sound is {lag} samples late");
    let (major, minor, ..) = gst::version();
    let frames = found.frames;
    format!("| {} | {major}.{minor} | {samples} | {frames} | {sound} | {lag} | {decoder} |", kind.name)
}

#[test]
fn every_container_is_as_long_as_what_was_encoded_and_the_documentation_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let documented = include_str!("../../docs/lengths.md");
    let mut unknown = Vec::new();
    for kind in &KINDS {
        let row = row(kind, folder.path(), 44_100, 2);
        println!("{row}");
        if !documented.lines().any(|line| line == row) {
            unknown.push(row);
        }
    }
    // A version between those that are documented has its rows printed above.
    let (major, minor, ..) = gst::version();
    let is_documented = documented.contains(&format!("| {major}.{minor} |"));
    assert!(!is_documented || unknown.is_empty(), "docs/lengths.md lacks {unknown:#?}; tests/lengths.sh makes it");
}

/// Exports to Matroska with the lossless FLAC and returns what was found: frames and samples.
fn exported(audio: &Path) -> (u64, u64) {
    let video = audio.with_extension("out.mkv");
    export(audio, &video, &["--audio-codec", "flac"]);
    (probe(&video).frames, media::decoded_samples(&video))
}

#[test]
fn files_that_were_joined_are_drawn_to_their_end() {
    let folder = tempfile::tempdir().unwrap();
    let (wav, encoded) = original(folder.path(), 44_100, 2);
    let mp3 = wav.with_extension("mp3");
    media::convert(&wav, &mp3, &["-c:a", "libmp3lame", "-b:a", "128k"]);
    let twice = folder.path().join("twice.mp3");
    std::fs::write(&twice, std::fs::read(&mp3).unwrap().repeat(2)).unwrap();
    let (frames, sound) = exported(&twice);
    // The priming of the first is left out; the padding of the first and all of the second are sound.
    assert!(sound > 2 * encoded && sound < 2 * encoded + 4 * 1152, "{sound} samples of twice {encoded}");
    assert!((122..=125).contains(&frames), "{frames} frames");
}

#[test]
fn sound_that_begins_late_or_is_cut_by_an_edit_list_makes_a_video() {
    let folder = tempfile::tempdir().unwrap();
    let (wav, encoded) = original(folder.path(), 44_100, 2);
    let make = |name: &str, options: &[&str]| {
        let path = folder.path().join(name);
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-nostdin", "-y", "-itsoffset", if name.contains("late") { "0.5" } else { "0" }]);
        output_of(command.arg("-i").arg(&wav).args(options).arg(&path));
        path
    };
    let late = make("late.mka", &["-c:a", "flac"]);
    assert_eq!(exported(&late), (61, encoded));
    let late = make("late.m4a", &["-c:a", "aac"]);
    let (frames, sound) = exported(&late);
    assert!((61..=62).contains(&frames) && sound >= encoded, "{frames} frames, {sound} samples");
    let fragmented = make("fragmented.m4a", &["-c:a", "aac", "-movflags", "frag_keyframe+delay_moov"]);
    let (_, sound) = exported(&fragmented);
    // Nothing tells where in the last packet the sound ends.
    assert_eq!(sound % 1024, 0, "{sound} samples");
}

#[test]
fn the_shortest_sounds_make_a_video() {
    let folder = tempfile::tempdir().unwrap();
    for samples in [1u64, 1000, 4000, 4608, 4609] {
        let wav = folder.path().join(format!("{samples}.wav"));
        let trim = format!("atrim=end_sample={samples}");
        media::convert(&media::demo(), &wav, &["-map_metadata", "-1", "-af", &trim]);
        let (frames, _) = exported(&wav);
        assert_eq!(frames, samples.div_ceil(1470), "{samples} samples");
    }
}

#[cfg(feature = "full")]
#[test]
fn every_export_is_exact_at_every_rate() {
    let folder = tempfile::tempdir().unwrap();
    for (rate, channels) in [(44_100, 1), (48_000, 1), (48_000, 2), (22_050, 1), (22_050, 2)] {
        for kind in &KINDS {
            println!("{}", row(kind, folder.path(), rate, channels));
        }
    }
    for (rate, channels) in [(44_100, 1), (44_100, 2), (48_000, 1), (48_000, 2), (22_050, 1), (22_050, 2)] {
        for kind in &KINDS {
            for container in ["mp4", "mkv", "webm"] {
                lossy_export(kind, folder.path(), rate, channels, container);
            }
        }
    }
}

/// An export with the container's own codecs, whose encoders put priming before the sound.
#[cfg(feature = "full")]
fn lossy_export(kind: &Kind, folder: &Path, rate: u32, channels: u32, container: &str) {
    let (wav, _) = original(folder, rate, channels);
    let audio = wav.with_extension(kind.ending);
    (kind.encode)(&wav, &audio);
    let (samples, found_rate, _) = analysed(&audio);
    let video = audio.with_extension(container);
    export(&audio, &video, &[]);
    let case = format!("{} at {rate} Hz, {channels} channels, in {container}", kind.name);
    let found = probe(&video);
    let grid = FrameGrid::new(found_rate, 30, 1).unwrap();
    assert_eq!((found.videos, found.audios, found.others), (1, 1, 0), "{case}");
    assert_eq!(found.frames, grid.frame_count(samples), "{case}");
    let own = if kind.truth == Truth::Nothing { 60 } else { 0 };
    let lag = lag(&wav, &video, 48_000);
    println!("{case}: the sound is {lag} samples late");
    assert!((-48..=(40 + own) * 48).contains(&lag), "{case}: the sound is {lag} samples late");
}
