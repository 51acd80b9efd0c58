//! `bufferhealth` in pipelines. What it allocates is counted in a binary of its own.
#![allow(clippy::unwrap_used, reason = "a failed step should end the test where it stands")]

#[path = "../common/mod.rs"]
mod common;

#[cfg(feature = "full")]
mod browser;
mod clean;
mod exports;
mod faults;
mod page;
mod pairs;
mod pauses;
#[cfg(feature = "full")]
mod prometheus;
mod reports;
mod seen;
