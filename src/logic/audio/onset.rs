//! Onsets after SuperFlux (Böck and Widmer, "Maximum filter vibrato suppression for onset detection", DAFx 2013):
//! rises of the compressed spectrum against what was there two hops ago, where the neighbouring bands count as well,
//! so that a voice that slides from band to band is not an onset.

use std::collections::VecDeque;

use super::bands;
use super::features::BANDS;

/// Hops between the two spectra that are compared.
const LAG: usize = 2;
/// Amplitude is compressed as log10(1 + this · amplitude): what is below −60 dB hardly counts.
const COMPRESSION: f64 = 1000.0;
/// Steps per unit of the compressed spectrum.
const STEPS: f64 = 4096.0;
/// A rise of the compressed mean by this much is a clear onset, however little else there is in the track.
pub const CLEAR: u16 = (0.25 * STEPS) as u16;

/// Flux of the last hops in three ranges of frequency.
pub struct Flux {
    ranges: [std::ops::Range<usize>; 3],
    past: VecDeque<[i32; BANDS]>,
}

impl Default for Flux {
    fn default() -> Self {
        let ranges = [0.0..150.0, 150.0..2000.0, 2000.0..f64::MAX].map(bands::bands_between);
        Self { ranges, past: VecDeque::from(vec![[0; BANDS]; LAG]) }
    }
}

impl Flux {
    /// Takes the power of the next hop's bands; returns the mean rise of each range in 1/4096 of a decade.
    pub fn next(&mut self, power: &[f64; BANDS]) -> [u16; 3] {
        let now = power.map(|power| (libm::log10(1.0 + COMPRESSION * power.sqrt()) * STEPS + 0.5) as i32);
        let before = self.past.pop_front().unwrap_or([0; BANDS]);
        let flux = self.ranges.clone().map(|range| {
            let count = range.len() as i32;
            let rises = range.map(|band| {
                let neighbours = &before[band.saturating_sub(1)..(band + 2).min(BANDS)];
                (now[band] - neighbours.iter().copied().max().unwrap_or(0)).max(0)
            });
            (rises.sum::<i32>() / count).clamp(0, i32::from(u16::MAX)) as u16
        });
        self.past.push_back(now);
        flux
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_rise_is_an_onset_and_only_in_its_range() {
        let mut flux = Flux::default();
        let mut power = [1e-4; BANDS];
        for _ in 0..4 {
            flux.next(&power);
        }
        assert_eq!(flux.next(&power), [0; 3]);
        power[60] = 1.0;
        let [low, mid, high] = flux.next(&power);
        assert!(low == 0 && mid == 0 && high > 0);
        power[60] = 1e-4;
        flux.next(&power);
        flux.next(&power);
        assert_eq!(flux.next(&power), [0; 3]);
    }

    #[test]
    fn a_tone_that_slides_to_the_next_band_is_no_onset() {
        let mut flux = Flux::default();
        for step in 0..20 {
            let mut power = [1e-6; BANDS];
            power[30 + step / LAG] = 0.1;
            let rise = flux.next(&power);
            assert!(step < LAG || rise == [0; 3], "{step}: {rise:?}");
        }
    }
}
