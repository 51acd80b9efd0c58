//! How long a side of a queue had to wait: a histogram that one thread writes and any thread reads.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::logic::clock::Nanos;

/// Buckets per power of two: a percentile is off by an eighth at most.
const PARTS: usize = 4;
const BUCKETS: usize = 64 * PARTS;

/// See the [module](self).
#[derive(Debug)]
pub struct Waits {
    buckets: [AtomicU64; BUCKETS],
    total: AtomicU64,
    longest: AtomicU64,
}

/// A reading, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WaitStats {
    /// Waits so far.
    pub count: u64,
    /// Their mean.
    pub avg: Nanos,
    /// Median.
    pub p50: Nanos,
    /// 95th percentile.
    pub p95: Nanos,
    /// 99th percentile.
    pub p99: Nanos,
    /// The longest.
    pub max: Nanos,
}

impl Default for Waits {
    fn default() -> Self {
        Self {
            buckets: std::array::from_fn(|_| AtomicU64::new(0)),
            total: AtomicU64::new(0),
            longest: AtomicU64::new(0),
        }
    }
}

fn bucket(wait: Nanos) -> usize {
    let wait = wait.max(PARTS as u64);
    let power = wait.ilog2() as usize;
    let part = (wait >> (power - 2)) as usize & (PARTS - 1);
    power * PARTS + part
}

/// The middle of a bucket.
fn middle(bucket: usize) -> Nanos {
    let (power, part) = (bucket / PARTS, (bucket % PARTS) as u64);
    if power < 2 {
        return 0;
    }
    let width = 1u64 << (power - 2);
    (PARTS as u64 + part) * width + width / 2
}

impl Waits {
    /// Counts a wait.
    pub fn add(&self, wait: Nanos) {
        self.buckets[bucket(wait)].fetch_add(1, Ordering::Relaxed);
        self.total.fetch_add(wait, Ordering::Relaxed);
        self.longest.fetch_max(wait, Ordering::Relaxed);
    }

    /// Starts anew, while nobody counts.
    pub fn reset(&self) {
        self.buckets.iter().chain([&self.total, &self.longest]).for_each(|cell| cell.store(0, Ordering::Relaxed));
    }

    /// Reads without stopping the writer.
    pub fn read(&self) -> WaitStats {
        let counts: Vec<u64> = self.buckets.iter().map(|b| b.load(Ordering::Relaxed)).collect();
        let count: u64 = counts.iter().sum();
        let max = self.longest.load(Ordering::Relaxed);
        let percentile = |percent: u64| {
            let rank = (count * percent).div_ceil(100).max(1);
            let mut seen = 0;
            let found = counts.iter().position(|c| {
                seen += c;
                seen >= rank
            });
            found.map_or(0, middle).min(max)
        };
        WaitStats {
            count,
            avg: self.total.load(Ordering::Relaxed).checked_div(count).unwrap_or(0),
            p50: percentile(50),
            p95: percentile(95),
            p99: percentile(99),
            max,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_within_an_eighth() {
        let waits = Waits::default();
        assert_eq!(waits.read(), WaitStats::default());
        (1..=10_000u64).for_each(|i| waits.add(i * 1000));
        let read = waits.read();
        assert_eq!((read.count, read.avg, read.max), (10_000, 5_000_500, 10_000_000));
        for (got, exact) in [(read.p50, 5e6), (read.p95, 9.5e6), (read.p99, 9.9e6)] {
            assert!((got as f64 / exact - 1.0).abs() <= 0.125, "{got} against {exact}");
        }
    }

    #[test]
    fn extremes_do_not_panic() {
        let waits = Waits::default();
        [0, 1, 3, 4, u64::MAX / 2, u64::MAX].into_iter().for_each(|w| waits.add(w));
        assert_eq!(waits.read().max, u64::MAX);
    }
}
