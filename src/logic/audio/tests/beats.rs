//! Beats and bars of music that is made on the spot.

use super::*;

fn bars(timeline: &Timeline) -> Vec<u32> {
    timeline.bars(&mut || ControlFlow::Continue(())).unwrap().unwrap()
}

/// Share of `wanted` and found beats that meet within 70 ms, as an F-measure.
fn f_measure(found: &[u32], wanted: &[f64]) -> f64 {
    let hits = wanted.iter().filter(|&&beat| found.iter().any(|&hop| (f64::from(hop) / 100.0 - beat).abs() <= 0.07));
    2.0 * hits.count() as f64 / (found.len() + wanted.len()) as f64
}

#[test]
fn clicks_and_drum_loops_have_their_beats_and_tempo() {
    let rate = 22_050u32;
    let hiss = noise(rate as usize);
    for bpm in [70.0, 87.0, 93.0, 120.0, 128.0, 155.0, 174.0] {
        for drums in [false, true] {
            let (beat, seconds) = (60.0 / bpm, 25.0);
            let mut audio = vec![0.0f32; (seconds * f64::from(rate)) as usize];
            let mut hit = |time: f64, len: f64, sound: &dyn Fn(f64, usize) -> f32| {
                let at = (time * f64::from(rate)) as usize;
                let samples = audio.iter_mut().skip(at).take((len * f64::from(rate)) as usize);
                samples.enumerate().for_each(|(i, x)| *x += sound(1.0 - i as f64 / (len * f64::from(rate)), i));
            };
            let beats: Vec<_> = (0..).map(|i| 0.31 + f64::from(i) * beat).take_while(|&t| t < seconds - 0.1).collect();
            for (i, &time) in beats.iter().enumerate() {
                if drums {
                    let kick = |fade: f64, i: usize| (0.8 * fade * libm::sin(i as f64 * 0.018)) as f32;
                    let snare = |fade: f64, i: usize| 0.4 * fade as f32 * hiss[i];
                    let hat = |fade: f64, i: usize| 0.12 * (fade * fade) as f32 * (hiss[i] - hiss[i + 1]);
                    if i % 2 == 0 {
                        hit(time, 0.18, &kick)
                    } else {
                        hit(time, 0.15, &snare)
                    }
                    hit(time, 0.04, &hat);
                    hit(time + beat / 2.0, 0.04, &hat);
                } else {
                    hit(time, 0.01, &|fade, i| (0.7 * fade * libm::sin(i as f64 * 0.3)) as f32);
                }
            }
            let timeline = analyze(rate, 1, &audio);
            let f = f_measure(timeline.beats(), &beats);
            let summary = timeline.summary();
            assert!(f >= 0.9, "{bpm}, drums {drums}: F {f:.2} at {summary:?}");
            assert!((summary.tempo.unwrap() / bpm - 1.0).abs() < 0.01, "{bpm}, drums {drums}: {summary:?}");
            // Foretold ones begin when enough has been heard.
            let foretold = causal(rate, 1, &audio, Normalize::Running);
            let late: Vec<_> = beats.iter().copied().filter(|&beat| beat > 6.0).collect();
            let found: Vec<_> = foretold.beats().iter().copied().filter(|&hop| hop > 600).collect();
            let f = f_measure(&found, &late);
            assert!(f >= 0.9, "{bpm}, drums {drums}, foretold: F {f:.2} at {:?}", foretold.summary());
        }
    }
}

#[test]
fn bars_begin_where_the_harmony_changes_however_many_beats_come_before_the_first() {
    let (rate, beat) = (22_050u32, 0.5);
    for before in 0..4usize {
        let mut audio = vec![0.0f32; rate as usize * 24];
        let len = (beat * f64::from(rate)) as usize;
        for (i, samples) in audio.chunks_mut(len).enumerate() {
            // Four chords of a bar each, a root in the bass on the first and third beat, a click on each beat.
            let (bar, place) = ((i + 4 - before) / 4, (i + 4 - before) % 4);
            let root = [110.0, 146.8, 164.8, 98.0][bar % 4];
            let notes = [
                (2.0 * root, 0.1),
                (2.5 * root, 0.1),
                (3.0 * root, 0.1),
                (root, if place % 2 == 0 { 0.3 } else { 0.02 }),
            ];
            for (j, x) in samples.iter_mut().enumerate() {
                let t = (i * len + j) as f64 / f64::from(rate);
                let tones: f64 = notes.iter().map(|(hz, amplitude)| amplitude * libm::sin(TAU * hz * t)).sum();
                let click = if j < 200 { 0.3 * libm::sin(j as f64 * 0.5) } else { 0.0 };
                *x = (tones + click) as f32;
            }
        }
        let timeline = analyze(rate, 1, &audio);
        let beats = timeline.beats();
        let bars = bars(&timeline);
        let places = bars.iter().map(|&bar| (f64::from(beats[bar as usize]) / 50.0).round() as usize % 4);
        let places: Vec<_> = places.collect();
        assert!(timeline.bars(&mut || ControlFlow::Break(())).unwrap().is_none(), "it can be called off");
        assert!(places.len() >= 10 && places.iter().all(|&place| place == before % 4), "{before}: {places:?}");
    }
}

#[test]
fn bars_are_counted_anew_where_the_beat_paused() {
    let rate = 8_000u32;
    let mut audio = vec![0.0f32; rate as usize * 130];
    // Half a minute of beats on either side of a minute of silence, with another chord
    // on each second, and in the other half on each fourth of four.
    let halves = [(0.0, 1), (90.25, 3)];
    for (start, accent) in halves {
        for i in 0..59 {
            let at = ((start + f64::from(i) * 0.5) * f64::from(rate)) as usize;
            audio[at..][..100].fill(0.5);
            let bar = (i + 4 - accent) / 4;
            let tone = sine(rate, if bar % 2 == 0 { 300.0 } else { 400.0 }, 0.2, 0.5);
            audio[at..].iter_mut().zip(tone).for_each(|(x, tone)| *x += tone);
        }
    }
    let timeline = analyze(rate, 1, &audio);
    for (start, accent) in halves {
        let place = |bar: &u32| (f64::from(timeline.beats()[*bar as usize]) / 100.0 - start) / 0.5;
        let places: Vec<_> = bars(&timeline).iter().map(place).filter(|place| (0.0..59.0).contains(place)).collect();
        assert!(places.len() >= 13, "{places:?}");
        assert!(places.iter().all(|place| place.round() as i32 % 4 == accent), "{start}: {places:?}");
    }
}
