//! The properties of `visualscope`.

use std::sync::LazyLock;

use gst::glib;
use gst::prelude::*;

use super::settings::{Analysis, Settings};
use crate::glue::look::LookSettings;

/// How far pictures can be shifted against the audio: ten seconds.
const MOST_OFFSET: i64 = 10_000_000_000;

/// Every property of the element.
pub(super) static PROPERTIES: LazyLock<Vec<glib::ParamSpec>> = LazyLock::new(|| {
    let defaults = Settings::default();
    let mut properties = vec![
        glib::ParamSpecString::builder("timeline-location")
            .nick("Timeline Location")
            .blurb("Path of a timeline to draw from instead of the audio that flows in, which then only says how far the music is (NULL = analyse the audio)")
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder::<Analysis>("analysis")
            .nick("Analysis")
            .blurb("What may be known of the audio when a moment of it is drawn")
            .mutable_ready()
            .build(),
        glib::ParamSpecEnum::builder_with_default("normalize", defaults.normalize)
            .nick("Normalize")
            .blurb("What is drawn at full height (track = as running, since the track is not known)")
            .mutable_ready()
            .build(),
        glib::ParamSpecInt64::builder("visual-offset")
            .nick("Visual Offset")
            .blurb("How much later than the audio the pictures show it in ns; negative = earlier, which adds to the latency")
            .minimum(-MOST_OFFSET)
            .maximum(MOST_OFFSET)
            .default_value(defaults.offset)
            .mutable_ready()
            .build(),
        glib::ParamSpecBoolean::builder("qos")
            .nick("QoS")
            .blurb("Whether frames are left out that would come too late, as downstream says")
            .default_value(defaults.qos)
            .mutable_playing()
            .build(),
        glib::ParamSpecBoxed::builder::<gst::Structure>("stats")
            .nick("Statistics")
            .blurb("frames (delivered), dropped (left out for QoS), gaps (places where audio was missing), samples (of audio), latency and render-time (ns)")
            .read_only()
            .build(),
    ];
    properties.extend(LookSettings::properties());
    properties
});
