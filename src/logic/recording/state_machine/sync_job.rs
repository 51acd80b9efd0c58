//! The work on a window that is done without the recording's lock.

use std::ops::Range;
use std::sync::Arc;

use rustix::io::retry_on_intr;

use crate::logic::recording::storage::{Errno, File};
use crate::logic::recording::write_buffer::PAGE;

/// One window to bring to safety, without the recording's lock.
pub struct SyncJob {
    pub(super) file: Arc<dyn File>,
    pub(super) sync: bool,
    /// Whether the range's pages are let go.
    pub(super) let_go: bool,
    pub(super) range: Range<u64>,
    pub(super) bytes: u64,
}

impl SyncJob {
    /// Does the work. Errors are final: a kernel that failed to write pages back may have dropped them.
    ///
    /// # Errors
    ///
    /// The errno of the sync or, where windows are not synced, of writing pages back, unless that says that the file system cannot do it.
    pub fn run(&self) -> Result<(), Errno> {
        if self.sync {
            retry_on_intr(|| self.file.sync_data())?;
        } else if self.let_go && !self.pages().is_empty() {
            match retry_on_intr(|| self.file.write_back(self.pages())) {
                // Not every file system can write a range back; the pages are then left to the kernel.
                Ok(()) | Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP | Errno::SPIPE) => {}
                Err(errno) => return Err(errno),
            }
        }
        if self.let_go && !self.pages().is_empty() {
            self.file.drop_cache(self.pages());
        }
        Ok(())
    }

    /// The range without its last, incomplete page: the next window goes on there, and a page that was let go of would have to
    /// be read back first.
    pub(super) fn pages(&self) -> Range<u64> {
        self.range.start..self.range.end / PAGE * PAGE
    }

    /// Appended bytes below this offset are safe once the job has succeeded.
    pub fn end(&self) -> u64 {
        self.range.end
    }

    /// Bytes in the window.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}
