//! Known bytes into a `crashsafesink`.

use std::path::Path;

use gst::prelude::*;

use super::TestPipeline;

pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

pub fn shown(path: &Path) -> String {
    path.display().to_string()
}

/// A source of `buffers` times `size` known bytes into the sink.
pub fn bytes_to(location: &Path, buffers: i32, size: u32, more: &str) -> TestPipeline {
    TestPipeline::parse(&format!(
        "fakesrc num-buffers={buffers} sizetype=fixed sizemax={size} filltype=pattern-span ! \
         crashsafesink name=sink location=\"{}\" {more}",
        shown(location)
    ))
}

pub fn push(src: &gst::Element, data: impl AsRef<[u8]> + Send + 'static) {
    let buffer = gst::Buffer::from_slice(data);
    assert_eq!(src.emit_by_name::<gst::FlowReturn>("push-buffer", &[&buffer]), gst::FlowReturn::Ok);
}

pub fn end(src: &gst::Element) {
    assert_eq!(src.emit_by_name::<gst::FlowReturn>("end-of-stream", &[]), gst::FlowReturn::Ok);
}
