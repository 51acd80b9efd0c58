//! `visualscope`, between two pads, in pipelines and in a player.
#![allow(clippy::unwrap_used, reason = "a failed step should end the test where it stands")]

#[path = "../common/mod.rs"]
mod common;

mod errors;
mod flow;
#[cfg(feature = "full")]
mod full;
mod pictures;
mod playbin;
mod player;
mod scope;
mod stream;
