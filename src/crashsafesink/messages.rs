//! The element's messages, and failures as element errors.

use gst::prelude::*;

use super::CrashSafeSink;
use crate::logic::recording::{Failure, FailureKind, Finished, Kept, Leftover};

/// Posts an element message; the caller holds no lock.
fn post(sink: &CrashSafeSink, structure: gst::Structure) {
    // Failing means that there is no bus, and so no one to tell.
    let _ = sink.post_message(gst::message::Element::builder(structure).src(sink).build());
}

pub(super) fn started(sink: &CrashSafeSink, location: &std::path::Path, temporary: &std::path::Path) {
    let structure = gst::Structure::builder("crashsafesink-started")
        .field("location", location.display().to_string())
        .field("temp-location", temporary.display().to_string())
        .build();
    post(sink, structure);
}

pub(super) fn flushed(sink: &CrashSafeSink, bytes: u64, position: u64) {
    let structure =
        gst::Structure::builder("crashsafesink-flushed").field("bytes", bytes).field("position", position).build();
    post(sink, structure);
}

pub(super) fn kept(sink: &CrashSafeSink, kept: &Kept) {
    let structure = gst::Structure::builder("crashsafesink-kept")
        .field("path", kept.path.display().to_string())
        .field("bytes", kept.bytes)
        .build();
    post(sink, structure);
}

pub(super) fn leftover(sink: &CrashSafeSink, leftover: &Leftover) {
    let structure = gst::Structure::builder("crashsafesink-leftover")
        .field("path", leftover.path.display().to_string())
        .field("bytes", leftover.bytes)
        .build();
    post(sink, structure);
}

pub(super) fn finished(sink: &CrashSafeSink, finished: &Finished, synced: bool) {
    let structure = gst::Structure::builder("crashsafesink-finished")
        .field("location", finished.path.display().to_string())
        .field("bytes", finished.bytes)
        .field("synced", synced)
        .field_if_some("blake3", finished.blake3.as_deref())
        .build();
    post(sink, structure);
}

pub(super) fn slow(sink: &CrashSafeSink, max_stall: u64, unsynced: u64) {
    let structure =
        gst::Structure::builder("crashsafesink-slow").field("max-stall", max_stall).field("unsynced", unsynced).build();
    post(sink, structure);
}

pub(super) fn low_space(sink: &CrashSafeSink, available: u64, limit: u64) {
    let structure = gst::Structure::builder("crashsafesink-low-space")
        .field("available", available)
        .field("min-free-space", limit)
        .build();
    post(sink, structure);
}

/// The failure as an element error.
pub(super) fn error(failure: &Failure) -> gst::ErrorMessage {
    let (text, debug) = (&failure.text, &failure.debug);
    macro_rules! resource {
        ($kind:ident) => {
            gst::error_msg!(gst::ResourceError::$kind, ("{}", text), ["{}", debug])
        };
    }
    match failure.kind {
        FailureKind::NotFound => resource!(NotFound),
        FailureKind::OpenWrite => resource!(OpenWrite),
        FailureKind::Write => resource!(Write),
        FailureKind::Sync => resource!(Sync),
        FailureKind::NoSpace => resource!(NoSpaceLeft),
        FailureKind::Busy => resource!(Busy),
        FailureKind::Close => resource!(Close),
    }
}
