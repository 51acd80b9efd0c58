//! What errors say, where several elements say it.

use std::fmt::Display;
use std::io;
use std::path::PathBuf;

use crate::logic::audio::timeline_file::OpenError;

/// The system's reason without its number, which goes into the debug text.
pub(crate) fn io_reason(error: &io::Error) -> String {
    let text = error.to_string();
    let reason = text.split(" (os error").next().unwrap_or_default();
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        _ => with_first(reason, |first| first.to_lowercase().collect()),
    }
}

/// The text of `error` as the beginning of a sentence.
pub(crate) fn capitalised(error: &impl Display) -> String {
    with_first(&error.to_string(), |first| first.to_uppercase().collect())
}

fn with_first(text: &str, change: impl FnOnce(char) -> String) -> String {
    text.chars().next().map_or(String::new(), |first| change(first) + &text[first.len_utf8()..])
}

/// A file that cannot be used as a timeline.
#[derive(Debug, thiserror::Error)]
#[error("“{}” cannot be used as a timeline: {}.", .path.display(), self.reason())]
pub(crate) struct TimelineFailure {
    pub(crate) path: PathBuf,
    pub(crate) error: OpenError,
}

impl TimelineFailure {
    fn reason(&self) -> String {
        match &self.error {
            OpenError::Io(error) => io_reason(error),
            other => other.to_string(),
        }
    }

    /// As the message an element posts.
    pub(crate) fn to_message(&self) -> gst::ErrorMessage {
        let (text, detail) = (self.to_string(), format!("{}: {:?}", self.path.display(), self.error));
        match &self.error {
            OpenError::Io(error) if error.kind() == io::ErrorKind::NotFound => {
                gst::error_msg!(gst::ResourceError::NotFound, ("{text}"), ["{detail}"])
            }
            OpenError::Io(_) => gst::error_msg!(gst::ResourceError::OpenRead, ("{text}"), ["{detail}"]),
            _ => gst::error_msg!(gst::StreamError::WrongType, ("{text}"), ["{detail}"]),
        }
    }
}
