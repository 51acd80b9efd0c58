//! The background threads of a recording, and what they have to tell the application.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Instant;

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::element::CAT;
use super::properties::Settings;
use super::{CrashSafeSink, messages};
use crate::logic::clock::{Nanos, SECOND};
use crate::logic::recording::{Notice, Session};

/// Starts the threads of `session`'s recording, which end with it: one that syncs, one that hands bytes to the kernel.
pub(super) fn spawn(
    sink: &CrashSafeSink,
    session: &Arc<Session>,
    settings: &Settings,
) -> std::io::Result<[JoinHandle<()>; 2]> {
    let notifier = || Notifier {
        sink: sink.downgrade(),
        session: session.clone(),
        limit: settings.min_free_space,
        eos: settings.eos_on_low_space,
        last_message: None,
        bytes: 0,
    };
    let first = spawn_one("crashsafesink", notifier(), Session::run_background)?;
    // If there is no second thread, the caller ends the session, and with it the first one.
    Ok([first, spawn_one("crashsafesink-w", notifier(), Session::run_hand_over)?])
}

fn spawn_one(
    name: &str,
    mut notifier: Notifier,
    work: fn(&Session, &mut dyn FnMut(Notice)),
) -> std::io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name(name.into()).spawn(move || {
        let (sink, session) = (notifier.sink.clone(), notifier.session.clone());
        let run = AssertUnwindSafe(|| work(&session, &mut |notice| notifier.notify(notice)));
        if catch_unwind(run).is_err() {
            session.abandon();
            if let Some(sink) = sink.upgrade() {
                gst::element_error!(
                    sink,
                    gst::LibraryError::Failed,
                    ("A thread that brings the recording to the disk has panicked.")
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
            Notice::Failed(failure) => sink.post_error_message(sink.imp().failure(&failure)),
            Notice::NameLost => gst::element_warning!(
                sink,
                gst::ResourceError::Write,
                (
                    "Something has removed or replaced {}, or its directory, while it is being recorded. Recording goes on, \
                     but what is recorded would be lost in a crash now; at the end of the stream it is saved if the directory is \
                     still there. Find out what cleans up there, or record elsewhere.",
                    self.session.temporary_path().display()
                )
            ),
            Notice::LowSpace { available } => {
                gst::element_warning!(
                    sink,
                    gst::ResourceError::NoSpaceLeft,
                    (
                        "Only {:.1} MiB is left where {} is being recorded. Free some space, or end the recording while its \
                         index still fits.",
                        available as f64 / f64::from(1 << 20),
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
