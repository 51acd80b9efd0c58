//! Giving a complete file its name.

use std::ffi::{OsStr, OsString};
use std::sync::Arc;

use rustix::io::retry_on_intr;

use super::failure::{Failure, FailureKind};
use super::names::Names;
use super::options::OnExists;
use super::rename::move_no_replace;
use super::storage::{Directory, Errno, File, FileId, FileKind, locks_unsupported};

/// Gives `file`, which is under `temporary`, its final name and returns that.
pub(super) fn publish(
    directory: &dyn Directory,
    names: &Names,
    temporary: &OsStr,
    file: &dyn File,
    on_exists: OnExists,
) -> Result<OsString, Failure> {
    let mut target = names.target().to_owned();
    let mut n = 0;
    loop {
        let result = match on_exists {
            OnExists::Replace => {
                inherit_access(directory, &target, file);
                retry_on_intr(|| directory.rename(temporary, &target))
            }
            OnExists::Error | OnExists::Number => move_no_replace(directory, temporary, &target).map(|_| ()),
        };
        let path = names.path(&target);
        match result {
            Ok(()) => return Ok(target),
            Err(Errno::EXIST) if on_exists == OnExists::Number => {
                n += 1;
                target = names.numbered(n);
            }
            Err(Errno::EXIST) => {
                let text = format!(
                    "{} has appeared while it was being recorded, and stays as it is. The complete recording is in {}: \
                     rename it, or use on-exists=replace or on-exists=number.",
                    path.display(),
                    names.path(temporary).display()
                );
                let mut failure = Failure::new(FailureKind::Close, text, &path);
                failure.errno = Some(Errno::EXIST);
                return Err(failure);
            }
            Err(errno) => {
                let what = format!("give the finished recording its name {}", path.display());
                let failure = Failure::io(FailureKind::Close, &what, &path, errno);
                // Without the file or its directory there is nowhere to point to.
                let gone = errno == Errno::NOENT;
                return Err(if gone { failure } else { failure.with_data_at(&names.path(temporary)) });
            }
        }
    }
}

/// Gives `file` the mode and, where that is allowed, the owner of what it is about to replace, which somebody may have made or
/// changed since the recording began. Where that cannot be had, the recording is worth more.
fn inherit_access(directory: &dyn Directory, target: &OsStr, file: &dyn File) {
    if let Ok(replaced) = retry_on_intr(|| directory.stat(target))
        && replaced.kind == FileKind::File
        && !retry_on_intr(|| file.stat()).is_ok_and(|own| own.access == replaced.access)
    {
        let _ = retry_on_intr(|| file.set_access(replaced.access));
    }
}

/// Copies a recording whose name was removed or given to another file; its descriptor still has the bytes.
pub(super) fn rescue(
    directory: &dyn Directory,
    names: &Names,
    file: &dyn File,
    utc: u64,
    durable: bool,
) -> Result<(OsString, Arc<dyn File>, FileId), Failure> {
    let lost = names.path(&names.temporary());
    let failed = |errno| {
        let what = format!("save the recording after {} was taken away", lost.display());
        Failure::io(FailureKind::Close, &what, &lost, errno)
    };
    let mut n = 0;
    let (name, copy) = loop {
        let name = names.aside(utc, n);
        match retry_on_intr(|| directory.create(&name)) {
            Ok(copy) => break (name, copy),
            Err(Errno::EXIST) => n += 1,
            Err(errno) => return Err(failed(errno)),
        }
    };
    match retry_on_intr(|| copy.lock()) {
        Ok(()) => {}
        Err(e) if locks_unsupported(e) => {}
        Err(errno) => return Err(failed(errno)),
    }
    let mut buffer = vec![0; 1 << 20];
    let mut offset = 0;
    loop {
        let read = retry_on_intr(|| file.read_at(&mut buffer, offset)).map_err(failed)?;
        if read == 0 {
            break;
        }
        let mut rest = &buffer[..read];
        while !rest.is_empty() {
            let written = retry_on_intr(|| copy.write_at(&[std::io::IoSlice::new(rest)], offset)).map_err(failed)?;
            if written == 0 {
                return Err(failed(Errno::IO));
            }
            rest = &rest[written..];
            offset += written as u64;
        }
    }
    if durable {
        retry_on_intr(|| copy.sync_data()).map_err(failed)?;
        retry_on_intr(|| directory.sync()).map_err(failed)?;
    }
    let id = retry_on_intr(|| copy.stat()).map_err(failed)?.id;
    Ok((name, copy, id))
}
