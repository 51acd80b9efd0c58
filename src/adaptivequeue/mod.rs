//! `adaptivequeue`: a drop-in for `queue` that is sized by memory, grows where a graph needs it, and says when and why
//! a pipeline has come to a halt.

use gst::glib;
use gst::prelude::*;

mod consumer;
mod cpu_activity;
mod events;
mod imp;
mod item;
mod limits;
mod producer;
mod properties;
mod queries;
mod running_time;
mod settings;
mod stall;
mod stall_report;
mod stats;
mod topology;
mod watchdog;

pub use settings::{Leaky, OnTimeout, QueueRole, QueueSizing};

glib::wrapper! {
    /// The element's public type.
    pub struct AdaptiveQueue(ObjectSubclass<imp::AdaptiveQueue>) @extends gst::Element, gst::Object;
}

/// Registers the element.
pub fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    for enumeration in
        [Leaky::static_type(), OnTimeout::static_type(), QueueRole::static_type(), QueueSizing::static_type()]
    {
        enumeration.mark_as_plugin_api(gst::PluginAPIFlags::empty());
    }
    gst::Element::register(Some(plugin), "adaptivequeue", gst::Rank::NONE, AdaptiveQueue::static_type())
}
