//! Draws frame n of a timeline into a buffer, with the scene that is on then.

use std::sync::Arc;

use super::element::CAT;
use super::failure::Failure;
use super::properties::Settings;
use crate::glue::painter::{self, FrameFailure, Painter};
use crate::logic::audio::features::HopWindow;
use crate::logic::audio::moment::FrameTime;
use crate::logic::audio::timeline::Timeline;
use crate::logic::frame_grid::FrameGrid;
use crate::logic::render::programme::Programme;
use crate::logic::render::scene::Frame;

/// The scenes of a programme, and the timeline they are drawn from.
pub(super) struct FrameRenderer {
    timeline: Arc<Timeline>,
    grid: FrameGrid,
    programme: Programme,
    painter: Painter,
    window: HopWindow,
    records: Vec<u8>,
}

impl FrameRenderer {
    pub(super) fn new(
        settings: &Settings,
        programme: Programme,
        timeline: Arc<Timeline>,
        grid: FrameGrid,
        info: gst_video::VideoInfo,
    ) -> Result<Self, Failure> {
        let look = settings.look.look(info.width(), info.height(), timeline.tags()).map_err(Failure::Look)?;
        let painter = Painter::new(programme.clone().prepare(&look), info);
        let (window, records) = Default::default();
        Ok(Self { timeline, grid, programme, painter, window, records })
    }

    /// The name of the scene that frame `n` shows.
    pub(super) fn scene(&self, n: u64) -> &'static str {
        self.programme.scene(n).name
    }

    /// Draws frame `n` and writes its times and number.
    pub(super) fn draw(&mut self, n: u64, buffer: &mut gst::BufferRef) -> Result<(), Failure> {
        let time = FrameTime::of_frame(n, self.grid.fps());
        let (first, count) = self.painter.reach().span(time);
        self.timeline.read(first, count, &mut self.window, &mut self.records).map_err(|error| {
            gst::error!(CAT, "frame {n}: {error}");
            Failure::Frame(FrameFailure::of_timeline(n, &error))
        })?;
        let total = self.timeline.frame_count(self.grid);
        let at = time.moment(&self.window);
        let frame = Frame { n, total, at, info: self.timeline.info() };
        self.painter.paint(&frame, &self.window, buffer).map_err(Failure::Frame)?;
        painter::stamp(buffer, n, self.grid.pts(n), self.grid.duration(n));
        Ok(())
    }
}
