//! The pads: what comes in is queued, and the task of the source pad does what the queue says.

use std::sync::atomic::Ordering;

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::imp::{CAT, VisualScope};
use super::output::Lateness;
use super::queue::{Item, ROOM};
use super::worker::{Stop, Worker};
use crate::logic::clock::SECOND;
use crate::logic::sync::lock;

impl VisualScope {
    pub(super) fn sink_chain(&self, buffer: gst::Buffer) -> Result<gst::FlowSuccess, gst::FlowError> {
        let bytes = self.bytes_per_second.load(Ordering::Relaxed);
        if bytes == 0 {
            return Err(gst::FlowError::NotNegotiated);
        }
        let time = (buffer.size() as u128 * u128::from(SECOND) / u128::from(bytes)) as u64;
        self.queue.push(Item::Buffer(buffer, time)).map(|()| gst::FlowSuccess::Ok)
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
            self.queue.push(Item::Event(event)).map(|()| gst::FlowSuccess::Ok)
        } else if gst::Pad::event_default(pad, Some(&*self.obj()), event) {
            Ok(gst::FlowSuccess::Ok)
        } else {
            Err(gst::FlowError::Error)
        }
    }

    pub(super) fn sink_query(&self, pad: &gst::Pad, query: &mut gst::QueryRef) -> bool {
        // What downstream allocates is no audio, and whoever wants to know that all is drawn sends EOS.
        if query.is_serialized() {
            return false;
        }
        gst::Pad::query_default(pad, Some(&*self.obj()), query)
    }

    pub(super) fn src_event(&self, pad: &gst::Pad, event: gst::Event) -> bool {
        use gst::EventView;
        match event.view() {
            // Whether pictures are late does not concern who makes sound.
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

    /// After a flush or an end: empties the queue, opens it and lets the task run again.
    fn go_on(&self) {
        let _ = self.srcpad.pause_task();
        *lock(&self.lateness) = Lateness::default();
        self.ended.store(false, Ordering::Relaxed);
        for item in self.queue.open() {
            // What holds for the whole stream is not lost.
            if let Item::Event(event) = item {
                let kind = event.type_();
                let of_stream = event.is_sticky()
                    && !matches!(kind, gst::EventType::Caps | gst::EventType::Segment | gst::EventType::Eos);
                if of_stream {
                    let _ = self.srcpad.store_sticky_event(&event);
                }
            }
        }
        self.flush_pool(false);
        if let Err(error) = self.start_task(&self.srcpad) {
            gst::warning!(CAT, imp = self, "the pad's task: {error}");
        }
    }

    /// Starts the task; one that rests goes on with what it knows.
    fn start_task(&self, pad: &gst::Pad) -> Result<(), glib::BoolError> {
        let mut worker = Worker::new(lock(&self.settings).clone());
        let weak = self.downgrade();
        pad.start_task(move || {
            if let Some(scope) = weak.upgrade() {
                scope.work(|scope| worker.round(scope));
            }
        })
    }

    /// Does a round of work in the task. A panic is told as an error of the element and goes no further: C calls this.
    fn work(&self, round: impl FnOnce(&Self) -> Result<(), Stop>) {
        let parent: gst::Object = self.obj().clone().upcast();
        let failed = || Err(Stop::Flow(gst::FlowError::Error));
        if let Err(stop) = Self::catch_panic_pad_function(Some(&parent), failed, round) {
            self.rest(stop);
        }
    }

    /// The task cannot go on.
    fn rest(&self, stop: Stop) {
        let flow = match stop {
            Stop::Flow(flow) => flow,
            Stop::Failed(failure) => {
                gst::error!(CAT, imp = self, "{failure:?}");
                self.post_error_message(failure.to_message());
                failure.flow()
            }
        };
        gst::debug!(CAT, imp = self, "resting: {flow:?}");
        self.queue.close(flow);
        let _ = self.srcpad.pause_task();
        // Whoever brings audio learns of an error with the next buffer, if there is one.
        let unheard = !matches!(flow, gst::FlowError::Flushing | gst::FlowError::Eos);
        if unheard && self.ended.load(Ordering::Relaxed) {
            gst::element_imp_error!(
                self,
                gst::StreamError::Failed,
                ("The last pictures cannot be shown. What follows visualscope says why."),
                ["streaming stopped: {flow:?}"]
            );
            self.srcpad.push_event(gst::event::Eos::new());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_while_drawing_is_an_error_of_the_element_and_ends_the_wait_for_room() {
        gst::init().unwrap();
        let element = glib::Object::new::<super::super::VisualScope>();
        let (bus, scope) = (gst::Bus::new(), element.imp());
        element.set_bus(Some(&bus));
        scope.queue.open();
        scope.work(|_| panic!("this test panics on purpose"));
        let message = bus.pop_filtered(&[gst::MessageType::Error]).expect("an error");
        let gst::MessageView::Error(error) = message.view() else { unreachable!("errors were asked for") };
        assert!(error.error().matches(gst::LibraryError::Failed), "{error:?}");
        assert!(error.error().message().contains("on purpose"), "{error:?}");
        assert!(bus.pop_filtered(&[gst::MessageType::Error]).is_none(), "one error");
        assert_eq!(scope.queue.flow(), Err(gst::FlowError::Error));
        // What has panicked does not go on.
        scope.work(|_| unreachable!("it may not be called again"));
        element.set_bus(None::<&gst::Bus>);
    }
}
