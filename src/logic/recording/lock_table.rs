//! The kernel's table of locks, `/proc/locks`: tells whether a file is locked without ever locking it, which could keep a
//! recorder from starting.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, StatxFlags, statx};

/// A device as the table writes it: the file system's own number. On btrfs and overlays `stat` gives another one.
pub(super) type Device = (u32, u32);

/// The files that somebody held a lock on when the table was read. Locks of other machines are not among them, nor those of
/// processes that this one cannot see, as in a container.
pub(super) struct LockTable(HashSet<(Device, u64)>);

impl LockTable {
    /// Reads the table; `None` where there is none.
    pub fn read() -> Option<Self> {
        fs::read_to_string("/proc/locks").ok().map(|text| Self::parse(&text))
    }

    fn parse(text: &str) -> Self {
        // 1: FLOCK  ADVISORY  WRITE 4242 fd:01:131077 0 EOF
        let file = |line: &str| {
            let mut words = line.split_whitespace();
            words.find(|&word| word == "FLOCK")?;
            let mut numbers = words.nth(3)?.split(':');
            let mut hexadecimal = || u32::from_str_radix(numbers.next()?, 16).ok();
            let device = (hexadecimal()?, hexadecimal()?);
            Some((device, numbers.next()?.parse().ok()?))
        };
        Self(text.lines().filter_map(file).collect())
    }

    /// Whether the file was locked.
    pub fn holds(&self, device: Device, inode: u64) -> bool {
        self.0.contains(&(device, inode))
    }
}

/// The number by which the table knows the file system that `folder` is on, without opening anything there.
pub(super) fn device_of(folder: &Path) -> Option<Device> {
    let mount = statx(CWD, folder, AtFlags::empty(), StatxFlags::MNT_ID).ok()?;
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok();
    let found = mounts.filter(|_| mount.stx_mask & StatxFlags::MNT_ID.bits() != 0).and_then(|text| {
        // 36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue
        let id = mount.stx_mnt_id.to_string();
        let mut fields = text.lines().map(|line| line.split(' '));
        let mut fields = fields.find_map(|mut f| (f.next() == Some(id.as_str())).then_some(f))?;
        let (major, minor) = fields.nth(1)?.split_once(':')?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    });
    Some(found.unwrap_or((mount.stx_dev_major, mount.stx_dev_minor)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{FlockOperation, flock};
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn lines_of_the_table_are_read() {
        let table = LockTable::parse(
            "1: POSIX  ADVISORY  WRITE 12 fd:01:7 0 EOF\n2: FLOCK  ADVISORY  WRITE 12 fd:1a:131077 0 EOF\n\
             2: -> FLOCK  ADVISORY  WRITE 13 fd:1a:9 0 EOF\nFLOCK\n3: FLOCK  ADVISORY  WRITE -1 <none>:0 0 EOF\n",
        );
        assert!(table.holds((0xfd, 0x1a), 131_077) && table.holds((0xfd, 0x1a), 9));
        assert!(!table.holds((0xfd, 0x01), 7), "a record lock is not what a recorder holds");
    }

    #[test]
    fn a_lock_is_seen_while_it_is_held() {
        let dir = tempfile::tempdir().unwrap();
        let file = fs::File::create(dir.path().join("x")).unwrap();
        let (device, inode) = (device_of(dir.path()).unwrap(), file.metadata().unwrap().ino());
        assert!(!LockTable::read().unwrap().holds(device, inode));
        flock(&file, FlockOperation::LockExclusive).unwrap();
        assert!(LockTable::read().unwrap().holds(device, inode));
        drop(file);
        assert!(!LockTable::read().unwrap().holds(device, inode));
    }
}
