//! Pictures on their way out: negotiated, painted and pushed as soon as they can be.

use std::sync::atomic::Ordering;
use std::time::Instant;

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::{Stop, Worker};
use crate::glue::painter::{self, FrameFailure, Painter};
use crate::glue::video::grid_of;
use crate::logic::frame_grid::FrameGrid;
use crate::visualscope::element::{CAT, VisualScope};
use crate::visualscope::stretch::Stretch;

impl Worker {
    pub(super) fn negotiate(&mut self, scope: &VisualScope) -> Result<(), Stop> {
        let background = self.settings.look.background();
        let output = scope.negotiate(background, self.output.take()).map_err(|failure| {
            // Downstream refuses everything while it is being flushed.
            match scope.srcpad.pad_flags().contains(gst::PadFlags::FLUSHING) {
                true => Stop::Flow(gst::FlowError::Flushing),
                false => Stop::Failed(failure),
            }
        })?;
        if self.painter.as_ref().is_none_or(|painter| *painter.info() != output.info) {
            self.painter = None;
        }
        self.output = Some(output);
        Ok(())
    }

    /// The grid of the pictures over the audio, and a painter of them.
    pub(super) fn prepare(&mut self, scope: &VisualScope) -> Result<FrameGrid, Stop> {
        let reconfigure = scope.srcpad.check_reconfigure();
        if self.output.is_none() || reconfigure {
            self.negotiate(scope)?;
        }
        let (Some(output), Some(audio)) = (&self.output, &self.audio) else {
            return Err(gst::FlowError::NotNegotiated.into());
        };
        let grid = grid_of(&output.info, audio.rate()).ok_or(gst::FlowError::NotNegotiated)?;
        let is_new = self.painter.is_none();
        let painter = match self.painter.take() {
            Some(painter) => painter,
            None => {
                let (width, height) = (output.info.width(), output.info.height());
                Painter::new(self.settings.look.prepare(width, height, &self.tags)?, output.info.clone())
            }
        };
        if let Some(stretch) = self.stretch.as_mut().filter(|_| is_new) {
            stretch.schedule().change(grid, painter.reach());
            scope.set_latency(stretch.schedule().latency());
        }
        self.painter = Some(painter);
        Ok(grid)
    }

    /// Draws every frame that can be drawn.
    pub(super) fn draw(&mut self, scope: &VisualScope) -> Result<(), Stop> {
        loop {
            self.prepare(scope)?;
            let Some(n) = self.stretch.as_mut().and_then(Stretch::take) else { return Ok(()) };
            self.frame(scope, n)?;
        }
    }

    fn frame(&mut self, scope: &VisualScope, n: u64) -> Result<(), Stop> {
        let shift = self.shift();
        let (Some(stretch), Some(painter), Some(output)) = (&mut self.stretch, &mut self.painter, &self.output) else {
            return Err(gst::FlowError::NotNegotiated.into());
        };
        // Backwards, such a frame belongs to the buffer before, which is still to come.
        if self.segment.rate() < 0.0 && n < stretch.frames_before() {
            return Ok(());
        }
        let grid = stretch.schedule().grid();
        let pts = (i128::from(grid.pts(n)) + shift).clamp(0, i64::MAX.into()) as u64;
        if scope.is_late(&self.segment, gst::ClockTime::from_nseconds(pts)) {
            self.discont = true;
            return Ok(());
        }
        let mut buffer = scope.allocate(output)?;
        let started = Instant::now();
        let frame = stretch.frame(n, painter.reach(), &mut self.window, &mut self.records);
        let frame = frame.map_err(|error| {
            gst::error!(CAT, imp = scope, "frame {n}: {error}");
            FrameFailure::of_timeline(n, &error)
        })?;
        let picture = buffer.make_mut();
        painter.paint(&frame, &self.window, picture)?;
        painter::stamp(picture, n, pts, grid.duration(n));
        if std::mem::take(&mut self.discont) {
            picture.set_flags(gst::BufferFlags::DISCONT);
        }
        scope.stats.render.fetch_add(started.elapsed().as_nanos() as u64, Ordering::Relaxed);
        gst::trace!(CAT, imp = scope, "frame {n}");
        scope.srcpad.push(buffer)?;
        scope.stats.frames.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}
