//! The way from a recording's memory to the kernel, and what becomes of the recording when that fails.

use std::io::IoSlice;
use std::sync::atomic::Ordering;

use rustix::io::retry_on_intr;

use super::Recording;
use crate::logic::clock::Nanos;
use crate::logic::recording::failure::{Failure, FailureKind};
use crate::logic::recording::storage::Errno;

impl Recording {
    /// Writes what has been gathered.
    pub(super) fn write_gathered(&mut self) -> Result<(), Failure> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        let result = self.put(&mut buffer.slices(0), buffer.offset());
        if result.is_ok() {
            buffer.clear();
        }
        self.buffer = buffer;
        result
    }

    /// Writes the overwrites that have settled. Everything appended is with the kernel.
    pub(super) fn apply_settled(&mut self, now: Nanos) -> Result<(), Failure> {
        while let Some(entry) = self.pending.settled() {
            let (offset, data) = (entry.offset, entry.data.clone());
            self.put(&mut [IoSlice::new(&data)], offset)?;
            self.pending.pop();
            self.count_pending();
            self.note_waiting(now);
        }
        Ok(())
    }

    /// Writes all pending overwrites; everything before them is as safe as it has to be.
    pub(super) fn apply_all(&mut self) -> Result<(), Failure> {
        while let Some(entry) = self.pending.front() {
            let (offset, data) = (entry.offset, entry.data.clone());
            self.put(&mut [IoSlice::new(&data)], offset)?;
            self.pending.pop();
            self.count_pending();
        }
        Ok(())
    }

    pub(super) fn count_pending(&self) {
        self.counters.held_bytes.store(self.pending.bytes(), Ordering::Relaxed);
    }

    /// Writes all of it, however short the kernel's writes are.
    pub(super) fn put(&mut self, mut data: &mut [IoSlice<'_>], mut offset: u64) -> Result<(), Failure> {
        IoSlice::advance_slices(&mut data, 0); // drops leading empty ones
        let mut failures = 0;
        while !data.is_empty() {
            self.counters.writes.fetch_add(1, Ordering::Relaxed);
            match retry_on_intr(|| self.file.write_at(data, offset)) {
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

    /// A failure that says where the recording is.
    pub(super) fn io(&self, kind: FailureKind, what: &str, errno: Errno) -> Failure {
        let path = self.temporary_path();
        Failure::io(kind, what, &path, errno).with_data_at(&path)
    }

    fn write_failed(&mut self, errno: Errno) -> Failure {
        let what = format!("write to {}", self.temporary_path().display());
        let failure = self.io(FailureKind::Write, &what, errno);
        self.failed.get_or_insert(failure).clone()
    }

    pub(super) fn sync_failed(&mut self, errno: Errno) -> Failure {
        let what = format!("bring {} safely to the disk", self.temporary_path().display());
        let mut failure = self.io(FailureKind::Sync, &what, errno);
        if failure.kind != FailureKind::NoSpace {
            failure.text.push_str(" Its newest part may be damaged.");
        }
        self.sync_broken = true;
        self.failed.get_or_insert(failure).clone()
    }
}
