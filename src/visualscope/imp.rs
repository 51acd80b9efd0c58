//! Audio that flows in as a video: frame-exact, drawn by the same scenes as `visualrender`.
//!
//! ```text
//! gst-launch-1.0 filesrc location=song.flac ! decodebin ! audioconvert ! tee name=t \
//!   t. ! queue ! visualscope ! videoconvert ! autovideosink   t. ! queue ! autoaudiosink
//! ```
//!
//! In a player: `gst-launch-1.0 playbin uri=file:///song.flac flags=audio+vis vis-plugin=visualscope`.

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{LazyLock, Mutex};

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::output::{Lateness, Stats};
use super::properties::PROPERTIES;
use super::queue::Queue;
use super::settings::Settings;
use crate::glue::video;
use crate::logic::sync::lock;

pub(super) static CAT: LazyLock<gst::DebugCategory> =
    LazyLock::new(|| gst::DebugCategory::new("visualscope", gst::DebugColorFlags::empty(), Some("Audio to video")));

/// The element. Locks: `settings`, `pool`, `lateness` and the one in `queue`; no two are ever held together, and none
/// while anything leaves the element. What the drawing thread knows is its own.
pub struct VisualScope {
    pub(super) sinkpad: gst::Pad,
    pub(super) srcpad: gst::Pad,
    pub(super) settings: Mutex<Settings>,
    pub(super) queue: Queue,
    /// What is being allocated from, so that a flush can end the wait for it.
    pub(super) pool: Mutex<Option<gst::BufferPool>>,
    pub(super) lateness: Mutex<Lateness>,
    /// How long a frame is in ns.
    pub(super) frame_ns: AtomicU64,
    /// Of the audio that comes in now; 0 before its format is known.
    pub(super) bytes_per_second: AtomicU64,
    /// EOS was queued.
    pub(super) ended: AtomicBool,
    pub(super) stats: Stats,
}

#[glib::object_subclass]
impl ObjectSubclass for VisualScope {
    const NAME: &'static str = "GstVisualScope";
    type Type = super::VisualScope;
    type ParentType = gst::Element;
    type Interfaces = (gst::Preset,);

    fn with_class(class: &Self::Class) -> Self {
        let template = |name| class.pad_template(name).expect("both templates are in pad_templates()");
        let sinkpad = gst::Pad::builder_from_template(&template("sink"))
            .activatemode_function(|_, parent, mode, active| {
                Self::catch_panic_pad_function(
                    parent,
                    || Err(gst::loggable_error!(CAT, "panic in activation")),
                    |scope| scope.sink_activate_mode(mode, active),
                )
            })
            .chain_function(|_, parent, buffer| {
                Self::catch_panic_pad_function(parent, || Err(gst::FlowError::Error), |scope| scope.sink_chain(buffer))
            })
            .event_full_function(|pad, parent, event| {
                Self::catch_panic_pad_function(
                    parent,
                    || Err(gst::FlowError::Error),
                    |scope| scope.sink_event(pad, event),
                )
            })
            .query_function(|pad, parent, query| {
                Self::catch_panic_pad_function(parent, || false, |scope| scope.sink_query(pad, query))
            })
            .build();
        let srcpad = gst::Pad::builder_from_template(&template("src"))
            .activatemode_function(|pad, parent, mode, active| {
                Self::catch_panic_pad_function(
                    parent,
                    || Err(gst::loggable_error!(CAT, "panic in activation")),
                    |scope| scope.src_activate_mode(pad, mode, active),
                )
            })
            .event_function(|pad, parent, event| {
                Self::catch_panic_pad_function(parent, || false, |scope| scope.src_event(pad, event))
            })
            .query_function(|pad, parent, query| {
                Self::catch_panic_pad_function(parent, || false, |scope| scope.src_query(pad, query))
            })
            .build();
        Self {
            sinkpad,
            srcpad,
            settings: Mutex::default(),
            queue: Queue::default(),
            pool: Mutex::default(),
            lateness: Mutex::default(),
            frame_ns: AtomicU64::new(0),
            bytes_per_second: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            stats: Stats::default(),
        }
    }
}

impl ObjectImpl for VisualScope {
    fn properties() -> &'static [glib::ParamSpec] {
        &PROPERTIES
    }

    fn constructed(&self) {
        self.parent_constructed();
        let obj = self.obj();
        obj.add_pad(&self.sinkpad).expect("a new element has no pads");
        obj.add_pad(&self.srcpad).expect("a new element has one pad of another name");
    }

    fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        lock(&self.settings).set(pspec.name(), value);
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        match pspec.name() {
            "stats" => self.stats.structure().to_value(),
            name => lock(&self.settings).get(name),
        }
    }
}

impl GstObjectImpl for VisualScope {}

/// Looks can be saved and loaded.
impl PresetImpl for VisualScope {}

impl ElementImpl for VisualScope {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Steady audio visualisation",
                "Visualization",
                "Draws the audio that flows in as a video: frame-exact, and as players want it",
                "The gst-plugin-steady developers",
            )
        });
        Some(&*METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let audio = gst_audio::AudioCapsBuilder::new_interleaved()
                .format_list([gst_audio::AudioFormat::F32le, gst_audio::AudioFormat::S16le])
                .channels_range(1..=8)
                .build();
            let template = |name, direction, caps: &gst::Caps| {
                gst::PadTemplate::new(name, direction, gst::PadPresence::Always, caps)
                    .expect("a static template is valid")
            };
            vec![
                template("sink", gst::PadDirection::Sink, &audio),
                template("src", gst::PadDirection::Src, &video::template_caps()),
            ]
        });
        &TEMPLATES
    }

    fn change_state(&self, transition: gst::StateChange) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        if transition == gst::StateChange::ReadyToPaused {
            self.stats.reset();
            self.bytes_per_second.store(0, std::sync::atomic::Ordering::Relaxed);
        }
        self.parent_change_state(transition)
    }
}
