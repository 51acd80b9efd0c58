//! How finely the levels of bands and their peaks are kept, so that a hop fits into its record.
//!
//! A level is rounded where a hop is made, to a value that so many bits can give back; what is heard now, what is stored
//! and what is drawn of either are the same numbers.
//!
//! The tallest bar of any scene is that of stem-dots at 2160 × 3840: 2376 pixels, and 1.62 times as steep as the level
//! at its top. A step of [`BAND_BITS`] is 0.24 pixels there (0.15 at 3840 × 2160), so no bar is more than 0.12 pixels
//! off; 12 bits would be 0.94. Peaks stand still or fall by more than a step of [`PEAK_BITS`] from hop to hop, and never
//! creep.

use super::features::FULL;

/// Bits of a band's level.
pub const BAND_BITS: u32 = 14;
/// Bits of a peak's level.
pub const PEAK_BITS: u32 = 12;

/// The nearest level that [`BAND_BITS`] can give back.
pub fn band(level: u16) -> u16 {
    let steps = (1 << BAND_BITS) - 1;
    let full = u32::from(FULL);
    dequantise((u32::from(level) * steps + full / 2) / full, BAND_BITS)
}

/// The next level, itself or above, that [`PEAK_BITS`] can give back: a peak is never below its band.
pub fn peak(level: u16) -> u16 {
    let step = u32::from(level) >> (16 - PEAK_BITS);
    let below = dequantise(step, PEAK_BITS);
    if below < level { dequantise(step + 1, PEAK_BITS) } else { below }
}

/// The level of step `step`: its bits, and again from the highest on, so that the last step is [`FULL`].
pub fn dequantise(step: u32, bits: u32) -> u16 {
    let high = step << (16 - bits);
    (high | high >> bits) as u16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::audio::envelope::GRAVITY;

    #[test]
    fn levels_are_rounded_to_the_nearest_step_and_peaks_to_the_next_one() {
        for level in 0..=FULL {
            let (band, peak) = (band(level), peak(level));
            // Half a step of 14 bits, rounded up.
            assert!(band.abs_diff(level) <= 2, "{level}: {band}");
            assert!((level..=level.saturating_add(16)).contains(&peak), "{level}: {peak}");
            assert_eq!((self::band(band), self::peak(peak)), (band, peak), "rounding twice changes nothing");
        }
        assert_eq!([band(0), band(FULL), peak(0), peak(FULL)], [0, FULL, 0, FULL]);
    }

    #[test]
    fn a_louder_band_is_never_lower_and_no_peak_is_below_its_band() {
        let pairs = (0..FULL).map(|level| (level, level + 1));
        assert!(pairs.clone().all(|(a, b)| band(a) <= band(b) && peak(a) <= peak(b)));
        assert!((0..=FULL).all(|level| peak(band(level)) >= band(level)));
    }

    #[test]
    fn a_peak_that_falls_moves_by_more_than_a_step_at_once() {
        assert!(GRAVITY > f32::from(1u16 << (16 - PEAK_BITS)));
    }
}
