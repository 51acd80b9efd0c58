//! From what was measured to what is drawn: levels between floor and ceiling, smoothed, held and summed up.
//!
//! All history of the pictures is made here, once, in the order of time.

use super::bands::{self, quantise_db};
use super::features::{BANDS, FULL, HOPS_PER_SECOND, Hop};
use super::onset;
use super::record::Raw;

/// Levels are never stretched further down than this.
pub(super) const FLOOR_DB: f64 = -80.0;
/// Nor further below the ceiling than this: what is quieter is not heard next to the loud.
const RANGE_DB: f64 = 60.0;
/// A track whose ceiling is lower is taken for quiet, not stretched to look loud.
const LOWEST_CEILING_DB: f64 = -50.0;

const ATTACK_S: f64 = 0.015;
const RELEASE_S: f64 = 0.24;
const HOLD_HOPS: u16 = 50;
/// A peak marker that is let go falls from the ceiling to the floor in 0.7 s.
const FALL_HOPS: f32 = 70.0;
const ONSET_DECAY_S: f64 = 0.08;
/// What an onset is measured against: the flux of about the last second.
const ONSET_MEAN_S: f64 = 1.0;

/// The share that is left of something that decays with time constant `seconds`, after one hop.
fn keep(seconds: f64) -> f32 {
    libm::exp(-1.0 / (seconds * f64::from(HOPS_PER_SECOND))) as f32
}

/// A line from quantised decibels to 0..=[`FULL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scale {
    floor: u16,
    ceiling: u16,
}

impl Scale {
    /// The scale whose top is `loud`, as far as a track that loud can be stretched.
    pub fn below(loud: u16) -> Self {
        let ceiling = loud.max(quantise_db(LOWEST_CEILING_DB));
        let range = (RANGE_DB * bands::DB_STEPS) as u16;
        Self { floor: ceiling.saturating_sub(range).max(quantise_db(FLOOR_DB)), ceiling }
    }

    fn level(&self, db: u16) -> f32 {
        let (above, range) = (db.saturating_sub(self.floor), self.ceiling - self.floor);
        f32::from(above.min(range)) / f32::from(range) * f32::from(FULL)
    }
}

/// What the levels of a track are measured by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ceilings {
    /// For bands.
    pub bands: Scale,
    /// For loudness.
    pub loudness: Scale,
    /// Flux that is a full onset, per range.
    pub flux: [u16; 3],
}

impl Ceilings {
    /// How much of an onset a hop is, all ranges together.
    pub fn strength(&self, raw: &Raw) -> f64 {
        raw.flux.iter().zip(&self.flux).map(|(&flux, &full)| f64::from(flux.min(full)) / f64::from(full)).sum()
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Peak {
    level: f32,
    speed: f32,
    held: u16,
}

impl Peak {
    fn next(&mut self, level: f32) -> f32 {
        if level >= self.level {
            *self = Self { level, speed: 0.0, held: HOLD_HOPS };
        } else if self.held > 0 {
            self.held -= 1;
        } else {
            self.speed += 2.0 * f32::from(FULL) / (FALL_HOPS * FALL_HOPS);
            self.level = (self.level - self.speed).max(level);
        }
        self.level
    }
}

/// The state between two hops.
pub struct Shaper {
    ceilings: Ceilings,
    attack: f32,
    release: f32,
    decay: f32,
    forget: f32,
    bands: [f32; BANDS],
    peaks: [Peak; BANDS],
    onsets: [f32; 3],
    flux_mean: [f32; 3],
    sums: [u32; 3],
    ranges: [std::ops::Range<usize>; 3],
}

impl Shaper {
    /// Starts before the first hop, with nothing heard yet.
    pub fn new(ceilings: Ceilings) -> Self {
        Self {
            ceilings,
            attack: keep(ATTACK_S),
            release: keep(RELEASE_S),
            decay: keep(ONSET_DECAY_S),
            forget: keep(ONSET_MEAN_S),
            bands: [0.0; BANDS],
            peaks: [Peak::default(); BANDS],
            onsets: [0.0; 3],
            flux_mean: [0.0; 3],
            sums: [0; 3],
            ranges: [bands::bands_between(0.0..150.0), bands::bands_between(150.0..2000.0), 0..BANDS],
        }
    }

    /// Shapes the next hop; `loudness` is around it, in quantised decibels.
    pub fn next(&mut self, raw: &Raw, loudness: u16) -> Hop {
        let round = |level: f32| (level + 0.5).clamp(0.0, f32::from(FULL)) as u16;
        for (smooth, &db) in self.bands.iter_mut().zip(&raw.bands) {
            let level = self.ceilings.bands.level(db);
            let keep = if level > *smooth { self.attack } else { self.release };
            *smooth = level + (*smooth - level) * keep;
        }
        let bands = self.bands.map(round);
        let mut peaks = [0; BANDS];
        for ((out, peak), &level) in peaks.iter_mut().zip(&mut self.peaks).zip(&self.bands) {
            *out = round(peak.next(level));
        }
        for range in 0..3 {
            let (flux, mean) = (f32::from(raw.flux[range]), &mut self.flux_mean[range]);
            let strength = ((flux - *mean) / f32::from(self.ceilings.flux[range])).clamp(0.0, 1.0);
            self.onsets[range] = (self.onsets[range] * self.decay).max(strength);
            *mean = flux + (*mean - flux) * self.forget;
        }
        for (sum, range) in self.sums.iter_mut().zip(&self.ranges) {
            let total: u32 = bands[range.clone()].iter().map(|&level| u32::from(level)).sum();
            *sum = sum.wrapping_add(total / range.len() as u32);
        }
        let [travel, hue, rotation] = self.sums;
        Hop {
            bands,
            peaks,
            wave: raw.wave,
            rms: raw.rms,
            peak: raw.peak,
            loudness: round(self.ceilings.loudness.level(loudness)),
            onsets: self.onsets.map(|strength| round(strength * f32::from(FULL))),
            travel,
            hue,
            rotation,
        }
    }
}

/// The flux that is a full onset, for the `loud` flux of a track.
pub fn flux_ceiling(loud: Option<u16>) -> u16 {
    loud.unwrap_or(0).max(onset::CLEAR)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::audio::features::WAVE_POINTS;

    fn raw(level_db: f64) -> Raw {
        let bands = [quantise_db(level_db); BANDS];
        Raw { bands, wave: [0; WAVE_POINTS], rms: 0, peak: 0, flux: [0; 3], energy: 0 }
    }

    fn shaper(ceiling_db: f64) -> Shaper {
        let scale = Scale::below(quantise_db(ceiling_db));
        Shaper::new(Ceilings { bands: scale, loudness: scale, flux: [1000; 3] })
    }

    #[test]
    fn a_level_rises_fast_and_falls_slowly() {
        let mut shaper = shaper(-10.0);
        let rise: Vec<_> = (0..10).map(|_| shaper.next(&raw(-10.0), 0).bands[5]).collect();
        assert!(rise[1] > FULL / 2 && rise[9] > FULL / 10 * 9, "{rise:?}");
        let fall: Vec<_> = (0..60).map(|_| shaper.next(&raw(-120.0), 0).bands[5]).collect();
        assert!(fall[10] > FULL / 2 && fall[59] < FULL / 10, "{fall:?}");
    }

    #[test]
    fn a_peak_stays_half_a_second_and_is_never_below_its_band() {
        let mut shaper = shaper(-10.0);
        for _ in 0..30 {
            shaper.next(&raw(-10.0), 0);
        }
        let hops: Vec<_> = (0..140).map(|_| shaper.next(&raw(-120.0), 0)).collect();
        assert!(hops.iter().all(|hop| hop.peaks[9] >= hop.bands[9]));
        assert_eq!(hops[0].peaks[9], hops[49].peaks[9]);
        assert!(hops[139].peaks[9] < FULL / 20);
    }

    #[test]
    fn silence_stays_on_the_floor_and_quiet_noise_is_not_stretched_to_the_ceiling() {
        let mut hop = Hop::SILENCE;
        let mut silent = shaper(-120.0);
        for _ in 0..100 {
            hop = silent.next(&raw(-120.0), 0);
        }
        assert_eq!(hop, Hop::SILENCE);
        for _ in 0..100 {
            hop = silent.next(&raw(-75.0), 0);
        }
        assert!(hop.bands[0] < FULL / 5);
    }

    #[test]
    fn an_onset_shows_at_once_and_is_gone_after_a_quarter_of_a_second() {
        let mut shaper = shaper(-10.0);
        let hit = Raw { flux: [1000, 0, 0], ..raw(-20.0) };
        assert!(shaper.next(&hit, 0).onsets[0] > FULL / 10 * 9);
        let after: Vec<_> = (0..25).map(|_| shaper.next(&raw(-20.0), 0).onsets).collect();
        assert!(after[24][0] < FULL / 20 && after.iter().all(|o| o[1] == 0));
    }
}
