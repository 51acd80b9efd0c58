//! What a person reads when a pipeline has come to a halt.

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::AdaptiveQueue;
use super::graph::{self, Jam};
use super::imp::AdaptiveQueue as Imp;
use crate::logic::clock::{Nanos, SECOND};
use crate::logic::queue::levels::Size;
use crate::logic::queue::progress::Look;
use crate::logic::sync::lock;

/// Everything known of a stall.
#[derive(Debug)]
pub(super) struct Report {
    queue: String,
    blocked_for: Nanos,
    level: Size,
    limits: Size,
    /// Element and pad whose chain does not return.
    downstream: Option<(String, String)>,
    starved: Vec<String>,
    reason: Reason,
    /// The limit that was reached was set by the user.
    fixed: bool,
    draining: bool,
    /// Somebody outside the jam may still bring data, or take some.
    hope: bool,
    application: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    Stalled,
    PrerollDeadlock,
    Budget,
}

impl Reason {
    fn nick(self) -> &'static str {
        match self {
            Reason::Stalled => "stalled",
            Reason::PrerollDeadlock => "preroll-deadlock",
            Reason::Budget => "budget",
        }
    }
}

impl Report {
    pub fn new(
        queue: &AdaptiveQueue,
        top: &gst::Object,
        jam: &Jam,
        holder: Option<&gst::Pad>,
        still: Nanos,
        look: &Look,
    ) -> Self {
        let imp = queue.imp();
        let element = holder.and_then(graph::element_of);
        let starved: Vec<String> = match element.as_ref().filter(|_| look.join) {
            Some(element) => jam.starved(element).iter().map(|pad| pad.name().to_string()).collect(),
            None => Vec::new(),
        };
        let playing = top.downcast_ref::<gst::Element>().is_some_and(|e| e.current_state() == gst::State::Playing);
        let reason = match () {
            _ if starved.is_empty() => Reason::Stalled,
            _ if imp.holding().denied => Reason::Budget,
            _ if !playing => Reason::PrerollDeadlock,
            _ => Reason::Stalled,
        };
        let named =
            |pad: &gst::Pad| (graph::element_of(pad).map_or_else(String::new, |e| e.name().into()), pad.name().into());
        Self {
            queue: queue.name().into(),
            blocked_for: imp.blocked_for().unwrap_or(still),
            level: imp.handoff.level(),
            limits: imp.handoff.limits(),
            downstream: holder.map(named).or_else(|| graph::real_peer(&imp.srcpad).as_ref().map(named)),
            starved,
            reason,
            fixed: !look.growth_helps,
            draining: imp.stall.blocked().is_none(),
            hope: !look.inputs_stuck,
            application: look.application,
        }
    }

    /// For people: what, why, what to do.
    pub fn text(&self) -> String {
        let level = format!(
            "{} buffers, {:.1} MB, {:.1} s",
            self.level.buffers,
            self.level.bytes as f64 / 1e6,
            self.level.time as f64 / SECOND as f64
        );
        let seconds = self.blocked_for as f64 / SECOND as f64;
        let state = match self.draining {
            true => format!("the queue {} could not send its last {level}", self.queue),
            false => format!("the queue {} has been full ({level})", self.queue),
        };
        let (element, pad) = match &self.downstream {
            Some((element, pad)) => (element.as_str(), pad.as_str()),
            None => ("nothing", "linked"),
        };
        let starved = self.starved.join(" and ");
        let (cause, advice) = match (self.reason, self.starved.is_empty()) {
            _ if self.application => (
                format!("the application has not taken anything from {element} all that time"),
                format!("Pull from {element}, or let it drop (its properties drop and max-buffers)."),
            ),
            _ if self.hope => (
                format!("{element} holds its input {pad} until data comes to {starved}, and none has come yet"),
                format!("See what feeds {starved} of {element}."),
            ),
            (_, true) => (
                format!("{element} has not returned from its input {pad} all that time"),
                format!("See what {element} waits for; if it may take longer, raise push-timeout."),
            ),
            (Reason::Budget, _) => (
                format!(
                    "{element} holds its input {pad} until data comes to {starved}, which the same source feeds, and \
                     the memory budget has no room for a longer queue"
                ),
                "Raise STEADY_MEMORY_LIMIT, use smaller frames, or a shorter lookahead in the other branch."
                    .to_string(),
            ),
            (_, false) => (
                format!(
                    "{element} holds its input {pad} until data comes to {starved}, which the same source feeds: it \
                     is blocked here and cannot"
                ),
                match self.fixed {
                    true => format!(
                        "Let the queue grow: do not set {}, or set more.",
                        self.level
                            .reached(&self.limits)
                            .iter()
                            .zip(LIMITS)
                            .find(|(r, _)| **r)
                            .map_or(LIMITS[0], |(_, n)| n)
                    ),
                    false => format!("Put an adaptivequeue in front of {starved} of {element}."),
                },
            ),
        };
        let what = if self.hope || self.application { "Export waits" } else { "Export stalled" };
        format!("{what}: {state} for {seconds:.1} s because {cause}. {advice}")
    }

    /// For developers: where.
    pub fn debug(&self) -> String {
        format!("{self:?}")
    }

    /// For programs.
    pub fn details(&self, name: &str) -> gst::Structure {
        let downstream = self.downstream.as_ref().map_or_else(String::new, |(element, pad)| format!("{element}:{pad}"));
        gst::Structure::builder(name)
            .field("text", self.text())
            .field("queue", &self.queue)
            .field("blocked-for", self.blocked_for)
            .field("level-buffers", self.level.buffers)
            .field("level-bytes", self.level.bytes)
            .field("level-time", self.level.time)
            .field("downstream", downstream)
            .field("starved", gst::Array::new(&self.starved))
            .field("reason", self.reason.nick())
            .build()
    }
}

const LIMITS: [&str; 3] = ["max-size-buffers", "max-size-bytes", "max-size-time"];

impl Imp {
    /// Downstream is gone and upstream, which has ended, will not hear of it.
    pub(super) fn post_gone(&self, error: gst::FlowError) {
        if self.stall.failed() {
            // The cause has been told.
            return;
        }
        let queue = self.obj();
        let peer = graph::real_peer(&self.srcpad).map_or_else(|| "nothing".into(), |pad| pad.path_string());
        let why = match error {
            gst::FlowError::NotLinked => "nothing takes its data any more",
            gst::FlowError::NotNegotiated => "what comes after it does not take this format",
            _ => "what comes after it has stopped with an error",
        };
        // The settings are not held while the message leaves.
        let role = lock(&self.settings).role;
        gst::element_imp_error!(
            self,
            gst::StreamError::Failed,
            (
                "Export cancelled: the queue {} could not send what is left: {why}. See the errors before this one.",
                queue.name()
            ),
            ["flow {error:?} from {peer}, role {role:?}"]
        );
    }
}
