//! Windows: when one is full or old enough to be flushed, and how it is brought to safety.

use std::sync::atomic::Ordering;

use rustix::io::retry_on_intr;

use super::{Recording, SyncJob};
use crate::logic::clock::{Nanos, SECOND};
use crate::logic::recording::failure::Failure;
use crate::logic::recording::options::Durability;
use crate::logic::recording::storage::Errno;
use crate::logic::recording::write_buffer::PAGE;

/// How long the pages of a recording that is faster than the disk are left to the kernel before the disk is tried again. Long
/// enough, since each try costs the time of writing two windows back, and short beside the hours that a recording may take.
const LEFT_FOR: Nanos = SECOND;

/// Nanoseconds per byte below which a stream outruns any disk: a gigabyte a second. At that speed a file is being copied rather
/// than a recording made, and nothing is done to keep it out of the page cache.
const OUTRUNS_DISKS: Nanos = 1;

impl Recording {
    /// The longest that accepted bytes may wait for a flush, if that is limited.
    pub fn interval(&self) -> Option<Nanos> {
        (self.options.interval > 0).then_some(self.options.interval)
    }

    /// When [`Self::tick`] wants to be called next.
    pub fn deadline(&self) -> Option<Nanos> {
        let interval = self.interval().filter(|_| self.failed.is_none())?;
        self.oldest.map(|oldest| oldest.saturating_add(interval))
    }

    /// A byte waits for a flush from `now` on, unless others did already.
    pub(super) fn note_waiting(&mut self, now: Nanos) {
        if self.oldest.is_none() {
            self.oldest = Some(now);
            if self.ready + self.in_flight == 0 {
                self.counters.unsafe_since.store(now, Ordering::Relaxed);
            }
        }
    }

    /// Flushes if the window is full.
    pub(super) fn flush_if_full(&mut self, now: Nanos) -> Result<(), Failure> {
        if self.window() >= self.options.threshold { self.flush(now) } else { Ok(()) }
    }

    /// Flushes if the oldest byte has waited for an interval.
    ///
    /// # Errors
    ///
    /// As [`Self::flush`], while the recording has not failed.
    pub fn tick(&mut self, now: Nanos) -> Result<(), Failure> {
        if self.deadline().is_some_and(|deadline| deadline <= now) { self.flush(now) } else { Ok(()) }
    }

    /// Hands to the kernel what has been gathered, so that it survives the process. Its window goes on filling: nothing becomes
    /// a job, and no overwrite is applied.
    ///
    /// # Errors
    ///
    /// As [`Self::flush`].
    pub fn hand_over(&mut self) -> Result<(), Failure> {
        match &self.failed {
            Some(failure) => Err(failure.clone()),
            None => self.write_gathered(),
        }
    }

    /// Hands everything accepted to the kernel and makes it the next job's.
    ///
    /// # Errors
    ///
    /// When the kernel does not take all of it: the failure that ended the recording, of the kind `FailureKind::Write` or
    /// `FailureKind::NoSpace` unless it is an earlier one.
    pub fn flush(&mut self, now: Nanos) -> Result<(), Failure> {
        self.write_gathered()?;
        // The overwrites written here belong to this window, so that the next one begins with all its room.
        self.apply_settled(now)?;
        let window = std::mem::take(&mut self.dirty);
        self.ready += window;
        let oldest = self.oldest.take();
        if let Some(oldest) = oldest {
            self.counters.max_flush_age.fetch_max(now.saturating_sub(oldest), Ordering::Relaxed);
        }
        if self.options.durability == Durability::Flush && self.options.bounded_cache {
            // Nothing is known of the pace of a first window that came in one piece.
            let since = self.flushed_at.replace(now).or(oldest.filter(|&oldest| oldest < now));
            let outruns = since.is_some_and(|since| now.saturating_sub(since) < window * OUTRUNS_DISKS);
            self.leave_or_let_go(now, outruns);
        }
        self.publish_counters();
        Ok(())
    }

    /// Decides about the pages of the window just flushed. If it came faster than any disk writes, or two windows before it
    /// are not written back yet because the disk is behind, this one and those of the next [`LEFT_FOR`] are left to the kernel.
    fn leave_or_let_go(&mut self, now: Nanos, outruns: bool) {
        let end = self.buffer.offset() / PAGE * PAGE;
        // Both ends are rounded to pages.
        let behind = end - self.cache_settled > 2 * self.options.threshold + PAGE;
        if !self.leaving && (outruns || behind) {
            self.left_until = now.saturating_add(LEFT_FOR);
        }
        self.leaving = now < self.left_until;
        if self.leaving {
            self.cache_settled = end;
        }
    }

    /// The window to bring to safety next, if there is one and none is under way.
    pub fn take_job(&mut self) -> Option<SyncJob> {
        if !self.has_job() {
            return None;
        }
        self.in_flight = std::mem::take(&mut self.ready);
        Some(SyncJob {
            file: self.file.clone(),
            sync: self.options.durability == Durability::Sync,
            let_go: self.options.bounded_cache && !self.leaving,
            range: self.cache_settled..self.buffer.offset(),
            bytes: self.in_flight,
        })
    }

    /// Whether [`Self::take_job`] has one.
    pub fn has_job(&self) -> bool {
        self.ready > 0 && self.in_flight == 0 && self.failed.is_none()
    }

    /// Whether a job has work to do on the disk. If not, there is no hurry to run it.
    pub fn jobs_use_the_disk(&self) -> bool {
        self.options.durability == Durability::Sync || self.options.bounded_cache && !self.leaving
    }

    /// A job that was taken will not be run.
    pub fn put_back(&mut self, job: SyncJob) {
        self.in_flight = 0;
        self.ready += job.bytes;
    }

    /// A job has ended.
    ///
    /// # Errors
    ///
    /// When `result` is an error, the failure that ended the recording: `FailureKind::Sync` or `FailureKind::NoSpace` unless it is an
    /// earlier one.
    pub fn job_done(&mut self, job: SyncJob, result: Result<(), Errno>) -> Result<(), Failure> {
        self.in_flight = 0;
        self.counters.syncs.fetch_add(u64::from(job.sync), Ordering::Relaxed);
        match result {
            Ok(()) => {
                // Later windows may have been left to the kernel meanwhile.
                self.cache_settled = self.cache_settled.max(job.pages().end);
                self.publish_counters();
                Ok(())
            }
            Err(errno) => Err(self.sync_failed(errno)),
        }
    }

    /// Makes everything accepted safe now, settled or not; for a buffer that asks for it. No job may be under way.
    ///
    /// # Errors
    ///
    /// The failure that ended the recording: an earlier one, or that of writing (`FailureKind::Write`) or syncing (`FailureKind::Sync`);
    /// `FailureKind::NoSpace` in place of either when the disk or the quota is full.
    pub fn make_safe(&mut self, now: Nanos) -> Result<(), Failure> {
        if let Some(failure) = &self.failed {
            return Err(failure.clone());
        }
        self.flush(now)?;
        self.sync()?;
        if !self.pending.is_empty() {
            self.apply_all()?;
            self.sync()?;
        }
        self.counters.flushed_at.store(now, Ordering::Relaxed);
        self.publish_counters();
        Ok(())
    }

    /// Syncs on the caller's thread; what is not in a job is safe afterwards.
    pub(super) fn sync(&mut self) -> Result<(), Failure> {
        self.counters.syncs.fetch_add(1, Ordering::Relaxed);
        retry_on_intr(|| self.file.sync_data()).map_err(|errno| self.sync_failed(errno))?;
        (self.dirty, self.ready) = (0, 0);
        Ok(())
    }
}
