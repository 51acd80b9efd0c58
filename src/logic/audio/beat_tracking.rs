//! Beats, where the music has a steady tempo: the path through the onsets that is strong and even, found by dynamic
//! programming (Ellis, "Beat Tracking by Dynamic Programming", 2007). Where the onsets do not repeat themselves, which
//! [`super::tempo`] tells, no beats are claimed.
//!
//! Works through the track in pieces, so that memory does not grow with it; a path goes on where the last one ended.

use super::features::HOPS_PER_SECOND;
use super::tempo::{BLOCK, Model, Tempo};

/// Blocks that a path is laid through at once.
const PIECE: usize = 20 * BLOCK;
/// How much a path pays for an uneven step.
const TIGHTNESS: f64 = 100.0;
/// Beats weaker than this share of their neighbours lie between beats.
const WEAK: f64 = 0.5;
/// A tempo is not halved to a longer period than this: 65 beats a minute.
const SLOWEST_HALVED: f64 = 92.0;

/// In swing, the onset a third of a period after the swung note is the beat, at least this share as strong as the note.
const SWUNG: f64 = 0.25;
/// And at least this many times as strong as whatever follows the note later in the period.
const ALONE: f64 = 1.5;
/// Before the first and after the last beat that has this share of the usual strength there is no music.
const FAINT: f64 = 0.1;
/// Hops by which an onset may be off its place.
const OFF: usize = 2;
/// For one of ten beats something is at least this strong, or rises by so many decibels. Of 50 recordings every tenth beat
/// came to 1.0 and 3.8 at least; of chords that only swell and fade, which can be as regular as any beat, to 0.5 and 0.1.
const STRUCK: f64 = 0.7;
const STRUCK_DB: f64 = 1.0;

/// The beats of a track.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Beats {
    /// The hop of each beat, in order.
    pub hops: Vec<u32>,
    /// Beats a minute, in the parts that have a beat.
    pub tempo: Option<f64>,
    /// How much the onsets repeat themselves at that tempo, 0 to 1, over the whole track.
    pub confidence: f64,
}

/// Finds [`Beats`] in a stream of onset strengths.
#[derive(Default)]
pub struct BeatTracker {
    model: Model,
    strengths: Vec<f64>,
    rises: Vec<f64>,
    /// Hop of `strengths[0]`.
    base: u32,
    found: Vec<u32>,
    /// Of each block.
    tempi: Vec<Tempo>,
}

impl BeatTracker {
    /// Takes the onset strength of the next hop, and what it rises by.
    pub fn push(&mut self, strength: f64, rise: f64) {
        self.strengths.push(strength);
        self.rises.push(rise);
        if self.strengths.len() == PIECE {
            self.track();
        }
    }

    /// The beats that were found.
    pub fn finish(mut self) -> Beats {
        self.track();
        let blocks = self.tempi.len().max(1) as f64;
        let confidence = self.tempi.iter().map(|tempo| tempo.confidence).sum::<f64>() / blocks;
        let mut periods: Vec<_> = self.tempi.iter().filter(|tempo| tempo.is_beat).map(|tempo| tempo.period).collect();
        periods.sort_by(f64::total_cmp);
        let period = periods.get(periods.len() / 2);
        let tempo = period.map(|period| 60.0 * f64::from(HOPS_PER_SECOND) / period);
        Beats { hops: self.found, tempo, confidence: confidence.clamp(0.0, 1.0) }
    }

    /// Lays a path through what has been pushed and forgets it.
    fn track(&mut self) {
        let (strengths, rises) = (std::mem::take(&mut self.strengths), std::mem::take(&mut self.rises));
        let (path, tempi) = self.model.lay(&strengths, &rises);
        let confident = path.into_iter().filter(|&hop| tempi[hop / BLOCK].is_beat);
        let base = self.base;
        self.found.extend(confident.map(|hop| base + hop as u32));
        self.base += strengths.len() as u32;
        self.tempi.extend(tempi);
    }
}

impl Model {
    /// The beats of hops with these `strengths` and `rises`, and the tempo of each of their blocks. The tempo is that of
    /// both together, since much of what keeps time is quiet; where the beats are the strengths say alone: a hi-hat between
    /// two drums rises from nothing, and a swung note would be taken for the beat.
    pub(super) fn lay(&self, strengths: &[f64], rises: &[f64]) -> (Vec<usize>, Vec<Tempo>) {
        let with = |share: f64| {
            let mut sums: Vec<_> =
                strengths.iter().zip(rises).map(|(strength, rise)| strength + share * rise).collect();
            sharpen(&mut sums);
            sums
        };
        let [strong, both] = [0.0, 1.0].map(with);
        let mut tempi = self.tempi(&both);
        let mut path = unswung(&strong, self::path(&self.logs, &strong, &tempi), &tempi);
        // Where every other beat is a weak one, as with a hi-hat in between, half the tempo is the one that is felt.
        let slower = tempi.iter().all(|tempo| 2.0 * tempo.period <= SLOWEST_HALVED);
        if slower && alternation(&strong, &path) < WEAK {
            tempi.iter_mut().for_each(|tempo| tempo.period *= 2.0);
            path = unswung(&strong, self::path(&self.logs, &strong, &tempi), &tempi);
        }
        if !(is_struck(strengths, path.len(), STRUCK) || is_struck(rises, path.len(), STRUCK_DB)) {
            tempi.iter_mut().for_each(|tempo| tempo.is_beat = false);
        }
        (heard(&strong, path), tempi)
    }
}

/// Whether `values` reach so much for one of ten of so many beats, on the beat or off it.
fn is_struck(values: &[f64], beats: usize, least: f64) -> bool {
    10 * values.iter().filter(|&&value| value >= least).count() >= beats
}

/// Mean strength of the weaker half of every other beat, as a share of the stronger half's.
fn alternation(strengths: &[f64], path: &[usize]) -> f64 {
    let of = |from: usize| {
        let beats = path.iter().skip(from).step_by(2);
        beats.map(|&hop| strengths[hop]).sum::<f64>() / ((path.len() - from.min(path.len())).div_ceil(2).max(1)) as f64
    };
    let (even, odd) = (of(0), of(1));
    if even.max(odd) > 0.0 { even.min(odd) / even.max(odd) } else { 1.0 }
}

/// The strongest hop around `hop`, if there is one.
fn strongest(strengths: &[f64], hop: usize) -> Option<usize> {
    let around = hop.saturating_sub(OFF)..(hop + OFF + 1).min(strengths.len());
    around.max_by(|&a, &b| strengths[a].total_cmp(&strengths[b]).then(b.cmp(&a)))
}

/// The beats of `path`, which may have gone by what lies between them: in music that swings, the note at two thirds of
/// a beat can be louder than the beat. It gives itself away by what follows, the beat after a third of a period and then
/// nothing; what follows a beat comes later, at a half or at two thirds.
fn unswung(strengths: &[f64], mut path: Vec<usize>, tempi: &[Tempo]) -> Vec<usize> {
    let later = |hop: usize, share: f64| strongest(strengths, hop + (share * tempi[hop / BLOCK].period + 0.5) as usize);
    let strength = |share: f64| {
        let onsets = path.iter().filter_map(|&hop| later(hop, share));
        onsets.map(|hop| strengths[hop]).sum::<f64>()
    };
    let [beat, third, half, two_thirds] = [0.0, 1.0 / 3.0, 0.5, 2.0 / 3.0].map(strength);
    if third > SWUNG * beat && third > ALONE * half.max(two_thirds) {
        path = path.into_iter().filter_map(|hop| later(hop, 1.0 / 3.0)).collect();
        // Two blocks can have different periods.
        path.sort_unstable();
        path.dedup();
    }
    path
}

/// The beats of `path` from the first to the last that can be heard.
fn heard(strengths: &[f64], mut path: Vec<usize>) -> Vec<usize> {
    let strength = |&hop: &usize| strongest(strengths, hop).map_or(0.0, |hop| strengths[hop]);
    let square = path.iter().map(|hop| strength(hop) * strength(hop)).sum::<f64>() / path.len().max(1) as f64;
    let is_heard = |hop: &usize| strength(hop) > FAINT * square.sqrt();
    path.truncate(path.iter().rposition(is_heard).map_or(0, |last| last + 1));
    path.drain(..path.iter().position(is_heard).unwrap_or(0));
    path
}

/// The hops of the best path through `strengths`, block by block at the `tempi`; `logs` are of whole numbers.
fn path(logs: &[f64], strengths: &[f64], tempi: &[Tempo]) -> Vec<usize> {
    let mut scores = Vec::with_capacity(strengths.len());
    let mut steps: Vec<u16> = Vec::with_capacity(strengths.len());
    for (hop, &strength) in strengths.iter().enumerate() {
        let period = tempi[hop / BLOCK].period;
        let log = libm::log2(period);
        let (shortest, longest) = ((period / 2.0) as usize, ((period * 2.0) as usize).min(hop));
        let mut best = (0.0, 0u16);
        for step in shortest.max(1)..=longest {
            // The published cost takes natural logarithms; 0.48 is the square of ln 2.
            let uneven = logs[step] - log;
            let score = scores[hop - step] - 0.48 * TIGHTNESS * uneven * uneven;
            if score > best.0 {
                best = (score, step as u16);
            }
        }
        scores.push(strength + best.0);
        steps.push(best.1);
    }
    let last = tempi.last().map_or(0, |tempo| (tempo.period * 1.5) as usize);
    let tail = strengths.len().saturating_sub(last)..strengths.len();
    let mut at = tail.max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    let mut path = Vec::new();
    while let Some(hop) = at {
        path.push(hop);
        at = if steps[hop] > 0 { hop.checked_sub(usize::from(steps[hop])) } else { None };
    }
    path.reverse();
    path
}

/// Leaves what stands out from its half second, in units of its deviation.
fn sharpen(strengths: &mut [f64]) {
    let half = HOPS_PER_SECOND as usize / 4;
    let sums: Vec<f64> = std::iter::once(0.0)
        .chain(strengths.iter().scan(0.0, |sum, x| {
            *sum += x;
            Some(*sum)
        }))
        .collect();
    let len = strengths.len();
    for (hop, strength) in strengths.iter_mut().enumerate() {
        let (from, to) = (hop.saturating_sub(half), (hop + half + 1).min(len));
        let mean = (sums[to] - sums[from]) / (to - from) as f64;
        *strength = (*strength - mean).max(0.0);
    }
    let square = strengths.iter().map(|x| x * x).sum::<f64>() / len.max(1) as f64;
    if square > 0.0 {
        let deviation = square.sqrt();
        strengths.iter_mut().for_each(|x| *x /= deviation);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(strengths: impl IntoIterator<Item = f64>) -> Beats {
        let mut tracker = BeatTracker::default();
        strengths.into_iter().for_each(|strength| tracker.push(strength, 0.0));
        tracker.finish()
    }

    fn pulse(period: f64, hops: usize) -> Vec<f64> {
        let mut strengths = vec![0.0; hops];
        let beats = (0..).map(|beat| (beat as f64 * period + 7.0) as usize).take_while(|&hop| hop < hops);
        beats.for_each(|hop| strengths[hop] = 1.0);
        strengths
    }

    #[test]
    fn an_even_pulse_is_found_at_any_tempo_to_the_hop() {
        for bpm in [60.0, 72.5, 90.0, 100.0, 119.0, 120.0, 133.3, 150.0, 160.0] {
            let period = 6000.0 / bpm;
            let strengths = pulse(period, 6000);
            let beats = track(strengths.clone());
            assert!((beats.tempo.unwrap() / bpm - 1.0).abs() < 0.01, "{bpm}: {:?}", beats.tempo);
            let wanted: Vec<_> = (0..6000u32).filter(|&hop| strengths[hop as usize] > 0.0).collect();
            assert_eq!(beats.hops, wanted, "{bpm}");
            assert!(beats.confidence > 0.5);
        }
    }

    #[test]
    fn what_does_not_repeat_itself_has_no_beats() {
        let mut x = 9u32;
        let noise = (0..9000).map(|_| {
            x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(x >> 8) / f64::from(1 << 24)
        });
        let beats = track(noise);
        assert_eq!((beats.hops.len(), beats.tempo), (0, None));
        assert!(beats.confidence < 0.1, "{}", beats.confidence);
        assert_eq!(track([]), Beats::default());
        assert!(track(vec![0.0; 5000]).hops.is_empty() && track(vec![1.0; 3]).hops.is_empty());
    }

    /// A minute at 120 beats a minute: in every beat, each of `notes` (share of the beat, strength).
    fn minute(notes: &[(f64, f64)]) -> Vec<f64> {
        let mut strengths = vec![0.0; 6000];
        let onsets = (0..118).flat_map(|beat| notes.iter().map(move |note| (f64::from(beat) + note.0, note.1)));
        onsets.for_each(|(beat, strength)| strengths[(beat * 50.0) as usize + 20] = strength);
        strengths
    }

    /// How far each found beat is from the beats of [`minute`], in hops.
    fn phases(beats: &Beats) -> Vec<u32> {
        beats.hops.iter().map(|hop| (hop + 30) % 50).collect()
    }

    #[test]
    fn a_swung_note_that_is_louder_than_the_beat_is_no_beat() {
        for notes in [[(0.0, 0.6), (0.67, 1.0)], [(0.0, 0.35), (0.67, 1.0)], [(0.0, 1.0), (0.67, 0.9)]] {
            let beats = track(minute(&notes));
            assert!((beats.tempo.unwrap() - 120.0).abs() < 1.0, "{notes:?}: {:?}", beats.tempo);
            assert_eq!(phases(&beats), vec![0; beats.hops.len()], "{notes:?}");
            assert!(beats.hops.len() >= 116);
        }
        // Notes halfway and in triplets leave the beat where it is strongest.
        for notes in [vec![(0.0, 1.0), (0.5, 0.8)], vec![(0.0, 1.0), (0.34, 0.5), (0.67, 0.5)]] {
            assert_eq!(phases(&track(minute(&notes)))[..100], [0; 100], "{notes:?}");
        }
    }

    #[test]
    fn three_halves_and_three_quarters_of_a_beat_are_no_beat() {
        // Eighths at 160 beats a minute, where 107 would be more usual; accents on each beat, or on every third eighth.
        for every in [2, 3] {
            let mut strengths = vec![0.0; 6000];
            for i in 0..310u32 {
                let accent = (i % 8) % every == 0;
                strengths[(f64::from(i) * 18.75) as usize + 20] = if accent { 1.0 } else { 0.7 };
            }
            let tempo = track(strengths).tempo.unwrap();
            assert!((tempo / 160.0 - 1.0).abs() < 0.02, "every {every}: {tempo}");
        }
    }

    #[test]
    fn before_and_after_the_music_there_are_no_beats() {
        let mut strengths = vec![0.0; 1200];
        strengths.extend(pulse(50.0, 3000));
        strengths.extend([0.0; 1200]);
        let beats = track(strengths).hops;
        assert!(beats.first().is_some_and(|&first| first == 1207), "{beats:?}");
        assert_eq!((beats.last(), beats.len()), (Some(&(1207 + 59 * 50)), 60));
    }

    #[test]
    fn a_path_goes_on_from_piece_to_piece() {
        let hops = PIECE + BLOCK + 17;
        let strengths = pulse(50.0, hops);
        assert_eq!(track(strengths).hops.len(), hops.div_ceil(50));
    }
}
