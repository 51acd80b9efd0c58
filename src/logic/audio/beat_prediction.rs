//! Beat prediction for music that is heard now: each beat is foretold from those of the last seconds.

use std::collections::VecDeque;

use super::beat_tracking::Beats;
use super::features::HOPS_PER_SECOND;
use super::tempo::{Model, Tempo};

/// Hops that the beat is judged by, and the fewest it takes.
const HEARD: usize = 12 * HOPS_PER_SECOND as usize;
const ENOUGH: usize = 4 * HOPS_PER_SECOND as usize;
/// Hops from one judgement to the next.
const EVERY: u32 = HOPS_PER_SECOND;
/// Beats are at least this share of a period apart, however the judgement changes.
const APART: f64 = 0.6;
/// Hops by which a beat may be told late.
const SLACK: f64 = 3.0;

/// Finds beats in a stream of onset strengths without knowing what comes next.
#[derive(Default)]
pub struct BeatPredictor {
    model: Model,
    /// Of each hop its strength, and what it rises by.
    heard: VecDeque<(f64, f64)>,
    hop: u32,
    /// Hop of the next beat, and the period, in hops.
    next: Option<(f64, f64)>,
    found: Vec<u32>,
    /// The period of each judgement that found a beat.
    periods: Vec<f64>,
    judged: u32,
    confidence: f64,
}

impl BeatPredictor {
    /// Takes the onset strength of the next hop, and what it rises by.
    pub fn push(&mut self, strength: f64, rise: f64) {
        if self.heard.len() == HEARD {
            self.heard.pop_front();
        }
        self.heard.push_back((strength, rise));
        if self.heard.len() >= ENOUGH && self.hop.is_multiple_of(EVERY) {
            self.judge();
        }
        if let Some((beat, period)) = self.next
            && f64::from(self.hop) + 0.5 >= beat
        {
            self.found.push(self.hop);
            self.next = Some((beat + period, period));
        }
        self.hop += 1;
    }

    fn judge(&mut self) {
        let (strengths, rises): (Vec<_>, Vec<_>) = self.heard.iter().copied().unzip();
        let (path, tempi) = self.model.lay(&strengths, &rises);
        let Some((&Tempo { period, confidence, is_beat }, &last)) = tempi.last().zip(path.last()) else {
            self.next = None;
            return;
        };
        self.judged += 1;
        self.confidence += confidence;
        if !is_beat {
            self.next = None;
            return;
        }
        self.periods.push(period);
        let first = f64::from(self.hop + 1) - self.heard.len() as f64;
        let earliest = self.found.last().map_or(0.0, |&beat| f64::from(beat) + APART * period);
        // One that has just been missed is made up for.
        let earliest = earliest.max(f64::from(self.hop) - SLACK);
        let mut next = first + last as f64;
        while next < earliest {
            next += period;
        }
        self.next = Some((next, period));
    }

    /// The beats that were foretold.
    pub fn finish(mut self) -> Beats {
        self.periods.sort_by(f64::total_cmp);
        let tempo = self.periods.get(self.periods.len() / 2).map(|period| 60.0 * f64::from(HOPS_PER_SECOND) / period);
        let confidence = self.confidence / f64::from(self.judged.max(1));
        Beats { hops: self.found, tempo, confidence: confidence.clamp(0.0, 1.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_even_pulse_is_foretold_from_the_fifth_second_on() {
        for bpm in [72.0, 100.0, 128.0, 150.0] {
            let period = 6000.0 / bpm;
            let wanted: Vec<u32> =
                (0..).map(|i| (f64::from(i) * period + 9.0) as u32).take_while(|&h| h < 3000).collect();
            let mut predictor = BeatPredictor::default();
            (0..3000).for_each(|hop| predictor.push(if wanted.contains(&hop) { 1.0 } else { 0.0 }, 0.0));
            let beats = predictor.finish();
            assert!((beats.tempo.unwrap() / bpm - 1.0).abs() < 0.01, "{bpm}: {:?}", beats.tempo);
            let late: Vec<_> = wanted.iter().copied().filter(|&hop| hop > 420).collect();
            let hits = late.iter().filter(|&&hop| beats.hops.iter().any(|&found| found.abs_diff(hop) <= 2)).count();
            assert_eq!(hits, late.len(), "{bpm}: {:?}", beats.hops);
            assert!(beats.hops.len() <= late.len() + 1);
        }
    }

    #[test]
    fn the_tempo_is_the_one_of_most_of_the_time() {
        // 10 s at 150, then 30 s at 90 beats a minute.
        let mut predictor = BeatPredictor::default();
        let beats: Vec<u32> = (0..25).map(|i| i * 40).chain((0..45).map(|i| 1000 + i * 200 / 3)).collect();
        (0..4000).for_each(|hop| predictor.push(if beats.contains(&hop) { 1.0 } else { 0.0 }, 0.0));
        let tempo = predictor.finish().tempo.unwrap();
        assert!((tempo / 90.0 - 1.0).abs() < 0.01, "{tempo}");
    }

    #[test]
    fn what_is_still_to_come_changes_nothing() {
        let strength = |hop: u32| f64::from(u8::from(hop % 47 < 2)) + f64::from(hop % 13) / 40.0;
        let run = |hops: u32| {
            let mut predictor = BeatPredictor::default();
            (0..hops).for_each(|hop| predictor.push(strength(hop), 0.0));
            predictor.finish().hops
        };
        let (part, whole) = (run(1500), run(2900));
        assert!(part.len() > 10);
        assert_eq!(whole[..part.len()], part);
    }

    #[test]
    fn noise_has_no_beats() {
        let mut x = 9u32;
        let mut predictor = BeatPredictor::default();
        for _ in 0..6000 {
            x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            predictor.push(f64::from(x >> 8) / f64::from(1 << 24), 0.0);
        }
        let beats = predictor.finish();
        assert!(beats.hops.len() < 10 && beats.confidence < 0.1, "{beats:?}");
    }
}
