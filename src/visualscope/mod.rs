//! `visualscope`: audio that is heard now as a video.

mod failure;
mod imp;
mod output;
mod properties;
mod queue;
mod settings;
mod stretch;
mod task;
mod worker;

use gst::glib;
use gst::prelude::*;

glib::wrapper! {
    /// Draws the audio that flows in: each picture is a function of the audio around its time, scene, palette, seed and
    /// size.
    pub struct VisualScope(ObjectSubclass<imp::VisualScope>)
        @extends gst::Element, gst::Object,
        @implements gst::Preset;
}

pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(Some(plugin), "visualscope", gst::Rank::NONE, VisualScope::static_type())
}
