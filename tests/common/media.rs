//! Real encoded audio to test with, and independent judges of what came out: ffmpeg, ffprobe, framemd5.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The demo tune that comes with the project: 18 s, stereo, 44.1 kHz.
pub fn demo() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/media/demo.flac")
}

/// Runs a program to its end and returns what it printed; panics with its words if it fails.
#[track_caller]
pub fn output_of(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {} {errors}", output.status);
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn ffmpeg() -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin", "-y"]);
    command
}

/// The first `samples` samples of the demo tune in WAV, FLAC, Ogg Vorbis and MP3 (with its LAME tag), in `folder`.
pub fn four_containers(folder: &Path, samples: u64) -> [PathBuf; 4] {
    ["wav", "flac", "ogg", "mp3"].map(|extension| {
        let path = folder.join(format!("tune.{extension}"));
        let trim = format!("atrim=end_sample={samples}");
        let mut command = ffmpeg();
        command.arg("-i").arg(demo()).args(["-map_metadata", "-1", "-af", &trim]);
        output_of(command.arg(&path));
        path
    })
}

/// The demo tune `times` times in a row, as FLAC.
pub fn long_tune(folder: &Path, times: u32) -> PathBuf {
    let path = folder.join("long.flac");
    let mut command = ffmpeg();
    command.args(["-stream_loop", &(times - 1).to_string(), "-i"]).arg(demo());
    output_of(command.arg(&path));
    path
}

/// Converts any file to another by its extension, with further ffmpeg options.
pub fn convert(from: &Path, to: &Path, options: &[&str]) {
    output_of(ffmpeg().arg("-i").arg(from).args(options).arg(to));
}

/// The sound of a file as ffmpeg decodes it, encoder delay removed, mixed to one channel.
pub fn mono_samples(path: &Path) -> Vec<i16> {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin", "-i"]).arg(path).args(["-ac", "1", "-f", "s16le", "-"]);
    let bytes = command.output().unwrap().stdout;
    bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

/// Samples per channel that ffmpeg decodes: an independent count.
pub fn decoded_samples(path: &Path) -> u64 {
    mono_samples(path).len() as u64
}

/// The sample rate of a sound file in Hz.
pub fn sample_rate(path: &Path) -> u32 {
    let mut command = Command::new("ffprobe");
    command.args(["-v", "error", "-select_streams", "a", "-show_entries", "stream=sample_rate", "-of", "csv=p=0"]);
    output_of(command.arg(path)).trim().parse().unwrap()
}

/// What ffprobe says of a video file after decoding all of it.
#[derive(Debug)]
pub struct Probe {
    pub videos: usize,
    pub audios: usize,
    pub others: usize,
    /// Decoded video frames.
    pub frames: u64,
    pub fps: String,
    pub size: (u64, u64),
    pub video_seconds: f64,
    pub audio_seconds: f64,
}

/// Decodes the whole file.
#[track_caller]
pub fn probe(path: &Path) -> Probe {
    let mut command = Command::new("ffprobe");
    command.args(["-v", "error", "-count_frames", "-show_streams", "-show_packets", "-of", "json"]).arg(path);
    let json: serde_json::Value = serde_json::from_str(&output_of(&mut command)).unwrap();
    let streams = json["streams"].as_array().unwrap();
    let of = |kind: &str| streams.iter().filter(|s| s["codec_type"] == kind).collect::<Vec<_>>();
    let (videos, audios) = (of("video"), of("audio"));
    // Containers without stream durations have them in their packets.
    let seconds = |stream: &serde_json::Value| {
        let number = |v: &serde_json::Value| v.as_str().and_then(|s| s.parse::<f64>().ok());
        number(&stream["duration"]).unwrap_or_else(|| {
            let packets = json["packets"].as_array().unwrap().iter().filter(|p| p["stream_index"] == stream["index"]);
            packets
                .map(|p| number(&p["pts_time"]).unwrap() + number(&p["duration_time"]).unwrap_or(0.0))
                .fold(0.0, f64::max)
        })
    };
    let video = videos.first().expect("a video stream");
    Probe {
        videos: videos.len(),
        audios: audios.len(),
        others: streams.len() - videos.len() - audios.len(),
        frames: video["nb_read_frames"].as_str().unwrap().parse().unwrap(),
        fps: video["r_frame_rate"].as_str().unwrap().into(),
        size: (video["width"].as_u64().unwrap(), video["height"].as_u64().unwrap()),
        video_seconds: seconds(video),
        audio_seconds: audios.first().map_or(0.0, |a| seconds(a)),
    }
}

/// What ffprobe says of the colours of a film's first video stream, `NAME=WORD` one behind the other.
pub fn colours(path: &Path) -> String {
    let entries = "stream=color_range,color_space,color_transfer,color_primaries,chroma_location";
    let mut command = Command::new("ffprobe");
    command.args(["-v", "error", "-select_streams", "v:0", "-show_entries", entries, "-of", "default=nw=1"]);
    output_of(command.arg(path)).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A digest of each decoded picture with its time: equal lists are equal videos.
#[track_caller]
pub fn framemd5(path: &Path) -> String {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin", "-i"]).arg(path).args(["-map", "0:v", "-f", "framemd5", "-"]);
    output_of(&mut command)
}
