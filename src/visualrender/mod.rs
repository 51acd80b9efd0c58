//! `visualrender`: an audio file as a video, frame-exact and the same bytes on every machine.
//!
//! Frame n is about the audio around the middle of its own time, its times follow the frame law of
//! [`frame_grid`](crate::logic::frame_grid), and its bytes do not depend on the machine, on seeks or on what was drawn
//! before.
//!
//! ```text
//! gst-launch-1.0 visualrender audio-location=song.flac ! video/x-raw,width=1280,height=720,framerate=30/1 ! videoconvert ! autovideosink
//! ```

mod audio_source;
mod caching;
mod decoder;
mod drawing;
mod element;
mod failure;
mod frame_cache;
mod frames;
mod gate;
mod imp;
mod playback;
mod properties;
mod queries;
mod reports;
mod sample_intake;
mod switching;
mod timeline_source;

use gst::glib;
use gst::prelude::*;

glib::wrapper! {
    /// Draws an audio file: each picture is a function of the analysed file, the frame's number, scenes, palette, seed
    /// and size.
    pub struct VisualRender(ObjectSubclass<element::VisualRender>)
        @extends gst_base::PushSrc, gst_base::BaseSrc, gst::Element, gst::Object,
        @implements gst::Preset;
}

pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(Some(plugin), "visualrender", gst::Rank::NONE, VisualRender::static_type())
}
