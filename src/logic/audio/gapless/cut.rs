//! Lets a part of a stream of samples through.

use std::ops::Range;

/// Two packets of AAC: as much as the priming of an encoder fills.
const MOST_LEFT_OUT: u64 = 2 * 1024;

/// A part of a stream of samples, counted off as they come.
#[derive(Debug, Clone, Copy)]
pub struct Cut {
    skip: u64,
    keep: u64,
}

impl Cut {
    /// Drops the first `skip` samples, and all after the `keep` that follow.
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

    /// How many samples the demuxer has left out, when no more come; `None` where none are missing, or so many that
    /// the file must be cut short.
    ///
    /// GStreamer's `qtdemux` does not deliver the last packets where an edit begins after the priming (mended in 1.24,
    /// commit 8295b2ae5c).
    pub fn left_out(&self) -> Option<u64> {
        (1..=MOST_LEFT_OUT).contains(&self.keep).then_some(self.keep)
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
            prop_assert_eq!(cut.left_out().unwrap_or(0), keep - want.len() as u64);
            prop_assert_eq!(kept, want);
        }
    }
}
