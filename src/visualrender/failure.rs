//! What can go wrong in `visualrender`, in words, and which GStreamer error it is.

use std::io;
use std::path::PathBuf;

use gst::glib;

use crate::glue::look::LookFailure;
use crate::glue::words::{TimelineFailure, io_reason};

#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("No audio to draw: set audio-location to a file, audio-uri to a URI or timeline-location to a timeline.")]
    NoLocation,
    #[error("The audio file “{}” cannot be read: {}.", .0.display(), io_reason(.1))]
    NotReadable(PathBuf, io::Error),
    #[error("“{}” is a directory. Give an audio file in it.", .0.display())]
    Directory(PathBuf),
    #[error("“{}” is empty: there is no audio in it.", .0.display())]
    EmptyFile(PathBuf),
    #[error("{0} has no audio stream. Choose a file with sound.")]
    NoAudio(String),
    #[error("The audio of {0} has no samples: there is nothing to draw.")]
    NoSamples(String),
    #[error("{name} cannot be decoded to its end: {} It may be damaged or cut short: get a whole copy.", .error.message())]
    Undecodable { name: String, error: glib::Error, debug: String },
    #[error("{name} cannot be opened: {}", .error.message())]
    Unopenable { name: String, error: glib::Error, debug: String },
    #[error("To decode {0}, GStreamer needs a plugin that is not installed: a decoder for {1}.")]
    MissingPlugin(String, String),
    #[error("The audio of {0} changes from {1} to {2} in the middle. Convert it to one format first.")]
    FormatChange(String, String, String),
    #[error("GStreamer lacks the element {0}. Install the GStreamer base plugins.")]
    MissingElement(&'static str),
    #[error("The temporary file of the analysis cannot be {what}: {}. Set TMPDIR to a folder with more room.", io_reason(.error))]
    Temporary { what: &'static str, error: io::Error },
    #[error(transparent)]
    Timeline(#[from] TimelineFailure),
    #[error("The timeline cannot be written to “{}”: {}.", .0.display(), io_reason(.1))]
    NotWritable(PathBuf, io::Error),
    #[error(transparent)]
    Look(#[from] LookFailure),
}

impl Failure {
    /// Where it happened, for the debug text.
    fn detail(&self) -> String {
        match self {
            Failure::NotReadable(path, error) => format!("{}: {error}", path.display()),
            Failure::NotWritable(path, error) => format!("{}: {error}", path.display()),
            Failure::Temporary { error, .. } => error.to_string(),
            Failure::Undecodable { error, debug, .. } | Failure::Unopenable { error, debug, .. } => {
                format!("{error}: {debug}")
            }
            other => format!("{other:?}"),
        }
    }

    /// As the message an element posts.
    pub(super) fn to_message(&self) -> gst::ErrorMessage {
        let (text, detail) = (self.to_string(), self.detail());
        match self {
            Failure::NoLocation => gst::error_msg!(gst::ResourceError::NotFound, ("{text}"), ["{detail}"]),
            Failure::NotReadable(_, error) if error.kind() != io::ErrorKind::NotFound => {
                gst::error_msg!(gst::ResourceError::OpenRead, ("{text}"), ["{detail}"])
            }
            Failure::NotReadable(..) => gst::error_msg!(gst::ResourceError::NotFound, ("{text}"), ["{detail}"]),
            Failure::Unopenable { error, .. } if error.matches(gst::ResourceError::NotFound) => {
                gst::error_msg!(gst::ResourceError::NotFound, ("{text}"), ["{detail}"])
            }
            Failure::Directory(_) | Failure::Unopenable { .. } => {
                gst::error_msg!(gst::ResourceError::OpenRead, ("{text}"), ["{detail}"])
            }
            Failure::Timeline(failure) => failure.to_message(),
            Failure::NotWritable(..) => gst::error_msg!(gst::ResourceError::OpenWrite, ("{text}"), ["{detail}"]),
            Failure::EmptyFile(_) | Failure::NoAudio(_) | Failure::NoSamples(_) => {
                gst::error_msg!(gst::StreamError::WrongType, ("{text}"), ["{detail}"])
            }
            Failure::Undecodable { .. } => gst::error_msg!(gst::StreamError::Decode, ("{text}"), ["{detail}"]),
            Failure::FormatChange(..) => gst::error_msg!(gst::StreamError::Format, ("{text}"), ["{detail}"]),
            Failure::MissingPlugin(..) => gst::error_msg!(gst::StreamError::CodecNotFound, ("{text}"), ["{detail}"]),
            Failure::MissingElement(_) => gst::error_msg!(gst::CoreError::MissingPlugin, ("{text}"), ["{detail}"]),
            Failure::Temporary { error, .. } if error.kind() == io::ErrorKind::StorageFull => {
                gst::error_msg!(gst::ResourceError::NoSpaceLeft, ("{text}"), ["{detail}"])
            }
            Failure::Temporary { .. } => gst::error_msg!(gst::ResourceError::Write, ("{text}"), ["{detail}"]),
            Failure::Look(failure) => failure.to_message(),
        }
    }
}
