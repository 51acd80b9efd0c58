//! Tempo: after how long the onsets of a piece of music repeat themselves, half a minute at a time.
//!
//! Half a minute can mislead: a rhythm of three against two repeats itself after three quarters of a beat as well, and a
//! quiet verse hardly at all. So each block is heard together with the others: what all of them share is the common
//! period, and a block departs from it only where its own onsets speak clearly for another one.

use super::features::HOPS_PER_SECOND;

/// Hops whose tempo is estimated together.
pub(super) const BLOCK: usize = 30 * HOPS_PER_SECOND as usize;
/// Periods that are looked for: 240 to 45 beats a minute.
const PERIODS: std::ops::RangeInclusive<usize> = 25..=133;
/// The longest lag that is looked at: four of the longest periods, and some around it.
const LAGS: usize = 4 * *PERIODS.end() + 4;
/// The most usual tempo is 120 beats a minute; 0.9 octaves from it the weight has fallen to 0.6.
const USUAL_PERIOD: f64 = 50.0;
const USUAL_OCTAVES: f64 = 0.9;
/// How much it speaks against a period that it divides into three. Of 38 songs whose score is known (tests/logic/full/music.rs)
/// 29 have their tempo or an octave of it without this, 36 with it; at 1 a beat of triplets is taken for one and a half.
const THIRDS: f64 = 0.7;
/// A tempo is not doubled to a shorter period than this: 182 beats a minute.
const FASTEST_DOUBLED: usize = 33;

/// Mean autocorrelation at one to four periods that counts as a beat in ten seconds or more: of 272 stretches of ten
/// seconds of speech, noise and free playing none reaches it.
const CONFIDENT: f64 = 0.2;
const ENOUGH: f64 = 10.0 * HOPS_PER_SECOND as f64;
/// What is enough in a block that keeps a common period which all blocks together are confident of.
const KEPT: f64 = 0.05;
/// Hops that it takes for that, and how many of the blocks have to have that period within which share: who plays freely
/// may keep a pulse on the whole, but not its length.
const TOGETHER: usize = 80 * HOPS_PER_SECOND as usize;
const MOST: f64 = 0.6;
const STEADY: f64 = 0.015;
/// All blocks together never count by less, however many they are: of free playing some come to 0.11, of speech to 0.07.
const LEAST: f64 = 0.09;
/// A block keeps the common period unless its own best one counts this many times as much; and that many times where the
/// two are as small whole numbers, which one rhythm has both of.
const DEPARTS: f64 = 2.0;
const DEPARTS_RELATED: f64 = 4.0;
const RELATED: [f64; 6] = [0.5, 2.0 / 3.0, 0.75, 4.0 / 3.0, 1.5, 2.0];
/// Two tempi are the same within this share.
const SAME: f64 = 0.04;
/// Hops by which a block's period may be off the common one.
const DRIFT: usize = 2;

/// The tempo of a block.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Tempo {
    /// Hops from a beat to the next.
    pub period: f64,
    /// Mean autocorrelation at one to four periods: how much the onsets repeat themselves.
    pub confidence: f64,
    /// Whether that is a beat.
    pub is_beat: bool,
}

/// The expectations that tempo and beats are judged by, before any are heard.
pub(super) struct Model {
    /// log2 of each whole number up to four times the longest period.
    pub logs: Vec<f64>,
    weights: Vec<f64>,
}

impl Default for Model {
    fn default() -> Self {
        let logs: Vec<_> = (0..=4 * PERIODS.end()).map(|i| libm::log2(i.max(1) as f64)).collect();
        let octaves = |period: usize| (logs[period] - libm::log2(USUAL_PERIOD)) / USUAL_OCTAVES;
        let weights = (0..=*PERIODS.end()).map(|p| libm::exp(-0.5 * octaves(p.max(1)) * octaves(p.max(1)))).collect();
        Self { logs, weights }
    }
}

impl Model {
    /// The tempo of each block of `strengths`.
    pub fn tempi(&self, strengths: &[f64]) -> Vec<Tempo> {
        // A short rest is judged together with what is before it.
        let ends = (0..strengths.len()).step_by(BLOCK).map(|start| (start + BLOCK).min(strengths.len()));
        let blocks: Vec<_> = ends.map(|end| autocorrelation(&strengths[end.saturating_sub(BLOCK)..end])).collect();
        let mut all = vec![0.0; LAGS + 1];
        for block in &blocks {
            all.iter_mut().zip(block).for_each(|(sum, lag)| *sum += lag / blocks.len() as f64);
        }
        let common = self.best(&all);
        let together = regular(&all, common);
        let is_common =
            strengths.len() >= TOGETHER && together >= confident(strengths.len()) && self.is_steady(&blocks, common);
        let least = confident(strengths.len().min(BLOCK));
        let tempo = |lags: &Vec<f64>| {
            let own = self.best(lags);
            let near = self.nearest(lags, common);
            let ratio = own as f64 / near as f64;
            let is_related = RELATED.iter().any(|related| (ratio / related - 1.0).abs() < SAME);
            let departs = if is_related { DEPARTS_RELATED } else { DEPARTS };
            let stays = self.weighted(lags, own) <= departs * self.weighted(lags, near);
            let best = if stays { near } else { own };
            let confidence = regular(lags, best);
            let least = if stays && is_common { KEPT } else { least };
            Tempo { period: fine(lags, best), confidence, is_beat: confidence >= least }
        };
        blocks.iter().map(tempo).collect()
    }

    /// The best period around `common`.
    fn nearest(&self, lags: &[f64], common: usize) -> usize {
        let near = common.saturating_sub(DRIFT).max(*PERIODS.start())..=(common + DRIFT).min(*PERIODS.end());
        let near = near.max_by(|&a, &b| self.weighted(lags, a).total_cmp(&self.weighted(lags, b)).then(b.cmp(&a)));
        near.unwrap_or(common)
    }

    /// Whether most blocks have the `common` period, and not only about.
    fn is_steady(&self, blocks: &[Vec<f64>], common: usize) -> bool {
        let mut periods: Vec<_> = blocks.iter().map(|lags| fine(lags, self.nearest(lags, common))).collect();
        periods.sort_by(f64::total_cmp);
        let median = periods.get(periods.len() / 2).copied().unwrap_or(common as f64);
        let same = periods.iter().filter(|&period| (period / median - 1.0).abs() <= STEADY).count();
        same as f64 >= MOST * periods.len() as f64
    }

    /// How much the onsets speak for a period.
    fn weighted(&self, lags: &[f64], period: usize) -> f64 {
        let repeated = lags[period] + 0.5 * near(lags, 2 * period) + 0.5 * near(lags, 4 * period);
        // What divides into three rather than two is more often three halves or three quarters of a beat than a beat of
        // triplets.
        let thirds = (near(lags, (period + 1) / 3) - near(lags, period.div_ceil(2))).max(0.0);
        (repeated - THIRDS * thirds) * self.weights[period]
    }

    /// The period that the onsets speak for most.
    fn best(&self, lags: &[f64]) -> usize {
        let best = PERIODS.max_by(|&a, &b| self.weighted(lags, a).total_cmp(&self.weighted(lags, b)).then(b.cmp(&a)));
        let best = best.unwrap_or(*PERIODS.start());
        // Where what lies between two beats repeats itself as well, these are beats too, up to a usual tempo.
        let half = best / 2;
        if half >= FASTEST_DOUBLED && near(lags, half) > 0.75 * lags[best] { half } else { best }
    }
}

/// The autocorrelation of `strengths` at each lag, that at none being 1; all 0 where nothing is heard.
fn autocorrelation(strengths: &[f64]) -> Vec<f64> {
    let mean = strengths.iter().sum::<f64>() / strengths.len().max(1) as f64;
    // Smoothed, so that a period between two hops is as good as a whole one.
    let around = |hop: usize, by: isize| hop.checked_add_signed(by).and_then(|hop| strengths.get(hop)).unwrap_or(&mean);
    let smooth = |hop| (around(hop, -1) + 2.0 * around(hop, 0) + around(hop, 1)) / 4.0 - mean;
    let centred: Vec<_> = (0..strengths.len()).map(smooth).collect();
    let at = |lag: usize| -> f64 {
        let Some(later) = centred.get(lag..) else { return 0.0 };
        // Fewer pairs at longer lags: as if each had as many, but for a few, which chance would be magnified with.
        let pairs = centred.iter().zip(later).map(|(a, b)| a * b).sum::<f64>();
        pairs * centred.len() as f64 / later.len().max(centred.len() / 2).max(1) as f64
    };
    let energy = at(0);
    (0..=LAGS).map(|lag| if energy > 0.0 { at(lag) / energy } else { 0.0 }).collect()
}

/// What the onsets of `hops` have to repeat themselves by. Over several blocks chance shrinks with the root of how long
/// they are; below ten seconds it grows faster, since there are hardly four periods to compare.
fn confident(hops: usize) -> f64 {
    let share = ENOUGH / hops.max(1) as f64;
    // One block can be of one sentence that is said again and again.
    if hops > BLOCK { (CONFIDENT * share.sqrt()).max(LEAST) } else { CONFIDENT * share.max(1.0) }
}

/// The highest of a lag and the two beside it.
fn near(lags: &[f64], lag: usize) -> f64 {
    lags[lag - 1].max(lags[lag]).max(lags[lag + 1])
}

/// A beat repeats itself after two periods as well; and after four, as bars do.
fn regular(lags: &[f64], lag: usize) -> f64 {
    (near(lags, lag) + near(lags, 2 * lag) + near(lags, 3 * lag) + near(lags, 4 * lag)) / 4.0
}

/// The period `best` between hops: the highest lag around the four-fold period is four times as fine.
fn fine(lags: &[f64], best: usize) -> f64 {
    let coarse = 4 * best;
    let peak = (coarse - 4..=coarse + 4).max_by(|&a, &b| lags[a].total_cmp(&lags[b])).unwrap_or(coarse);
    if lags[peak] > 0.5 * lags[best] { peak as f64 / 4.0 } else { best as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Strengths at each hop: something at random below `noise`, and an onset of 1 at each of `onsets`.
    fn strengths(hops: usize, noise: f64, seed: u32, onsets: impl Iterator<Item = f64>) -> Vec<f64> {
        let mut x = seed;
        let mut random = || {
            x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(x >> 8) / f64::from(1 << 24)
        };
        let mut strengths: Vec<_> = (0..hops).map(|_| noise * random()).collect();
        onsets.take_while(|&at| at < hops as f64).for_each(|at| strengths[at as usize] += 1.0);
        strengths
    }

    fn even(period: f64) -> impl Iterator<Item = f64> {
        (0..).map(move |beat| 7.0 + f64::from(beat) * period)
    }

    #[test]
    fn a_faint_beat_that_goes_on_is_one_and_half_a_minute_of_it_is_not() {
        let faint = strengths(4 * BLOCK, 1.3, 5, even(50.0));
        let tempi = Model::default().tempi(&faint);
        assert!(tempi.iter().all(|tempo| tempo.confidence < CONFIDENT && tempo.period == 50.0), "{tempi:?}");
        assert!(tempi.iter().all(|tempo| tempo.is_beat), "{tempi:?}");
        let alone = Model::default().tempi(&faint[..BLOCK]);
        assert!(!alone[0].is_beat, "{alone:?}");
        // Without a beat nothing is gained by more of it.
        let nothing = Model::default().tempi(&strengths(40 * BLOCK, 1.0, 5, std::iter::empty()));
        assert!(nothing.iter().all(|tempo| !tempo.is_beat), "{nothing:?}");
    }

    #[test]
    fn what_is_short_has_to_be_clear() {
        // Syllables: at random, 0.1 to 0.4 s apart.
        let (mut claimed, mut beats) = (0, 0);
        for seed in 0..60u32 {
            let mut x = seed;
            let syllables = std::iter::successors(Some(3.0), move |at| {
                x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                Some(at + 10.0 + f64::from(x >> 8) / f64::from(1 << 24) * 30.0)
            });
            for hops in [200, 400, 600, 900] {
                claimed +=
                    usize::from(Model::default().tempi(&strengths(hops, 0.1, seed, syllables.clone()))[0].is_beat);
            }
            beats += usize::from(Model::default().tempi(&strengths(500, 0.1, seed, even(48.0)))[0].is_beat);
        }
        assert_eq!((claimed, beats), (0, 60));
    }

    #[test]
    fn a_rhythm_of_three_against_four_keeps_the_tempo_of_what_is_around_it() {
        // 125 beats a minute; then dotted notes, a third longer than a beat, over a beat that is hardly heard.
        let mut music = strengths(2 * BLOCK, 0.1, 5, even(48.0));
        let dotted = strengths(BLOCK, 0.1, 6, even(64.0));
        let beat = strengths(BLOCK, 0.0, 6, even(48.0));
        music.extend(dotted.iter().zip(&beat).map(|(dotted, beat)| dotted + 0.6 * beat));
        let tempi = Model::default().tempi(&music);
        assert!(tempi.iter().all(|tempo| tempo.period == 48.0 && tempo.is_beat), "{tempi:?}");
        // Alone it is taken for the dotted one.
        assert_eq!(Model::default().tempi(&music[2 * BLOCK..])[0].period, 64.0);
        // Another tempo is another one.
        music.truncate(2 * BLOCK);
        music.extend(strengths(BLOCK, 0.1, 6, even(56.0)));
        let periods: Vec<_> = Model::default().tempi(&music).iter().map(|tempo| tempo.period).collect();
        assert_eq!(periods, [48.0, 48.0, 56.0]);
    }

    #[test]
    fn who_plays_freely_keeps_no_beat() {
        // Notes 0.4 to 0.65 s apart, for two minutes.
        for seed in 0..20u32 {
            let mut x = seed;
            let notes = std::iter::successors(Some(3.0), |at| {
                x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                Some(at + 40.0 + f64::from(x >> 8) / f64::from(1 << 24) * 25.0)
            });
            let tempi = Model::default().tempi(&strengths(12_000, 0.1, seed, notes));
            assert!(tempi.iter().all(|tempo| !tempo.is_beat), "{seed}: {tempi:?}");
        }
        // About the same tempo in each half minute is not a steady one.
        let is_steady = |periods: [f64; 4]| {
            let block = |period| autocorrelation(&strengths(BLOCK, 0.1, 3, even(period)));
            Model::default().is_steady(&periods.map(block), 50)
        };
        assert!(is_steady([50.0, 50.0, 51.5, 50.25]) && !is_steady([50.0, 48.0, 51.5, 49.0]));
    }
}
