//! The interface of a scene: what it is told of a frame, and how it draws.

use super::canvas::Canvas;
use super::field::Rows;
use crate::logic::audio::features::{HopWindow, Info};
use crate::logic::audio::hops::HopTime;
use crate::logic::audio::moment::FrameTime;

/// A frame to draw.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// Its number, from 0.
    pub n: u64,
    /// Frames in the video, where that is known.
    pub total: Option<u64>,
    /// The moment it shows: [`FrameTime::moment`].
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
    /// The hops that have to be in the window for a frame: the first one, and their number.
    pub fn span(self, time: FrameTime) -> (i64, usize) {
        (time.middle.hop - i64::from(self.before), (self.before + 1 + self.after + time.ahead()) as usize)
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
    pub(super) first: Vec<u8>,
    pub(super) pair: Vec<u8>,
    pub(super) leaving: Vec<u8>,
}

/// A way of drawing audio. Made once for a [`Look`](super::look::Look): what does not change from frame to frame is
/// worked out then.
pub trait Scene: Send + Sync {
    /// The hops that have to be in the window of a frame.
    fn reach(&self) -> Reach;

    /// Draws the rows of `canvas`, which has the size of the look or is a band of such a picture.
    ///
    /// A pure function of frame, window and look. Writes every pixel and reads none before, row after row, and tells the
    /// canvas when each is done ([`Canvas::finish`]); allocates nothing but what `scratch` grows to at first.
    fn render(&self, frame: &Frame<'_>, window: &HopWindow, scratch: &mut Scratch, canvas: &mut Canvas<'_>);
}
