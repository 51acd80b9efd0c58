//! `crashsafesink`, in this process and in others that are killed.
#![allow(clippy::unwrap_used, reason = "a failed step should end the test where it stands")]

#[path = "../common/mod.rs"]
mod common;

mod application;
mod bytes;
mod disks;
mod edge_cases;
#[cfg(feature = "full")]
mod endurance;
mod faults;
mod files;
#[cfg(feature = "full")]
mod full;
mod kill_loss;
mod lifecycle;
mod like_filesink;
mod live;
mod muxers;
mod suite;
#[cfg(feature = "fake-storage")]
mod texts;
