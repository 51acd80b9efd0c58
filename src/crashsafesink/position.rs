//! Where the next byte goes: BYTES segments, and the queries that ask about it.

use std::sync::atomic::Ordering;

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::element::{CAT, CrashSafeSink};

impl CrashSafeSink {
    /// Goes where a segment in bytes begins. Segments in other formats say nothing about the file.
    pub(super) fn segment(&self, segment: &gst::Segment) {
        let Some(bytes) = segment.downcast_ref::<gst::format::Bytes>() else { return };
        let start = bytes.start().map_or(0, |start| *start);
        gst::debug!(CAT, imp = self, "going to byte {start}");
        self.position.store(start, Ordering::Relaxed);
        if let Some(session) = self.session() {
            session.seek(start);
        }
    }

    fn position(&self) -> u64 {
        self.session().map_or_else(
            || self.position.load(Ordering::Relaxed),
            |session| session.counters().position.load(Ordering::Relaxed),
        )
    }

    /// Answers a query; `None` if the base class should.
    pub(super) fn answer(&self, query: &mut gst::QueryRef) -> Option<bool> {
        use gst::QueryViewMut;
        match query.view_mut() {
            QueryViewMut::Formats(query) => query.set([gst::Format::Default, gst::Format::Bytes]),
            QueryViewMut::Position(query) => match query.format() {
                gst::Format::Bytes => query.set(gst::format::Bytes::from_u64(self.position())),
                gst::Format::Default => query.set(gst::format::Default::from_u64(self.position())),
                _ => return Some(false),
            },
            QueryViewMut::Seeking(query) => match query.format() {
                gst::Format::Bytes => query.set(true, gst::format::Bytes::ZERO, gst::format::Bytes::NONE),
                gst::Format::Default => query.set(true, gst::format::Default::ZERO, gst::format::Default::NONE),
                format => query.set(
                    false,
                    gst::GenericFormattedValue::none_for_format(format),
                    gst::GenericFormattedValue::none_for_format(format),
                ),
            },
            _ => return None,
        }
        Some(true)
    }
}
