//! Draws frame n of a timeline into a buffer, with the scene that is on then.

use std::sync::Arc;

use super::failure::Failure;
use super::properties::Settings;
use crate::glue::painter::{self, FrameFailure};
use crate::logic::audio::features::Window;
use crate::logic::audio::hops::HopTime;
use crate::logic::audio::timeline::Timeline;
use crate::logic::frame_grid::FrameGrid;
use crate::logic::render::programme::Programme;
use crate::logic::render::scene::Frame;

/// Scenes over a timeline.
pub(super) struct Painter {
    timeline: Arc<Timeline>,
    grid: FrameGrid,
    programme: Programme,
    scenes: painter::Painter,
    window: Window,
    records: Vec<u8>,
}

impl Painter {
    pub(super) fn new(
        settings: &Settings,
        programme: Programme,
        timeline: Arc<Timeline>,
        grid: FrameGrid,
        info: gst_video::VideoInfo,
    ) -> Result<Self, Failure> {
        let look = settings.look.look(info.width(), info.height(), timeline.tags()).map_err(Failure::Look)?;
        let scenes = painter::Painter::new(programme.clone().prepare(&look), info);
        let (window, records) = Default::default();
        Ok(Self { timeline, grid, programme, scenes, window, records })
    }

    /// The name of the scene that frame `n` shows.
    pub(super) fn scene(&self, n: u64) -> &'static str {
        self.programme.scene(n).name
    }

    /// Draws frame `n` and writes its times and number.
    pub(super) fn paint(&mut self, n: u64, buffer: &mut gst::BufferRef) -> Result<(), Failure> {
        let (fps_n, fps_d) = self.grid.fps();
        let at = HopTime::of_frame(n, fps_n, fps_d);
        let (first, count) = self.scenes.reach().span(at);
        self.timeline.read(first, count, &mut self.window, &mut self.records).map_err(|error| {
            Failure::Frame(FrameFailure { n, what: "reading the timeline", why: error.to_string() })
        })?;
        let total = self.timeline.frame_count(self.grid);
        let frame = Frame { n, total, at, info: self.timeline.info() };
        self.scenes.paint(&frame, &self.window, buffer).map_err(Failure::Frame)?;
        painter::stamp(buffer, n, self.grid.pts(n), self.grid.duration(n));
        Ok(())
    }
}
