//! What lies between the thread that brings audio and the one that draws: everything in order, and no more audio than a
//! fifth of a second unless a single buffer is longer.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};

use crate::logic::clock::{MILLISECOND, Nanos};
use crate::logic::sync::lock;

/// Audio that waits; buffers of no duration count a microsecond each.
pub(super) const ROOM: Nanos = 200 * MILLISECOND;
const LEAST: Nanos = 1000;

#[derive(Debug)]
pub(super) enum Item {
    /// Audio, and how long it is in ns.
    Buffer(gst::Buffer, Nanos),
    Event(gst::Event),
}

#[derive(Debug)]
struct State {
    items: VecDeque<Item>,
    time: Nanos,
    /// Why nothing moves, if so.
    flow: Result<(), gst::FlowError>,
    /// Counts the flushes.
    epoch: u64,
}

#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

impl Default for Queue {
    fn default() -> Self {
        let state = State { items: VecDeque::new(), time: 0, flow: Err(gst::FlowError::Flushing), epoch: 0 };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }
}

impl Queue {
    /// Appends `item`, once there is room.
    pub(super) fn push(&self, item: Item) -> Result<(), gst::FlowError> {
        let mut state = lock(&self.state);
        let time = match &item {
            Item::Buffer(_, time) => (*time).max(LEAST),
            Item::Event(_) => 0,
        };
        while state.flow.is_ok() && time > 0 && state.time > 0 && state.time.saturating_add(time) > ROOM {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.flow?;
        state.time = state.time.saturating_add(time);
        state.items.push_back(item);
        drop(state);
        self.changed.notify_all();
        Ok(())
    }

    /// Takes the oldest item, once there is one.
    pub(super) fn pop(&self) -> Result<Item, gst::FlowError> {
        let mut state = lock(&self.state);
        loop {
            state.flow?;
            if let Some(item) = state.items.pop_front() {
                if let Item::Buffer(_, time) = &item {
                    state.time = state.time.saturating_sub((*time).max(LEAST));
                }
                drop(state);
                self.changed.notify_all();
                return Ok(item);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Lets items in and out, from now on with nothing inside. Returns what was.
    pub(super) fn open(&self) -> VecDeque<Item> {
        let mut state = lock(&self.state);
        state.flow = Ok(());
        state.epoch += 1;
        state.time = 0;
        std::mem::take(&mut state.items)
    }

    /// Ends all waits and those that come, with `error`; keeps the first one, but for a flush.
    pub(super) fn close(&self, error: gst::FlowError) {
        let mut state = lock(&self.state);
        if state.flow.is_ok() || error == gst::FlowError::Flushing {
            state.flow = Err(error);
        }
        drop(state);
        self.changed.notify_all();
    }

    pub(super) fn flow(&self) -> Result<(), gst::FlowError> {
        lock(&self.state).flow
    }

    pub(super) fn epoch(&self) -> u64 {
        lock(&self.state).epoch
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;

    fn buffer(time: Nanos) -> Item {
        gst::init().unwrap();
        Item::Buffer(gst::Buffer::new(), time)
    }

    #[test]
    fn a_producer_waits_for_room_and_a_close_ends_the_wait() {
        let queue = Queue::default();
        assert_eq!(queue.push(buffer(1)), Err(gst::FlowError::Flushing));
        queue.open();
        // One that is longer than the room goes in when nothing else is inside.
        queue.push(buffer(10 * ROOM)).unwrap();
        std::thread::scope(|scope| {
            let (done, waited) = mpsc::channel();
            let queue = &queue;
            scope.spawn(move || done.send(queue.push(buffer(1))).unwrap());
            assert!(waited.recv_timeout(Duration::from_millis(50)).is_err(), "it has to wait");
            queue.pop().unwrap();
            assert_eq!(waited.recv().unwrap(), Ok(()));
            queue.push(buffer(ROOM - LEAST)).unwrap();
            let (done, waited) = mpsc::channel();
            scope.spawn(move || done.send(queue.push(buffer(1))).unwrap());
            assert!(waited.recv_timeout(Duration::from_millis(50)).is_err(), "it has to wait");
            queue.close(gst::FlowError::Eos);
            queue.close(gst::FlowError::Error);
            assert_eq!(waited.recv().unwrap(), Err(gst::FlowError::Eos));
        });
        assert!(matches!(queue.pop(), Err(gst::FlowError::Eos)));
    }

    #[test]
    fn events_do_not_wait_and_keep_their_place() {
        let queue = Queue::default();
        queue.open();
        queue.push(buffer(ROOM)).unwrap();
        queue.push(Item::Event(gst::event::Eos::new())).unwrap();
        assert!(matches!(queue.pop(), Ok(Item::Buffer(..))));
        assert!(matches!(queue.pop(), Ok(Item::Event(_))));
    }
}
