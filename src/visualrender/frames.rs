//! Frame after frame: prepares the drawing once the timeline is there, then draws into buffers.

use std::path::Path;
use std::sync::Arc;

use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_base::prelude::*;
use gst_base::subclass::base_src::CreateSuccess;

use super::drawing::{Drawing, Hand};
use super::element::{CAT, VisualRender};
use super::failure::Failure;
use super::frame_cache::{Easel, FrameCache, Missing};
use super::playback::segment_of;
use super::properties::Settings;
use crate::logic::audio::jsonl;
use crate::logic::audio::timeline::Timeline;
use crate::logic::frame_grid::FrameGrid;
use crate::logic::memory;
use crate::logic::render::programme::Programme;

impl VisualRender {
    /// Gives the frame that comes next, in `buffer` where there is one.
    pub(super) fn next_frame(&self, buffer: Option<&mut gst::BufferRef>) -> Result<CreateSuccess, gst::FlowError> {
        let timeline = self.timeline()?;
        let cache = self.prepare(timeline)?;
        let wanted = { self.settings().range };
        let (next, segment, after) = {
            let mut playback = self.playback();
            let (grid, count) = playback.grid().zip(playback.frame_count()).ok_or(gst::FlowError::NotNegotiated)?;
            let wanted = wanted.of(count);
            let is_part = wanted != (0..count) && !std::mem::replace(&mut playback.segment_set, true);
            let next = playback.step(grid, &wanted);
            (next, is_part.then(|| segment_of(grid, &wanted)), playback.peek(grid, &wanted))
        };
        if let Some(segment) = segment {
            self.obj().new_segment(segment.upcast_ref()).map_err(|_| gst::FlowError::Error)?;
        }
        let Some(n) = next else {
            gst::debug!(CAT, imp = self, "that was the last frame");
            return Err(gst::FlowError::Eos);
        };
        let easel = cache.easel();
        let result = match buffer {
            Some(buffer) => self.draw(&easel, n, buffer).map(|()| CreateSuccess::FilledBuffer),
            None => self.frame(&cache, &easel, n).map(CreateSuccess::NewBuffer),
        };
        if result.is_ok() {
            cache.store().shown(n, after);
            self.tell_shown(&easel, n);
        }
        result
    }

    /// Frame `n` as a new buffer around memory that the cache may keep.
    fn frame(&self, cache: &FrameCache, easel: &Easel, n: u64) -> Result<gst::Buffer, gst::FlowError> {
        match cache.store().wait_for(n) {
            Some(Ok(memory)) => {
                let mut buffer = gst::Buffer::new();
                let header = buffer.make_mut();
                header.append_memory(memory);
                easel.drawing.stamp(n, header);
                Ok(buffer)
            }
            Some(Err(Missing::Failure(failure))) => Err(self.fail(&Failure::Frame(failure))),
            // Playback goes on with memory that is not ours.
            Some(Err(Missing::NoMemory)) => {
                let mut buffer = self.allocate()?;
                self.draw(easel, n, buffer.make_mut())?;
                cache.store().change(|frames| {
                    frames.forgive(n);
                    Vec::new()
                });
                Ok(buffer)
            }
            None => {
                // It is still the one that is wanted.
                self.playback().step_back(n);
                Err(gst::FlowError::Flushing)
            }
        }
    }

    /// Draws frame `n` here and now.
    fn draw(&self, easel: &Easel, n: u64, buffer: &mut gst::BufferRef) -> Result<(), gst::FlowError> {
        let drawn = easel.drawing.draw_buffer(n, &mut Hand::default(), buffer);
        drawn.map_err(|failure| self.fail(&Failure::Frame(failure)))?;
        easel.drawing.stamp(n, buffer);
        Ok(())
    }

    /// Makes everything ready for the caps that are negotiated, unless it is.
    fn prepare(&self, timeline: Arc<Timeline>) -> Result<Arc<FrameCache>, gst::FlowError> {
        let is_ready = { self.playback().prepared };
        if let Some(cache) = self.cache().filter(|_| is_ready) {
            return Ok(cache);
        }
        let info = { self.playback().info.clone() }.ok_or(gst::FlowError::NotNegotiated)?;
        let settings = self.settings().clone();
        let (grid, count) = {
            let playback = self.playback();
            playback.grid().zip(playback.frame_count()).ok_or(gst::FlowError::NotNegotiated)?
        };
        let cuts = settings.switching.cuts(&timeline, grid, &mut || self.gate.unless_closed());
        let cuts = cuts.map_err(|failure| self.fail(&failure))?.ok_or(gst::FlowError::Flushing)?;
        let scenes = settings.scenes().map_err(|failure| self.fail(&failure))?;
        let programme = settings.switching.programme(scenes, cuts, grid);
        let written =
            self.write_jsonl(&settings, &timeline, grid, &programme).map_err(|failure| self.fail(&failure))?;
        written.ok_or(gst::FlowError::Flushing)?;
        let drawing = Drawing::new(&settings, programme, timeline, grid, info);
        let drawing = drawing.map_err(|failure| self.fail(&failure))?;
        let playhead = { self.playback().playhead(grid, &settings.range.of(count), settings.caching.preload.into()) };
        let cache = match self.cache() {
            Some(cache) => {
                // The old frames make room for the new ones first.
                if !cache.rest() {
                    return Err(gst::FlowError::Flushing);
                }
                let easel = Easel::next(drawing, count)
                    .map_err(|denied| self.fail(&Failure::Memory(denied, memory::limited_by())))?;
                cache.renew(easel, playhead);
                cache
            }
            None => {
                let easel = Easel::new(drawing, count)
                    .map_err(|denied| self.fail(&Failure::Memory(denied, memory::limited_by())))?;
                let (threads, eviction) = (settings.caching.threads(), settings.caching.eviction.into());
                let started = FrameCache::start(easel, threads, eviction, playhead);
                let cache = started.map_err(|error| self.fail(&Failure::Threads(error)))?;
                drop(self.set_cache(Some(cache.clone())));
                self.start_reports();
                cache
            }
        };
        // A flush that came before the cache was there has not reached it.
        cache.store().set_flushing(self.gate.unless_closed().is_break());
        self.playback().prepared = true;
        Ok(cache)
    }

    /// Has the cache go where playback has gone.
    pub(super) fn jump(&self) {
        let Some(cache) = self.cache() else { return };
        let settings = self.settings().clone();
        let playhead = {
            let playback = self.playback();
            let known = playback.grid().zip(playback.frame_count()).filter(|_| playback.prepared);
            known.map(|(grid, count)| {
                playback.playhead(grid, &settings.range.of(count), settings.caching.preload.into())
            })
        };
        // Else the next frame makes everything anew.
        if let Some(playhead) = playhead {
            cache.jump(playhead);
        }
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

    /// Counts frame `n`, and tells where another scene begins.
    fn tell_shown(&self, easel: &Easel, n: u64) {
        gst::trace!(CAT, imp = self, "frame {n}");
        let scene = easel.drawing.scene(n);
        let switched = {
            let mut playback = self.playback();
            playback.frames += 1;
            playback.shown.replace(scene).is_some_and(|shown| shown != scene)
        };
        if switched {
            self.tell_scene(n, gst::ClockTime::from_nseconds(easel.drawing.grid().pts(n)), scene);
        }
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
