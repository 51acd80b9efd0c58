//! A file on a fake disk.

use std::io::IoSlice;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::disk::{Disk, lock, put};
use crate::logic::recording::storage::{Access, Errno, File, FileId, FileKind, Stat};

pub(super) struct FakeFile {
    pub disk: Arc<Mutex<Disk>>,
    pub inode: usize,
    /// This handle's own claim to the lock.
    pub owns_lock: AtomicBool,
    pub sync_takes: Duration,
}

impl File for FakeFile {
    fn write_at(&self, data: &[IoSlice<'_>], offset: u64) -> Result<usize, Errno> {
        let mut disk = lock(&self.disk);
        let total: usize = data.iter().map(|piece| piece.len()).sum();
        disk.sizes[self.inode] = disk.sizes[self.inode].max(offset + total as u64);
        disk.inodes[self.inode].cache.written(offset..offset + total as u64);
        if !disk.discard {
            let bytes = data.iter().flat_map(|piece| piece.iter().copied()).collect::<Vec<_>>();
            let inode = &mut disk.inodes[self.inode];
            put(&mut inode.live, offset, &bytes);
            inode.pending.push((offset, bytes));
        }
        Ok(total)
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> Result<usize, Errno> {
        let disk = lock(&self.disk);
        let rest = disk.inodes[self.inode].live.get(offset as usize..).unwrap_or_default();
        let n = rest.len().min(into.len());
        into[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }

    fn sync_data(&self) -> Result<(), Errno> {
        if !self.sync_takes.is_zero() {
            std::thread::sleep(self.sync_takes);
        }
        let mut disk = lock(&self.disk);
        let inode = &mut disk.inodes[self.inode];
        inode.durable = inode.live.clone();
        inode.pending.clear();
        inode.cache.written_back(0..u64::MAX);
        Ok(())
    }

    fn lock(&self) -> Result<(), Errno> {
        let inode = &mut lock(&self.disk).inodes[self.inode];
        if inode.locked && !self.owns_lock.load(Ordering::SeqCst) {
            return Err(Errno::WOULDBLOCK);
        }
        inode.locked = true;
        self.owns_lock.store(true, Ordering::SeqCst);
        Ok(())
    }

    fn stat(&self) -> Result<Stat, Errno> {
        let disk = lock(&self.disk);
        let (size, access) = (disk.sizes[self.inode], disk.inodes[self.inode].access);
        Ok(Stat { id: FileId { device: 1, inode: self.inode as u64 }, kind: FileKind::File, size, access })
    }

    fn set_access(&self, access: Access) -> Result<(), Errno> {
        lock(&self.disk).inodes[self.inode].access = access;
        Ok(())
    }

    fn write_back(&self, range: Range<u64>) -> Result<(), Errno> {
        lock(&self.disk).inodes[self.inode].cache.written_back(range);
        Ok(())
    }

    fn drop_cache(&self, range: Range<u64>) {
        let mut disk = lock(&self.disk);
        let size = disk.sizes[self.inode];
        disk.inodes[self.inode].cache.let_go(range, size);
    }

    fn close(self: Arc<Self>) -> Result<(), Errno> {
        Ok(())
    }
}

impl Drop for FakeFile {
    fn drop(&mut self) {
        if *self.owns_lock.get_mut() {
            lock(&self.disk).inodes[self.inode].locked = false;
        }
    }
}
