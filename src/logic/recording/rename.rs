//! Renaming without ever replacing a file, on any file system.

use std::ffi::{OsStr, OsString};

use rustix::io::retry_on_intr;

use super::names::Names;
use super::storage::{Directory, Errno};

/// The means by which a file got a name that must not be taken from another file; which one depends on the file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// One atomic rename.
    Rename,
    /// A second name, then the first one taken away; should that fail, the file keeps both.
    Link,
    /// An empty file created under the name, then replaced: the name is incomplete for an instant.
    Placeholder,
}

/// Moves `from` to `to` unless `to` is taken (EEXIST), by the best means that the file system offers.
pub(super) fn move_no_replace(directory: &dyn Directory, from: &OsStr, to: &OsStr) -> Result<Method, Errno> {
    match retry_on_intr(|| directory.rename_no_replace(from, to)) {
        Ok(()) => return Ok(Method::Rename),
        Err(e) if !unsupported(e) => return Err(e),
        Err(_) => {}
    }
    match retry_on_intr(|| directory.link(from, to)) {
        Ok(()) => {
            let _ = retry_on_intr(|| directory.unlink(from));
            return Ok(Method::Link);
        }
        Err(e) if !unsupported(e) && !matches!(e, Errno::PERM | Errno::MLINK) => return Err(e),
        Err(_) => {}
    }
    drop(retry_on_intr(|| directory.create(to))?);
    match retry_on_intr(|| directory.rename(from, to)) {
        Ok(()) => Ok(Method::Placeholder),
        Err(errno) => {
            // The empty file is ours: it was created with O_EXCL just now.
            let _ = directory.unlink(to);
            Err(errno)
        }
    }
}

fn unsupported(errno: Errno) -> bool {
    matches!(errno, Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP)
}

/// Moves a temporary file to the first free name of those that tell when it was set aside.
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
