//! Which frames are there, in words and numbers for others.

use std::ops::Range;

use super::frames::Status;
use crate::logic::clock::Nanos;
use crate::logic::frame_grid::FrameGrid;

/// Frames by status, as text: `12l1w187h` are twelve that are loaded, one being worked on and 187 of which only the header is known.
/// `p` are placeholders and `e` errors.
pub fn run_lengths(runs: &[(u64, Status)]) -> String {
    runs.iter().map(|(count, status)| format!("{count}{}", letter(*status))).collect()
}

fn letter(status: Status) -> char {
    match status {
        Status::Placeholder => 'p',
        Status::Header => 'h',
        Status::Loading => 'w',
        Status::Loaded => 'l',
        Status::Error => 'e',
    }
}

/// The whole video in the query for buffering ranges, if it asks for percent.
pub const PERCENT_MAX: u64 = 1_000_000;

/// A run of frames in parts of a video of `count` frames: never more than what is there. None where nothing is left.
pub fn percent(run: &Range<u64>, count: u64) -> Option<Range<u64>> {
    let share = |n: u64| (u128::from(n) * u128::from(PERCENT_MAX), u128::from(count.max(1)));
    let (start, of) = share(run.start.min(count));
    let (stop, _) = share(run.end.min(count));
    let range = start.div_ceil(of) as u64..(stop / of) as u64;
    (range.start < range.end).then_some(range)
}

/// A run of frames in time.
pub fn time(run: &Range<u64>, grid: FrameGrid) -> Range<Nanos> {
    grid.pts(run.start)..grid.pts(run.end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn runs_are_told_in_few_letters() {
        let runs = [
            (12, Status::Loaded),
            (1, Status::Loading),
            (186, Status::Header),
            (1, Status::Error),
            (3, Status::Placeholder),
        ];
        assert_eq!(run_lengths(&runs), "12l1w186h1e3p");
        assert_eq!(run_lengths(&[]), "");
    }

    proptest! {
        #[test]
        fn percent_never_promise_what_is_not_there(start in 0u64..5000, length in 1u64..5000, rest in 0u64..5000) {
            let (run, count) = (start..start + length, start + length + rest);
            let Some(range) = percent(&run, count) else { return Ok(()) };
            let frames = |part: u64| u128::from(part) * u128::from(count);
            prop_assert!(frames(range.start) >= u128::from(run.start) * u128::from(PERCENT_MAX));
            prop_assert!(frames(range.end) <= u128::from(run.end) * u128::from(PERCENT_MAX));
            prop_assert_eq!(percent(&(0..count), count), Some(0..PERCENT_MAX));
        }
    }
}
