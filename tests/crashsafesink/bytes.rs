//! Known bytes into a `crashsafesink`.

use std::path::Path;

use gst::prelude::*;

use crate::common::{PATIENCE, TestPipeline};

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

/// A pipeline whose bytes the test pushes itself, playing.
pub struct Pushed {
    pub pipeline: TestPipeline,
    pub sink: gst::Element,
    pub src: gst::Element,
}

/// From the test into the sink, whose further properties are `more`.
pub fn pushed_to(location: &Path, more: &str) -> Pushed {
    let pipeline = TestPipeline::parse(&format!(
        "appsrc name=src format=bytes max-bytes=0 ! crashsafesink name=sink location=\"{}\" {more}",
        shown(location)
    ));
    let (src, sink) = (pipeline.element("src"), pipeline.element("sink"));
    pipeline.set_state(gst::State::Playing).unwrap();
    Pushed { pipeline, sink, src }
}

impl std::ops::Deref for Pushed {
    type Target = TestPipeline;
    fn deref(&self) -> &TestPipeline {
        &self.pipeline
    }
}

impl Pushed {
    pub fn push(&self, data: impl AsRef<[u8]> + Send + 'static) {
        self.push_buffer(gst::Buffer::from_slice(data));
    }

    pub fn push_buffer(&self, buffer: gst::Buffer) {
        assert_eq!(self.src.emit_by_name::<gst::FlowReturn>("push-buffer", &[&buffer]), gst::FlowReturn::Ok);
    }

    pub fn push_list(&self, list: gst::BufferList) {
        assert_eq!(self.src.emit_by_name::<gst::FlowReturn>("push-buffer-list", &[&list]), gst::FlowReturn::Ok);
    }

    pub fn end(&self) {
        assert_eq!(self.src.emit_by_name::<gst::FlowReturn>("end-of-stream", &[]), gst::FlowReturn::Ok);
    }

    /// Ends the stream and waits for EOS.
    pub fn finish(&self) {
        self.end();
        self.wait(PATIENCE).expect_eos();
    }

    /// A figure of the sink's `stats`, while it records.
    pub fn stat(&self, name: &str) -> Option<u64> {
        self.sink.property::<gst::Structure>("stats").get(name).ok()
    }
}
