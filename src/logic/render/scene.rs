//! The interface of a scene: what it is told of a frame, and how it draws.

use super::canvas::Canvas;
use super::field::Rows;
use crate::logic::audio::features::{HOPS_PER_SECOND, Hop, Info, Window};

/// A moment on the time axis of hops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HopTime {
    /// The last hop whose centre is not later.
    pub hop: i64,
    /// How far it is to the next hop, in 1/65536.
    pub fraction: u16,
}

impl HopTime {
    /// `numerator`/`denominator` seconds, rounded down to 1/65536 of a hop.
    pub fn from_seconds(numerator: i128, denominator: u64) -> Self {
        let ticks = (numerator * i128::from(HOPS_PER_SECOND) * 65_536).div_euclid(i128::from(denominator.max(1)));
        Self { hop: ticks.div_euclid(65_536) as i64, fraction: ticks.rem_euclid(65_536) as u16 }
    }

    /// The middle of the time that frame `n` is on screen at `fps_n`/`fps_d` frames a second.
    pub fn of_frame(n: u64, fps_n: u32, fps_d: u32) -> Self {
        Self::from_seconds((2 * i128::from(n) + 1) * i128::from(fps_d), 2 * u64::from(fps_n))
    }

    /// In 1/65536 of a hop.
    pub fn ticks(self) -> i64 {
        self.hop * 65_536 + i64::from(self.fraction)
    }

    /// In seconds, wrapped after ten hours to keep its precision: for drifts that go on in silence.
    pub(super) fn seconds(self) -> f32 {
        const WRAP: i64 = 36_000 * HOPS_PER_SECOND as i64 * 65_536;
        self.ticks().rem_euclid(WRAP) as f32 / (65_536 * HOPS_PER_SECOND) as f32
    }

    /// A level read from the hops around this moment, interpolated.
    pub fn level(self, window: &Window, read: impl Fn(&Hop) -> u16) -> u16 {
        let (a, b) = (i64::from(read(window.hop(self.hop))), i64::from(read(window.hop(self.hop + 1))));
        (a + (((b - a) * i64::from(self.fraction)) >> 16)) as u16
    }
}

/// A frame to draw.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// Its number, from 0.
    pub n: u64,
    /// Frames in the video, where that is known.
    pub total: Option<u64>,
    /// The moment it shows: the middle of its time on screen.
    pub at: HopTime,
    /// The timeline it is drawn from.
    pub info: &'a Info,
}

/// The hops a scene reads for a frame at [`HopTime`] t: `t.hop − before ..= t.hop + after`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// Hops before `t.hop`.
    pub before: u32,
    /// Hops after it; at least 1, for interpolation.
    pub after: u32,
}

impl Reach {
    /// The hops that have to be in the window for a frame at `at`: the first one, and their number.
    pub fn span(self, at: HopTime) -> (i64, usize) {
        (at.hop - i64::from(self.before), (self.before + 1 + self.after) as usize)
    }
}

/// Memory that scenes work in. Whoever draws keeps one per thread and hands it to each call; it grows at the first
/// frames and is reused from then on. Its content has no meaning between calls.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(super) rows: Rows,
    pub(super) values: Vec<f32>,
    pub(super) cells: Vec<u32>,
    pub(super) second: Vec<u8>,
}

/// A way of drawing audio. Made once for a [`Look`](super::look::Look): what does not change from frame to frame is
/// worked out then.
pub trait Scene: Send + Sync {
    /// The hops that have to be in the window of a frame.
    fn reach(&self) -> Reach;

    /// Draws the rows of `canvas`, which has the size of the look or is a band of such a picture.
    ///
    /// A pure function of frame, window and look. Writes every pixel and reads none before; allocates nothing but what
    /// `scratch` grows to at first.
    fn render(&self, frame: &Frame<'_>, window: &Window, scratch: &mut Scratch, canvas: &mut Canvas<'_>);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_moment_of_a_frame_is_the_middle_of_its_time_at_any_rate() {
        assert_eq!(HopTime::of_frame(0, 50, 1), HopTime { hop: 1, fraction: 0 });
        assert_eq!(HopTime::of_frame(1, 50, 1), HopTime { hop: 3, fraction: 0 });
        assert_eq!(HopTime::of_frame(0, 100, 1), HopTime { hop: 0, fraction: 32_768 });
        assert_eq!(HopTime::of_frame(0, 24_000, 1001), HopTime { hop: 2, fraction: 5597 });
        assert_eq!(HopTime::from_seconds(-1, 200), HopTime { hop: -1, fraction: 32_768 });
    }

    #[test]
    fn a_level_is_interpolated_between_hops() {
        let mut window = Window::default();
        window
            .refill(10, 2, |hops| {
                hops[0].rms = 1000;
                hops[1].rms = 3000;
                Ok::<_, std::convert::Infallible>(())
            })
            .unwrap();
        let at = |hop, fraction| HopTime { hop, fraction }.level(&window, |h| h.rms);
        assert_eq!([at(10, 0), at(10, 32_768), at(11, 0), at(9, 32_768)], [1000, 2000, 3000, 500]);
    }
}
