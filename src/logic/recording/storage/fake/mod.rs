//! A directory in memory that knows two images: the live one, which a process sees, and what a power cut may leave of it.
//!
//! After a cut, everything that was synced is there. Of everything since, any subset may be: each write, wholly or up to some
//! byte, and each change of a name, in any combination that a name's history allows.

mod disk;
mod file;
mod page_cache;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{Directory, Errno, File, FileId, FileKind, Stat};
use disk::{Disk, Inode, NameChange, apply, lock, put};
use file::FakeFile;

/// The things that a file system cannot do.
#[derive(Debug, Clone, Copy, Default)]
pub struct Limits {
    /// Renaming without replacing fails with EINVAL, as on NFS.
    pub no_rename_no_replace: bool,
    /// Links fail with EPERM, as on FAT.
    pub no_links: bool,
}

/// The directory; clones are the same one.
#[derive(Clone, Default)]
pub struct FakeDirectory {
    disk: Arc<Mutex<Disk>>,
    limits: Limits,
    sync_takes: Duration,
}

impl FakeDirectory {
    /// An empty directory on a file system with limits.
    pub fn with_limits(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// An empty directory that keeps no contents, in which a sync of data takes `sync_takes`.
    pub fn discarding(sync_takes: Duration) -> Self {
        let directory = Self { sync_takes, ..Self::default() };
        lock(&directory.disk).discard = true;
        directory
    }

    /// Sets the free space, as other processes would that write or delete.
    pub fn set_free_space(&self, bytes: u64) {
        lock(&self.disk).taken = u64::MAX - bytes;
    }

    /// Adds a file that is there already, durably.
    pub fn plant(&self, name: &str, content: &[u8]) {
        let mut disk = lock(&self.disk);
        let inode = Inode { live: content.to_vec(), durable: content.to_vec(), ..Inode::default() };
        disk.inodes.push(inode);
        disk.sizes.push(content.len() as u64);
        let index = disk.inodes.len() - 1;
        disk.live.insert(name.into(), index);
        disk.durable.insert(name.into(), index);
    }

    /// Names and contents as a process sees them now; all that is left if the process dies.
    pub fn live(&self) -> BTreeMap<OsString, Vec<u8>> {
        let disk = lock(&self.disk);
        disk.live.iter().map(|(name, &i)| (name.clone(), disk.inodes[i].live.clone())).collect()
    }

    /// Bytes of a file in the page cache.
    pub fn cached(&self, name: &str) -> u64 {
        let disk = lock(&self.disk);
        disk.live.get(OsStr::new(name)).map_or(0, |&i| disk.inodes[i].cache.bytes())
    }

    /// Names and contents after a power cut. `choose(n)` gives a number below n and decides what of the unsynced is there.
    pub fn after_power_cut(&self, choose: &mut dyn FnMut(usize) -> usize) -> BTreeMap<OsString, Vec<u8>> {
        let disk = lock(&self.disk);
        let mut names = disk.durable.clone();
        for change in &disk.pending {
            if choose(2) == 1 {
                apply(&mut names, change);
            }
        }
        let mut contents = Vec::new();
        for inode in &disk.inodes {
            let mut bytes = inode.durable.clone();
            for (offset, data) in &inode.pending {
                match choose(3) {
                    0 => {}
                    1 => put(&mut bytes, *offset, data),
                    _ => put(&mut bytes, *offset, &data[..choose(data.len() + 1)]),
                }
            }
            contents.push(bytes);
        }
        names.into_iter().map(|(name, i)| (name, contents[i].clone())).collect()
    }

    fn change(&self, disk: &mut Disk, change: NameChange) {
        apply(&mut disk.live, &change);
        disk.pending.push(change);
    }

    fn file(&self, inode: usize) -> Arc<dyn File> {
        let (disk, sync_takes) = (self.disk.clone(), self.sync_takes);
        Arc::new(FakeFile { disk, inode, owns_lock: AtomicBool::new(false), sync_takes })
    }
}

impl Directory for FakeDirectory {
    fn create(&self, name: &OsStr) -> Result<Arc<dyn File>, Errno> {
        let mut disk = lock(&self.disk);
        if disk.live.contains_key(name) {
            return Err(Errno::EXIST);
        }
        disk.inodes.push(Inode::default());
        disk.sizes.push(0);
        let inode = disk.inodes.len() - 1;
        self.change(&mut disk, NameChange::Put(name.to_owned(), inode));
        Ok(self.file(inode))
    }

    fn open(&self, name: &OsStr) -> Result<Arc<dyn File>, Errno> {
        let inode = *lock(&self.disk).live.get(name).ok_or(Errno::NOENT)?;
        Ok(self.file(inode))
    }

    fn stat(&self, name: &OsStr) -> Result<Stat, Errno> {
        let disk = lock(&self.disk);
        let inode = *disk.live.get(name).ok_or(Errno::NOENT)?;
        let id = FileId { device: 1, inode: inode as u64 };
        Ok(Stat { id, kind: FileKind::File, size: disk.sizes[inode], access: disk.inodes[inode].access })
    }

    fn rename(&self, from: &OsStr, to: &OsStr) -> Result<(), Errno> {
        let mut disk = lock(&self.disk);
        if !disk.live.contains_key(from) {
            return Err(Errno::NOENT);
        }
        self.change(&mut disk, NameChange::Move(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn rename_no_replace(&self, from: &OsStr, to: &OsStr) -> Result<(), Errno> {
        if self.limits.no_rename_no_replace {
            return Err(Errno::INVAL);
        }
        if lock(&self.disk).live.contains_key(to) {
            return Err(Errno::EXIST);
        }
        self.rename(from, to)
    }

    fn link(&self, from: &OsStr, to: &OsStr) -> Result<(), Errno> {
        if self.limits.no_links {
            return Err(Errno::PERM);
        }
        let mut disk = lock(&self.disk);
        let inode = *disk.live.get(from).ok_or(Errno::NOENT)?;
        if disk.live.contains_key(to) {
            return Err(Errno::EXIST);
        }
        self.change(&mut disk, NameChange::Put(to.to_owned(), inode));
        Ok(())
    }

    fn unlink(&self, name: &OsStr) -> Result<(), Errno> {
        let mut disk = lock(&self.disk);
        if !disk.live.contains_key(name) {
            return Err(Errno::NOENT);
        }
        self.change(&mut disk, NameChange::Remove(name.to_owned()));
        Ok(())
    }

    fn sync(&self) -> Result<(), Errno> {
        let mut disk = lock(&self.disk);
        disk.durable = disk.live.clone();
        disk.pending.clear();
        Ok(())
    }

    fn free_space(&self) -> Result<u64, Errno> {
        Ok(u64::MAX - lock(&self.disk).taken)
    }
}
