//! Finds what interrupted recordings have left, tells whether it is still being written, and gives it its name.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustix::io::retry_on_intr;

use super::names::{MARKER, is_temporary};
use super::rename::move_no_replace;
use super::storage::fs::open_directory;
use super::storage::{Directory, Errno, File};

/// An unfinished recording.
pub struct Unfinished {
    /// Where it is.
    pub path: PathBuf,
    /// The name it was to have, in the same directory.
    pub target: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Time since it was last written.
    pub age: Duration,
    /// Whether it is being written now.
    pub locked: bool,
    /// Whether it is the target under a second name: the recording was interrupted between getting the one and losing the other.
    pub is_target: bool,
    directory: Arc<dyn Directory>,
    /// Holds the lock, if that was free: nothing else takes the file while this value lives.
    file: Option<Arc<dyn File>>,
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
    /// It has no bytes, so no name was given to it.
    Empty,
    /// The name it was to have is taken, so it was left alone.
    TargetExists,
    /// It could not be done.
    Failed(String),
}

/// The unfinished recordings at `path`: in a directory, or the file itself. Sorted by name.
///
/// # Errors
///
/// When `path` cannot be looked at or, being a directory, cannot be listed. A recording whose directory cannot be opened is left out
/// without an error.
pub fn find(path: &Path, now: SystemTime) -> std::io::Result<Vec<Unfinished>> {
    let metadata = fs::symlink_metadata(path)?;
    let mut names: Vec<(PathBuf, OsString)> = Vec::new();
    if metadata.is_dir() {
        for entry in fs::read_dir(path)? {
            names.push((path.to_owned(), entry?.file_name()));
        }
    } else if let Some(name) = path.file_name() {
        let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        names.push((parent.to_owned(), name.to_owned()));
    }
    names.retain(|(_, name)| is_temporary(name));
    names.sort();
    let mut found = Vec::new();
    for (folder, name) in names {
        // One that has been finished meanwhile is left out.
        if let Ok(one) = look_at(&folder, &name, now) {
            found.extend(one);
        }
    }
    Ok(found)
}

fn look_at(folder: &Path, name: &OsStr, now: SystemTime) -> Result<Option<Unfinished>, Errno> {
    let path = folder.join(name);
    let Ok(metadata) = fs::symlink_metadata(&path) else { return Ok(None) };
    if !metadata.is_file() {
        return Ok(None);
    }
    let directory = open_directory(folder)?;
    let target = folder.join(target_of(name));
    let is_target =
        fs::symlink_metadata(&target).is_ok_and(|other| (other.dev(), other.ino()) == (metadata.dev(), metadata.ino()));
    // A file that cannot be opened cannot be locked either; it is shown, and acting on it will say why it failed.
    let (file, locked) = match retry_on_intr(|| directory.open(name)) {
        Ok(file) => match retry_on_intr(|| file.lock()) {
            Err(Errno::WOULDBLOCK) => (None, true),
            _ => (Some(file), false),
        },
        Err(_) => (None, false),
    };
    let age = metadata.modified().ok().and_then(|then| now.duration_since(then).ok()).unwrap_or_default();
    Ok(Some(Unfinished { path, target, bytes: metadata.len(), age, locked, is_target, directory, file }))
}

/// `out.mp4` for `out.recording.mp4` and `out.recording-20260131T235959Z.mp4`.
fn target_of(name: &OsStr) -> OsString {
    let bytes = name.as_bytes();
    let marker = MARKER.as_bytes();
    let Some(at) = bytes.windows(marker.len()).rposition(|window| window == marker) else { return name.to_owned() };
    let rest = &bytes[at + marker.len()..];
    let extension = rest.iter().position(|&b| b == b'.').map_or(&[][..], |dot| &rest[dot..]);
    OsString::from_vec([&bytes[..at], extension].concat())
}

impl Unfinished {
    /// Gives it its name, unless that is taken. Calling it again changes nothing.
    pub fn finish(&self) -> Outcome {
        let name = |path: &Path| path.file_name().unwrap_or_default().to_owned();
        let (from, to) = (name(&self.path), name(&self.target));
        let Some(file) = &self.file else { return self.not_ours() };
        if self.is_target {
            return match retry_on_intr(|| self.directory.unlink(&from)) {
                Ok(()) | Err(Errno::NOENT) => self.synced(Outcome::ExtraNameRemoved),
                Err(errno) => failed("take the extra name away", errno),
            };
        }
        if self.bytes == 0 {
            return Outcome::Empty;
        }
        if let Err(errno) = retry_on_intr(|| file.sync_data()) {
            return failed("sync it", errno);
        }
        match move_no_replace(&*self.directory, &from, &to) {
            Ok(_) => self.synced(Outcome::Finished),
            Err(Errno::EXIST) => Outcome::TargetExists,
            Err(errno) => failed("rename it", errno),
        }
    }

    /// Removes it for good.
    pub fn delete(&self) -> Outcome {
        if self.file.is_none() {
            return self.not_ours();
        }
        match retry_on_intr(|| self.directory.unlink(self.path.file_name().unwrap_or_default())) {
            Ok(()) | Err(Errno::NOENT) => self.synced(Outcome::Deleted),
            Err(errno) => failed("delete it", errno),
        }
    }

    fn not_ours(&self) -> Outcome {
        if self.locked { Outcome::Locked } else { Outcome::Failed("could not open it: permission denied".into()) }
    }

    fn synced(&self, outcome: Outcome) -> Outcome {
        match retry_on_intr(|| self.directory.sync()) {
            Ok(()) | Err(Errno::INVAL) => outcome,
            Err(errno) => failed("make the change of names durable", errno),
        }
    }
}

fn failed(what: &str, errno: Errno) -> Outcome {
    Outcome::Failed(format!("could not {what}: {errno}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_s_name_is_read_from_the_temporary_one() {
        for (temporary, target) in [
            ("out.recording.mp4", "out.mp4"),
            ("out.recording", "out"),
            ("a.tar.recording-20260131T235959Z.gz", "a.tar.gz"),
            (".hidden.recording", ".hidden"),
        ] {
            assert_eq!(target_of(OsStr::new(temporary)), target);
        }
    }
}
