//! The state machine of one recording: what is accepted, written, synced, held, and how it ends.
//!
//! ```text
//! accepted ─ slab ─→ kernel (dirty) ─ flush ─→ ready ─ job taken ─→ in flight ─ job done ─→ safe
//!          └ held overwrites ─────────────────── after their barrier is safe ─→ kernel (dirty)
//! ```
//! A *window* is what one flush hands to one job. Where windows are synced, at most two windows' worth of bytes are accepted
//! and not yet safe, and the caller waits, on whatever it likes, until [`Recording::write`] takes bytes again. Where the
//! kernel is safe enough, nobody waits: jobs only let go of pages, and leave that to the kernel while the disk is behind.
//! Nothing here blocks but the storage.

mod counters;
mod digest;
mod ending;
mod output;
mod pieces;
mod sync_job;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub use counters::Counters;
pub use ending::{Finished, Kept};
pub use sync_job::SyncJob;

use super::failure::Failure;
use super::names::Names;
use super::options::{Durability, Options};
use super::pending_overwrites::Held;
use super::storage::{Directory, Errno, File, FileId};
use super::write_buffer::{Lent, PAGE, Slab};
use crate::logic::clock::{Nanos, SECOND};
use digest::Digest;
use pieces::Pieces;

/// Writes from this size on go to the kernel as they are; smaller ones are gathered.
const LARGE: usize = 64 * 1024;
/// Gathered bytes go to the kernel from this size on: it stays in a core's second-level cache.
const SLAB: u64 = 256 * 1024;

/// How long the pages of a recording that is faster than the disk are left to the kernel before the disk is tried again. Long,
/// since each try costs the time of writing two windows back; short beside the hours that a recording may take.
const LEFT_FOR: Nanos = SECOND;

/// Nanoseconds in which a byte would have to come for a stream to outrun any disk: a gigabyte a second. At that speed something
/// is copied rather than recorded, and not even tried to be kept out of the page cache.
const OUTRUNS_DISKS: Nanos = 1;

/// Asked after a failed write whether to try again, with how often that has happened to this write; it may wait first.
pub type Retry = Box<dyn FnMut(Errno, u32) -> bool + Send>;

/// One file being recorded.
pub struct Recording {
    directory: Arc<dyn Directory>,
    names: Names,
    temporary: OsString,
    file: Arc<dyn File>,
    id: FileId,
    options: Options,
    counters: Arc<Counters>,

    position: u64,
    /// Where the highest accepted byte ends; the slab, if not empty, ends here.
    end: u64,
    slab: Slab,
    held: Held,
    digest: Option<Digest>,
    /// Bytes the kernel has since the last flush.
    dirty: u64,
    /// Bytes flushed that no job has taken yet.
    ready: u64,
    in_flight: u64,
    /// Appended bytes below this are safe.
    safe: u64,
    /// Pages below this have been let go, or left to the kernel; where a page begins.
    cache_settled: u64,
    /// Until then, pages are left to the kernel; 0 if they never were.
    left_until: Nanos,
    /// Whether the last window was.
    leaving: bool,
    /// When the window before this one was flushed: its pace is judged by that.
    flushed_at: Option<Nanos>,
    /// When the oldest byte since the last flush came.
    oldest: Option<Nanos>,
    failed: Option<Failure>,
    /// A sync has failed: the kernel may have forgotten what it could not write, so no later sync means anything.
    sync_broken: bool,
    retry: Option<Retry>,
}

impl Recording {
    pub(super) fn new(
        directory: Arc<dyn Directory>,
        names: Names,
        temporary: OsString,
        file: Arc<dyn File>,
        id: FileId,
        options: Options,
    ) -> Self {
        Self {
            directory,
            names,
            temporary,
            file,
            id,
            options,
            counters: Arc::default(),
            position: 0,
            end: 0,
            slab: Slab::new(options.threshold.min(SLAB) as usize),
            held: Held::default(),
            digest: options.digest.then(Digest::default),
            dirty: 0,
            ready: 0,
            in_flight: 0,
            safe: 0,
            cache_settled: 0,
            left_until: 0,
            leaving: false,
            flushed_at: None,
            oldest: None,
            failed: None,
            sync_broken: false,
            retry: None,
        }
    }

    /// Lets failed writes be tried again.
    pub fn set_retry(&mut self, retry: Retry) {
        self.retry = Some(retry);
    }

    /// The figures.
    pub fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// The file being written, for people.
    pub fn temporary_path(&self) -> PathBuf {
        self.names.path(&self.temporary)
    }

    /// The directory it is in.
    pub fn directory(&self) -> &Arc<dyn Directory> {
        &self.directory
    }

    /// What ended it, if something did.
    pub fn failure(&self) -> Option<&Failure> {
        self.failed.as_ref()
    }

    /// Whether anything was ever accepted.
    pub fn has_data(&self) -> bool {
        self.end > 0
    }

    /// Appended bytes below this offset are with the kernel and survive the process.
    pub fn given_to_kernel(&self) -> u64 {
        self.slab.offset()
    }

    /// The longest that accepted bytes may wait for a flush, if that is limited.
    pub fn interval(&self) -> Option<Nanos> {
        (self.options.interval > 0).then_some(self.options.interval)
    }

    /// When [`Self::tick`] wants to be called next.
    pub fn deadline(&self) -> Option<Nanos> {
        let interval = self.interval().filter(|_| self.failed.is_none())?;
        self.oldest.map(|oldest| oldest.saturating_add(interval))
    }

    /// The next byte goes to `position`.
    pub fn seek(&mut self, position: u64) {
        self.position = position;
        self.counters.position.store(position, Ordering::Relaxed);
    }

    /// Accepts all of a small buffer, if there is nothing to it but a copy. This is what happens to nearly every packet of a
    /// stream of small ones; it needs no time, since older bytes are waiting already.
    pub fn gather(&mut self, data: &[u8]) -> bool {
        let len = data.len() as u64;
        if !self.only_joins(len) || self.oldest.is_none() || data.len() >= LARGE || data.len() > self.slab.room() {
            return false;
        }
        self.digest_append(&[data]);
        self.slab.push(data);
        self.gathered(len);
        true
    }

    /// Accepts all of a large buffer of so many bytes as it is, if there is nothing to it but to keep it until there are several
    /// to write in one call: the more bytes the kernel gets at a time, the less each costs.
    /// Also the first one of a window, so that what is written begins where the kernel's large pages do.
    pub fn borrow(&mut self, len: usize, now: Nanos, data: impl FnOnce() -> Option<Lent>) -> bool {
        if !self.only_joins(len as u64) || len < LARGE || !self.slab.may_borrow(len) {
            return false;
        }
        let Some(data) = data() else { return false };
        self.digest_append(&[(*data).as_ref()]);
        self.slab.borrow(data);
        self.oldest.get_or_insert(now);
        self.gathered(len as u64);
        true
    }

    /// Whether `len` more bytes would only join what waits to be written, without filling a window.
    fn only_joins(&self, len: u64) -> bool {
        self.position == self.end && self.failed.is_none() && self.room() > len
    }

    fn gathered(&mut self, len: u64) {
        self.held.note_append();
        self.end += len;
        self.position += len;
        self.counters.accept(len, self.position, self.unsafe_bytes());
    }

    /// Accepts bytes of one buffer, given in pieces of which the first `skip` bytes have been accepted before, and says how
    /// many it took. 0: the disk is behind; again when a job is done.
    pub fn write(&mut self, data: &[&[u8]], skip: usize, now: Nanos) -> Result<usize, Failure> {
        if let Some(failure) = &self.failed {
            return Err(failure.clone());
        }
        let total = data.iter().map(|d| d.len()).sum::<usize>() - skip;
        let limit = self.room().min(total as u64) as usize;
        if total == 0 || limit == 0 {
            return Ok(0);
        }
        let taken = if self.position < self.end {
            let len = (self.end - self.position).min(limit as u64) as usize;
            if let Some(digest) = &mut self.digest {
                digest.overwrite();
            }
            self.overwrite(Pieces::new(data, skip, len).as_slice(), len, now)?;
            len
        } else {
            if self.position > self.end {
                // A hole, to be filled by a later overwrite or never, as in any sparse file.
                self.write_slab()?;
                self.slab.restart_at(self.position);
                self.end = self.position;
            }
            if skip == 0 {
                self.held.note_append();
            }
            let pieces = Pieces::new(data, skip, limit);
            self.append(pieces.as_slice(), limit)?;
            self.digest_append(pieces.as_slice());
            self.end += limit as u64;
            self.oldest.get_or_insert(now);
            limit
        };
        self.position += taken as u64;
        self.flush_if_full(now)?;
        self.counters.accept(taken as u64, self.position, self.unsafe_bytes());
        Ok(taken)
    }

    fn digest_append(&mut self, pieces: &[&[u8]]) {
        let Some(digest) = &mut self.digest else { return };
        let mut offset = self.end;
        for piece in pieces {
            digest.append(offset, piece);
            offset += piece.len() as u64;
        }
    }

    fn flush_if_full(&mut self, now: Nanos) -> Result<(), Failure> {
        if self.window() >= self.options.threshold { self.flush(now) } else { Ok(()) }
    }

    /// Flushes if the oldest byte has waited for an interval.
    pub fn tick(&mut self, now: Nanos) -> Result<(), Failure> {
        if self.deadline().is_some_and(|deadline| deadline <= now) { self.flush(now) } else { Ok(()) }
    }

    /// Hands everything accepted to the kernel and makes it the next job's.
    pub fn flush(&mut self, now: Nanos) -> Result<(), Failure> {
        self.write_slab()?;
        self.held.note_flush(self.end);
        if self.options.durability == Durability::Flush {
            self.safe = self.end;
            // What this writes is part of the window, so that the next one begins with all its room.
            self.apply_due(now)?;
        }
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

    /// Decides about the pages of the window just flushed. Where it outruns any disk, or two windows before it are not yet
    /// written back because the disk is behind, this window and those of the next while are the kernel's.
    fn leave_or_let_go(&mut self, now: Nanos, outruns: bool) {
        let end = self.slab.offset() / PAGE * PAGE;
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
            range: self.cache_settled..self.slab.offset(),
            bytes: self.in_flight,
        })
    }

    /// Whether [`Self::take_job`] has one.
    pub fn has_job(&self) -> bool {
        self.ready > 0 && self.in_flight == 0 && self.failed.is_none()
    }

    /// Whether a job would do anything. If not, there is no hurry to run it.
    pub fn jobs_use_the_disk(&self) -> bool {
        self.options.durability == Durability::Sync || self.options.bounded_cache && !self.leaving
    }

    /// A job that was taken will not be run.
    pub fn put_back(&mut self, job: SyncJob) {
        self.in_flight = 0;
        self.ready += job.bytes;
    }

    /// A job has ended.
    pub fn job_done(&mut self, job: SyncJob, result: Result<(), Errno>, now: Nanos) -> Result<(), Failure> {
        self.in_flight = 0;
        self.counters.syncs.fetch_add(u64::from(job.sync), Ordering::Relaxed);
        match result {
            Ok(()) => {
                // Later windows may have been left to the kernel meanwhile.
                self.cache_settled = self.cache_settled.max(job.pages().end);
                self.safe = self.safe.max(job.range.end);
                drop(job);
                if self.failed.is_none() {
                    self.apply_due(now)?;
                    // Overwrites fill windows too; a full one must become a job, or nobody would make room again.
                    self.flush_if_full(now)?;
                }
                self.publish_counters();
                Ok(())
            }
            Err(errno) => Err(self.sync_failed(errno)),
        }
    }

    /// Bytes accepted since the last flush.
    fn window(&self) -> u64 {
        self.slab.len() as u64 + self.dirty
    }

    fn unsafe_bytes(&self) -> u64 {
        self.window() + self.ready + self.in_flight
    }

    /// How much may be accepted now: not beyond this window, so that its job can start, and, where windows are synced, not
    /// beyond two windows in all.
    fn room(&self) -> u64 {
        let threshold = self.options.threshold;
        let window = threshold.saturating_sub(self.window());
        match self.options.durability {
            Durability::Flush => window,
            Durability::Sync => window.min((2 * threshold).saturating_sub(self.unsafe_bytes())),
        }
    }

    fn publish_counters(&self) {
        self.counters.unsafe_bytes.store(self.unsafe_bytes(), Ordering::Relaxed);
    }
}
