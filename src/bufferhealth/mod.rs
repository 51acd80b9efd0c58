//! `bufferhealth`: measures the stream that passes through it and says whether it is healthy.

use gst::glib;
use gst::prelude::*;

use crate::logic::health::verdict::State;

mod imp;

mod observer;
mod pads;
mod properties;
mod sampler;
mod scheduler;
mod stats;
mod topology;

glib::wrapper! {
    pub(crate) struct BufferHealth(ObjectSubclass<imp::BufferHealth>) @extends gst::Element, gst::Object;
}

/// How the stream is, for the `state` property.
#[derive(Debug, Clone, Copy, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstBufferHealthState")]
pub(crate) enum HealthState {
    #[enum_value(name = "Nothing has arrived yet")]
    Starting,
    #[enum_value(name = "The stream flows and nothing is wrong")]
    Healthy,
    #[enum_value(name = "Something is wrong that may go unnoticed")]
    Degraded,
    #[enum_value(name = "Data are lost, late or refused")]
    Unhealthy,
    #[enum_value(name = "The stream should flow and does not")]
    Stalled,
    #[enum_value(name = "The stream ended")]
    Eos,
}

impl From<State> for HealthState {
    fn from(state: State) -> Self {
        match state {
            State::Starting => Self::Starting,
            State::Healthy => Self::Healthy,
            State::Degraded => Self::Degraded,
            State::Unhealthy => Self::Unhealthy,
            State::Stalled => Self::Stalled,
            State::Eos => Self::Eos,
        }
    }
}

/// Makes the element known.
pub(crate) fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(Some(plugin), "bufferhealth", gst::Rank::NONE, BufferHealth::static_type())
}
