//! The storage of a Linux machine. After [`open_directory`] everything is relative to that directory's descriptor, so a
//! later `chdir` or a rename of the directory changes nothing.

use std::ffi::OsStr;
use std::io::IoSlice;
use std::num::NonZeroU64;
use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{self as rfs, Advice, AtFlags, CWD, FileType, FlockOperation, Gid, Mode, OFlags, RenameFlags, Uid};
use rustix::io::retry_on_intr;

use super::{Access, Directory, Errno, File, FileId, FileKind, Stat};
use crate::sys;

/// Opens a directory to record into.
pub fn open_directory(path: &Path) -> Result<Arc<dyn Directory>, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let fd = retry_on_intr(|| rfs::openat(CWD, path, flags, Mode::empty()))?;
    Ok(Arc::new(FsDirectory(fd)))
}

struct FsDirectory(OwnedFd);

struct FsFile(OwnedFd);

fn stat_of(stat: &rfs::Stat) -> Stat {
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => FileKind::File,
        FileType::Directory => FileKind::Directory,
        FileType::Symlink => FileKind::Symlink,
        _ => FileKind::Special,
    };
    let access = Access { mode: stat.st_mode & 0o777, uid: stat.st_uid, gid: stat.st_gid };
    Stat { id: FileId { device: stat.st_dev, inode: stat.st_ino }, kind, size: stat.st_size.max(0) as u64, access }
}

impl Directory for FsDirectory {
    fn create(&self, name: &OsStr) -> Result<Arc<dyn File>, Errno> {
        // Readable as well: a recording whose name was taken away is copied from its descriptor.
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rfs::openat(&self.0, name, flags, Mode::from_raw_mode(0o666))?;
        Ok(Arc::new(FsFile(fd)))
    }

    fn open(&self, name: &OsStr) -> Result<Arc<dyn File>, Errno> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let fd = rfs::openat(&self.0, name, flags, Mode::empty())?;
        Ok(Arc::new(FsFile(fd)))
    }

    fn stat(&self, name: &OsStr) -> Result<Stat, Errno> {
        Ok(stat_of(&rfs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW)?))
    }

    fn rename(&self, from: &OsStr, to: &OsStr) -> Result<(), Errno> {
        rfs::renameat(&self.0, from, &self.0, to)
    }

    fn rename_no_replace(&self, from: &OsStr, to: &OsStr) -> Result<(), Errno> {
        rfs::renameat_with(&self.0, from, &self.0, to, RenameFlags::NOREPLACE)
    }

    fn link(&self, from: &OsStr, to: &OsStr) -> Result<(), Errno> {
        rfs::linkat(&self.0, from, &self.0, to, AtFlags::empty())
    }

    fn unlink(&self, name: &OsStr) -> Result<(), Errno> {
        rfs::unlinkat(&self.0, name, AtFlags::empty())
    }

    fn sync(&self) -> Result<(), Errno> {
        rfs::fsync(&self.0)
    }

    fn free_space(&self) -> Result<u64, Errno> {
        let stat = rfs::fstatvfs(&self.0)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

impl File for FsFile {
    fn write_at(&self, data: &[IoSlice<'_>], offset: u64) -> Result<usize, Errno> {
        rustix::io::pwritev(&self.0, data, offset)
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> Result<usize, Errno> {
        rustix::io::pread(&self.0, &mut *into, offset)
    }

    fn sync_data(&self) -> Result<(), Errno> {
        rfs::fdatasync(&self.0)
    }

    fn lock(&self) -> Result<(), Errno> {
        rfs::flock(&self.0, FlockOperation::NonBlockingLockExclusive)
    }

    fn stat(&self) -> Result<Stat, Errno> {
        Ok(stat_of(&rfs::fstat(&self.0)?))
    }

    fn set_access(&self, access: Access) -> Result<(), Errno> {
        let (uid, gid) = (Uid::from_raw(access.uid), Gid::from_raw(access.gid));
        // Only root gives files away; a group that this user is in can be kept all the same.
        if rfs::fchown(&self.0, Some(uid), Some(gid)).is_err() {
            let _ = rfs::fchown(&self.0, None, Some(gid));
        }
        rfs::fchmod(&self.0, Mode::from_raw_mode(access.mode))
    }

    fn write_back(&self, range: Range<u64>) -> Result<(), Errno> {
        sys::write_back(self.0.as_fd(), range.start, range.end - range.start)
    }

    fn drop_cache(&self, range: Range<u64>) {
        if let Some(len) = NonZeroU64::new(range.end.saturating_sub(range.start)) {
            let _ = rfs::fadvise(&self.0, range.start, Some(len), Advice::DontNeed);
        }
    }

    fn close(self: Arc<Self>) -> Result<(), Errno> {
        match Arc::into_inner(self) {
            Some(file) => sys::close(file.0),
            None => Ok(()),
        }
    }
}
