//! Why an export failed: a sentence for people and an exit code for scripts.

use std::fmt;
use std::process::ExitCode;

/// The kinds of failure that a script may want to tell apart. The numbers are those of BSD's sysexits.h.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The command line makes no sense (64).
    Usage,
    /// The audio cannot be used (65).
    BadInput,
    /// The audio cannot be read (66).
    NoInput,
    /// An element is not installed (69).
    MissingPlugin,
    /// The video file cannot be created (73).
    CannotCreate,
    /// Writing failed, or the result is not what it had to be (74).
    Io,
    /// Something else has the file; later it may work (75).
    TryAgain,
    /// Ctrl-C or SIGTERM (130).
    Interrupted,
    /// A defect of this program (70).
    Internal,
}

/// A failure to be shown and returned.
#[derive(Debug)]
pub struct Failure {
    stage: Stage,
    text: String,
}

impl Failure {
    pub fn new(stage: Stage, text: impl Into<String>) -> Self {
        Self { stage, text: text.into() }
    }

    /// Says where the sink left what it had written.
    pub fn with_kept(mut self, path: &str) -> Self {
        self.text.push_str(&format!("; what was written so far is kept in {path:?} and plays up to there"));
        self
    }

    /// Whether somebody ended it.
    pub fn is_interrupt(&self) -> bool {
        self.stage == Stage::Interrupted
    }

    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self.stage {
            Stage::Usage => 64,
            Stage::BadInput => 65,
            Stage::NoInput => 66,
            Stage::MissingPlugin => 69,
            Stage::Internal => 70,
            Stage::CannotCreate => 73,
            Stage::Io => 74,
            Stage::TryAgain => 75,
            Stage::Interrupted => 130,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Prints what clap has to say. Help and version are not failures.
pub fn usage(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    if error.use_stderr() { Failure::new(Stage::Usage, "").exit_code() } else { ExitCode::SUCCESS }
}

/// A failure of an element, by the error it posted. `element` is the factory's name.
pub fn from_element(element: &str, error: &gst::glib::Error) -> Failure {
    let stage = match (error.kind::<gst::ResourceError>(), error.kind::<gst::StreamError>()) {
        // In a sink, the thing not found is the folder to write to.
        (Some(gst::ResourceError::NotFound), _) if element.ends_with("sink") => Stage::CannotCreate,
        (Some(gst::ResourceError::NotFound | gst::ResourceError::OpenRead | gst::ResourceError::Read), _) => {
            Stage::NoInput
        }
        (Some(gst::ResourceError::Busy), _) => Stage::TryAgain,
        (Some(gst::ResourceError::OpenWrite), _) => Stage::CannotCreate,
        (Some(_), _) => Stage::Io,
        (_, Some(gst::StreamError::CodecNotFound)) => Stage::MissingPlugin,
        (
            _,
            Some(
                gst::StreamError::Decode
                | gst::StreamError::Demux
                | gst::StreamError::TypeNotFound
                | gst::StreamError::WrongType,
            ),
        ) => Stage::BadInput,
        _ if error.matches(gst::CoreError::MissingPlugin) => Stage::MissingPlugin,
        _ => Stage::Internal,
    };
    Failure::new(stage, format!("{} ({element})", error.message()))
}
