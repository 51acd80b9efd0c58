//! A storage that fails, cuts short or interrupts chosen calls of another one.

use std::ffi::OsStr;
use std::io::IoSlice;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::{Access, Directory, Errno, File, Stat};
use crate::logic::sync::unpoisoned;

/// The calls that can be made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is named after its system call")]
pub enum Call {
    Create,
    Open,
    Stat,
    Rename,
    RenameNoReplace,
    Link,
    Unlink,
    SyncDirectory,
    Write,
    Read,
    SyncData,
    Lock,
    StatFile,
    WriteBack,
    Close,
}

impl Call {
    /// All of them.
    pub const ALL: [Call; 15] = [
        Call::Create,
        Call::Open,
        Call::Stat,
        Call::Rename,
        Call::RenameNoReplace,
        Call::Link,
        Call::Unlink,
        Call::SyncDirectory,
        Call::Write,
        Call::Read,
        Call::SyncData,
        Call::Lock,
        Call::StatFile,
        Call::WriteBack,
        Call::Close,
    ];
}

/// The fate of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It does not take place and fails.
    Fail(Errno),
    /// A write takes only this many bytes, at least one.
    Short(usize),
}

/// Decides the fate of each call from its kind and its number among those of its kind, from 1.
type Decide = dyn Fn(Call, u64) -> Option<Fault> + Send + Sync;

/// The plan that all files of one faulty directory share.
pub struct Faults {
    decide: Box<Decide>,
    counts: [AtomicU64; Call::ALL.len()],
    log: Mutex<Vec<Call>>,
}

impl Faults {
    /// A plan.
    pub fn new(decide: impl Fn(Call, u64) -> Option<Fault> + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { decide: Box::new(decide), counts: Default::default(), log: Mutex::default() })
    }

    /// How often `call` was made.
    pub fn count(&self, call: Call) -> u64 {
        self.counts[call as usize].load(Ordering::SeqCst)
    }

    /// All calls, in order.
    pub fn log(&self) -> Vec<Call> {
        unpoisoned(self.log.lock()).clone()
    }

    fn check(&self, call: Call) -> Result<Option<usize>, Errno> {
        unpoisoned(self.log.lock()).push(call);
        let n = self.counts[call as usize].fetch_add(1, Ordering::SeqCst) + 1;
        match (self.decide)(call, n) {
            Some(Fault::Fail(errno)) => Err(errno),
            Some(Fault::Short(bytes)) => Ok(Some(bytes.max(1))),
            None => Ok(None),
        }
    }
}

/// A directory with faults.
pub struct FaultyDirectory {
    inner: Arc<dyn Directory>,
    faults: Arc<Faults>,
}

struct FaultyFile {
    inner: Arc<dyn File>,
    faults: Arc<Faults>,
}

impl FaultyDirectory {
    /// `inner` with `faults`.
    pub fn new(inner: Arc<dyn Directory>, faults: Arc<Faults>) -> Self {
        Self { inner, faults }
    }

    fn file(&self, inner: Arc<dyn File>) -> Arc<dyn File> {
        Arc::new(FaultyFile { inner, faults: self.faults.clone() })
    }
}

impl Directory for FaultyDirectory {
    fn create(&self, name: &OsStr) -> Result<Arc<dyn File>, Errno> {
        self.faults.check(Call::Create)?;
        Ok(self.file(self.inner.create(name)?))
    }
    fn open(&self, name: &OsStr) -> Result<Arc<dyn File>, Errno> {
        self.faults.check(Call::Open)?;
        Ok(self.file(self.inner.open(name)?))
    }
    fn stat(&self, name: &OsStr) -> Result<Stat, Errno> {
        self.faults.check(Call::Stat)?;
        self.inner.stat(name)
    }
    fn rename(&self, from: &OsStr, to: &OsStr) -> Result<(), Errno> {
        self.faults.check(Call::Rename)?;
        self.inner.rename(from, to)
    }
    fn rename_no_replace(&self, from: &OsStr, to: &OsStr) -> Result<(), Errno> {
        self.faults.check(Call::RenameNoReplace)?;
        self.inner.rename_no_replace(from, to)
    }
    fn link(&self, from: &OsStr, to: &OsStr) -> Result<(), Errno> {
        self.faults.check(Call::Link)?;
        self.inner.link(from, to)
    }
    fn unlink(&self, name: &OsStr) -> Result<(), Errno> {
        self.faults.check(Call::Unlink)?;
        self.inner.unlink(name)
    }
    fn sync(&self) -> Result<(), Errno> {
        self.faults.check(Call::SyncDirectory)?;
        self.inner.sync()
    }
    fn free_space(&self) -> Result<u64, Errno> {
        self.inner.free_space()
    }
}

impl File for FaultyFile {
    fn write_at(&self, data: &[IoSlice<'_>], offset: u64) -> Result<usize, Errno> {
        match self.faults.check(Call::Write)? {
            None => self.inner.write_at(data, offset),
            Some(most) => {
                let first = data.iter().find(|piece| !piece.is_empty()).ok_or(Errno::INVAL)?;
                self.inner.write_at(&[IoSlice::new(&first[..first.len().min(most)])], offset)
            }
        }
    }
    fn read_at(&self, into: &mut [u8], offset: u64) -> Result<usize, Errno> {
        self.faults.check(Call::Read)?;
        self.inner.read_at(into, offset)
    }
    fn sync_data(&self) -> Result<(), Errno> {
        self.faults.check(Call::SyncData)?;
        self.inner.sync_data()
    }
    fn lock(&self) -> Result<(), Errno> {
        self.faults.check(Call::Lock)?;
        self.inner.lock()
    }
    fn stat(&self) -> Result<Stat, Errno> {
        self.faults.check(Call::StatFile)?;
        self.inner.stat()
    }
    fn set_access(&self, access: Access) -> Result<(), Errno> {
        self.inner.set_access(access)
    }
    fn write_back(&self, range: Range<u64>) -> Result<(), Errno> {
        self.faults.check(Call::WriteBack)?;
        self.inner.write_back(range)
    }
    fn drop_cache(&self, range: Range<u64>) {
        self.inner.drop_cache(range);
    }
    fn close(self: Arc<Self>) -> Result<(), Errno> {
        let faults = self.faults.clone();
        let result = match Arc::into_inner(self) {
            Some(file) => file.inner.close(),
            None => Ok(()),
        };
        // A failing close has still closed.
        faults.check(Call::Close)?;
        result
    }
}
