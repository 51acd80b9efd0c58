//! Giving a complete file its name, without ever replacing one that must stay.

use std::ffi::{OsStr, OsString};
use std::sync::Arc;

use super::begin::locks_unsupported;
use super::failure::{Failure, FailureKind};
use super::names::Names;
use super::options::OnExists;
use super::storage::{Directory, Errno, File, FileId, again};

/// What this file system can do towards a name that must not be taken from anyone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// One atomic rename.
    Rename,
    /// A second name, then the first one taken away; `both` when that failed and the file now has two.
    Link { both: bool },
    /// An empty file created under the name, then replaced: the name is incomplete for an instant.
    Placeholder,
}

/// Moves `from` to `to` unless `to` is taken (EEXIST), by the best means that there is.
pub(super) fn move_no_replace(directory: &dyn Directory, from: &OsStr, to: &OsStr) -> Result<Method, Errno> {
    match again(|| directory.rename_no_replace(from, to)) {
        Ok(()) => return Ok(Method::Rename),
        Err(e) if !unsupported(e) => return Err(e),
        Err(_) => {}
    }
    match again(|| directory.link(from, to)) {
        Ok(()) => return Ok(Method::Link { both: again(|| directory.unlink(from)).is_err() }),
        Err(e) if !unsupported(e) && !matches!(e, Errno::PERM | Errno::MLINK) => return Err(e),
        Err(_) => {}
    }
    drop(again(|| directory.create(to))?);
    match again(|| directory.rename(from, to)) {
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

/// Gives the file under `temporary` its final name and returns that.
pub(super) fn publish(
    directory: &dyn Directory,
    names: &Names,
    temporary: &OsStr,
    on_exists: OnExists,
) -> Result<OsString, Failure> {
    let mut target = names.target().to_owned();
    let mut n = 0;
    loop {
        let result = match on_exists {
            OnExists::Replace => again(|| directory.rename(temporary, &target)),
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

/// Copies a recording whose name somebody has taken away or put on another file, while its descriptor still has the bytes.
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
        match again(|| directory.create(&name)) {
            Ok(copy) => break (name, copy),
            Err(Errno::EXIST) => n += 1,
            Err(errno) => return Err(failed(errno)),
        }
    };
    match again(|| copy.lock()) {
        Ok(()) => {}
        Err(e) if locks_unsupported(e) => {}
        Err(errno) => return Err(failed(errno)),
    }
    let mut buffer = vec![0; 1 << 20];
    let mut offset = 0;
    loop {
        let read = again(|| file.read_at(&mut buffer, offset)).map_err(failed)?;
        if read == 0 {
            break;
        }
        let mut rest = &buffer[..read];
        while !rest.is_empty() {
            let written = again(|| copy.write_at(&[std::io::IoSlice::new(rest)], offset)).map_err(failed)?;
            if written == 0 {
                return Err(failed(Errno::IO));
            }
            rest = &rest[written..];
            offset += written as u64;
        }
    }
    if durable {
        again(|| copy.sync_data()).map_err(failed)?;
        again(|| directory.sync()).map_err(failed)?;
    }
    let id = again(|| copy.stat()).map_err(failed)?.id;
    Ok((name, copy, id))
}
