//! The task of the source pad, which does the work that is queued.

use std::sync::atomic::Ordering;

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::element::{CAT, VisualScope};
use super::qos::Lateness;
use super::queue::Entry;
use super::worker::{Stop, Worker};
use crate::logic::sync::lock;

impl VisualScope {
    /// After a flush or an end: empties the queue, opens it and lets the task run again.
    pub(super) fn go_on(&self) {
        let _ = self.srcpad.pause_task();
        *lock(&self.lateness) = Lateness::default();
        self.ended.store(false, Ordering::Relaxed);
        for item in self.queue.open() {
            // Events that hold for the whole stream are kept.
            if let Entry::Event(event) = item {
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
    pub(super) fn start_task(&self, pad: &gst::Pad) -> Result<(), glib::BoolError> {
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
