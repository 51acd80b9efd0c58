//! The options of a recording.

use crate::logic::clock::Nanos;

/// The meaning of "safe".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// With the kernel: survives the death of the process.
    Flush,
    /// On the disk: survives a power cut.
    Sync,
}

/// What to do when the target's name is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnExists {
    /// Fail and leave it alone.
    Error,
    /// Replace it atomically.
    Replace,
    /// Take the first free one of `out-1.mp4`, `out-2.mp4`, …
    Number,
}

/// The options of a recording.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Bytes in one window, at least 1.
    pub threshold: u64,
    /// The longest that accepted bytes wait for a flush; 0 for as long as it takes to fill a window.
    pub interval: Nanos,
    /// How far a window must get before its bytes count as safe.
    pub durability: Durability,
    /// Whether the page cache lets go of pages that are safe.
    pub bounded_cache: bool,
    /// Whether the finished file's BLAKE3 digest is wanted.
    pub digest: bool,
    /// What to do when the target's name is taken.
    pub on_exists: OnExists,
}
