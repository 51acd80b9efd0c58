//! The property values of `visualscope`.

use std::path::PathBuf;

use gst::glib;
use gst::prelude::*;

use crate::glue::analysis::Normalize;
use crate::glue::look::LookSettings;

/// The only analysis there is of audio whose end nobody knows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstVisualScopeAnalysis")]
pub(super) enum Analysis {
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
            "analysis" => Analysis::Causal.to_value(),
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
