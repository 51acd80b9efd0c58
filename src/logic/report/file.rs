//! The file of a report: whole, or not there.

use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// What every report begins with.
const BEGINNING: &[u8] = b"<!DOCTYPE html>";

/// The folder that a file is in.
pub fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Whether there is a page already, which may well be an older report.
pub fn is_page(path: &Path) -> bool {
    let mut beginning = [0; BEGINNING.len()];
    let read = std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut beginning));
    read.is_ok() && beginning == *BEGINNING
}

/// Whether something is there that is no file: a folder, a link, a device. It would be a file afterwards.
pub fn is_special(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|there| !there.is_file())
}

/// Puts a page in place of what is there, which stays until the new one is whole.
///
/// # Errors
///
/// When it cannot be written, synced or renamed. What was there stays.
pub fn replace(path: &Path, page: &str) -> io::Result<()> {
    let mut file = tempfile::Builder::new()
        .prefix(".gst-steady-report-")
        // As far as the umask permits, like any file that a program writes.
        .permissions(std::fs::Permissions::from_mode(0o666))
        .tempfile_in(folder(path))?;
    file.write_all(page.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error).map(drop)
}
