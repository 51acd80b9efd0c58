//! The analysis as a whole: samples in, timeline out.

use std::f64::consts::TAU;
use std::ops::ControlFlow;

use proptest::prelude::*;

use super::analyze::Analyzer;
use super::features::{FULL, Hop, HopWindow};
use super::live::Live;
use super::options::{Analysis, Normalize, Options, SpecError};
use super::timeline::Timeline;
use super::timeline_file::{self, NewFile};
use super::{bands, scratch};

mod beats;
mod stereo;

fn analyze_in(rate: u32, channels: u32, interleaved: &[f32], pushes: impl IntoIterator<Item = usize>) -> Timeline {
    let mut analyzer = Analyzer::new(rate, channels, scratch::unlinked().unwrap()).unwrap();
    let mut rest = interleaved;
    for push in pushes {
        let (now, later) = rest.split_at((push * channels as usize).min(rest.len()));
        analyzer.push(now).unwrap();
        rest = later;
    }
    analyzer.push(rest).unwrap();
    analyzer.finish(&mut |_| ControlFlow::Continue(())).unwrap().unwrap()
}

const CAUSAL: Options = Options { analysis: Analysis::Causal, normalize: Normalize::Running };

fn causal(rate: u32, channels: u32, interleaved: &[f32], normalize: Normalize) -> Timeline {
    let options = Options { normalize, ..CAUSAL };
    let mut analyzer = Analyzer::new(rate, channels, scratch::unlinked().unwrap()).unwrap().with(options);
    interleaved.chunks(4410 * channels as usize).for_each(|push| analyzer.push(push).unwrap());
    analyzer.finish(&mut |_| ControlFlow::Continue(())).unwrap().unwrap()
}

fn analyze(rate: u32, channels: u32, interleaved: &[f32]) -> Timeline {
    analyze_in(rate, channels, interleaved, [])
}

fn hops(timeline: &Timeline) -> Vec<Hop> {
    let count = timeline.info().hops as usize;
    let mut window = HopWindow::default();
    timeline.read(0, count, &mut window, &mut Vec::new()).unwrap();
    (0..count as i64).map(|hop| *window.hop(hop)).collect()
}

fn sine(rate: u32, hz: f64, amplitude: f64, seconds: f64) -> Vec<f32> {
    let count = (f64::from(rate) * seconds) as usize;
    (0..count).map(|i| (amplitude * libm::sin(TAU * hz * i as f64 / f64::from(rate))) as f32).collect()
}

/// White noise in −1..1, the same on every machine.
fn noise(count: usize) -> Vec<f32> {
    let mut x = 1u32;
    let next = || {
        x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (x >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    std::iter::repeat_with(next).take(count).collect()
}

/// Two seconds of stereo with a beat, a tone and noise in it.
fn song(rate: u32) -> Vec<f32> {
    let tone = sine(rate, 440.0, 0.3, 2.0);
    let hiss = noise(tone.len());
    let beat = (rate / 2) as usize;
    let mix = tone.iter().zip(&hiss).enumerate().map(|(i, (tone, hiss))| {
        let kick = if i % beat < beat / 20 { 0.6 } else { 0.02 };
        [tone + hiss * kick, tone * 0.5 - hiss * kick * 0.3]
    });
    mix.flatten().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn it_does_not_matter_how_the_samples_are_cut_into_pushes(
        rate in prop_oneof![Just(8_000), Just(11_025), Just(44_100)],
        cuts in prop::collection::vec(0usize..20_000, 0..12),
    ) {
        let song = song(rate);
        let (cut, whole) = (analyze_in(rate, 2, &song, cuts), analyze(rate, 2, &song));
        prop_assert_eq!(cut.digest(), whole.digest());
    }
}

#[test]
fn single_samples_give_the_same_bytes_as_seconds() {
    let song = song(11_025);
    let (cut, whole) = (analyze_in(11_025, 2, &song, vec![1; song.len() / 2]), analyze(11_025, 2, &song));
    assert_eq!(cut.digest(), whole.digest());
    assert!(hops(&whole).iter().any(|hop| hop.side != hop.wave && hop.side != Hop::SILENCE.side));
}

#[test]
fn what_is_heard_live_is_what_the_causal_analysis_stores_however_it_is_cut() {
    for (rate, normalize) in [(11_025, Normalize::Running), (44_100, Normalize::Fixed), (8_000, Normalize::Fixed)] {
        let song = song(rate);
        let stored = hops(&causal(rate, 2, &song, normalize));
        assert!(stored.iter().any(|hop| hop.side != Hop::SILENCE.side));
        for push in [1, 441, 44_100] {
            let mut live = Live::new(rate, 2, normalize).unwrap();
            let (mut window, mut heard) = (HopWindow::default(), Vec::new());
            let mut take = |live: &mut Live, heard: &mut Vec<Hop>| {
                live.read(heard.len() as i64, live.hops() as usize - heard.len(), &mut window);
                heard.extend((heard.len() as i64..live.hops() as i64).map(|hop| *window.hop(hop)));
                // Hops can be read until they are said to be forgotten.
                live.forget(heard.len() as i64 - 1);
            };
            for push in song.chunks(2 * push) {
                live.push(push);
                take(&mut live, &mut heard);
            }
            live.finish();
            take(&mut live, &mut heard);
            assert!(heard == stored, "{rate} Hz in pushes of {push}");
            live.read(stored.len() as i64 - 1, 2, &mut window);
            assert_eq!(*window.hop(stored.len() as i64), Hop::SILENCE);
        }
    }
}

#[test]
fn the_causal_analysis_looks_half_a_long_window_ahead_and_no_further() {
    for rate in [8_000u32, 11_025, 44_100, 48_000, 96_000, 192_000] {
        let song = song(rate);
        let mut live = Live::new(rate, 2, Normalize::Running).unwrap();
        let lookahead = live.lookahead();
        let half_a_window = (super::fft_window::LONG_LEN / 2 * super::fft_window::decimation(rate)) as u64;
        assert!(lookahead <= half_a_window + u64::from(rate) / 100, "{rate} Hz: {lookahead} of {half_a_window}");
        let centre = |hop: u64| hop * u64::from(rate) / 100;
        for sample in song.chunks(2 * 37) {
            live.push(sample);
            // Every hop whose look-ahead has been heard is there.
            let due = (0..).take_while(|&hop| centre(hop) + lookahead <= live.samples()).count() as u64;
            assert!(live.hops() >= due, "{rate} Hz: {} of {due} hops at sample {}", live.hops(), live.samples());
        }
        // And none depends on what comes later.
        let (mut a, mut b) = (HopWindow::default(), HopWindow::default());
        let cut = song.len() / 4 * 2;
        let (mut part, mut other) = (Live::new(rate, 2, Normalize::Running).unwrap(), song.clone());
        other[cut..].iter_mut().for_each(|x| *x = 0.9 - *x);
        part.push(&song[..cut]);
        let mut changed = Live::new(rate, 2, Normalize::Running).unwrap();
        changed.push(&other);
        part.read(0, part.hops() as usize, &mut a);
        changed.read(0, part.hops() as usize, &mut b);
        assert!((0..part.hops() as i64).all(|hop| a.hop(hop) == b.hop(hop)), "{rate} Hz");
    }
}

#[test]
fn a_fixed_scale_is_the_same_for_loud_and_quiet_tracks_and_a_running_one_follows_them() {
    let level = |db: f64, normalize| {
        let tone = sine(22_050, 1000.0, libm::pow(10.0, db / 20.0), 20.0);
        f64::from(*hops(&causal(22_050, 1, &tone, normalize))[1900].bands.iter().max().unwrap()) / f64::from(FULL)
    };
    let (loud, quiet) = (level(-30.0, Normalize::Fixed), level(-50.0, Normalize::Fixed));
    assert!((loud / quiet - 10.0).abs() < 0.1, "{loud} {quiet}");
    let (loud, quiet) = (level(-20.0, Normalize::Running), level(-40.0, Normalize::Running));
    assert!(loud > 0.97 && quiet > 0.97, "{loud} {quiet}");
}

#[test]
fn a_causal_timeline_is_no_full_one_and_says_so() {
    let song = song(8_000);
    let (full, causal) = (analyze(8_000, 2, &song), causal(8_000, 2, &song, Normalize::Running));
    assert_eq!((full.options(), causal.options()), (Options::default(), CAUSAL));
    assert_ne!(full.digest(), causal.digest());
    assert_eq!(full.info(), causal.info());
    assert_eq!(full.summary().loudness_lufs, causal.summary().loudness_lufs);
}

#[test]
fn other_samples_give_another_digest() {
    let mut song = song(8_000);
    let before = analyze(8_000, 2, &song).digest();
    assert_eq!(before.len(), 64);
    song[9_000] += 0.5;
    assert_ne!(analyze(8_000, 2, &song).digest(), before);
}

#[test]
fn silence_is_silence_and_what_is_not_a_number_is_silence_too() {
    let silence = analyze(44_100, 2, &[0.0; 44_100]);
    assert!(hops(&silence).iter().all(|hop| *hop == Hop::SILENCE));
    assert_eq!(silence.summary().loudness_lufs, None);
    let bad: Vec<_> = (0..44_100).map(|i| [f32::NAN, f32::INFINITY, f32::NEG_INFINITY][i % 3]).collect();
    assert_eq!(analyze(44_100, 2, &bad).digest(), silence.digest());
}

#[test]
fn absurd_amplitudes_overflow_nothing() {
    let square: Vec<_> = (0..44_100).map(|i| if i / 50 % 2 == 0 { f32::MAX } else { f32::MIN }).collect();
    let hops = hops(&analyze(44_100, 1, &square));
    assert_eq!((hops[50].rms, hops[50].peak), (FULL, FULL));
    let dc = vec![1.0; 44_100];
    assert!(self::hops(&analyze(44_100, 1, &dc))[50].rms == FULL);
}

#[test]
fn a_tone_is_in_its_band_and_nowhere_else_at_every_rate() {
    for rate in [8_000, 22_050, 44_100, 48_000, 96_000, 192_000] {
        for hz in [60.0, 130.0, 200.0, 440.0, 1000.0, 3000.0] {
            let hop = hops(&analyze(rate, 1, &sine(rate, hz, 0.5, 1.0)))[50];
            let loudest = (0..64usize).max_by_key(|&band| hop.bands[band]).unwrap();
            let wanted = bands::bands_between(0.0..hz).end;
            assert!(loudest.abs_diff(wanted) <= 1, "{hz} Hz at {rate} Hz is in band {loudest}, not {wanted}");
            let far =
                (0..64usize).filter(|band| band.abs_diff(loudest) > 12).map(|band| hop.bands[band]).max().unwrap();
            assert!(far < FULL / 4, "{hz} Hz at {rate} Hz is also elsewhere: {far}");
        }
    }
}

#[test]
fn levels_follow_the_amplitude() {
    // Loud first, so that the ceiling is the same for both halves.
    let mut tone = sine(44_100, 1000.0, 0.5, 1.0);
    tone.extend(sine(44_100, 1000.0, 0.05, 1.5));
    let hops = hops(&analyze(44_100, 1, &tone));
    let level = |hop: usize| f64::from(*hops[hop].bands.iter().max().unwrap()) / f64::from(FULL);
    assert!(level(50) > 0.98);
    // A tenth of the amplitude, once the release has passed.
    assert!((level(230) - 0.1).abs() < 0.01, "{}", level(230));
}

#[test]
fn amplitudes_and_waveform_are_those_of_the_samples() {
    let hops = hops(&analyze(48_000, 1, &sine(48_000, 100.0, 0.5, 1.0)));
    let hop = hops[50];
    assert!((f64::from(hop.rms) / f64::from(FULL) - 0.5 / 2.0_f64.sqrt()).abs() < 1e-3);
    assert!((f64::from(hop.peak) / f64::from(FULL) - 0.5).abs() < 1e-3);
    for (i, &point) in hop.wave.iter().enumerate() {
        // The hop starts half a period before its centre, which is the start of a period.
        let want = 127.0 * 0.5 * libm::sin(TAU * (0.5 + (i as f64 + 0.5) / 80.0));
        assert!((f64::from(point) - want).abs() < 2.0, "point {i}: {point} instead of {want}");
    }
}

#[test]
fn the_waveform_has_all_its_points_where_a_hop_has_fewer_samples() {
    for rate in [1_000u32, 4_000, 7_900] {
        let hop = hops(&analyze(rate, 1, &vec![0.5; rate as usize]))[50];
        assert!(hop.wave.iter().all(|&point| (63..=64).contains(&point)), "{rate} Hz: {:?}", hop.wave);
    }
}

#[test]
fn what_was_found_in_a_track_is_kept_in_its_file() {
    let rate = 8_000u32;
    let clicks: Vec<_> = noise(12 * rate as usize)
        .iter()
        .enumerate()
        .map(|(i, hiss)| if i as u32 % (rate / 2) < rate / 50 { *hiss } else { hiss / 100.0 })
        .collect();
    let (timeline, folder) = (analyze(rate, 1, &clicks), tempfile::tempdir().unwrap());
    let path = folder.path().join("clicks.steadytl");
    NewFile::beside(&path).unwrap().save(&timeline).unwrap();
    let opened = timeline_file::open(&path, &mut |_| ControlFlow::Continue(())).unwrap().unwrap();
    let (kept, found) = (opened.summary(), timeline.summary());
    assert!((found.tempo.unwrap() - 120.0).abs() < 0.5, "{found:?}");
    // Kept to a hundredth, loudness and tempo; confidence to a thousandth.
    assert!((kept.tempo.unwrap() - found.tempo.unwrap()).abs() <= 0.005, "{kept:?}");
    assert!((kept.loudness_lufs.unwrap() - found.loudness_lufs.unwrap()).abs() <= 0.005, "{kept:?}");
    assert!((kept.confidence - found.confidence).abs() <= 0.0005, "{kept:?}");
    assert_eq!((kept.peak, opened.beats()), (found.peak, timeline.beats()));
    assert!(opened.beats().len() > 20);
}

#[test]
fn a_click_is_an_onset_at_its_own_moment_in_all_ranges() {
    for rate in [22_050u32, 44_100, 48_000] {
        let mut audio = noise(4 * rate as usize);
        audio.iter_mut().for_each(|x| *x *= 1e-3);
        let clicks = [0.73, 1.501, 2.25, 3.333];
        for click in clicks {
            let at = (click * f64::from(rate)) as usize;
            audio[at..at + rate as usize / 500].iter_mut().for_each(|x| *x = 0.9);
        }
        let hops = hops(&analyze(rate, 1, &audio));
        for range in 0..3 {
            for click in clicks {
                let hit = (click * 100.0) as usize;
                let loudest = (hit - 15..hit + 15).max_by_key(|&hop| hops[hop].onsets[range]).unwrap();
                assert!(hops[loudest].onsets[range] > FULL / 2, "range {range}: {}", hops[loudest].onsets[range]);
                let late = loudest as f64 / 100.0 - click;
                assert!(late.abs() <= 0.03, "range {range} at {rate} Hz: {click} s is found {late} s late");
            }
        }
    }
}

#[test]
fn integrals_only_grow_and_stand_still_in_silence() {
    let mut audio = song(8_000);
    audio.extend(vec![0.0; 2 * 8_000 * 4]);
    let hops = hops(&analyze(8_000, 2, &audio));
    assert!(hops.windows(2).all(|pair| pair[0].travel <= pair[1].travel && pair[0].hue <= pair[1].hue));
    assert!(hops[150].rotation > hops[100].rotation);
    assert_eq!(hops[595].rotation, hops[590].rotation);
}

#[test]
fn one_sample_and_none_at_all_are_tracks_too() {
    let one = analyze(44_100, 1, &[0.5]);
    assert_eq!((one.info().samples, one.info().hops), (1, 1));
    let none = analyze(44_100, 8, &[]);
    assert_eq!((none.info().samples, none.info().hops), (0, 1));
    assert_eq!(
        Analyzer::new(0, 2, scratch::unlinked().unwrap()).err(),
        Some(SpecError::Empty { rate: 0, channels: 2 })
    );
}

#[test]
fn any_rate_and_many_channels_are_measured() {
    for (rate, channels) in [(1u32, 1u32), (50, 2), (999, 3), (4_000, 6), (44_101, 8), (384_000, 2), (1_500_000, 1)] {
        let audio = noise(rate.div_ceil(4) as usize * channels as usize);
        let timeline = analyze(rate, channels, &audio);
        assert_eq!(timeline.info().hops, timeline.info().samples * 100 / u64::from(rate) + 1);
    }
}

#[test]
fn a_track_sounds_the_same_from_one_channel_and_from_two() {
    let mono = sine(44_100, 700.0, 0.4, 1.0);
    let stereo: Vec<_> = mono.iter().flat_map(|&x| [x, x]).collect();
    let (mono, stereo) = (hops(&analyze(44_100, 1, &mono)), hops(&analyze(44_100, 2, &stereo)));
    for (a, b) in mono.iter().zip(&stereo) {
        assert!(a.bands.iter().zip(&b.bands).all(|(a, b)| a.abs_diff(*b) < 40));
        assert_eq!((a.wave, a.rms), (b.wave, b.rms));
    }
}

#[test]
fn outside_of_the_track_there_is_silence() {
    let timeline = analyze(44_100, 1, &sine(44_100, 440.0, 0.5, 0.5));
    let all = hops(&timeline);
    let (mut window, mut buffer) = (HopWindow::default(), Vec::new());
    for first in [-200, -7, 0, 44, 50, 51, 1000, i64::MAX - 100, i64::MIN] {
        timeline.read(first, 20, &mut window, &mut buffer).unwrap();
        for hop in (0..20).filter_map(|i| first.checked_add(i)) {
            let want = usize::try_from(hop).ok().and_then(|i| all.get(i)).unwrap_or(&Hop::SILENCE);
            assert_eq!(window.hop(hop), want, "hop {hop} of a window from {first} on");
        }
    }
}

#[test]
fn finishing_can_be_called_off() {
    let mut analyzer = Analyzer::new(8_000, 1, scratch::unlinked().unwrap()).unwrap();
    analyzer.push(&noise(80_000)).unwrap();
    assert!(analyzer.finish(&mut |_| ControlFlow::Break(())).unwrap().is_none());
}

#[test]
fn loudness_is_that_of_crate_ebur128_to_a_tenth_of_a_unit() {
    for (rate, channels) in [(44_100, 2u32), (48_000, 1), (22_050, 2), (48_000, 6), (96_000, 2)] {
        // Eight seconds, loud, quiet and silent in turn.
        let level = |i: usize| [0.5, 0.02, 0.0, 0.3][i * 4 / (rate as usize * 8)];
        let audio: Vec<f32> = sine(rate, 997.0, 1.0, 8.0)
            .iter()
            .zip(noise(8 * rate as usize))
            .enumerate()
            .flat_map(|(i, (tone, hiss))| (0..channels).map(move |c| level(i) * (tone + hiss) / (c + 2) as f32))
            .collect();
        let mut reference = ebur128::EbuR128::new(channels, rate, ebur128::Mode::I).unwrap();
        reference.add_frames_f32(&audio).unwrap();
        let (want, got) =
            (reference.loudness_global().unwrap(), analyze(rate, channels, &audio).summary().loudness_lufs);
        assert!((got.unwrap() - want).abs() < 0.1, "{rate} Hz, {channels} channels: {got:?} instead of {want}");
    }
}

#[test]
fn sections_begin_where_the_music_changes_and_are_kept() {
    let rate = 8_000u32;
    let part = |seconds: f64, kind: usize| -> Vec<f32> {
        let tone = sine(rate, [220.0, 900.0, 110.0][kind], 0.4, seconds);
        let hiss = noise(tone.len());
        tone.iter().zip(&hiss).map(|(tone, hiss)| tone + hiss * [0.002, 0.1, 0.02][kind]).collect()
    };
    let song = [part(20.0, 0), part(25.0, 1), part(20.0, 2)].concat();
    let timeline = analyze(rate, 1, &song);
    let near = |hop: u32, second: u32| hop.abs_diff(second * 100) <= 100;
    let sections = timeline.sections();
    assert!(sections.len() == 2 && near(sections[0], 20) && near(sections[1], 45), "{sections:?}");
    assert!(causal(rate, 1, &song, Normalize::Running).sections().is_empty());
}
