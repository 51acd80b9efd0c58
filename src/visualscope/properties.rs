//! The properties of `visualscope`: their table, their defaults and their values.

use std::path::PathBuf;
use std::sync::LazyLock;

use gst::glib;
use gst::prelude::*;

use crate::glue::analysis::Normalize;
use crate::glue::look::LookSettings;

/// The furthest that pictures can be shifted against the audio: ten seconds.
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
        glib::ParamSpecEnum::builder::<LiveAnalysis>("analysis")
            .nick("LiveAnalysis")
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

/// How audio can be analysed whose end has not been heard yet: there is one way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstVisualScopeAnalysis")]
pub(super) enum LiveAnalysis {
    #[default]
    #[enum_value(name = "Causal: nothing but half a long window of what comes is known", nick = "causal")]
    Causal,
}

/// The property values.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) timeline: Option<PathBuf>,
    pub(super) normalize: Normalize,
    pub(super) offset: i64,
    pub(super) qos: bool,
    pub(super) look: LookSettings,
}

impl Default for Settings {
    fn default() -> Self {
        let look = LookSettings::default();
        Self { timeline: None, normalize: Normalize::Running, offset: 0, qos: true, look }
    }
}

impl Settings {
    /// Sets the property called `name`, which is a writable one.
    pub(super) fn set(&mut self, name: &str, value: &glib::Value) {
        match name {
            "timeline-location" => self.timeline = value.get::<Option<String>>().ok().flatten().map(PathBuf::from),
            "analysis" => {}
            "normalize" => self.normalize = value.get().unwrap_or_default(),
            "visual-offset" => self.offset = value.get().unwrap_or_default(),
            "qos" => self.qos = value.get().unwrap_or_default(),
            _ if self.look.set(name, value) => {}
            _ => unreachable!("property {name} is not in the list of writable ones"),
        }
    }

    /// The value of a writable property.
    pub(super) fn get(&self, name: &str) -> glib::Value {
        match name {
            "timeline-location" => self.timeline.as_ref().map(|path| path.display().to_string()).to_value(),
            "analysis" => LiveAnalysis::Causal.to_value(),
            "normalize" => self.normalize.to_value(),
            "visual-offset" => self.offset.to_value(),
            "qos" => self.qos.to_value(),
            _ => self
                .look
                .get(name)
                .unwrap_or_else(|| unreachable!("property {name} is not in the list of writable ones")),
        }
    }
}
