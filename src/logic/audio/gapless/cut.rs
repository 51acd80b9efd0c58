//! Lets a part of a stream of samples through.

use std::ops::Range;

/// A part of a stream of samples, counted off as they come.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    skip: u64,
    keep: u64,
}

impl Cut {
    /// Drops the first `skip` samples and all behind the `keep` that follow.
    pub fn new(skip: u64, keep: u64) -> Self {
        Self { skip, keep }
    }

    /// Which of the next `count` samples pass.
    pub fn next(&mut self, count: u64) -> Range<u64> {
        let start = self.skip.min(count);
        let end = start + self.keep.min(count - start);
        self.skip -= start;
        self.keep -= end - start;
        start..end
    }

    /// How many samples are still to pass.
    pub fn missing(&self) -> u64 {
        self.keep
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cut_keeps_the_same_samples_however_they_come(
            skip in 0u64..200, keep in 0u64..200, counts in prop::collection::vec(0u64..60, 0..20),
        ) {
            let (mut cut, mut position, mut kept) = (Cut::new(skip, keep), 0, Vec::new());
            for count in counts {
                kept.extend(cut.next(count).map(|i| position + i));
                position += count;
            }
            let want: Vec<_> = (skip..(skip + keep).min(position).max(skip)).collect();
            prop_assert_eq!(cut.missing(), keep - want.len() as u64);
            prop_assert_eq!(kept, want);
        }
    }
}
