//! Every way in which `visualscope` fails, in words, and the GStreamer error that it is.

use std::path::PathBuf;

use crate::glue::look::LookFailure;
use crate::glue::painter::FrameFailure;
use crate::glue::text::timeline_reason;
use crate::glue::video;
use crate::logic::audio::timeline_file::OpenError;
use crate::logic::render::look::Background;

#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("“{}” cannot be used as a timeline: {}. Have visualrender make one with timeline-location, or unset it.", .0.display(), timeline_reason(.1))]
    Timeline(PathBuf, OpenError),
    #[error("{}", video::refusal("visualscope", *.background))]
    Negotiation { wanted: String, background: Background },
    #[error(
        "The audio is not timed, so it is not clear when to show it. Put a parser or a decoder in front of visualscope."
    )]
    Untimed(gst::Format),
    #[error("There is no memory for a picture: {0}. Ask for a smaller size.")]
    Memory(String),
    #[error(transparent)]
    Look(#[from] LookFailure),
    #[error(transparent)]
    Frame(#[from] FrameFailure),
}

impl Failure {
    /// As the message an element posts.
    pub(super) fn to_message(&self) -> gst::ErrorMessage {
        let (text, detail) = (self.to_string(), format!("{self:?}"));
        match self {
            Failure::Timeline(_, OpenError::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => {
                gst::error_msg!(gst::ResourceError::NotFound, ("{text}"), ["{detail}"])
            }
            Failure::Timeline(_, OpenError::Io(_)) => {
                gst::error_msg!(gst::ResourceError::OpenRead, ("{text}"), ["{detail}"])
            }
            Failure::Timeline(..) => gst::error_msg!(gst::StreamError::WrongType, ("{text}"), ["{detail}"]),
            Failure::Negotiation { .. } => gst::error_msg!(gst::CoreError::Negotiation, ("{text}"), ["{detail}"]),
            Failure::Untimed(_) => gst::error_msg!(gst::StreamError::Format, ("{text}"), ["{detail}"]),
            Failure::Memory(_) => gst::error_msg!(gst::ResourceError::Failed, ("{text}"), ["{detail}"]),
            Failure::Look(failure) => failure.to_message(),
            Failure::Frame(failure) => failure.to_message(),
        }
    }

    /// The answer to the thread that brings audio.
    pub(super) fn flow(&self) -> gst::FlowError {
        match self {
            Failure::Negotiation { .. } => gst::FlowError::NotNegotiated,
            _ => gst::FlowError::Error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// People read these: a changed text has to be looked at before it goes out.
    #[test]
    fn every_failure_says_what_happened_and_what_to_do() {
        let io = |errno| std::io::Error::from_raw_os_error(errno);
        let timeline = |error| Failure::Timeline("song.steadytl".into(), error);
        let failures = [
            timeline(OpenError::Io(io(libc::ENOENT))),
            timeline(OpenError::Io(io(libc::EACCES))),
            timeline(OpenError::Foreign),
            timeline(OpenError::Version(1, 9)),
            timeline(OpenError::CutOff { got: 5, wanted: 9 }),
            timeline(OpenError::Damaged),
            Failure::Negotiation { wanted: "EMPTY".to_owned(), background: Background::Dark },
            Failure::Negotiation { wanted: "EMPTY".to_owned(), background: Background::Transparent },
            Failure::Untimed(gst::Format::Bytes),
            Failure::Memory("failed to activate buffer pool".to_owned()),
        ];
        let texts = failures.map(|failure| failure.to_string());
        insta::assert_snapshot!(texts.join("\n"), @r"
        “song.steadytl” cannot be used as a timeline: there is no such file. Have visualrender make one with timeline-location, or unset it.
        “song.steadytl” cannot be used as a timeline: permission denied. Have visualrender make one with timeline-location, or unset it.
        “song.steadytl” cannot be used as a timeline: it is not a timeline. Have visualrender make one with timeline-location, or unset it.
        “song.steadytl” cannot be used as a timeline: another version of this plugin made it. Have visualrender make one with timeline-location, or unset it.
        “song.steadytl” cannot be used as a timeline: it is cut off: 5 of 9 bytes are there. Have visualrender make one with timeline-location, or unset it.
        “song.steadytl” cannot be used as a timeline: it is damaged: its checksum does not fit. Have visualrender make one with timeline-location, or unset it.
        What follows visualscope does not take RGBA, BGRA, ARGB, RGBx, I420 or NV12 pictures of 16 to 16384 pixels a side at a constant frame rate. Put videoconvert after it, or ask for another size.
        What follows visualscope does not take RGBA, BGRA or ARGB pictures, which alone can be transparent, of 16 to 16384 pixels a side at a constant frame rate. Put videoconvert after it, ask for another size or set another background.
        The audio is not timed, so it is not clear when to show it. Put a parser or a decoder in front of visualscope.
        There is no memory for a picture: failed to activate buffer pool. Ask for a smaller size.
        ");
    }
}
