//! Where in the video the element is, and which frame comes next.

use std::ops::Range;
use std::sync::Arc;

use super::properties::Tail;
use crate::glue::video::grid_of;
use crate::logic::audio::timeline::Timeline;
use crate::logic::frame_grid::FrameGrid;

/// The frame that comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// The one on screen at that time; before it, when playing backwards.
    At(gst::ClockTime),
    Frame(u64),
    /// Playing backwards has passed frame 0.
    PastStart,
}

/// What is known of the video and where in it the element is.
pub(super) struct State {
    pub(super) timeline: Option<Arc<Timeline>>,
    pub(super) info: Option<gst_video::VideoInfo>,
    pub(super) next: Next,
    pub(super) backwards: bool,
    /// Whether the segment covers the frames that are wanted: nobody knows their times before the first one.
    pub(super) segment_set: bool,
    pub(super) tail: Tail,
    /// The scene of the last frame.
    pub(super) shown: Option<&'static str>,
    pub(super) frames: u64,
    pub(super) render_ns: u64,
    pub(super) analysis_ns: u64,
    /// The factory of the decoder, where the audio was decoded for this video.
    pub(super) decoder: Option<String>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            timeline: None,
            info: None,
            next: Next::Frame(0),
            backwards: false,
            segment_set: false,
            tail: Tail::default(),
            shown: None,
            frames: 0,
            render_ns: 0,
            analysis_ns: 0,
            decoder: None,
        }
    }
}

impl State {
    /// The video's grid, over the audio's rate once that is known.
    pub(super) fn grid(&self) -> Option<FrameGrid> {
        let rate = self.timeline.as_ref().map_or(1, |timeline| timeline.info().rate);
        let grid = self.info.as_ref().and_then(|info| grid_of(info, rate))?;
        Some(grid.with_tail(self.tail.into()))
    }

    pub(super) fn frame_count(&self) -> Option<u64> {
        let samples = self.timeline.as_ref()?.info().samples;
        Some(self.grid()?.frame_count(samples))
    }

    /// The number of the frame to draw now, one of `wanted`, and moves on. `None` at the end.
    pub(super) fn step(&mut self, grid: FrameGrid, wanted: &Range<u64>) -> Option<u64> {
        let last = wanted.end.checked_sub(1)?;
        let n = match self.next {
            Next::PastStart => return None,
            Next::Frame(n) => n,
            // What ends at that time is shown before it.
            Next::At(time) if self.backwards => grid.frame_at(time.nseconds().checked_sub(1)?).min(last),
            Next::At(time) => grid.frame_at(time.nseconds()),
        };
        let n = if self.backwards { n } else { n.max(wanted.start) };
        if !wanted.contains(&n) {
            return None;
        }
        self.next = match (self.backwards, n) {
            (false, n) => Next::Frame(n + 1),
            (true, 0) => Next::PastStart,
            (true, n) => Next::Frame(n - 1),
        };
        Some(n)
    }
}

/// The times of a part of the video: running time begins with its first frame.
pub(super) fn segment_of(grid: FrameGrid, frames: &Range<u64>) -> gst::FormattedSegment<gst::ClockTime> {
    let [start, stop] = [frames.start, frames.end].map(|n| gst::ClockTime::from_nseconds(grid.pts(n)));
    let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
    segment.set_start(start);
    segment.set_time(start);
    segment.set_position(start);
    segment.set_stop(stop);
    segment.set_duration(stop);
    segment
}
