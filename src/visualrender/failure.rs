//! Everything that can go wrong in `visualrender`: in words, and as which GStreamer error.

use std::io;
use std::path::PathBuf;

use gst::glib;

use crate::glue::look::LookFailure;
use crate::glue::painter::FrameFailure;
use crate::glue::text::{io_reason, timeline_reason};
use crate::logic::audio::beat_grid::BeatGridError;
use crate::logic::audio::timeline_file::OpenError;
use crate::logic::memory::LimitedBy;
use crate::logic::memory::budget::Denied;

#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(
        "No audio to draw: set audio-location to a file, audio-uri to a URI or timeline-location to a timeline; or num-buffers, for that many pictures of silence."
    )]
    NoLocation,
    #[error("The audio file “{}” cannot be read: {}. Check its name and its permissions.", .0.display(), io_reason(.1))]
    NotReadable(PathBuf, io::Error),
    #[error("“{}” is a directory. Give an audio file in it.", .0.display())]
    Directory(PathBuf),
    #[error("“{}” is empty: there is no audio in it. Get a whole copy.", .0.display())]
    EmptyFile(PathBuf),
    #[error("{0} has no audio stream. Choose a file with sound.")]
    NoAudio(String),
    #[error("The audio of {0} has no samples: there is nothing to draw. Choose a file with sound.")]
    NoSamples(String),
    #[error("{name} cannot be decoded to its end: {} It may be damaged or cut short: get a whole copy.", sentence(.error))]
    Undecodable { name: String, error: glib::Error, debug: String },
    #[error("{name} cannot be opened: {} Check the name and that it can be reached.", sentence(.error))]
    Unopenable { name: String, error: glib::Error, debug: String },
    #[error("The decoding of “{0}” has come to a halt. It may be damaged: get a whole copy, or try again.")]
    Halted(String),
    #[error(
        "To decode {0}, GStreamer needs a plugin that is not installed: a decoder for {1}. \
        The packages gstreamer1.0-plugins-good, -bad, -ugly and gstreamer1.0-libav have most of them."
    )]
    MissingPlugin(String, String),
    #[error("The audio of {0} changes from {1} to {2} in the middle. Convert it to one format first.")]
    FormatChange(String, String, String),
    #[error("GStreamer lacks the element {0}. Install the GStreamer base plugins.")]
    MissingElement(&'static str),
    #[error("The temporary file of the analysis cannot be {what}: {}. Set TMPDIR to a folder with more room.", io_reason(.error))]
    Temporary { what: &'static str, error: io::Error },
    #[error("“{}” cannot be used as a timeline: {}. {}.", .0.display(), timeline_reason(.1), timeline_advice(.1))]
    Timeline(PathBuf, OpenError),
    #[error("The beats in “{}” cannot be read: {}. Check its name and its permissions.", .0.display(), io_reason(.1))]
    BeatsNotReadable(PathBuf, io::Error),
    #[error("“{}” cannot be used as beats: {}. Give a text with the time of each beat in seconds, one a line, in order.", .0.display(), .1)]
    Beats(PathBuf, BeatGridError),
    #[error("The timeline cannot be written to “{}”: {}. Choose another name or folder.", .0.display(), io_reason(.1))]
    NotWritable(PathBuf, io::Error),
    #[error(
        "Pictures of this size need {} MB, and {} MB are free of the memory that frames may use. Ask for smaller pictures, or {}.",
        .0.needed.div_ceil(1_000_000), .0.free / 1_000_000, .1.advice()
    )]
    Memory(Denied, LimitedBy),
    #[error("No thread can be started to render in: {}. End other programs or raise the limit on threads.", io_reason(.0))]
    Threads(io::Error),
    #[error(transparent)]
    Look(LookFailure),
    #[error(transparent)]
    Frame(FrameFailure),
}

impl LimitedBy {
    fn advice(self) -> &'static str {
        match self {
            LimitedBy::Policy => "raise memory-fraction or lower memory-reserve",
            LimitedBy::Variable => "raise STEADY_MEMORY_LIMIT, which stands above the properties",
        }
    }
}

/// What GStreamer says, with a full stop, which it sets now and then.
fn sentence(error: &glib::Error) -> String {
    format!("{}.", error.message().trim_end_matches('.'))
}

fn timeline_advice(error: &OpenError) -> &'static str {
    match error {
        OpenError::Io(error) if error.kind() == io::ErrorKind::NotFound => "Set audio-location too to have it made",
        OpenError::Io(_) => "Check its permissions",
        _ => "Remove it and set audio-location to have it made anew",
    }
}

impl Failure {
    /// Where it happened, for the debug text.
    fn detail(&self) -> String {
        match self {
            Failure::NotReadable(path, error) | Failure::BeatsNotReadable(path, error) => {
                format!("{}: {error}", path.display())
            }
            Failure::NotWritable(path, error) => format!("{}: {error}", path.display()),
            Failure::Timeline(path, error) => format!("{}: {error:?}", path.display()),
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
            Failure::NotReadable(_, error) | Failure::BeatsNotReadable(_, error)
                if error.kind() != io::ErrorKind::NotFound =>
            {
                gst::error_msg!(gst::ResourceError::OpenRead, ("{text}"), ["{detail}"])
            }
            Failure::NotReadable(..) | Failure::BeatsNotReadable(..) => {
                gst::error_msg!(gst::ResourceError::NotFound, ("{text}"), ["{detail}"])
            }
            Failure::Unopenable { error, .. } if error.matches(gst::ResourceError::NotFound) => {
                gst::error_msg!(gst::ResourceError::NotFound, ("{text}"), ["{detail}"])
            }
            Failure::Directory(_) | Failure::Unopenable { .. } => {
                gst::error_msg!(gst::ResourceError::OpenRead, ("{text}"), ["{detail}"])
            }
            Failure::Timeline(_, OpenError::Io(error)) if error.kind() == io::ErrorKind::NotFound => {
                gst::error_msg!(gst::ResourceError::NotFound, ("{text}"), ["{detail}"])
            }
            Failure::Timeline(_, OpenError::Io(_)) => {
                gst::error_msg!(gst::ResourceError::OpenRead, ("{text}"), ["{detail}"])
            }
            Failure::Timeline(..) | Failure::Beats(..) => {
                gst::error_msg!(gst::StreamError::WrongType, ("{text}"), ["{detail}"])
            }
            Failure::NotWritable(..) => gst::error_msg!(gst::ResourceError::OpenWrite, ("{text}"), ["{detail}"]),
            Failure::EmptyFile(_) | Failure::NoAudio(_) | Failure::NoSamples(_) => {
                gst::error_msg!(gst::StreamError::WrongType, ("{text}"), ["{detail}"])
            }
            Failure::Undecodable { .. } | Failure::Halted(_) => {
                gst::error_msg!(gst::StreamError::Decode, ("{text}"), ["{detail}"])
            }
            Failure::FormatChange(..) => gst::error_msg!(gst::StreamError::Format, ("{text}"), ["{detail}"]),
            Failure::MissingPlugin(..) => gst::error_msg!(gst::StreamError::CodecNotFound, ("{text}"), ["{detail}"]),
            Failure::MissingElement(_) => gst::error_msg!(gst::CoreError::MissingPlugin, ("{text}"), ["{detail}"]),
            Failure::Temporary { error, .. } if error.kind() == io::ErrorKind::StorageFull => {
                gst::error_msg!(gst::ResourceError::NoSpaceLeft, ("{text}"), ["{detail}"])
            }
            Failure::Temporary { .. } => gst::error_msg!(gst::ResourceError::Write, ("{text}"), ["{detail}"]),
            Failure::Memory(..) => gst::error_msg!(gst::ResourceError::NoSpaceLeft, ("{text}"), ["{detail}"]),
            Failure::Threads(_) => gst::error_msg!(gst::CoreError::Thread, ("{text}"), ["{detail}"]),
            Failure::Frame(failure) => failure.to_message(),
            Failure::Look(failure) => failure.to_message(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// These are the texts that users read: look at a changed one before accepting it.
    #[test]
    fn every_failure_says_what_happened_and_what_to_do() {
        let io = |errno| io::Error::from_raw_os_error(errno);
        let song = || "“song.ogg”".to_owned();
        let error = || glib::Error::new(gst::StreamError::Decode, "The stream is of a wrong type.");
        let (name, debug) = (song(), String::new());
        let failures = [
            Failure::NoLocation,
            Failure::NotReadable("song.ogg".into(), io(libc::ENOENT)),
            Failure::NotReadable("song.ogg".into(), io(libc::EACCES)),
            Failure::Directory("songs".into()),
            Failure::EmptyFile("song.ogg".into()),
            Failure::NoAudio(song()),
            Failure::NoSamples(song()),
            Failure::Undecodable { name: name.clone(), error: error(), debug: debug.clone() },
            Failure::Unopenable { name, error: error(), debug },
            Failure::MissingPlugin(song(), "audio/x-rare".to_owned()),
            Failure::FormatChange(song(), "44100 Hz, 2 channels".to_owned(), "48000 Hz, 2 channels".to_owned()),
            Failure::Halted("file:///songs/a.aiff".into()),
            Failure::MissingElement("audioconvert"),
            Failure::Temporary { what: "written", error: io(libc::ENOSPC) },
            Failure::Temporary { what: "made", error: io(libc::EACCES) },
            Failure::Timeline("song.steadytl".into(), OpenError::Io(io(libc::ENOENT))),
            Failure::Timeline("song.steadytl".into(), OpenError::Io(io(libc::EACCES))),
            Failure::Timeline("song.steadytl".into(), OpenError::Foreign),
            Failure::Timeline("song.steadytl".into(), OpenError::Version(1, 9)),
            Failure::Timeline("song.steadytl".into(), OpenError::CutOff { got: 5, wanted: 9 }),
            Failure::Timeline("song.steadytl".into(), OpenError::Damaged),
            Failure::NotWritable("song.steadytl".into(), io(libc::EROFS)),
            Failure::BeatsNotReadable("beats.txt".into(), io(libc::ENOENT)),
            Failure::Beats("beats.txt".into(), BeatGridError::NoTime(7)),
            Failure::Beats("beats.txt".into(), BeatGridError::Empty),
            Failure::Memory(Denied { needed: 99_532_800, free: 67_108_864 }, LimitedBy::Policy),
            Failure::Memory(Denied { needed: 99_532_800, free: 67_108_864 }, LimitedBy::Variable),
            Failure::Threads(io(libc::EAGAIN)),
            Failure::Frame(FrameFailure { n: 7, what: "reading the timeline", why: io_reason(&io(libc::EIO)) }),
        ];
        let texts = failures.map(|failure| failure.to_string());
        insta::assert_snapshot!(texts.join("\n"));
    }
}
