//! The few helpers that turn logic values into GStreamer ones.
