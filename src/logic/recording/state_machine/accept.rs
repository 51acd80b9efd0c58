//! Bytes as they come: gathered, written at once, or held back.

use std::io::IoSlice;

use super::Recording;
use super::pieces::Pieces;
use crate::logic::clock::Nanos;
use crate::logic::recording::failure::Failure;
use crate::logic::recording::options::Durability;
use crate::logic::recording::write_buffer::LentBytes;

/// Writes from this size on go to the kernel as they are; smaller ones are gathered.
const LARGE: usize = 64 * 1024;

impl Recording {
    /// Accepts all of a small buffer if a copy is all that takes, and returns whether it did. Nearly every packet of a stream
    /// of small ones goes this way. It needs no time, since older bytes are waiting already.
    pub fn gather(&mut self, data: &[u8]) -> bool {
        let len = data.len() as u64;
        if !self.only_joins(len) || self.oldest.is_none() || data.len() >= LARGE || data.len() > self.buffer.room() {
            return false;
        }
        self.digest_append(&[data]);
        self.buffer.push(data);
        self.gathered(len);
        true
    }

    /// Accepts all of a large buffer of `len` bytes without copying it, if all that takes is to keep it until there are several
    /// to write in one call: the more bytes the kernel gets at a time, the less each costs. The first buffer of a window may
    /// come this way as well, so that what is written begins where the kernel's large pages do.
    pub fn borrow(&mut self, len: usize, now: Nanos, data: impl FnOnce() -> Option<LentBytes>) -> bool {
        if !self.only_joins(len as u64) || len < LARGE || !self.buffer.may_borrow(len) {
            return false;
        }
        let Some(data) = data() else { return false };
        self.digest_append(&[(*data).as_ref()]);
        self.buffer.borrow(data);
        self.note_waiting(now);
        self.gathered(len as u64);
        true
    }

    /// Whether `len` more bytes would only join what waits to be written, without filling a window or settling an overwrite.
    fn only_joins(&self, len: u64) -> bool {
        self.position == self.end && self.pending.is_empty() && self.failed.is_none() && self.room() > len
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

    fn gathered(&mut self, len: u64) {
        self.end += len;
        self.position += len;
        self.counters.accept(len, self.position, self.unsafe_bytes());
    }

    /// Accepts bytes of one buffer, given in pieces of which the first `skip` bytes have been accepted before, and says how
    /// many it took. With 0 the disk is behind; try again when a job is done.
    ///
    /// # Errors
    ///
    /// The failure that ended the recording: an earlier one, or that of writing (`FailureKind::Write`) or of a sync that an overwrite
    /// needed (`FailureKind::Sync`); `FailureKind::NoSpace` in place of either when the disk or the quota is full.
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
                self.write_gathered()?;
                self.buffer.restart_at(self.position);
                self.end = self.position;
            }
            if skip == 0 {
                self.pending.note_append(now);
            }
            let pieces = Pieces::new(data, skip, limit);
            self.append(pieces.as_slice(), limit)?;
            self.digest_append(pieces.as_slice());
            self.end += limit as u64;
            self.note_waiting(now);
            limit
        };
        self.position += taken as u64;
        if self.pending.settled().is_some() {
            self.write_gathered()?;
            self.apply_settled(now)?;
        }
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

    /// Gathers or writes bytes that follow the highest accepted one.
    fn append(&mut self, data: &[&[u8]], len: usize) -> Result<(), Failure> {
        if len < LARGE {
            for mut piece in data.iter().copied() {
                while !piece.is_empty() {
                    if self.buffer.room() == 0 {
                        self.write_gathered()?;
                    }
                    let n = piece.len().min(self.buffer.room());
                    self.buffer.push(&piece[..n]);
                    piece = &piece[n..];
                }
            }
            return Ok(());
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut slices = buffer.slices(data.len());
        slices.extend(data.iter().map(|piece| IoSlice::new(piece)));
        let result = self.put(&mut slices, buffer.offset());
        if result.is_ok() {
            buffer.clear();
            buffer.restart_at(buffer.offset() + len as u64);
        }
        self.buffer = buffer;
        result
    }

    /// Holds back bytes that replace accepted ones, or writes them if they are too many to hold.
    fn overwrite(&mut self, data: &[&[u8]], len: usize, now: Nanos) -> Result<(), Failure> {
        if !self.pending.has_room(len) {
            self.flush(now)?;
            if self.options.durability == Durability::Sync {
                self.sync()?;
            }
            self.apply_all()?;
        }
        if self.pending.has_room(len) {
            self.pending.push(self.position, data.concat(), now);
            self.count_pending();
            return Ok(());
        }
        // The order is kept: everything before it has been applied.
        self.note_waiting(now);
        let mut slices: Vec<_> = data.iter().map(|piece| IoSlice::new(piece)).collect();
        self.put(&mut slices, self.position)
    }
}
