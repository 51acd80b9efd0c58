//! The consuming side: a task that takes items out and pushes them downstream.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::element::{AdaptiveQueue, CAT, DATAFLOW};
use super::item::QueueItem;
use super::running_time::RunningTimes;
use crate::logic::backpressure::Zone;
use crate::logic::clock::{MILLISECOND, Nanos, monotonic};
use crate::logic::queue::handoff::Waited;
use crate::logic::queue::watermark;
use crate::logic::sync::lock;

/// Items per round of the task, which costs two locks of its own.
const ROUND: usize = 32;
/// A consumer slower than this may as well wake the producer each time.
const SLOW: Nanos = MILLISECOND;

/// The state of the consuming side; a leak downstream is done by the producer, with this one's lock.
#[derive(Debug, Default)]
pub(super) struct Head {
    pub times: RunningTimes,
    pub needs_discont: bool,
    /// The segment at the tail was taken over while the queue was empty: it need not be again when it comes out.
    pub segment_applied: bool,
    /// Sticky events of items that were dropped in front of what is still to come. The consumer sends them, so that
    /// none overtakes an older one that is on its way out.
    pub kept: VecDeque<gst::Event>,
    last_taken: Nanos,
}

impl Head {
    /// The queue was emptied: nothing that was known of the stream holds any more.
    pub fn flush(&mut self) {
        *self = Self { last_taken: self.last_taken, ..Self::default() };
    }

    /// Takes the oldest item and counts it.
    pub fn take(&mut self, queue: &AdaptiveQueue) -> Option<QueueItem> {
        let (item, _) = queue.handoff.pop(|item| {
            if let QueueItem::Event(event) = item
                && let gst::EventView::Segment(segment) = event.view()
            {
                if !std::mem::take(&mut self.segment_applied) {
                    self.times.set_segment(segment);
                }
                return None;
            }
            self.times.of(item).map(|(_, end)| end)
        })?;
        queue.handoff.popped(|| {
            let now = monotonic();
            now.saturating_sub(std::mem::replace(&mut self.last_taken, now)) >= SLOW
        });
        Some(item)
    }

    /// Takes the oldest item, which is not to be sent. If it is a sticky event it stays in force.
    pub fn drop_oldest(&mut self, queue: &AdaptiveQueue) -> Option<QueueItem> {
        let item = self.take(queue)?;
        if let QueueItem::Event(event) = &item
            && event.is_sticky()
        {
            self.kept.push_back(event.clone());
        }
        Some(item)
    }
}

impl AdaptiveQueue {
    /// Starts the task. With `control` held, unless nobody else can know the pad yet.
    pub(super) fn start_task(&self, pad: &gst::Pad) -> Result<(), glib::BoolError> {
        let queue = self.ref_counted();
        let weak = queue.downgrade();
        pad.start_task(move || {
            if let Some(queue) = weak.upgrade() {
                let parent: gst::Object = queue.obj().clone().upcast();
                Self::catch_panic_pad_function(Some(&parent), || queue.give_up(gst::FlowError::Error), Self::round);
            }
        })
    }

    fn round(&self) {
        for _ in 0..ROUND {
            if let Err(error) = self.flow().map(drop).and_then(|()| self.step()) {
                return self.give_up(error);
            }
        }
    }

    /// Moves one item.
    fn step(&self) -> Result<(), gst::FlowError> {
        if self.handoff.has_thresholds() && !self.handoff.is_ready() && lock(&self.head).kept.is_empty() {
            self.wait_for_data()?;
        }
        let before = self.level_to_notify();
        let Some(item) = self.take() else { return self.wait_for_data() };
        if self.stall.leaks() {
            self.stall.stop_leaking();
        }
        if self.backpressure.active() || self.grown.load(Ordering::Relaxed) {
            self.look_at_level();
        }
        self.push(item)?;
        self.notify_level(before);
        Ok(())
    }

    /// The next item; the first data after a leak is marked.
    fn take(&self) -> Option<QueueItem> {
        let mut head = lock(&self.head);
        if let Some(event) = head.kept.pop_front() {
            return Some(QueueItem::Event(event));
        }
        let mut item = head.take(self)?;
        if head.needs_discont && matches!(item, QueueItem::Buffer(_) | QueueItem::List(_)) {
            item.set_discont();
            head.needs_discont = false;
        }
        Some(item)
    }

    #[cold]
    fn wait_for_data(&self) -> Result<(), gst::FlowError> {
        while !self.handoff.is_ready() {
            self.emit("underrun");
            self.flow()?;
            // A handler may have changed the thresholds.
            if !self.handoff.spin_for_data() {
                let began = monotonic();
                if self.need.is_asked() && self.handoff.items() == 0 && self.need.found_empty(began) && self.double() {
                    self.stats.doubled();
                }
                self.stall.set_starved(Some(began));
                let waited = self.handoff.wait_for_data();
                self.stall.set_starved(None);
                let time = monotonic().saturating_sub(began);
                self.handoff.slept(time);
                self.stats.consumer_waits.record(time);
                if waited == Waited::Closed {
                    self.flow()?;
                }
            }
            self.emit("running");
            self.emit("pushing");
            self.flow()?;
        }
        Ok(())
    }

    fn push(&self, item: QueueItem) -> Result<(), gst::FlowError> {
        gst::log!(DATAFLOW, imp = self, "pushing {item:?}");
        let result = match item {
            QueueItem::Buffer(buffer) => self.srcpad.push(buffer),
            QueueItem::List(list) => self.srcpad.push_list(list),
            QueueItem::Event(event) => return self.push_event(event),
            QueueItem::Query(queued) => {
                queued.run(|query| self.srcpad.peer_query(query));
                return Ok(());
            }
        };
        match result {
            Ok(_) => Ok(()),
            Err(gst::FlowError::Eos) => self.skip_to_next_stream(),
            // Whoever closed the stream meanwhile knows better why.
            Err(error) => Err(self.fail_flow(error)),
        }
    }

    fn push_event(&self, event: gst::Event) -> Result<(), gst::FlowError> {
        let eos = event.type_() == gst::EventType::Eos;
        // A refused event is followed by data or a state that says why.
        self.srcpad.push_event(event);
        if !eos {
            return Ok(());
        }
        self.release_lease();
        // A new stream may already have begun behind it: then the task goes on.
        let _control = lock(&self.control);
        match self.eos.load(Ordering::Acquire) {
            true => Err(self.fail_flow(gst::FlowError::Eos)),
            false => Ok(()),
        }
    }

    /// Downstream takes no more of this stream: everything goes until something that begins or ends a stream.
    fn skip_to_next_stream(&self) -> Result<(), gst::FlowError> {
        self.flow()?;
        gst::debug!(CAT, imp = self, "downstream is at its end");
        loop {
            let mut head = lock(&self.head);
            match head.drop_oldest(self) {
                Some(QueueItem::Event(event))
                    if matches!(
                        event.type_(),
                        gst::EventType::Eos | gst::EventType::Segment | gst::EventType::StreamStart
                    ) =>
                {
                    // It is sent in its turn, after the sticky events in front of it.
                    return Ok(());
                }
                // Dropping a query answers it with "no", and what a buffer frees may call anywhere.
                Some(item) => {
                    drop(head);
                    drop(item);
                }
                None => break,
            }
        }
        self.unexpected.store(true, Ordering::Release);
        Ok(())
    }

    /// Ends the task, unless the stream has been opened again meanwhile.
    fn give_up(&self, error: gst::FlowError) {
        let control = lock(&self.control);
        let Err(error) = self.flow().map_err(|_| error) else { return };
        // Fails only on a pad that has no task any more.
        let _ = self.srcpad.pause_task();
        drop(control);
        gst::debug!(CAT, imp = self, "task paused: {error}");
        match error {
            // RECONFIGURE, or a new stream, starts the task again and the data is wanted then.
            gst::FlowError::NotLinked | gst::FlowError::Eos => {
                self.handoff.wake_all();
                self.wake_query();
            }
            _ => self.flush(false),
        }
        let fatal = !matches!(error, gst::FlowError::Flushing | gst::FlowError::Eos);
        if fatal && self.eos.load(Ordering::Acquire) {
            // Upstream has ended and cannot be told any more.
            self.post_gone(error);
            self.srcpad.push_event(gst::event::Eos::new());
        }
    }

    /// Ends back-pressure, and growth, when there is little left in the queue.
    #[cold]
    fn look_at_level(&self) {
        let (level, limits) = (self.handoff.level(), self.handoff.limits());
        let (high, low) = self.usable_marks();
        if self.backpressure.active() && watermark::zone(&level, &limits, high, low) == Zone::Low {
            self.update_backpressure(&level, &limits);
        }
        if self.grown.load(Ordering::Relaxed) {
            self.fall_back(&level);
        }
    }
}
