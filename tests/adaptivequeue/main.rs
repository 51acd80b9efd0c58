//! `adaptivequeue`, as an element and in pipelines.
#![allow(clippy::unwrap_used, reason = "a failed step should end the test where it stands")]

#[path = "../common/mod.rs"]
mod common;

mod conformance;
mod cycles;
#[cfg(feature = "full")]
mod full;
mod jams;
mod matrix;
mod memory;
mod mix;
mod need;
mod stall;
