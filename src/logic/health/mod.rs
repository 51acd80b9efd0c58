//! The counts of one measuring point of a stream, and the conclusions drawn from them.
//!
//! [`probe::Tap`] is the writer: whoever drives a stream tells it of every arrival and departure. [`probe::Probe`] is what it
//! writes to and what any thread may read at any time. [`verdict::Judge`] turns what was read into a state with reasons,
//! [`observer::Observer`] keeps both, and [`reading::Reading`] is all of it at one moment.

pub mod counters;
pub mod gaps;
pub mod jitter;
pub mod observer;
pub mod pairs;
pub mod probe;
pub mod reading;
pub mod verdict;
