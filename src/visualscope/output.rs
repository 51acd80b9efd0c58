//! What goes out: negotiated pictures, buffers for them, and which of them are too late.

use std::sync::atomic::{AtomicU64, Ordering};

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::failure::Failure;
use super::imp::{CAT, VisualScope};
use crate::glue::video::{self, grid_of};
use crate::logic::sync::lock;

/// What was agreed on with downstream.
pub(super) struct Output {
    pub(super) info: gst_video::VideoInfo,
    caps: gst::Caps,
    pool: gst::BufferPool,
}

impl Drop for Output {
    fn drop(&mut self) {
        let _ = self.pool.set_active(false);
    }
}

/// What downstream says about time, in running time of the segment that is drawn.
#[derive(Debug, Default)]
pub(super) struct Lateness {
    /// Frames before that are too late.
    earliest: Option<gst::ClockTime>,
    /// The last frame that went out.
    sent: Option<gst::ClockTime>,
}

/// What is counted, from READY to PAUSED on.
#[derive(Debug, Default)]
pub(super) struct Stats {
    pub(super) frames: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) gaps: AtomicU64,
    pub(super) samples: AtomicU64,
    pub(super) latency: AtomicU64,
    pub(super) render: AtomicU64,
}

impl Stats {
    pub(super) fn reset(&self) {
        let Self { frames, dropped, gaps, samples, latency, render } = self;
        [frames, dropped, gaps, samples, latency, render].iter().for_each(|count| count.store(0, Ordering::Relaxed));
    }

    pub(super) fn structure(&self) -> gst::Structure {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        gst::Structure::builder("visualscope-stats")
            .field("frames", read(&self.frames))
            .field("dropped", read(&self.dropped))
            .field("gaps", read(&self.gaps))
            .field("samples", read(&self.samples))
            .field("latency", read(&self.latency))
            .field("render-time", read(&self.render))
            .build()
    }
}

impl VisualScope {
    /// Agrees on pictures with downstream, keeping `old` where that is what is agreed on.
    pub(super) fn negotiate(&self, old: Option<Output>) -> Result<Output, Failure> {
        let template = video::template_caps();
        let wanted = self.srcpad.peer_query_caps(Some(&template));
        let refused = || Failure::Negotiation(format!("wanted: {wanted}"));
        if wanted.is_empty() {
            return Err(refused());
        }
        let mut caps = video::fixate(wanted.clone());
        caps.fixate();
        if let Some(old) = old.filter(|old| old.caps == caps) {
            return Ok(old);
        }
        let info = gst_video::VideoInfo::from_caps(&caps).map_err(|_| refused())?;
        let grid = grid_of(&info, 1).ok_or_else(refused)?;
        gst::debug!(CAT, imp = self, "negotiated {caps}");
        if !self.srcpad.push_event(gst::event::Caps::new(&caps)) {
            return Err(refused());
        }
        self.frame_ns.store(grid.pts(1), Ordering::Relaxed);
        let mut query = gst::query::Allocation::new(Some(&caps), true);
        // Without an answer there is a pool of our own.
        let _ = self.srcpad.peer_query(&mut query);
        let pool = video::decide_pool(&mut query).map_err(|error| Failure::Memory(error.to_string()))?;
        pool.set_active(true).map_err(|error| Failure::Memory(error.to_string()))?;
        *lock(&self.pool) = Some(pool.clone());
        Ok(Output { info, caps, pool })
    }

    /// A buffer for a picture.
    pub(super) fn allocate(&self, output: &Output) -> Result<gst::Buffer, gst::FlowError> {
        // Closed after the pool was made, the queue could not have reached that pool.
        self.queue.flow()?;
        output.pool.acquire_buffer(None)
    }

    /// Ends the wait for a buffer, or lets it happen again.
    pub(super) fn flush_pool(&self, flushing: bool) {
        let pool = lock(&self.pool).clone();
        if let Some(pool) = pool {
            pool.set_flushing(flushing);
        }
    }

    /// Whether a frame at that running time is too late; tells so.
    pub(super) fn is_late(&self, segment: &gst::FormattedSegment<gst::ClockTime>, pts: gst::ClockTime) -> bool {
        let Some(running) = segment.to_running_time(pts) else { return false };
        let qos = lock(&self.settings).qos;
        let earliest = {
            let mut lateness = lock(&self.lateness);
            match lateness.earliest.filter(|&earliest| qos && running < earliest) {
                Some(earliest) => earliest,
                None => {
                    lateness.sent = Some(running);
                    return false;
                }
            }
        };
        let dropped = self.stats.dropped.fetch_add(1, Ordering::Relaxed) + 1;
        let frames = self.stats.frames.load(Ordering::Relaxed);
        gst::debug!(CAT, imp = self, "frame at {pts} is {} late", earliest - running);
        let message = gst::message::Qos::builder(false)
            .running_time(running)
            .stream_time(segment.to_stream_time(pts))
            .timestamp(pts)
            .duration(gst::ClockTime::from_nseconds(self.frame_ns.load(Ordering::Relaxed)))
            .stats(gst::format::Default::from_u64(frames), gst::format::Default::from_u64(dropped))
            .src(&*self.obj())
            .build();
        let _ = self.obj().post_message(message);
        true
    }

    /// Takes what downstream says about how late it is.
    pub(super) fn note_qos(&self, qos: &gst::event::Qos) {
        let (_, _, late, timestamp) = qos.get();
        let Some(timestamp) = timestamp else { return };
        let frame = gst::ClockTime::from_nseconds(self.frame_ns.load(Ordering::Relaxed));
        let by = gst::ClockTime::from_nseconds(late.unsigned_abs());
        // What is late now will be later still: twice as far ahead, there is a chance.
        let earliest = if late > 0 { timestamp + by + by + frame } else { timestamp.saturating_sub(by) };
        let mut lateness = lock(&self.lateness);
        // Of a frame that is still to come nothing can be known: that one was of an earlier segment.
        if lateness.sent.is_some_and(|sent| timestamp <= sent) {
            lateness.earliest = Some(earliest);
        }
    }

    pub(super) fn set_latency(&self, latency: u64) {
        if self.stats.latency.swap(latency, Ordering::Relaxed) != latency {
            gst::debug!(CAT, imp = self, "latency is {latency} ns");
            let _ = self.obj().post_message(gst::message::Latency::builder().src(&*self.obj()).build());
        }
    }
}
