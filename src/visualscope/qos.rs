//! Quality of service: which frames come too late to be drawn.

use std::sync::atomic::Ordering;

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::element::{CAT, VisualScope};
use crate::logic::sync::lock;

/// How far behind downstream is, in running time of the segment that is drawn.
#[derive(Debug, Default)]
pub(super) struct Lateness {
    /// Frames before it are too late.
    earliest: Option<gst::ClockTime>,
    /// The last frame that went out.
    sent: Option<gst::ClockTime>,
}

impl VisualScope {
    /// Whether the frame at `pts` is too late to be drawn; if so, counts it and posts a QoS message.
    pub(super) fn is_late(&self, segment: &gst::FormattedSegment<gst::ClockTime>, pts: gst::ClockTime) -> bool {
        let Some(running) = segment.to_running_time(pts) else { return false };
        let qos = lock(&self.settings).qos;
        let earliest = {
            let mut lateness = lock(&self.lateness);
            match lateness.earliest.filter(|&earliest| qos && running < earliest) {
                Some(earliest) => earliest,
                None => {
                    lateness.sent = Some(running);
                    return false;
                }
            }
        };
        let dropped = self.stats.dropped.fetch_add(1, Ordering::Relaxed) + 1;
        let frames = self.stats.frames.load(Ordering::Relaxed);
        gst::debug!(CAT, imp = self, "frame at {pts} is {} late", earliest - running);
        let message = gst::message::Qos::builder(false)
            .running_time(running)
            .stream_time(segment.to_stream_time(pts))
            .timestamp(pts)
            .duration(gst::ClockTime::from_nseconds(self.frame_ns.load(Ordering::Relaxed)))
            .stats(gst::format::Default::from_u64(frames), gst::format::Default::from_u64(dropped))
            .src(&*self.obj())
            .build();
        let _ = self.obj().post_message(message);
        true
    }

    /// Takes in how late downstream was with a frame.
    pub(super) fn note_qos(&self, qos: &gst::event::Qos) {
        let (_, _, late, timestamp) = qos.get();
        let Some(timestamp) = timestamp else { return };
        let frame = gst::ClockTime::from_nseconds(self.frame_ns.load(Ordering::Relaxed));
        let by = gst::ClockTime::from_nseconds(late.unsigned_abs());
        // What is late now will be later still: twice as far ahead, there is a chance.
        let earliest = if late > 0 { timestamp + by + by + frame } else { timestamp.saturating_sub(by) };
        let mut lateness = lock(&self.lateness);
        // A frame that has not been sent yet was one of an earlier segment, whose times say nothing about this one.
        if lateness.sent.is_some_and(|sent| timestamp <= sent) {
            lateness.earliest = Some(earliest);
        }
    }
}
