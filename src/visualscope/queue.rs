//! The queue between the thread that brings audio and the one that draws: everything in order, and no more than a fifth
//! of a second of audio unless a single buffer is longer.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, PoisonError};

use crate::logic::clock::{MILLISECOND, Nanos};
use crate::logic::sync::lock;

/// Audio that may wait.
pub(super) const ROOM: Nanos = 200 * MILLISECOND;
/// Buffers count at least as a microsecond, so that many empty ones fill the queue as well.
const LEAST: Nanos = 1000;

#[derive(Debug)]
pub(super) enum Entry {
    /// Audio, and how long it is in ns.
    Buffer(gst::Buffer, Nanos),
    Event(gst::Event),
}

#[derive(Debug)]
struct Contents {
    entries: VecDeque<Entry>,
    time: Nanos,
    /// `Err` while the queue is closed.
    flow: Result<(), gst::FlowError>,
    /// Counts the flushes.
    epoch: u64,
}

#[derive(Debug)]
pub(super) struct Queue {
    contents: Mutex<Contents>,
    changed: Condvar,
}

impl Default for Queue {
    fn default() -> Self {
        let contents = Contents { entries: VecDeque::new(), time: 0, flow: Err(gst::FlowError::Flushing), epoch: 0 };
        Self { contents: Mutex::new(contents), changed: Condvar::new() }
    }
}

impl Queue {
    /// Appends `entry`, once there is room.
    pub(super) fn push(&self, entry: Entry) -> Result<(), gst::FlowError> {
        let mut contents = lock(&self.contents);
        let time = match &entry {
            Entry::Buffer(_, time) => (*time).max(LEAST),
            Entry::Event(_) => 0,
        };
        while contents.flow.is_ok() && time > 0 && contents.time > 0 && contents.time.saturating_add(time) > ROOM {
            contents = self.changed.wait(contents).unwrap_or_else(PoisonError::into_inner);
        }
        contents.flow?;
        contents.time = contents.time.saturating_add(time);
        contents.entries.push_back(entry);
        drop(contents);
        self.changed.notify_all();
        Ok(())
    }

    /// Takes the oldest entry, once there is one.
    pub(super) fn pop(&self) -> Result<Entry, gst::FlowError> {
        let mut contents = lock(&self.contents);
        loop {
            contents.flow?;
            if let Some(entry) = contents.entries.pop_front() {
                if let Entry::Buffer(_, time) = &entry {
                    contents.time = contents.time.saturating_sub((*time).max(LEAST));
                }
                drop(contents);
                self.changed.notify_all();
                return Ok(entry);
            }
            contents = self.changed.wait(contents).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Empties the queue and lets entries in and out from now on. Returns those that were inside.
    pub(super) fn open(&self) -> VecDeque<Entry> {
        let mut contents = lock(&self.contents);
        contents.flow = Ok(());
        contents.epoch += 1;
        contents.time = 0;
        std::mem::take(&mut contents.entries)
    }

    /// Ends all waits, and those still to come, with `error`. The first error stays, except that a flush replaces it.
    pub(super) fn close(&self, error: gst::FlowError) {
        let mut contents = lock(&self.contents);
        if contents.flow.is_ok() || error == gst::FlowError::Flushing {
            contents.flow = Err(error);
        }
        drop(contents);
        self.changed.notify_all();
    }

    pub(super) fn flow(&self) -> Result<(), gst::FlowError> {
        lock(&self.contents).flow
    }

    pub(super) fn epoch(&self) -> u64 {
        lock(&self.contents).epoch
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;

    fn buffer(time: Nanos) -> Entry {
        gst::init().unwrap();
        Entry::Buffer(gst::Buffer::new(), time)
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
        queue.push(Entry::Event(gst::event::Eos::new())).unwrap();
        assert!(matches!(queue.pop(), Ok(Entry::Buffer(..))));
        assert!(matches!(queue.pop(), Ok(Entry::Event(_))));
    }
}
