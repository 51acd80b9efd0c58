//! One recording from its opening to its end, with its background threads.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gst::subclass::prelude::*;

use super::element::{CAT, Outcome};
use super::properties::Settings;
use super::transient_errors::TransientErrors;
use super::{CrashSafeSink, background, messages};
use crate::logic::clock::MonotonicClock;
use crate::logic::recording::storage::{Errno, fs};
use crate::logic::recording::{self, Durability, Session};
use crate::metrics::recordings;

/// Wall clock in seconds since 1970, for names of leftovers only.
fn utc() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs())
}

/// A number that tells the recordings of live processes apart.
fn salt() -> u64 {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    u64::from(std::process::id()) << 32 | COUNT.fetch_add(1 << 8, Ordering::Relaxed)
}

/// A recording and its background threads.
pub(super) struct ActiveRecording {
    pub session: Arc<Session>,
    durability: Durability,
    threads: [JoinHandle<()>; 2],
    transient: Arc<TransientErrors>,
}

impl ActiveRecording {
    /// Opens a recording as the settings say and starts its background threads.
    pub fn open(sink: &CrashSafeSink, settings: &Settings) -> Result<Self, gst::ErrorMessage> {
        let location = settings.location.as_deref().unwrap_or(Path::new(""));
        let options = settings.options();
        let mut begun = recording::begin(location, options, &fs::open_directory, salt(), utc())
            .map_err(|f| sink.imp().failure(&f))?;
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
        let transient = Arc::new(TransientErrors::default());
        if let limit @ 1.. = settings.max_transient_error_timeout {
            let (transient, limit) = (transient.clone(), Duration::from_millis(limit as u64));
            let retry = move |errno, failures| errno == Errno::ACCESS && transient.retry(failures, limit);
            begun.recording.set_retry(Box::new(retry));
        }
        static CLOCK: LazyLock<Arc<MonotonicClock>> = LazyLock::new(Arc::default);
        let session = Arc::new(Session::new(begun.recording, CLOCK.clone(), settings.min_free_space));
        recordings::show(&session);
        let threads = background::spawn(sink, &session, settings).map_err(|error| {
            session.keep(false, utc());
            gst::error_msg!(
                gst::ResourceError::OpenWrite,
                ("Could not start a thread that brings the recording to the disk: {error}. Close some programs and try again.")
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
        Ok(Self { session, durability: options.durability, threads, transient })
    }

    /// A function that ends waits for the disk and between retries, or allows them again; to be called without the state's lock.
    pub fn interrupter(&self) -> impl Fn(bool) + use<> {
        let (session, transient) = (self.session.clone(), self.transient.clone());
        move |interrupted| {
            // First: a retry waits with the session's lock held.
            transient.set_ended(interrupted);
            session.interrupt(interrupted);
        }
    }

    /// Ends it under its final name.
    pub fn finish(self, sink: &CrashSafeSink) -> Result<(), Option<gst::ErrorMessage>> {
        let result = self.session.finish(utc());
        match result {
            Ok(finished) => {
                self.threads.into_iter().for_each(|thread| drop(thread.join()));
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
                *sink.imp().outcome() = Outcome { path: Some(finished.path.clone()), finished: true, error: None };
                messages::finished(sink, &finished, self.durability == Durability::Sync);
                Ok(())
            }
            Err(error) => {
                let error = error.unreported().map(|f| sink.imp().failure(&f));
                self.keep(sink, false);
                Err(error)
            }
        }
    }

    /// Ends it without its final name and tells the application where it is; returns an error not posted before.
    pub fn keep(self, sink: &CrashSafeSink, aside: bool) -> Option<gst::ErrorMessage> {
        let (kept, failure) = self.session.keep(aside, utc());
        self.threads.into_iter().for_each(|thread| drop(thread.join()));
        if let Some(kept) = &kept {
            gst::warning!(
                CAT,
                obj = sink,
                "not finished: {} bytes are kept in {}; `gst-steady recover {}` says what can be done with it",
                kept.bytes,
                kept.path.display(),
                kept.path.display()
            );
            let mut outcome = sink.imp().outcome();
            (outcome.path, outcome.finished) = (Some(kept.path.clone()), false);
            drop(outcome);
            messages::kept(sink, kept);
        }
        failure.map(|f| sink.imp().failure(&f))
    }
}
