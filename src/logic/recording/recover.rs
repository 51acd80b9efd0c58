//! Finds what interrupted recordings have left, tells whether it is still being written, and gives it its name.
//!
//! Looking opens no recording and locks none; what acts on one locks it first and lets go of it right after.

use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustix::io::retry_on_intr;

use super::lock_table::{Device, LockTable, device_of};
use super::names::target_of;
use super::rename::move_no_replace;
use super::storage::fs::open_directory;
use super::storage::{Directory, Errno, File, FileId, locks_unsupported};

/// Where no lock can tell, what changed more recently than this counts as being written.
const UNSURE: Duration = Duration::from_secs(60);

/// An unfinished recording.
#[derive(Debug, Clone)]
pub struct Unfinished {
    /// Where it is.
    pub path: PathBuf,
    /// The name it was to have, in the same directory.
    pub target: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Time since it was last written.
    pub age: Duration,
    /// Whether it was being written at the time of the look.
    pub locked: bool,
    /// Whether it is the target under a second name: the recording was interrupted between getting the one and losing the other.
    pub is_target: bool,
    /// Which file it is, whatever it is called.
    pub id: FileId,
    modified: Option<SystemTime>,
}

/// The outcome of an attempt to finish or delete an unfinished recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It has its name.
    Finished,
    /// It had its name already and has lost the extra one.
    ExtraNameRemoved,
    /// It is gone.
    Deleted,
    /// It is being written, so it was left alone.
    Locked,
    /// No lock can tell whether it is being written, and it changed a moment ago, so it was left alone.
    PerhapsWritten,
    /// It has no bytes, so no name was given to it.
    Empty,
    /// The name it was to have is taken, so it was left alone.
    TargetExists,
    /// It is not what was looked at any more, so it was left alone.
    Changed,
    /// It could not be done.
    Failed(String),
}

/// What was found, and what could not be looked at.
#[derive(Debug, Default)]
pub struct Found {
    /// The unfinished recordings, sorted by name.
    pub unfinished: Vec<Unfinished>,
    /// Names of unfinished recordings about which nothing can be told, and why.
    pub unseen: Vec<(PathBuf, io::Error)>,
}

/// Why there is nothing to be found at a path.
#[derive(Debug)]
pub enum FindError {
    /// It cannot be looked at.
    Io(io::Error),
    /// It is a file, but none that a recording leaves behind.
    NotUnfinished,
}

impl From<io::Error> for FindError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The unfinished recordings at `path`: in a directory, also if `path` is a link to one, or the file itself. Folders and
/// links within it are not followed. One descriptor is open at a time.
///
/// # Errors
///
/// [`FindError::Io`] when `path` cannot be looked at or, being a folder, cannot be listed; [`FindError::NotUnfinished`] when it is a file that
/// no recording leaves behind.
pub fn find(path: &Path, now: SystemTime) -> Result<Found, FindError> {
    let mut found = Found::default();
    let metadata = fs::symlink_metadata(path)?;
    let is_folder = metadata.is_dir() || (metadata.is_symlink() && fs::metadata(path)?.is_dir());
    let (folder, mut names) = if is_folder {
        (path, names_in(path, &mut found)?)
    } else {
        let name = path.file_name().filter(|name| metadata.is_file() && target_of(name).is_some());
        let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        (parent, vec![name.ok_or(FindError::NotUnfinished)?.to_owned()])
    };
    names.sort();
    let mut files = Vec::new();
    for name in names {
        let path = folder.join(&name);
        match fs::symlink_metadata(&path) {
            Ok(metadata) => files.push((name, metadata)),
            // Finished meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => found.unseen.push((path, error)),
        }
    }
    // Read after the files were seen: a recorder that made one of them holds its lock by now or has ended.
    let locks = if files.is_empty() { None } else { LockTable::read() };
    let device = if files.is_empty() { None } else { device_of(folder) };
    found.unfinished.extend(
        files
            .iter()
            .filter(|(_, metadata)| metadata.is_file())
            .filter_map(|(name, metadata)| describe(folder, name, metadata, locks.as_ref().zip(device), now)),
    );
    Ok(found)
}

fn names_in(folder: &Path, found: &mut Found) -> io::Result<Vec<OsString>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        match entry {
            Ok(entry) => names.push(entry.file_name()),
            Err(error) => {
                found.unseen.push((folder.to_owned(), error));
                break;
            }
        }
    }
    names.retain(|name| target_of(name).is_some());
    Ok(names)
}

fn describe(
    folder: &Path,
    name: &OsStr,
    metadata: &Metadata,
    locks: Option<(&LockTable, Device)>,
    now: SystemTime,
) -> Option<Unfinished> {
    let target = folder.join(target_of(name)?);
    let is_target =
        fs::symlink_metadata(&target).is_ok_and(|other| (other.dev(), other.ino()) == (metadata.dev(), metadata.ino()));
    let modified = metadata.modified().ok();
    let age = age(modified, now);
    let locked = locks.map_or(age < UNSURE, |(table, device)| table.holds(device, metadata.ino()));
    let id = FileId { device: metadata.dev(), inode: metadata.ino() };
    let path = folder.join(name);
    Some(Unfinished { path, target, bytes: metadata.len(), age, locked, is_target, id, modified })
}

/// Why the file at `path` cannot be read, if so. What is not a regular file is not opened.
pub fn unreadable(path: &Path) -> Option<String> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let opened = open_directory(folder).and_then(|directory| {
        let file = retry_on_intr(|| directory.open(path.file_name().unwrap_or_default()))?;
        drop(directory);
        retry_on_intr(|| file.read_at(&mut [0], 0))
    });
    opened.err().map(|errno| reason(&errno.into()))
}

/// "permission denied" for "Permission denied (os error 13)".
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

/// Nothing for a time that is to come: then it may have changed just now.
fn age(modified: Option<SystemTime>, now: SystemTime) -> Duration {
    modified.and_then(|then| now.duration_since(then).ok()).unwrap_or_default()
}

/// An unfinished recording that nobody else can take or write while this value lives.
pub struct Held {
    directory: Arc<dyn Directory>,
    file: Arc<dyn File>,
    name: OsString,
    target: OsString,
    id: FileId,
    bytes: u64,
}

impl Unfinished {
    /// Locks it, unless it is being written or is no longer what was looked at.
    ///
    /// # Errors
    ///
    /// The outcome where nothing is held: [`Outcome::Changed`], [`Outcome::Locked`], [`Outcome::PerhapsWritten`] where locks do not work, or
    /// [`Outcome::Failed`] with the reason.
    pub fn hold(&self, now: SystemTime) -> Result<Held, Outcome> {
        let name = |path: &Path| path.file_name().unwrap_or_default().to_owned();
        let (name, target) = (name(&self.path), name(&self.target));
        let folder = self.path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let directory = open_directory(folder).map_err(|errno| failed("open its folder", errno))?;
        let file = match retry_on_intr(|| directory.open(&name)) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Err(Outcome::Changed),
            Err(errno) => return Err(failed("open it", errno)),
        };
        let no_locks = match retry_on_intr(|| file.lock()) {
            Ok(()) => false,
            Err(Errno::WOULDBLOCK) => return Err(Outcome::Locked),
            Err(errno) if locks_unsupported(errno) => true,
            Err(errno) => return Err(failed("lock it", errno)),
        };
        // Its name may have gone to another file since it was looked at, and it may have grown.
        let metadata = match fs::symlink_metadata(&self.path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Outcome::Changed),
            Err(error) => return Err(Outcome::Failed(format!("could not look at it: {}", reason(&error)))),
        };
        let modified = metadata.modified().ok();
        if no_locks && age(modified, now) < UNSURE {
            return Err(Outcome::PerhapsWritten);
        }
        let id = retry_on_intr(|| file.stat()).map_err(|errno| failed("look at it", errno))?.id;
        let named = FileId { device: metadata.dev(), inode: metadata.ino() };
        if (id, named, metadata.len(), modified) != (self.id, self.id, self.bytes, self.modified) {
            return Err(Outcome::Changed);
        }
        Ok(Held { directory, file, name, target, id, bytes: self.bytes })
    }
}

impl Held {
    /// Gives it its name, unless that is taken.
    pub fn finish(self) -> Outcome {
        let directory = &*self.directory;
        if retry_on_intr(|| directory.stat(&self.target)).is_ok_and(|target| target.id == self.id) {
            return match retry_on_intr(|| directory.unlink(&self.name)) {
                Ok(()) | Err(Errno::NOENT) => self.synced(Outcome::ExtraNameRemoved),
                Err(errno) => failed("take the extra name away", errno),
            };
        }
        if self.bytes == 0 {
            return Outcome::Empty;
        }
        if let Err(errno) = retry_on_intr(|| self.file.sync_data()) {
            return failed("sync it", errno);
        }
        match move_no_replace(directory, &self.name, &self.target) {
            Ok(_) => self.synced(Outcome::Finished),
            Err(Errno::EXIST) => Outcome::TargetExists,
            Err(errno) => failed("rename it", errno),
        }
    }

    /// Removes it for good.
    pub fn delete(self) -> Outcome {
        match retry_on_intr(|| self.directory.unlink(&self.name)) {
            Ok(()) | Err(Errno::NOENT) => self.synced(Outcome::Deleted),
            Err(errno) => failed("delete it", errno),
        }
    }

    fn synced(&self, outcome: Outcome) -> Outcome {
        match retry_on_intr(|| self.directory.sync()) {
            Ok(()) | Err(Errno::INVAL) => outcome,
            Err(errno) => failed("make the change of names durable", errno),
        }
    }
}

fn failed(what: &str, errno: Errno) -> Outcome {
    Outcome::Failed(format!("could not {what}: {}", reason(&errno.into())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{FlockOperation, flock};

    fn only_one(folder: &Path) -> Unfinished {
        let mut found = find(folder, SystemTime::now()).unwrap();
        assert!(found.unfinished.len() == 1 && found.unseen.is_empty(), "{found:?}");
        found.unfinished.remove(0)
    }

    #[test]
    fn what_has_changed_since_the_look_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.recording.mkv");
        fs::write(&path, b"left").unwrap();
        let hold = |one: &Unfinished| one.hold(SystemTime::now()).err();
        let one = only_one(dir.path());
        assert_eq!(hold(&one), None);
        fs::write(&path, b"left, and more").unwrap();
        assert_eq!(hold(&one), Some(Outcome::Changed), "it has grown");
        let one = only_one(dir.path());
        fs::rename(&path, dir.path().join("a.recording-20260131T235959Z.mkv")).unwrap();
        assert_eq!(hold(&one), Some(Outcome::Changed), "it is gone");
        fs::write(&path, b"left, and more").unwrap();
        fs::File::options().write(true).open(&path).unwrap().set_modified(one.modified.unwrap()).unwrap();
        assert_eq!(hold(&one), Some(Outcome::Changed), "another one has its name");
    }

    #[test]
    fn what_somebody_locks_after_the_look_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.recording"), b"left").unwrap();
        let one = only_one(dir.path());
        assert!(!one.locked);
        let file = fs::File::open(&one.path).unwrap();
        flock(&file, FlockOperation::LockExclusive).unwrap();
        assert_eq!(one.hold(SystemTime::now()).err(), Some(Outcome::Locked));
        assert!(only_one(dir.path()).locked);
    }
}
