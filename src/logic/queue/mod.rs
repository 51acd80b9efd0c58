//! A queue's inner life without GStreamer: how full it is, how items cross from one thread to the other, and when it grows.

pub mod capacity;
pub mod handoff;
pub mod levels;
pub mod need;
pub mod ring;
pub mod watermark;
