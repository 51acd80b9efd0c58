//! Draws frames into buffers.

use gst_video::prelude::*;

use super::look::{LookFailure, LookSettings};
use crate::logic::audio::features::Window;
use crate::logic::render::canvas::Canvas;
use crate::logic::render::scene::{self, Frame, Reach, Scene, Scratch};

/// A scene at a size, with the memory it works in.
pub(crate) struct Painter {
    info: gst_video::VideoInfo,
    scene: Box<dyn Scene>,
    scratch: Scratch,
}

impl Painter {
    pub(crate) fn new(settings: &LookSettings, info: gst_video::VideoInfo) -> Result<Self, LookFailure> {
        let look = settings.look(info.width(), info.height())?;
        let scene = (scene::find(&settings.scene)?.make)(&look);
        Ok(Self { info, scene, scratch: Scratch::default() })
    }

    /// What has to be in the window of a frame.
    pub(crate) fn reach(&self) -> Reach {
        self.scene.reach()
    }

    /// Draws `frame`.
    pub(crate) fn paint(
        &mut self,
        frame: &Frame<'_>,
        window: &Window,
        buffer: &mut gst::BufferRef,
    ) -> Result<(), gst::ErrorMessage> {
        let failed =
            |what: &str, why: String| gst::error_msg!(gst::ResourceError::Failed, ["frame {}: {what}: {why}", frame.n]);
        let mut video = gst_video::VideoFrameRef::from_buffer_ref_writable(buffer, &self.info)
            .map_err(|error| failed("mapping the buffer", error.to_string()))?;
        let stride = usize::try_from(video.plane_stride()[0]).unwrap_or(0);
        let data = video.plane_data_mut(0).map_err(|error| failed("mapping the plane", error.to_string()))?;
        let mut canvas = Canvas::new(data, stride, self.info.width(), self.info.height())
            .map_err(|error| failed("the buffer", error.to_string()))?;
        self.scene.render(frame, window, &mut self.scratch, &mut canvas);
        Ok(())
    }
}

/// Writes the times and the number of a frame.
pub(crate) fn stamp(buffer: &mut gst::BufferRef, n: u64, pts: u64, duration: u64) {
    buffer.set_pts(gst::ClockTime::from_nseconds(pts));
    buffer.set_duration(gst::ClockTime::from_nseconds(duration));
    buffer.set_offset(n);
    buffer.set_offset_end(n + 1);
}
