//! `adaptivequeue`: a drop-in for `queue` that is sized by memory, grows where a graph needs it, and says when and why
//! a pipeline has come to a halt.
//!
//! ```console
//! gst-launch-1.0 videotestsrc num-buffers=100 ! tee name=t \
//!   t. ! adaptivequeue ! jpegenc ! matroskamux name=m ! filesink location=out.mkv \
//!   t. ! x264enc ! adaptivequeue role=encoder ! m.
//! ```

use gst::glib;
use gst::prelude::*;

mod backpressure;
mod consumer;
mod element;
mod events;
mod flow;
mod gone;
mod growth;
mod imp;
mod item;
mod limits;
mod pads;
mod producer;
mod properties;
mod queries;
mod queued_query;
mod running_time;
mod settings;
mod signals;
mod stall;
mod stall_answer;
mod stats;
mod topology;
mod watchdog;

pub use settings::{Leaky, OnTimeout, QueueRole, QueueSizing};

glib::wrapper! {
    /// The element's public type.
    pub struct AdaptiveQueue(ObjectSubclass<element::AdaptiveQueue>) @extends gst::Element, gst::Object;
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
