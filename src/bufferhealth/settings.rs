//! The properties of `bufferhealth` and what they hold.

use std::sync::LazyLock;

use gst::glib;
use gst::prelude::*;

use super::HealthState;
use crate::logic::clock::{MILLISECOND, Nanos, SECOND};
use crate::logic::health::verdict::Limits;

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
        }
    }
}

impl Settings {
    /// How long intervals are. The verdict needs some even if nobody else does.
    pub fn interval_length(&self) -> Nanos {
        if self.interval > 0 { self.interval.max(10 * MILLISECOND) } else { SECOND }
    }

    pub fn limits(&self) -> Limits {
        Limits { stall_timeout: self.stall_timeout, max_drop_ratio: self.max_drop_ratio }
    }

    /// Why these cannot work together, if so.
    pub fn contradiction(&self) -> Option<String> {
        (self.high_watermark <= self.low_watermark).then(|| {
            format!(
                "high-watermark ({}) must be above low-watermark ({}). Raise the one or lower the other.",
                self.high_watermark, self.low_watermark
            )
        })
    }

    /// Takes a new value. `pspec` is one of [`PROPERTIES`], so the value has its type and range.
    pub fn set(&mut self, value: &glib::Value, pspec: &glib::ParamSpec) {
        fn get<'a, T: glib::value::FromValue<'a>>(value: &'a glib::Value) -> T
        where
            <T as glib::value::FromValue<'a>>::Checker: glib::value::ValueTypeChecker<Error: std::fmt::Debug>,
        {
            value.get().expect("checked by the type system")
        }
        match pspec.name() {
            "interval" => self.interval = get(value),
            "label" => self.label = get(value),
            "watch" => self.watch = get(value),
            "high-watermark" => self.high_watermark = get(value),
            "low-watermark" => self.low_watermark = get(value),
            "late-threshold" => self.late_threshold = get(value),
            "stall-timeout" => self.stall_timeout = get(value),
            "max-drop-ratio" => self.max_drop_ratio = get(value),
            "latency-samples" => self.latency_samples = get(value),
            "post-messages" => self.post_messages = get(value),
            other => unreachable!("no writable property {other}"),
        }
    }

    /// The value of a setting; none if the property is no setting.
    pub fn get(&self, name: &str) -> Option<glib::Value> {
        Some(match name {
            "interval" => self.interval.to_value(),
            "label" => self.label.to_value(),
            "watch" => self.watch.to_value(),
            "high-watermark" => self.high_watermark.to_value(),
            "low-watermark" => self.low_watermark.to_value(),
            "late-threshold" => self.late_threshold.to_value(),
            "stall-timeout" => self.stall_timeout.to_value(),
            "max-drop-ratio" => self.max_drop_ratio.to_value(),
            "latency-samples" => self.latency_samples.to_value(),
            "post-messages" => self.post_messages.to_value(),
            _ => return None,
        })
    }
}

pub(super) static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
    let default = Settings::default();
    vec![
        glib::ParamSpecUInt64::builder("interval")
            .nick("Interval")
            .blurb("How often interval figures are made, in ns (0 = never; below 10 ms counts as 10 ms)")
            .default_value(default.interval)
            .mutable_playing()
            .build(),
        glib::ParamSpecString::builder("label")
            .nick("Label")
            .blurb("What figures and messages call this point (unset = the element's name)")
            .mutable_playing()
            .build(),
        glib::ParamSpecString::builder("watch")
            .nick("Watch")
            .blurb("Name of the queue whose fill is watched (unset = the nearest one upstream with current-level properties)")
            .mutable_playing()
            .build(),
        glib::ParamSpecDouble::builder("high-watermark")
            .nick("High Watermark")
            .blurb("Fill of the watched queue, from 0 to 1, at which back-pressure begins; must be above low-watermark")
            .minimum(0.0)
            .maximum(1.0)
            .default_value(default.high_watermark)
            .mutable_playing()
            .build(),
        glib::ParamSpecDouble::builder("low-watermark")
            .nick("Low Watermark")
            .blurb("Fill of the watched queue, from 0 to 1, at which back-pressure ends; must be below high-watermark")
            .minimum(0.0)
            .maximum(1.0)
            .default_value(default.low_watermark)
            .mutable_playing()
            .build(),
        glib::ParamSpecUInt64::builder("late-threshold")
            .nick("Late Threshold")
            .blurb("Lateness against the clock, in ns, from which on a buffer counts as late (live or synchronised pipelines only)")
            .default_value(default.late_threshold)
            .mutable_playing()
            .build(),
        glib::ParamSpecUInt64::builder("stall-timeout")
            .nick("Stall Timeout")
            .blurb("How long nothing may move while playing before the stream counts as stalled, in ns (0 = for ever)")
            .default_value(default.stall_timeout)
            .mutable_playing()
            .build(),
        glib::ParamSpecDouble::builder("max-drop-ratio")
            .nick("Max Drop Ratio")
            .blurb("Share of an interval's buffers, from 0 to 1, that may be missing or refused")
            .minimum(0.0)
            .maximum(1.0)
            .default_value(default.max_drop_ratio)
            .mutable_playing()
            .build(),
        glib::ParamSpecUInt::builder("latency-samples")
            .nick("Latency Samples")
            .blurb("Number of buffers whose push times the statistics hold one by one (0 = none)")
            .maximum(10_000)
            .default_value(default.latency_samples)
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder_with_default("post-messages", default.post_messages)
            .nick("Post Messages")
            .blurb("Which messages to post on the bus")
            .mutable_playing()
            .build(),
        glib::ParamSpecBoxed::builder::<gst::Structure>("stats")
            .nick("Statistics")
            .blurb("All figures as one flat structure, bufferhealth/v1 (times in ns)")
            .read_only()
            .build(),
        glib::ParamSpecBoolean::builder("healthy")
            .nick("Healthy")
            .blurb("Whether nothing is wrong with the stream")
            .default_value(true)
            .read_only()
            .build(),
        glib::ParamSpecEnum::builder_with_default("state", HealthState::Starting)
            .nick("State")
            .blurb("How the stream is")
            .read_only()
            .build(),
        gst::ParamSpecArray::builder("reasons")
            .nick("Reasons")
            .blurb("Why the stream is not healthy (empty = it is)")
            .element_spec(
                &glib::ParamSpecString::builder("reason").nick("Reason").blurb("Why").read_only().build(),
            )
            .read_only()
            .build(),
    ]
});
