//! The properties and the signal: how they are declared, set and read.

use std::sync::LazyLock;

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::element::BufferHealth;
use super::settings::{HealthState, Settings};
use crate::glue::health::figures;
use crate::glue::value::get;

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
        glib::ParamSpecString::builder("prometheus-address")
            .nick("Prometheus Address")
            .blurb("Port, or address and port, where Prometheus may ask for the figures (unset = none; a port alone, as 9464, is \
                    reached from this machine only)")
            .mutable_ready()
            .build(),
        glib::ParamSpecString::builder("textfile")
            .nick("Textfile")
            .blurb("File for node_exporter, written anew each interval and removed at the end (unset = none; its name should end in \
                    .prom)")
            .mutable_ready()
            .build(),
        glib::ParamSpecString::builder("statsd-address")
            .nick("StatsD Address")
            .blurb("Host, and port if it is not 8125, to which the figures are sent for StatsD each interval (unset = none)")
            .mutable_ready()
            .build(),
        glib::ParamSpecString::builder("pair-id")
            .nick("Pair ID")
            .blurb("Name that two probes of one stream share, to measure the latency from one to the other (unset = none)")
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder_with_default("pair-role", default.pair_role)
            .nick("Pair Role")
            .blurb("Which end of the pair this is")
            .mutable_ready()
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

pub(super) static SIGNALS: LazyLock<Vec<glib::subclass::Signal>> = LazyLock::new(|| {
    vec![
        glib::subclass::Signal::builder("reset")
            .action()
            .return_type::<gst::Structure>()
            .class_handler(|args| {
                let element = args[0].get::<super::BufferHealth>().expect("the emitter");
                Some(element.imp().reset().to_value())
            })
            .build(),
    ]
});

impl BufferHealth {
    pub(super) fn set(&self, value: &glib::Value, pspec: &glib::ParamSpec) {
        let mut settings = self.settings();
        settings.set(value, pspec);
        let late_threshold = settings.late_threshold;
        drop(settings);
        self.meter.probe().set_late_threshold(late_threshold);
    }

    pub(super) fn get(&self, name: &str) -> glib::Value {
        if let Some(value) = self.settings().get(name) {
            return value;
        }
        match name {
            "stats" => self.stats().to_value(),
            "healthy" => self.meter.verdict().1.is_empty().to_value(),
            "state" => HealthState::from(self.meter.verdict().0).to_value(),
            "reasons" => figures::reasons(self.meter.verdict().1).to_value(),
            other => unreachable!("no property {other}"),
        }
    }
}

impl Settings {
    /// Takes a new value. `pspec` is one of [`PROPERTIES`], so the value has its type and range.
    pub fn set(&mut self, value: &glib::Value, pspec: &glib::ParamSpec) {
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
            "prometheus-address" => self.prometheus_address = get(value),
            "textfile" => self.textfile = get(value),
            "statsd-address" => self.statsd_address = get(value),
            "pair-id" => self.pair_id = get(value),
            "pair-role" => self.pair_role = get(value),
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
            "prometheus-address" => self.prometheus_address.to_value(),
            "textfile" => self.textfile.to_value(),
            "statsd-address" => self.statsd_address.to_value(),
            "pair-id" => self.pair_id.to_value(),
            "pair-role" => self.pair_role.to_value(),
            _ => return None,
        })
    }
}
