//! `crashsafesink`: a file sink that does not lose what it was given.

use gst::glib;
use gst::prelude::*;

mod active_recording;
mod imp;
mod messages;
mod muxer_advice;
mod properties;
mod uri;

glib::wrapper! {
    /// The element.
    pub struct CrashSafeSink(ObjectSubclass<imp::CrashSafeSink>)
        @extends gst_base::BaseSink, gst::Element, gst::Object,
        @implements gst::URIHandler;
}

/// What "written" means; the `durability` property.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstCrashSafeSinkDurability")]
pub enum Durability {
    /// On the disk, with the file's name: survives a power cut.
    #[default]
    #[enum_value(name = "Sync: on the disk, survives a power cut", nick = "sync")]
    Sync,
    /// With the kernel: survives a kill, not a power cut.
    #[enum_value(name = "Flush: with the kernel, survives a kill but not a power cut", nick = "flush")]
    Flush,
}

/// What happens when the location exists already; the `on-exists` property.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstCrashSafeSinkOnExists")]
pub enum OnExists {
    /// The element fails and leaves the file alone.
    #[default]
    #[enum_value(name = "Error: fail and leave the file alone", nick = "error")]
    Error,
    /// The finished recording replaces it atomically.
    #[enum_value(name = "Replace: replace it atomically once finished", nick = "replace")]
    Replace,
    /// The finished recording gets the first free one of `out-1.mp4`, `out-2.mp4`, …
    #[enum_value(name = "Number: use the first free of out-1.mp4, out-2.mp4, …", nick = "number")]
    Number,
}

/// What stays of the file in the kernel's page cache; the `page-cache` property.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstCrashSafeSinkPageCache")]
pub enum PageCache {
    /// About two windows of it; with [`Durability::Flush`] only while the disk keeps up, since nobody waits for it then.
    #[default]
    #[enum_value(name = "Bounded: let go of what is on the disk", nick = "bounded")]
    Bounded,
    /// As much as the kernel likes.
    #[enum_value(name = "Keep: leave it to the kernel", nick = "keep")]
    Keep,
}

/// Registers the element.
pub fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    for type_ in [Durability::static_type(), OnExists::static_type(), PageCache::static_type()] {
        type_.mark_as_plugin_api(gst::PluginAPIFlags::empty());
    }
    gst::Element::register(Some(plugin), "crashsafesink", gst::Rank::NONE, CrashSafeSink::static_type())
}
