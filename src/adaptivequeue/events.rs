//! Events and flushing.

use std::sync::atomic::Ordering;

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::element::{AdaptiveQueue, CAT, DATAFLOW};
use super::item::QueueItem;
use super::watchdog;
use crate::logic::queue::handoff::Weight;
use crate::logic::queue::levels::Level;
use crate::logic::sync::lock;

impl AdaptiveQueue {
    pub(super) fn sink_event(&self, event: gst::Event) -> Result<gst::FlowSuccess, gst::FlowError> {
        gst::log!(DATAFLOW, imp = self, "received {event:?}");
        match event.type_() {
            gst::EventType::FlushStart => self.flush_start(event),
            gst::EventType::FlushStop => self.flush_stop(event),
            _ if event.is_serialized() => self.queue_event(event),
            _ => match self.srcpad.push_event(event) {
                true => Ok(gst::FlowSuccess::Ok),
                false => Err(gst::FlowError::Error),
            },
        }
    }

    fn flush_start(&self, event: gst::Event) -> Result<gst::FlowSuccess, gst::FlowError> {
        let sent = self.srcpad.push_event(event);
        self.set_flow(Err(gst::FlowError::Flushing));
        // Downstream flushes, so the task comes back. It empties the queue on its way out.
        let _ = self.srcpad.pause_task();
        // The sender of a query must go even where the task was not running.
        self.wake_query();
        match sent {
            true => Ok(gst::FlowSuccess::Ok),
            false => Err(gst::FlowError::Error),
        }
    }

    fn flush_stop(&self, event: gst::Event) -> Result<gst::FlowSuccess, gst::FlowError> {
        let sent = self.srcpad.push_event(event);
        self.flush(false);
        let control = lock(&self.control);
        self.reopen();
        if self.srcpad.is_active() {
            // Fails only without a task, that is, on a pad that has just been deactivated.
            let _ = self.start_task(&self.srcpad);
        }
        drop(control);
        match sent {
            true => Ok(gst::FlowSuccess::Ok),
            false => Err(gst::FlowError::Error),
        }
    }

    fn queue_event(&self, event: gst::Event) -> Result<gst::FlowSuccess, gst::FlowError> {
        let begins_stream = matches!(event.type_(), gst::EventType::StreamStart | gst::EventType::Segment);
        if begins_stream {
            self.restart();
        }
        if let Err(error) = self.flow() {
            // A sticky event stays on the pad and is sent again; data will meet the error. After EOS no data follows.
            if event.type_() == gst::EventType::Eos {
                if !matches!(error, gst::FlowError::Flushing | gst::FlowError::Eos) {
                    self.post_gone(error);
                }
                return Err(error);
            }
            // What a flushing queue took would be forgotten, though the sender counts it as sent.
            if !event.is_sticky() || error == gst::FlowError::Flushing {
                return Err(error);
            }
        }
        if self.eos.load(Ordering::Acquire) {
            gst::debug!(CAT, imp = self, "refusing {event:?} after EOS");
            return Err(gst::FlowError::Eos);
        }
        match event.view() {
            gst::EventView::Eos(_) => {
                if self.hot.flush_on_eos.load(Ordering::Relaxed) {
                    self.drop_all();
                    // As in `queue`, where this is a flush.
                    self.handoff.set_thresholds(*lock(&self.thresholds));
                } else {
                    // What is in the queue is all there will be.
                    self.handoff.set_thresholds(Level::default());
                }
                self.eos.store(true, Ordering::Release);
            }
            gst::EventView::Caps(caps) => self.set_caps(caps.caps()),
            _ => (),
        }
        let before = self.level_to_notify();
        let eos = self.eos.load(Ordering::Relaxed);
        {
            let mut tail = lock(&self.tail);
            if let gst::EventView::Segment(segment) = event.view() {
                tail.times.set_segment(segment);
                let mut head = lock(&self.head);
                if self.handoff.items() == 0 {
                    head.times.set_segment(segment);
                    head.segment_applied = true;
                }
                // A new segment lets data in again after EOS from downstream.
                self.unexpected.store(false, Ordering::Release);
            }
            let item = QueueItem::Event(event);
            let time = tail.times.of(&item);
            self.handoff.push(item, Weight::default(), time);
        }
        if eos {
            // From here on nobody may be left to notice that nothing moves.
            watchdog::suspect(&self.obj());
        }
        self.notify_level(before);
        Ok(gst::FlowSuccess::Ok)
    }

    /// A new stream or segment ends EOS on both sides.
    fn restart(&self) {
        let _control = lock(&self.control);
        let ended = self.reopen_from(gst::FlowError::Eos);
        if self.eos.load(Ordering::Acquire) {
            self.eos.store(false, Ordering::Release);
            self.unexpected.store(false, Ordering::Release);
            self.handoff.set_thresholds(*lock(&self.thresholds));
            if ended {
                // Fails only without a task, that is, on a pad that has just been deactivated.
                let _ = self.start_task(&self.srcpad);
            }
        }
    }

    /// Empties the queue while the stream goes on.
    fn drop_all(&self) {
        let mut head = lock(&self.head);
        let gone: Vec<QueueItem> = std::iter::from_fn(|| head.drop_oldest(self)).collect();
        drop(head);
        drop(gone);
    }

    /// Empties the queue while nobody sends. Unless `full`, sticky events in it stay in force on the source pad.
    pub(super) fn flush(&self, full: bool) {
        let mut gone = Vec::new();
        {
            let mut tail = lock(&self.tail);
            let mut head = lock(&self.head);
            gone.extend(head.kept.drain(..).map(QueueItem::Event));
            gone.extend(std::iter::from_fn(|| self.handoff.pop(|_| None)).map(|(item, _)| item));
            let ends_with_flush = |event: &gst::Event| {
                !event.is_sticky() || matches!(event.type_(), gst::EventType::Segment | gst::EventType::Eos)
            };
            for item in &gone {
                if let QueueItem::Event(event) = item
                    && !full
                    && !ends_with_flush(event)
                {
                    // Fails only on a pad that is not active, which forgets its events anyway.
                    let _ = self.srcpad.store_sticky_event(event);
                }
            }
            tail.flush();
            head.flush();
            self.handoff.reset_times();
            self.need.forget();
        }
        // Buffers go without a lock held: what frees them may call anywhere.
        drop(gone);
        self.handoff.set_thresholds(*lock(&self.thresholds));
        self.release_lease();
        let (level, limits) = (self.handoff.level(), self.handoff.limits());
        if self.backpressure.active() {
            self.update_backpressure(&level, &limits);
        }
    }

    pub(super) fn src_event(&self, pad: &gst::Pad, event: gst::Event) -> bool {
        if event.type_() != gst::EventType::Reconfigure {
            return gst::Pad::event_default(pad, Some(&*self.obj()), event);
        }
        {
            let _control = lock(&self.control);
            // Somebody is there now.
            if self.reopen_from(gst::FlowError::NotLinked) {
                // Fails only without a task, that is, on a pad that has just been deactivated.
                let _ = self.start_task(pad);
            }
        }
        self.sinkpad.push_event(event)
    }
}
