//! The thread that brings a session's recording to safety, and the notices it gives.

use std::sync::MutexGuard;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::io::retry_on_intr;

use super::{Session, Shared, Slot};
use crate::logic::clock::{Nanos, SECOND};
use crate::logic::recording::failure::Failure;
use crate::logic::recording::state_machine::SyncJob;
use crate::logic::recording::storage::Errno;
use crate::logic::sync::unpoisoned;

/// Accepted bytes that wait longer than this for the disk are worth a warning.
const SLOW: Nanos = 10 * SECOND;

/// A notice from the background thread to its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A window is safe.
    Flushed {
        /// Bytes in it.
        bytes: u64,
        /// How long that took.
        took: Nanos,
    },
    /// The recording has failed and takes no more.
    Failed(Failure),
    /// The file system has less room than it should keep.
    LowSpace {
        /// Bytes left.
        available: u64,
    },
    /// The file has lost its name: it, or its directory, was removed, or the name means another file now. Given once.
    NameLost,
    /// Bytes waited for longer than 10 s to be flushed or synced.
    Slow {
        /// How long they waited, or still do.
        age: Nanos,
    },
}

impl Session {
    /// The background thread's work; returns when the recording ends or has failed. `notify` is called without locks.
    pub fn run_background(&self, notify: &mut dyn FnMut(Notice)) {
        let mut warned = false;
        let mut lost = false;
        let mut looked = self.clock.now();
        loop {
            let mut shared = self.lock();
            if shared.closing {
                return;
            }
            let now = self.clock.now();
            let Some(recording) = shared.recording.as_mut() else { return };
            if let Err(failure) = recording.tick(now) {
                return self.report_failure(shared, failure, notify);
            }
            if recording.failure().is_some() {
                return;
            }
            // If no byte waits: the first one from here on cannot be due before an interval has passed, so the writer need not
            // wake this thread for it.
            let deadline = recording.deadline().or(recording.interval().map(|interval| now.saturating_add(interval)));
            let look = looked.saturating_add(recording.interval().unwrap_or(0));
            let deadline = deadline.map(|deadline| if lost { deadline } else { deadline.min(look) });
            self.offer_job(&mut shared);
            drop(shared);
            let job = self.wait_for_job(now, deadline);
            if !lost && self.clock.now() >= look {
                lost = self.check_name(notify);
                looked = self.clock.now();
            }
            let Some(job) = job else { continue };
            let started = self.clock.now();
            let bytes = job.bytes();
            let result = job.run();
            let done = self.clock.now();
            let took = done.saturating_sub(started);
            let mut shared = self.lock();
            shared.syncing = false;
            self.progress.notify_all();
            let Some(recording) = shared.recording.as_mut() else { return };
            if let Err(failure) = recording.job_done(job, result) {
                return self.report_failure(shared, failure, notify);
            }
            self.counters.flushed_at.store(done, Ordering::Relaxed);
            // Before the notices, which the next job need not wait for.
            self.offer_job(&mut shared);
            drop(shared);
            let age = took.max(self.counters.max_flush_age.load(Ordering::Relaxed));
            if age > SLOW && !std::mem::replace(&mut warned, true) {
                notify(Notice::Slow { age });
            }
            self.check_space(notify);
            notify(Notice::Flushed { bytes, took });
        }
    }

    /// The background thread has died, so the job it was at will never end.
    pub fn abandon(&self) {
        let mut shared = self.lock();
        (shared.syncing, shared.reported) = (false, true);
        if let Some(recording) = &mut shared.recording {
            recording.abandon();
        }
        self.progress.notify_all();
    }

    pub(super) fn report_failure(
        &self,
        mut shared: MutexGuard<'_, Shared>,
        failure: Failure,
        notify: &mut dyn FnMut(Notice),
    ) {
        self.retract_job(&mut shared);
        if let Some(failure) = shared.hand_out(failure).unreported() {
            drop(shared);
            notify(Notice::Failed(failure));
        }
    }

    /// Returns whether the file has lost its name, of which a notice is then given.
    fn check_name(&self, notify: &mut dyn FnMut(Notice)) -> bool {
        let (name, id) = &self.expected;
        let lost = match retry_on_intr(|| self.directory.stat(name)) {
            Ok(stat) => stat.id != *id,
            // Any other answer says nothing about the name.
            Err(errno) => errno == Errno::NOENT,
        };
        // A recording that ends gives its name away itself.
        if lost && !self.lock().closing {
            notify(Notice::NameLost);
        }
        lost
    }

    /// Gives a notice when space becomes low, and again only after there was twice the limit.
    pub(super) fn check_space(&self, notify: &mut dyn FnMut(Notice)) {
        if self.min_free == 0 {
            return;
        }
        let Ok(available) = self.directory.free_space() else { return };
        if available < self.min_free && !self.low.swap(true, Ordering::Relaxed) {
            notify(Notice::LowSpace { available });
        } else if available >= self.min_free.saturating_mul(2) {
            self.low.store(false, Ordering::Relaxed);
        }
    }

    /// The job in the slot, waiting for one until `deadline`.
    fn wait_for_job(&self, now: Nanos, deadline: Option<Nanos>) -> Option<SyncJob> {
        let mut slot = self.slot();
        let nothing = |slot: &mut Slot| slot.job.is_none() && !slot.closing;
        slot = match deadline {
            Some(deadline) => {
                let wait = Duration::from_nanos(deadline.saturating_sub(now).max(1));
                let result = self.work.wait_timeout_while(slot, wait, nothing);
                unpoisoned(result).0
            }
            None => unpoisoned(self.work.wait_while(slot, nothing)),
        };
        slot.job.take()
    }
}
