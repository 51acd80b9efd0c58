//! The tracer's place among GStreamer's types, and what it does at each hook. Hooks run in the threads of the pipeline, some with locks of
//! GStreamer's held: they take no lock that anybody holds for longer than some instructions, and call nobody.

use std::iter;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::slot::{self, Tracked};
use super::tracer::{CAT, PipelineHealth};
use super::watch::LATE_THRESHOLD;
use super::{parameters, properties, watch};
use crate::glue::health::meter::Around;
use crate::glue::health::stream::flow;

#[glib::object_subclass]
impl ObjectSubclass for PipelineHealth {
    const NAME: &'static str = "GstPipelineHealth";
    type Type = super::PipelineHealth;
    type ParentType = gst::Tracer;
}

impl ObjectImpl for PipelineHealth {
    fn properties() -> &'static [glib::ParamSpec] {
        &properties::PROPERTIES
    }

    fn signals() -> &'static [glib::subclass::Signal] {
        &properties::SIGNALS
    }

    fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        self.set(value, pspec);
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        self.get(pspec.name())
    }

    fn constructed(&self) {
        self.parent_constructed();
        if !self.first {
            gst::warning!(CAT, imp = self, "There is a pipelinehealth in this process already. This one does nothing.");
            return;
        }
        let obj = self.obj();
        if let Some(text) = obj.property::<Option<String>>("params").filter(|text| !text.is_empty()) {
            let (values, complaints) = parameters::parse(&text);
            values.iter().for_each(|(name, value)| obj.set_property_from_value(name, value));
            complaints.into_iter().for_each(|complaint| self.watch.complain(complaint));
        }
        let settings = self.settings().clone();
        self.apply(&settings);
        use TracerHook::*;
        for hook in [
            PadPushPre,
            PadPushPost,
            PadPushListPre,
            PadPushListPost,
            PadPushEventPre,
            PadQueryPost,
            ElementChangeStatePre,
            ElementChangeStatePost,
            ElementPostMessagePre,
        ] {
            self.register_hook(hook);
        }
    }

    fn dispose(&self) {
        self.watch.end();
    }
}

impl GstObjectImpl for PipelineHealth {}

impl PipelineHealth {
    fn is_active(&self) -> bool {
        self.active.load(Ordering::Relaxed)
    }

    /// What measures a pad that something flows out of.
    #[inline]
    fn tracked<'a>(&self, pad: &'a gst::Pad) -> Option<&'a Arc<Tracked>> {
        if !self.is_active() {
            return None;
        }
        slot::of(pad, |element| self.selects(&element.name()), |new| watch::add(&self.watch, new))
    }

    fn departed(&self, pad: &gst::Pad, result: &Result<gst::FlowSuccess, gst::FlowError>) {
        // Switched off in between too: what has arrived also departs.
        if let Some(tracked) = slot::known(pad) {
            tracked.meter.depart(flow(result));
        }
    }
}

impl TracerImpl for PipelineHealth {
    fn pad_push_pre(&self, _: u64, pad: &gst::Pad, buffer: &gst::Buffer) {
        if let Some(tracked) = self.tracked(pad) {
            tracked.meter.arrive(iter::once(buffer.as_ref()));
        }
    }

    fn pad_push_post(&self, _: u64, pad: &gst::Pad, result: Result<gst::FlowSuccess, gst::FlowError>) {
        self.departed(pad, &result);
    }

    fn pad_push_list_pre(&self, _: u64, pad: &gst::Pad, list: &gst::BufferList) {
        if let Some(tracked) = self.tracked(pad) {
            tracked.meter.arrive(list.iter());
        }
    }

    fn pad_push_list_post(&self, _: u64, pad: &gst::Pad, result: Result<gst::FlowSuccess, gst::FlowError>) {
        self.departed(pad, &result);
    }

    fn pad_push_event_pre(&self, _: u64, pad: &gst::Pad, event: &gst::Event) {
        match pad.direction() {
            gst::PadDirection::Src => {
                if event.is_downstream()
                    && let Some(tracked) = self.tracked(pad)
                    && let Some(element) = tracked.element()
                {
                    tracked.meter.downstream_event(&element, event);
                }
            }
            // It goes to the pad that data comes from.
            _ => {
                if matches!(event.type_(), gst::EventType::Qos | gst::EventType::Latency)
                    && let Some(peer) = pad.peer()
                    && let Some(tracked) = slot::known(&peer)
                {
                    tracked.meter.upstream_event(event);
                }
            }
        }
    }

    fn pad_query_post(&self, _: u64, pad: &gst::Pad, query: &gst::QueryRef, success: bool) {
        if success
            && let gst::QueryView::Latency(latency) = query.view()
            && let Some(tracked) = slot::known(pad)
        {
            tracked.meter.set_live(latency.result().0);
        }
    }

    fn element_post_message_pre(&self, _: u64, element: &gst::Element, message: &gst::Message) {
        // Bins pass on what their elements post.
        if let gst::MessageView::Error(error) = message.view()
            && message.src() == Some(element.upcast_ref())
        {
            self.watch.failed(&error.error().to_string());
        }
    }

    fn element_change_state_pre(&self, _: u64, element: &gst::Element, change: gst::StateChange) {
        match change {
            gst::StateChange::ReadyToPaused => {
                for tracked in slot::pads_of(element) {
                    let _ = tracked.meter.start(0, LATE_THRESHOLD);
                }
            }
            gst::StateChange::PlayingToPaused => slot::pads_of(element).for_each(|tracked| tracked.meter.pause()),
            _ => {}
        }
    }

    fn element_change_state_post(
        &self,
        _: u64,
        element: &gst::Element,
        change: gst::StateChange,
        _result: Result<gst::StateChangeSuccess, gst::StateChangeError>,
    ) {
        match change {
            gst::StateChange::PausedToPlaying => {
                // In whoever changes the state: others are asked by the thread that looks.
                slot::pads_of(element).for_each(|tracked| tracked.meter.play(Around::default()));
            }
            gst::StateChange::PausedToReady => slot::pads_of(element).for_each(|tracked| tracked.meter.stop()),
            _ => {}
        }
    }
}
