//! What is done for a window without the recording's lock.

use std::ops::Range;
use std::sync::Arc;

use crate::logic::commit::storage::{Errno, File, again};

/// One window to bring to safety, without the recording's lock.
pub struct SyncJob {
    pub(super) file: Arc<dyn File>,
    pub(super) sync: bool,
    pub(super) bounded_cache: bool,
    pub(super) range: Range<u64>,
    pub(super) bytes: u64,
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
