//! The cost of a picture: every scene of `visualrender` against the visualisers of GStreamer and ffmpeg's showcqt.
//!
//! `cargo bench --bench visual [-- SONG [OUT.json]]` runs all of them in turn, several rounds, on one core, and prints
//! milliseconds of CPU time per picture *delivered* (some peers deliver more or fewer than the frame rate asks for) and
//! the mean share of pixels that change from one picture to the next. Without a song it makes ten seconds of music.
//! Each scene is drawn in RGBA and in I420, as encoders take it; the last column says what the latter costs more.
//! `visualrender` analyses the whole song before its first picture, which the peers do picture by picture; what that
//! costs is a line of its own.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use gst::prelude::*;
use gststeady::logic::render::scenes;
use serde_json::json;

type Failure = Box<dyn std::error::Error>;

const SIZES: [(u32, u32); 3] = [(1280, 720), (1920, 1080), (3840, 2160)];
const ROUNDS: usize = 3;
/// Pictures that are compared for the share of changed pixels.
const COMPARED: u64 = 90;

fn main() -> Result<(), Failure> {
    gst::init()?;
    gststeady::plugin_register_static()?;
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let made = tempfile::Builder::new().suffix(".wav").tempfile()?;
    let song = match args.first() {
        Some(path) => std::path::absolute(path)?,
        None => {
            std::fs::write(made.path(), wav(&tune()))?;
            made.path().to_owned()
        }
    };
    stay_on_one_core()?;
    let speeds: Vec<f64> = (0..ROUNDS).map(|_| analysis(&song)).collect::<Result<_, _>>()?;
    let analysis = speeds.iter().copied().fold(0.0, f64::max);
    println!(
        "Decoding and analysis: {analysis:.0} × real time by CPU time, {:.2} ms for each picture at 30 a second\n",
        1000.0 / 30.0 / analysis
    );
    let mut results = Vec::new();
    for size in SIZES {
        results.extend(compare(&song, size)?);
    }
    if let Some(out) = args.get(1) {
        std::fs::write(
            out,
            serde_json::to_string_pretty(
                &json!({ "rounds": ROUNDS, "analysis_times_real_time": analysis, "results": results }),
            )?,
        )?;
    }
    Ok(())
}

/// Something that draws.
enum Drawer {
    /// A launch line up to its pictures.
    Pipeline(String),
    /// The same for I420, right behind the one for RGBA.
    Converted(String),
    Ffmpeg,
}

fn compare(song: &Path, (w, h): (u32, u32)) -> Result<Vec<serde_json::Value>, Failure> {
    let quoted = format!("\"{}\"", song.display());
    let peer = |name: &str| {
        let line = format!("filesrc location={quoted} ! decodebin ! audioconvert ! {name} ! video/x-raw");
        (name.to_owned(), Drawer::Pipeline(line))
    };
    let ours = |name: &str| {
        let line =
            |format: &str| format!("visualrender audio-location={quoted} scene={name} ! video/x-raw,format={format}");
        [(name.to_owned(), Drawer::Pipeline(line("RGBA"))), (format!("{name} I420"), Drawer::Converted(line("I420")))]
    };
    let mut drawers: Vec<_> = ["spectrascope", "wavescope", "goom"].map(peer).into();
    drawers.retain(|(name, _)| gst::ElementFactory::find(name).is_some());
    if Command::new("ffmpeg").arg("-version").stdout(Stdio::null()).status().is_ok_and(|status| status.success()) {
        drawers.push(("showcqt".to_owned(), Drawer::Ffmpeg));
    }
    drawers.extend(scenes::all().iter().flat_map(|scene| ours(scene.name)));
    let mut costs = vec![Vec::new(); drawers.len()];
    for _ in 0..ROUNDS {
        for ((_, drawer), costs) in drawers.iter().zip(&mut costs) {
            costs.push(match drawer {
                Drawer::Pipeline(line) | Drawer::Converted(line) => cost(line, (w, h))?,
                Drawer::Ffmpeg => cost_of_ffmpeg(song, (w, h))?,
            });
        }
    }
    // The least of the rounds: everything else on the machine only adds.
    let least = |costs: &[f64]| costs.iter().copied().fold(f64::MAX, f64::min);
    let yardstick = least(&costs[0]);
    println!("{w}×{h:<6} {:>18} {:>14} {:>18}", "ms/picture", "× spectrascope", "pixels changing");
    let mut rows = Vec::new();
    let mut rgba = 0.0;
    for ((name, drawer), costs) in drawers.iter().zip(&costs) {
        let changing = match drawer {
            Drawer::Pipeline(line) => Some(changing(line, (w, h))?),
            Drawer::Converted(_) | Drawer::Ffmpeg => None,
        };
        let ms = least(costs);
        let shown = match (drawer, changing) {
            (Drawer::Converted(_), _) => format!("{:+.2} ms", ms - rgba),
            (_, Some(share)) => format!("{:.1} %", share * 100.0),
            (_, None) => "-".to_owned(),
        };
        rgba = ms;
        println!("{name:<18} {ms:>11.2} {:>14.2} {shown:>18}", ms / yardstick);
        rows.push(json!({
            "name": name, "width": w, "height": h, "ms_per_picture": ms, "times_spectrascope": ms / yardstick,
            "changing_pixels": changing, "rounds_ms": costs,
        }));
    }
    println!();
    Ok(rows)
}

/// Runs a pipeline to its end or until `each` has seen enough.
fn run(
    line: &str,
    (w, h): (u32, u32),
    each: impl FnMut(&gst::BufferRef) -> bool + Send + 'static,
) -> Result<(), Failure> {
    let line = format!("{line},width={w},height={h},framerate=30/1 ! fakesink name=sink sync=false");
    let pipeline = gst::parse::launch(&line)?.downcast::<gst::Pipeline>().map_err(|_| "not a pipeline")?;
    let pad = pipeline.by_name("sink").and_then(|sink| sink.static_pad("sink")).ok_or("no sink")?;
    let bus = pipeline.bus().ok_or("no bus")?;
    let enough = bus.clone();
    let each = Mutex::new(each);
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        let mut each = each.lock().unwrap_or_else(|error| error.into_inner());
        if info.buffer().is_some_and(|buffer| each(buffer)) {
            gst::PadProbeReturn::Ok
        } else {
            // Not what a pipeline would post by itself, but it ends the wait below.
            let _ =
                enough.post(gst::message::Application::builder(gst::Structure::new_empty("enough")).src(pad).build());
            gst::PadProbeReturn::Remove
        }
    });
    pipeline.set_state(gst::State::Playing)?;
    let message = bus.timed_pop_filtered(
        gst::ClockTime::from_seconds(600),
        &[gst::MessageType::Eos, gst::MessageType::Error, gst::MessageType::Application],
    );
    pipeline.set_state(gst::State::Null)?;
    match message.as_ref().map(|message| message.view()) {
        None => Err(format!("no end within ten minutes: {line}").into()),
        Some(gst::MessageView::Error(error)) => Err(format!("{}: {line}", error.error()).into()),
        Some(_) => Ok(()),
    }
}

/// Seconds of audio that are decoded and analysed in a second of CPU time.
fn analysis(song: &Path) -> Result<f64, Failure> {
    let render = gst::ElementFactory::make("visualrender")
        .property("audio-location", song.to_str().ok_or("a path that is not UTF-8")?)
        .build()?;
    render.set_property("num-buffers", 1);
    let (pipeline, sink) = (gst::Pipeline::new(), gst::ElementFactory::make("fakesink").build()?);
    pipeline.add_many([&render, &sink])?;
    render.link_filtered(&sink, &gst::Caps::builder("video/x-raw").field("width", 16).field("height", 16).build())?;
    let before = cpu_ms(libc::RUSAGE_SELF);
    pipeline.set_state(gst::State::Playing)?;
    let ends = [gst::MessageType::Eos, gst::MessageType::Error];
    let end = pipeline.bus().and_then(|bus| bus.timed_pop_filtered(gst::ClockTime::from_seconds(600), &ends));
    let spent = cpu_ms(libc::RUSAGE_SELF) - before;
    let stats = render.property::<gst::Structure>("stats");
    pipeline.set_state(gst::State::Null)?;
    if let Some(gst::MessageView::Error(error)) = end.as_ref().map(|message| message.view()) {
        return Err(format!("{}: {}", song.display(), error.error()).into());
    }
    Ok(stats.get::<u64>("samples")? as f64 / f64::from(stats.get::<u32>("rate")?) * 1000.0 / spent)
}

/// CPU time in ms per picture, from the first one on: what is done once does not count.
fn cost(line: &str, size: (u32, u32)) -> Result<f64, Failure> {
    let times = Arc::new(Mutex::new((None, 0.0, 0u32)));
    let seen = times.clone();
    run(line, size, move |_| {
        let now = cpu_ms(libc::RUSAGE_SELF);
        let mut seen = seen.lock().unwrap_or_else(|error| error.into_inner());
        if seen.0.is_none() {
            seen.0 = Some(now);
        } else {
            (seen.1, seen.2) = (now, seen.2 + 1);
        }
        true
    })?;
    let (first, last, pictures) = *times.lock().unwrap_or_else(|error| error.into_inner());
    match first {
        Some(first) if pictures > 0 => Ok((last - first) / f64::from(pictures)),
        _ => Err(format!("not two pictures: {line}").into()),
    }
}

fn cost_of_ffmpeg(song: &Path, (w, h): (u32, u32)) -> Result<f64, Failure> {
    let before = cpu_ms(libc::RUSAGE_CHILDREN);
    let graph = format!("[0:a]showcqt=s={w}x{h}:r=30[v]");
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-progress", "-", "-filter_threads", "1", "-i"])
        .arg(song)
        .args(["-filter_complex", &graph, "-map", "[v]", "-c:v", "wrapped_avframe", "-f", "null", "-"])
        .stderr(Stdio::inherit())
        .output()?;
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    let frames = report.lines().rev().find_map(|line| line.strip_prefix("frame=")).ok_or("ffmpeg drew nothing")?;
    Ok((cpu_ms(libc::RUSAGE_CHILDREN) - before) / frames.trim().parse::<f64>()?)
}

/// The mean share of pixels that differ from those of the picture before.
fn changing(line: &str, size: (u32, u32)) -> Result<f64, Failure> {
    let sums = Arc::new(Mutex::new((Vec::new(), 0u64, 0u64)));
    let seen = sums.clone();
    run(line, size, move |buffer| {
        let Ok(map) = buffer.map_readable() else { return false };
        let mut seen = seen.lock().unwrap_or_else(|error| error.into_inner());
        let (previous, changed, pictures) = &mut *seen;
        if !previous.is_empty() {
            let pixels = |bytes: &[u8]| bytes.as_chunks::<4>().0.to_vec();
            *changed += pixels(previous).iter().zip(&pixels(&map)).filter(|(a, b)| a != b).count() as u64;
            *pictures += 1;
        }
        previous.clear();
        previous.extend_from_slice(&map);
        *pictures < COMPARED
    })?;
    let seen = sums.lock().unwrap_or_else(|error| error.into_inner());
    Ok(seen.1 as f64 / seen.2.max(1) as f64 / (f64::from(size.0) * f64::from(size.1)))
}

/// CPU time of this process or of its finished children.
fn cpu_ms(who: libc::c_int) -> f64 {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: `usage` is writable and as large as getrusage wants; zeroes are a valid rusage should the call fail.
    let usage = unsafe {
        libc::getrusage(who, usage.as_mut_ptr());
        usage.assume_init()
    };
    let ms = |time: libc::timeval| time.tv_sec as f64 * 1e3 + time.tv_usec as f64 / 1e3;
    ms(usage.ru_utime) + ms(usage.ru_stime)
}

/// This process and what it starts share the first core they may use.
fn stay_on_one_core() -> Result<(), Failure> {
    let mut set = rustix::thread::sched_getaffinity(None)?;
    let first = (0..rustix::thread::CpuSet::MAX_CPU).find(|&cpu| set.is_set(cpu)).ok_or("no core to run on")?;
    set.clear();
    set.set(first);
    Ok(rustix::thread::sched_setaffinity(None, &set)?)
}

/// Ten seconds of kicks, chords and hats, stereo at 44.1 kHz.
fn tune() -> Vec<[i16; 2]> {
    const RATE: usize = 44_100;
    let mut noise = 1u32;
    (0..10 * RATE)
        .map(|i| {
            let t = i as f32 / RATE as f32;
            let since = |period: f32| t % period;
            let saw = |hz: f32| (t * hz).fract() * 2.0 - 1.0;
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let hiss = (noise >> 16) as f32 / 32_768.0 - 1.0;
            let decay = |since: f32, length: f32| (1.0 - since / length).max(0.0);
            let kick = decay(since(0.5), 0.22) * saw(55.0);
            let chord = [220.0, 277.2, 329.6].map(|hz| saw(hz * if t % 4.0 < 2.0 { 1.0 } else { 0.75 }));
            let hat = decay(since(0.25), 0.05) * hiss;
            let v = 0.4 * kick + 0.08 * chord.iter().sum::<f32>() + 0.15 * hat;
            [(v * 30_000.0) as i16, (v * 0.9 * 30_000.0) as i16]
        })
        .collect()
}

fn wav(samples: &[[i16; 2]]) -> Vec<u8> {
    let data: Vec<u8> = samples.iter().flatten().flat_map(|v| v.to_le_bytes()).collect();
    let words = |words: &[u32]| words.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>();
    let length = data.len() as u32;
    // PCM, two channels, 44.1 kHz, four bytes a frame.
    let format = words(&[16, 0x0002_0001, 44_100, 176_400, 0x0010_0004]);
    [b"RIFF".to_vec(), words(&[36 + length]), b"WAVEfmt ".to_vec(), format, b"data".to_vec(), words(&[length]), data]
        .concat()
}
