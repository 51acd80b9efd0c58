//! Distributions in constant memory: log-linear histograms of nanoseconds.
//!
//! Values below 64 have a bucket each. From there every power of two is divided into 17 equal parts, so a bucket's representative
//! is at most 1/35 (2.9 %) away from any value in it; hence no percentile is off by more, whatever the distribution. Seventeen and
//! not a power of two because 16 parts would give 3.03 % and 32 nearly twice the memory.

use crate::logic::clock::Nanos;
use crate::logic::sync::atomic::{AtomicU64, Ordering};

/// Values below this have a bucket each.
const EXACT: u64 = 64;
const EXACT_BITS: u32 = EXACT.trailing_zeros();
/// Parts per power of two.
const PARTS: u64 = 17;
/// Values from 2^40 ns (18 minutes) on share the last bucket, which their maximum stands for.
const TOP_BITS: u32 = 40;

/// How many buckets a histogram has.
pub const BUCKETS: usize = (EXACT + PARTS * (TOP_BITS - EXACT_BITS) as u64) as usize + 1;

/// The bucket of a value.
#[inline]
fn bucket(value: u64) -> usize {
    if value < EXACT {
        return value as usize;
    }
    if value >> TOP_BITS != 0 {
        return BUCKETS - 1;
    }
    let octave = value.ilog2();
    // At most 2^40 × 17, far from overflow.
    let part = ((value - (1 << octave)) * PARTS) >> octave;
    (EXACT + u64::from(octave - EXACT_BITS) * PARTS + part) as usize
}

/// The smallest value of a bucket.
fn lower(bucket: usize) -> u64 {
    let Some(above) = (bucket as u64).checked_sub(EXACT) else { return bucket as u64 };
    let octave = EXACT_BITS + (above / PARTS) as u32;
    (1 << octave) + ((above % PARTS) << octave).div_ceil(PARTS)
}

/// The value that stands for a bucket: as far from its lowest as from its highest in proportion to each.
fn representative(bucket: usize) -> u64 {
    let (low, high) = (lower(bucket), lower(bucket + 1) - 1);
    if low == high {
        return low;
    }
    let harmonic = 2 * u128::from(low) * u128::from(high) / u128::from(low + high);
    harmonic as u64
}

/// The writer's side: one thread records, others read.
#[derive(Debug)]
pub struct Recorder {
    buckets: Box<[AtomicU64; BUCKETS]>,
    sum: AtomicU64,
    /// Extremes since the start, and since the last [`Recorder::roll`].
    min: AtomicU64,
    max: AtomicU64,
    recent_min: AtomicU64,
    recent_max: AtomicU64,
}

impl Default for Recorder {
    fn default() -> Self {
        Self {
            buckets: Box::new(std::array::from_fn(|_| AtomicU64::new(0))),
            sum: AtomicU64::new(0),
            min: AtomicU64::new(u64::MAX),
            max: AtomicU64::new(0),
            recent_min: AtomicU64::new(u64::MAX),
            recent_max: AtomicU64::new(0),
        }
    }
}

impl Recorder {
    /// Adds a value. For the one writer only.
    #[inline]
    pub fn record(&self, value: Nanos) {
        let add = |cell: &AtomicU64, by: u64| {
            cell.store(cell.load(Ordering::Relaxed).saturating_add(by), Ordering::Relaxed);
        };
        // The recent extremes are also written by `roll`, in another thread: they need a real read-modify-write, but seldom.
        if value < self.recent_min.load(Ordering::Relaxed) {
            self.recent_min.fetch_min(value, Ordering::Relaxed);
            if value < self.min.load(Ordering::Relaxed) {
                self.min.store(value, Ordering::Relaxed);
            }
        }
        if value > self.recent_max.load(Ordering::Relaxed) {
            self.recent_max.fetch_max(value, Ordering::Relaxed);
            if value > self.max.load(Ordering::Relaxed) {
                self.max.store(value, Ordering::Relaxed);
            }
        }
        add(&self.sum, value);
        add(&self.buckets[bucket(value)], 1);
    }

    /// Forgets everything. For the one writer only.
    pub fn clear(&self) {
        for cell in self.buckets.iter().chain([&self.sum, &self.max, &self.recent_max]) {
            cell.store(0, Ordering::Relaxed);
        }
        self.min.store(u64::MAX, Ordering::Relaxed);
        self.recent_min.store(u64::MAX, Ordering::Relaxed);
    }

    /// All that was recorded.
    pub fn read(&self) -> Histogram {
        let mut read = Histogram::default();
        for (to, from) in read.counts.iter_mut().zip(self.buckets.iter()) {
            *to = from.load(Ordering::Relaxed);
        }
        read.sum = self.sum.load(Ordering::Relaxed);
        read.min = self.min.load(Ordering::Relaxed);
        read.max = self.max.load(Ordering::Relaxed);
        read
    }

    /// The values recorded since the last roll, which `mark` remembers, and moves the mark. One reader at a time.
    pub fn roll(&self, mark: &mut Mark) -> Histogram {
        let mut recent = Histogram::default();
        for ((to, from), seen) in recent.counts.iter_mut().zip(self.buckets.iter()).zip(mark.counts.iter_mut()) {
            // Modulo 2^32: an interval has fewer values than that.
            let now = from.load(Ordering::Relaxed) as u32;
            *to = u64::from(now.wrapping_sub(*seen));
            *seen = now;
        }
        let sum = self.sum.load(Ordering::Relaxed);
        recent.sum = sum.saturating_sub(mark.sum);
        mark.sum = sum;
        recent.min = self.recent_min.swap(u64::MAX, Ordering::Relaxed);
        recent.max = self.recent_max.swap(0, Ordering::Relaxed);
        recent
    }
}

/// How far a reader has come in a [`Recorder`].
#[derive(Debug)]
pub struct Mark {
    counts: Box<[u32; BUCKETS]>,
    sum: u64,
}

impl Default for Mark {
    fn default() -> Self {
        Self { counts: Box::new([0; BUCKETS]), sum: 0 }
    }
}

/// A distribution as a value: what was recorded up to some instant, or between two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram {
    counts: Box<[u64; BUCKETS]>,
    sum: u64,
    min: u64,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: Box::new([0; BUCKETS]), sum: 0, min: u64::MAX, max: 0 }
    }
}

impl Histogram {
    /// Adds what `other` holds. The result is that of recording both in one.
    pub fn merge(&mut self, other: &Histogram) {
        for (to, from) in self.counts.iter_mut().zip(other.counts.iter()) {
            *to = to.saturating_add(*from);
        }
        self.sum = self.sum.saturating_add(other.sum);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// The values that were recorded after `earlier` was read. Extremes are exact where they are new, and
    /// else as good as percentiles.
    pub fn since(&self, earlier: &Histogram) -> Histogram {
        let mut between = Histogram::default();
        for (to, (now, then)) in between.counts.iter_mut().zip(self.counts.iter().zip(earlier.counts.iter())) {
            *to = now.saturating_sub(*then);
        }
        between.sum = self.sum.saturating_sub(earlier.sum);
        if self.min < earlier.min {
            between.min = self.min;
        }
        let last = between.counts.iter().rposition(|&count| count > 0);
        between.max = match last {
            _ if self.max > earlier.max => self.max,
            Some(last) if last + 1 < BUCKETS => representative(last).min(self.max),
            Some(_) => self.max,
            None => 0,
        };
        between
    }

    /// The lowest value of each bucket that holds any, and how many it holds, in order.
    pub fn buckets(&self) -> impl Iterator<Item = (Nanos, u64)> {
        self.counts.iter().enumerate().filter(|&(_, &count)| count > 0).map(|(bucket, &count)| (lower(bucket), count))
    }

    /// How many values it holds.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Their sum.
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// How many of them are below 2^`bits`, exactly: a power of two is where a bucket begins.
    pub fn below(&self, bits: u32) -> u64 {
        if bits >= u64::BITS {
            return self.count();
        }
        self.counts[..bucket(1 << bits)].iter().sum()
    }

    /// The figures people read.
    pub fn summary(&self) -> Option<Summary> {
        let count: u64 = self.counts.iter().sum();
        if count == 0 {
            return None;
        }
        // A value recorded while the cells were read may show in a bucket and not in the extremes: what the buckets prove, holds.
        let filled = |(bucket, &n): (usize, &u64)| (n > 0).then_some(bucket);
        let first = self.counts.iter().enumerate().find_map(filled)?;
        let last = self.counts.iter().enumerate().rev().find_map(filled)?;
        let min = if first + 1 < BUCKETS { self.min.min(lower(first + 1) - 1) } else { self.min };
        let max = self.max.max(lower(last)).max(min);
        let at = |percent: u64| {
            // Nearest rank: the smallest value such that `percent` of all are not above it.
            let rank = (u128::from(count) * u128::from(percent)).div_ceil(100) as u64;
            let mut below = 0;
            let found = self.counts.iter().position(|&n| {
                below += n;
                below >= rank
            });
            // What is beyond the last bucket's range is nearer to the maximum than to anything else known.
            match found {
                Some(b) if b + 1 < BUCKETS => representative(b).clamp(min, max),
                _ => max,
            }
        };
        let avg = (self.sum / count).clamp(min, max);
        Some(Summary { count, min, max, avg, p50: at(50), p95: at(95), p99: at(99) })
    }
}

/// The figures of a distribution.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Summary {
    pub count: u64,
    pub min: Nanos,
    pub max: Nanos,
    pub avg: Nanos,
    pub p50: Nanos,
    pub p95: Nanos,
    pub p99: Nanos,
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn recorded(values: &[u64]) -> Recorder {
        let recorder = Recorder::default();
        values.iter().for_each(|&v| recorder.record(v));
        recorder
    }

    /// Nearest rank in the sorted values.
    fn exact(sorted: &[u64], percent: u64) -> u64 {
        sorted[((sorted.len() as u64 * percent).div_ceil(100) as usize).max(1) - 1]
    }

    fn check(mut values: Vec<u64>) {
        let summary = recorded(&values).read().summary().expect("values");
        values.sort_unstable();
        assert_eq!(summary.count, values.len() as u64);
        assert_eq!((summary.min, summary.max), (values[0], values[values.len() - 1]));
        for (percent, got) in [(50, summary.p50), (95, summary.p95), (99, summary.p99)] {
            let want = exact(&values, percent);
            let off = got.abs_diff(want) as f64;
            assert!(off <= 0.03 * want as f64, "p{percent} is {got}, exactly {want}");
        }
        let sum = values.iter().fold(0u64, |sum, &v| sum.saturating_add(v));
        assert_eq!(summary.avg, (sum / summary.count).clamp(summary.min, summary.max));
    }

    #[test]
    fn values_below_a_power_of_two_are_counted_exactly() {
        let values = [0, 1, 2, 63, 64, 65, 127, 128, 1 << 20, (1 << 20) - 1, (1 << 39) - 1, 1 << 39];
        let histogram = recorded(&values).read();
        for bits in 0..=40 {
            let want = values.iter().filter(|&&v| v < 1 << bits).count() as u64;
            assert_eq!(histogram.below(bits), want, "2^{bits}");
        }
        assert_eq!((histogram.below(64), histogram.count()), (12, 12));
        assert_eq!(histogram.sum(), values.iter().sum::<u64>());
    }

    #[test]
    fn every_bucket_is_within_three_percent_of_all_its_values_and_they_tile_the_range() {
        for b in 0..BUCKETS - 1 {
            let (low, high) = (lower(b), lower(b + 1) - 1);
            assert!(low <= high, "bucket {b} is empty");
            assert_eq!((bucket(low), bucket(high)), (b, b));
            let r = representative(b) as f64;
            for edge in [low, high] {
                assert!((r - edge as f64).abs() <= 0.03 * edge as f64, "bucket {b}: {r} for {edge}");
            }
        }
        assert_eq!(lower(BUCKETS - 1), 1 << TOP_BITS);
        assert_eq!((bucket(1 << TOP_BITS), bucket(u64::MAX)), (BUCKETS - 1, BUCKETS - 1));
    }

    #[test]
    fn nothing_recorded_has_no_figures() {
        assert_eq!(Histogram::default().summary(), None);
    }

    #[test]
    fn extremes_do_not_panic() {
        let values = [0, 1, 3, 4, u64::MAX / 2, u64::MAX];
        assert_eq!(recorded(&values).read().summary().map(|s| (s.count, s.max)), Some((6, u64::MAX)));
    }

    #[test]
    fn an_interval_holds_what_came_since_the_last() {
        let recorder = recorded(&[10, 20]);
        let mut mark = Mark::default();
        assert_eq!(recorder.roll(&mut mark).summary().map(|s| (s.count, s.min, s.max, s.avg)), Some((2, 10, 20, 15)));
        recorder.record(1000);
        assert_eq!(
            recorder.roll(&mut mark).summary().map(|s| (s.count, s.min, s.max, s.avg)),
            Some((1, 1000, 1000, 1000))
        );
        assert_eq!(recorder.roll(&mut mark).summary(), None);
        assert_eq!(recorder.read().summary().map(|s| (s.count, s.min, s.max)), Some((3, 10, 1000)));
    }

    #[test]
    fn intervals_merge_to_the_whole() {
        let recorder = Recorder::default();
        let (mut mark, mut whole) = (Mark::default(), Histogram::default());
        for round in 0..10u64 {
            (0..round * 7).for_each(|v| recorder.record(v * v * 1013));
            whole.merge(&recorder.roll(&mut mark));
        }
        assert_eq!(whole, recorder.read());
    }

    /// Pareto by inversion with shape 1 to 3: heavy tails over many octaves.
    fn pareto() -> impl Strategy<Value = Vec<u64>> {
        (1u64..1_000_000, 1.0f64..3.0, prop::collection::vec(1e-9f64..1.0, 1..2000)).prop_map(|(scale, shape, us)| {
            us.into_iter().map(|u| (scale as f64 * libm::pow(u, -1.0 / shape)).min(1e12) as u64).collect()
        })
    }

    fn edges() -> impl Strategy<Value = Vec<u64>> {
        let edge = prop_oneof![
            Just(0u64),
            Just(1),
            Just(63),
            Just(64),
            Just((1 << 40) - 1),
            (6u32..40).prop_map(|e| 1u64 << e),
            (6u32..40).prop_map(|e| (1u64 << e) - 1),
            (0usize..BUCKETS - 1).prop_map(lower),
            (0usize..BUCKETS - 1).prop_map(|b| lower(b + 1) - 1),
        ];
        prop::collection::vec(edge, 1..300)
    }

    proptest! {
        #[test]
        fn percentiles_of_a_constant(value: u64, n in 1usize..500) { check(vec![value; n]) }

        #[test]
        fn percentiles_of_two_humps(
            low in 1u64..100_000, high in 1_000_000u64..1 << 38,
            picks in prop::collection::vec((any::<bool>(), 0u64..1000), 1..1000),
        ) {
            check(picks.into_iter().map(|(h, spread)| if h { high + spread } else { low + spread }).collect());
        }

        #[test]
        fn percentiles_of_a_pareto(values in pareto()) { check(values) }

        #[test]
        fn percentiles_of_edges(values in edges()) { check(values) }

        #[test]
        fn percentiles_of_anything_in_range(values in prop::collection::vec(0u64..1 << 40, 1..1000)) { check(values) }

        #[test]
        fn what_came_since_and_what_was_before_make_the_whole(a: Vec<u64>, b in prop::collection::vec(0u64..1 << 40, 0..50)) {
            let recorder = recorded(&a);
            let before = recorder.read();
            b.iter().for_each(|&v| recorder.record(v));
            let since = recorder.read().since(&before);
            prop_assert_eq!(since.count(), b.len() as u64);
            prop_assert!(since.buckets().zip(recorded(&b).read().buckets()).all(|(one, other)| one == other));
            let mut whole = before.clone();
            whole.merge(&since);
            prop_assert_eq!(whole, recorder.read());
        }

        #[test]
        fn merging_is_recording_both(a: Vec<u64>, b: Vec<u64>) {
            let mut merged = recorded(&a).read();
            merged.merge(&recorded(&b).read());
            prop_assert_eq!(merged, recorded(&[a, b].concat()).read());
        }
    }
}
