//! Pure logic: plain numbers in, decisions out. No GStreamer, no clock reads, no unsafe.
//!
//! Everything here builds and is tested with `--no-default-features`. Time is an argument (in [`clock::Nanos`]).
#![deny(unsafe_code)]

pub mod audio;
pub mod clock;
pub mod export;
pub mod frame_grid;
pub mod health;
pub mod memory;
pub mod queue;
pub mod recording;
pub mod render;
pub(crate) mod sync;
