//! Paints frames of a scene into buffers.

use gst_video::prelude::*;

use super::text::io_reason;
use crate::logic::audio::features::HopWindow;
use crate::logic::render::canvas::{Canvas, Order};
use crate::logic::render::scene::{Frame, Reach, Scene, Scratch};

/// A frame that could not be drawn.
#[derive(Debug, thiserror::Error)]
#[error("Frame {n} cannot be drawn: {what} failed ({why}). If the disk is healthy, please report it.")]
pub struct FrameFailure {
    /// Its number, from 0.
    pub n: u64,
    /// The step that failed.
    pub what: &'static str,
    /// The reason.
    pub why: String,
}

impl FrameFailure {
    /// The timeline behind frame `n` could not be read.
    pub fn of_timeline(n: u64, error: &std::io::Error) -> Self {
        Self { n, what: "reading the timeline", why: io_reason(error) }
    }

    /// As the message an element posts.
    pub fn to_message(&self) -> gst::ErrorMessage {
        gst::error_msg!(gst::ResourceError::Failed, ("{self}"), ["{self:?}"])
    }
}

/// A scene at a size, with the memory it works in.
pub struct Painter {
    info: gst_video::VideoInfo,
    scene: Box<dyn Scene>,
    scratch: Scratch,
}

impl Painter {
    /// For pictures as `info` says, of a scene that was prepared for their size.
    pub fn new(scene: Box<dyn Scene>, info: gst_video::VideoInfo) -> Self {
        Self { info, scene, scratch: Scratch::default() }
    }

    /// The format of the pictures.
    pub fn info(&self) -> &gst_video::VideoInfo {
        &self.info
    }

    /// The hops that have to be in the window of a frame.
    pub fn reach(&self) -> Reach {
        self.scene.reach()
    }

    /// Draws `frame`.
    pub fn paint(
        &mut self,
        frame: &Frame<'_>,
        window: &HopWindow,
        buffer: &mut gst::BufferRef,
    ) -> Result<(), FrameFailure> {
        let failed = |what, why: String| FrameFailure { n: frame.n, what, why };
        let mut video = gst_video::VideoFrameRef::from_buffer_ref_writable(buffer, &self.info)
            .map_err(|error| failed("mapping the buffer", error.to_string()))?;
        let stride = usize::try_from(video.plane_stride()[0]).unwrap_or(0);
        let data = video.plane_data_mut(0).map_err(|error| failed("mapping the plane", error.to_string()))?;
        let mut canvas = Canvas::new(data, stride, self.info.width(), self.info.height())
            .map_err(|error| failed("laying out the buffer", error.to_string()))?;
        self.scene.render(frame, window, &mut self.scratch, &mut canvas);
        canvas.reorder(order_of(&self.info));
        Ok(())
    }
}

/// The order of bytes in memory. RGBx is RGBA whose alpha nobody reads.
fn order_of(info: &gst_video::VideoInfo) -> Order {
    match info.format() {
        gst_video::VideoFormat::Bgra => Order::Bgra,
        gst_video::VideoFormat::Argb => Order::Argb,
        _ => Order::Rgba,
    }
}

/// Writes the times in ns and the number of a frame.
pub fn stamp(buffer: &mut gst::BufferRef, n: u64, pts: u64, duration: u64) {
    buffer.set_pts(gst::ClockTime::from_nseconds(pts));
    buffer.set_duration(gst::ClockTime::from_nseconds(duration));
    buffer.set_offset(n);
    buffer.set_offset_end(n + 1);
}
