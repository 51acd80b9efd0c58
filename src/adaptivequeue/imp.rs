//! The element's place among GStreamer's types.

use std::sync::LazyLock;

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::element::AdaptiveQueue;
use super::{pads, properties, signals, watchdog};

#[glib::object_subclass]
impl ObjectSubclass for AdaptiveQueue {
    const NAME: &'static str = "GstAdaptiveQueue";
    type Type = super::AdaptiveQueue;
    type ParentType = gst::Element;

    fn with_class(class: &Self::Class) -> Self {
        let (sinkpad, srcpad) = pads::make(class);
        Self::new(sinkpad, srcpad)
    }
}

impl ObjectImpl for AdaptiveQueue {
    fn properties() -> &'static [glib::ParamSpec] {
        &properties::PROPERTIES
    }

    fn signals() -> &'static [glib::subclass::Signal] {
        &signals::SIGNALS
    }

    fn constructed(&self) {
        self.parent_constructed();
        let obj = self.obj();
        obj.add_pad(&self.sinkpad).expect("a new element has no pads");
        obj.add_pad(&self.srcpad).expect("a new element has one pad of another name");
    }

    fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        self.set(pspec.name(), value);
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        self.get(pspec.name())
    }
}

impl GstObjectImpl for AdaptiveQueue {}

impl ElementImpl for AdaptiveQueue {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Adaptive queue",
                "Generic",
                "Queue sized by memory and need that says why a pipeline has come to a halt",
                "The gst-plugin-steady developers",
            )
        });
        Some(&*METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            [("sink", gst::PadDirection::Sink), ("src", gst::PadDirection::Src)]
                .map(|(name, direction)| {
                    gst::PadTemplate::new(name, direction, gst::PadPresence::Always, &gst::Caps::new_any())
                        .expect("name and caps are valid")
                })
                .into()
        });
        &TEMPLATES
    }

    fn change_state(&self, transition: gst::StateChange) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        match transition {
            gst::StateChange::NullToReady => self.read_machine(),
            gst::StateChange::ReadyToPaused => {
                self.refuse_crossed_marks()?;
                self.begin_anew();
                self.stats.reset(&self.handoff);
                watchdog::register(&self.obj());
            }
            _ => (),
        }
        let success = self.parent_change_state(transition)?;
        if transition == gst::StateChange::PausedToReady {
            watchdog::unregister(&self.obj());
            self.release_lease();
        }
        Ok(success)
    }
}
