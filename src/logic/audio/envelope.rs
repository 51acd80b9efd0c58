//! Envelopes: turns each hop as measured into the hop that is drawn, its levels scaled between floor and ceiling,
//! smoothed, held and summed up.
//!
//! Everything in a picture that depends on earlier moments is worked out here, once, in the order of time.

use super::bands;
use super::features::{BANDS, FULL, HOPS_PER_SECOND, Hop};
use super::quantise;
use super::record::Raw;
use super::scaling::Scaling;

const ATTACK_S: f64 = 0.01;
/// Within a beat a band falls as far as the music does; slower, and dense music stands still.
const RELEASE_S: f64 = 0.02;
const HOLD_HOPS: u16 = 50;
/// A peak marker that is let go falls from the ceiling to the floor in 0.7 s.
const FALL_HOPS: f32 = 70.0;
/// Levels per hop by which a falling peak gets faster each hop.
pub(super) const GRAVITY: f32 = 2.0 * FULL as f32 / (FALL_HOPS * FALL_HOPS);
/// Hops by which the windows of the bands hear an attack before it is there: half their length, short and long.
const EARLY: [u8; 2] = [5, 18];
/// The same for the window of onsets.
const ONSET_EARLY: u8 = 3;
/// How fast a band may go on rising while it waits for an attack, if it rose before, in heights per hop: a swell is no attack.
const SWELL: [f32; 2] = [FULL as f32 / 50.0, FULL as f32 / 100.0];
/// Bands below this are, at least in part, of the long window.
const LONG_HZ: f64 = 250.0;
const ONSET_DECAY_S: f64 = 0.08;
/// An onset is measured against the mean flux of about the last second.
const ONSET_MEAN_S: f64 = 1.0;

/// The share that is left of something that decays with time constant `seconds`, after one hop.
fn keep(seconds: f64) -> f32 {
    libm::exp(-1.0 / (seconds * f64::from(HOPS_PER_SECOND))) as f32
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
            self.speed += GRAVITY;
            self.level = (self.level - self.speed).max(level);
        }
        self.level
    }
}

/// The state between two hops.
pub struct EnvelopeFollower {
    scaling: Scaling,
    attack: f32,
    release: f32,
    decay: f32,
    forget: f32,
    /// Levels as they would be without smoothing.
    sharp: [f32; BANDS],
    /// By how much they rose when they last were free to.
    swell: [f32; BANDS],
    bands: [f32; BANDS],
    peaks: [Peak; BANDS],
    onsets: [f32; 3],
    /// Onsets that wait for their attack.
    waiting: [f32; 3],
    flux_mean: [f32; 3],
    sums: [u32; 3],
    ranges: [std::ops::Range<usize>; 3],
    /// The bands from here on are of the short window alone.
    short: usize,
}

impl EnvelopeFollower {
    /// Starts before the first hop, with nothing heard yet.
    pub fn new(scaling: Scaling) -> Self {
        Self {
            scaling,
            attack: keep(ATTACK_S),
            release: keep(RELEASE_S),
            decay: keep(ONSET_DECAY_S),
            forget: keep(ONSET_MEAN_S),
            sharp: [0.0; BANDS],
            swell: [0.0; BANDS],
            bands: [0.0; BANDS],
            peaks: [Peak::default(); BANDS],
            onsets: [0.0; 3],
            waiting: [0.0; 3],
            flux_mean: [0.0; 3],
            sums: [0; 3],
            ranges: [bands::bands_between(0.0..150.0), bands::bands_between(150.0..2000.0), 0..BANDS],
            short: bands::bands_between(0.0..LONG_HZ).end,
        }
    }

    /// Makes the next hop; `loudness` is around it, in quantised decibels. Returns how much of an onset it is as well,
    /// all ranges together.
    pub fn next(&mut self, raw: &Raw, loudness: u16) -> (Hop, f64) {
        let ceilings = self.scaling.next(raw, loudness);
        let round = |level: f32| (level + 0.5).clamp(0.0, f32::from(FULL)) as u16;
        for (band, (smooth, &db)) in self.bands.iter_mut().zip(&raw.bands).enumerate() {
            // Only what has an attack of the bass ahead keeps the bass waiting: a hat does not.
            let long = usize::from(band < self.short);
            let opening = raw.opening[long];
            let mut level = ceilings.bands.level(band, db);
            let swell = &mut self.swell[band];
            if opening > 1 && opening <= EARLY[long] + 1 {
                level = level.min(self.sharp[band] + *swell);
            } else if opening != 1 {
                *swell = (level - self.sharp[band]).clamp(0.0, SWELL[long]);
            }
            self.sharp[band] = level;
            let keep = match level > *smooth {
                true if opening == 1 => 0.0,
                true => self.attack,
                false => self.release,
            };
            *smooth = level + (*smooth - level) * keep;
        }
        let bands = self.bands.map(|level| quantise::band(round(level)));
        let mut peaks = [0; BANDS];
        for ((out, peak), &level) in peaks.iter_mut().zip(&mut self.peaks).zip(&self.bands) {
            *out = quantise::peak(quantise::band(round(peak.next(level))));
        }
        for range in 0..3 {
            let (flux, mean) = (f32::from(raw.flux[range]), &mut self.flux_mean[range]);
            let strength = ((flux - *mean) / f32::from(ceilings.flux[range])).clamp(0.0, 1.0);
            let waiting = &mut self.waiting[range];
            let strength = if raw.opening[0] > 1 && raw.opening[0] <= ONSET_EARLY + 1 {
                *waiting = waiting.max(strength);
                0.0
            } else {
                std::mem::take(waiting).max(strength)
            };
            self.onsets[range] = (self.onsets[range] * self.decay).max(strength);
            *mean = flux + (*mean - flux) * self.forget;
        }
        for (sum, range) in self.sums.iter_mut().zip(&self.ranges) {
            let total: u32 = bands[range.clone()].iter().map(|&level| u32::from(level)).sum();
            *sum = sum.wrapping_add(total / range.len() as u32);
        }
        let [travel, hue, rotation] = self.sums;
        let hop = Hop {
            bands,
            peaks,
            wave: raw.wave,
            side: raw.side,
            rms: raw.rms,
            peak: raw.peak,
            loudness: round(ceilings.loudness.level(loudness)),
            onsets: self.onsets.map(|strength| round(strength * f32::from(FULL))),
            attack: raw.attack,
            travel,
            hue,
            rotation,
        };
        (hop, ceilings.strength(raw))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::audio::bands::quantise_db;
    use crate::logic::audio::features::WAVE_POINTS;
    use crate::logic::audio::scaling::{BandCeilings, Ceilings, Scale};

    fn raw(level_db: f64) -> Raw {
        let bands = [quantise_db(level_db); BANDS];
        Raw {
            bands,
            wave: [0; WAVE_POINTS],
            side: [0; WAVE_POINTS],
            rms: 0,
            peak: 0,
            flux: [0; 3],
            energy: 0,
            attack: 0,
            opening: [0; 2],
        }
    }

    fn envelope(ceiling_db: f64) -> EnvelopeFollower {
        let scale = Scale::below(quantise_db(ceiling_db));
        let bands = BandCeilings::of([quantise_db(ceiling_db); BANDS]);
        EnvelopeFollower::new(Scaling::Set(Ceilings { bands, loudness: scale, flux: [1000; 3] }))
    }

    #[test]
    fn a_level_rises_fast_and_falls_slowly() {
        let mut envelope = envelope(-10.0);
        let rise: Vec<_> = (0..10).map(|_| envelope.next(&raw(-10.0), 0).0.bands[5]).collect();
        assert!(rise[1] > FULL / 2 && rise[9] > FULL / 10 * 9, "{rise:?}");
        let fall: Vec<_> = (0..20).map(|_| envelope.next(&raw(-120.0), 0).0.bands[5]).collect();
        assert!(fall[0] > FULL / 2 && fall[19] < FULL / 10, "{fall:?}");
    }

    #[test]
    fn a_band_waits_for_the_attack_that_its_window_hears_early() {
        let mut envelope = envelope(-10.0);
        let mut next = |opening: [u8; 2], db: f64| {
            let bands = envelope.next(&Raw { opening, ..raw(db) }, 0).0.bands;
            [bands[0], bands[60]]
        };
        for hops in [5, 4, 3, 2] {
            assert_eq!(next([hops; 2], -10.0), [0, 0]);
        }
        assert!(next([1; 2], -10.0).iter().all(|&level| level > FULL / 10 * 9));
        for _ in 0..50 {
            next([0; 2], -120.0);
        }
        // A hat makes nobody wait in the bass.
        let [bass, treble] = next([3, 0], -10.0);
        assert!(bass > FULL / 2 && treble < FULL / 100, "{bass} {treble}");
    }

    #[test]
    fn a_swell_goes_on_while_an_attack_is_near() {
        let mut envelope = envelope(-10.0);
        let mut level = 0.0;
        let mut next = |opening: u8| {
            level += 0.01;
            let db = -10.0 + 20.0 * libm::log10(level);
            envelope.next(&Raw { opening: [opening, 0], ..raw(db) }, 0).0.bands[60]
        };
        let free: Vec<_> = (0..20).map(|_| next(0)).collect();
        let near: Vec<_> = [5, 4, 3, 2].map(&mut next).into();
        assert!(free.is_sorted_by(|a, b| a < b) && near.is_sorted_by(|a, b| a < b), "{free:?} {near:?}");
        assert!(near[0] > free[19], "{free:?} {near:?}");
    }

    #[test]
    fn a_peak_stays_half_a_second_and_is_never_below_its_band() {
        let mut envelope = envelope(-10.0);
        for _ in 0..30 {
            envelope.next(&raw(-10.0), 0);
        }
        let hops: Vec<_> = (0..140).map(|_| envelope.next(&raw(-120.0), 0).0).collect();
        assert!(hops.iter().all(|hop| hop.peaks[9] >= hop.bands[9]));
        assert_eq!(hops[0].peaks[9], hops[49].peaks[9]);
        assert!(hops[139].peaks[9] < FULL / 20);
    }

    #[test]
    fn silence_stays_on_the_floor_and_quiet_noise_is_not_stretched_to_the_ceiling() {
        let mut hop = Hop::SILENCE;
        let mut silent = envelope(-120.0);
        for _ in 0..100 {
            hop = silent.next(&raw(-120.0), 0).0;
        }
        assert_eq!(hop, Hop::SILENCE);
        for _ in 0..100 {
            hop = silent.next(&raw(-75.0), 0).0;
        }
        assert!(hop.bands[0] < FULL / 5);
    }

    #[test]
    fn an_onset_shows_at_once_and_is_gone_after_a_quarter_of_a_second() {
        let mut envelope = envelope(-10.0);
        let hit = Raw { flux: [1000, 0, 0], ..raw(-20.0) };
        assert!(envelope.next(&hit, 0).0.onsets[0] > FULL / 10 * 9);
        let after: Vec<_> = (0..25).map(|_| envelope.next(&raw(-20.0), 0).0.onsets).collect();
        assert!(after[24][0] < FULL / 20 && after.iter().all(|o| o[1] == 0));
    }
}
