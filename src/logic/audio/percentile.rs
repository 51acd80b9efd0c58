//! Percentiles in constant memory.

use super::bands;
use super::features::BANDS;

/// Counts of each value.
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; 1 << 16], total: 0 }
    }
}

impl Histogram {
    /// Counts `value`.
    pub fn add(&mut self, value: u16) {
        self.counts[usize::from(value)] += 1;
        self.total += 1;
    }

    /// The smallest value that at least `percent` of all values do not exceed; `None` where there is no value.
    pub fn percentile(&self, percent: u8) -> Option<u16> {
        let wanted = (u128::from(self.total) * u128::from(percent)).div_ceil(100) as u64;
        let mut seen = 0;
        (0..=u16::MAX).zip(&self.counts).find_map(|(value, &count)| {
            seen += count;
            (count > 0 && seen >= wanted).then_some(value)
        })
    }
}

impl Histogram {
    /// Each value that was counted, with how often.
    pub fn iter(&self) -> impl Iterator<Item = (u16, u64)> {
        (0..=u16::MAX).zip(self.counts.iter().copied()).filter(|&(_, count)| count > 0)
    }
}

/// Counts of the levels of all bands, in steps of a quarter of a decibel.
pub struct BandLevels {
    counts: Vec<[u64; BANDS]>,
    total: u64,
}

/// Stored steps that are counted as one.
const STEP: u16 = bands::DB_STEPS as u16 / 4;

impl Default for BandLevels {
    fn default() -> Self {
        Self { counts: vec![[0; BANDS]; usize::from(u16::MAX / STEP) + 1], total: 0 }
    }
}

impl BandLevels {
    /// Counts a hop.
    pub fn add(&mut self, levels: &[u16; BANDS]) {
        for (band, level) in levels.iter().enumerate() {
            self.counts[usize::from(level / STEP)][band] += 1;
        }
        self.total += 1;
    }

    /// For each band, the end of the step up to which at least `percent` of all levels lie; 0 where nothing was counted.
    pub fn percentile(&self, percent: u8) -> [u16; BANDS] {
        let wanted = (u128::from(self.total) * u128::from(percent)).div_ceil(100) as u64;
        std::array::from_fn(|band| {
            let mut seen = 0;
            let step = self.counts.iter().position(|counts| {
                seen += counts[band];
                seen >= wanted
            });
            step.filter(|_| wanted > 0).map_or(0, |step| (step as u16).saturating_mul(STEP).saturating_add(STEP))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_values() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.percentile(98), None);
        (1..=100).for_each(|value| histogram.add(value));
        assert_eq!([1, 50, 98, 100].map(|p| histogram.percentile(p)), [Some(1), Some(50), Some(98), Some(100)]);
        let mut lonely = Histogram::default();
        lonely.add(7);
        assert_eq!(lonely.percentile(98), Some(7));
    }

    #[test]
    fn each_band_has_its_own() {
        let mut levels = BandLevels::default();
        assert_eq!(levels.percentile(98), [0; BANDS]);
        (1..=100).for_each(|hop| levels.add(&std::array::from_fn(|band| if band == 3 { hop * 400 } else { 30_000 })));
        let loud = levels.percentile(98);
        assert_eq!((loud[3], loud[4]), (98 * 400 + STEP, 30_000 + STEP));
    }
}
