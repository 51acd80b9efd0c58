//! Time as a plain value, and the clocks of the machine for those who must read one.

use std::sync::atomic::{AtomicU64, Ordering};

use rustix::time::{ClockId, clock_gettime};

/// Nanoseconds: a point on a monotonic clock of arbitrary origin, or a span between two such points.
pub type Nanos = u64;

/// Nanoseconds in one second.
pub const SECOND: Nanos = 1_000_000_000;
/// Nanoseconds in one millisecond.
pub const MILLISECOND: Nanos = 1_000_000;

/// The machine's monotonic time, counted from boot. Elements ask for it at every buffer, so not by way of `Instant`, whose
/// arithmetic adds a third to what the clock itself takes.
#[inline]
pub fn monotonic() -> Nanos {
    read(ClockId::Monotonic)
}

#[inline]
fn read(clock: ClockId) -> Nanos {
    let time = clock_gettime(clock);
    time.tv_sec as Nanos * SECOND + time.tv_nsec as Nanos
}

/// A clock to inject. Logic takes times as arguments; only the threads that drive it read one of these.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Nanos;
}

/// The machine's monotonic clock, counted from when the value was made.
#[derive(Debug)]
pub struct MonotonicClock {
    origin: Nanos,
}

impl Default for MonotonicClock {
    fn default() -> Self {
        Self { origin: monotonic() }
    }
}

impl Clock for MonotonicClock {
    fn now(&self) -> Nanos {
        monotonic() - self.origin
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
