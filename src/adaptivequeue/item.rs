//! The items that travel through the queue.

use super::queued_query::QueuedQuery;
use crate::logic::queue::handoff::Weight;

/// A buffer, a list of buffers, a serialized event, or a serialized query whose sender waits for the answer.
#[derive(Debug)]
pub(super) enum QueueItem {
    Buffer(gst::Buffer),
    List(gst::BufferList),
    Event(gst::Event),
    Query(QueuedQuery),
}

impl QueueItem {
    pub fn weight(&self) -> Weight {
        match self {
            QueueItem::Buffer(buffer) => Weight { buffers: 1, bytes: buffer.size() as u64 },
            QueueItem::List(list) => Weight { buffers: list.len() as u32, bytes: list.calculate_size() as u64 },
            QueueItem::Event(_) | QueueItem::Query(_) => Weight::default(),
        }
    }

    /// Marks the first buffer as following a gap.
    pub fn set_discont(&mut self) {
        match self {
            QueueItem::Buffer(buffer) => buffer.make_mut().set_flags(gst::BufferFlags::DISCONT),
            QueueItem::List(list) => list.make_mut().foreach_mut(|mut buffer, index| {
                if index == 0 {
                    buffer.make_mut().set_flags(gst::BufferFlags::DISCONT);
                }
                std::ops::ControlFlow::Continue(Some(buffer))
            }),
            QueueItem::Event(_) | QueueItem::Query(_) => (),
        }
    }
}
