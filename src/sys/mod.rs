//! The system calls that no safe crate offers, and what the kernel knows of threads. Nothing here knows of recordings or pipelines.
#![allow(unsafe_code, reason = "the one place below `logic` that calls libc directly")]

#[cfg(feature = "plugin")]
pub(crate) mod threads;

use std::os::fd::{AsRawFd, BorrowedFd, IntoRawFd, OwnedFd};

use rustix::io::Errno;

fn last_errno() -> Errno {
    Errno::from_raw_os_error(std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO))
}

/// Closes a descriptor and reports what the file system has to say, which dropping it does not.
///
/// The descriptor is gone afterwards in every case (on Linux also after an error), so there is nothing to retry.
pub(crate) fn close(fd: OwnedFd) -> Result<(), Errno> {
    // SAFETY: `into_raw_fd` hands over the only owner of the descriptor, so nobody else can use or close it.
    if unsafe { libc::close(fd.into_raw_fd()) } == 0 { Ok(()) } else { Err(last_errno()) }
}

/// Starts writing back the dirty pages of `offset..offset + len` and waits until they are on their way to the disk's cache.
/// It syncs neither metadata nor the disk's own cache, so this is about the size of the page cache, not about durability.
pub(crate) fn write_back(fd: BorrowedFd<'_>, offset: u64, len: u64) -> Result<(), Errno> {
    let flags = libc::SYNC_FILE_RANGE_WAIT_BEFORE | libc::SYNC_FILE_RANGE_WRITE | libc::SYNC_FILE_RANGE_WAIT_AFTER;
    let (offset, len) =
        (i64::try_from(offset).map_err(|_| Errno::INVAL)?, i64::try_from(len).map_err(|_| Errno::INVAL)?);
    // SAFETY: `fd` is open for the length of the call, and the call takes no pointers.
    if unsafe { libc::sync_file_range(fd.as_raw_fd(), offset, len, flags) } == 0 { Ok(()) } else { Err(last_errno()) }
}
