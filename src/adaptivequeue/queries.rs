//! Queries.

use std::time::Duration;

use gst::subclass::prelude::*;

use super::element::{AdaptiveQueue, DATAFLOW};
use super::item::QueueItem;
use super::queued_query::{self, AnswerWaker};
use super::settings::Leaky;
use super::watchdog;
use crate::logic::clock::monotonic;
use crate::logic::queue::handoff::Weight;
use crate::logic::stall::detector::GROWTH_INTERVAL;
use crate::logic::sync::lock;

/// A serialized query in the queue whose sender waits for the answer.
#[derive(Debug)]
pub(super) struct WaitingQuery {
    pub kind: gst::QueryType,
    waker: AnswerWaker,
}

impl AdaptiveQueue {
    /// Makes the sender of a query in the queue look whether to give up.
    pub(super) fn wake_query(&self) {
        if let Some(query) = lock(&self.query).as_ref() {
            query.waker.wake();
        }
    }

    pub(super) fn sink_query(&self, pad: &gst::Pad, query: &mut gst::QueryRef) -> bool {
        if !query.is_serialized() {
            return gst::Pad::query_default(pad, Some(&*self.obj()), query);
        }
        gst::log!(DATAFLOW, imp = self, "queueing {query:?}");
        let (queued, answer) = queued_query::pair(query);
        {
            // Whoever closes the stream wakes the sender afterwards.
            let _tail = lock(&self.tail);
            if self.flow().is_err() {
                return false;
            }
            *lock(&self.query) = Some(WaitingQuery { kind: query.type_(), waker: answer.waker() });
            self.handoff.push(QueueItem::Query(queued), Weight::default(), None);
        }
        // Its sender is as stuck behind a halt as a producer in front of a full queue.
        self.stall.set_blocked(Some(monotonic()));
        let answer = answer.wait(
            || self.flow().is_err() || self.stall.leaks(),
            Duration::from_nanos(GROWTH_INTERVAL),
            || watchdog::suspect(&self.obj()),
        );
        self.stall.set_blocked(None);
        *lock(&self.query) = None;
        answer
    }

    pub(super) fn src_query(&self, pad: &gst::Pad, query: &mut gst::QueryRef) -> bool {
        if let gst::QueryViewMut::Scheduling(scheduling) = query.view_mut() {
            scheduling.add_scheduling_modes([gst::PadMode::Push]);
            return true;
        }
        if !gst::Pad::query_default(pad, Some(&*self.obj()), query) {
            return false;
        }
        match query.view_mut() {
            gst::QueryViewMut::Position(position) => {
                let level = self.handoff.level();
                match position.result() {
                    gst::GenericFormattedValue::Bytes(Some(bytes)) => {
                        position.set(gst::format::Bytes::from_u64((*bytes).saturating_sub(level.bytes)));
                    }
                    gst::GenericFormattedValue::Time(Some(time)) => {
                        position.set(time.saturating_sub(gst::ClockTime::from_nseconds(level.time)));
                    }
                    // Other formats cannot be counted back.
                    _ => (),
                }
            }
            gst::QueryViewMut::Latency(latency) => {
                let (live, min, max) = latency.result();
                if live {
                    self.begin_live();
                }
                let (min, max) = self.latency(min, max);
                latency.set(live, min, max);
            }
            _ => (),
        }
        true
    }

    /// The latency with that of the queue: its threshold at least, and at most what it may come to hold.
    fn latency(&self, min: gst::ClockTime, max: Option<gst::ClockTime>) -> (gst::ClockTime, Option<gst::ClockTime>) {
        let held = self.most_time().map(gst::ClockTime::from_nseconds);
        let max = match (held, self.hot.leaky()) {
            (None, _) => None,
            (Some(held), Leaky::No) => max.map(|max| max + held),
            (Some(held), _) => max.map(|max| max.max(held)),
        };
        (min + gst::ClockTime::from_nseconds(self.handoff.thresholds().time), max)
    }
}
