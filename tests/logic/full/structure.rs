//! What is claimed of the structure of a track: no beats and so no bars where nothing keeps time, and sections where one kind
//! of music becomes another.

use std::f64::consts::TAU;
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

/// Numbers from 0 to 1, the same each time.
struct Chance(u32);

impl Chance {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(self.0 >> 8) / f64::from(1 << 24)
    }
}

/// Adds a note that swells and fades, each over `edge` seconds, with some overtones.
fn add_note(samples: &mut [f32], from: f64, seconds: f64, edge: f64, hz: f64, overtones: u32, loudness: f64) {
    let rate = f64::from(RATE);
    let (first, last) = ((from * rate) as usize, (((from + seconds) * rate) as usize).min(samples.len()));
    for (i, sample) in samples.iter_mut().enumerate().take(last).skip(first) {
        let t = i as f64 / rate - from;
        let swell = (t / edge).min((seconds - t) / edge).clamp(0.0, 1.0);
        let tone = |n: u32| libm::sin(TAU * hz * f64::from(n) * t) / f64::from(n);
        *sample += (loudness * swell * (1..=overtones).map(tone).sum::<f64>()) as f32;
    }
}

/// Chords of three notes, each held for 3 to 9 s, that fade into one another. Their intervals are pure, so that no overtones beat
/// against each other, which would be a tremolo as steady as a beat.
fn pads(seconds: f64, seed: u32) -> Vec<f32> {
    let mut chance = Chance(seed);
    let mut samples = vec![0.0; (seconds * f64::from(RATE)) as usize];
    let mut from = 0.0;
    while from < seconds {
        let length = 3.0 + 6.0 * chance.next();
        let edge = 1.0 + 0.4 * chance.next();
        let root = 110.0 * libm::exp2(f64::from((chance.next() * 12.0) as u32) / 12.0);
        for interval in [1.0, 1.25, 1.5] {
            add_note(&mut samples, from, length + edge, edge, root * interval, 6, 0.08);
        }
        from += length;
    }
    samples
}

#[test]
fn neither_pads_nor_voices_have_beats_or_bars() {
    let check = |what: &str, rate: u32, samples: &[f32]| {
        let timeline = analyze(rate, 1, samples);
        let (found, bars) = (timeline.summary(), bars(&timeline));
        println!("{what}: confidence {:.2}, sections {:?}", found.confidence, sections(&timeline));
        assert!(timeline.beats().is_empty() && bars.is_empty(), "{what}: {found:?}, bars {bars:?}");
    };
    for seed in 1..=8 {
        check(&format!("pads {seed}"), RATE, &pads(120.0, seed));
        check(&format!("short pads {seed}"), RATE, &pads(25.0, seed));
    }
    for voice in VOICES {
        check(voice, 8000, &joined(&Path::new("/usr/share/asterisk/sounds").join(voice)));
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
