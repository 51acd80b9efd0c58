//! The state machine of one recording: where its bytes are on their way to the disk, and how it ends.
//!
//! ```text
//! accepted ─ write buffer ─→ kernel (dirty) ─ flush ─→ ready ─ job taken ─→ in flight ─ job done ─→ safe
//!          └ pending overwrites ─ settled ─→ kernel (dirty)
//! ```
//! A *window* is what one flush hands to one job. Where windows are synced, at most two windows' worth of bytes are accepted
//! and not yet safe, and the caller waits, in its own way, until [`Recording::write`] takes bytes again. Where the
//! kernel is safe enough, nobody waits: jobs only let go of cached pages, and not even that while the disk is behind.
//! Nothing here blocks but the storage.

mod accept;
mod counters;
mod digest;
mod ending;
mod kernel;
mod pieces;
mod sync_job;
mod windows;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub use counters::Counters;
pub use ending::{Finished, Kept};
pub use sync_job::SyncJob;

use super::failure::Failure;
use super::names::Names;
use super::options::Options;
use super::pending_overwrites::PendingOverwrites;
use super::storage::{Directory, Errno, File, FileId};
use super::write_buffer::WriteBuffer;
use crate::logic::clock::Nanos;
use digest::Digest;

/// Gathered bytes go to the kernel from this size on, which is what `filesink` holds back: a kill costs no more than it does there.
const BUFFER: u64 = 64 * 1024;

/// Decides whether a failed write is tried again, from the error and the number of times this write has failed; it may wait
/// before it answers.
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
    /// Where the highest accepted byte ends, and with it the write buffer unless that is empty.
    end: u64,
    buffer: WriteBuffer,
    pending: PendingOverwrites,
    digest: Option<Digest>,
    /// Bytes the kernel has since the last flush.
    dirty: u64,
    /// Bytes flushed that no job has taken yet.
    ready: u64,
    in_flight: u64,
    /// Cached pages below this offset have been let go of or left to the kernel; a multiple of the page size.
    cache_settled: u64,
    /// Pages are left to the kernel until this time; 0 if they never were.
    left_until: Nanos,
    /// Whether the last window's pages were left to the kernel.
    leaving: bool,
    /// When the window before this one was flushed, by which the pace of this one is judged.
    flushed_at: Option<Nanos>,
    /// When the oldest byte that is not flushed yet came.
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
            buffer: WriteBuffer::new(options.threshold.min(BUFFER) as usize),
            pending: PendingOverwrites::default(),
            digest: options.digest.then(Digest::default),
            dirty: 0,
            ready: 0,
            in_flight: 0,
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

    /// Its figures, which may be read at any time.
    pub fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// The file being written, for people.
    pub fn temporary_path(&self) -> PathBuf {
        self.names.path(&self.temporary)
    }

    /// The name and the identity of the file being written.
    pub(in crate::logic::recording) fn name_and_id(&self) -> (OsString, FileId) {
        (self.temporary.clone(), self.id)
    }

    /// The directory it is in.
    pub fn directory(&self) -> &Arc<dyn Directory> {
        &self.directory
    }

    /// The failure that ended it, if one did.
    pub fn failure(&self) -> Option<&Failure> {
        self.failed.as_ref()
    }

    /// Whether anything was ever accepted.
    pub fn has_data(&self) -> bool {
        self.end > 0
    }

    /// Appended bytes below this offset are with the kernel and survive the process.
    pub fn given_to_kernel(&self) -> u64 {
        self.buffer.offset()
    }

    /// Whether accepted bytes wait for [`Self::hand_over`].
    pub fn has_gathered(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// The next byte goes to `position`.
    pub fn seek(&mut self, position: u64) {
        self.position = position;
        self.counters.position.store(position, Ordering::Relaxed);
    }

    /// Bytes accepted since the last flush.
    fn window(&self) -> u64 {
        self.buffer.len() as u64 + self.dirty
    }

    fn unsafe_bytes(&self) -> u64 {
        self.window() + self.ready + self.in_flight
    }

    fn publish_counters(&self) {
        self.counters.unsafe_bytes.store(self.unsafe_bytes(), Ordering::Relaxed);
    }
}
