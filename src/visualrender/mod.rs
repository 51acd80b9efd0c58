//! `visualrender`: an audio file as a video, frame-exact and the same bytes on every machine.

mod decoder;
mod failure;
mod frame_renderer;
mod imp;
mod playback;
mod properties;
mod sample_intake;
mod switching;
mod timeline_source;

use gst::glib;
use gst::prelude::*;

glib::wrapper! {
    /// Draws an audio file: each picture is a function of the analysed file, the frame's number, scenes, palette, seed
    /// and size.
    pub struct VisualRender(ObjectSubclass<imp::VisualRender>)
        @extends gst_base::PushSrc, gst_base::BaseSrc, gst::Element, gst::Object,
        @implements gst::Preset;
}

pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(Some(plugin), "visualrender", gst::Rank::NONE, VisualRender::static_type())
}
