//! The way out: negotiation with downstream, and buffers for pictures.

use std::sync::atomic::Ordering;

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::element::{CAT, VisualScope};
use super::failure::Failure;
use crate::glue::video::{self, grid_of};
use crate::logic::render::look::Background;
use crate::logic::sync::lock;

/// The video agreed on with downstream, and the pool its buffers come from.
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

impl VisualScope {
    /// Agrees on pictures on that background with downstream, keeping `old` where that is what is agreed on.
    pub(super) fn negotiate(&self, background: Background, old: Option<Output>) -> Result<Output, Failure> {
        // All that the peer takes: asked for what we would like, an element that converts would only say that it can.
        let wanted = self.srcpad.peer_query_caps(None);
        let refused = || Failure::Negotiation { wanted: wanted.to_string(), background };
        let caps = video::choose(&wanted, background).ok_or_else(refused)?;
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

    /// Keeps the latency for queries, and tells the pipeline where it is another than before.
    pub(super) fn set_latency(&self, latency: u64) {
        if self.stats.latency.swap(latency, Ordering::Relaxed) != latency {
            gst::debug!(CAT, imp = self, "latency is {latency} ns");
            let _ = self.obj().post_message(gst::message::Latency::builder().src(&*self.obj()).build());
        }
    }
}
