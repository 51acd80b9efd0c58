//! `file://` addresses and paths.

use std::path::{Path, PathBuf};

use gst::glib;

/// The path a `file://` address means.
pub(super) fn to_path(uri: &str) -> Result<PathBuf, glib::Error> {
    glib::filename_from_uri(uri).map(|(path, _host)| path).map_err(|e| {
        glib::Error::new(gst::URIError::BadUri, &format!("{uri} is not the address of a local file: {}", e.message()))
    })
}

/// The `file://` address of a path.
pub(super) fn from_path(path: &Path) -> Option<String> {
    let absolute = std::path::absolute(path).ok()?;
    glib::filename_to_uri(absolute, None).ok().map(Into::into)
}
