//! Loudness after ITU-R BS.1770-4 and EBU R128: K-weighting, and the mean over sliding windows of it.
//!
//! Own code instead of a crate, since loudness is drawn from and its filters must have the same coefficients on every
//! machine; crate `ebur128` is the reference in the tests.

use std::f64::consts::PI;

use super::bands::{self, dequantise_db};
use super::features::HOPS_PER_SECOND;
use super::percentile::Histogram;

/// Hops that momentary loudness is the mean of: 400 ms.
pub const MOMENTARY: usize = 40;

/// Transposed direct form II.
#[derive(Debug, Clone, Copy)]
struct Biquad {
    b: [f64; 3],
    a: [f64; 2],
}

impl Biquad {
    fn run(&self, state: &mut [f64; 2], x: f64) -> f64 {
        let y = self.b[0] * x + state[0];
        state[0] = self.b[1] * x - self.a[0] * y + state[1];
        state[1] = self.b[2] * x - self.a[1] * y;
        y
    }
}

/// The K-weighting filters of all channels.
pub struct KWeighting {
    shelf: Biquad,
    highpass: Biquad,
    state: Vec<[[f64; 2]; 2]>,
    weights: Vec<f64>,
}

impl KWeighting {
    /// For `channels` at `rate` Hz. The standard's filters at 48 kHz, carried to other rates by the bilinear transform
    /// of the analogue prototypes they were made from.
    pub fn new(rate: u32, channels: usize) -> Self {
        // Below this the shelf lies above what the rate can hold.
        let rate = f64::from(rate.max(4000));
        let (f0, gain_db, q) = (1_681.974_450_955_533, 3.999_843_853_973_347, 0.707_175_236_955_419_6);
        let k = libm::tan(PI * f0 / rate);
        let vh = libm::pow(10.0, gain_db / 20.0);
        let vb = libm::pow(vh, 0.499_666_774_154_541_6);
        let a0 = 1.0 + k / q + k * k;
        let shelf = Biquad {
            b: [(vh + vb * k / q + k * k) / a0, 2.0 * (k * k - vh) / a0, (vh - vb * k / q + k * k) / a0],
            a: [2.0 * (k * k - 1.0) / a0, (1.0 - k / q + k * k) / a0],
        };
        let (f0, q) = (38.135_470_876_024_44, 0.500_327_037_323_877_3);
        let k = libm::tan(PI * f0 / rate);
        let a0 = 1.0 + k / q + k * k;
        let highpass = Biquad { b: [1.0, -2.0, 1.0], a: [2.0 * (k * k - 1.0) / a0, (1.0 - k / q + k * k) / a0] };
        // Surround channels count 1.5 dB more and the LFE channel not at all, in the order L R C LFE Ls Rs.
        let weights: &[f64] = match channels {
            5 => &[1.0, 1.0, 1.0, 1.41, 1.41],
            6 => &[1.0, 1.0, 1.0, 0.0, 1.41, 1.41],
            _ => &[],
        };
        let weights = (0..channels).map(|channel| weights.get(channel).copied().unwrap_or(1.0)).collect();
        Self { shelf, highpass, state: vec![[[0.0; 2]; 2]; channels], weights }
    }

    /// Energy of the next `samples` of `channel`, its weight applied.
    pub fn energy(&mut self, channel: usize, samples: &[f32]) -> f64 {
        let [mut shelf, mut highpass] = self.state[channel];
        let mut sum = 0.0;
        for &x in samples {
            let y = self.shelf.run(&mut shelf, f64::from(x));
            let z = self.highpass.run(&mut highpass, y);
            sum += z * z;
        }
        // A decaying filter would otherwise reach subnormal numbers, which are slow.
        let settle = |state: [f64; 2]| state.map(|s| if s.abs() < 1e-30 { 0.0 } else { s });
        self.state[channel] = [settle(shelf), settle(highpass)];
        sum * self.weights[channel]
    }
}

/// Loudness in LUFS of a mean square that [`KWeighting`] made.
pub fn lufs(mean_square: f64) -> f64 {
    -0.691 + 10.0 * libm::log10(mean_square.max(1e-30))
}

/// Quantised loudness in LUFS of the summed `energy` of [`MOMENTARY`] hops at `rate` Hz.
pub fn momentary_db(energy: u64, rate: u32) -> u16 {
    let samples = MOMENTARY as f64 * f64::from(rate) / f64::from(HOPS_PER_SECOND);
    bands::quantise_db(lufs(energy as f64 / 4_294_967_296.0 / samples))
}

/// Integrated loudness of a programme after EBU R128: the mean of all 400 ms `blocks` (quantised LUFS) above −70 LUFS
/// that are not more than 10 LU below the mean of these.
pub fn integrated(blocks: &Histogram) -> Option<f64> {
    let mean_above = |gate: f64| {
        let kept = blocks.iter().map(|(block, count)| (dequantise_db(block), count)).filter(|&(db, _)| db > gate);
        let (sum, count) = kept.fold((0.0, 0), |(sum, total), (db, count)| {
            (sum + libm::pow(10.0, db / 10.0) * count as f64, total + count)
        });
        (count > 0).then(|| 10.0 * libm::log10(sum / count as f64))
    };
    mean_above(mean_above(-70.0)? - 10.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::audio::bands::quantise_db;

    #[test]
    fn the_filters_at_48_khz_are_those_of_the_standard() {
        // ITU-R BS.1770-4, tables 1 and 2.
        let weighting = KWeighting::new(48_000, 1);
        let shelf = [1.535_124_859_586_97, -2.691_696_189_406_38, 1.198_392_810_852_85];
        let feedback = [[-1.690_659_293_182_41, 0.732_480_774_215_85], [-1.990_047_454_833_98, 0.990_072_250_366_21]];
        for (got, want) in weighting.shelf.b.iter().zip(&shelf) {
            assert!((got - want).abs() < 1e-8, "{got} instead of {want}");
        }
        for (biquad, want) in [weighting.shelf, weighting.highpass].iter().zip(&feedback) {
            assert!(biquad.a.iter().zip(want).all(|(got, want)| (got - want).abs() < 1e-8), "{:?}", biquad.a);
        }
    }

    #[test]
    fn what_is_far_below_the_rest_does_not_count() {
        let mut blocks = Histogram::default();
        assert_eq!(integrated(&blocks), None);
        (0..50).for_each(|_| blocks.add(quantise_db(-90.0)));
        assert_eq!(integrated(&blocks), None);
        (0..100).for_each(|_| blocks.add(quantise_db(-20.0)));
        (0..900).for_each(|_| blocks.add(quantise_db(-45.0)));
        assert!((integrated(&blocks).unwrap() + 20.0).abs() < 0.01, "{:?}", integrated(&blocks));
    }
}
