//! The traits that make `VisualRender` an element.

use std::sync::LazyLock;

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_base::prelude::*;
use gst_base::subclass::base_src::CreateSuccess;
use gst_base::subclass::prelude::*;

use super::caching;
use super::element::{CAT, VisualRender};
use super::playback::Playback;
use super::properties::PROPERTIES;
use crate::glue::video::{self, grid_of};

#[glib::object_subclass]
impl ObjectSubclass for VisualRender {
    const NAME: &'static str = "GstVisualRender";
    type Type = super::VisualRender;
    type ParentType = gst_base::PushSrc;
    type Interfaces = (gst::Preset,);
}

impl ObjectImpl for VisualRender {
    fn properties() -> &'static [glib::ParamSpec] {
        &PROPERTIES
    }

    fn constructed(&self) {
        self.parent_constructed();
        let obj = self.obj();
        obj.set_live(false);
        obj.set_format(gst::Format::Time);
    }

    fn signals() -> &'static [glib::subclass::Signal] {
        static SIGNALS: LazyLock<Vec<glib::subclass::Signal>> = LazyLock::new(|| {
            let clear = glib::subclass::Signal::builder("clear-cache").action().class_handler(|args| {
                let element = args[0].get::<super::VisualRender>().expect("the emitter");
                if let Some(cache) = element.imp().cache() {
                    cache.clear();
                }
                None
            });
            vec![clear.build()]
        });
        &SIGNALS
    }

    fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        if caching::set_memory(pspec.name(), value) {
            return;
        }
        self.settings().set(pspec.name(), value);
        if pspec.name() == "preload"
            && let Some(cache) = self.cache()
        {
            let preload = { self.settings().caching.preload };
            cache.set_preload(preload.into());
        }
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        match pspec.name() {
            "stats" => {
                let render_ns = self.cache().map_or(0, |cache| cache.render_ns());
                self.playback().stats(render_ns).to_value()
            }
            "memory-stats" => self.memory_stats().to_value(),
            "cache-status" => self.cache_status().to_value(),
            name => {
                let found = { self.playback().get(name) };
                let found = found.or_else(|| caching::memory_property(name));
                found.unwrap_or_else(|| self.settings().get(name))
            }
        }
    }
}

impl GstObjectImpl for VisualRender {}

/// Looks can be saved and loaded.
impl PresetImpl for VisualRender {}

impl ElementImpl for VisualRender {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Audio file to video",
                "Source/Video",
                "Draws an audio file as a video: frame-exact, seekable and the same bytes on every machine",
                "The gst-plugin-steady developers",
            )
        });
        Some(&*METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let caps = video::template_caps();
            let pad = gst::PadTemplate::new("src", gst::PadDirection::Src, gst::PadPresence::Always, &caps);
            vec![pad.expect("a static template is valid")]
        });
        &TEMPLATES
    }

    fn change_state(&self, transition: gst::StateChange) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        let paused = match transition {
            gst::StateChange::PausedToPlaying => Some(false),
            gst::StateChange::PlayingToPaused => Some(true),
            _ => None,
        };
        if let Some(paused) = paused {
            self.playback().paused = paused;
            if let Some(cache) = self.cache() {
                cache.pause(paused);
            }
        }
        self.parent_change_state(transition)
    }
}

impl BaseSrcImpl for VisualRender {
    fn start(&self) -> Result<(), gst::ErrorMessage> {
        let tail = { self.settings().tail };
        self.playback().tail = tail;
        Ok(())
    }

    fn stop(&self) -> Result<(), gst::ErrorMessage> {
        if self.gate.abandon() {
            self.progress(gst::ProgressType::Canceled, "The analysis was called off");
        }
        self.stop_reports();
        if let Some(cache) = self.set_cache(None) {
            cache.end();
        }
        *self.playback() = Playback::default();
        Ok(())
    }

    fn unlock(&self) -> Result<(), gst::ErrorMessage> {
        self.gate.close();
        if let Some(cache) = self.cache() {
            cache.store().set_flushing(true);
        }
        Ok(())
    }

    fn unlock_stop(&self) -> Result<(), gst::ErrorMessage> {
        self.gate.open();
        if let Some(cache) = self.cache() {
            cache.store().set_flushing(false);
        }
        Ok(())
    }

    fn is_seekable(&self) -> bool {
        true
    }

    fn do_seek(&self, segment: &mut gst::Segment) -> bool {
        let Some(segment) = segment.downcast_mut::<gst::ClockTime>() else { return false };
        let Some(position) = ({ self.playback().seek(segment) }) else { return false };
        gst::debug!(CAT, imp = self, "seek to {position} at rate {}", segment.rate());
        self.jump();
        true
    }

    fn query(&self, query: &mut gst::QueryRef) -> bool {
        self.answer(query)
    }

    fn caps(&self, filter: Option<&gst::Caps>) -> Option<gst::Caps> {
        Some(video::offered(self.background(), filter))
    }

    fn negotiate(&self) -> Result<(), gst::LoggableError> {
        let (obj, background) = (self.obj(), self.background());
        // All that the peer takes: asked for what we would like, an element that converts would only say that it can.
        let wanted = obj.src_pad().peer_query_caps(None);
        let chosen = video::choose(&wanted, background).filter(|caps| obj.set_caps(caps).is_ok());
        if chosen.is_some() {
            return Ok(());
        }
        gst::element_imp_error!(
            self,
            gst::CoreError::Negotiation,
            ("{}", video::refusal("visualrender", background)),
            ["wanted: {wanted}"]
        );
        Err(gst::loggable_error!(CAT, "what follows takes nothing that can be drawn: {wanted}"))
    }

    fn set_caps(&self, caps: &gst::Caps) -> Result<(), gst::LoggableError> {
        let info = gst_video::VideoInfo::from_caps(caps)
            .map_err(|_| gst::loggable_error!(CAT, "{caps} does not describe a picture"))?;
        if grid_of(&info, 1).is_none() {
            return Err(gst::loggable_error!(CAT, "{caps} has no constant frame rate"));
        }
        // At most 1 GiB, see MAX_SIDE.
        self.obj().set_blocksize(info.size() as u32);
        self.playback().set_info(info);
        self.parent_set_caps(caps)
    }

    fn decide_allocation(&self, query: &mut gst::query::Allocation) -> Result<(), gst::LoggableError> {
        video::decide_pool(query)?;
        self.parent_decide_allocation(query)
    }
}

impl PushSrcImpl for VisualRender {
    fn create(&self, buffer: Option<&mut gst::BufferRef>) -> Result<CreateSuccess, gst::FlowError> {
        self.next_frame(buffer)
    }
}
