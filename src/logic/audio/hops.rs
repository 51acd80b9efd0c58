//! Where hops lie on the sample axis: hop h is centred on h · rate / 100, exactly, at rates that 100 divides or not.

use super::features::HOPS_PER_SECOND;

/// Hops at one sample rate. Fractions of a sample are rounded down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HopGrid {
    rate: u32,
}

impl HopGrid {
    /// For audio at `rate` Hz.
    pub fn new(rate: u32) -> Self {
        Self { rate }
    }

    /// The sample that hop `hop` is centred on.
    pub fn centre(&self, hop: u64) -> i64 {
        (u128::from(hop) * u128::from(self.rate) / u128::from(HOPS_PER_SECOND)) as i64
    }

    /// The first sample of hop `hop`'s own 10 ms; the next hop's first is where they end.
    pub fn start(&self, hop: u64) -> i64 {
        ((2 * i128::from(hop) - 1) * i128::from(self.rate)).div_euclid(2 * i128::from(HOPS_PER_SECOND)) as i64
    }

    /// Hops of `samples` samples: each whose centre is not behind the end.
    pub fn count(&self, samples: u64) -> u64 {
        (u128::from(samples) * u128::from(HOPS_PER_SECOND) / u128::from(self.rate)) as u64 + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_hour_of_hops_does_not_drift() {
        assert_eq!(HopGrid::new(22_050).centre(360_000), 22_050 * 3600);
        assert_eq!(HopGrid::new(11_025).centre(3), 330);
    }

    proptest! {
        #[test]
        fn the_hops_tile_the_samples_around_their_centres(rate in 1u32..=400_000, hop in 0u64..10_000_000) {
            let grid = HopGrid::new(rate);
            let (start, end) = (grid.start(hop), grid.start(hop + 1));
            prop_assert!(start <= grid.centre(hop) && grid.centre(hop) <= end);
            prop_assert!((end - start - i64::from(rate / 100)).abs() <= 1);
            let last = grid.count(grid.centre(hop) as u64 + 1) - 1;
            prop_assert!(grid.centre(last) <= grid.centre(hop) + 1);
        }
    }
}
