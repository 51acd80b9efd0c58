//! What is claimed of the structure of a track: no bars of a voice, and sections where one piece of music becomes another.

use std::ops::ControlFlow;
use std::path::Path;
use std::process::Command;

use gststeady::logic::audio::timeline::Timeline;

use super::music::analyze;
use super::recordings::{RECORDINGS, TEMPI, VOICES, joined};

const RATE: u32 = 22_050;

/// The beats that begin a bar, in seconds.
fn bars(timeline: &Timeline) -> Vec<f64> {
    let bars = timeline.bars(&mut || ControlFlow::Continue(())).unwrap().unwrap();
    bars.iter().map(|&bar| f64::from(timeline.beats()[bar as usize]) / 100.0).collect()
}

fn sections(timeline: &Timeline) -> Vec<f64> {
    timeline.sections().iter().map(|&hop| f64::from(hop) / 100.0).collect()
}

#[test]
fn no_voice_has_bars() {
    for voice in VOICES {
        let samples = joined(&Path::new("/usr/share/asterisk/sounds").join(voice));
        let timeline = analyze(8000, 1, &samples);
        let (bars, sections) = (bars(&timeline), sections(&timeline));
        println!("{voice}: confidence {:.2}, sections {sections:?}", timeline.summary().confidence);
        assert!(timeline.beats().is_empty() && bars.is_empty(), "{voice}: {:?}, bars {bars:?}", timeline.summary());
    }
}

/// Seconds of a recording, in mono.
fn excerpt(path: &Path, from: u32, seconds: u32) -> Vec<f32> {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin", "-ss", &from.to_string(), "-t", &seconds.to_string(), "-i"]).arg(path);
    command.args(["-ac", "1", "-ar", &RATE.to_string(), "-f", "f32le", "-"]);
    let bytes = command.output().unwrap().stdout;
    bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// How far the nearest of `found` is from `wanted`.
fn nearest(found: &[f64], wanted: f64) -> f64 {
    found.iter().map(|found| (found - wanted).abs()).fold(f64::INFINITY, f64::min)
}

#[test]
fn where_one_recording_follows_another_a_section_begins() {
    const SECONDS: u32 = 40;
    let names = TEMPI.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t').next().unwrap());
    let paths = names.map(|name| Path::new(RECORDINGS).join(name)).filter(|path| path.exists());
    let parts: Vec<_> = paths.map(|path| excerpt(&path, 10, SECONDS)).collect();
    let parts: Vec<_> = parts.into_iter().filter(|part| part.len() == (SECONDS * RATE) as usize).collect();
    let (mut changes, mut near, mut close, mut found) = (0, 0, 0, 0);
    for four in parts.chunks_exact(4) {
        let timeline = analyze(RATE, 1, &four.concat());
        let sections = sections(&timeline);
        for change in (1..4).map(|i| f64::from(i * SECONDS)) {
            changes += 1;
            near += usize::from(nearest(&sections, change) <= 2.0);
            close += usize::from(nearest(&sections, change) <= 1.0);
        }
        found += sections.len();
        println!("sections {sections:?}");
    }
    println!("{changes} changes: {near} within 2 s, {close} within 1 s; {found} sections in all");
    assert!(changes >= 24, "{changes} changes of recordings; 30 when this was written");
    // The recordings have sections of their own.
    assert!(10 * near >= 7 * changes && found <= 2 * changes, "{near} of {changes} changes, {found} sections");
}
