//! Where hops lie among samples and in time: hop h is centred on sample h · rate / 100, exactly, at rates that 100
//! divides or not.

use super::features::{HOPS_PER_SECOND, Hop, HopWindow};

/// Hops at one sample rate. Fractions of a sample are rounded down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HopGrid {
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

    /// Hops of `samples` samples: each whose centre is not after the end.
    pub fn count(&self, samples: u64) -> u64 {
        (u128::from(samples) * u128::from(HOPS_PER_SECOND) / u128::from(self.rate)) as u64 + 1
    }
}

/// A moment on the time axis of hops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HopTime {
    /// The last hop whose centre is not later.
    pub hop: i64,
    /// How far it is to the next hop, in 1/65536.
    pub fraction: u16,
}

impl HopTime {
    /// `numerator`/`denominator` seconds, rounded down to 1/65536 of a hop.
    pub fn from_seconds(numerator: i128, denominator: u64) -> Self {
        let ticks = (numerator * i128::from(HOPS_PER_SECOND) * 65_536).div_euclid(i128::from(denominator.max(1)));
        Self { hop: ticks.div_euclid(65_536) as i64, fraction: ticks.rem_euclid(65_536) as u16 }
    }

    /// The middle of the time that frame `n` is on screen at `fps_n`/`fps_d` frames a second.
    pub fn of_frame(n: u64, fps_n: u32, fps_d: u32) -> Self {
        Self::from_seconds((2 * i128::from(n) + 1) * i128::from(fps_d), 2 * u64::from(fps_n))
    }

    /// In 1/65536 of a hop.
    pub fn ticks(self) -> i64 {
        self.hop * 65_536 + i64::from(self.fraction)
    }

    /// In seconds, wrapped after ten hours to keep its precision: for drifts that go on in silence.
    pub(in crate::logic) fn seconds(self) -> f32 {
        const WRAP: i64 = 36_000 * HOPS_PER_SECOND as i64 * 65_536;
        self.ticks().rem_euclid(WRAP) as f32 / (65_536 * HOPS_PER_SECOND) as f32
    }

    /// A level read from the hops around this moment, interpolated.
    pub fn level(self, window: &HopWindow, read: impl Fn(&Hop) -> u16) -> u16 {
        let (a, b) = (i64::from(read(window.hop(self.hop))), i64::from(read(window.hop(self.hop + 1))));
        (a + (((b - a) * i64::from(self.fraction)) >> 16)) as u16
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

    #[test]
    fn the_moment_of_a_frame_is_the_middle_of_its_time_at_any_rate() {
        assert_eq!(HopTime::of_frame(0, 50, 1), HopTime { hop: 1, fraction: 0 });
        assert_eq!(HopTime::of_frame(1, 50, 1), HopTime { hop: 3, fraction: 0 });
        assert_eq!(HopTime::of_frame(0, 100, 1), HopTime { hop: 0, fraction: 32_768 });
        assert_eq!(HopTime::of_frame(0, 24_000, 1001), HopTime { hop: 2, fraction: 5597 });
        assert_eq!(HopTime::from_seconds(-1, 200), HopTime { hop: -1, fraction: 32_768 });
    }

    #[test]
    fn a_level_is_interpolated_between_hops() {
        let mut window = HopWindow::default();
        window
            .refill(10, 2, |hops| {
                hops[0].rms = 1000;
                hops[1].rms = 3000;
                Ok::<_, std::convert::Infallible>(())
            })
            .unwrap();
        let at = |hop, fraction| HopTime { hop, fraction }.level(&window, |h| h.rms);
        assert_eq!([at(10, 0), at(10, 32_768), at(11, 0), at(9, 32_768)], [1000, 2000, 3000, 500]);
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
