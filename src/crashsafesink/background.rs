//! The background thread of a recording, and what it has to tell the application.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Instant;

use gst::glib;
use gst::prelude::*;

use super::element::CAT;
use super::properties::Settings;
use super::{CrashSafeSink, messages};
use crate::logic::clock::{Nanos, SECOND};
use crate::logic::recording::{Notice, Session};

/// Starts the thread that syncs the recording of `session`; it ends with the recording.
pub(super) fn spawn(
    sink: &CrashSafeSink,
    session: &Arc<Session>,
    settings: &Settings,
) -> std::io::Result<JoinHandle<()>> {
    let (session, weak) = (session.clone(), sink.downgrade());
    let (limit, eos) = (settings.min_free_space, settings.eos_on_low_space);
    std::thread::Builder::new().name("crashsafesink".into()).spawn(move || {
        let mut notifier =
            Notifier { sink: weak.clone(), session: session.clone(), limit, eos, last_message: None, bytes: 0 };
        let run = AssertUnwindSafe(|| session.run_background(&mut |notice| notifier.notify(notice)));
        if catch_unwind(run).is_err() {
            session.abandon();
            if let Some(sink) = weak.upgrade() {
                gst::element_error!(
                    sink,
                    gst::LibraryError::Failed,
                    ("The thread that syncs the recording has panicked.")
                );
            }
        }
    })
}

/// Turns notices into log lines and messages.
struct Notifier {
    sink: glib::WeakRef<CrashSafeSink>,
    session: Arc<Session>,
    limit: u64,
    eos: bool,
    last_message: Option<Instant>,
    /// Flushed since the last message.
    bytes: u64,
}

impl Notifier {
    fn notify(&mut self, notice: Notice) {
        let Some(sink) = self.sink.upgrade() else { return };
        match notice {
            Notice::Flushed { bytes, took } => {
                gst::debug!(CAT, obj = sink, "flushed {bytes} bytes in {}", gst::ClockTime::from_nseconds(took));
                self.bytes += bytes;
                // At most one message a second.
                if self.last_message.is_none_or(|last| last.elapsed().as_nanos() as Nanos >= SECOND) {
                    self.last_message = Some(Instant::now());
                    let position = self.session.counters().position.load(Ordering::Relaxed);
                    messages::flushed(&sink, std::mem::take(&mut self.bytes), position);
                }
            }
            Notice::Failed(failure) => sink.post_error_message(messages::error(&failure)),
            Notice::LowSpace { available } => {
                gst::element_warning!(
                    sink,
                    gst::ResourceError::NoSpaceLeft,
                    (
                        "Only {} MiB are left where {} is being recorded. Free some space, or end the recording while its \
                         index still fits.",
                        available >> 20,
                        self.session.temporary_path().display()
                    )
                );
                messages::low_space(&sink, available, self.limit);
                if self.eos {
                    end_pipeline(&sink);
                }
            }
            Notice::Slow { age } => gst::element_warning!(
                sink,
                gst::ResourceError::Write,
                (
                    "Recorded data waited {} s for the disk; a power cut in that time would have lost it. Use a faster disk, \
                     or a shorter flush-interval.",
                    age / SECOND
                )
            ),
        }
    }
}

/// Sends EOS to the outermost bin, as `gst-launch-1.0 -e` does on Ctrl-C, from a thread of its own.
fn end_pipeline(sink: &CrashSafeSink) {
    sink.call_async(|sink| {
        let mut top: gst::Object = sink.clone().upcast();
        while let Some(parent) = top.parent() {
            top = parent;
        }
        if let Ok(top) = top.downcast::<gst::Element>() {
            top.send_event(gst::event::Eos::new());
        }
    });
}
