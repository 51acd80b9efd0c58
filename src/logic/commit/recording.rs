//! The state machine of one recording: what is accepted, written, synced, held, and how it ends.
//!
//! ```text
//! accepted ─ slab ─→ kernel (dirty) ─ flush ─→ ready ─ job taken ─→ in flight ─ job done ─→ safe
//!          └ held overwrites ─────────────────── after their barrier is safe ─→ kernel (dirty)
//! ```
//! A *window* is what one flush hands to one sync. At most two windows' worth of bytes are accepted and not yet safe.
//! Nothing here blocks but the storage: the caller waits, on whatever it likes, until [`Recording::write`] takes bytes again.

use std::ffi::OsString;
use std::io::IoSlice;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::begin::move_aside;
use super::failure::{Failure, FailureKind};
use super::held::{HELD_BUDGET, Held};
use super::names::Names;
use super::publish::{publish, rescue};
use super::slab::Slab;
use super::storage::{Directory, Errno, File, FileId, again};
use crate::logic::clock::Nanos;

/// Writes from this size on go to the kernel as they are; smaller ones are gathered.
const LARGE: usize = 64 * 1024;
/// Gathered bytes go to the kernel from this size on: it stays in a core's second-level cache.
const SLAB: u64 = 256 * 1024;

/// What "safe" means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// With the kernel: survives the death of the process.
    Flush,
    /// On the disk: survives a power cut.
    Sync,
}

/// What to do when the target's name is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnExists {
    /// Fail and leave it alone.
    Error,
    /// Replace it atomically.
    Replace,
    /// Take the first free one of `out-1.mp4`, `out-2.mp4`, …
    Number,
}

/// How to record.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Bytes in one window, at least 1.
    pub threshold: u64,
    /// The longest that accepted bytes wait for a flush; 0 for as long as it takes to fill a window.
    pub interval: Nanos,
    /// What a window must reach before it is forgotten.
    pub durability: Durability,
    /// Whether pages that are safe are let go from the page cache.
    pub bounded_cache: bool,
    /// What to do when the target's name is taken.
    pub on_exists: OnExists,
}

/// Figures that anyone may read at any time.
#[derive(Debug, Default)]
pub struct Counters {
    /// Bytes accepted, overwrites included.
    pub bytes: AtomicU64,
    /// Where the next byte goes.
    pub position: AtomicU64,
    /// Write calls made.
    pub writes: AtomicU64,
    /// Sync calls made, of the file only.
    pub syncs: AtomicU64,
    /// Bytes accepted and not yet safe, held overwrites excepted.
    pub unsafe_bytes: AtomicU64,
    /// Bytes in held overwrites.
    pub held_bytes: AtomicU64,
    /// The longest that an accepted byte waited for a flush.
    pub max_flush_age: AtomicU64,
}

/// A finished recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// The temporary name it had lost on the way, if somebody took it away and the bytes had to be copied.
    pub rescued: Option<PathBuf>,
}

/// An unfinished recording that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
}

/// One window to bring to safety, without the recording's lock.
pub struct SyncJob {
    file: Arc<dyn File>,
    sync: bool,
    bounded_cache: bool,
    range: Range<u64>,
    bytes: u64,
}

impl SyncJob {
    /// Does it. Errors are final: a kernel that failed to write pages back may have dropped them.
    pub fn run(&self) -> Result<(), Errno> {
        if self.sync {
            again(|| self.file.sync_data())?;
        } else if self.bounded_cache {
            match again(|| self.file.write_back(self.range.clone())) {
                // Not every file system knows ranges; the cache then stays with the kernel.
                Ok(()) | Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::SPIPE) => {}
                Err(errno) => return Err(errno),
            }
        }
        if self.bounded_cache {
            self.file.drop_cache(self.range.clone());
        }
        Ok(())
    }

    /// Appended bytes below this offset are safe once it has succeeded.
    pub fn end(&self) -> u64 {
        self.range.end
    }

    /// Bytes in the window.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

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
    /// Bytes the kernel has since the last flush.
    dirty: u64,
    /// Bytes flushed that no job has taken yet.
    ready: u64,
    in_flight: u64,
    /// Appended bytes below this are safe.
    safe: u64,
    /// Pages below this have been let go.
    cache_dropped: u64,
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
            dirty: 0,
            ready: 0,
            in_flight: 0,
            safe: 0,
            cache_dropped: 0,
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

    /// When [`Self::tick`] wants to be called next.
    pub fn deadline(&self) -> Option<Nanos> {
        if self.options.interval == 0 || self.failed.is_some() {
            return None;
        }
        self.oldest.map(|oldest| oldest.saturating_add(self.options.interval))
    }

    /// The next byte goes to `position`.
    pub fn seek(&mut self, position: u64) {
        self.position = position;
        self.counters.position.store(position, Ordering::Relaxed);
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
            self.append(Pieces::new(data, skip, limit).as_slice(), limit)?;
            self.end += limit as u64;
            self.oldest.get_or_insert(now);
            limit
        };
        self.position += taken as u64;
        self.counters.position.store(self.position, Ordering::Relaxed);
        self.counters.bytes.fetch_add(taken as u64, Ordering::Relaxed);
        self.flush_if_full(now)?;
        self.publish_counters();
        Ok(taken)
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
        self.ready += std::mem::take(&mut self.dirty);
        if let Some(oldest) = self.oldest.take() {
            self.counters.max_flush_age.fetch_max(now.saturating_sub(oldest), Ordering::Relaxed);
        }
        self.held.note_flush(self.end);
        if self.options.durability == Durability::Flush {
            self.safe = self.end;
            self.apply_due(now)?;
        }
        self.publish_counters();
        Ok(())
    }

    /// The window to bring to safety next, if there is one and none is under way.
    pub fn take_job(&mut self) -> Option<SyncJob> {
        if !self.has_job() {
            return None;
        }
        self.in_flight = std::mem::take(&mut self.ready);
        let sync = self.options.durability == Durability::Sync;
        if sync {
            self.counters.syncs.fetch_add(1, Ordering::Relaxed);
        }
        Some(SyncJob {
            file: self.file.clone(),
            sync,
            bounded_cache: self.options.bounded_cache,
            range: self.cache_dropped..self.slab.offset(),
            bytes: self.in_flight,
        })
    }

    /// Whether [`Self::take_job`] has one.
    pub fn has_job(&self) -> bool {
        self.ready > 0 && self.in_flight == 0 && self.failed.is_none()
    }

    /// A job has ended.
    pub fn job_done(&mut self, job: SyncJob, result: Result<(), Errno>, now: Nanos) -> Result<(), Failure> {
        self.in_flight = 0;
        match result {
            Ok(()) => {
                // Up to the page that the next window will still touch.
                self.cache_dropped = job.range.end / 4096 * 4096;
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

    /// Makes everything accepted safe now, settled or not; for a buffer that asks for it. No job may be under way.
    pub fn make_safe(&mut self, now: Nanos) -> Result<(), Failure> {
        if let Some(failure) = &self.failed {
            return Err(failure.clone());
        }
        self.flush(now)?;
        self.sync()?;
        if !self.held.is_empty() {
            self.apply_all()?;
            self.sync()?;
        }
        self.publish_counters();
        Ok(())
    }

    /// Ends the recording under its final name. No job may be under way. On failure the temporary file stays.
    pub fn finish(&mut self, utc: u64, now: Nanos) -> Result<Finished, Failure> {
        if let Some(failure) = &self.failed {
            return Err(failure.clone());
        }
        let result = self.try_finish(utc, now);
        if let Err(failure) = &result {
            self.failed.get_or_insert_with(|| failure.clone());
        }
        result
    }

    fn try_finish(&mut self, utc: u64, now: Nanos) -> Result<Finished, Failure> {
        let durable = self.options.durability == Durability::Sync;
        self.flush(now)?;
        if durable {
            self.sync()?;
        }
        if !self.held.is_empty() {
            self.apply_all()?;
            if durable {
                self.sync()?;
            }
        }
        self.publish_counters();
        let mut rescued = None;
        match again(|| self.directory.stat(&self.temporary)) {
            Ok(stat) if stat.id == self.id => {}
            Ok(_) | Err(Errno::NOENT) => {
                rescued = Some(self.temporary_path());
                (self.temporary, self.file, self.id) =
                    rescue(&*self.directory, &self.names, &*self.file, utc, durable)?;
            }
            Err(errno) => return Err(self.io(FailureKind::Close, "look at the recording", errno)),
        }
        let target = publish(&*self.directory, &self.names, &self.temporary, self.options.on_exists)?;
        let path = self.names.path(&target);
        self.temporary = target;
        if durable {
            match again(|| self.directory.sync()) {
                Ok(()) | Err(Errno::INVAL) => {}
                Err(errno) => {
                    let what = "make the finished file's name durable";
                    return Err(Failure::io(FailureKind::Sync, what, &path, errno).with_data_at(&path));
                }
            }
        }
        Ok(Finished { path, bytes: self.end, rescued })
    }

    /// Ends the recording without its final name: what is there is written, made safe and left under the temporary name, or,
    /// with `aside`, under one that frees the temporary name. Nothing was accepted: nothing stays. No job may be under way.
    /// The result is that of this call; a failure before it has been told already.
    pub fn keep(&mut self, aside: bool, utc: u64, now: Nanos) -> (Option<Kept>, Result<(), Failure>) {
        if !self.has_data() {
            if again(|| self.directory.stat(&self.temporary)).is_ok_and(|stat| stat.id == self.id) {
                let _ = again(|| self.directory.unlink(&self.temporary));
            }
            return (None, Ok(()));
        }
        let mut result = Ok(());
        if self.failed.is_none() {
            result = self.keep_data(now);
        } else if self.options.durability == Durability::Sync && !self.sync_broken {
            // What reached the kernel before the failure; a second failure says nothing new.
            let _ = again(|| self.file.sync_data());
        }
        if aside {
            match move_aside(&*self.directory, &self.names, &self.temporary, utc) {
                Ok(name) => self.temporary = name,
                Err(errno) => {
                    let failure = self.io(FailureKind::Close, "set the unfinished recording aside", errno);
                    result = result.and(Err(failure));
                }
            }
        }
        let bytes = self.file.stat().map_or(self.end, |stat| stat.size);
        (Some(Kept { path: self.temporary_path(), bytes }), result)
    }

    fn keep_data(&mut self, now: Nanos) -> Result<(), Failure> {
        let durable = self.options.durability == Durability::Sync;
        self.flush(now)?;
        if durable {
            self.sync()?;
        }
        // Those that have not settled may be half of something, and the file is better off without them.
        let mut applied = false;
        while let Some(entry) = self.held.settled() {
            let (offset, data) = (entry.offset, entry.data.clone());
            self.put(&mut [IoSlice::new(&data)], offset)?;
            self.held.pop();
            applied = true;
        }
        if applied && durable {
            self.sync()?;
        }
        Ok(())
    }

    /// Closes the file and reports a late error of the file system's.
    pub fn close(self) -> Result<(), Failure> {
        let path = self.temporary_path();
        match self.file.close() {
            // On Linux an interrupted close has closed.
            Ok(()) | Err(Errno::INTR) => Ok(()),
            Err(errno) => Err(Failure::io(FailureKind::Close, "close the file", &path, errno).with_data_at(&path)),
        }
    }

    /// Ends it as failed after a defect of this program; nothing is known about the last sync.
    pub(super) fn abandon(&mut self) {
        let failure = Failure::new(FailureKind::Sync, "The recording has been abandoned.", &self.temporary_path());
        self.failed.get_or_insert(failure);
        self.sync_broken = true;
    }

    /// Bytes accepted since the last flush.
    fn window(&self) -> u64 {
        self.slab.len() as u64 + self.dirty
    }

    fn unsafe_bytes(&self) -> u64 {
        self.window() + self.ready + self.in_flight
    }

    /// How much may be accepted now: not beyond this window, so that its sync can start, and not beyond two windows in all.
    fn room(&self) -> u64 {
        if self.options.durability == Durability::Flush {
            return u64::MAX;
        }
        let threshold = self.options.threshold;
        let window = threshold.saturating_sub(self.window());
        window.min((2 * threshold).saturating_sub(self.unsafe_bytes()))
    }

    fn publish_counters(&self) {
        self.counters.unsafe_bytes.store(self.unsafe_bytes(), Ordering::Relaxed);
        self.counters.held_bytes.store(self.held.bytes(), Ordering::Relaxed);
    }

    fn append(&mut self, data: &[&[u8]], len: usize) -> Result<(), Failure> {
        if len < LARGE {
            for mut piece in data.iter().copied() {
                while !piece.is_empty() {
                    if self.slab.room() == 0 {
                        self.write_slab()?;
                    }
                    let n = piece.len().min(self.slab.room());
                    self.slab.push(&piece[..n]);
                    piece = &piece[n..];
                }
            }
            return Ok(());
        }
        let slab = std::mem::replace(&mut self.slab, Slab::new(0));
        let mut slices = Vec::with_capacity(data.len() + 1);
        slices.push(IoSlice::new(slab.bytes()));
        slices.extend(data.iter().map(|piece| IoSlice::new(piece)));
        let result = self.put(&mut slices, slab.offset());
        drop(slices);
        self.slab = slab;
        result?;
        let gathered = self.slab.len();
        self.slab.consume(gathered);
        self.slab.restart_at(self.slab.offset() + len as u64);
        Ok(())
    }

    fn write_slab(&mut self) -> Result<(), Failure> {
        if self.slab.is_empty() {
            return Ok(());
        }
        let mut slab = std::mem::replace(&mut self.slab, Slab::new(0));
        let result = self.put(&mut [IoSlice::new(slab.bytes())], slab.offset());
        if result.is_ok() {
            slab.consume(slab.len());
        }
        self.slab = slab;
        result
    }

    fn overwrite(&mut self, data: &[&[u8]], len: usize, now: Nanos) -> Result<(), Failure> {
        if !self.held.has_room(len) {
            self.flush(now)?;
            if self.options.durability == Durability::Sync {
                self.sync()?;
            }
            self.apply_all()?;
        }
        if len + 64 <= HELD_BUDGET {
            self.held.push(self.position, data.concat());
            return Ok(());
        }
        // Too large to hold. Everything before it has been applied, so the order is kept.
        self.oldest.get_or_insert(now);
        let mut slices: Vec<_> = data.iter().map(|piece| IoSlice::new(piece)).collect();
        self.put(&mut slices, self.position)
    }

    fn apply_due(&mut self, now: Nanos) -> Result<(), Failure> {
        while let Some(entry) = self.held.due(self.safe) {
            let (offset, data) = (entry.offset, entry.data.clone());
            self.put(&mut [IoSlice::new(&data)], offset)?;
            self.held.pop();
            self.oldest.get_or_insert(now);
        }
        Ok(())
    }

    fn apply_all(&mut self) -> Result<(), Failure> {
        while let Some(entry) = self.held.front() {
            let (offset, data) = (entry.offset, entry.data.clone());
            self.put(&mut [IoSlice::new(&data)], offset)?;
            self.held.pop();
        }
        Ok(())
    }

    /// Syncs on the caller's thread; what is not in a job is safe afterwards.
    fn sync(&mut self) -> Result<(), Failure> {
        self.counters.syncs.fetch_add(1, Ordering::Relaxed);
        again(|| self.file.sync_data()).map_err(|errno| self.sync_failed(errno))?;
        self.safe = self.slab.offset();
        (self.dirty, self.ready) = (0, 0);
        Ok(())
    }

    /// Writes all of it, however short the kernel's writes are.
    fn put(&mut self, mut data: &mut [IoSlice<'_>], mut offset: u64) -> Result<(), Failure> {
        IoSlice::advance_slices(&mut data, 0); // drops leading empty ones
        let mut failures = 0;
        while !data.is_empty() {
            self.counters.writes.fetch_add(1, Ordering::Relaxed);
            match again(|| self.file.write_at(data, offset)) {
                // POSIX leaves open what zero means here; trying again could go on for ever.
                Ok(0) => return Err(self.write_failed(Errno::IO)),
                Ok(written) => {
                    self.dirty += written as u64;
                    offset += written as u64;
                    failures = 0;
                    IoSlice::advance_slices(&mut data, written);
                }
                Err(errno) => {
                    failures += 1;
                    if !self.retry.as_mut().is_some_and(|retry| retry(errno, failures)) {
                        return Err(self.write_failed(errno));
                    }
                }
            }
        }
        Ok(())
    }

    fn io(&self, kind: FailureKind, what: &str, errno: Errno) -> Failure {
        let path = self.temporary_path();
        Failure::io(kind, what, &path, errno).with_data_at(&path)
    }

    fn write_failed(&mut self, errno: Errno) -> Failure {
        let what = format!("write to {}", self.temporary_path().display());
        let failure = self.io(FailureKind::Write, &what, errno);
        self.failed.get_or_insert(failure).clone()
    }

    fn sync_failed(&mut self, errno: Errno) -> Failure {
        let what = format!("bring {} safely to the disk", self.temporary_path().display());
        let mut failure = self.io(FailureKind::Sync, &what, errno);
        if failure.kind != FailureKind::NoSpace {
            failure.text.push_str(" Its newest part may be damaged.");
        }
        self.sync_broken = true;
        self.failed.get_or_insert(failure).clone()
    }
}

/// Some bytes of a buffer, in pieces. Nearly every buffer is one piece, and then there is nothing to allocate.
enum Pieces<'a> {
    One([&'a [u8]; 1]),
    Many(Vec<&'a [u8]>),
}

impl<'a> Pieces<'a> {
    /// The `len` bytes after the first `skip` of `data`.
    fn new(data: &[&'a [u8]], mut skip: usize, mut len: usize) -> Self {
        if let [one] = data {
            return Self::One([&one[skip..skip + len]]);
        }
        let mut result = Vec::with_capacity(data.len());
        for piece in data {
            if skip >= piece.len() {
                skip -= piece.len();
                continue;
            }
            let piece = &piece[skip..];
            skip = 0;
            let piece = &piece[..piece.len().min(len)];
            len -= piece.len();
            if !piece.is_empty() {
                result.push(piece);
            }
            if len == 0 {
                break;
            }
        }
        Self::Many(result)
    }

    fn as_slice(&self) -> &[&'a [u8]] {
        match self {
            Self::One(one) => one,
            Self::Many(many) => many,
        }
    }
}
