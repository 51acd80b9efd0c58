//! Where the audio comes from: a file or a URI.

use gst::glib;

use super::failure::Failure;

/// The audio that is to be drawn.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum AudioSource {
    #[default]
    Unset,
    Location(String),
    Uri(String),
}

impl AudioSource {
    /// The URI to decode. A file that cannot hold audio is refused here, in better words than a decoder has.
    pub(super) fn uri(&self) -> Result<String, Failure> {
        let path = match self {
            AudioSource::Unset => return Err(Failure::NoLocation),
            AudioSource::Uri(uri) => return Ok(uri.clone()),
            AudioSource::Location(path) => std::path::Path::new(path),
        };
        let not_readable = |error| Failure::NotReadable(path.to_owned(), error);
        let metadata = std::fs::metadata(path).map_err(not_readable)?;
        if metadata.is_dir() {
            return Err(Failure::Directory(path.to_owned()));
        }
        if metadata.is_file() && metadata.len() == 0 {
            return Err(Failure::EmptyFile(path.to_owned()));
        }
        let absolute = std::path::absolute(path).map_err(not_readable)?;
        glib::filename_to_uri(&absolute, None)
            .map(String::from)
            .map_err(|error| not_readable(std::io::Error::other(error.to_string())))
    }
}
