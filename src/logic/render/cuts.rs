//! When a video cuts from one scene to the next: on beats, bars, where the music changes, or by the clock.
//!
//! The cuts of a whole video are found before its first picture, from the timeline alone, so that each frame knows its
//! scene whatever was drawn before.

use std::fmt;
use std::iter::once;
use std::ops::Range;

use crate::logic::audio::features::HOPS_PER_SECOND;
use crate::logic::frame_grid::FrameGrid;

/// Beats, bars, sections and seconds from cut to cut, where nothing else is asked for.
const BEATS: u32 = 8;
const BARS: u32 = 4;
const SECTIONS: u32 = 1;
const SECONDS: u32 = 10;
/// Where the music has no beat for that many hops, as many as from cut to cut by the clock, other cuts stand in.
const NO_BEAT: u64 = (SECONDS * HOPS_PER_SECOND) as u64;
/// Seconds from cut to cut at least, and from the last one to the end. Pictures that change altogether several times a
/// second are unpleasant, and dangerous for some people: WCAG 2.3.1 draws the line at three flashes a second.
const SHORTEST_S: u128 = 1;

/// How cuts are chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Switch {
    /// No cuts at all.
    #[default]
    Manual,
    /// After so many beats.
    Beat,
    /// After so many bars.
    Bar,
    /// After so many sections.
    Energy,
    /// After so many seconds.
    Time,
}

impl Switch {
    /// All of them.
    pub const ALL: [Switch; 5] = [Switch::Manual, Switch::Beat, Switch::Bar, Switch::Energy, Switch::Time];
}

impl fmt::Display for Switch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Manual => "manual",
            Self::Beat => "beat",
            Self::Bar => "bar",
            Self::Energy => "energy",
            Self::Time => "time",
        })
    }
}

/// The places in a piece of music at which cuts can lie.
#[derive(Debug, Clone, Copy)]
pub struct Music<'a> {
    /// The hop of each beat, in order.
    pub beats: &'a [u32],
    /// The hop at which each bar begins, in order.
    pub bars: &'a [u32],
    /// The hop at which each section but the first begins, in order.
    pub sections: &'a [u32],
    /// Its length in hops.
    pub hops: u64,
}

/// The first frame after each cut, in order, for a video on `grid` with `total` frames, where that is known. `every` is
/// how many beats, bars, sections or seconds there are from cut to cut, 0 for the usual number.
///
/// A cut lies on the first frame whose middle is not before its moment. In stretches of more than ten seconds without a
/// beat, sections stand in for beats and bars; where there are none of these either, the clock does.
pub fn cuts(music: Music<'_>, grid: FrameGrid, total: Option<u64>, switch: Switch, every: u32) -> Vec<u64> {
    let (fps_n, fps_d) = grid.fps();
    let far_enough =
        |from: u64, to: u64| to > from && u128::from(to - from) * u128::from(fps_d) >= SHORTEST_S * u128::from(fps_n);
    let mut cuts: Vec<u64> = Vec::new();
    for moment in music.moments(switch, every) {
        let frame = first_frame(moment, grid);
        let before = cuts.last().copied().unwrap_or(0);
        if far_enough(before, frame) && total.is_none_or(|total| far_enough(frame, total)) {
            cuts.push(frame);
        }
    }
    cuts
}

/// The first frame whose middle is not before `hop`.
fn first_frame(hop: u64, grid: FrameGrid) -> u64 {
    let (fps_n, fps_d) = grid.fps();
    // (2n + 1) · fps_d / (2 fps_n) seconds ≥ hop / 100 seconds.
    let half = u128::from(fps_d) * u128::from(HOPS_PER_SECOND);
    (2 * u128::from(hop) * u128::from(fps_n)).saturating_sub(half).div_ceil(2 * half) as u64
}

impl Music<'_> {
    /// The hops at which a cut would be right, in order.
    fn moments(self, switch: Switch, every: u32) -> Vec<u64> {
        let every = |usual: u32| u64::from(if every == 0 { usual } else { every });
        match switch {
            Switch::Manual => Vec::new(),
            Switch::Beat => self.on(self.beats, every(BEATS)),
            Switch::Bar => self.on(self.bars, every(BARS)),
            Switch::Energy => self.on_sections(0..self.hops, every(SECTIONS)),
            Switch::Time => by_the_clock(0..self.hops, every(SECONDS)),
        }
    }

    /// On each of so many `places`, which are beats or bars.
    fn on(self, places: &[u32], every: u64) -> Vec<u64> {
        let places = || places.iter().map(|&hop| u64::from(hop));
        let every = usize::try_from(every).unwrap_or(usize::MAX);
        let mut moments: Vec<u64> = places().step_by(every).skip(1).collect();
        for (from, to) in once(0).chain(places()).zip(places().chain(once(self.hops))) {
            if to.saturating_sub(from) > NO_BEAT {
                moments.extend(self.on_sections(from..to, u64::from(SECTIONS)));
            }
        }
        moments.sort_unstable();
        moments
    }

    /// Within `span`.
    fn on_sections(self, span: Range<u64>, every: u64) -> Vec<u64> {
        let sections = self.sections.iter().map(|&hop| u64::from(hop)).filter(|hop| span.contains(hop));
        let sections: Vec<u64> = sections.collect();
        if sections.is_empty() {
            return by_the_clock(span, SECONDS.into());
        }
        let every = usize::try_from(every).unwrap_or(usize::MAX);
        sections.into_iter().skip(every - 1).step_by(every).collect()
    }
}

fn by_the_clock(span: Range<u64>, seconds: u64) -> Vec<u64> {
    let step = seconds * u64::from(HOPS_PER_SECOND);
    (1..).map(|i| span.start + i * step).take_while(|hop| span.contains(hop)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::audio::hops::HopTime;
    use proptest::prelude::*;

    const MINUTE: u64 = 6001;

    fn grid(fps: (u32, u32)) -> FrameGrid {
        FrameGrid::new(44_100, fps.0, fps.1).unwrap()
    }

    fn music<'a>(beats: &'a [u32], bars: &'a [u32], sections: &'a [u32]) -> Music<'a> {
        Music { beats, bars, sections, hops: MINUTE }
    }

    /// Every fourth beat, from the third one on.
    fn bars(beats: &[u32]) -> Vec<u32> {
        beats.iter().copied().skip(2).step_by(4).collect()
    }

    /// At ten frames a second, where ten hops are a frame.
    fn cuts_of(beats: &[u32], sections: &[u32], switch: Switch, every: u32) -> Vec<u64> {
        cuts(music(beats, &bars(beats), sections), grid((10, 1)), Some(600), switch, every)
    }

    /// Beats every half second from 0.2 s on, to the end.
    fn steady() -> Vec<u32> {
        (0..120).map(|i| 20 + 50 * i).collect()
    }

    #[test]
    fn cuts_lie_on_every_eighth_beat_every_fourth_bar_and_what_else_is_asked_for() {
        let beats = steady();
        // Beat 8 is at 4.2 s: frame 42 is the first whose middle (4.25 s) is not before it.
        assert_eq!(cuts_of(&beats, &[], Switch::Beat, 0)[..3], [42, 82, 122]);
        assert_eq!(cuts_of(&beats, &[], Switch::Beat, 5)[..3], [27, 52, 77]);
        assert_eq!(cuts_of(&beats, &[], Switch::Bar, 0)[..3], [92, 172, 252]);
        assert_eq!(cuts_of(&beats, &[], Switch::Bar, 1)[..3], [32, 52, 72]);
        assert_eq!(cuts_of(&beats, &[1000, 2500, 4000], Switch::Energy, 0), [100, 250, 400]);
        assert_eq!(cuts_of(&beats, &[1000, 2500, 4000], Switch::Energy, 2), [250]);
        assert_eq!(cuts_of(&beats, &[1000], Switch::Time, 0), [100, 200, 300, 400, 500]);
        assert_eq!(cuts_of(&beats, &[1000], Switch::Time, 25), [250, 500]);
        assert!(cuts_of(&beats, &[1000], Switch::Manual, 1).is_empty());
    }

    #[test]
    fn without_beats_sections_stand_in_and_without_these_the_clock() {
        for switch in [Switch::Beat, Switch::Bar] {
            assert_eq!(cuts_of(&[], &[1700, 3000], switch, 3), [170, 300]);
            assert_eq!(cuts_of(&[], &[], switch, 3), [100, 200, 300, 400, 500]);
        }
        assert_eq!(cuts_of(&[], &[], Switch::Energy, 3), [100, 200, 300, 400, 500]);
    }

    #[test]
    fn a_stretch_without_beats_is_not_left_without_cuts() {
        // A spoken beginning of 25 s, music to 40 s, and a spoken end with a section in it.
        let beats: Vec<u32> = (0..=30).map(|i| 2500 + 50 * i).collect();
        let cuts = cuts_of(&beats, &[2500, 5200], Switch::Beat, 8);
        assert_eq!(cuts, [100, 200, 290, 330, 370, 520]);
        // More than ten seconds between two beats, and exactly ten.
        assert_eq!(cuts_of(&[0, 1101, 2101, 3200, 4300, 5400], &[], Switch::Beat, 99), [100, 310, 420, 530]);
    }

    #[test]
    fn fast_beats_are_passed_over_until_a_second_has_gone_by() {
        let beats: Vec<u32> = (0..150).map(|i| 5 + 40 * i).collect();
        let cuts = cuts_of(&beats, &[], Switch::Beat, 1);
        assert_eq!(cuts[..3], [12, 24, 36]);
        // Sections, too, and the end of the video.
        assert_eq!(cuts_of(&[], &[40, 100, 180, 200, 5920], Switch::Energy, 1), [10, 20]);
    }

    #[test]
    fn an_unknown_end_forbids_no_cut() {
        let music = Music { hops: 1001, ..music(&[], &[], &[]) };
        assert_eq!(cuts(music, grid((10, 1)), None, Switch::Time, 5), [50, 100]);
        assert_eq!(cuts(music, grid((10, 1)), Some(101), Switch::Time, 5), [50]);
    }

    proptest! {
        #[test]
        fn a_cut_lies_on_the_frame_whose_middle_first_reaches_it(
            hop in 0u64..10_000_000,
            fps in prop_oneof![Just((24_000, 1001)), Just((30, 1)), Just((120, 1)), Just((1, 7)), (1u32..1000, 1u32..20)],
        ) {
            let n = first_frame(hop, grid(fps));
            prop_assert!(HopTime::of_frame(n, fps.0, fps.1).hop >= hop as i64);
            prop_assert!(n == 0 || HopTime::of_frame(n - 1, fps.0, fps.1).hop < hop as i64);
        }

        #[test]
        fn cuts_are_at_least_a_second_apart_whatever_the_music(
            beats in prop::collection::btree_set(0u32..6000, 0..200),
            sections in prop::collection::btree_set(0u32..6000, 0..9),
            fps in prop_oneof![Just((24_000u32, 1001u32)), Just((30, 1)), Just((60, 1)), Just((1, 3))],
            switch in prop::sample::select(Switch::ALL.to_vec()),
            every in 0u32..9,
        ) {
            let (beats, sections) = (Vec::from_iter(beats), Vec::from_iter(sections));
            let grid = grid(fps);
            let total = grid.frame_count(60 * 44_100);
            let cuts = cuts(music(&beats, &bars(&beats), &sections), grid, Some(total), switch, every);
            let times: Vec<u64> = once(0).chain(cuts).chain(once(total)).map(|n| grid.pts(n)).collect();
            prop_assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= 1_000_000_000), "{:?}", times);
        }
    }
}
