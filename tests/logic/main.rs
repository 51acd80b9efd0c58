//! The pure logic from outside: scenes, the analysis of audio, recordings. Builds and runs without GStreamer.
#![allow(clippy::unwrap_used, reason = "a failed step should end the test where it stands")]

#[path = "../common/mod.rs"]
mod common;

mod composition;
#[cfg(feature = "full")]
mod emulated;
#[cfg(feature = "full")]
mod full;
mod hits;
mod hops;
#[cfg(feature = "fake-storage")]
mod recording;
mod scenes;
mod timeline;
mod yuv;
