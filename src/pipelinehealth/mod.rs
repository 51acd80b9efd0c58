//! `pipelinehealth`: a tracer that measures every stream of an unmodified pipeline like `bufferhealth` does, and says why the pipeline
//! hangs when it does.
//!
//! ```console
//! GST_TRACERS=pipelinehealth gst-launch-1.0 videotestsrc num-buffers=100 ! queue ! fakesink
//! ```
//!
//! `docs/health.md` shows how to read what it says.

use gst::glib;
use gst::prelude::*;

mod halts;
mod imp;
mod parameters;
mod properties;
mod report;
mod selection;
mod slot;
mod tracer;
mod watch;

glib::wrapper! {
    pub(crate) struct PipelineHealth(ObjectSubclass<tracer::PipelineHealth>) @extends gst::Tracer, gst::Object;
}

/// Registers the tracer.
pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Tracer::register(Some(plugin), "pipelinehealth", PipelineHealth::static_type())
}
