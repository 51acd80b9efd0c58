//! The traits of GObject and GStreamer, each delegating to the file it concerns.

use std::sync::LazyLock;

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_base::prelude::*;
use gst_base::subclass::prelude::*;

use super::element::{CAT, CrashSafeSink};
use super::properties::PROPERTIES;
use super::uri;

#[glib::object_subclass]
impl ObjectSubclass for CrashSafeSink {
    const NAME: &'static str = "GstCrashSafeSink";
    type Type = super::CrashSafeSink;
    type ParentType = gst_base::BaseSink;
    type Interfaces = (gst::URIHandler,);
}

impl ObjectImpl for CrashSafeSink {
    fn constructed(&self) {
        self.parent_constructed();
        let obj = self.obj();
        obj.set_sync(false);
        // A buffer kept for `last-sample` would be missing in a bounded pool upstream.
        obj.set_property("enable-last-sample", false);
    }

    fn properties() -> &'static [glib::ParamSpec] {
        &PROPERTIES
    }

    fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        match pspec.name() {
            "location" => {
                let location = value.get().expect("GObject has checked the type");
                if let Err(error) = self.set_location(location) {
                    gst::error!(CAT, imp = self, "{}", error.message());
                }
            }
            name => self.settings().set(name, value),
        }
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        match pspec.name() {
            "temp-location" => self.session().map(|s| s.temporary_path().display().to_string()).to_value(),
            "stats" => self.stats().to_value(),
            name => self.settings().get(name),
        }
    }
}

impl GstObjectImpl for CrashSafeSink {}

impl ElementImpl for CrashSafeSink {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Crash-safe file sink",
                "Sink/File",
                "Writes a stream to a file that has its name only when complete, and loses next to nothing when killed",
                "The gst-plugin-steady developers",
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let (direction, presence) = (gst::PadDirection::Sink, gst::PadPresence::Always);
            // Cannot fail: the caps are valid by construction.
            vec![gst::PadTemplate::new("sink", direction, presence, &gst::Caps::new_any()).expect("a valid template")]
        });
        &TEMPLATES
    }

    fn change_state(&self, transition: gst::StateChange) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        use gst::StateChange;
        match transition {
            // Here and below not in `start` and `stop`: when `start` fails, the base class posts an error of its own after ours,
            // and it calls `stop` only on the way to NULL.
            StateChange::NullToReady => {
                self.check_location().map_err(|()| gst::StateChangeError)?;
                self.parent_change_state(transition)
            }
            StateChange::ReadyToPaused => {
                self.begin_recording().map_err(|()| gst::StateChangeError)?;
                self.parent_change_state(transition).inspect_err(|_| {
                    self.keep();
                })
            }
            StateChange::PausedToReady => {
                // After the parent's, which ends the streaming thread's last call.
                let result = self.parent_change_state(transition);
                self.stop_recording();
                result
            }
            _ => self.parent_change_state(transition),
        }
    }
}

impl BaseSinkImpl for CrashSafeSink {
    fn unlock(&self) -> Result<(), gst::ErrorMessage> {
        self.interrupt(true);
        Ok(())
    }

    fn unlock_stop(&self) -> Result<(), gst::ErrorMessage> {
        self.interrupt(false);
        Ok(())
    }

    fn render(&self, buffer: &gst::Buffer) -> Result<gst::FlowSuccess, gst::FlowError> {
        self.write(buffer)
    }

    fn render_list(&self, list: &gst::BufferList) -> Result<gst::FlowSuccess, gst::FlowError> {
        list.iter_owned().try_fold(gst::FlowSuccess::Ok, |_, buffer| self.write(&buffer))
    }

    fn event(&self, event: gst::Event) -> bool {
        use gst::EventView;
        match event.view() {
            EventView::Caps(_) => self.advise(),
            EventView::Segment(segment) => self.segment(segment.segment()),
            EventView::FlushStop(_) => self.flush_stop(),
            // No EOS message after a failure: it would say that the file is complete.
            EventView::Eos(_) if self.finish().is_err() => return false,
            _ => {}
        }
        self.parent_event(event)
    }

    fn query(&self, query: &mut gst::QueryRef) -> bool {
        self.answer(query).unwrap_or_else(|| BaseSinkImplExt::parent_query(self, query))
    }
}

impl URIHandlerImpl for CrashSafeSink {
    const URI_TYPE: gst::URIType = gst::URIType::Sink;

    fn protocols() -> &'static [&'static str] {
        &["file"]
    }

    fn uri(&self) -> Option<String> {
        self.settings().location.as_deref().and_then(uri::from_path)
    }

    fn set_uri(&self, uri: &str) -> Result<(), glib::Error> {
        // Applications ask for a handler of "file://" without meaning a file.
        if uri == "file://" { Ok(()) } else { self.set_location(Some(uri::to_path(uri)?)) }
    }
}
