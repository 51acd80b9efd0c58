//! The images of a fake disk: the live one, the durable one, and the changes between them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::sync::{Mutex, MutexGuard};

use super::page_cache::PageCache;
use crate::logic::recording::storage::Access;
use crate::logic::sync::unpoisoned;

#[derive(Debug, Clone, Default)]
pub(super) struct Inode {
    pub live: Vec<u8>,
    pub durable: Vec<u8>,
    /// Writes since the last sync.
    pub pending: Vec<(u64, Vec<u8>)>,
    pub cache: PageCache,
    pub locked: bool,
    pub access: Access,
}

#[derive(Debug, Clone)]
pub(super) enum NameChange {
    Put(OsString, usize),
    Move(OsString, OsString),
    Remove(OsString),
}

#[derive(Debug, Default)]
pub(super) struct Disk {
    pub inodes: Vec<Inode>,
    pub live: BTreeMap<OsString, usize>,
    pub durable: BTreeMap<OsString, usize>,
    pub pending: Vec<NameChange>,
    /// Whether file contents are kept at all; without, only sizes and names are.
    pub discard: bool,
    pub sizes: Vec<u64>,
    /// Bytes that are not free; what is written does not count.
    pub taken: u64,
}

pub(super) fn lock(disk: &Mutex<Disk>) -> MutexGuard<'_, Disk> {
    unpoisoned(disk.lock())
}

/// Changes a name.
pub(super) fn apply(names: &mut BTreeMap<OsString, usize>, change: &NameChange) {
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

/// Puts bytes where they belong.
pub(super) fn put(bytes: &mut Vec<u8>, offset: u64, data: &[u8]) {
    let (start, end) = (offset as usize, offset as usize + data.len());
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[start..end].copy_from_slice(data);
}
