//! The way from a recording's memory to the kernel and the disk.

use std::io::IoSlice;
use std::sync::atomic::Ordering;

use super::{LARGE, Recording};
use crate::logic::clock::Nanos;
use crate::logic::recording::failure::{Failure, FailureKind};
use crate::logic::recording::options::Durability;
use crate::logic::recording::pending_overwrites::HELD_BUDGET;
use crate::logic::recording::storage::{Errno, again};

impl Recording {
    pub(super) fn append(&mut self, data: &[&[u8]], len: usize) -> Result<(), Failure> {
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
        let mut slab = std::mem::take(&mut self.slab);
        let mut slices = slab.slices(data.len());
        slices.extend(data.iter().map(|piece| IoSlice::new(piece)));
        let result = self.put(&mut slices, slab.offset());
        if result.is_ok() {
            slab.clear();
            slab.restart_at(slab.offset() + len as u64);
        }
        self.slab = slab;
        result
    }

    pub(super) fn write_slab(&mut self) -> Result<(), Failure> {
        if self.slab.is_empty() {
            return Ok(());
        }
        let mut slab = std::mem::take(&mut self.slab);
        let result = self.put(&mut slab.slices(0), slab.offset());
        if result.is_ok() {
            slab.clear();
        }
        self.slab = slab;
        result
    }

    pub(super) fn overwrite(&mut self, data: &[&[u8]], len: usize, now: Nanos) -> Result<(), Failure> {
        if !self.held.has_room(len) {
            self.flush(now)?;
            if self.options.durability == Durability::Sync {
                self.sync()?;
            }
            self.apply_all()?;
        }
        if len + 64 <= HELD_BUDGET {
            self.held.push(self.position, data.concat());
            self.publish_held();
            return Ok(());
        }
        // Too large to hold. Everything before it has been applied, so the order is kept.
        self.oldest.get_or_insert(now);
        let mut slices: Vec<_> = data.iter().map(|piece| IoSlice::new(piece)).collect();
        self.put(&mut slices, self.position)
    }

    pub(super) fn apply_due(&mut self, now: Nanos) -> Result<(), Failure> {
        while let Some(entry) = self.held.due(self.safe) {
            let (offset, data) = (entry.offset, entry.data.clone());
            self.put(&mut [IoSlice::new(&data)], offset)?;
            self.held.pop();
            self.publish_held();
            self.oldest.get_or_insert(now);
        }
        Ok(())
    }

    pub(super) fn apply_all(&mut self) -> Result<(), Failure> {
        while let Some(entry) = self.held.front() {
            let (offset, data) = (entry.offset, entry.data.clone());
            self.put(&mut [IoSlice::new(&data)], offset)?;
            self.held.pop();
            self.publish_held();
        }
        Ok(())
    }

    pub(super) fn publish_held(&self) {
        self.counters.held_bytes.store(self.held.bytes(), Ordering::Relaxed);
    }

    /// Syncs on the caller's thread; what is not in a job is safe afterwards.
    pub(super) fn sync(&mut self) -> Result<(), Failure> {
        self.counters.syncs.fetch_add(1, Ordering::Relaxed);
        again(|| self.file.sync_data()).map_err(|errno| self.sync_failed(errno))?;
        self.safe = self.slab.offset();
        (self.dirty, self.ready) = (0, 0);
        Ok(())
    }

    /// Writes all of it, however short the kernel's writes are.
    pub(super) fn put(&mut self, mut data: &mut [IoSlice<'_>], mut offset: u64) -> Result<(), Failure> {
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

    pub(super) fn io(&self, kind: FailureKind, what: &str, errno: Errno) -> Failure {
        let path = self.temporary_path();
        Failure::io(kind, what, &path, errno).with_data_at(&path)
    }

    pub(super) fn write_failed(&mut self, errno: Errno) -> Failure {
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
