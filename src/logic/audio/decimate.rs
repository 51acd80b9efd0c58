//! The slow copy of the signal that the long window is laid on.
//!
//! A linear-phase FIR with an odd number of taps: decimated sample k is centred on sample k · factor exactly, so both
//! windows look at the same moment. Passes everything below an eighth of the decimated rate (250 Hz and more, see
//! [`super::fft_window::decimation`]) and lets nothing alias back there: both are below −70 dB of error.

use std::f64::consts::{PI, TAU};

/// A low-pass that is evaluated at every `factor`-th sample only.
pub struct Decimator {
    taps: Vec<f32>,
    factor: usize,
}

impl Decimator {
    /// For `factor` samples in per sample out.
    pub fn new(factor: usize) -> Self {
        if factor == 1 {
            return Self { taps: vec![1.0], factor };
        }
        let half = Self::half_len(factor);
        let mut taps: Vec<f64> = (0..=2 * half)
            .map(|i| {
                let t = i as f64 - half as f64;
                let x = PI * t / factor as f64;
                let sinc = if i == half { 1.0 } else { libm::sin(x) / x };
                let phase = TAU * (i as f64 + 1.0) / (2 * half + 2) as f64;
                let blackman = 0.42 - 0.5 * libm::cos(phase) + 0.08 * libm::cos(2.0 * phase);
                sinc * blackman
            })
            .collect();
        let sum: f64 = taps.iter().sum();
        taps.iter_mut().for_each(|tap| *tap /= sum);
        Self { taps: taps.into_iter().map(|tap| tap as f32).collect(), factor }
    }

    fn half_len(factor: usize) -> usize {
        4 * factor
    }

    /// Samples in per sample out.
    pub fn factor(&self) -> usize {
        self.factor
    }

    /// Samples on either side of the centre that one output looks at.
    pub fn reach(&self) -> usize {
        self.taps.len() / 2
    }

    /// The output centred in `around`, which holds 2 · [`reach`](Self::reach) + 1 samples.
    pub fn output(&self, around: &[f32]) -> f32 {
        self.taps.iter().zip(around).map(|(&tap, &x)| f64::from(tap) * f64::from(x)).sum::<f64>() as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The filter's gain at `cycles` per decimated sample.
    fn gain(decimator: &Decimator, cycles: f64) -> f64 {
        let reach = decimator.reach() as f64;
        let sum =
            decimator.taps.iter().enumerate().map(|(i, &tap)| {
                f64::from(tap) * libm::cos(TAU * cycles * (i as f64 - reach) / decimator.factor as f64)
            });
        sum.sum()
    }

    #[test]
    fn low_bands_pass_and_what_would_alias_onto_them_does_not() {
        for factor in [4, 8, 16, 32, 64] {
            let decimator = Decimator::new(factor);
            for step in 0..=13 {
                let cycles = f64::from(step) / 100.0;
                assert!((gain(&decimator, cycles) - 1.0).abs() < 1e-3, "{factor}: passes {cycles}");
                let mut alias = 1.0;
                while alias < factor as f64 / 2.0 {
                    assert!(gain(&decimator, alias - cycles).abs() < 3e-4, "{factor}: stops {}", alias - cycles);
                    alias += 1.0;
                }
            }
        }
    }

    #[test]
    fn an_output_is_centred_on_its_sample() {
        let decimator = Decimator::new(16);
        let ramp: Vec<f32> = (0..=2 * decimator.reach()).map(|i| i as f32).collect();
        assert!((decimator.output(&ramp) - decimator.reach() as f32).abs() < 1e-3);
    }
}
