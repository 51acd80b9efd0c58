//! The frame law: how many video frames an audio stream has, when each one is shown and which sample it is about.
//!
//! For S samples at `rate` Hz and `fps_n`/`fps_d` frames a second:
//! N = ⌈S · fps_n / (rate · fps_d)⌉ (or the floor of that, see [`Tail`]), PTS(n) = ⌊n · fps_d · 10⁹ / fps_n⌋ ns, and frame n looks at
//! sample ⌊(2n + 1) · rate · fps_d / (2 · fps_n)⌋, the middle of the time it is on screen.
//! Everything is integer arithmetic in `u128`, so no length or rate drifts.

use super::clock::{Nanos, SECOND};

/// What becomes of a last frame that the audio does not fill.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tail {
    /// It is shown: no sound without a picture.
    #[default]
    Ceil,
    /// It is left out: no picture without a sound.
    Floor,
}

/// A constant frame rate laid over a constant sample rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameGrid {
    rate: u32,
    fps_n: u32,
    fps_d: u32,
    tail: Tail,
}

/// Why a [`FrameGrid`] cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GridError {
    /// A sample rate of 0 Hz.
    #[error("a sample rate of 0 Hz is not a rate")]
    ZeroRate,
    /// A frame rate with a zero on either side.
    #[error("{0}/{1} frames a second is not a constant frame rate")]
    ZeroFps(u32, u32),
}

impl FrameGrid {
    /// A grid for audio at `rate` Hz and video at `fps_n`/`fps_d` frames a second.
    ///
    /// # Errors
    ///
    /// [`GridError::ZeroRate`] when `rate` is 0, else [`GridError::ZeroFps`] when `fps_n` or `fps_d` is.
    pub fn new(rate: u32, fps_n: u32, fps_d: u32) -> Result<Self, GridError> {
        if rate == 0 {
            return Err(GridError::ZeroRate);
        }
        if fps_n == 0 || fps_d == 0 {
            return Err(GridError::ZeroFps(fps_n, fps_d));
        }
        Ok(Self { rate, fps_n, fps_d, tail: Tail::default() })
    }

    /// With another rule for the last frame.
    pub fn with_tail(self, tail: Tail) -> Self {
        Self { tail, ..self }
    }

    /// The sample rate in Hz.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// The frame rate as (numerator, denominator).
    pub fn fps(&self) -> (u32, u32) {
        (self.fps_n, self.fps_d)
    }

    /// Frames of a video of `samples`: [`Tail`] says whether the last one may reach past the end of the audio.
    pub fn frame_count(&self, samples: u64) -> u64 {
        let (audio, frame) =
            (u128::from(samples) * u128::from(self.fps_n), u128::from(self.rate) * u128::from(self.fps_d));
        let count = match self.tail {
            Tail::Ceil => audio.div_ceil(frame),
            Tail::Floor => audio / frame,
        };
        count as u64
    }

    /// Presentation time of frame `n` in ns.
    pub fn pts(&self, n: u64) -> Nanos {
        (u128::from(n) * u128::from(self.fps_d) * u128::from(SECOND) / u128::from(self.fps_n)) as Nanos
    }

    /// Duration of frame `n` in ns: the next frame starts where it ends, so durations sum up without drift.
    pub fn duration(&self, n: u64) -> Nanos {
        self.pts(n + 1) - self.pts(n)
    }

    /// The frame on screen at `time`: the last one whose PTS is not later.
    pub fn frame_at(&self, time: Nanos) -> u64 {
        let denominator = u128::from(self.fps_d) * u128::from(SECOND);
        // ⌊time · fps⌋ can be one too small where PTS itself was rounded down.
        let guess = (u128::from(time) * u128::from(self.fps_n) / denominator) as u64;
        if self.pts(guess + 1) <= time { guess + 1 } else { guess }
    }

    /// The sample frame `n` is about: the middle of its time on screen.
    pub fn centre_sample(&self, n: u64) -> u64 {
        let numerator = (2 * u128::from(n) + 1) * u128::from(self.rate) * u128::from(self.fps_d);
        (numerator / (2 * u128::from(self.fps_n))) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn grid(rate: u32, fps_n: u32, fps_d: u32) -> FrameGrid {
        FrameGrid::new(rate, fps_n, fps_d).unwrap()
    }

    #[test]
    fn a_ten_second_song_with_one_sample_more_has_one_frame_more() {
        assert_eq!(grid(44_100, 30, 1).frame_count(441_000), 300);
        assert_eq!(grid(44_100, 30, 1).frame_count(441_001), 301);
        assert_eq!(grid(44_100, 30_000, 1001).frame_count(441_000), 300);
        assert_eq!(grid(44_100, 24_000, 1001).frame_count(441_000), 240);
        assert_eq!(grid(44_100, 30, 1).frame_count(0), 0);
        assert_eq!(grid(44_100, 30, 1).frame_count(1), 1);
    }

    #[test]
    fn the_first_frame_is_about_the_middle_of_its_own_time() {
        assert_eq!(grid(48_000, 30, 1).centre_sample(0), 800);
        assert_eq!(grid(48_000, 30, 1).centre_sample(1), 2400);
    }

    #[test]
    fn a_rate_of_zero_is_refused() {
        assert_eq!(FrameGrid::new(0, 30, 1), Err(GridError::ZeroRate));
        assert_eq!(FrameGrid::new(44_100, 30, 0), Err(GridError::ZeroFps(30, 0)));
    }

    prop_compose! {
        fn any_grid()(
            rate in 1u32..=384_000,
            (fps_n, fps_d) in prop_oneof![
                Just((24_000, 1001)), Just((24, 1)), Just((25, 1)), Just((30_000, 1001)), Just((30, 1)),
                Just((50, 1)), Just((60_000, 1001)), Just((60, 1)), Just((120, 1)), (1u32..100_000, 1u32..2000),
            ],
        ) -> FrameGrid {
            grid(rate, fps_n, fps_d)
        }
    }

    proptest! {
        #[test]
        fn frames_tile_time_without_gap_or_overlap(grid in any_grid(), n in 0u64..10_000_000) {
            prop_assert_eq!(grid.pts(n) + grid.duration(n), grid.pts(n + 1));
        }

        #[test]
        fn every_instant_belongs_to_the_frame_that_covers_it(grid in any_grid(), time in 0u64..100_000 * SECOND) {
            let n = grid.frame_at(time);
            prop_assert!(grid.pts(n) <= time && time < grid.pts(n + 1), "frame {} for {}", n, time);
            prop_assert_eq!(grid.frame_at(grid.pts(n)), n);
        }

        #[test]
        fn without_its_tail_a_video_has_whole_frames_of_sound_only(grid in any_grid(), samples in 0u64..1 << 40) {
            let (ceil, floor) = (grid.frame_count(samples), grid.with_tail(Tail::Floor).frame_count(samples));
            let (fps_n, fps_d) = grid.fps();
            let frame = u128::from(fps_d) * u128::from(grid.rate());
            let ends_with_a_frame = (u128::from(samples) * u128::from(fps_n)).is_multiple_of(frame);
            prop_assert_eq!(ceil - floor, u64::from(!ends_with_a_frame));
        }

        #[test]
        fn the_frames_cover_all_samples_and_no_frame_is_superfluous(grid in any_grid(), samples in 1u64..1 << 40) {
            let n = grid.frame_count(samples);
            let (fps_n, fps_d) = grid.fps();
            let end = |frames: u64| u128::from(frames) * u128::from(fps_d) * u128::from(grid.rate());
            let audio = u128::from(samples) * u128::from(fps_n);
            prop_assert!(end(n) >= audio && end(n - 1) < audio);
        }
    }
}
