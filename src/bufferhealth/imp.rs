//! The element's place among GStreamer's types.

use std::sync::LazyLock;

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::element::BufferHealth;
use super::{pads, properties};

#[glib::object_subclass]
impl ObjectSubclass for BufferHealth {
    const NAME: &'static str = "GstBufferHealth";
    type Type = super::BufferHealth;
    type ParentType = gst::Element;

    fn with_class(class: &Self::Class) -> Self {
        let (sinkpad, srcpad) = pads::make(class);
        Self::new(sinkpad, srcpad)
    }
}

impl ObjectImpl for BufferHealth {
    fn properties() -> &'static [glib::ParamSpec] {
        &properties::PROPERTIES
    }

    fn signals() -> &'static [glib::subclass::Signal] {
        &properties::SIGNALS
    }

    fn constructed(&self) {
        self.parent_constructed();
        let obj = self.obj();
        obj.add_pad(&self.sinkpad).expect("a new pad of a new element");
        obj.add_pad(&self.srcpad).expect("a new pad of a new element");
    }

    fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        self.set(value, pspec);
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        self.get(pspec.name())
    }
}

impl GstObjectImpl for BufferHealth {}

impl ElementImpl for BufferHealth {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Buffer health",
                "Generic/Analyzer",
                "Measures the stream that passes through it and says whether it is healthy",
                "The gst-plugin-steady developers",
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            [("sink", gst::PadDirection::Sink), ("src", gst::PadDirection::Src)]
                .map(|(name, direction)| {
                    gst::PadTemplate::new(name, direction, gst::PadPresence::Always, &gst::Caps::new_any())
                        .expect("an always pad of any format")
                })
                .into()
        });
        &TEMPLATES
    }

    fn change_state(&self, transition: gst::StateChange) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        match transition {
            gst::StateChange::ReadyToPaused => self.start()?,
            gst::StateChange::PausedToPlaying => self.play(),
            gst::StateChange::PlayingToPaused => self.pause(),
            _ => {}
        }
        let result = self.parent_change_state(transition);
        let undone = transition == gst::StateChange::ReadyToPaused && result.is_err();
        // The pads are inactive now, so nobody writes any more.
        if undone || transition == gst::StateChange::PausedToReady {
            self.stop();
        }
        result
    }
}
