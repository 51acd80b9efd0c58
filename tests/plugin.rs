//! The plugin as an application or `gst-inspect-1.0` finds it.
#![allow(clippy::unwrap_used, reason = "a failed set-up step should end the test where it stands")]
mod common;

use common::process::alone;
use gst::glib;
use gst::prelude::*;

/// Factory, klass, and pad templates by name and direction.
type Element = (&'static str, &'static str, &'static [(&'static str, gst::PadDirection)]);
const ELEMENTS: [Element; 5] = [
    ("adaptivequeue", "Generic", &[("sink", gst::PadDirection::Sink), ("src", gst::PadDirection::Src)]),
    ("bufferhealth", "Generic", &[("sink", gst::PadDirection::Sink), ("src", gst::PadDirection::Src)]),
    ("crashsafesink", "Sink/File", &[("sink", gst::PadDirection::Sink)]),
    ("visualrender", "Source/Video", &[("src", gst::PadDirection::Src)]),
    ("visualscope", "Visualization", &[("sink", gst::PadDirection::Sink), ("src", gst::PadDirection::Src)]),
];

fn factories() -> Vec<gst::ElementFactory> {
    common::init();
    ELEMENTS.iter().map(|(name, ..)| gst::ElementFactory::find(name).unwrap_or_else(|| panic!("no {name}"))).collect()
}

#[test]
fn registering_twice_in_one_program_is_harmless() {
    common::init();
    gststeady::plugin_register_static().expect("a second registration");
}

#[test]
fn a_second_copy_of_the_library_steps_back() {
    alone!();
    common::init();
    let copy = common::plugin_folder().join("libgststeady.so");
    assert!(gst::Plugin::load_file(&copy).is_err());
    assert!(gst::ElementFactory::make("crashsafesink").build().is_ok(), "the first copy still works");
}

#[test]
fn the_plugin_has_these_elements_and_the_tracer_and_no_others() {
    common::init();
    let mut found: Vec<_> =
        gst::Registry::get().features_by_plugin("steady").iter().map(|f| f.name().to_string()).collect();
    found.sort();
    let mut wanted: Vec<_> = ELEMENTS.iter().map(|(name, ..)| *name).chain(["pipelinehealth"]).collect();
    wanted.sort_unstable();
    assert_eq!(found, wanted);
}

#[test]
fn every_element_has_its_klass_and_its_pad_templates() {
    for (factory, (name, klass, pads)) in factories().iter().zip(ELEMENTS) {
        assert!(factory.metadata("klass").unwrap().starts_with(klass), "{name} is {:?}", factory.metadata("klass"));
        let offered = factory.metadata("klass").unwrap().contains("Visualization");
        assert_eq!(offered, name == "visualscope", "players would offer {name}");
        for field in ["long-name", "description", "author"] {
            assert!(factory.metadata(field).is_some_and(|text| text.len() > 4), "{name} has no {field}");
        }
        let mut templates: Vec<_> =
            factory.static_pad_templates().iter().map(|t| (t.name_template(), t.direction())).collect();
        templates.sort_by_key(|t| t.0);
        assert_eq!(templates, pads, "{name}");
        assert!(factory.static_pad_templates().iter().all(|t| t.presence() == gst::PadPresence::Always));
    }
}

/// What a number can be counted in.
const UNITS: &[&str] = &[
    "bytes",
    "buffers",
    "frames",
    "threads",
    "ns",
    "nanoseconds",
    "milliseconds",
    "samples",
    "pixels",
    "hz",
    "ratio",
    "fraction",
    "0 to 1",
    "0.0",
    "seed",
    "windows",
    "bpm",
    "index",
    "per second",
    "percent",
    "count",
    "priority",
];

#[test]
fn every_property_is_explained_and_every_number_has_a_unit() {
    let mut wrong = Vec::new();
    for factory in factories() {
        let element = factory.create().build().unwrap();
        for property in element.list_properties().iter().filter(|p| p.owner_type() == element.type_()) {
            let name = format!("{}.{}", factory.name(), property.name());
            let blurb = property.blurb().map_or("", |b| b);
            let nick = property.nick();
            if blurb.len() < 10 {
                wrong.push(format!("{name} is not explained: {blurb:?}"));
            }
            if nick == property.name() || !nick.chars().next().is_some_and(char::is_uppercase) {
                wrong.push(format!("{name} has the nick {nick:?}"));
            }
            let number =
                [glib::Type::U64, glib::Type::I64, glib::Type::U32, glib::Type::I32, glib::Type::F64, glib::Type::F32]
                    .contains(&property.value_type());
            if number && !UNITS.iter().any(|unit| blurb.to_lowercase().contains(unit)) {
                wrong.push(format!("{name} has no unit: {blurb:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_property_that_may_be_written_takes_its_default_back() {
    for factory in factories() {
        let element = factory.create().build().unwrap();
        for property in element.list_properties().iter().filter(|p| p.owner_type() == element.type_()) {
            if property.flags().contains(glib::ParamFlags::READWRITE) {
                let value = element.property_value(property.name());
                element.set_property_from_value(property.name(), &value);
            }
        }
    }
}
