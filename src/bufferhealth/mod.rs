//! `bufferhealth`: measures the stream that passes through it, without touching it (counts, gaps, jitter, waiting times and lateness as
//! percentiles), and says with reasons whether it is healthy. Put it where you want to know.
//!
//! ```console
//! gst-launch-1.0 -m videotestsrc num-buffers=300 is-live=true ! queue ! bufferhealth label=camera post-messages=interval ! autovideosink
//! ```
//!
//! Two of them with one `pair-id` measure the latency from the one with `pair-role=start` to the one with `pair-role=end`, and what is lost
//! between them:
//!
//! ```console
//! gst-launch-1.0 -v videotestsrc num-buffers=300 ! bufferhealth pair-id=codec ! x264enc ! bufferhealth pair-id=codec pair-role=end ! fakesink
//! ```
//!
//! With `prometheus-address=9464` Prometheus may ask for the figures; see `docs/metrics.md`.
//!
//! `stats` may be read at any time from any thread and never holds up the stream. See `docs/messages.md` for its fields.

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

use crate::logic::health::reading::Reading;

mod element;
mod export;
mod imp;
mod neighbours;
mod pads;
mod properties;
mod sampler;
mod settings;
mod stats;

glib::wrapper! {
    pub(crate) struct BufferHealth(ObjectSubclass<element::BufferHealth>) @extends gst::Element, gst::Object;
}

/// Registers the element.
pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(Some(plugin), "bufferhealth", gst::Rank::NONE, BufferHealth::static_type())
}

/// All figures of a `bufferhealth` element as of now; none of another element. Never holds up the stream.
pub fn read(element: &gst::Element) -> Option<Reading> {
    Some(element.downcast_ref::<BufferHealth>()?.imp().reading())
}
