//! Which frames of audio that is heard now can be drawn, and what they show.

use super::scene::Reach;
use crate::logic::audio::features::HOPS_PER_SECOND;
use crate::logic::audio::hops::HopTime;
use crate::logic::audio::moment::FrameTime;
use crate::logic::clock::{Nanos, SECOND};
use crate::logic::frame_grid::FrameGrid;

const TICKS: i64 = 65_536;

/// The source of the hops that frames are drawn from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HopSource {
    /// Measured from the audio as it comes, each at most so many samples after its centre.
    Live {
        /// Samples.
        lookahead: u64,
    },
    /// All are known.
    Known,
}

/// The frames over a stretch of audio without a hole, in order.
#[derive(Debug, Clone)]
pub struct Schedule {
    grid: FrameGrid,
    hops: HopSource,
    after: u32,
    /// The first sample of the stretch, counted from the start of the stream.
    origin: u64,
    offset: i64,
    next: u64,
}

impl Schedule {
    /// For audio that begins at sample `origin` of the stream, and pictures that show what was heard `offset` ns before.
    pub fn new(grid: FrameGrid, hops: HopSource, reach: Reach, origin: u64, offset: i64) -> Self {
        // The frame that is on screen when the stretch begins.
        let next = grid.frame_count(origin + 1) - 1;
        Self { grid, hops, after: reach.after, origin, offset, next }
    }

    /// The frames that are drawn from here on have that grid and that reach.
    pub fn change(&mut self, grid: FrameGrid, reach: Reach) {
        let time = self.grid.pts(self.next);
        let at = grid.frame_at(time);
        self.next = if grid.pts(at) < time { at + 1 } else { at };
        (self.grid, self.after) = (grid, reach.after);
    }

    /// The frames' grid.
    pub fn grid(&self) -> FrameGrid {
        self.grid
    }

    /// The time of frame `n`: in the stretch where hops are measured, in the whole where they are known.
    pub fn time(&self, n: u64) -> FrameTime {
        let (fps_n, fps_d) = self.grid.fps();
        let shift = |numerator: i128, denominator: u64| HopTime::from_seconds(numerator, denominator).ticks();
        let origin = match self.hops {
            HopSource::Live { .. } => shift(self.origin.into(), self.grid.rate().into()),
            HopSource::Known => 0,
        };
        let ticks = HopTime::of_frame(n, fps_n, fps_d).ticks() - origin - shift(self.offset.into(), SECOND);
        let middle = HopTime { hop: ticks.div_euclid(TICKS), fraction: ticks.rem_euclid(TICKS) as u16 };
        FrameTime::around(middle, (fps_n, fps_d))
    }

    /// The next frame, whether or not it can be drawn yet.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Takes the next frame if it can be drawn: its time has come after `samples` of the stretch, and so have its hops,
    /// of which there are `hops`. `None` for these means that no more will come.
    pub fn take(&mut self, samples: u64, hops: Option<u64>) -> Option<u64> {
        let begun = self.next < self.grid.frame_count(self.origin + samples);
        let heard = match (self.hops, hops) {
            (HopSource::Live { .. }, Some(hops)) => {
                let time = self.time(self.next);
                time.middle.hop + i64::from(time.ahead() + self.after) < hops as i64
            }
            _ => true,
        };
        (begun && heard).then(|| {
            self.next += 1;
            self.next - 1
        })
    }

    /// The longest time in ns by which a frame is drawn later than the audio of its own time.
    pub fn latency(&self) -> Nanos {
        let HopSource::Live { lookahead } = self.hops else { return 0 };
        let (fps_n, fps_d) = self.grid.fps();
        let ns = |count: u64, per_second: u64| (u128::from(count) * u128::from(SECOND)).div_ceil(per_second.into());
        let heard = ns(lookahead, self.grid.rate().into())
            + ns((self.time(self.next).ahead() + self.after).into(), HOPS_PER_SECOND.into())
            + ns(fps_d.into(), 2 * u64::from(fps_n));
        (heard as i128 - i128::from(self.offset)).clamp(0, i64::MAX.into()) as Nanos
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const REACH: Reach = Reach { before: 3, after: 2 };

    fn schedule(rate: u32, fps: (u32, u32), hops: HopSource, origin: u64, offset: i64) -> Schedule {
        Schedule::new(FrameGrid::new(rate, fps.0, fps.1).unwrap(), hops, REACH, origin, offset)
    }

    #[test]
    fn from_the_start_and_to_the_end_there_are_as_many_frames_as_the_law_says() {
        for hops in [HopSource::Live { lookahead: 8249 }, HopSource::Known] {
            for samples in [1, 1470, 44_100, 44_101] {
                let mut schedule = schedule(44_100, (30, 1), hops, 0, 0);
                let frames: Vec<_> = std::iter::from_fn(|| schedule.take(samples, None)).collect();
                assert_eq!(frames, (0..samples.div_ceil(1470)).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn the_moment_is_that_of_the_export_where_nothing_is_shifted() {
        let schedule = schedule(48_000, (30_000, 1001), HopSource::Live { lookahead: 8000 }, 0, 0);
        assert!((0..5000).all(|n| schedule.time(n).middle == HopTime::of_frame(n, 30_000, 1001)));
    }

    #[test]
    fn a_stretch_in_the_middle_begins_with_the_frame_on_screen() {
        for (origin, first) in [(0, 0), (1469, 0), (1470, 1), (1471, 1), (44_100, 30)] {
            let schedule = schedule(44_100, (30, 1), HopSource::Live { lookahead: 0 }, origin, 0);
            assert_eq!(schedule.next(), first, "from sample {origin}");
        }
        let middle = schedule(44_100, (30, 1), HopSource::Live { lookahead: 0 }, 44_100, 0);
        assert_eq!(middle.time(30).middle, HopTime::of_frame(0, 30, 1));
        let known = schedule(44_100, (30, 1), HopSource::Known, 44_100, 0);
        assert_eq!(known.time(30).middle, HopTime::of_frame(30, 30, 1));
    }

    #[test]
    fn an_offset_shows_what_was_heard_before_and_takes_from_the_latency() {
        let plain = schedule(48_000, (25, 1), HopSource::Live { lookahead: 9600 }, 0, 0);
        let shifted = schedule(48_000, (25, 1), HopSource::Live { lookahead: 9600 }, 0, 30_000_000);
        assert_eq!(shifted.time(10).middle.ticks(), plain.time(10).middle.ticks() - 3 * TICKS);
        assert_eq!(plain.latency(), 200_000_000 + 20_000_000 + 20_000_000 + 40_000_000);
        assert_eq!(shifted.latency(), 250_000_000);
        let later = schedule(48_000, (25, 1), HopSource::Live { lookahead: 9600 }, 0, 1_000_000_000);
        assert_eq!(later.latency(), 0);
    }

    #[test]
    fn another_frame_rate_goes_on_where_the_last_one_was() {
        let mut schedule = schedule(48_000, (25, 1), HopSource::Known, 0, 0);
        while schedule.next() < 25 {
            schedule.take(u64::from(u32::MAX), None);
        }
        schedule.change(FrameGrid::new(48_000, 60, 1).unwrap(), REACH);
        assert_eq!(schedule.next(), 60);
        schedule.change(FrameGrid::new(48_000, 7, 1).unwrap(), REACH);
        assert_eq!(schedule.next(), 7);
        // Frame 24 of 25 a second would begin at 0.96 s, in the middle of frame 6 of 7: time does not go back.
        let mut between = self::schedule(48_000, (25, 1), HopSource::Known, 0, 0);
        while between.next() < 24 {
            between.take(u64::from(u32::MAX), None);
        }
        between.change(FrameGrid::new(48_000, 7, 1).unwrap(), REACH);
        assert_eq!(between.next(), 7);
    }

    #[test]
    fn a_frame_waits_for_the_last_hop_it_looks_at_and_no_longer() {
        let mut schedule = schedule(48_000, (50, 1), HopSource::Live { lookahead: 0 }, 0, 0);
        // Frame 0 shows hop 1 or, if there is a hit, up to hop 4, and reaches two further.
        assert_eq!(schedule.take(48_000, Some(6)), None);
        assert_eq!(schedule.take(48_000, Some(7)), Some(0));
    }

    proptest! {
        /// With frames held back by the latency, each of them is there in time.
        #[test]
        fn no_frame_is_drawn_later_than_the_latency_says(
            rate in 8_000u32..200_000,
            fps in prop_oneof![Just((30, 1)), Just((24_000, 1001)), Just((7, 3)), Just((120, 1))],
            origin in 0u64..1_000_000,
            offset in -300_000_000i64..300_000_000,
            n in 0u64..500,
        ) {
            let lookahead = u64::from(rate) / 5;
            let mut schedule = schedule(rate, fps, HopSource::Live { lookahead }, origin, offset);
            schedule.next += n;
            let n = schedule.next;
            let due = u128::from(schedule.grid.pts(n) + schedule.latency()) * u128::from(rate);
            // A sample more, since times are rounded down to samples and to ns.
            let samples = (due.div_ceil(u128::from(SECOND)) as u64 + 2).saturating_sub(origin);
            let hops = (0..).take_while(|hop| hop * u64::from(rate) / 100 + lookahead <= samples).count() as u64;
            prop_assert_eq!(schedule.take(samples, Some(hops)), Some(n));
        }
    }
}
