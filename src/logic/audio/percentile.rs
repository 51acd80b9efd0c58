//! An exact percentile of 16-bit values, in constant memory.

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

    /// Each value that was counted, with how often.
    pub fn iter(&self) -> impl Iterator<Item = (u16, u64)> {
        (0..=u16::MAX).zip(self.counts.iter().copied()).filter(|&(_, count)| count > 0)
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
}
