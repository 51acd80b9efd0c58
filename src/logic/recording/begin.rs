//! From a location to an open, locked temporary file whose name survives a power cut.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use rustix::io::retry_on_intr;

use super::failure::{Failure, FailureKind};
use super::leftover::{Leftover, busy, set_aside};
use super::names::{NameError, Names};
use super::options::{OnExists, Options};
use super::rename::{Method, move_no_replace};
use super::state_machine::Recording;
use super::storage::{Access, Directory, Errno, File, FileKind, Stat, locks_unsupported};

/// A recording that has begun, with what the user should know about it.
pub struct Begun {
    /// The recording.
    pub recording: Recording,
    /// An earlier recording that had its temporary name.
    pub leftover: Option<Leftover>,
    /// Guarantees that do not hold on this file system.
    pub warnings: Vec<String>,
}

/// Opens the directory that a recording is made in.
pub type OpenDirectory<'a> = &'a dyn Fn(&Path) -> Result<Arc<dyn Directory>, Errno>;

/// How often the start is tried when other recorders come and go meanwhile.
const ATTEMPTS: u64 = 16;

/// Starts recording to `location`. `salt` is unique among live processes and their recordings, `utc` is the wall clock in
/// seconds since 1970.
///
/// # Errors
///
/// A [`Failure`] of the kind:
/// - [`NotFound`](FailureKind::NotFound) when `location` is empty;
/// - [`OpenWrite`](FailureKind::OpenWrite) when `location` is no name to record under or its directory is not there, when something has the target's or the temporary
///   name that may not be replaced or cannot be set aside, or when the directory cannot be opened or the new file not made or locked;
/// - [`Busy`](FailureKind::Busy) when another recorder has the temporary name, or the file system cannot tell whether one has;
/// - [`Sync`](FailureKind::Sync) when the temporary name cannot be made durable;
/// - [`NoSpace`](FailureKind::NoSpace) in place of `OpenWrite` or `Sync` when the disk or the quota is full.
pub fn begin(
    location: &Path,
    options: Options,
    open_directory: OpenDirectory<'_>,
    salt: u64,
    utc: u64,
) -> Result<Begun, Failure> {
    let (names, directory) = place(location, open_directory)?;
    let replaced = check_target(&*directory, &names, options.on_exists)?;

    let temporary = names.temporary();
    let mut leftover = None;
    let mut warnings = Vec::new();
    for attempt in 0..ATTEMPTS {
        if let Some(found) = set_aside(&*directory, &names, utc)? {
            leftover = Some(found);
        }
        let newborn = names.newborn(salt.wrapping_add(attempt));
        let path = names.path(&newborn);
        let file = match retry_on_intr(|| directory.create(&newborn)) {
            Ok(file) => file,
            Err(Errno::EXIST) => continue,
            Err(errno) => return Err(create_failure(&names, &path, errno)),
        };
        match adopt(&*directory, &*file, &newborn, &temporary, &names, &mut warnings) {
            Ok(true) => {
                let stat = retry_on_intr(|| file.stat()).map_err(|e| {
                    let _ = directory.unlink(&temporary);
                    let path = names.path(&temporary);
                    Failure::io(FailureKind::OpenWrite, &format!("look at {}", path.display()), &path, e)
                })?;
                if let Some(replaced) = replaced {
                    // Before the first byte, which nobody should see who may not see what is replaced. The owner has to be able to
                    // open it, or nobody could tell what is left of it. Where it cannot be had, recording goes on without.
                    let access = Access { mode: replaced.access.mode | 0o600, ..replaced.access };
                    let _ = retry_on_intr(|| file.set_access(access));
                }
                let recording = Recording::new(directory, names, temporary, file, stat.id, options);
                return Ok(Begun { recording, leftover, warnings });
            }
            Ok(false) => {
                let _ = directory.unlink(&newborn);
            }
            Err(failure) => {
                let _ = directory.unlink(&newborn);
                return Err(failure);
            }
        }
    }
    Err(busy(&names, &temporary))
}

/// Whether `location` can be recorded to, as far as it shows without changing anything. A file that is there already is judged
/// only when a recording begins: until then it may be taken away.
///
/// # Errors
///
/// [`Failure`] says what stands in the way: no name or one that cannot be, no directory, or something that is no file at the location.
pub fn check(location: &Path, open_directory: OpenDirectory<'_>) -> Result<(), Failure> {
    let (names, directory) = place(location, open_directory)?;
    check_target(&*directory, &names, OnExists::Replace).map(drop)
}

/// The names that belong to a location, and its directory.
fn place(location: &Path, open_directory: OpenDirectory<'_>) -> Result<(Names, Arc<dyn Directory>), Failure> {
    let names = Names::new(location).map_err(|e| {
        let kind = match e {
            NameError::Empty => FailureKind::NotFound,
            _ => FailureKind::OpenWrite,
        };
        Failure::new(kind, e.to_string(), location)
    })?;
    let directory =
        retry_on_intr(|| open_directory(names.directory())).map_err(|errno| directory_failure(&names, errno))?;
    Ok((names, directory))
}

/// Locks a file just made under a private name and moves it to the temporary name, so that the temporary name never shows
/// an unlocked file. `false`: somebody else has taken that name meanwhile.
fn adopt(
    directory: &dyn Directory,
    file: &dyn File,
    newborn: &OsString,
    temporary: &OsString,
    names: &Names,
    warnings: &mut Vec<String>,
) -> Result<bool, Failure> {
    let path = names.path(temporary);
    match retry_on_intr(|| file.lock()) {
        Ok(()) => {}
        Err(e) if locks_unsupported(e) => warnings.push(format!(
            "The file system of {} has no locks: nothing keeps a second recorder from taking this recording for a leftover. \
             Let only one recorder write there, or choose another place.",
            path.display()
        )),
        Err(errno) => {
            let what = format!("lock {}", path.display());
            return Err(Failure::io(FailureKind::OpenWrite, &what, &path, errno));
        }
    }
    match move_no_replace(directory, newborn, temporary) {
        Ok(Method::Placeholder) => warnings.push(format!(
            "The file system of {} can neither rename without replacing nor make links: for an instant before it is \
             complete, the finished file's name will show an empty file. Record to another file system if something waits for that \
             name.",
            path.display()
        )),
        Ok(Method::Rename | Method::Link) => {}
        Err(Errno::EXIST) => return Ok(false),
        Err(errno) => return Err(create_failure(names, &path, errno)),
    }
    match retry_on_intr(|| directory.sync()) {
        // EINVAL is what file systems say that cannot sync a directory, and there is no other means.
        Ok(()) | Err(Errno::INVAL) => Ok(true),
        Err(errno) => {
            let _ = directory.unlink(temporary);
            let what = format!("make the name {} durable", path.display());
            Err(Failure::io(FailureKind::Sync, &what, &path, errno))
        }
    }
}

fn directory_failure(names: &Names, errno: Errno) -> Failure {
    let path = names.directory();
    match errno {
        Errno::NOENT => Failure::new(
            FailureKind::OpenWrite,
            format!("The directory {} does not exist. Create it first, or choose another location.", path.display()),
            path,
        ),
        Errno::NOTDIR => Failure::new(
            FailureKind::OpenWrite,
            format!("{} is not a directory. Choose another location.", path.display()),
            path,
        ),
        _ => Failure::io(FailureKind::OpenWrite, &format!("open the directory {}", path.display()), path, errno),
    }
}

fn create_failure(names: &Names, path: &Path, errno: Errno) -> Failure {
    let target = names.path(names.target());
    Failure::io(FailureKind::OpenWrite, &format!("create a file for recording {}", target.display()), path, errno)
}

/// Returns the file that is to be replaced, if there is one.
fn check_target(directory: &dyn Directory, names: &Names, on_exists: OnExists) -> Result<Option<Stat>, Failure> {
    let path = names.path(names.target());
    let refuse = |what: &str| {
        let text = format!("{} is {what}, not a regular file. Choose another location.", path.display());
        Err(Failure::new(FailureKind::OpenWrite, text, &path))
    };
    match retry_on_intr(|| directory.stat(names.target())) {
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => {
            let what = format!("look at {}", path.display());
            Err(Failure::io(FailureKind::OpenWrite, &what, &path, errno))
        }
        Ok(Stat { kind: FileKind::Directory, .. }) => refuse("a directory"),
        Ok(Stat { kind: FileKind::Symlink, .. }) => refuse("a symbolic link"),
        Ok(Stat { kind: FileKind::Special, .. }) => refuse("a pipe, socket or device"),
        Ok(Stat { kind: FileKind::File, .. }) if on_exists == OnExists::Error => {
            let text = format!(
                "{} exists already and stays as it is. Choose another location, or use on-exists=replace or \
                 on-exists=number.",
                path.display()
            );
            Err(Failure::new(FailureKind::OpenWrite, text, &path))
        }
        Ok(found) => Ok((on_exists == OnExists::Replace).then_some(found)),
    }
}
