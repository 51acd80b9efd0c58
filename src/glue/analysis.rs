//! How audio is analysed, as enumerations for properties.

use gst::glib;

use crate::logic::audio::options;

/// How much of the audio the analysis may know when it decides how one moment of it is drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstVisualAnalysis")]
pub enum Analysis {
    #[default]
    #[enum_value(name = "Full: the whole track is known", nick = "full")]
    Full,
    #[enum_value(name = "Causal: nothing but half a long window of what comes is known", nick = "causal")]
    Causal,
}

/// The loudness that is drawn at full height.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstVisualNormalize")]
pub enum Normalize {
    #[default]
    #[enum_value(name = "Track: the loudest of the whole track; as running, where it is not known", nick = "track")]
    Track,
    #[enum_value(name = "Running: the loudest of what has been heard lately", nick = "running")]
    Running,
    #[enum_value(name = "Fixed: the same for all audio", nick = "fixed")]
    Fixed,
}

impl From<Analysis> for options::Analysis {
    fn from(analysis: Analysis) -> Self {
        match analysis {
            Analysis::Full => Self::Full,
            Analysis::Causal => Self::Causal,
        }
    }
}

impl From<Normalize> for options::Normalize {
    fn from(normalize: Normalize) -> Self {
        match normalize {
            Normalize::Track => Self::Track,
            Normalize::Running => Self::Running,
            Normalize::Fixed => Self::Fixed,
        }
    }
}
