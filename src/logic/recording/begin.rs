//! From a location to an open, locked temporary file whose name survives a power cut.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::failure::{Failure, FailureKind};
use super::names::Names;
use super::options::{OnExists, Options};
use super::publish::{Method, move_no_replace};
use super::state_machine::Recording;
use super::storage::{Directory, Errno, File, Kind, Stat, again};

/// An earlier recording that nobody was writing any more, set aside under another name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// Where it is now.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
}

/// A recording that has begun, and what the user should hear about it.
pub struct Begun {
    /// The recording.
    pub recording: Recording,
    /// What was in the way of its temporary name.
    pub leftover: Option<Leftover>,
    /// Guarantees that do not hold on this file system.
    pub warnings: Vec<String>,
}

/// Opens the directory that a recording is made in.
pub type OpenDirectory<'a> = &'a dyn Fn(&Path) -> Result<Arc<dyn Directory>, Errno>;

/// How often the start is tried again when other recorders come and go under its feet.
const ATTEMPTS: u64 = 16;

/// Starts recording to `location`. `salt` is unique among live processes and their recordings, `utc` is the wall clock in
/// seconds since 1970.
pub fn begin(
    location: &Path,
    options: Options,
    open_directory: OpenDirectory<'_>,
    salt: u64,
    utc: u64,
) -> Result<Begun, Failure> {
    let names = Names::new(location).map_err(|e| {
        let kind = match e {
            super::NameError::Empty => FailureKind::NotFound,
            _ => FailureKind::OpenWrite,
        };
        Failure::new(kind, e.to_string(), location)
    })?;
    let directory = again(|| open_directory(names.directory())).map_err(|errno| directory_failure(&names, errno))?;
    check_target(&*directory, &names, options.on_exists)?;

    let temporary = names.temporary();
    let mut leftover = None;
    let mut warnings = Vec::new();
    for attempt in 0..ATTEMPTS {
        if let Some(found) = set_aside_leftover(&*directory, &names, utc)? {
            leftover = Some(found);
        }
        let newborn = names.newborn(salt.wrapping_add(attempt));
        let path = names.path(&newborn);
        let file = match again(|| directory.create(&newborn)) {
            Ok(file) => file,
            Err(Errno::EXIST) => continue,
            Err(errno) => return Err(create_failure(&names, &path, errno)),
        };
        match adopt(&*directory, &*file, &newborn, &temporary, &names, &mut warnings) {
            Ok(true) => {
                let stat = again(|| file.stat()).map_err(|e| {
                    let _ = directory.unlink(&temporary);
                    let path = names.path(&temporary);
                    Failure::io(FailureKind::OpenWrite, &format!("look at {}", path.display()), &path, e)
                })?;
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
    match again(|| file.lock()) {
        Ok(()) => {}
        Err(e) if locks_unsupported(e) => warnings.push(format!(
            "The file system of {} has no locks: nothing keeps a second recorder from taking this recording for a leftover. \
             Let only one record there, or choose another place.",
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
        Ok(Method::Rename | Method::Link { .. }) => {}
        Err(Errno::EXIST) => return Ok(false),
        Err(errno) => return Err(create_failure(names, &path, errno)),
    }
    match again(|| directory.sync()) {
        // File systems that cannot sync a directory say EINVAL; there is nothing more to be had from them.
        Ok(()) | Err(Errno::INVAL) => Ok(true),
        Err(errno) => {
            let _ = directory.unlink(temporary);
            let what = format!("make the name {} durable", path.display());
            Err(Failure::io(FailureKind::Sync, &what, &path, errno))
        }
    }
}

pub(super) fn locks_unsupported(errno: Errno) -> bool {
    matches!(errno, Errno::NOLCK | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL)
}

fn directory_failure(names: &Names, errno: Errno) -> Failure {
    let path = names.directory();
    match errno {
        Errno::NOENT => Failure::new(
            FailureKind::NotFound,
            format!("The directory {} does not exist. Create it first, or choose another location.", path.display()),
            path,
        ),
        Errno::NOTDIR => Failure::new(
            FailureKind::NotFound,
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

fn check_target(directory: &dyn Directory, names: &Names, on_exists: OnExists) -> Result<(), Failure> {
    let path = names.path(names.target());
    let refuse = |what: &str| {
        let text = format!("{} is {what}, not a regular file. Choose another location.", path.display());
        Err(Failure::new(FailureKind::OpenWrite, text, &path))
    };
    match again(|| directory.stat(names.target())) {
        Err(Errno::NOENT) => Ok(()),
        Err(errno) => {
            let what = format!("look at {}", path.display());
            Err(Failure::io(FailureKind::OpenWrite, &what, &path, errno))
        }
        Ok(Stat { kind: Kind::Directory, .. }) => refuse("a directory"),
        Ok(Stat { kind: Kind::Symlink, .. }) => refuse("a symbolic link"),
        Ok(Stat { kind: Kind::Special, .. }) => refuse("a pipe, socket or device"),
        Ok(Stat { kind: Kind::File, .. }) if on_exists == OnExists::Error => {
            let text = format!(
                "{} exists already and stays as it is. Choose another location, or use on-exists=replace or \
                 on-exists=number.",
                path.display()
            );
            Err(Failure::new(FailureKind::OpenWrite, text, &path))
        }
        Ok(_) => Ok(()),
    }
}

fn busy(names: &Names, temporary: &OsString) -> Failure {
    let path = names.path(temporary);
    let text = format!(
        "Another recorder is writing {}: {} is locked. Choose another location, or wait until it has finished.",
        names.path(names.target()).display(),
        path.display()
    );
    Failure::new(FailureKind::Busy, text, &path)
}

/// Moves what is under the temporary name out of the way, unless somebody is writing it. Nothing is changed in it.
fn set_aside_leftover(directory: &dyn Directory, names: &Names, utc: u64) -> Result<Option<Leftover>, Failure> {
    let temporary = names.temporary();
    let path = names.path(&temporary);
    let failed = |what: &str, errno| {
        Failure::io(
            FailureKind::OpenWrite,
            &format!("{what} the unfinished recording {}", path.display()),
            &path,
            errno,
        )
    };
    let seen = match again(|| directory.stat(&temporary)) {
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(failed("look at", errno)),
        Ok(seen) => seen,
    };
    if seen.kind != Kind::File {
        let text = format!(
            "{} should be the file to record into, but it is a link, directory or device. Move it away, or choose another \
             location.",
            path.display()
        );
        return Err(Failure::new(FailureKind::OpenWrite, text, &path));
    }
    let file = match again(|| directory.open(&temporary)) {
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(failed("open", errno)),
        Ok(file) => file,
    };
    match again(|| file.lock()) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => return Err(busy(names, &temporary)),
        Err(e) if locks_unsupported(e) => {
            let text = format!(
                "{} is there already and the file system has no locks that would tell whether it is still being written. \
                 Move it away, or choose another location.",
                path.display()
            );
            return Err(Failure::new(FailureKind::Busy, text, &path));
        }
        Err(errno) => return Err(failed("lock", errno)),
    }
    // Between the look and the lock its recorder may have finished it: then the name is free or means another file.
    let stat = again(|| file.stat()).map_err(|e| failed("look at", e))?;
    match again(|| directory.stat(&temporary)) {
        Ok(now) if now.id == stat.id => {}
        Ok(_) | Err(Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(failed("look at", errno)),
    }
    let aside = move_aside(directory, names, &temporary, utc).map_err(|e| failed("set aside", e))?;
    Ok(Some(Leftover { path: names.path(&aside), bytes: stat.size }))
}

/// Gives a temporary file the first free name that tells when it was set aside.
pub(super) fn move_aside(
    directory: &dyn Directory,
    names: &Names,
    from: &OsString,
    utc: u64,
) -> Result<OsString, Errno> {
    let mut n = 0;
    loop {
        let aside = names.aside(utc, n);
        match move_no_replace(directory, from, &aside) {
            Ok(_) => return Ok(aside),
            Err(Errno::EXIST) => n += 1,
            Err(errno) => return Err(errno),
        }
    }
}
