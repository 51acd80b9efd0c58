//! Draws frame n of a timeline into a buffer.

use std::sync::Arc;

use super::failure::Failure;
use super::settings::Settings;
use crate::glue::painter::{self, FrameFailure};
use crate::logic::audio::features::Window;
use crate::logic::audio::timeline::Timeline;
use crate::logic::frame_grid::FrameGrid;
use crate::logic::render::scene::{Frame, HopTime};

/// A scene over a timeline.
pub(super) struct Painter {
    timeline: Arc<Timeline>,
    grid: FrameGrid,
    scene: painter::Painter,
    window: Window,
    records: Vec<u8>,
}

impl Painter {
    pub(super) fn new(
        settings: &Settings,
        timeline: Arc<Timeline>,
        grid: FrameGrid,
        info: gst_video::VideoInfo,
    ) -> Result<Self, Failure> {
        let scene = painter::Painter::new(&settings.look, info, timeline.tags()).map_err(Failure::Look)?;
        let (window, records) = Default::default();
        Ok(Self { timeline, grid, scene, window, records })
    }

    /// Draws frame `n` and writes its times and number.
    pub(super) fn paint(&mut self, n: u64, buffer: &mut gst::BufferRef) -> Result<(), Failure> {
        let (fps_n, fps_d) = self.grid.fps();
        let at = HopTime::of_frame(n, fps_n, fps_d);
        let (first, count) = self.scene.reach().span(at);
        self.timeline.read(first, count, &mut self.window, &mut self.records).map_err(|error| {
            Failure::Frame(FrameFailure { n, what: "reading the timeline", why: error.to_string() })
        })?;
        let total = self.timeline.frame_count(self.grid);
        let frame = Frame { n, total, at, info: self.timeline.info() };
        self.scene.paint(&frame, &self.window, buffer).map_err(Failure::Frame)?;
        painter::stamp(buffer, n, self.grid.pts(n), self.grid.duration(n));
        Ok(())
    }
}
