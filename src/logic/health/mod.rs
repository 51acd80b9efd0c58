//! What one measuring point of a stream counts, and what it concludes from that.
//!
//! [`probe::Tap`] is the writer: whoever drives a stream tells it of every arrival and departure. [`probe::Probe`] is what it
//! writes to and what any thread may read at any time. [`verdict::Judge`] turns what was read into a state with reasons.

pub mod counters;
pub mod gaps;
pub mod jitter;
pub mod probe;
pub mod verdict;

/// Atomics of the standard library, or loom's under its model checker.
mod sync {
    #[cfg(loom)]
    pub use loom::sync::atomic::{AtomicU64, Ordering, fence};
    #[cfg(not(loom))]
    pub use std::sync::atomic::{AtomicU64, Ordering, fence};
}
