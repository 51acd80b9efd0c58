//! Files that are there as a whole or not at all, for whatever is replaced again and again.

use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// For whom a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readers {
    /// Those that the umask permits, like any file that a program writes. It also outlives a power cut.
    Permitted,
    /// Everybody, whatever the umask: a program of another user reads it, and gets a new one soon.
    Everybody,
}

/// The folder that a file is in.
pub fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Whether something is there that is no file: a folder, a link, a device. It would be a file afterwards.
pub fn is_special(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|there| !there.is_file())
}

/// Puts `content` in place of what is there, which stays until the new file is whole. Its name meanwhile is hidden.
///
/// # Errors
///
/// When it cannot be written, synced or renamed. What was there stays, and nothing else is left.
pub fn replace(path: &Path, content: &[u8], readers: Readers) -> io::Result<()> {
    let mut file = tempfile::Builder::new()
        .prefix(".gst-steady-")
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder(path))?;
    file.write_all(content)?;
    match readers {
        Readers::Permitted => file.as_file().sync_all()?,
        Readers::Everybody => file.as_file().set_permissions(Permissions::from_mode(0o644))?,
    }
    file.persist(path).map_err(|error| error.error).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole_and_what_fails_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let names = || std::fs::read_dir(folder.path()).expect("it is there").count();
        let path = folder.path().join("file");
        for (text, readers) in [("one", Readers::Permitted), ("two", Readers::Everybody)] {
            replace(&path, text.as_bytes(), readers).expect("a folder that may be written to");
            assert_eq!(std::fs::read_to_string(&path).expect("the file"), text);
        }
        let mode = std::fs::metadata(&path).expect("the file").permissions().mode();
        assert_eq!((mode & 0o777, names()), (0o644, 1));
        std::fs::create_dir_all(folder.path().join("taken/inside")).expect("a folder");
        assert!(replace(&folder.path().join("taken"), b"", Readers::Permitted).is_err());
        assert_eq!(names(), 2);
    }

    #[test]
    fn what_is_no_file_is_told_apart() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("file"), "").expect("a file");
        std::os::unix::fs::symlink(path("file"), path("link")).expect("a link");
        let special =
            [path("file"), path("link"), path("nothing"), folder.path().to_owned()].map(|path| is_special(&path));
        assert_eq!(special, [false, true, false, true]);
        assert_eq!(super::folder(Path::new("file")), Path::new("."));
    }
}
