//! Beats of recordings: music of Debian's games, judged by two trackers that are not ours, and voices, which have none.
//!
//! What the trackers say is written down in tempi.tsv, which tempi.py makes. They are as often wrong as we are; where they
//! agree within 4 %, though, there is a beat, and its tempo or an octave of it is the right one.

use std::path::{Path, PathBuf};
use std::process::Command;

use gststeady::logic::audio::timeline::Timeline;

use super::music::analyze;
use crate::common::media::{mono_samples, output_of, sample_rate};

pub const RECORDINGS: &str = "/usr/share/games";
pub const TEMPI: &str = include_str!("tempi.tsv");
/// Debian's asterisk-core-sounds-*-wav.
pub const VOICES: [&str; 5] =
    ["en_US_f_Allison", "es_MX_f_Allison", "fr_CA_f_June", "it_IT_m_Carlo", "ru_RU_f_IvrvoiceRU"];
const ALIKE: f64 = 0.04;

/// What is found of a recording in stereo. Nearly all have that rate.
pub fn analyze_stereo(path: &Path) -> Timeline {
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-nostdin", "-i"]).arg(path).args(["-ac", "2", "-ar", "44100", "-f", "f32le", "-"]);
    let bytes = command.output().unwrap().stdout;
    let samples: Vec<_> = bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    analyze(44_100, 2, &samples)
}

fn are_alike(tempo: f64, other: f64, octaves: &[f64]) -> bool {
    octaves.iter().any(|octave| (tempo / other / octave - 1.0).abs() < ALIKE)
}

#[test]
fn where_two_other_trackers_agree_there_are_beats_and_nearly_always_that_tempo() {
    let (mut agreed, mut claimed, mut right) = (0, 0, 0);
    for line in TEMPI.lines().filter(|line| !line.starts_with('#')) {
        let [name, aubio, librosa] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let (aubio, librosa): (f64, f64) = (aubio.parse().unwrap(), librosa.parse().unwrap());
        let path = Path::new(RECORDINGS).join(name);
        // Another release of a game may have left out a recording.
        if !are_alike(aubio, librosa, &[1.0]) || !path.exists() {
            continue;
        }
        agreed += 1;
        let timeline = analyze_stereo(&path);
        let summary = timeline.summary();
        let is_right = summary.tempo.is_some_and(|tempo| are_alike(tempo, librosa, &[0.25, 0.5, 1.0, 2.0, 4.0]));
        claimed += usize::from(!timeline.beats().is_empty());
        right += usize::from(is_right);
        println!(
            "{name}: {:.1}, theirs {aubio} and {librosa}, confidence {:.2}{}",
            summary.tempo.unwrap_or(0.0),
            summary.confidence,
            if is_right { "" } else { ", another tempo" }
        );
    }
    println!("{agreed} recordings: beats in {claimed}, the tempo or an octave of it in {right}");
    assert!(agreed >= 40, "{agreed} recordings are installed; 50 when this was written");
    // All and 49 of 50 when this was written.
    assert!(claimed == agreed && 10 * right >= 9 * agreed, "{claimed} and {right} of {agreed}");
}

/// The sound files of `folder` that are longer than a second, one after another.
pub fn joined(folder: &Path) -> Vec<f32> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "wav"))
        .collect();
    files.sort();
    // Every fourth: what is said in a row is often the same but for a word.
    let said = files.iter().step_by(4).map(|path| mono_samples(path)).filter(|samples| samples.len() > 8000);
    said.flatten().map(|sample| f32::from(sample) / 32_768.0).collect()
}

#[test]
fn no_voice_has_beats_however_short_it_is() {
    for voice in VOICES {
        let samples = joined(&Path::new("/usr/share/asterisk/sounds").join(voice));
        let minutes = samples.len() / 8000 / 60;
        assert!(minutes >= 2, "{voice}: {minutes} min");
        for seconds in [3, 6, 10, 20, 60, 60 * minutes] {
            for (i, part) in samples.chunks_exact(seconds * 8000).take(12).enumerate() {
                let timeline = analyze(8000, 1, part);
                let found = timeline.summary();
                assert!(timeline.beats().is_empty(), "{voice}, {seconds} s, part {i}: {found:?}");
            }
        }
    }
}

#[test]
fn no_language_of_a_synthesiser_has_beats() {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string("/usr/share/common-licenses/GPL-3").unwrap();
    let words: Vec<_> = text.split_whitespace().collect();
    for (i, voice) in ["en-gb", "de", "fr", "es", "ru", "it", "fi", "hi", "tr", "pl"].iter().enumerate() {
        for speed in ["120", "160", "220"] {
            let wav = folder.path().join("voice.wav");
            let part = words[i * 300..][..250].join(" ");
            output_of(Command::new("espeak-ng").args(["-v", voice, "-s", speed, "-w"]).arg(&wav).arg(part));
            let samples: Vec<_> = mono_samples(&wav).iter().map(|&sample| f32::from(sample) / 32_768.0).collect();
            let timeline = analyze(sample_rate(&wav), 1, &samples);
            assert!(timeline.beats().is_empty(), "{voice} at {speed}: {:?}", timeline.summary());
        }
    }
}
