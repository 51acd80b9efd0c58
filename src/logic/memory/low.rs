//! The budget's limit when the system runs low on memory: it falls, and comes back after calm.

use crate::logic::clock::{Nanos, SECOND};

/// Available memory is looked at this often.
pub const LOOK_INTERVAL: Nanos = SECOND;
/// After this much calm a part of the limit comes back.
const CALM: Nanos = 10 * SECOND;

/// The memory that the system has left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Supply {
    /// More is available than the reserve.
    #[default]
    Plenty,
    /// Less than the reserve: nothing is fetched ahead and full queues shrink.
    Low,
    /// Less than half of it: the limit falls.
    Scarce,
}

/// Follows the available memory and says what the limit should be.
#[derive(Clone, Copy, Debug)]
pub struct LowMemory {
    /// The limit that the policy, or the user, gives.
    full: u64,
    limit: u64,
    calm_since: Option<Nanos>,
}

impl LowMemory {
    /// Starts at `limit`.
    pub fn new(limit: u64) -> Self {
        Self { full: limit, limit, calm_since: None }
    }

    /// The limit now.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// A new full limit, as when the user moves a slider; in force at once.
    pub fn set_full(&mut self, limit: u64) {
        *self = Self::new(limit);
    }

    /// One look, at most one a second. The limit never falls below `least` (or the full limit, if that is smaller).
    pub fn look(&mut self, now: Nanos, available: Option<u64>, reserve: u64, least: u64) -> Supply {
        let supply = match available {
            Some(bytes) if bytes < reserve / 2 => Supply::Scarce,
            Some(bytes) if bytes < reserve => Supply::Low,
            _ => Supply::Plenty,
        };
        match supply {
            Supply::Scarce => self.limit = (self.limit / 4 * 3).max(least.min(self.full)),
            Supply::Plenty => {
                let since = *self.calm_since.get_or_insert(now);
                if now.saturating_sub(since) >= CALM {
                    self.calm_since = Some(now);
                    self.limit = (self.limit + self.full / 20).min(self.full);
                }
            }
            Supply::Low => (),
        }
        if supply != Supply::Plenty {
            self.calm_since = None;
        }
        supply
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESERVE: u64 = 1000;
    const LEAST: u64 = 100;

    #[test]
    fn the_limit_falls_by_quarters_and_comes_back_by_twentieths() {
        let mut low = LowMemory::new(1000);
        assert_eq!(low.look(0, Some(999), RESERVE, LEAST), Supply::Low);
        assert_eq!(low.limit(), 1000, "low stops what is done ahead and takes nothing");
        let limits: Vec<_> = (1..=3)
            .map(|i| {
                assert_eq!(low.look(i * SECOND, Some(499), RESERVE, LEAST), Supply::Scarce);
                low.limit()
            })
            .collect();
        assert_eq!(limits, [750, 561, 420]);
        let recovered: Vec<_> = (4..=34)
            .filter_map(|i| {
                let before = low.limit();
                low.look(i * SECOND, Some(5000), RESERVE, LEAST);
                (low.limit() != before).then_some((i, low.limit()))
            })
            .collect();
        assert_eq!(recovered, [(14, 470), (24, 520), (34, 570)]);
        (35..400).for_each(|i| _ = low.look(i * SECOND, Some(5000), RESERVE, LEAST));
        assert_eq!(low.limit(), 1000);
    }

    #[test]
    fn there_is_a_least_limit_and_the_unknown_is_plenty() {
        let mut low = LowMemory::new(1000);
        (0..60).for_each(|i| _ = low.look(i * SECOND, Some(0), RESERVE, LEAST));
        assert_eq!(low.limit(), LEAST);
        assert_eq!(low.look(60 * SECOND, None, RESERVE, LEAST), Supply::Plenty);
        let mut small = LowMemory::new(50);
        small.look(0, Some(0), RESERVE, LEAST);
        assert_eq!(small.limit(), 50, "a limit that was smaller from the start stays");
    }
}
