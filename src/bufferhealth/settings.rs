//! The values that the user sets, and those that the element shows.

use gst::glib;

use crate::logic::clock::{MILLISECOND, Nanos, SECOND};
use crate::logic::health::observer::Limits;
use crate::logic::health::verdict::{Health, Tolerance};

/// Which messages are posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstBufferHealthPostMessages")]
pub(super) enum PostMessages {
    #[enum_value(name = "No messages")]
    None,
    #[default]
    #[enum_value(name = "One whenever the verdict changes")]
    Changes,
    #[enum_value(name = "One whenever the verdict changes, and the figures after each interval")]
    Interval,
}

/// Which end of a pair of probes this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, glib::Enum)]
#[enum_type(name = "GstBufferHealthPairRole")]
pub(super) enum PairRole {
    #[default]
    #[enum_value(name = "Where latency begins")]
    Start,
    #[enum_value(name = "Where it is measured")]
    End,
}

/// How the stream is, for the `state` property.
#[derive(Debug, Clone, Copy, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstBufferHealthState")]
pub(super) enum HealthState {
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

impl From<Health> for HealthState {
    fn from(health: Health) -> Self {
        match health {
            Health::Starting => Self::Starting,
            Health::Healthy => Self::Healthy,
            Health::Degraded => Self::Degraded,
            Health::Unhealthy => Self::Unhealthy,
            Health::Stalled => Self::Stalled,
            Health::Eos => Self::Eos,
        }
    }
}

/// Property values.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub interval: Nanos,
    pub label: Option<String>,
    pub watch: Option<String>,
    pub high_watermark: f64,
    pub low_watermark: f64,
    pub late_threshold: Nanos,
    pub stall_timeout: Nanos,
    pub max_drop_ratio: f64,
    pub latency_samples: u32,
    pub post_messages: PostMessages,
    pub prometheus_address: Option<String>,
    pub textfile: Option<String>,
    pub statsd_address: Option<String>,
    pub pair_id: Option<String>,
    pub pair_role: PairRole,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            interval: SECOND,
            label: None,
            watch: None,
            high_watermark: 0.90,
            low_watermark: 0.70,
            late_threshold: 20 * MILLISECOND,
            stall_timeout: 2 * SECOND,
            max_drop_ratio: 0.01,
            latency_samples: 100,
            post_messages: PostMessages::default(),
            prometheus_address: None,
            textfile: None,
            statsd_address: None,
            pair_id: None,
            pair_role: PairRole::default(),
        }
    }
}

impl Settings {
    pub fn limits(&self) -> Limits {
        Limits {
            interval: self.interval,
            high_watermark: self.high_watermark,
            low_watermark: self.low_watermark,
            tolerance: Tolerance { stall_timeout: self.stall_timeout, max_drop_ratio: self.max_drop_ratio },
        }
    }

    /// The pair that this belongs to, if any.
    pub fn pair(&self) -> Option<&str> {
        self.pair_id.as_deref().filter(|id| !id.is_empty())
    }

    /// Why these values cannot work together, if they cannot.
    pub fn contradiction(&self) -> Option<String> {
        // Not a number is above nothing either.
        let above = self.high_watermark > self.low_watermark;
        (!above).then(|| {
            format!(
                "high-watermark ({}) must be above low-watermark ({}). Raise the one or lower the other.",
                self.high_watermark, self.low_watermark
            )
        })
    }
}
