//! The failure of a recording, with a text for the user (what happened, why, what to do) and one for the log (where, errno).

use std::path::Path;

use super::storage::Errno;

/// The sorts of failure, each of which is one error code of the element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// No location.
    NotFound,
    /// The file cannot be created or may not be written, as when its directory is missing.
    OpenWrite,
    /// Writing failed.
    Write,
    /// Syncing failed.
    Sync,
    /// The disk or the quota is full.
    NoSpace,
    /// Somebody else is writing the same file.
    Busy,
    /// The finished file could not get its name.
    Close,
}

/// What stands between what went wrong and where the data are.
pub const DATA_AT: &str = " What was recorded so far is in ";

/// A failed step of a recording.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Failure {
    /// Its sort.
    pub kind: FailureKind,
    /// For the user.
    pub text: String,
    /// For the log: path and errno.
    pub debug: String,
    /// The system's answer, where there was one.
    pub errno: Option<Errno>,
}

impl Failure {
    pub(super) fn new(kind: FailureKind, text: impl Into<String>, path: &Path) -> Self {
        Self { kind, text: text.into(), debug: path.display().to_string(), errno: None }
    }

    /// A failed system call: `what` was tried on `path`. A full disk is its own kind whatever was tried.
    pub(super) fn io(kind: FailureKind, what: &str, path: &Path, errno: Errno) -> Self {
        let kind = match errno {
            Errno::NOSPC | Errno::DQUOT => FailureKind::NoSpace,
            _ => kind,
        };
        let reason = std::io::Error::from_raw_os_error(errno.raw_os_error());
        // std writes "Permission denied (os error 13)"; the number belongs to the debug text.
        let reason = reason.to_string();
        let reason = reason.split(" (os error").next().unwrap_or_default();
        Self {
            kind,
            text: format!("Could not {what}: {reason}. {}", advice(errno)),
            debug: format!("{what} at {}: errno {}", path.display(), errno.raw_os_error()),
            errno: Some(errno),
        }
    }

    /// The same failure, telling the user also where the data is now.
    pub(super) fn with_data_at(mut self, path: &Path) -> Self {
        self.text = format!("{}{DATA_AT}{}.", self.text.trim_end(), path.display());
        self
    }
}

fn advice(errno: Errno) -> &'static str {
    match errno {
        Errno::NOSPC => "Free some space on that file system or record to another one.",
        Errno::DQUOT => "Free some space or record elsewhere.",
        Errno::FBIG => {
            "It has reached the largest size that the file system or the process limit (ulimit -f) allows: raise the limit, or \
             record into several files with splitmuxsink."
        }
        Errno::ROFS => "Record to another one, or look in the system log for the reason.",
        Errno::ACCESS | Errno::PERM => "Choose a place that this user may write to, or change its permissions.",
        Errno::NAMETOOLONG => "Choose a shorter name.",
        Errno::MFILE | Errno::NFILE => "Raise the limit (ulimit -n) or record fewer at a time.",
        Errno::IO => "The disk reported an error: check it, and record to another one.",
        Errno::NOENT => {
            "Something has removed the directory or the file: find out what cleans up there, or record elsewhere."
        }
        _ => "Check the disk and the path, then try again.",
    }
}
