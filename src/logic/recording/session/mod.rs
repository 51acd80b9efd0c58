//! One recording shared by the thread that writes it and the one that brings it to safety.
//!
//! The second thread is the caller's ([`Session::run_background`]); it flushes what has waited for an interval and syncs
//! full windows, so the writing thread waits for the disk only when two windows are not safe yet. A third one
//! ([`Session::run_hand_over`]) gives the kernel what was gathered, also while the second one waits for a sync. One lock guards the
//! recording. It is held while bytes go to the kernel, never during a background sync, and never while a notice is given.
//! A second one, inside it, guards the slot in which the writer leaves a job, so that the job starts while the writer goes on
//! with a large buffer.

mod background;
mod hand_over;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

pub use background::Notice;

use super::failure::Failure;
use super::state_machine::{Counters, Finished, Kept, Recording, SyncJob};
use super::storage::{Directory, FileId};
use super::write_buffer::LentBytes;
use crate::logic::clock::{Clock, Nanos};
use crate::logic::sync::unpoisoned;

/// Why bytes were not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteError {
    /// [`Session::interrupt`] came while waiting for the disk; the call can be repeated.
    Interrupted,
    /// The recording has failed; the failure is here unless it has been reported before.
    Failed(Option<Failure>),
}

impl WriteError {
    /// The failure that has not been reported yet, if this is one.
    pub fn unreported(self) -> Option<Failure> {
        match self {
            WriteError::Failed(failure) => failure,
            WriteError::Interrupted => None,
        }
    }
}

struct Shared {
    /// None once finished or kept.
    recording: Option<Recording>,
    /// A job is in the slot or under way.
    syncing: bool,
    /// No further jobs.
    closing: bool,
    /// The failure has been handed out to one caller.
    reported: bool,
    /// Nothing is gathered, and the thread that would hand it over sleeps until told.
    idle: bool,
}

#[derive(Default)]
struct Slot {
    job: Option<SyncJob>,
    closing: bool,
}

/// A shared recording; see the module's documentation. Lock order: `shared`, `slot`.
pub struct Session {
    shared: Mutex<Shared>,
    slot: Mutex<Slot>,
    /// Something is in the slot.
    work: Condvar,
    /// A job has ended, or the wait for it is to end.
    progress: Condvar,
    /// Bytes were gathered while the thread that hands them over was idle, or it is to end.
    gathered: Condvar,
    clock: Arc<dyn Clock>,
    directory: Arc<dyn Directory>,
    counters: Arc<Counters>,
    temporary: PathBuf,
    /// What a look at the directory should find.
    expected: (OsString, FileId),
    min_free: u64,
    /// Space was low when it was last looked at.
    low: AtomicBool,
    max_stall: AtomicU64,
    interrupted: AtomicBool,
}

impl Session {
    /// Shares `recording`; a notice is given when less than `min_free` bytes are left on its file system.
    pub fn new(recording: Recording, clock: Arc<dyn Clock>, min_free: u64) -> Self {
        Self {
            work: Condvar::new(),
            progress: Condvar::new(),
            gathered: Condvar::new(),
            clock,
            directory: recording.directory().clone(),
            counters: recording.counters().clone(),
            temporary: recording.temporary_path(),
            expected: recording.name_and_id(),
            min_free,
            low: AtomicBool::new(false),
            max_stall: AtomicU64::new(0),
            interrupted: AtomicBool::new(false),
            slot: Mutex::default(),
            shared: Mutex::new(Shared {
                recording: Some(recording),
                syncing: false,
                closing: false,
                reported: false,
                idle: false,
            }),
        }
    }

    /// Its figures, which may be read at any time.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Time since the last flush, or since there is something to flush; 0 while nothing waits for one. Takes no lock.
    pub fn since_flush(&self) -> Nanos {
        let time = |since: &AtomicU64| since.load(Ordering::Relaxed);
        if time(&self.counters.unsafe_bytes) == 0 {
            return 0;
        }
        let since = time(&self.counters.flushed_at).max(time(&self.counters.unsafe_since));
        self.clock.now().saturating_sub(since)
    }

    /// The longest that the stream has waited for the disk: that [`Self::write`] has waited for room, or what
    /// [`Self::note_stall`] was told.
    pub fn max_stall(&self) -> Nanos {
        self.max_stall.load(Ordering::Relaxed)
    }

    /// A call took so long. The kernel makes a stream wait as well, and only the caller can tell that from its ordinary work.
    pub fn note_stall(&self, took: Nanos) {
        self.max_stall.fetch_max(took, Ordering::Relaxed);
    }

    /// The file being written, for people.
    pub fn temporary_path(&self) -> &PathBuf {
        &self.temporary
    }

    /// Whether anything was accepted.
    pub fn has_data(&self) -> bool {
        self.lock().recording.as_ref().is_some_and(Recording::has_data)
    }

    /// The next byte goes to `position`.
    pub fn seek(&self, position: u64) {
        if let Some(recording) = &mut self.lock().recording {
            recording.seek(position);
        }
    }

    /// Accepts one small buffer if that takes neither the disk nor a wait, as is so for nearly every one; see
    /// [`Recording::gather`].
    pub fn gather(&self, data: &[u8]) -> bool {
        let Ok(mut shared) = self.shared.try_lock() else { return false };
        let taken = shared.recording.as_mut().is_some_and(|recording| recording.gather(data));
        self.wake_hand_over(&mut shared);
        taken
    }

    /// Accepts one large buffer without copying it; see [`Recording::borrow`].
    pub fn borrow(&self, len: usize, data: impl FnOnce() -> Option<LentBytes>) -> bool {
        let Ok(mut shared) = self.shared.try_lock() else { return false };
        let taken = shared.recording.as_mut().is_some_and(|recording| recording.borrow(len, self.clock.now(), data));
        self.wake_hand_over(&mut shared);
        taken
    }

    /// Accepts one buffer, given in pieces. `done` counts the bytes accepted so far and makes an interrupted call repeatable.
    ///
    /// # Errors
    ///
    /// [`WriteError::Interrupted`] when [`Self::interrupt`] has come by the time that it waits for the disk or goes on to another window;
    /// [`WriteError::Failed`] when the recording fails here, has failed before, or has ended.
    pub fn write(&self, data: &[&[u8]], done: &mut usize) -> Result<(), WriteError> {
        let total: usize = data.iter().map(|d| d.len()).sum();
        let mut shared = self.lock();
        while *done < total {
            let recording = shared.recording.as_mut().ok_or(WriteError::Failed(None))?;
            match recording.write(data, *done, self.clock.now()) {
                Ok(0) => {
                    let since = self.clock.now();
                    self.offer_job(&mut shared);
                    shared = self.wait_for_progress(shared)?;
                    self.max_stall.fetch_max(self.clock.now().saturating_sub(since), Ordering::Relaxed);
                    continue;
                }
                Ok(taken) => *done += taken,
                Err(failure) => return Err(shared.hand_out(failure)),
            }
            // A job without work on the disk only leads to a notice, and the background thread looks by once an interval.
            if recording.jobs_use_the_disk() || recording.interval().is_none() {
                self.offer_job(&mut shared);
            }
            if *done < total {
                // The lock is let go of after each window, since others want it too.
                drop(shared);
                if self.interrupted.load(Ordering::SeqCst) {
                    return Err(WriteError::Interrupted);
                }
                shared = self.lock();
            }
        }
        self.wake_hand_over(&mut shared);
        Ok(())
    }

    /// Returns once everything accepted is on the disk.
    ///
    /// # Errors
    ///
    /// [`WriteError::Interrupted`] when [`Self::interrupt`] has come by the time that it waits for a job; [`WriteError::Failed`] when the
    /// recording fails here, has failed before, or has ended.
    pub fn make_safe(&self) -> Result<(), WriteError> {
        let mut shared = self.lock();
        let failed = |shared: &Shared| shared.recording.as_ref().is_none_or(|recording| recording.failure().is_some());
        while shared.syncing && !failed(&shared) {
            shared = self.wait_for_progress(shared)?;
        }
        let now = self.clock.now();
        match shared.recording.as_mut().map(|recording| recording.make_safe(now)) {
            Some(Ok(())) => Ok(()),
            Some(Err(failure)) => Err(shared.hand_out(failure)),
            None => Err(WriteError::Failed(None)),
        }
    }

    /// Ends waits for the disk, now and until called with `false`.
    pub fn interrupt(&self, interrupted: bool) {
        self.interrupted.store(interrupted, Ordering::SeqCst);
        // Under the lock, so that no thread is between looking at the flag and waiting.
        let _shared = self.lock();
        self.progress.notify_all();
    }

    /// Ends the recording under its final name. On failure [`Self::keep`] is next.
    ///
    /// # Errors
    ///
    /// [`WriteError::Failed`] when the recording fails here, has failed before, or has ended; nothing interrupts this call. If it is only
    /// closing the file that fails, the recording has its final name and [`Self::keep`] has nothing left to do.
    pub fn finish(&self, utc: u64) -> Result<Finished, WriteError> {
        let mut shared = self.close_down();
        let now = self.clock.now();
        let Some(recording) = shared.recording.as_mut() else { return Err(WriteError::Failed(None)) };
        let finished = match recording.finish(utc, now) {
            Ok(finished) => finished,
            Err(failure) => return Err(shared.hand_out(failure)),
        };
        match shared.recording.take().map(Recording::close) {
            Some(Err(failure)) => Err(shared.hand_out(failure)),
            _ => Ok(finished),
        }
    }

    /// Ends the recording without its final name; see [`Recording::keep`]. The failure is one not reported before.
    pub fn keep(&self, aside: bool, utc: u64) -> (Option<Kept>, Option<Failure>) {
        let mut shared = self.close_down();
        let now = self.clock.now();
        let Some(mut recording) = shared.recording.take() else { return (None, None) };
        let (kept, result) = recording.keep(aside, utc, now);
        let failure = result.and(recording.close()).err();
        (kept, failure.and_then(|failure| shared.hand_out(failure).unreported()))
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        unpoisoned(self.shared.lock())
    }

    /// Puts the next job, if there is one, where the background thread finds it.
    fn offer_job(&self, shared: &mut Shared) {
        if shared.closing {
            return;
        }
        if let Some(job) = shared.recording.as_mut().and_then(Recording::take_job) {
            shared.syncing = true;
            self.slot().job = Some(job);
            self.work.notify_one();
        }
    }

    /// Takes a job back that the background thread has not begun.
    fn retract_job(&self, shared: &mut Shared) {
        if let Some(job) = self.slot().job.take() {
            shared.syncing = false;
            if let Some(recording) = &mut shared.recording {
                recording.put_back(job);
            }
            self.progress.notify_all();
        }
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        unpoisoned(self.slot.lock())
    }

    fn wait_for_progress<'a>(
        &'a self,
        mut shared: MutexGuard<'a, Shared>,
    ) -> Result<MutexGuard<'a, Shared>, WriteError> {
        let interrupted = || self.interrupted.load(Ordering::SeqCst);
        if !interrupted() {
            shared = unpoisoned(self.progress.wait(shared));
        }
        if interrupted() { Err(WriteError::Interrupted) } else { Ok(shared) }
    }

    /// Stops offering jobs and waits for the one under way, which nothing can cut short.
    fn close_down(&self) -> MutexGuard<'_, Shared> {
        let mut shared = self.lock();
        shared.closing = true;
        self.retract_job(&mut shared);
        self.slot().closing = true;
        self.work.notify_one();
        self.gathered.notify_one();
        while shared.syncing {
            shared = unpoisoned(self.progress.wait(shared));
        }
        shared
    }
}

impl Shared {
    /// Hands a failure to the first caller that asks, and only to that one.
    fn hand_out(&mut self, failure: Failure) -> WriteError {
        WriteError::Failed((!std::mem::replace(&mut self.reported, true)).then_some(failure))
    }
}
