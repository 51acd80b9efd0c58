//! Time as a plain value, and the clock that callers inject where they must read it themselves.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Nanoseconds: a point on a monotonic clock of arbitrary origin, or a span between two such points.
pub type Nanos = u64;

/// Nanoseconds in one second.
pub const SECOND: Nanos = 1_000_000_000;
/// Nanoseconds in one millisecond.
pub const MILLISECOND: Nanos = 1_000_000;

/// A monotonic clock. Logic takes times as arguments; only the threads that drive it read one of these.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Nanos;
}

/// The machine's monotonic clock, counted from when the value was made.
#[derive(Debug)]
pub struct MonotonicClock(Instant);

impl Default for MonotonicClock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

impl Clock for MonotonicClock {
    fn now(&self) -> Nanos {
        // 2^64 ns are 584 years of uptime.
        self.0.elapsed().as_nanos() as Nanos
    }
}

/// A clock that moves only when told to, for tests.
#[derive(Debug, Default)]
pub struct FakeClock(AtomicU64);

impl FakeClock {
    /// Moves the clock forward by `by` nanoseconds and returns the new time.
    pub fn advance(&self, by: Nanos) -> Nanos {
        self.0.fetch_add(by, Ordering::SeqCst) + by
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Nanos {
        self.0.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fake_clock_moves_only_when_told() {
        let clock = FakeClock::default();
        assert_eq!(clock.now(), 0);
        assert_eq!(clock.advance(5 * MILLISECOND), clock.now());
    }
}
