//! The command `gst-steady`.
#![allow(clippy::unwrap_used, reason = "a failed step should end the test where it stands")]

#[path = "../common/mod.rs"]
mod common;

mod bad_input;
mod export;
mod lengths;
mod pictures;
mod recover;
mod report;
