//! Frame after frame: prepares the drawing once the timeline is there, then draws into buffers.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_base::prelude::*;
use gst_base::subclass::base_src::CreateSuccess;

use super::element::{CAT, VisualRender};
use super::failure::Failure;
use super::frame_renderer::FrameRenderer;
use super::playback::segment_of;
use super::properties::Settings;
use crate::logic::audio::jsonl;
use crate::logic::audio::timeline::Timeline;
use crate::logic::frame_grid::FrameGrid;
use crate::logic::render::programme::Programme;

impl VisualRender {
    /// Draws the frame that comes next, into `buffer` where there is one.
    pub(super) fn next_frame(&self, buffer: Option<&mut gst::BufferRef>) -> Result<CreateSuccess, gst::FlowError> {
        let timeline = self.timeline()?;
        self.prepare(timeline)?;
        let wanted = { self.settings().range };
        let (next, segment) = {
            let mut playback = self.playback();
            let (grid, count) = playback.grid().zip(playback.frame_count()).ok_or(gst::FlowError::NotNegotiated)?;
            let wanted = wanted.of(count);
            let is_part = wanted != (0..count) && !std::mem::replace(&mut playback.segment_set, true);
            (playback.step(grid, &wanted), is_part.then(|| segment_of(grid, &wanted)))
        };
        if let Some(segment) = segment {
            self.obj().new_segment(segment.upcast_ref()).map_err(|_| gst::FlowError::Error)?;
        }
        let Some(n) = next else {
            gst::debug!(CAT, imp = self, "that was the last frame");
            return Err(gst::FlowError::Eos);
        };
        match buffer {
            Some(buffer) => self.draw(n, buffer).map(|()| CreateSuccess::FilledBuffer),
            None => {
                let mut buffer = self.allocate()?;
                self.draw(n, buffer.make_mut())?;
                Ok(CreateSuccess::NewBuffer(buffer))
            }
        }
    }

    /// Makes a renderer for the caps that are negotiated, unless there is one.
    fn prepare(&self, timeline: Arc<Timeline>) -> Result<(), gst::FlowError> {
        if self.renderer().is_some() {
            return Ok(());
        }
        let info = { self.playback().info.clone() }.ok_or(gst::FlowError::NotNegotiated)?;
        let settings = self.settings().clone();
        let grid = { self.playback().grid() }.ok_or(gst::FlowError::NotNegotiated)?;
        let cuts = settings.switching.cuts(&timeline, grid, &mut || self.gate.unless_closed());
        let cuts = cuts.map_err(|failure| self.fail(&failure))?.ok_or(gst::FlowError::Flushing)?;
        let programme = Programme::new(settings.scenes().map_err(|failure| self.fail(&failure))?, cuts);
        let written =
            self.write_jsonl(&settings, &timeline, grid, &programme).map_err(|failure| self.fail(&failure))?;
        written.ok_or(gst::FlowError::Flushing)?;
        let renderer = FrameRenderer::new(&settings, programme, timeline, grid, info);
        let renderer = renderer.map_err(|failure| self.fail(&failure))?;
        *self.renderer() = Some(renderer);
        Ok(())
    }

    /// Writes the timeline for a video on that grid as JSON Lines, if that is asked for. `None` when flushed.
    fn write_jsonl(
        &self,
        settings: &Settings,
        timeline: &Timeline,
        grid: FrameGrid,
        programme: &Programme,
    ) -> Result<Option<()>, Failure> {
        let Some(path) = settings.jsonl.as_deref().map(Path::new) else { return Ok(Some(())) };
        let scene = |n| programme.scene(n).name;
        let written = jsonl::save(timeline, grid, &scene, path, &mut || self.gate.unless_closed());
        let written = written.map_err(|error| Failure::NotWritable(path.to_owned(), error))?;
        Ok(written.then_some(()))
    }

    /// A buffer from the negotiated pool.
    fn allocate(&self) -> Result<gst::Buffer, gst::FlowError> {
        match self.obj().buffer_pool() {
            Some(pool) => pool.acquire_buffer(None),
            None => gst::Buffer::with_size(self.obj().blocksize() as usize).map_err(|_| gst::FlowError::Error),
        }
    }

    /// Draws frame `n`, and tells where another scene begins.
    fn draw(&self, n: u64, buffer: &mut gst::BufferRef) -> Result<(), gst::FlowError> {
        let started = Instant::now();
        // The renderer is gone only when the element has been stopped.
        let (drawn, scene) = {
            let mut renderer = self.renderer();
            let renderer = renderer.as_mut().ok_or(gst::FlowError::Flushing)?;
            (renderer.draw(n, buffer), renderer.scene(n))
        };
        drawn.map_err(|failure| self.fail(&failure))?;
        gst::trace!(CAT, imp = self, "frame {n}");
        let switched = {
            let mut playback = self.playback();
            playback.frames += 1;
            playback.render_ns += started.elapsed().as_nanos() as u64;
            playback.shown.replace(scene).is_some_and(|shown| shown != scene)
        };
        if let (true, Some(pts)) = (switched, buffer.pts()) {
            self.tell_scene(n, pts, scene);
        }
        Ok(())
    }

    /// Tells which scene frame `n` is the first to show.
    fn tell_scene(&self, n: u64, pts: gst::ClockTime, scene: &str) {
        let structure = gst::Structure::builder("visualrender-scene")
            .field("frame", n)
            .field("timestamp", pts)
            .field("scene", scene)
            .build();
        let obj = self.obj();
        let _ = obj.post_message(gst::message::Element::builder(structure).src(&*obj).build());
    }
}
