//! A stretch of audio without a hole, and the hops its frames are drawn from.

use std::io;
use std::sync::Arc;

use crate::logic::audio::features::{HopWindow, Info};
use crate::logic::audio::live::Live;
use crate::logic::audio::timeline::Timeline;
use crate::logic::frame_grid::FrameGrid;
use crate::logic::render::scene::{Frame, Reach};
use crate::logic::render::schedule::{HopSource, Schedule};

/// The source of hops.
pub(super) enum Source {
    Live(Box<Live>),
    Known(Arc<Timeline>),
}

/// The stretch that is being heard.
pub(super) struct Stretch {
    source: Source,
    schedule: Schedule,
    /// Of the audio: the samples and hops so far.
    info: Info,
    /// Its first sample, counted from the start of the stream.
    origin: u64,
    /// No more samples will come.
    ended: bool,
}

impl Stretch {
    /// Begins at sample `origin` of the stream, with pictures that show what was heard `offset` ns before.
    pub(super) fn new(source: Source, grid: FrameGrid, reach: Reach, channels: u32, origin: u64, offset: i64) -> Self {
        let hops = match &source {
            Source::Live(live) => HopSource::Live { lookahead: live.lookahead() },
            Source::Known(_) => HopSource::Known,
        };
        let info = Info { rate: grid.rate(), channels, samples: 0, hops: 0 };
        Self { source, schedule: Schedule::new(grid, hops, reach, origin, offset), info, origin, ended: false }
    }

    /// How many frames of the stream begin before this stretch.
    pub(super) fn frames_before(&self) -> u64 {
        self.schedule.grid().frame_count(self.origin)
    }

    /// The sample that has to come next, counted from the start of the stream.
    pub(super) fn position(&self) -> u64 {
        self.origin + self.info.samples
    }

    pub(super) fn schedule(&mut self) -> &mut Schedule {
        &mut self.schedule
    }

    /// Takes interleaved samples.
    pub(super) fn push(&mut self, interleaved: &[f32]) {
        self.info.samples += interleaved.len() as u64 / u64::from(self.info.channels);
        if let Source::Live(live) = &mut self.source {
            live.push(interleaved);
            self.info.hops = live.hops();
        }
    }

    /// Ends it: no more samples will come.
    pub(super) fn end(&mut self) {
        if let Source::Live(live) = &mut self.source {
            live.finish();
        }
        self.ended = true;
    }

    /// Takes the next frame if it can be drawn.
    pub(super) fn take(&mut self) -> Option<u64> {
        self.schedule.take(self.info.samples, (!self.ended).then_some(self.info.hops))
    }

    /// Frame `n`, and the hops that it is drawn from. Frames before it are not asked for any more.
    pub(super) fn frame(
        &mut self,
        n: u64,
        reach: Reach,
        window: &mut HopWindow,
        records: &mut Vec<u8>,
    ) -> io::Result<Frame<'_>> {
        let time = self.schedule.time(n);
        let (first, count) = reach.span(time);
        let (total, info) = match &mut self.source {
            Source::Live(live) => {
                live.forget(first);
                live.read(first, count, window);
                (None, &self.info)
            }
            Source::Known(timeline) => {
                timeline.read(first, count, window, records)?;
                let (fps_n, fps_d) = self.schedule.grid().fps();
                let grid = FrameGrid::new(timeline.info().rate, fps_n, fps_d).ok();
                (grid.and_then(|grid| timeline.frame_count(grid)), timeline.info())
            }
        };
        Ok(Frame { n, total, at: time.moment(window), info })
    }
}
