//! Draws frame n into a buffer.

use std::sync::Arc;

use gst_video::prelude::*;

use super::failure::Failure;
use super::settings::Settings;
use crate::logic::audio::features::Window;
use crate::logic::audio::timeline::Timeline;
use crate::logic::frame_grid::FrameGrid;
use crate::logic::render::canvas::{Canvas, Order};
use crate::logic::render::scene::{Frame, HopTime, Scene, Scratch};

/// A scene at a size, over a timeline, with the memory it works in.
pub(super) struct Painter {
    timeline: Arc<Timeline>,
    grid: FrameGrid,
    info: gst_video::VideoInfo,
    scene: Box<dyn Scene>,
    window: Window,
    records: Vec<u8>,
    scratch: Scratch,
}

impl Painter {
    pub(super) fn new(
        settings: &Settings,
        timeline: Arc<Timeline>,
        grid: FrameGrid,
        info: gst_video::VideoInfo,
    ) -> Result<Self, Failure> {
        let scene = settings.look.prepare(info.width(), info.height(), timeline.tags()).map_err(Failure::Look)?;
        let (window, records, scratch) = Default::default();
        Ok(Self { timeline, grid, info, scene, window, records, scratch })
    }

    /// Draws frame `n` and writes its times and number.
    pub(super) fn paint(&mut self, n: u64, buffer: &mut gst::BufferRef) -> Result<(), Failure> {
        let failed = |what: &'static str, why: String| Failure::Frame { n, what, why };
        let (fps_n, fps_d) = self.grid.fps();
        let at = HopTime::of_frame(n, fps_n, fps_d);
        let (first, count) = self.scene.reach().span(at);
        self.timeline
            .read(first, count, &mut self.window, &mut self.records)
            .map_err(|error| failed("reading the timeline", error.to_string()))?;
        {
            let mut frame = gst_video::VideoFrameRef::from_buffer_ref_writable(buffer, &self.info)
                .map_err(|error| failed("mapping the buffer", error.to_string()))?;
            let stride = usize::try_from(frame.plane_stride()[0]).unwrap_or(0);
            let data = frame.plane_data_mut(0).map_err(|error| failed("mapping the plane", error.to_string()))?;
            let mut canvas = Canvas::new(data, stride, self.info.width(), self.info.height())
                .map_err(|error| failed("laying out the buffer", error.to_string()))?;
            let frame = Frame {
                n,
                total: Some(self.grid.frame_count(self.timeline.info().samples)),
                at,
                info: self.timeline.info(),
            };
            self.scene.render(&frame, &self.window, &mut self.scratch, &mut canvas);
            canvas.reorder(order_of(&self.info));
        }
        buffer.set_pts(gst::ClockTime::from_nseconds(self.grid.pts(n)));
        buffer.set_duration(gst::ClockTime::from_nseconds(self.grid.duration(n)));
        buffer.set_offset(n);
        buffer.set_offset_end(n + 1);
        Ok(())
    }
}

/// How pixels lie in memory. RGBx is RGBA whose alpha nobody reads.
fn order_of(info: &gst_video::VideoInfo) -> Order {
    match info.format() {
        gst_video::VideoFormat::Bgra => Order::Bgra,
        gst_video::VideoFormat::Argb => Order::Argb,
        _ => Order::Rgba,
    }
}
