//! The `gst-steady` command: exports a song to a video.
fn main() {}
