//! The life of the current recording: opening, the background thread, finishing, keeping.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, LazyLock, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gst::glib;
use gst::prelude::*;

use super::imp::CAT;
use super::properties::Settings;
use super::{CrashSafeSink, messages};
use crate::logic::clock::{MonotonicClock, Nanos, SECOND};
use crate::logic::recording::storage::Errno;
use crate::logic::recording::{self, Durability, Failure, Notice, Session, WriteError, storage::fs};

/// Wall clock in seconds since 1970, for names of leftovers only.
fn utc() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

/// Tells recordings of live processes apart.
fn salt() -> u64 {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    u64::from(std::process::id()) << 32 | COUNT.fetch_add(1 << 8, Ordering::Relaxed)
}

/// A recording and its background thread.
pub(super) struct Active {
    pub session: Arc<Session>,
    durability: Durability,
    thread: JoinHandle<()>,
    patience: Arc<Patience>,
}

/// Waits between tries of a write that failed for a passing reason; a state change or flush ends it.
#[derive(Default)]
struct Patience {
    ended: Mutex<bool>,
    changed: Condvar,
}

impl Patience {
    /// Between two tries.
    const PAUSE: Duration = Duration::from_millis(20);

    fn set_ended(&self, ended: bool) {
        *self.ended.lock().unwrap_or_else(PoisonError::into_inner) = ended;
        self.changed.notify_all();
    }

    /// Tells whether to try again after `failures` failures, having waited.
    fn retry(&self, failures: u32, limit: Duration) -> bool {
        if Self::PAUSE * failures > limit {
            return false;
        }
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = self.changed.wait_timeout_while(ended, Self::PAUSE, |ended| !*ended);
        !*wait.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Active {
    /// Opens a recording as the settings say and starts its background thread.
    pub fn open(sink: &CrashSafeSink, settings: &Settings) -> Result<Self, gst::ErrorMessage> {
        let location = settings.location.as_deref().unwrap_or(Path::new(""));
        let options = settings.options();
        let mut begun =
            recording::begin(location, options, &fs::open_directory, salt(), utc()).map_err(|f| messages::error(&f))?;
        if let Some(leftover) = &begun.leftover {
            gst::warning!(
                CAT,
                obj = sink,
                "{} bytes of an earlier recording are now in {}",
                leftover.bytes,
                leftover.path.display()
            );
            messages::leftover(sink, leftover);
        }
        for warning in &begun.warnings {
            gst::element_warning!(sink, gst::ResourceError::Settings, ("{}", warning));
        }
        let patience = Arc::new(Patience::default());
        if let limit @ 1.. = settings.max_transient_error_timeout {
            let (patience, limit) = (patience.clone(), Duration::from_millis(limit as u64));
            let retry = move |errno, failures| errno == Errno::ACCESS && patience.retry(failures, limit);
            begun.recording.set_retry(Box::new(retry));
        }
        static CLOCK: LazyLock<Arc<MonotonicClock>> = LazyLock::new(Arc::default);
        let session = Arc::new(Session::new(begun.recording, CLOCK.clone(), settings.min_free_space));
        let thread = spawn_background(sink, &session, settings).map_err(|error| {
            session.keep(false, utc());
            gst::error_msg!(
                gst::ResourceError::OpenWrite,
                ("Could not start the thread that syncs: {error}. Close some programs and try again.")
            )
        })?;
        gst::info!(
            CAT,
            obj = sink,
            "recording {} as {}, threshold {} bytes, interval {}, durability {:?}",
            location.display(),
            session.temporary_path().display(),
            settings.flush_threshold,
            settings.flush_interval,
            settings.durability
        );
        messages::started(sink, location, session.temporary_path());
        Ok(Self { session, durability: options.durability, thread, patience })
    }

    /// What [`Session::interrupt`] does, and the same for retries.
    pub fn interrupter(&self) -> impl Fn(bool) + use<> {
        let (session, patience) = (self.session.clone(), self.patience.clone());
        move |interrupted| {
            // First: a retry waits with the session's lock held.
            patience.set_ended(interrupted);
            session.interrupt(interrupted);
        }
    }

    /// Ends it under its final name.
    pub fn finish(self, sink: &CrashSafeSink) -> Result<(), Option<gst::ErrorMessage>> {
        let result = self.session.finish(utc());
        match result {
            Ok(finished) => {
                let _ = self.thread.join();
                if let Some(lost) = &finished.rescued {
                    gst::element_warning!(
                        sink,
                        gst::ResourceError::Write,
                        (
                            "{} was removed or replaced while it was being recorded; its contents have been saved as {}. Find out \
                             what cleans up there.",
                            lost.display(),
                            finished.path.display()
                        )
                    );
                }
                gst::info!(CAT, obj = sink, "finished {} with {} bytes", finished.path.display(), finished.bytes);
                messages::finished(sink, &finished, self.durability == Durability::Sync);
                Ok(())
            }
            Err(error) => {
                self.keep(sink, false);
                Err(failure(error).map(|f| messages::error(&f)))
            }
        }
    }

    /// Ends it without its final name and says where it is; returns an error not posted before.
    pub fn keep(self, sink: &CrashSafeSink, aside: bool) -> Option<gst::ErrorMessage> {
        let (kept, failure) = self.session.keep(aside, utc());
        let _ = self.thread.join();
        if let Some(kept) = &kept {
            gst::warning!(
                CAT,
                obj = sink,
                "not finished: {} bytes are kept in {}; `gst-steady recover {}` says what can be done with it",
                kept.bytes,
                kept.path.display(),
                kept.path.display()
            );
            messages::kept(sink, kept);
        }
        failure.map(|f| messages::error(&f))
    }
}

/// The failure inside an error of a session, unless it has been posted already.
pub(super) fn failure(error: WriteError) -> Option<Failure> {
    match error {
        WriteError::Failed(failure) => failure,
        WriteError::Interrupted => None,
    }
}

fn spawn_background(
    sink: &CrashSafeSink,
    session: &Arc<Session>,
    settings: &Settings,
) -> std::io::Result<JoinHandle<()>> {
    let (session, weak) = (session.clone(), sink.downgrade());
    let (limit, eos) = (settings.min_free_space, settings.eos_on_low_space);
    std::thread::Builder::new().name("crashsafesink".into()).spawn(move || {
        let mut reporter =
            Reporter { sink: weak.clone(), session: session.clone(), limit, eos, last_message: None, bytes: 0 };
        let run = AssertUnwindSafe(|| session.run_background(&mut |report| reporter.report(report)));
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

/// Turns what the background thread has to say into log lines and messages.
struct Reporter {
    sink: glib::WeakRef<CrashSafeSink>,
    session: Arc<Session>,
    limit: u64,
    eos: bool,
    last_message: Option<std::time::Instant>,
    /// Flushed since the last message.
    bytes: u64,
}

impl Reporter {
    fn report(&mut self, notice: Notice) {
        let Some(sink) = self.sink.upgrade() else { return };
        match notice {
            Notice::Flushed { bytes, took } => {
                gst::debug!(CAT, obj = sink, "flushed {bytes} bytes in {}", gst::ClockTime::from_nseconds(took));
                self.bytes += bytes;
                // At most one message a second.
                if self.last_message.is_none_or(|last| last.elapsed().as_nanos() as Nanos >= SECOND) {
                    self.last_message = Some(std::time::Instant::now());
                    let position = self.session.counters().position.load(Ordering::Relaxed);
                    messages::flushed(&sink, std::mem::take(&mut self.bytes), position);
                }
            }
            Notice::Failed(failure) => post_error(&sink, messages::error(&failure)),
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

/// Posts an error; the caller holds no lock.
pub(super) fn post_error(sink: &CrashSafeSink, error: gst::ErrorMessage) {
    sink.post_error_message(error);
}

/// A path for people.
pub(super) fn shown(path: Option<&PathBuf>) -> Option<String> {
    path.map(|p| p.display().to_string())
}
