//! Beats that somebody else has found: a text with a time in seconds on each line.
//!
//! More columns may follow, divided by white space or commas. A whole number at the end of a line is the beat's place in
//! its bar, from 1, as in the annotations of MIREX and the label tracks of audio editors; where no beat is the first of a bar,
//! four beats make one. Empty lines and what begins with `#` are left out.

use super::features::HOPS_PER_SECOND;

/// Beats to a bar, unless given otherwise: other metres are not recognised.
pub const BAR: usize = 4;
/// Two beats further apart than that many hops have no beat between them: 40 a minute.
pub const FURTHEST: i64 = 150;
/// Times are within a day: a later one is a mistake.
const LATEST_S: f64 = 86_400.0;

/// Beats and bars.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BeatGrid {
    /// The hop of each beat, in order.
    pub beats: Vec<u32>,
    /// The beats that begin a bar, by their index.
    pub bars: Vec<u32>,
}

/// Why a text is not a beat grid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BeatGridError {
    /// A line does not begin with a time.
    #[error("line {0} does not begin with a time in seconds")]
    NoTime(usize),
    /// A line ends with a 0.
    #[error("line {0} ends with 0; places in a bar are counted from 1, and decimals follow a point")]
    NoPlace(usize),
    /// Times do not rise.
    #[error("line {0} is not at least a hundredth of a second later than the beat before it")]
    NotLater(usize),
    /// There is no line with a beat.
    #[error("there is no beat in it")]
    Empty,
}

impl std::str::FromStr for BeatGrid {
    type Err = BeatGridError;

    fn from_str(text: &str) -> Result<Self, BeatGridError> {
        let (mut beats, mut bars) = (Vec::<u32>::new(), Vec::new());
        let lines = text.lines().map(|line| line.trim_matches('\u{feff}').trim()).enumerate();
        for (i, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
            let mut fields = line.split(|c: char| c.is_whitespace() || c == ',').filter(|field| !field.is_empty());
            let seconds = fields.next().and_then(|field| field.parse::<f64>().ok());
            let seconds = seconds.filter(|seconds| (0.0..LATEST_S).contains(seconds));
            let seconds = seconds.ok_or(BeatGridError::NoTime(i + 1))?;
            let hop = (seconds * f64::from(HOPS_PER_SECOND) + 0.5) as u32;
            if beats.last().is_some_and(|&last| hop <= last) {
                return Err(BeatGridError::NotLater(i + 1));
            }
            let place = fields.next_back().and_then(|field| field.parse::<u32>().ok());
            if place == Some(0) {
                return Err(BeatGridError::NoPlace(i + 1));
            }
            if place == Some(1) {
                bars.push(beats.len() as u32);
            }
            beats.push(hop);
        }
        if beats.is_empty() {
            return Err(BeatGridError::Empty);
        }
        if bars.is_empty() {
            bars = (0..beats.len() as u32).step_by(BAR).collect();
        }
        Ok(Self { beats, bars })
    }
}

impl BeatGrid {
    /// Beats a minute: the median of what lies between two of them.
    pub fn tempo(&self) -> Option<f64> {
        let mut steps: Vec<_> = self.beats.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let middle = steps.len() / 2;
        (!steps.is_empty()).then(|| 60.0 * f64::from(HOPS_PER_SECOND) / f64::from(*steps.select_nth_unstable(middle).1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn grid(text: &str) -> Result<BeatGrid, BeatGridError> {
        text.parse()
    }

    #[test]
    fn a_time_on_each_line_is_a_grid_of_four_beats_to_a_bar() {
        let grid = grid("# by ear\n0.5\n1\n\n1.504\n2.0\n2.5\n").unwrap();
        assert_eq!((grid.beats.as_slice(), grid.bars.as_slice()), (&[50, 100, 150, 200, 250][..], &[0, 4][..]));
        assert_eq!(grid.tempo(), Some(120.0));
    }

    #[test]
    fn places_in_the_bar_are_read_from_annotations_label_tracks_and_tables() {
        let waltz = BeatGrid { beats: vec![0, 40, 80, 120, 160], bars: vec![1, 4] };
        assert_eq!(grid("0.0 3\n0.4 1\n0.8 2\n1.2 3\n1.6 1"), Ok(waltz.clone()));
        assert_eq!(grid("\u{feff}0,3\r\n0.4,1\r\n0.8,2\r\n1.2,3\r\n1.6,1\r\n"), Ok(waltz.clone()));
        assert_eq!(grid("0.0\t0.1\t3\n0.4\t0.5\t1\n0.8\t0.9\t2\n1.2\t1.3\t3\n1.6\t1.7\t1"), Ok(waltz));
        // Labels that are not places are ignored.
        assert_eq!(grid("0.0\t0.0\tbeat\n0.4\t0.4\t\n").unwrap().bars, [0]);
        assert_eq!(grid("0.5 120\n1.0 120\n").unwrap().bars, [0], "a tempo");
    }

    #[test]
    fn what_is_no_grid_is_refused_with_the_line() {
        assert_eq!(grid("0,5\n1,0\n1,5"), Err(BeatGridError::NoPlace(2)), "decimal commas");
        assert_eq!(grid("0.5\nzwei"), Err(BeatGridError::NoTime(2)));
        for bad in ["-1", "NaN", "inf", "1e9", "1:30"] {
            assert_eq!(grid(bad), Err(BeatGridError::NoTime(1)), "{bad}");
        }
        assert_eq!(grid("1\n\n0.5"), Err(BeatGridError::NotLater(3)));
        assert_eq!(grid("1\n1.001"), Err(BeatGridError::NotLater(2)));
        assert_eq!(grid("\n# nothing\n"), Err(BeatGridError::Empty));
    }

    proptest! {
        #[test]
        fn whatever_is_read_rises_and_its_bars_are_beats(text in "([0-9]{0,3}[.]?[0-9]{0,3}[ \t,#a]{0,2}[0-4]?\r?\n){0,20}") {
            if let Ok(grid) = grid(&text) {
                prop_assert!(grid.beats.windows(2).all(|pair| pair[0] < pair[1]));
                prop_assert!(grid.bars.iter().all(|&bar| (bar as usize) < grid.beats.len()));
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".*") {
            let _ = grid(&text);
        }
    }
}
