//! The directory and the file that a recording needs, as traits: the real ones are in `fs`, and tests put faults, delays and
//! power cuts in their place.

#[cfg(any(test, feature = "fake-storage"))]
pub mod fake;
#[cfg(any(test, feature = "fake-storage"))]
pub mod faults;
pub(crate) mod fs;

use std::ffi::OsStr;
use std::io::IoSlice;
use std::ops::Range;
use std::sync::Arc;

pub use rustix::io::Errno;

/// Device and inode, which tell one file from every other on the machine while it exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileId {
    /// The file system.
    pub device: u64,
    /// The file on it.
    pub inode: u64,
}

/// The kind of thing a name refers to; symbolic links are not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link, wherever it points.
    Symlink,
    /// FIFO, socket or device.
    Special,
}

/// Who may do what with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Access {
    /// Permission bits, without those that change whose rights a program has.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// Identity, kind, size and access behind a name or an open file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// Which file it is.
    pub id: FileId,
    /// What kind of file it is.
    pub kind: FileKind,
    /// Its size in bytes.
    pub size: u64,
    /// Who may do what with it.
    pub access: Access,
}

/// An open directory. Every name is one component within it. A call that a signal cuts short (EINTR) may be repeated.
pub trait Directory: Send + Sync {
    /// Creates `name` for writing.
    ///
    /// # Errors
    ///
    /// EEXIST when there is anything under that name, even a link that leads nowhere; else what forbids it, such as EACCES or ENOSPC.
    fn create(&self, name: &OsStr) -> Result<Arc<dyn File>, Errno>;
    /// Opens what is there for locking and reading, never following a symbolic link and never waiting for a FIFO.
    ///
    /// # Errors
    ///
    /// ENOENT when nothing is there, ELOOP when a symbolic link is, else what forbids it, such as EACCES.
    fn open(&self, name: &OsStr) -> Result<Arc<dyn File>, Errno>;
    /// Looks at what `name` is; symbolic links are not followed.
    ///
    /// # Errors
    ///
    /// ENOENT when nothing is there.
    fn stat(&self, name: &OsStr) -> Result<Stat, Errno>;
    /// Renames atomically, replacing `to`.
    ///
    /// # Errors
    ///
    /// ENOENT when `from` is gone, EISDIR when `to` is a directory.
    fn rename(&self, from: &OsStr, to: &OsStr) -> Result<(), Errno>;
    /// Renames atomically, replacing nothing.
    ///
    /// # Errors
    ///
    /// EEXIST when `to` is taken; EINVAL, ENOSYS or EOPNOTSUPP when the file system cannot do it; ENOENT when `from` is gone.
    fn rename_no_replace(&self, from: &OsStr, to: &OsStr) -> Result<(), Errno>;
    /// Gives the file a second name.
    ///
    /// # Errors
    ///
    /// EEXIST when `to` is taken, EMLINK when the file has as many names as it may; EPERM, EINVAL, ENOSYS or EOPNOTSUPP when the file
    /// system has no links.
    fn link(&self, from: &OsStr, to: &OsStr) -> Result<(), Errno>;
    /// Takes a name away.
    ///
    /// # Errors
    ///
    /// ENOENT when it is gone already.
    fn unlink(&self, name: &OsStr) -> Result<(), Errno>;
    /// Makes the names in the directory durable.
    ///
    /// # Errors
    ///
    /// EINVAL when the file system cannot sync directories; any other one leaves open which names would survive a power cut.
    fn sync(&self) -> Result<(), Errno>;
    /// Bytes an unprivileged process may still write on this file system.
    ///
    /// # Errors
    ///
    /// EIO or ESTALE when the file system does not answer, as one on the network may not.
    fn free_space(&self) -> Result<u64, Errno>;
}

/// An open file. A call that a signal cuts short (EINTR) may be repeated, but for [`close`](Self::close).
pub trait File: Send + Sync {
    /// Writes some of `data` at `offset` and says how many bytes; may be short, never zero for a non-empty request.
    ///
    /// # Errors
    ///
    /// ENOSPC or EDQUOT when there is no room, EFBIG beyond the largest file, EIO from the disk; no byte counts as written then.
    fn write_at(&self, data: &[IoSlice<'_>], offset: u64) -> Result<usize, Errno>;
    /// Reads some bytes at `offset`; 0 at the end.
    ///
    /// # Errors
    ///
    /// EIO when the disk does not give them.
    fn read_at(&self, into: &mut [u8], offset: u64) -> Result<usize, Errno>;
    /// Makes all data written so far durable, with the metadata needed to read it.
    ///
    /// # Errors
    ///
    /// EIO, ENOSPC or EDQUOT when some of it did not get to the disk. The kernel tells this once: that a later call succeeds means nothing.
    fn sync_data(&self) -> Result<(), Errno>;
    /// Takes the exclusive lock without waiting.
    ///
    /// # Errors
    ///
    /// EWOULDBLOCK when another holds it; ENOLCK, EOPNOTSUPP, ENOSYS or EINVAL when the file system has no locks.
    fn lock(&self) -> Result<(), Errno>;
    /// Identity, kind and size.
    ///
    /// # Errors
    ///
    /// As [`Directory::free_space`].
    fn stat(&self) -> Result<Stat, Errno>;
    /// Sets its mode and, as far as this process may, owner and group.
    ///
    /// # Errors
    ///
    /// What changing the mode says; an owner that may not be set is none.
    fn set_access(&self, access: Access) -> Result<(), Errno>;
    /// Writes back the dirty pages of a range, for the sake of the page cache only.
    ///
    /// # Errors
    ///
    /// EINVAL, ENOSYS, EOPNOTSUPP or ESPIPE when that cannot be done for a range; any other one means that pages may be lost.
    fn write_back(&self, range: Range<u64>) -> Result<(), Errno>;
    /// Lets go of the clean cached pages of a range. Only advice, so it cannot fail in a way that matters.
    fn drop_cache(&self, range: Range<u64>);
    /// Closes, reporting a late error. Without effect while someone else still holds the file.
    ///
    /// # Errors
    ///
    /// EIO, ENOSPC or EDQUOT of an earlier write that is only told now, or EINTR; the file is closed after any of them.
    fn close(self: Arc<Self>) -> Result<(), Errno>;
}

/// Whether `errno` is how a file system without locks refuses one.
pub(super) fn locks_unsupported(errno: Errno) -> bool {
    matches!(errno, Errno::NOLCK | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL)
}
