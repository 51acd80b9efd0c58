//! A distribution of times in 200 bytes: fine enough for a picture, small enough to have a thousand of them.

use crate::logic::clock::Nanos;
use crate::logic::histogram::Histogram;

/// How many bins there are: one below 1 µs, two per power of two, one from 17 s on.
pub const BINS: usize = 2 + 2 * (LAST_BITS - FIRST_BITS) as usize;
const FIRST_BITS: u32 = 10;
const LAST_BITS: u32 = 34;
/// Where a power of two is divided: at 24/17, which a [`Histogram`] divides it at too, and which is 0.2 % from its middle.
const MIDDLE: u64 = 7;
const PARTS: u64 = 17;

/// How many values there are in each bin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread([u32; BINS]);

impl Default for Spread {
    fn default() -> Self {
        Self([0; BINS])
    }
}

fn bin(value: Nanos) -> usize {
    if value >> FIRST_BITS == 0 {
        return 0;
    }
    if value >> LAST_BITS != 0 {
        return BINS - 1;
    }
    let octave = value.ilog2();
    let upper = ((value - (1 << octave)) * PARTS) >> octave >= MIDDLE;
    1 + 2 * (octave - FIRST_BITS) as usize + usize::from(upper)
}

/// The lowest value of a bin; of the one after the last, where a picture of the last ends.
pub fn floor(bin: usize) -> Nanos {
    let Some(above) = bin.checked_sub(1) else { return 0 };
    let octave = FIRST_BITS + (above / 2) as u32;
    (1 << octave) + if above % 2 == 1 { (MIDDLE << octave).div_ceil(PARTS) } else { 0 }
}

impl Spread {
    /// The same values, in fewer bins.
    pub fn of(histogram: &Histogram) -> Self {
        let mut spread = Self::default();
        for (lowest, count) in histogram.buckets() {
            let to = &mut spread.0[bin(lowest)];
            *to = to.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        }
        spread
    }

    /// Adds the values of another.
    pub fn merge(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(to, from)| *to = to.saturating_add(*from));
    }

    /// Those values that fall into the part of a span from `from` to `to`, when all came evenly in a span of `of`. Parts that
    /// make up the span make up all values.
    pub fn part(&self, from: Nanos, to: Nanos, of: Nanos) -> Self {
        // Not above the count itself.
        Self(self.0.map(|count| part(count.into(), from, to, of) as u32))
    }

    /// How many values there are.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|&count| u64::from(count)).sum()
    }

    /// How many are in a bin.
    pub fn bin(&self, bin: usize) -> u64 {
        self.0[bin].into()
    }

    /// The first and the last bin with values.
    pub fn range(&self) -> Option<(usize, usize)> {
        let filled = |&count: &u32| count > 0;
        Some((self.0.iter().position(filled)?, self.0.iter().rposition(filled)?))
    }

    /// The place of a percentile in bins: 3.5 is the middle of the fourth.
    pub fn percentile(&self, percent: u64) -> Option<f64> {
        let rank = (self.count() * percent).div_ceil(100).max(1);
        let mut below = 0;
        for (bin, &count) in self.0.iter().enumerate() {
            let count = u64::from(count);
            if below + count >= rank {
                // The middle of its share of the bin.
                return Some(bin as f64 + ((rank - below) as f64 - 0.5) / count as f64);
            }
            below += count;
        }
        None
    }
}

/// The value at a place between bins.
pub fn value(place: f64) -> Nanos {
    let bin = (place.clamp(0.0, BINS as f64) as usize).min(BINS - 1);
    let (low, high) = (floor(bin) as f64, floor(bin + 1) as f64);
    (low + (high - low) * (place - bin as f64).clamp(0.0, 1.0)) as Nanos
}

/// The place of a value between bins.
pub fn place(value: Nanos) -> f64 {
    let bin = bin(value);
    let (low, high) = (floor(bin) as f64, floor(bin + 1) as f64);
    bin as f64 + ((value as f64 - low) / (high - low)).clamp(0.0, 1.0)
}

/// What falls into the part of a span from `from` to `to` when `whole` came evenly in a span of `of`.
pub fn part(whole: u64, from: Nanos, to: Nanos, of: Nanos) -> u64 {
    let until = |at: Nanos| (u128::from(whole) * u128::from(at.min(of)) / u128::from(of.max(1))) as u64;
    until(to).saturating_sub(until(from))
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::logic::histogram::Recorder;
    use proptest::prelude::*;

    #[test]
    fn bins_tile_the_range_and_begin_where_buckets_of_a_histogram_do() {
        assert_eq!((bin(0), bin(1023), bin(1024), bin(Nanos::MAX)), (0, 0, 1, BINS - 1));
        for b in 1..BINS {
            assert_eq!((bin(floor(b) - 1), bin(floor(b))), (b - 1, b), "bin {b}");
        }
        // So that no bucket lies in two bins.
        for b in 1..BINS {
            let recorder = Recorder::default();
            recorder.record(floor(b) - 1);
            assert_eq!(Spread::of(&recorder.read()).range(), Some((b - 1, b - 1)));
            recorder.record(floor(b));
            assert_eq!(Spread::of(&recorder.read()).range(), Some((b - 1, b)));
        }
    }

    proptest! {
        #[test]
        fn no_value_is_lost_and_percentiles_are_within_their_bin(mut values in prop::collection::vec(0u64..1 << 36, 1..300)) {
            let recorder = Recorder::default();
            values.iter().for_each(|&v| recorder.record(v));
            let spread = Spread::of(&recorder.read());
            prop_assert_eq!(spread.count(), values.len() as u64);
            values.sort_unstable();
            for percent in [50, 95, 99] {
                let exact = values[(values.len() * percent as usize).div_ceil(100) - 1];
                prop_assert_eq!(spread.percentile(percent).unwrap() as usize, bin(exact));
            }
        }

        #[test]
        fn parts_make_up_the_whole(whole: u64, cuts in prop::collection::vec(0u64..1_000_000, 0..9), of in 1u64..1_000_000) {
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut % of).chain([0, of]).collect();
            cuts.sort_unstable();
            let sum: u64 = cuts.windows(2).map(|pair| part(whole, pair[0], pair[1], of)).sum();
            prop_assert_eq!(sum, whole);
        }

        #[test]
        fn places_and_values_belong_to_each_other(v in 1024u64..1 << 34) {
            let back = value(place(v));
            prop_assert!(back.abs_diff(v) <= 1 + v / 1000, "{v} became {back}");
        }
    }
}
