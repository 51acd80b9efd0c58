//! How a recording ends: under its final name, under its temporary one, or not at all.

use std::path::PathBuf;

use rustix::io::retry_on_intr;

use super::Recording;
use crate::logic::clock::Nanos;
use crate::logic::recording::failure::{Failure, FailureKind};
use crate::logic::recording::options::Durability;
use crate::logic::recording::publish::{publish, rescue};
use crate::logic::recording::rename::move_aside;
use crate::logic::recording::storage::Errno;

/// A finished recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Its BLAKE3 digest in hexadecimal, if that was asked for.
    pub blake3: Option<String>,
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

impl Recording {
    /// Ends the recording under its final name. No job may be under way. On failure the temporary file stays.
    ///
    /// # Errors
    ///
    /// The failure that ended the recording: an earlier one, or that of writing ([`FailureKind::Write`]), of syncing the file or,
    /// at last, its final name ([`FailureKind::Sync`]), or of reading it back, copying it after its name was taken away, or giving it its
    /// final name ([`FailureKind::Close`]); [`FailureKind::NoSpace`] in place of any of them when the disk or the quota is full. Only when
    /// that name could not be synced does the file have it already.
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
        if !self.pending.is_empty() {
            self.apply_all()?;
            if durable {
                self.sync()?;
            }
        }
        self.publish_counters();
        let blake3 = match &self.digest {
            Some(digest) => {
                let what = format!("read {} back", self.temporary_path().display());
                Some(digest.finish(&*self.file, self.end).map_err(|e| self.io(FailureKind::Close, &what, e))?)
            }
            None => None,
        };
        let mut rescued = None;
        match retry_on_intr(|| self.directory.stat(&self.temporary)) {
            Ok(stat) if stat.id == self.id => {}
            Ok(_) | Err(Errno::NOENT) => {
                rescued = Some(self.temporary_path());
                (self.temporary, self.file, self.id) =
                    rescue(&*self.directory, &self.names, &*self.file, utc, durable)?;
            }
            Err(errno) => {
                let what = format!("look at {}", self.temporary_path().display());
                return Err(self.io(FailureKind::Close, &what, errno));
            }
        }
        let target = publish(&*self.directory, &self.names, &self.temporary, &*self.file, self.options.on_exists)?;
        let path = self.names.path(&target);
        self.temporary = target;
        if durable {
            match retry_on_intr(|| self.directory.sync()) {
                Ok(()) | Err(Errno::INVAL) => {}
                Err(errno) => {
                    let what = format!("make the name {} durable", path.display());
                    return Err(Failure::io(FailureKind::Sync, &what, &path, errno).with_data_at(&path));
                }
            }
        }
        Ok(Finished { path, bytes: self.end, blake3, rescued })
    }

    /// Ends the recording without its final name: its bytes are written, made safe and left under the temporary name or, with
    /// `aside`, under one that frees the temporary name. If nothing was accepted, no file stays. No job may be under way. An
    /// earlier failure, which has been reported, is not part of the result.
    pub fn keep(&mut self, aside: bool, utc: u64, now: Nanos) -> (Option<Kept>, Result<(), Failure>) {
        if !self.has_data() {
            if retry_on_intr(|| self.directory.stat(&self.temporary)).is_ok_and(|stat| stat.id == self.id) {
                let _ = retry_on_intr(|| self.directory.unlink(&self.temporary));
            }
            return (None, Ok(()));
        }
        let mut result = Ok(());
        if self.failed.is_none() {
            result = self.keep_data(now);
        } else if self.options.durability == Durability::Sync && !self.sync_broken {
            // For the sake of what reached the kernel before the failure; a second failure says nothing new.
            let _ = retry_on_intr(|| self.file.sync_data());
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
        // Overwrites that have not settled may be half of a change, and the file is better off without them.
        self.flush(now)?;
        if self.options.durability == Durability::Sync { self.sync() } else { Ok(()) }
    }

    /// Closes the file and reports an error that the file system has kept until then.
    ///
    /// # Errors
    ///
    /// [`FailureKind::Close`], or [`FailureKind::NoSpace`] when what could not be written for want of space is only told now. The file is
    /// closed all the same.
    pub fn close(self) -> Result<(), Failure> {
        let path = self.temporary_path();
        match self.file.close() {
            // On Linux an interrupted close has closed.
            Ok(()) | Err(Errno::INTR) => Ok(()),
            Err(errno) => {
                Err(Failure::io(FailureKind::Close, &format!("close {}", path.display()), &path, errno)
                    .with_data_at(&path))
            }
        }
    }

    /// Marks it as failed after a defect of this program: nothing is known about the last sync.
    pub(in crate::logic::recording) fn abandon(&mut self) {
        let failure = Failure::new(FailureKind::Sync, "The recording has been abandoned.", &self.temporary_path());
        self.failed.get_or_insert(failure);
        self.sync_broken = true;
    }
}
