//! `visualscope`: audio that flows in as a video, frame-exact, drawn by the same scenes as `visualrender`.
//!
//! ```text
//! gst-launch-1.0 filesrc location=song.flac ! decodebin ! audioconvert ! tee name=t \
//!   t. ! queue ! visualscope ! videoconvert ! autovideosink   t. ! queue ! autoaudiosink
//! ```
//!
//! In a player: `gst-launch-1.0 playbin uri=file:///song.flac flags=audio+vis vis-plugin=visualscope`.

use gst::glib;
use gst::prelude::*;

mod element;
mod failure;
mod imp;
mod output;
mod pads;
mod properties;
mod qos;
mod queue;
mod stats;
mod stretch;
mod task;
mod worker;

glib::wrapper! {
    /// Draws the audio that flows in: each picture is a function of the audio around its time, scene, palette, seed and
    /// size.
    pub struct VisualScope(ObjectSubclass<element::VisualScope>)
        @extends gst::Element, gst::Object,
        @implements gst::Preset;
}

/// Makes the element known.
pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(Some(plugin), "visualscope", gst::Rank::NONE, VisualScope::static_type())
}
