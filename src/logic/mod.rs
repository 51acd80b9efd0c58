//! Pure logic: plain numbers in, decisions out. No GStreamer, no unsafe code.
//!
//! Everything here builds and is tested with `--no-default-features`. Decisions take the time, the memory and the storage as
//! arguments. What fetches those from the machine lies apart from what decides: [`clock::monotonic`],
//! [`memory::machine::Machine::detect`], which [`memory`] keeps for the process, and the real one of the recordings' storages.
#![deny(unsafe_code)]

pub mod audio;
pub mod backpressure;
pub mod cache;
pub mod clock;
pub mod export;
pub mod frame_grid;
pub mod health;
pub mod histogram;
pub mod memory;
pub mod metrics;
pub(crate) mod named;
pub mod queue;
pub mod recording;
pub mod render;
pub mod report;
pub mod stall;
pub(crate) mod sync;
pub mod whole_file;
