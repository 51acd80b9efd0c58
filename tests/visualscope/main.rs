//! `visualscope`, between two pads and in pipelines. What plays in real time has a binary of its own.
#![allow(clippy::unwrap_used, reason = "a failed step should end the test where it stands")]

#[path = "../common/mod.rs"]
mod common;

mod errors;
mod flow;
#[cfg(feature = "full")]
mod full;
mod pictures;
mod scope;
mod stream;
