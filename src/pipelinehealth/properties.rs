//! The parameters and the signals: how they are declared, set and read.

use std::sync::LazyLock;

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::tracer::{PipelineHealth, Settings};
use crate::glue::health::figures;
use crate::glue::value::get;
use crate::logic::health::reading::Reading;

pub(super) static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
    let default = Settings::default();
    vec![
        glib::ParamSpecString::builder("include")
            .nick("Include")
            .blurb(
                "Names of the elements that are measured: patterns with *, ? and [abc], separated by | (unset = all)",
            )
            .build(),
        glib::ParamSpecString::builder("exclude")
            .nick("Exclude")
            .blurb("Names of elements that are not measured: patterns as for include (unset = none)")
            .build(),
        glib::ParamSpecUInt64::builder("interval")
            .nick("Interval")
            .blurb("How often interval figures are made, in ns (0 = never; below 10 ms counts as 10 ms)")
            .default_value(default.interval)
            .build(),
        glib::ParamSpecUInt64::builder("stall-timeout")
            .nick("Stall Timeout")
            .blurb("How long nothing may move before it is said why, in ns (0 = for ever)")
            .default_value(default.stall_timeout)
            .build(),
        glib::ParamSpecUInt::builder("port")
            .nick("Port")
            .blurb("Port of this machine at which Prometheus may ask for the figures (0 = none)")
            .maximum(65_535)
            .build(),
        glib::ParamSpecString::builder("textfile")
            .nick("Textfile")
            .blurb("File that node_exporter reads, written after each interval (unset = none)")
            .build(),
        glib::ParamSpecString::builder("report")
            .nick("Report")
            .blurb("File for a page about how it went, written anew every few seconds and at the end (unset = none)")
            .build(),
        gst::ParamSpecArray::builder("stats")
            .nick("Statistics")
            .blurb(
                "All figures of each pad: structures pipelinehealth/v1 with the fields of bufferhealth (times in ns)",
            )
            .element_spec(
                &glib::ParamSpecBoxed::builder::<gst::Structure>("pad").nick("Pad").blurb("A pad").read_only().build(),
            )
            .read_only()
            .build(),
    ]
});

pub(super) static SIGNALS: LazyLock<Vec<glib::subclass::Signal>> = LazyLock::new(|| {
    let switch = |name: &str, on: bool| {
        glib::subclass::Signal::builder(name)
            .action()
            .class_handler(move |args| {
                let tracer = args[0].get::<super::PipelineHealth>().expect("the emitter");
                tracer.imp().switch(on);
                None
            })
            .build()
    };
    vec![switch("start", true), switch("stop", false)]
});

impl PipelineHealth {
    pub(super) fn set(&self, value: &glib::Value, pspec: &glib::ParamSpec) {
        let mut settings = self.settings();
        match pspec.name() {
            "include" => settings.include = get(value),
            "exclude" => settings.exclude = get(value),
            "interval" => settings.interval = get(value),
            "stall-timeout" => settings.stall_timeout = get(value),
            "port" => settings.port = get(value),
            "textfile" => settings.textfile = get(value),
            "report" => settings.report = get(value),
            other => unreachable!("no writable property {other}"),
        }
        let settings = settings.clone();
        self.apply(&settings);
    }

    pub(super) fn get(&self, name: &str) -> glib::Value {
        if name == "stats" {
            return gst::Array::new(self.watch.readings().iter().map(stats)).to_value();
        }
        let settings = self.settings();
        match name {
            "include" => settings.include.to_value(),
            "exclude" => settings.exclude.to_value(),
            "interval" => settings.interval.to_value(),
            "stall-timeout" => settings.stall_timeout.to_value(),
            "port" => settings.port.to_value(),
            "textfile" => settings.textfile.to_value(),
            "report" => settings.report.to_value(),
            other => unreachable!("no property {other}"),
        }
    }
}

/// The figures of one pad, and where it is.
fn stats(reading: &Reading) -> gst::Structure {
    let mut figures = figures::structure("pipelinehealth/v1", reading, Vec::new());
    figures.set("pipeline", &reading.place.pipeline);
    figures.set("element", &reading.place.element);
    figures.set("pad", &reading.place.pad);
    figures.set("media", &reading.place.media);
    figures
}
