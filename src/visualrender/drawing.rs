//! Draws frame n of a timeline, with the scene that is on then: any frame on any thread.

use std::sync::Arc;

use super::element::CAT;
use super::failure::Failure;
use super::properties::Settings;
use crate::glue::painter::{self, FrameFailure};
use crate::logic::audio::features::HopWindow;
use crate::logic::audio::moment::FrameTime;
use crate::logic::audio::timeline::Timeline;
use crate::logic::frame_grid::FrameGrid;
use crate::logic::render::programme::Programme;
use crate::logic::render::scene::{Frame, Scene, Scratch};

/// The scenes of a programme, and the timeline they are drawn from.
pub(super) struct Drawing {
    timeline: Arc<Timeline>,
    grid: FrameGrid,
    programme: Programme,
    scene: Box<dyn Scene>,
    info: gst_video::VideoInfo,
}

/// The memory that a thread works in.
#[derive(Default)]
pub(super) struct Hand {
    scratch: Scratch,
    window: HopWindow,
    records: Vec<u8>,
}

impl Drawing {
    pub(super) fn new(
        settings: &Settings,
        programme: Programme,
        timeline: Arc<Timeline>,
        grid: FrameGrid,
        info: gst_video::VideoInfo,
    ) -> Result<Self, Failure> {
        let look = settings.look.look(info.width(), info.height(), timeline.tags()).map_err(Failure::Look)?;
        let scene = programme.clone().prepare(&look);
        Ok(Self { timeline, grid, programme, scene, info })
    }

    /// The name of the scene that frame `n` shows.
    pub(super) fn scene(&self, n: u64) -> &'static str {
        self.programme.scene(n).name
    }

    pub(super) fn grid(&self) -> FrameGrid {
        self.grid
    }

    /// Bytes of a frame.
    pub(super) fn size(&self) -> usize {
        self.info.size()
    }

    /// Draws frame `n` into plain memory.
    pub(super) fn draw(&self, n: u64, hand: &mut Hand, bytes: &mut [u8]) -> Result<(), FrameFailure> {
        let frame = self.look_up(n, hand)?;
        painter::paint_bytes(&*self.scene, &self.info, &frame, &hand.window, &mut hand.scratch, bytes)
    }

    /// Draws frame `n` into a buffer.
    pub(super) fn draw_buffer(&self, n: u64, hand: &mut Hand, buffer: &mut gst::BufferRef) -> Result<(), FrameFailure> {
        let frame = self.look_up(n, hand)?;
        painter::paint_buffer(&*self.scene, &self.info, &frame, &hand.window, &mut hand.scratch, buffer)
    }

    /// Writes the times and the number of frame `n`.
    pub(super) fn stamp(&self, n: u64, buffer: &mut gst::BufferRef) {
        painter::stamp(buffer, n, self.grid.pts(n), self.grid.duration(n));
    }

    /// Fills the window for frame `n`.
    fn look_up(&self, n: u64, hand: &mut Hand) -> Result<Frame<'_>, FrameFailure> {
        let time = FrameTime::of_frame(n, self.grid.fps());
        let (first, count) = self.scene.reach().span(time);
        self.timeline.read(first, count, &mut hand.window, &mut hand.records).map_err(|error| {
            gst::error!(CAT, "frame {n}: {error}");
            FrameFailure::of_timeline(n, &error)
        })?;
        let total = self.timeline.frame_count(self.grid);
        let at = time.moment(&hand.window);
        Ok(Frame { n, total, at, info: self.timeline.info() })
    }
}
