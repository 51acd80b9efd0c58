//! The two pads: their functions, and what switches them on and off.

use std::sync::atomic::Ordering;

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::element::{AdaptiveQueue, CAT};
use super::item::QueueItem;
use crate::logic::sync::lock;

/// Both pads, the sink first.
pub(super) fn make(class: &<AdaptiveQueue as ObjectSubclass>::Class) -> (gst::Pad, gst::Pad) {
    let template = |name| class.pad_template(name).expect("both templates are in pad_templates()");
    let sinkpad = gst::Pad::builder_from_template(&template("sink"))
        .activatemode_function(|pad, parent, mode, active| {
            AdaptiveQueue::catch_panic_pad_function(
                parent,
                || Err(gst::loggable_error!(CAT, "panic in activation")),
                |queue| queue.sink_activate_mode(pad, mode, active),
            )
        })
        .chain_function(|_, parent, buffer| {
            AdaptiveQueue::catch_panic_pad_function(
                parent,
                || Err(gst::FlowError::Error),
                |queue| queue.chain(QueueItem::Buffer(buffer)),
            )
        })
        .chain_list_function(|_, parent, list| {
            AdaptiveQueue::catch_panic_pad_function(
                parent,
                || Err(gst::FlowError::Error),
                |queue| queue.chain(QueueItem::List(list)),
            )
        })
        .event_full_function(|_, parent, event| {
            AdaptiveQueue::catch_panic_pad_function(
                parent,
                || Err(gst::FlowError::Error),
                |queue| queue.sink_event(event),
            )
        })
        .query_function(|pad, parent, query| {
            AdaptiveQueue::catch_panic_pad_function(parent, || false, |queue| queue.sink_query(pad, query))
        })
        .flags(gst::PadFlags::PROXY_CAPS)
        .build();
    let srcpad = gst::Pad::builder_from_template(&template("src"))
        .activatemode_function(|pad, parent, mode, active| {
            AdaptiveQueue::catch_panic_pad_function(
                parent,
                || Err(gst::loggable_error!(CAT, "panic in activation")),
                |queue| queue.src_activate_mode(pad, mode, active),
            )
        })
        .event_function(|pad, parent, event| {
            AdaptiveQueue::catch_panic_pad_function(parent, || false, |queue| queue.src_event(pad, event))
        })
        .query_function(|pad, parent, query| {
            AdaptiveQueue::catch_panic_pad_function(parent, || false, |queue| queue.src_query(pad, query))
        })
        .flags(gst::PadFlags::PROXY_CAPS)
        .build();
    (sinkpad, srcpad)
}

impl AdaptiveQueue {
    fn sink_activate_mode(&self, pad: &gst::Pad, mode: gst::PadMode, active: bool) -> Result<(), gst::LoggableError> {
        if mode != gst::PadMode::Push {
            return Err(gst::loggable_error!(CAT, "only push mode works here"));
        }
        if active {
            self.reopen();
        } else {
            self.set_flow(Err(gst::FlowError::Flushing));
            // Whoever is in the pad leaves before the queue is emptied.
            let _stream = pad.stream_lock();
            self.flush(true);
        }
        Ok(())
    }

    fn src_activate_mode(&self, pad: &gst::Pad, mode: gst::PadMode, active: bool) -> Result<(), gst::LoggableError> {
        if mode != gst::PadMode::Push {
            return Err(gst::loggable_error!(CAT, "only push mode works here"));
        }
        let done = if active {
            self.reopen();
            let _control = lock(&self.control);
            self.start_task(pad)
        } else {
            self.set_flow(Err(gst::FlowError::Flushing));
            let stopped = pad.stop_task();
            self.flush(false);
            stopped
        };
        done.map_err(|error| gst::loggable_error!(CAT, "the pad's task: {error}"))
    }

    /// Forgets the end of the last stream and lets data in.
    pub(super) fn reopen(&self) {
        self.eos.store(false, Ordering::Release);
        self.unexpected.store(false, Ordering::Release);
        self.stall.clear();
        self.set_flow(Ok(gst::FlowSuccess::Ok));
    }
}
