//! `visualrender` in pipelines.
#![allow(clippy::unwrap_used, reason = "a failed step should end the test where it stands")]

#[path = "../common/mod.rs"]
mod common;

#[cfg(feature = "full")]
mod browser;
mod cache;
mod frames;
#[cfg(feature = "full")]
mod full;
mod look;
mod switch;
mod timeline;
mod yuv;
