//! Paints frames of a scene into buffers.

use gst_video::prelude::*;

use super::text::io_reason;
use crate::logic::audio::features::HopWindow;
use crate::logic::render::canvas::{Canvas, CanvasError, Order};
use crate::logic::render::scene::{Frame, Reach, Scene, Scratch};
use crate::logic::render::yuv::Picture;

/// A frame that could not be drawn.
#[derive(Debug, Clone, thiserror::Error)]
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
    fn new(n: u64, what: &'static str, why: String) -> Self {
        Self { n, what, why }
    }

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
        paint_buffer(&*self.scene, &self.info, frame, window, &mut self.scratch, buffer)
    }
}

/// Draws `frame` of a scene into a buffer with pictures as `info` says.
pub fn paint_buffer(
    scene: &dyn Scene,
    info: &gst_video::VideoInfo,
    frame: &Frame<'_>,
    window: &HopWindow,
    scratch: &mut Scratch,
    buffer: &mut gst::BufferRef,
) -> Result<(), FrameFailure> {
    let failed = |error: gst::glib::BoolError| FrameFailure::new(frame.n, "mapping the buffer", error.to_string());
    if has_spare_row(info) {
        buffer.map_writable().map_err(failed)?.fill(0);
    }
    let mut video = gst_video::VideoFrameRef::from_buffer_ref_writable(buffer, info).map_err(failed)?;
    let mut strides = [0; 4];
    strides.iter_mut().zip(video.plane_stride()).for_each(|(stride, &bytes)| *stride = bytes);
    let [first, second, third, _] = video.planes_data_mut();
    paint_planes(scene, info, frame, window, scratch, [first, second, third], strides)
}

/// Draws `frame` of a scene into plain memory, laid out as `info` says.
pub fn paint_bytes(
    scene: &dyn Scene,
    info: &gst_video::VideoInfo,
    frame: &Frame<'_>,
    window: &HopWindow,
    scratch: &mut Scratch,
    bytes: &mut [u8],
) -> Result<(), FrameFailure> {
    if has_spare_row(info) {
        bytes.fill(0);
    }
    let mut strides = [0; 4];
    strides.iter_mut().zip(info.stride()).for_each(|(stride, &bytes)| *stride = bytes);
    let (mut planes, mut rest, mut at): ([&mut [u8]; 3], _, _) = (Default::default(), bytes, 0);
    // Planes lie one after the other, each up to the next.
    let offsets: Vec<usize> = info.offset().iter().take(info.n_planes() as usize).copied().collect();
    let ends = offsets.iter().skip(1).copied().chain([info.size()]);
    for (plane, end) in planes.iter_mut().zip(ends) {
        let split = rest.split_at_mut_checked(end.saturating_sub(at));
        let (this, after) =
            split.ok_or_else(|| FrameFailure::new(frame.n, "laying out the memory", "it is too short".into()))?;
        (*plane, rest, at) = (this, after, end);
    }
    paint_planes(scene, info, frame, window, scratch, planes, strides)
}

/// GStreamer gives planes of luma an even number of rows: the last is not part of the picture, but has to be the same each time.
fn has_spare_row(info: &gst_video::VideoInfo) -> bool {
    info.is_yuv() && !info.height().is_multiple_of(2)
}

fn paint_planes(
    scene: &dyn Scene,
    info: &gst_video::VideoInfo,
    frame: &Frame<'_>,
    window: &HopWindow,
    scratch: &mut Scratch,
    [first, second, third]: [&mut [u8]; 3],
    strides: [i32; 4],
) -> Result<(), FrameFailure> {
    let (width, height) = (info.width(), info.height());
    let strides = strides.map(|bytes| usize::try_from(bytes).unwrap_or(0));
    let laid_out = |error: CanvasError| FrameFailure::new(frame.n, "laying out the buffer", error.to_string());
    match Layout::of(info.format()) {
        Layout::Pixels(order) => {
            let mut canvas = Canvas::new(first, strides[0], width, height).map_err(laid_out)?;
            scene.render(frame, window, scratch, &mut canvas);
            canvas.reorder(order);
        }
        Layout::I420 => Picture::i420([first, second, third], [strides[0], strides[1], strides[2]], width, height)
            .map_err(laid_out)?
            .paint(scene, frame, window, scratch),
        Layout::Nv12 => Picture::nv12([first, second], [strides[0], strides[1]], width, height)
            .map_err(laid_out)?
            .paint(scene, frame, window, scratch),
    }
    Ok(())
}

/// What a format is in memory.
enum Layout {
    /// One plane of RGBA in some order of bytes.
    Pixels(Order),
    I420,
    Nv12,
}

impl Layout {
    /// RGBx is RGBA whose alpha nobody reads.
    fn of(format: gst_video::VideoFormat) -> Self {
        match format {
            gst_video::VideoFormat::I420 => Self::I420,
            gst_video::VideoFormat::Nv12 => Self::Nv12,
            gst_video::VideoFormat::Bgra => Self::Pixels(Order::Bgra),
            gst_video::VideoFormat::Argb => Self::Pixels(Order::Argb),
            _ => Self::Pixels(Order::Rgba),
        }
    }
}

/// Writes the times in ns and the number of a frame.
pub fn stamp(buffer: &mut gst::BufferRef, n: u64, pts: u64, duration: u64) {
    buffer.set_pts(gst::ClockTime::from_nseconds(pts));
    buffer.set_duration(gst::ClockTime::from_nseconds(duration));
    buffer.set_offset(n);
    buffer.set_offset_end(n + 1);
}
