//! Both pads: audio, events and queries that come in, and their activation. Whatever has a place in the stream is queued.

use std::sync::atomic::Ordering;

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::element::{CAT, VisualScope};
use super::qos::Lateness;
use super::queue::{Entry, ROOM};
use crate::glue::video;
use crate::logic::clock::SECOND;
use crate::logic::sync::lock;

impl VisualScope {
    pub(super) fn sink_chain(&self, buffer: gst::Buffer) -> Result<gst::FlowSuccess, gst::FlowError> {
        let bytes = self.bytes_per_second.load(Ordering::Relaxed);
        if bytes == 0 {
            return Err(gst::FlowError::NotNegotiated);
        }
        let time = (buffer.size() as u128 * u128::from(SECOND) / u128::from(bytes)) as u64;
        self.queue.push(Entry::Buffer(buffer, time)).map(|()| gst::FlowSuccess::Ok)
    }

    pub(super) fn sink_event(&self, pad: &gst::Pad, event: gst::Event) -> Result<gst::FlowSuccess, gst::FlowError> {
        use gst::EventView;
        match event.view() {
            EventView::FlushStart(_) => {
                // Downstream first, where the task may be waiting.
                self.srcpad.push_event(event);
                self.queue.close(gst::FlowError::Flushing);
                self.flush_pool(true);
                let _ = self.srcpad.pause_task();
                return Ok(gst::FlowSuccess::Ok);
            }
            EventView::FlushStop(_) => {
                self.srcpad.push_event(event);
                self.go_on();
                return Ok(gst::FlowSuccess::Ok);
            }
            EventView::Caps(caps) => {
                let info = gst_audio::AudioInfo::from_caps(caps.caps()).map_err(|_| gst::FlowError::NotNegotiated)?;
                let bytes = u64::from(info.rate()) * u64::from(info.bpf());
                self.bytes_per_second.store(bytes, Ordering::Relaxed);
            }
            // A new stream is welcome where the last one had come to its end.
            EventView::StreamStart(_) => {
                self.ended.store(false, Ordering::Relaxed);
                if self.queue.flow() == Err(gst::FlowError::Eos) {
                    self.go_on();
                }
            }
            EventView::Eos(_) => self.ended.store(true, Ordering::Relaxed),
            _ => {}
        }
        if event.is_serialized() {
            self.queue.push(Entry::Event(event)).map(|()| gst::FlowSuccess::Ok)
        } else if gst::Pad::event_default(pad, Some(&*self.obj()), event) {
            Ok(gst::FlowSuccess::Ok)
        } else {
            Err(gst::FlowError::Error)
        }
    }

    pub(super) fn sink_query(&self, pad: &gst::Pad, query: &mut gst::QueryRef) -> bool {
        // Nobody downstream allocates audio, and EOS is there for whoever wants everything drawn.
        if query.is_serialized() {
            return false;
        }
        gst::Pad::query_default(pad, Some(&*self.obj()), query)
    }

    pub(super) fn src_event(&self, pad: &gst::Pad, event: gst::Event) -> bool {
        use gst::EventView;
        match event.view() {
            // Late pictures are no concern of whoever makes the sound.
            EventView::Qos(qos) => {
                self.note_qos(qos);
                true
            }
            EventView::Reconfigure(_) => {
                if self.queue.flow() == Err(gst::FlowError::NotLinked) {
                    self.go_on();
                }
                true
            }
            _ => gst::Pad::event_default(pad, Some(&*self.obj()), event),
        }
    }

    pub(super) fn src_query(&self, pad: &gst::Pad, query: &mut gst::QueryRef) -> bool {
        if let gst::QueryViewMut::Caps(caps) = query.view_mut() {
            let background = lock(&self.settings).look.background();
            caps.set_result(&video::offered(background, caps.filter().map(ToOwned::to_owned).as_ref()));
            return true;
        }
        if let gst::QueryViewMut::Latency(latency) = query.view_mut() {
            let mut upstream = gst::query::Latency::new();
            if !self.sinkpad.peer_query(&mut upstream) {
                return false;
            }
            let (live, min, max) = upstream.result();
            let own = gst::ClockTime::from_nseconds(self.stats.latency.load(Ordering::Relaxed));
            // What is looked ahead at is held, and so is what waits in the queue.
            let held = own + gst::ClockTime::from_nseconds(ROOM);
            latency.set(live, min + own, max.map(|max| max + held));
            return true;
        }
        gst::Pad::query_default(pad, Some(&*self.obj()), query)
    }

    pub(super) fn sink_activate_mode(&self, mode: gst::PadMode, active: bool) -> Result<(), gst::LoggableError> {
        if mode != gst::PadMode::Push {
            return Err(gst::loggable_error!(CAT, "only push mode works here"));
        }
        if !active {
            self.queue.close(gst::FlowError::Flushing);
        }
        Ok(())
    }

    pub(super) fn src_activate_mode(
        &self,
        pad: &gst::Pad,
        mode: gst::PadMode,
        active: bool,
    ) -> Result<(), gst::LoggableError> {
        if mode != gst::PadMode::Push {
            return Err(gst::loggable_error!(CAT, "only push mode works here"));
        }
        let done = if active {
            *lock(&self.lateness) = Lateness::default();
            self.ended.store(false, Ordering::Relaxed);
            self.queue.open();
            self.start_task(pad)
        } else {
            self.queue.close(gst::FlowError::Flushing);
            self.flush_pool(true);
            let stopped = pad.stop_task();
            *lock(&self.pool) = None;
            stopped
        };
        done.map_err(|error| gst::loggable_error!(CAT, "the pad's task: {error}"))
    }
}
