//! Power spectra of channel pairs.
//!
//! Two real channels go through one complex transform, z = a + i·b. For the sum of both powers they need not be
//! untangled: |A\[k\]|² + |B\[k\]|² = (|Z\[k\]|² + |Z\[n−k\]|²) / 2.
//!
//! `rustfft` is pinned and its planner is the scalar one, so the same bytes come out on every CPU; its twiddles are
//! made with the standard library's sin and cos, so the tests hold a digest of every length that is used.

use std::sync::Arc;

use rustfft::num_complex::Complex32;
use rustfft::{Fft, FftPlannerScalar};

use super::fft_window;

/// Windowed power spectra of one length.
pub struct Spectrum {
    fft: Arc<dyn Fft<f32>>,
    window: Vec<f32>,
    points: Vec<Complex32>,
    scratch: Vec<Complex32>,
    gain: f32,
}

impl Spectrum {
    /// For `len` points, a power of two.
    pub fn new(len: usize) -> Self {
        let fft = FftPlannerScalar::new().plan_fft_forward(len);
        let window = fft_window::hann(len);
        let energy: f64 = window.iter().map(|&w| f64::from(w) * f64::from(w)).sum();
        Self {
            points: vec![Complex32::ZERO; len],
            scratch: vec![Complex32::ZERO; fft.get_inplace_scratch_len()],
            // A sine of amplitude 1 sums to 1 over its main lobe (Parseval, one-sided); the half is the pair's.
            gain: (4.0 / (len as f64 * energy) / 2.0) as f32,
            fft,
            window,
        }
    }

    /// Points of one spectrum.
    pub fn len(&self) -> usize {
        self.window.len()
    }

    /// Frequency bins, 0 Hz and half the rate included.
    pub fn bins(&self) -> usize {
        self.len() / 2 + 1
    }

    /// Adds the power of `a` and `b` (each [`len`](Self::len) samples) to `power`, where a full-scale sine is 1.
    pub fn add_power(&mut self, a: &[f32], b: Option<&[f32]>, power: &mut [f32]) {
        let n = self.len();
        match b {
            Some(b) => {
                for (((z, w), a), b) in self.points.iter_mut().zip(&self.window).zip(a).zip(b) {
                    *z = Complex32::new(a * w, b * w);
                }
            }
            None => {
                for ((z, w), a) in self.points.iter_mut().zip(&self.window).zip(a) {
                    *z = Complex32::new(a * w, 0.0);
                }
            }
        }
        self.fft.process_with_scratch(&mut self.points, &mut self.scratch);
        let square = |z: Complex32| z.re * z.re + z.im * z.im;
        power[0] += self.gain * 2.0 * square(self.points[0]);
        let (low, high) = self.points.split_at(n / 2 + 1);
        for ((sum, &z), &mirror) in power[1..n / 2].iter_mut().zip(&low[1..n / 2]).zip(high.iter().rev()) {
            *sum += self.gain * (square(z) + square(mirror));
        }
        power[n / 2] += self.gain * 2.0 * square(self.points[n / 2]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(len: usize, seed: u32) -> Vec<f32> {
        let mut x = seed;
        let next = || {
            x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (x >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        std::iter::repeat_with(next).take(len).collect()
    }

    #[test]
    fn two_channels_in_one_transform_have_the_power_of_each_alone() {
        let mut spectrum = Spectrum::new(512);
        let (a, b) = (noise(512, 1), noise(512, 2));
        let mut apart = vec![0.0; spectrum.bins()];
        spectrum.add_power(&a, None, &mut apart);
        spectrum.add_power(&b, None, &mut apart);
        let mut together = vec![0.0; spectrum.bins()];
        spectrum.add_power(&a, Some(&b), &mut together);
        for (x, y) in apart.iter().zip(&together) {
            assert!((x - y).abs() <= 1e-6 + 1e-4 * x, "{x} {y}");
        }
    }

    #[test]
    fn a_full_scale_sine_has_the_power_of_one() {
        let mut spectrum = Spectrum::new(4096);
        let sine: Vec<f32> = (0..4096).map(|i| libm::sin(0.3 * f64::from(i)) as f32).collect();
        let mut power = vec![0.0; spectrum.bins()];
        spectrum.add_power(&sine, None, &mut power);
        let sum: f32 = power.iter().sum();
        assert!((sum - 1.0).abs() < 1e-3, "{sum}");
    }

    /// The discrete Fourier transform by its definition, in f64 and with `libm`, is the reference.
    #[test]
    fn the_spectrum_is_that_of_the_definition_to_120_db() {
        let len = 256;
        let (signal, window) = (noise(len, 7), fft_window::hann(len));
        let mut spectrum = Spectrum::new(len);
        let mut power = vec![0.0; spectrum.bins()];
        spectrum.add_power(&signal, None, &mut power);
        let energy: f64 = window.iter().map(|&w| f64::from(w) * f64::from(w)).sum();
        for (k, &got) in power.iter().enumerate() {
            let (mut re, mut im) = (0.0, 0.0);
            for (i, (&x, &w)) in signal.iter().zip(&window).enumerate() {
                let angle = -std::f64::consts::TAU * (k * i % len) as f64 / len as f64;
                re += f64::from(x * w) * libm::cos(angle);
                im += f64::from(x * w) * libm::sin(angle);
            }
            let want = 4.0 * (re * re + im * im) / (len as f64 * energy);
            assert!((f64::from(got) - want).abs() < 1e-6, "bin {k}: {got} instead of {want}");
        }
    }

    /// FNV-1a over the bits of the power spectrum of the same noise.
    fn digest(len: usize) -> u64 {
        let mut spectrum = Spectrum::new(len);
        let mut power = vec![0.0; spectrum.bins()];
        spectrum.add_power(&noise(len, 3), Some(&noise(len, 4)), &mut power);
        let bytes = power.iter().flat_map(|p| p.to_bits().to_le_bytes());
        bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
    }

    #[test]
    fn every_length_in_use_gives_the_same_bits_on_every_machine() {
        let golden: [(usize, u64); 10] = [
            (128, 0x49dcf48cf256bfec),
            (256, 0xe92cf79e50d06800),
            (512, 0x37210c14fd0ef8b9),
            (1024, 0x1e47fe644dffd683),
            (2048, 0x014da92933411ef8),
            (4096, 0x78dbcf494ce72ff0),
            (8192, 0xf2ab9001ea8aacb9),
            (16_384, 0x64266774d5c1a23a),
            (32_768, 0xb3b06cd219847121),
            (65_536, 0xfc4b9287b4619eff),
        ];
        let now = golden.map(|(len, _)| (len, digest(len)));
        assert_eq!(now, golden);
    }
}
