//! `file://` addresses and paths.

use std::path::{Path, PathBuf};

use gst::glib;

/// The path a `file://` address means, which is on this machine: as `filesink`, it takes no host but `localhost`.
pub(super) fn to_path(uri: &str) -> Result<PathBuf, glib::Error> {
    let refuse = |why: &str| {
        glib::Error::new(gst::URIError::BadUri, &format!("{uri} is not the address of a local file: {why}"))
    };
    let (path, host) = glib::filename_from_uri(uri).map_err(|e| refuse(e.message()))?;
    match host.as_deref() {
        None | Some("" | "localhost") => Ok(path),
        Some(host) => Err(refuse(&format!("it is on another machine ({host}). Use file:///path"))),
    }
}

/// The `file://` address of a path.
pub(super) fn from_path(path: &Path) -> Option<String> {
    let absolute = std::path::absolute(path).ok()?;
    glib::filename_to_uri(absolute, None).ok().map(Into::into)
}
