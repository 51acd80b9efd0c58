//! How to record.

use crate::logic::clock::Nanos;

/// What "safe" means.
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

/// How to record.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Bytes in one window, at least 1.
    pub threshold: u64,
    /// The longest that accepted bytes wait for a flush; 0 for as long as it takes to fill a window.
    pub interval: Nanos,
    /// What a window must reach before it is forgotten.
    pub durability: Durability,
    /// Whether pages that are safe are let go from the page cache.
    pub bounded_cache: bool,
    /// Whether the finished file's BLAKE3 digest is wanted.
    pub digest: bool,
    /// What to do when the target's name is taken.
    pub on_exists: OnExists,
}
