//! Where a track becomes another one: verse, chorus, break.
//!
//! The spectrum of each second is compared with those around it (Foote, "Automatic audio segmentation using a measure of
//! audio novelty", 2000): where the seconds before are like each other, and so are those behind, but not the ones
//! like the others, a section begins. What is kept grows by 36 bytes a second.

use super::bands::DB_STEPS;
use super::features::{BANDS, HOPS_PER_SECOND};
use super::record::Raw;
use super::scaling::FLOOR_DB;

/// Groups of bands that are compared.
const GROUPS: usize = 16;
/// Hops that are compared as one, and how many of these to either side are.
const STEP: u64 = HOPS_PER_SECOND as u64;
const SIDE: usize = 12;
/// Sections are at least that many steps long.
const SHORTEST: usize = 8;
/// Decibels that both sides have to differ by more than each does in itself, and how many deviations above the mean of
/// the track that has to be.
const CLEAR_DB: f64 = 3.0;
const DEVIATIONS: f64 = 0.5;

/// Finds sections in a stream of hops.
#[derive(Default)]
pub struct Novelty {
    steps: Vec<[u16; GROUPS]>,
    sums: [u32; GROUPS],
    hops: u64,
}

impl Novelty {
    /// Takes the next hop.
    pub fn push(&mut self, raw: &Raw) {
        let floor = super::bands::quantise_db(FLOOR_DB);
        for (sum, bands) in self.sums.iter_mut().zip(raw.bands.chunks(BANDS / GROUPS)) {
            *sum += bands.iter().map(|&band| u32::from(band.max(floor))).sum::<u32>() / bands.len() as u32;
        }
        self.hops += 1;
        if self.hops.is_multiple_of(STEP) {
            self.steps.push(std::mem::take(&mut self.sums).map(|sum| (sum / STEP as u32) as u16));
        }
    }

    /// The hops at which sections begin, but for the first.
    pub fn finish(self) -> Vec<u32> {
        let novelty: Vec<f64> = (0..self.steps.len()).map(|step| self.novelty(step)).collect();
        let count = novelty.len().max(1) as f64;
        let mean = novelty.iter().sum::<f64>() / count;
        let square = novelty.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count;
        let least = CLEAR_DB.max(mean + DEVIATIONS * square.sqrt());
        let is_peak = |step: usize| {
            let (from, to) = (step.saturating_sub(SHORTEST), (step + SHORTEST + 1).min(novelty.len()));
            // Of two equal ones the first.
            let before = novelty[from..step].iter().all(|&other| other < novelty[step]);
            novelty[step] >= least && before && novelty[step..to].iter().all(|&other| other <= novelty[step])
        };
        let steps = (SHORTEST..novelty.len().saturating_sub(SHORTEST)).filter(|&step| is_peak(step));
        steps.map(|step| (step as u64 * STEP) as u32).collect()
    }

    /// How much further apart in decibels both sides of the beginning of `step` are than each is in itself.
    fn novelty(&self, step: usize) -> f64 {
        let before = &self.steps[step.saturating_sub(SIDE)..step];
        let behind = &self.steps[step..(step + SIDE).min(self.steps.len())];
        if before.len() < SHORTEST || behind.len() < SHORTEST {
            return 0.0;
        }
        let mean = |a: &[[u16; GROUPS]], b: &[[u16; GROUPS]]| {
            let sum: u64 = a.iter().map(|a| b.iter().map(|b| apart(a, b)).sum::<u64>()).sum();
            sum as f64 / (a.len() * b.len() * GROUPS) as f64 / DB_STEPS
        };
        mean(before, behind) - 0.5 * (mean(before, before) + mean(behind, behind))
    }
}

/// Sum of the differences in stored decibels.
fn apart(a: &[u16; GROUPS], b: &[u16; GROUPS]) -> u64 {
    a.iter().zip(b).map(|(a, b)| u64::from(a.abs_diff(*b))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::audio::bands::quantise_db;
    use crate::logic::audio::features::WAVE_POINTS;

    /// Hops whose bands jump about by some decibels around levels that differ from part to part.
    fn sections(parts: &[(u32, u32)]) -> Vec<u32> {
        let mut novelty = Novelty::default();
        let mut x = 7u32;
        for &(seconds, sound) in parts {
            for _ in 0..seconds * HOPS_PER_SECOND {
                let bands = std::array::from_fn(|band| {
                    x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let level = f64::from((band as u32 / 8 * 7 + sound * 13) % 23) - 50.0;
                    quantise_db(level + f64::from(x >> 24) / 20.0)
                });
                let (wave, side) = ([0; WAVE_POINTS], [0; WAVE_POINTS]);
                let raw =
                    Raw { bands, wave, side, rms: 0, peak: 0, flux: [0; 3], energy: 0, attack: 0, opening: [0; 2] };
                novelty.push(&raw);
            }
        }
        novelty.finish()
    }

    #[test]
    fn a_section_begins_where_the_sound_changes() {
        assert_eq!(sections(&[(20, 0), (30, 1), (15, 2), (20, 0)]), [2000, 5000, 6500]);
    }

    #[test]
    fn what_stays_the_same_is_one_section_and_so_is_what_is_short() {
        assert!(sections(&[(90, 3)]).is_empty());
        assert!(sections(&[(5, 0), (5, 1)]).is_empty());
        assert!(sections(&[]).is_empty());
    }
}
