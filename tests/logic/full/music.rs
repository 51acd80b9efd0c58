//! Beats and onsets of music whose score is known, and of a recorded voice, which has none: MIDI files played on sampled
//! instruments, and songs of a drum machine played on recorded drums. The score knows each beat to the millisecond.
//!
//! The measures are those of the MIREX contest: the F-measure at ±70 ms (onsets: ±50 ms), and tempo within 4 %
//! (accuracy 1), where accuracy 2 also takes half and double of it.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;

use gststeady::logic::audio::analyze::Analyzer;
use gststeady::logic::audio::features::{FULL, HopWindow};
use gststeady::logic::audio::scratch;
use gststeady::logic::audio::timeline::Timeline;

use super::score::Score;
use crate::common::media::{mono_samples, output_of, sample_rate};

/// Debian's openttd-openmsx, timgm6mb-soundfont, hydrogen-data and asterisk-core-sounds-en-wav.
const TUNES: &str = "/usr/share/games/openttd/baseset/openmsx";
const INSTRUMENTS: &str = "/usr/share/sounds/sf2/TimGM6mb.sf2";
const DRUM_SONGS: &str = "/usr/share/hydrogen/data/demo_songs";
const VOICE: &str = "/usr/share/asterisk/sounds/en_US_f_Allison";

/// Nothing in these repeats itself after one, two or four quarter notes, all of it after three quarters of one: their
/// score has no beats to compare with.
const UNBARRED: [&str; 2] = ["busy_schedule", "the_fast_route"];

/// The contest does not judge the first seconds.
const FROM: f64 = 5.0;
const BEAT: f64 = 0.07;
const ONSET: f64 = 0.05;

/// How many of `wanted` have one of `found` within `tolerance`, each another; both in order.
fn matches(found: &[f64], wanted: &[f64], tolerance: f64) -> usize {
    let mut found = found.iter().copied().peekable();
    let meets = |&&want: &&f64| {
        while found.next_if(|&at| at < want - tolerance).is_some() {}
        found.next_if(|&at| at <= want + tolerance).is_some()
    };
    wanted.iter().filter(meets).count()
}

fn f_measure(found: &[f64], wanted: &[f64], tolerance: f64) -> f64 {
    let late = |times: &[f64]| times.iter().copied().filter(|&time| time >= FROM).collect::<Vec<_>>();
    let (found, wanted) = (late(found), late(wanted));
    2.0 * matches(&found, &wanted, tolerance) as f64 / (found.len() + wanted.len()).max(1) as f64
}

pub(super) fn analyze(rate: u32, channels: u32, samples: &[f32]) -> Timeline {
    let mut analyzer = Analyzer::new(rate, channels, scratch::unlinked().unwrap()).unwrap();
    analyzer.push(samples).unwrap();
    analyzer.finish(&mut |_| ControlFlow::Continue(())).unwrap().unwrap()
}

fn analyze_mono(rate: u32, samples: &[i16]) -> Timeline {
    let samples: Vec<f32> = samples.iter().map(|&sample| f32::from(sample) / 32_768.0).collect();
    analyze(rate, 1, &samples)
}

/// Where the onsets of a range, or of several, jump up by an eighth of a full one, in seconds.
fn onsets(timeline: &Timeline) -> Vec<f64> {
    let count = timeline.info().hops as i64;
    let mut window = HopWindow::default();
    timeline.read(0, count as usize, &mut window, &mut Vec::new()).unwrap();
    let rise = |hop: i64| {
        let (now, before) = (window.hop(hop).onsets, window.hop(hop - 1).onsets);
        now.iter().zip(before).map(|(&now, before)| now.saturating_sub(before)).max().unwrap_or(0)
    };
    let is_onset = |&hop: &i64| {
        rise(hop) > FULL / 8 && (1..=3).all(|apart| rise(hop) >= rise(hop - apart) && rise(hop) > rise(hop + apart))
    };
    (0..count).filter(is_onset).map(|hop| hop as f64 / 100.0).collect()
}

/// What was found of a piece of music and what its score says of it.
struct Judged {
    name: String,
    f: f64,
    /// Of the beginnings of bars; `None` where not all bars have four beats.
    bars: Option<f64>,
    /// The tempo found as a multiple of the true one.
    tempo: f64,
    /// Of the drums.
    onsets: f64,
    /// The share of the onsets that are drums.
    precision: f64,
}

impl Judged {
    fn new(name: &str, wav: &Path, score: &Score) -> Self {
        let timeline = analyze_mono(sample_rate(wav), &mono_samples(wav));
        let beats: Vec<_> = timeline.beats().iter().map(|&hop| f64::from(hop) / 100.0).collect();
        let bars: Vec<_> = timeline
            .bars(&mut || ControlFlow::Continue(()))
            .unwrap()
            .unwrap()
            .iter()
            .map(|&bar| beats[bar as usize])
            .collect();
        let mut periods: Vec<_> = score.beats.windows(2).map(|pair| pair[1] - pair[0]).collect();
        periods.sort_by(f64::total_cmp);
        let true_tempo = 60.0 / periods[periods.len() / 2];
        let mut drums = score.drums.clone();
        // What sounds together is one onset.
        drums.dedup_by(|b, a| *b - *a < 0.03);
        let onsets = onsets(&timeline);
        let summary = timeline.summary();
        let judged = Self {
            name: name.to_owned(),
            f: f_measure(&beats, &score.beats, BEAT),
            bars: (!score.bars.is_empty()).then(|| f_measure(&bars, &score.bars, BEAT)),
            tempo: summary.tempo.unwrap_or(0.0) / true_tempo,
            onsets: f_measure(&onsets, &drums, ONSET),
            precision: matches(&onsets, &drums, ONSET) as f64 / onsets.len().max(1) as f64,
        };
        println!(
            "{name:24} {true_tempo:6.1} found {:6.1} confidence {:.2} F {:.2} bars {:.2} onsets F {:.2} precision {:.2}",
            summary.tempo.unwrap_or(0.0),
            summary.confidence,
            judged.f,
            judged.bars.unwrap_or(f64::NAN),
            judged.onsets,
            judged.precision
        );
        judged
    }

    /// Whether the tempo is the true one or one of `multiples` of it.
    fn has_tempo(&self, multiples: &[f64]) -> bool {
        multiples.iter().any(|multiple| (self.tempo / multiple - 1.0).abs() < 0.04)
    }
}

/// The files of a folder with that extension and what `f` makes of each, two at a time.
fn each<T: Send>(folder: &str, extension: &str, f: impl Fn(&str, &Path) -> T + Sync) -> Vec<T> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap_or_else(|e| panic!("{folder}: {e}"))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    files.sort();
    let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let work = |files: &[PathBuf]| files.iter().map(|path| f(&name(path), path)).collect::<Vec<_>>();
    let (one, two) = files.split_at(files.len() / 2);
    std::thread::scope(|scope| {
        let other = scope.spawn(|| work(two));
        let mut all = work(one);
        all.extend(other.join().unwrap());
        all
    })
}

#[test]
fn recorded_drums_have_their_beats_their_tempo_and_their_onsets() {
    let folder = tempfile::tempdir().unwrap();
    let judged = each(DRUM_SONGS, "h2song", |name, song| {
        let wav = folder.path().join(name).with_extension("wav");
        // Notes are moved by chance, to sound human; here each run is to be the same.
        let exact = folder.path().join(name).with_extension("h2song");
        let xml = std::fs::read_to_string(song).unwrap();
        let exactly =
            |line: &str| match line.trim_start().strip_prefix("<humanize_").and_then(|rest| rest.split_once('>')) {
                Some((what, _)) => format!("<humanize_{what}>0</humanize_{what}>\n"),
                None => format!("{line}\n"),
            };
        let exactly: String = xml.lines().map(exactly).collect();
        std::fs::write(&exact, exactly).unwrap();
        // It keeps its settings in the home folder, and looks for a screen and a sound card that it does not need.
        let mut hydrogen = Command::new("h2cli");
        hydrogen.env("HOME", folder.path()).env("QT_QPA_PLATFORM", "offscreen");
        output_of(hydrogen.arg("-s").arg(&exact).args(["-r", "44100", "-b", "16", "-o"]).arg(&wav));
        Judged::new(name, &wav, &Score::hydrogen(song))
    });
    assert!(judged.len() >= 7, "{} songs", judged.len());
    for song in &judged {
        assert!(song.f >= 0.9, "{}: F {:.2}", song.name, song.f);
        assert!(song.has_tempo(&[1.0]), "{}: {:.2} times the tempo", song.name, song.tempo);
        // Ghost notes are in the score too, which nobody hears beside a hi-hat.
        assert!(song.precision >= 0.9, "{}: {:.2} of the onsets are drums", song.name, song.precision);
        assert!(song.onsets >= 0.6, "{}: F {:.2} of onsets", song.name, song.onsets);
    }
}

#[test]
fn most_music_has_its_beats_and_its_bars_and_nearly_all_its_tempo() {
    let folder = tempfile::tempdir().unwrap();
    let judged = each(TUNES, "mid", |name, tune| {
        let wav = folder.path().join(name).with_extension("wav");
        let mut fluidsynth = Command::new("fluidsynth");
        fluidsynth.args(["-ni", "-r", "44100", "-F"]).arg(&wav).arg(INSTRUMENTS).arg(tune);
        output_of(&mut fluidsynth);
        let judged = Judged::new(name, &wav, &Score::midi(tune));
        std::fs::remove_file(&wav).unwrap();
        judged
    });
    let judged: Vec<_> = judged.iter().filter(|song| !UNBARRED.contains(&song.name.as_str())).collect();
    let count = |is: &dyn Fn(&Judged) -> bool| judged.iter().filter(|song| is(song)).count();
    let (beats, one) = (count(&|song| song.f >= 0.9), count(&|song| song.has_tempo(&[1.0])));
    let two = count(&|song| song.has_tempo(&[0.5, 1.0, 2.0]));
    let mean = judged.iter().map(|song| song.f).sum::<f64>() / judged.len() as f64;
    println!("{} pieces: F ≥ 0.9 of {beats}, mean {mean:.2}; accuracy 1 {one}, accuracy 2 {two}", judged.len());
    // Bars can be right only where beats are.
    let in_four: Vec<_> = judged.iter().filter(|song| song.f >= 0.9).filter_map(|song| song.bars).collect();
    let bars = in_four.iter().filter(|&&f| f >= 0.9).count();
    println!("bars: F ≥ 0.9 of {bars} of {}", in_four.len());
    assert_eq!(judged.len(), 29);
    // 21, 25, 29 and 0.86 when this was written; another release of the synthesiser may cost one.
    assert!(bars >= 15, "16 of 19 when this was written");
    assert!(beats >= 20 && one >= 24 && two >= 28 && mean >= 0.83, "{beats} {one} {two} {mean}");
}

#[test]
fn of_a_recorded_voice_no_beats_are_claimed() {
    let prompts = each(VOICE, "wav", |name, path| (name.starts_with("vm-")).then(|| mono_samples(path)));
    let voice: Vec<i16> = prompts.into_iter().flatten().flatten().collect();
    let seconds = voice.len() / 8000;
    assert!(seconds > 60, "{seconds} s");
    for part in [&voice[..20 * 8000], &voice[20 * 8000..40 * 8000], &voice] {
        let timeline = analyze_mono(8000, part);
        println!("{} s of voice: confidence {:.2}", part.len() / 8000, timeline.summary().confidence);
        assert!(timeline.beats().is_empty() && timeline.summary().tempo.is_none(), "{:?}", timeline.summary());
    }
}
