//! What turns values of the logic into those of GStreamer, where several elements need it.

pub mod analysis;
pub mod look;
pub mod painter;
pub mod tags;
pub mod text;
pub mod video;
