//! The few helpers that turn logic values into GStreamer ones, and what several elements have in common.

pub(crate) mod analysis;
pub(crate) mod look;
pub(crate) mod painter;
pub(crate) mod video;
pub(crate) mod words;
