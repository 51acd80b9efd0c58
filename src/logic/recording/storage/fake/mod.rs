//! A directory in memory that knows two images: the live one, which a process sees, and what a power cut may leave of it.
//!
//! What was synced is there after a cut. Of everything since, any subset may be: each write, wholly or up to some byte, and
//! each change of a name, in any combination that a name's history allows.

mod page_cache;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::IoSlice;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{Directory, Errno, File, FileId, FileKind, Stat};
use page_cache::PageCache;

#[derive(Debug, Clone, Default)]
struct Inode {
    live: Vec<u8>,
    durable: Vec<u8>,
    /// Writes since the last sync.
    pending: Vec<(u64, Vec<u8>)>,
    cache: PageCache,
    locked: bool,
}

#[derive(Debug, Clone)]
enum NameChange {
    Put(OsString, usize),
    Move(OsString, OsString),
    Remove(OsString),
}

#[derive(Debug, Default)]
struct Disk {
    inodes: Vec<Inode>,
    live: BTreeMap<OsString, usize>,
    durable: BTreeMap<OsString, usize>,
    pending: Vec<NameChange>,
    /// Whether file contents are kept at all; without, only sizes and names are.
    discard: bool,
    sizes: Vec<u64>,
    /// Bytes taken from the space left; what is written takes none.
    taken: u64,
}

/// What this file system cannot do.
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

struct FakeFile {
    disk: Arc<Mutex<Disk>>,
    inode: usize,
    /// This handle's own claim to the lock.
    owns_lock: AtomicUsize,
    sync_takes: Duration,
}

fn lock(disk: &Mutex<Disk>) -> MutexGuard<'_, Disk> {
    disk.lock().unwrap_or_else(PoisonError::into_inner)
}

fn apply(names: &mut BTreeMap<OsString, usize>, change: &NameChange) {
    match change {
        NameChange::Put(name, inode) => {
            names.insert(name.clone(), *inode);
        }
        NameChange::Move(from, to) => {
            if let Some(inode) = names.remove(from) {
                names.insert(to.clone(), inode);
            }
        }
        NameChange::Remove(name) => {
            names.remove(name);
        }
    }
}

fn put(bytes: &mut Vec<u8>, offset: u64, data: &[u8]) {
    let (start, end) = (offset as usize, offset as usize + data.len());
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[start..end].copy_from_slice(data);
}

impl FakeDirectory {
    /// An empty directory on a file system with limits.
    pub fn with_limits(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// An empty directory that keeps no contents and whose syncs of data take so long.
    pub fn discarding(sync_takes: Duration) -> Self {
        let directory = Self { sync_takes, ..Self::default() };
        lock(&directory.disk).discard = true;
        directory
    }

    /// Somebody else fills the disk, or tidies up: so much is left.
    pub fn set_free_space(&self, bytes: u64) {
        lock(&self.disk).taken = u64::MAX - bytes;
    }

    /// A file that is already there, durably.
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
        Arc::new(FakeFile { disk, inode, owns_lock: AtomicUsize::new(0), sync_takes })
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
        Ok(Stat { id, kind: FileKind::File, size: disk.sizes[inode] })
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
        if inode.locked && self.owns_lock.load(Ordering::SeqCst) == 0 {
            return Err(Errno::WOULDBLOCK);
        }
        inode.locked = true;
        self.owns_lock.store(1, Ordering::SeqCst);
        Ok(())
    }

    fn stat(&self) -> Result<Stat, Errno> {
        let size = lock(&self.disk).sizes[self.inode];
        Ok(Stat { id: FileId { device: 1, inode: self.inode as u64 }, kind: FileKind::File, size })
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
        if *self.owns_lock.get_mut() == 1 {
            lock(&self.disk).inodes[self.inode].locked = false;
        }
    }
}
