//! Playback: how much of the video is known, and which frame comes next.

use std::ops::Range;
use std::sync::Arc;

use gst::glib;
use gst::prelude::*;

use super::properties::Tail;
use crate::glue::video::grid_of;
use crate::logic::audio::timeline::Timeline;
use crate::logic::cache::playhead::{Playhead, Preload};
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

/// The state of a stream, from start to stop.
pub(super) struct Playback {
    pub(super) timeline: Option<Arc<Timeline>>,
    pub(super) info: Option<gst_video::VideoInfo>,
    pub(super) next: Next,
    pub(super) backwards: bool,
    /// Whether the segment covers the frames that are wanted, whose times are not known before the first one.
    pub(super) segment_set: bool,
    pub(super) tail: Tail,
    /// Everything is ready for the caps there are.
    pub(super) prepared: bool,
    /// From when to when is played, after a jump.
    bounds: Option<(gst::ClockTime, Option<gst::ClockTime>)>,
    /// Whoever plays this segment begins anew when it is over.
    looped: bool,
    /// There has been a jump.
    jumped: bool,
    pub(super) paused: bool,
    /// The scene of the last frame.
    pub(super) shown: Option<&'static str>,
    pub(super) frames: u64,
    pub(super) analysis_ns: u64,
    /// The factory of the decoder, where the audio was decoded for this video.
    pub(super) decoder: Option<String>,
}

impl Default for Playback {
    fn default() -> Self {
        Self {
            timeline: None,
            info: None,
            next: Next::Frame(0),
            backwards: false,
            segment_set: false,
            tail: Tail::default(),
            prepared: false,
            bounds: None,
            looped: false,
            jumped: false,
            paused: true,
            shown: None,
            frames: 0,
            analysis_ns: 0,
            decoder: None,
        }
    }
}

impl Playback {
    /// The video's grid, over the audio's rate once that is known.
    pub(super) fn grid(&self) -> Option<FrameGrid> {
        let rate = self.timeline.as_ref().map_or(1, |timeline| timeline.info().rate);
        let grid = self.info.as_ref().and_then(|info| grid_of(info, rate))?;
        Some(grid.with_tail(self.tail.into()))
    }

    /// Frames in the whole video, once its audio is known.
    pub(super) fn frame_count(&self) -> Option<u64> {
        let samples = self.timeline.as_ref()?.info().samples;
        Some(self.grid()?.frame_count(samples))
    }

    /// The number of the frame to show now, one of `wanted`. `None` at the end.
    pub(super) fn peek(&self, grid: FrameGrid, wanted: &Range<u64>) -> Option<u64> {
        let last = wanted.end.checked_sub(1)?;
        let n = match self.next {
            Next::PastStart => return None,
            Next::Frame(n) => n,
            // A frame that ends at that time is shown before it.
            Next::At(time) if self.backwards => grid.frame_at(time.nseconds().checked_sub(1)?).min(last),
            Next::At(time) => grid.frame_at(time.nseconds()),
        };
        let n = if self.backwards { n } else { n.max(wanted.start) };
        wanted.contains(&n).then_some(n)
    }

    /// As [`peek`](Self::peek), and moves on.
    pub(super) fn step(&mut self, grid: FrameGrid, wanted: &Range<u64>) -> Option<u64> {
        let n = self.peek(grid, wanted)?;
        self.next = match (self.backwards, n) {
            (false, n) => Next::Frame(n + 1),
            (true, 0) => Next::PastStart,
            (true, n) => Next::Frame(n - 1),
        };
        Some(n)
    }

    /// Frame `n`, which was stepped to last, could not be shown and comes again. Nothing happens after a jump.
    pub(super) fn step_back(&mut self, n: u64) {
        let stepped = match (self.backwards, n) {
            (false, n) => Next::Frame(n + 1),
            (true, 0) => Next::PastStart,
            (true, n) => Next::Frame(n - 1),
        };
        if self.next == stepped {
            self.next = Next::Frame(n);
        }
    }

    /// What the cache has to know.
    pub(super) fn playhead(&self, grid: FrameGrid, wanted: &Range<u64>, preload: Preload) -> Playhead {
        let mut range = wanted.clone();
        if let Some((start, stop)) = self.bounds {
            // Where playback began it does not end: what is before that is as near as what is after, unless it goes round.
            if self.looped || self.backwards {
                range.start = range.start.max(grid.frame_at(start.nseconds()));
            }
            if self.looped || !self.backwards {
                let end = stop.and_then(|stop| Some(grid.frame_at(stop.nseconds().checked_sub(1)?) + 1));
                range.end = range.end.min(end.unwrap_or(u64::MAX)).max(range.start);
            }
        }
        let next = self.peek(grid, wanted).unwrap_or(range.end);
        Playhead {
            next,
            anchor: next,
            backwards: self.backwards,
            range,
            looped: self.looped,
            paused: self.paused,
            jumped: self.jumped,
            preload,
            ahead: 0,
        }
    }

    /// Goes to the position of `segment`, and completes it. `None` where it plays backwards from an end that is not known.
    pub(super) fn seek(&mut self, segment: &mut gst::FormattedSegment<gst::ClockTime>) -> Option<gst::ClockTime> {
        let duration = self.frame_count().zip(self.grid()).map(|(count, grid)| grid.pts(count));
        let duration = duration.map(gst::ClockTime::from_nseconds);
        if duration.is_some() {
            segment.set_duration(duration);
        }
        self.backwards = segment.rate() < 0.0;
        if self.backwards {
            // Backwards from the end needs to know where that is.
            let stop = segment.stop().into_iter().chain(duration).min()?;
            segment.set_stop(stop);
            segment.set_position(stop);
        }
        segment.set_time(segment.start());
        let position = segment.position().unwrap_or(gst::ClockTime::ZERO);
        self.next = Next::At(position);
        self.bounds = Some((segment.start().unwrap_or(gst::ClockTime::ZERO), segment.stop()));
        self.looped = segment.flags().contains(gst::SegmentFlags::SEGMENT);
        // Before there is a frame it is no jump but the beginning.
        self.jumped |= self.prepared;
        Some(position)
    }

    /// Goes on with pictures as `info` says: with another frame rate the next frame has another number.
    pub(super) fn set_info(&mut self, info: gst_video::VideoInfo) {
        if let (Next::Frame(n), Some(grid)) = (self.next, self.grid()) {
            let time = if self.backwards { grid.pts(n + 1) } else { grid.pts(n) };
            self.next = Next::At(gst::ClockTime::from_nseconds(time));
        }
        self.info = Some(info);
        self.prepared = false;
    }

    /// The value of a property that is read from the stream.
    pub(super) fn get(&self, name: &str) -> Option<glib::Value> {
        let timeline = self.timeline.as_ref();
        Some(match name {
            "frame-count" => self.frame_count().unwrap_or(0).to_value(),
            "timeline-digest" => timeline.map(|timeline| timeline.digest()).to_value(),
            "tempo" => timeline.and_then(|timeline| timeline.summary().tempo).unwrap_or(0.0).to_value(),
            _ => return None,
        })
    }

    /// Figures; `render_ns` is what rendering took.
    pub(super) fn stats(&self, render_ns: u64) -> gst::Structure {
        let mut stats = gst::Structure::builder("visualrender-stats")
            .field("frames", self.frames)
            .field("render-time", render_ns)
            .field("analysis-time", self.analysis_ns);
        if let Some(timeline) = &self.timeline {
            let info = timeline.info();
            // Silence was not sampled.
            if info.channels > 0 {
                stats = stats.field("rate", info.rate).field("channels", info.channels).field("samples", info.samples);
            }
            if let Some(decoder) = &self.decoder {
                stats = stats.field("decoder", decoder);
            }
            stats = stats.field("beats", timeline.beats().len() as u64);
            stats = stats.field("beat-confidence", timeline.summary().confidence);
            if let Some(loudness) = timeline.summary().loudness_lufs {
                stats = stats.field("loudness", loudness);
            }
        }
        stats.build()
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
