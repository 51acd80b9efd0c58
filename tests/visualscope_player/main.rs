//! `visualscope` in playbin. A binary of its own, since it looks at how late things are: cargo runs one binary after the
//! other, and nothing else makes them late.
#![allow(clippy::unwrap_used, reason = "a failed step should end the test where it stands")]

#[path = "../common/mod.rs"]
mod common;
#[cfg(feature = "full")]
mod full;
mod playbin;
mod player;
