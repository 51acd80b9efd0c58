//! Analysis windows: how long they are at a sample rate, and their shape.

use std::f64::consts::{SQRT_2, TAU};

/// Length of the short window in seconds that [`short_len`] comes nearest to.
const SHORT_SECONDS: f64 = 0.093;
/// Shortest and longest short window: rates from 2 to 990 kHz get the length they ask for.
const SHORT_RANGE: std::ops::RangeInclusive<usize> = 256..=65_536;
/// Points of the long window, taken on the decimated signal: always four short windows of time.
pub const LONG_LEN: usize = 1024;

/// Samples in the short window at `rate` Hz: the power of two nearest 93 ms (in ratio), 4096 at 44.1 and 48 kHz.
pub fn short_len(rate: u32) -> usize {
    let wanted = f64::from(rate) * SHORT_SECONDS;
    let mut len = *SHORT_RANGE.start();
    while len < *SHORT_RANGE.end() && len as f64 * SQRT_2 < wanted {
        len *= 2;
    }
    len
}

/// How many samples make one of the decimated signal that the long window is laid on: 16 at 44.1 and 48 kHz.
pub fn decimation(rate: u32) -> usize {
    short_len(rate) * 4 / LONG_LEN
}

/// A periodic Hann window.
pub fn hann(len: usize) -> Vec<f32> {
    (0..len).map(|i| (0.5 - 0.5 * libm::cos(TAU * i as f64 / len as f64)) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_window_is_near_93_ms_at_every_usual_rate() {
        let lengths = [8_000, 11_025, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000, 384_000].map(short_len);
        assert_eq!(lengths, [1024, 1024, 2048, 4096, 4096, 4096, 8192, 16_384, 32_768]);
        assert_eq!((short_len(1), short_len(u32::MAX)), (256, 65_536));
    }

    #[test]
    fn the_decimated_rate_leaves_the_low_bands_far_below_its_half() {
        assert_eq!(decimation(44_100), 16);
        for rate in (4_000..=800_000).step_by(777) {
            let decimated = rate as usize / decimation(rate);
            assert!((1900..4000).contains(&decimated), "{rate} Hz becomes {decimated} Hz");
        }
    }

    #[test]
    fn a_hann_window_sums_to_half_its_length() {
        let sum: f64 = hann(4096).iter().map(|&w| f64::from(w)).sum();
        assert!((sum - 2048.0).abs() < 1e-3, "{sum}");
    }
}
