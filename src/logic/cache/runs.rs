//! Sets of frames as the runs they form: of ten thousand frames mostly a handful.

use std::collections::BTreeMap;
use std::ops::Range;

/// A set of numbers, kept as runs that neither touch nor overlap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Runs(BTreeMap<u64, u64>);

impl Runs {
    /// The run that `n` is in.
    pub fn around(&self, n: u64) -> Option<Range<u64>> {
        self.0.range(..=n).next_back().map(|(&start, &end)| start..end).filter(|run| run.contains(&n))
    }

    /// Whether `n` is in the set.
    pub fn contains(&self, n: u64) -> bool {
        self.around(n).is_some()
    }

    /// Adds `n`.
    pub fn insert(&mut self, n: u64) {
        if self.contains(n) {
            return;
        }
        let start = n.checked_sub(1).and_then(|before| self.around(before)).map_or(n, |run| run.start);
        let end = self.0.remove(&(n + 1)).unwrap_or(n + 1);
        self.0.insert(start, end);
    }

    /// Takes `n` out.
    pub fn remove(&mut self, n: u64) {
        let Some(run) = self.around(n) else { return };
        self.0.remove(&run.start);
        for part in [run.start..n, n + 1..run.end].into_iter().filter(|part| !part.is_empty()) {
            self.0.insert(part.start, part.end);
        }
    }

    /// The first number from `n` on, upwards, that is not in the set.
    pub fn gap_from(&self, n: u64) -> u64 {
        self.around(n).map_or(n, |run| run.end)
    }

    /// The first number from `n` on, downwards, that is not in the set. None below 0.
    pub fn gap_down_from(&self, n: u64) -> Option<u64> {
        self.around(n).map_or(Some(n), |run| run.start.checked_sub(1))
    }

    /// The greatest number in the set up to `n`.
    pub fn nearest_down(&self, n: u64) -> Option<u64> {
        self.0.range(..=n).next_back().map(|(_, &end)| n.min(end - 1))
    }

    /// The smallest number in the set from `n` on.
    pub fn nearest_up(&self, n: u64) -> Option<u64> {
        if self.contains(n) {
            return Some(n);
        }
        self.0.range(n..).next().map(|(&start, _)| start)
    }

    /// The runs in order.
    pub fn iter(&self) -> impl Iterator<Item = Range<u64>> {
        self.0.iter().map(|(&start, &end)| start..end)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn runs_are_the_set_of_what_was_put_in(steps in proptest::collection::vec((0u64..24, any::<bool>()), 0..80)) {
            let (mut runs, mut set) = (Runs::default(), BTreeSet::new());
            for (n, add) in steps {
                if add {
                    runs.insert(n);
                    set.insert(n);
                } else {
                    runs.remove(n);
                    set.remove(&n);
                }
                prop_assert_eq!(runs.iter().flatten().collect::<BTreeSet<_>>(), set.clone());
                let apart = runs.iter().zip(runs.iter().skip(1)).all(|(run, next)| run.end < next.start);
                prop_assert!(apart && runs.iter().all(|run| !run.is_empty()));
                for n in 0..26 {
                    prop_assert_eq!(runs.contains(n), set.contains(&n));
                    prop_assert_eq!(runs.gap_from(n), (n..).find(|n| !set.contains(n)).unwrap());
                    prop_assert_eq!(runs.nearest_down(n), set.range(..=n).next_back().copied());
                    prop_assert_eq!(runs.nearest_up(n), set.range(n..).next().copied());
                    prop_assert_eq!(runs.gap_down_from(n), (0..=n).rev().find(|n| !set.contains(n)));
                }
            }
        }
    }
}
