//! How much of the machine's memory frames may use.

use std::ops::RangeInclusive;

use super::machine;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
/// The memory of a machine that could not be read.
const UNKNOWN_MACHINE: u64 = 4 * GIB;
/// Whatever the policy says, frames get this much.
pub const LEAST_LIMIT: u64 = 64 * MIB;

/// The parts of the memory that frames may be given.
pub const FRACTIONS: RangeInclusive<f64> = 0.25..=0.95;
/// The bytes that may be left to the system.
pub const RESERVES: RangeInclusive<u64> = GIB / 2..=8 * GIB;

/// How the limit follows from the memory of the machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    /// Part of the effective memory that frames may use, one of [`FRACTIONS`].
    pub fraction: f64,
    /// Bytes left to the system, one of [`RESERVES`].
    pub reserve: u64,
}

impl Default for Policy {
    fn default() -> Self {
        Self { fraction: 0.75, reserve: 2 * GIB }
    }
}

impl Policy {
    /// The default, changed by `STEADY_MEMORY_FRACTION` and `STEADY_MEMORY_RESERVE`; values out of range are clamped.
    pub fn from_env(variable: impl Fn(&str) -> Option<String>) -> Self {
        let default = Self::default();
        let fraction = variable("STEADY_MEMORY_FRACTION").and_then(|v| v.trim().parse::<f64>().ok());
        let reserve = machine::bytes_variable("STEADY_MEMORY_RESERVE", &variable);
        Self {
            fraction: fraction
                .filter(|f| f.is_finite())
                .unwrap_or(default.fraction)
                .clamp(*FRACTIONS.start(), *FRACTIONS.end()),
            reserve: reserve.unwrap_or(default.reserve).clamp(*RESERVES.start(), *RESERVES.end()),
        }
    }

    /// The budget for a machine with `effective` bytes; a machine that could not be read counts as 4 GiB.
    pub fn limit(&self, effective: Option<u64>) -> u64 {
        let reserve = self.effective_reserve(effective);
        let effective = effective.unwrap_or(UNKNOWN_MACHINE);
        let share = (effective as f64 * self.fraction) as u64;
        share.min(effective - reserve).max(LEAST_LIMIT)
    }

    /// The reserve on such a machine: a quarter at most, or a container of 1 GiB would be left with nothing.
    pub fn effective_reserve(&self, effective: Option<u64>) -> u64 {
        self.reserve.min(effective.unwrap_or(UNKNOWN_MACHINE) / 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_follows_the_policy() {
        let policy = Policy::default();
        assert_eq!(policy.limit(Some(32 * GIB)), 24 * GIB, "the fraction binds on a large machine");
        assert_eq!(policy.limit(Some(4 * GIB)), 3 * GIB, "reserve is at most a quarter");
        assert_eq!(policy.limit(Some(GIB)), 3 * GIB / 4);
        assert_eq!(policy.limit(Some(16 * MIB)), LEAST_LIMIT);
        let env = |name: &str| match name {
            "STEADY_MEMORY_FRACTION" => Some("7".to_string()),
            "STEADY_MEMORY_RESERVE" => Some("1G".to_string()),
            _ => None,
        };
        assert_eq!(Policy::from_env(env), Policy { fraction: 0.95, reserve: GIB });
        assert_eq!(Policy::from_env(|_| Some("NaN".into())), Policy::default());
    }
}
