//! The consuming side: a task that takes items out and pushes them downstream.

use std::sync::atomic::Ordering;

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::imp::{AdaptiveQueue, CAT, DATAFLOW, Head};
use super::item::Item;
use crate::logic::clock::{MILLISECOND, Nanos};
use crate::logic::queue::handoff::Waited;
use crate::logic::queue::watermark;
use crate::logic::sync::lock;

/// Items per round of the task, which costs two locks of its own.
const ROUND: usize = 32;
/// A consumer slower than this may as well wake the producer each time.
const SLOW: Nanos = MILLISECOND;

impl Head {
    /// Takes the oldest item and keeps account.
    pub fn take(&mut self, queue: &AdaptiveQueue) -> Option<Item> {
        let (item, _) = queue.handoff.pop(|item| {
            if let Item::Event(event) = item
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
            let now = queue.now();
            now.saturating_sub(std::mem::replace(&mut self.last_taken, now)) >= SLOW
        });
        Some(item)
    }

    /// Takes the oldest item, which is not to be sent. If it is a sticky event it stays in force.
    pub fn drop_oldest(&mut self, queue: &AdaptiveQueue) -> Option<Item> {
        let item = self.take(queue)?;
        if let Item::Event(event) = &item
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
        let before = self.hot.notify_levels.load(Ordering::Relaxed).then(|| self.handoff.level());
        let Some(item) = self.take() else { return self.wait_for_data() };
        if self.stall.leaks() {
            self.stall.stop_leaking();
        }
        if self.pressure.active() || self.grown.load(Ordering::Relaxed) {
            self.look_at_level();
        }
        self.push(item)?;
        if let Some(before) = before {
            self.notify_levels(before);
        }
        Ok(())
    }

    /// The next item; the first data after a leak is marked.
    fn take(&self) -> Option<Item> {
        let mut head = lock(&self.head);
        if let Some(event) = head.kept.pop_front() {
            return Some(Item::Event(event));
        }
        let mut item = head.take(self)?;
        if head.needs_discont && matches!(item, Item::Buffer(_) | Item::List(_)) {
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
                let began = self.now();
                let waited = self.handoff.wait_for_data();
                let time = self.now().saturating_sub(began);
                self.handoff.slept(time);
                self.stats.consumer_waits.add(time);
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

    fn push(&self, item: Item) -> Result<(), gst::FlowError> {
        gst::log!(DATAFLOW, imp = self, "pushing {item:?}");
        let result = match item {
            Item::Buffer(buffer) => self.srcpad.push(buffer),
            Item::List(list) => self.srcpad.push_list(list),
            Item::Event(event) => return self.push_event(event),
            Item::Query(ticket) => {
                ticket.run(|query| self.srcpad.peer_query(query));
                return Ok(());
            }
        };
        match result {
            Ok(_) => Ok(()),
            Err(gst::FlowError::Eos) => self.skip_to_next_stream(),
            // Who closed the stream meanwhile knows better why.
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
                Some(Item::Event(event))
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
        let (high, low) = self.hot.marks();
        if self.pressure.active() && watermark::is_low(&level, &limits, high, low) {
            self.update_pressure(&level, &limits);
        }
        if self.grown.load(Ordering::Relaxed) {
            self.fall_back(&level);
        }
    }
}
