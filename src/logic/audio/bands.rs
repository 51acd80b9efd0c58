//! From power spectra to 64 logarithmic bands in decibels.

use super::features::BANDS;

/// Lower edge of the lowest and upper edge of the highest band in Hz.
const RANGE_HZ: (f64, f64) = (30.0, 16_000.0);
/// The long window alone is used below, the short one alone above, a blend in between.
const CROSSFADE_HZ: (f64, f64) = (150.0, 250.0);
/// Music loses about this much per octave in equally wide (logarithmic) bands; the pictures give it back.
const TILT_DB_PER_OCTAVE: f64 = 3.0;
const TILT_PIVOT_HZ: f64 = 1000.0;

/// Decibels are stored in steps of 1/400 from −120 up, which reaches past +43.
pub const DB_STEPS: f64 = 400.0;
/// The decibels of a stored 0.
pub const DB_ZERO: f64 = -120.0;

/// `db` as stored.
pub fn quantise_db(db: f64) -> u16 {
    ((db - DB_ZERO) * DB_STEPS + 0.5).clamp(0.0, f64::from(u16::MAX)) as u16
}

/// The decibels that `stored` stands for.
pub fn dequantise_db(stored: u16) -> f64 {
    f64::from(stored) / DB_STEPS + DB_ZERO
}

/// Power (full-scale sine = 1) as stored decibels.
pub fn power_to_db(power: f64, gain_db: f64) -> u16 {
    // 10^-30 is far below the stored range and keeps the logarithm finite.
    quantise_db(10.0 * libm::log10(power.max(1e-30)) + gain_db)
}

/// Edges and centres of the bands in Hz.
pub fn edge_hz(index: f64) -> f64 {
    RANGE_HZ.0 * libm::pow(RANGE_HZ.1 / RANGE_HZ.0, index / BANDS as f64)
}

/// The bands whose centre is in `hz`.
pub fn bands_between(hz: std::ops::Range<f64>) -> std::ops::Range<usize> {
    let below = |limit: f64| (0..BANDS).filter(|&band| edge_hz(band as f64 + 0.5) < limit).count();
    below(hz.start)..below(hz.end)
}

/// How much of each bin belongs to a band. A bin covers half a bin to either side of its frequency.
struct Weights {
    first: usize,
    parts: Vec<f32>,
}

impl Weights {
    fn new(low: f64, high: f64, bin_hz: f64, bins: usize) -> Self {
        let bin_at = |hz: f64| ((hz / bin_hz + 0.5) as usize).min(bins);
        let first = bin_at(low);
        let parts = (first..(bin_at(high) + 1).min(bins)).map(|bin| {
            let (start, end) = ((bin as f64 - 0.5) * bin_hz, (bin as f64 + 0.5) * bin_hz);
            ((high.min(end) - low.max(start)) / bin_hz).max(0.0) as f32
        });
        Self { first, parts: parts.collect() }
    }

    fn sum(&self, power: &[f32]) -> f64 {
        let bins = &power[self.first..];
        self.parts.iter().zip(bins).map(|(&part, &power)| f64::from(part) * f64::from(power)).sum()
    }
}

/// Sums the bins of one spectrum into bands.
pub struct BandSums(Vec<Weights>);

impl BandSums {
    /// For spectra of `bins` bins, `bin_hz` apart. Bands above half the rate stay empty.
    pub fn new(bins: usize, bin_hz: f64) -> Self {
        let edges = (0..BANDS).map(|band| (edge_hz(band as f64), edge_hz(band as f64 + 1.0)));
        Self(edges.map(|(low, high)| Weights::new(low, high, bin_hz, bins)).collect())
    }

    /// Power of each band.
    pub fn power(&self, spectrum: &[f32]) -> [f64; BANDS] {
        std::array::from_fn(|band| self.0[band].sum(spectrum))
    }
}

/// What makes levels of the two spectra of a hop.
pub struct Leveller {
    /// Share of the long spectrum per band.
    blend: Vec<f64>,
    tilt_db: Vec<f64>,
}

impl Default for Leveller {
    fn default() -> Self {
        let centres = (0..BANDS).map(|band| edge_hz(band as f64 + 0.5));
        let (from, to) = CROSSFADE_HZ;
        let octaves = |hz: f64| libm::log2(hz / TILT_PIVOT_HZ);
        Self {
            blend: centres.clone().map(|hz| ((to - hz) / (to - from)).clamp(0.0, 1.0)).collect(),
            tilt_db: centres.map(|hz| TILT_DB_PER_OCTAVE * octaves(hz)).collect(),
        }
    }
}

impl Leveller {
    /// Tilted decibels of each band, quantised.
    pub fn levels(&self, short: &[f64; BANDS], long: &[f64; BANDS]) -> [u16; BANDS] {
        std::array::from_fn(|band| {
            let blend = self.blend[band];
            power_to_db(blend * long[band] + (1.0 - blend) * short[band], self.tilt_db[band])
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bin_between_the_outer_edges_is_shared_out_exactly_once() {
        let (bins, bin_hz) = (2049, 44_100.0 / 4096.0);
        let mut total = vec![0.0; bins];
        for weights in &BandSums::new(bins, bin_hz).0 {
            for (i, part) in weights.parts.iter().enumerate() {
                total[weights.first + i] += part;
            }
        }
        for (bin, total) in total.iter().enumerate() {
            let hz = bin as f64 * bin_hz;
            if (RANGE_HZ.0 + bin_hz..RANGE_HZ.1 - bin_hz).contains(&hz) {
                assert!((total - 1.0).abs() < 1e-4, "bin {bin}: {total}");
            }
        }
    }

    #[test]
    fn the_three_ranges_cover_all_bands() {
        let (low, high) = (bands_between(0.0..150.0), bands_between(2000.0..1e9));
        assert_eq!((low.start, high.end), (0, BANDS));
        assert_eq!(bands_between(150.0..2000.0), low.end..high.start);
        assert!(low.len() >= 12 && high.len() >= 12, "{low:?} {high:?}");
    }

    #[test]
    fn decibels_outside_the_stored_range_are_clamped() {
        assert_eq!(quantise_db(-500.0), 0);
        assert_eq!(quantise_db(500.0), u16::MAX);
        assert_eq!(power_to_db(0.0, 0.0), 0);
        assert_eq!(quantise_db(0.0), 48_000);
    }
}
