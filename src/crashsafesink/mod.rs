//! `crashsafesink`: a file sink that does not lose what it was given. The file has its name only when it is complete; until
//! then everything but the newest few megabytes is on the disk under a temporary name.
//!
//! ```bash
//! gst-launch-1.0 -e audiotestsrc num-buffers=200 ! vorbisenc ! oggmux ! crashsafesink location=tone.ogg
//! ```

use gst::glib;
use gst::prelude::*;

mod active_recording;
mod background;
mod element;
mod imp;
mod lifecycle;
mod messages;
mod muxer_advice;
mod position;
mod properties;
mod stats;
mod transient_errors;
mod uri;
mod write;

use properties::{Durability, OnExists, PageCache};

glib::wrapper! {
    /// The element.
    pub struct CrashSafeSink(ObjectSubclass<element::CrashSafeSink>)
        @extends gst_base::BaseSink, gst::Element, gst::Object,
        @implements gst::URIHandler;
}

/// Registers the element.
pub fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    for type_ in [Durability::static_type(), OnExists::static_type(), PageCache::static_type()] {
        type_.mark_as_plugin_api(gst::PluginAPIFlags::empty());
    }
    gst::Element::register(Some(plugin), "crashsafesink", gst::Rank::NONE, CrashSafeSink::static_type())
}
