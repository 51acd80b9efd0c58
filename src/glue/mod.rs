//! What turns values of the logic into those of GStreamer, where several elements need it.

pub(crate) mod analysis;
pub mod decoding;
pub mod encoded;
pub(crate) mod health;
pub(crate) mod look;
pub(crate) mod painter;
pub(crate) mod scheduler;
pub(crate) mod stall;
pub(crate) mod tags;
pub(crate) mod text;
pub(crate) mod topology;
pub(crate) mod value;
pub(crate) mod video;
