//! Audio files to test with, made on the spot, and the frames that come out of `visualrender`.

use std::path::{Path, PathBuf};

use gst::prelude::*;
use gststeady::logic::frame_grid::FrameGrid;

use super::{Outcome, PATIENCE, TestPipeline};

/// A 16-bit WAV file of interleaved `samples`.
pub fn write_wav(path: &Path, rate: u32, channels: u16, samples: &[i16]) {
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let mut file = Vec::with_capacity(bytes.len() + 44);
    file.extend_from_slice(b"RIFF");
    file.extend_from_slice(&(36 + bytes.len() as u32).to_le_bytes());
    file.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0");
    file.extend_from_slice(&channels.to_le_bytes());
    file.extend_from_slice(&rate.to_le_bytes());
    file.extend_from_slice(&(rate * u32::from(channels) * 2).to_le_bytes());
    file.extend_from_slice(&(channels * 2).to_le_bytes());
    file.extend_from_slice(b"\x10\0data");
    file.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    file.extend_from_slice(&bytes);
    std::fs::write(path, file).unwrap();
}

/// A stereo tune of `count` samples per channel: a chord with a beat, the same each time.
pub fn tune(rate: u32, count: usize) -> Vec<i16> {
    let mut noise = 1u32;
    let mut samples = Vec::with_capacity(count * 2);
    for i in 0..count {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let hiss = f64::from(noise >> 16) / 32_768.0 - 1.0;
        let t = i as f64 / f64::from(rate);
        let beat = (1.0 - 8.0 * (t % 0.5)).max(0.0);
        let tone = |hz: f64| libm::sin(std::f64::consts::TAU * hz * t);
        let left = 0.2 * tone(220.0) + 0.1 * tone(1760.0) + beat * (0.4 * tone(60.0) + 0.2 * hiss);
        let right = 0.2 * tone(330.0) - 0.1 * tone(3520.0) + beat * (0.4 * tone(60.0) - 0.1 * hiss);
        samples.extend([left, right].map(|x| (x * 32_000.0) as i16));
    }
    samples
}

/// A folder of files that goes away with the value.
pub struct Fixtures(tempfile::TempDir);

impl Fixtures {
    pub fn new() -> Self {
        super::init();
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// [`tune`] as a WAV file.
    pub fn wav(&self, rate: u32, count: usize) -> PathBuf {
        let path = self.path(&format!("tune-{rate}-{count}.wav"));
        write_wav(&path, rate, 2, &tune(rate, count));
        path
    }

    /// The audio of `wav` encoded by `encoder`, a `gst-launch-1.0` description.
    #[track_caller]
    pub fn encoded(&self, wav: &Path, encoder: &str, extension: &str) -> PathBuf {
        let path = wav.with_extension(extension);
        let (from, to) = (wav.display(), path.display());
        TestPipeline::parse(&format!(
            "filesrc location={from} ! wavparse ! audioconvert ! {encoder} ! filesink location={to}"
        ))
        .run(PATIENCE)
        .expect_eos();
        path
    }

    pub fn flac(&self, wav: &Path) -> PathBuf {
        self.encoded(wav, "flacenc", "flac")
    }

    pub fn ogg(&self, wav: &Path) -> PathBuf {
        self.encoded(wav, "vorbisenc ! oggmux", "ogg")
    }
}

impl Fixtures {
    /// An MP3 file with a delay tag, which only ffmpeg and lame write.
    #[track_caller]
    pub fn mp3(&self, wav: &Path) -> PathBuf {
        let path = wav.with_extension("tagged.mp3");
        let mut ffmpeg = std::process::Command::new("ffmpeg");
        let status = ffmpeg.args(["-v", "error", "-y", "-i"]).arg(wav).args(["-c:a", "libmp3lame"]).arg(&path).status();
        assert!(status.expect("the tests need ffmpeg").success(), "ffmpeg cannot encode {}", wav.display());
        path
    }
}

/// A frame as it was delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    pub pts: u64,
    pub duration: u64,
    pub offset: u64,
    pub offset_end: u64,
    pub digest: String,
}

impl Delivered {
    pub fn of(buffer: &gst::BufferRef) -> Self {
        Self {
            pts: buffer.pts().unwrap().nseconds(),
            duration: buffer.duration().unwrap().nseconds(),
            offset: buffer.offset(),
            offset_end: buffer.offset_end(),
            digest: blake3::hash(&buffer.map_readable().unwrap()).to_hex().to_string(),
        }
    }
}

/// As many frames as `samples` at `rate` Hz make, each with its times and its number.
#[track_caller]
pub fn check_frame_law(frames: &[Delivered], rate: u32, samples: u64, fps_n: u32, fps_d: u32) {
    let grid = FrameGrid::new(rate, fps_n, fps_d).unwrap();
    assert_eq!(frames.len() as u64, grid.frame_count(samples));
    for (n, frame) in (0..).zip(frames) {
        assert_eq!((frame.pts, frame.duration), (grid.pts(n), grid.duration(n)), "times of frame {n}");
        assert_eq!((frame.offset, frame.offset_end), (n, n + 1));
    }
}

/// `visualrender` with `properties`, its caps, and a sink called `sink` that keeps the frames for [`pull`].
#[track_caller]
pub fn render(audio: &Path, properties: &str, caps: &str) -> TestPipeline {
    let pipeline = TestPipeline::parse(&format!(
        "visualrender name=render {properties} ! video/x-raw,{caps} ! appsink name=sink sync=false"
    ));
    pipeline.element("render").set_property("audio-location", audio.to_str().unwrap());
    pipeline
}

/// The sink of [`render`].
pub fn sink(pipeline: &TestPipeline) -> gst_app::AppSink {
    pipeline.element("sink").downcast().unwrap()
}

/// Every frame up to the end of the stream.
#[track_caller]
pub fn pull(pipeline: &TestPipeline) -> Vec<Delivered> {
    let sink = sink(pipeline);
    let mut frames = Vec::new();
    loop {
        match sink.try_pull_sample(gst::ClockTime::try_from(PATIENCE).unwrap()) {
            Some(sample) => frames.push(Delivered::of(sample.buffer().unwrap())),
            None if sink.is_eos() => return frames,
            None => {
                panic!("no frame and no end after {}: {:?}", frames.len(), pipeline.wait(std::time::Duration::ZERO))
            }
        }
    }
}

/// Every frame of a whole run.
#[track_caller]
pub fn frames(audio: &Path, properties: &str, caps: &str) -> Vec<Delivered> {
    let pipeline = render(audio, properties, caps);
    pipeline.set_state(gst::State::Playing).unwrap();
    pull(&pipeline)
}

/// The first error of a run that must not deliver anything.
#[track_caller]
pub fn error_of(description: &str) -> (gst::glib::Error, String) {
    let pipeline = TestPipeline::parse(description);
    match pipeline.run(PATIENCE) {
        Outcome::Error(error, debug) => (error, debug),
        other => panic!("expected an error of {description}, got {other:?}"),
    }
}
