//! What turns values of the logic into those of GStreamer, where several elements need it.

pub mod look;
pub mod tags;
pub mod text;
