//! How a track is analysed, and which audio cannot be.

use super::scaling::Scaling;

/// How much of a track the analysis may know when it decides how one moment of it is drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Analysis {
    /// All of it.
    #[default]
    Full,
    /// What came before, and half a long window ahead.
    Causal,
}

/// The loudness that is drawn at full height.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Normalize {
    /// The loudest of the whole track; of what has been heard, where the analysis is causal.
    #[default]
    Track,
    /// The loudest of what has been heard, the last half minute above all.
    Running,
    /// The same for every track.
    Fixed,
}

/// How a track is analysed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// How much of the track may be known.
    pub analysis: Analysis,
    /// The loudness at full height.
    pub normalize: Normalize,
}

impl Options {
    /// The scaling where nothing is known of the whole track.
    pub(super) fn scaling(self) -> Scaling {
        match self.normalize {
            Normalize::Fixed => Scaling::fixed(),
            Normalize::Track | Normalize::Running => Scaling::running(),
        }
    }
}

/// Why audio cannot be analysed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// No rate or no channels.
    #[error("audio of {rate} Hz and {channels} channels cannot be analysed")]
    Empty {
        /// Hz.
        rate: u32,
        /// Channels.
        channels: u32,
    },
}
