//! Pure logic: plain numbers in, decisions out. No GStreamer, no clock reads, no unsafe.
//!
//! Everything here builds and is tested with `--no-default-features`. Time is an argument (in [`clock::Nanos`]).
#![deny(unsafe_code)]

pub mod audio;
pub mod backpressure;
pub mod clock;
pub mod commit;
pub mod export;
pub mod frame_grid;
pub mod health;
pub mod histogram;
pub mod memory;
pub mod queue;
pub mod render;
pub(crate) mod sync;
