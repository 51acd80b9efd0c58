//! Where heights come from: the timeline of `visualrender`, the pictures of `spectrascope`, and the samples themselves.

use std::path::Path;
use std::process::Command;

use gst::prelude::*;
use rustfft::FftPlanner;
use rustfft::num_complex::Complex;

use crate::Failure;
use crate::figures::{BARS, Bars, HOPS_PER_SECOND};

/// Bars go from the first to the second in Hz, equally wide to the ear: pairs of the bands of a timeline.
const RANGE_HZ: (f64, f64) = (30.0, 16_000.0);
/// The size of spectrascope's pictures.
const PICTURE: (usize, usize) = (1024, 128);
/// It transforms as many samples as give it a bin for each column.
const TRANSFORMED: usize = 2 * PICTURE.0 - 2;

fn edge_hz(bar: usize) -> f64 {
    RANGE_HZ.0 * libm::pow(RANGE_HZ.1 / RANGE_HZ.0, bar as f64 / BARS as f64)
}

/// A timeline as `visualrender` wrote it.
pub struct Drawn {
    /// A header, a line for each moment, and a checksum.
    text: String,
    /// In seconds.
    pub beats: Vec<f64>,
    pub lufs: f64,
}

fn numbers(value: &serde_json::Value) -> Vec<f64> {
    value.as_array().into_iter().flatten().filter_map(serde_json::Value::as_f64).collect()
}

impl Drawn {
    pub fn moments(&self) -> usize {
        self.text.lines().count() - 2
    }

    pub fn heights(&self, moments: std::ops::Range<usize>) -> Result<Vec<Bars>, Failure> {
        let lines = self.text.lines().skip(1 + moments.start).take(moments.len());
        let bars = lines.map(|line| {
            let bands = numbers(&serde_json::from_str::<serde_json::Value>(line)?["bands"]);
            let pairs = bands.as_chunks::<2>().0.iter().map(|[low, high]| low.max(*high) / f64::from(u16::MAX));
            Ok(pairs.collect::<Vec<_>>().try_into().map_err(|_| "not as many bands as were expected")?)
        });
        bars.collect()
    }
}

/// What `visualrender` draws `song` from, at the middle of each 10 ms: of the plugin that GStreamer finds, or of the one in
/// `plugins`. In a process of its own, since one process can have only one of them.
pub fn of_visualrender(song: &Path, plugins: Option<&Path>) -> Result<Drawn, Failure> {
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("timeline.jsonl");
    let mut launch = Command::new("gst-launch-1.0");
    if let Some(plugins) = plugins {
        // A registry of its own as well, or the other plugin would be found in the one that is known.
        launch.env("GST_PLUGIN_PATH", plugins).env("GST_REGISTRY", folder.path().join("registry"));
    }
    let quoted = |name: &str, path: &Path| format!("{name}=\"{}\"", path.display());
    let status = launch
        .args(["-q", "visualrender", "num-buffers=1"])
        .args([quoted("audio-location", song), quoted("jsonl-location", &out)])
        .args(["!", "video/x-raw,width=16,height=16,framerate=100/1", "!", "fakesink"])
        .status()?;
    if !status.success() {
        return Err(format!("{}: visualrender failed", song.display()).into());
    }
    let text = std::fs::read_to_string(&out)?;
    let header: serde_json::Value = serde_json::from_str(text.lines().next().ok_or("an empty timeline")?)?;
    Ok(Drawn { beats: numbers(&header["beats"]), lufs: header["loudness"].as_f64().unwrap_or(f64::NAN), text })
}

/// Calls `each` with the caps and the buffers that `line` gives, until it has seen enough.
fn pull(
    line: &str,
    song: &Path,
    mut each: impl FnMut(&gst::StructureRef, &gst::BufferRef) -> Result<bool, Failure>,
) -> Result<(), Failure> {
    let line =
        format!("filesrc name=file ! decodebin ! audioconvert ! {line} ! appsink name=sink sync=false max-buffers=4");
    let pipeline = gst::parse::launch(&line)?.downcast::<gst::Pipeline>().map_err(|_| "not a pipeline")?;
    pipeline
        .by_name("file")
        .ok_or("no source")?
        .set_property("location", song.to_str().ok_or("a path that is not UTF-8")?);
    let sink = pipeline.by_name("sink").and_downcast::<gst_app::AppSink>().ok_or("no sink")?;
    pipeline.set_state(gst::State::Playing)?;
    let mut go_on = true;
    while go_on && let Ok(sample) = sink.pull_sample() {
        let caps = sample.caps().and_then(|caps| caps.structure(0)).ok_or("no caps")?;
        go_on = each(caps, sample.buffer().ok_or("no buffer")?)?;
    }
    let error = pipeline.bus().and_then(|bus| bus.pop_filtered(&[gst::MessageType::Error]));
    pipeline.set_state(gst::State::Null)?;
    match error.as_ref().map(|message| message.view()) {
        Some(gst::MessageView::Error(error)) => Err(format!("{}: {}", song.display(), error.error()).into()),
        _ => Ok(()),
    }
}

/// The first two channels of a song.
pub struct Samples {
    pub rate: f64,
    /// One channel is a real number, two are a complex one.
    values: Vec<Complex<f32>>,
}

impl Samples {
    pub fn of(song: &Path) -> Result<Self, Failure> {
        let (mut rate, mut values) = (0.0, Vec::new());
        pull("audio/x-raw,format=F32LE,layout=interleaved", song, |caps, buffer| {
            let channels = usize::try_from(caps.get::<i32>("channels")?)?;
            rate = f64::from(caps.get::<i32>("rate")?);
            let samples: Vec<_> =
                buffer.map_readable()?.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
            let pair = |frame: &[f32]| Complex::new(frame[0], frame.get(1).copied().unwrap_or(0.0));
            values.extend(samples.chunks_exact(channels).map(pair));
            Ok(true)
        })?;
        if values.is_empty() {
            Err(format!("{}: no samples", song.display()).into())
        } else {
            Ok(Self { rate, values })
        }
    }

    /// The level of each bar at the middle of each of these 10 ms: the amplitude of what lies between its edges, in a Hann window of
    /// 46 ms, which weighs about as much as a frame of 30 a second lasts, or of 93 ms in the bass, where the shorter one cannot tell
    /// a bar from its neighbours. The analysis has no part in it.
    pub fn levels(&self, moments: std::ops::Range<usize>) -> Vec<Bars> {
        let long = 1usize << libm::log2(0.093 * self.rate).round() as u32;
        let mut levels = vec![[0.0; BARS]; moments.len()];
        let mut planner = FftPlanner::<f32>::new();
        for window in [long / 2, long] {
            // A Hann window sees one and a half of its bins as one.
            let is_told_apart = |bar: usize| edge_hz(bar + 1) - edge_hz(bar) >= 1.5 * self.rate / (long / 2) as f64;
            let bars: Vec<_> = (0..BARS).filter(|&bar| is_told_apart(bar) == (window < long)).collect();
            let fft = planner.plan_fft_forward(window);
            let hann: Vec<_> = (0..window)
                .map(|i| {
                    let wave = libm::sin(std::f64::consts::PI * i as f64 / window as f64);
                    (wave * wave) as f32
                })
                .collect();
            let bin_hz = self.rate / window as f64;
            for (levels, moment) in levels.iter_mut().zip(moments.clone()) {
                let first = ((moment as f64 + 0.5) / HOPS_PER_SECOND as f64 * self.rate) as isize - window as isize / 2;
                let sample = |i: usize| usize::try_from(first + i as isize).ok().and_then(|at| self.values.get(at));
                let mut spectrum: Vec<_> =
                    hann.iter().enumerate().map(|(i, hann)| sample(i).copied().unwrap_or_default() * hann).collect();
                fft.process(&mut spectrum);
                for &bar in &bars {
                    // A bin covers half of its width to either side.
                    let (low, high) = (edge_hz(bar) / bin_hz, edge_hz(bar + 1) / bin_hz);
                    let bins = (low + 0.5) as usize..=((high + 0.5) as usize).min(window / 2);
                    let power = bins.map(|bin| {
                        let share = (high.min(bin as f64 + 0.5) - low.max(bin as f64 - 0.5)).max(0.0);
                        // Both channels: what is at a frequency and at its mirror.
                        let both = spectrum[bin].norm_sqr() + spectrum[window - bin.max(1)].norm_sqr();
                        share * f64::from(both)
                    });
                    levels[bar] = power.sum::<f64>().sqrt() / window as f64;
                }
            }
        }
        levels
    }
}

/// The heights that spectrascope shows at these moments, read from its pictures: in each column the first pixel from above that is
/// not black. Its columns are equally wide in Hz; a bar is the highest of those between its edges, or the nearest one. How many
/// pictures it makes follows from the buffers that it gets, whatever rate it is asked for, so its time stamps say when one is shown.
pub fn of_spectrascope(song: &Path, rate: f64, moments: std::ops::Range<usize>) -> Result<Vec<Bars>, Failure> {
    let (width, height) = PICTURE;
    let column = |hz: f64| ((hz * TRANSFORMED as f64 / rate - 1.0).round().max(0.0) as usize).min(width - 1);
    let line = format!("spectrascope shader=none ! video/x-raw,width={width},height={height},framerate=100/1");
    let (mut shown, mut heights) = ([0.0; BARS], Vec::new());
    pull(&line, song, |_, buffer| {
        let from = buffer.pts().map_or(0.0, |pts| pts.nseconds() as f64 / 1e9);
        let first = ((from * HOPS_PER_SECOND as f64 - 0.5).ceil().max(0.0) as usize).min(moments.end);
        // Until then the picture before it was shown.
        heights.resize(first.saturating_sub(moments.start).max(heights.len()), shown);
        let map = buffer.map_readable()?;
        let pixels = map.as_chunks::<4>().0;
        let lit = |x: usize| (0..height).find(|y| pixels[y * width + x][..3] != [0; 3]);
        let column_height = |x: usize| lit(x).map_or(0.0, |y| (height - 1 - y) as f64 / (height - 1) as f64);
        let of_bar = |bar| (column(edge_hz(bar))..=column(edge_hz(bar + 1))).map(column_height).fold(0.0, f64::max);
        shown = std::array::from_fn(of_bar);
        Ok(heights.len() < moments.len())
    })?;
    heights.resize(moments.len(), shown);
    Ok(heights)
}
