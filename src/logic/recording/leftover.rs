//! Sets aside an earlier recording that was interrupted and still has the temporary name.

use std::ffi::OsStr;
use std::path::PathBuf;

use rustix::io::retry_on_intr;

use super::failure::{Failure, FailureKind};
use super::names::Names;
use super::rename::move_aside;
use super::storage::{Directory, Errno, FileKind, locks_unsupported};

/// An earlier recording that was no longer being written and has been set aside under another name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leftover {
    /// Where it is now.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
}

/// Moves the file under the temporary name out of the way, unless it is being written. Its contents stay as they are.
pub(super) fn set_aside(directory: &dyn Directory, names: &Names, utc: u64) -> Result<Option<Leftover>, Failure> {
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
    let seen = match retry_on_intr(|| directory.stat(&temporary)) {
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(failed("look at", errno)),
        Ok(seen) => seen,
    };
    if seen.kind != FileKind::File {
        let text = format!(
            "{} should be the file to record into, but it is a link, directory or device. Move it away, or choose another \
             location.",
            path.display()
        );
        return Err(Failure::new(FailureKind::OpenWrite, text, &path));
    }
    let file = match retry_on_intr(|| directory.open(&temporary)) {
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(failed("open", errno)),
        Ok(file) => file,
    };
    match retry_on_intr(|| file.lock()) {
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
    let stat = retry_on_intr(|| file.stat()).map_err(|e| failed("look at", e))?;
    match retry_on_intr(|| directory.stat(&temporary)) {
        Ok(now) if now.id == stat.id => {}
        Ok(_) | Err(Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(failed("look at", errno)),
    }
    let aside = move_aside(directory, names, &temporary, utc).map_err(|e| failed("set aside", e))?;
    Ok(Some(Leftover { path: names.path(&aside), bytes: stat.size }))
}

/// The failure of a recording whose file another process is writing.
pub(super) fn busy(names: &Names, temporary: &OsStr) -> Failure {
    let path = names.path(temporary);
    let text = format!(
        "Another recorder is writing {}: {} is locked. Choose another location, or wait until it has finished.",
        names.path(names.target()).display(),
        path.display()
    );
    Failure::new(FailureKind::Busy, text, &path)
}
