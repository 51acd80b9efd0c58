//! How much of what a decoder delivers was encoded.
//!
//! An encoder puts silence before the music and fills up its last block. Files that say how much of either they hold are
//! read here, since GStreamer's elements act on it in some files and not in others; what they have already taken away is
//! not taken away again. A file that says nothing is as long as it decodes.

mod cut;
mod mp3;
mod mp4;

use std::io::{self, Read, Seek};

pub use cut::Cut;

/// Where in the decoded samples of a file the encoded ones lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gapless {
    /// Hz; samples at another rate are not those that the file tells of.
    pub rate: u32,
    /// Samples before the encoded ones.
    pub skip: u64,
    /// Samples that were encoded; `u64::MAX` where the end is not known.
    pub samples: u64,
    /// Who takes the skipped ones away.
    pub skipped_by: SkippedBy,
}

/// Who takes away the samples before the encoded ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkippedBy {
    /// The demuxer: its segment begins behind them.
    Demuxer,
    /// Whoever takes the samples. GStreamer's `mpegaudioparse` would do so for tags whose encoder calls itself LAME.
    Taker {
        /// Whether the tag's encoder is LAME.
        lame: bool,
    },
}

impl Gapless {
    /// How many samples whoever takes them has to skip.
    pub fn left_to_skip(&self) -> u64 {
        match self.skipped_by {
            SkippedBy::Demuxer => 0,
            SkippedBy::Taker { .. } => self.skip,
        }
    }
}

/// Looks for what a file says of its length: the delay tag of an MP3, the edit list of an MP4. `None` in any other file
/// and in one that says nothing.
///
/// # Errors
///
/// When `file` cannot be read or sought in. A damaged MP4 may bring that about too, with a box so large that no file reaches to its end.
pub fn find(file: &mut (impl Read + Seek)) -> io::Result<Option<Gapless>> {
    match mp4::find(file)? {
        Some(found) => Ok(Some(found)),
        None => mp3::find(file),
    }
}
