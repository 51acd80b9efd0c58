//! The temporary file that a timeline grows in.

use std::fs::File;
use std::io;
use std::path::PathBuf;

/// Opens an unlinked file: nothing is left behind, however the process ends.
///
/// In `TMPDIR` where that is set, else in `/var/tmp`: `/tmp` is often memory, and ten hours of audio are 1.3 GB.
///
/// # Errors
///
/// When a file can be made neither there nor, where `TMPDIR` is not set, in `/tmp`. The error is that of the first place, which it names.
pub fn unlinked() -> io::Result<File> {
    let dir = std::env::var_os("TMPDIR").map_or_else(|| PathBuf::from("/var/tmp"), PathBuf::from);
    tempfile::tempfile_in(&dir).or_else(|first| {
        // The first error names the place that was asked for.
        tempfile::tempfile().map_err(|_| io::Error::new(first.kind(), format!("{}: {first}", dir.display())))
    })
}
