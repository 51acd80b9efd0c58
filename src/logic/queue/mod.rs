//! A queue's inner life without GStreamer: how full it is, how items cross from one thread to the other, when it
//! grows, and when standing still has become a stall.

pub mod capacity;
pub mod handoff;
pub mod levels;
pub mod ring;
pub mod stall_detector;
pub mod watermark;
