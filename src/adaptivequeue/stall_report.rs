//! The words, and the fields, that say why a pipeline has come to a halt.

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::AdaptiveQueue;
use super::element::AdaptiveQueue as Imp;
use super::topology::Jam;
use crate::glue::topology::real_peer;
use crate::logic::clock::{Nanos, SECOND};
use crate::logic::queue::levels::Level;
use crate::logic::queue::stall_detector::Observation;
use crate::logic::sync::lock;

/// Everything known of a stall.
#[derive(Debug)]
pub(super) struct StallReport {
    queue: String,
    blocked_for: Nanos,
    level: Level,
    /// Element and pad whose chain does not return.
    downstream: Option<(String, String)>,
    starved: Vec<String>,
    reason: Reason,
    waiting: Waiting,
    /// The limit that was reached, where the user set it.
    fixed: Option<&'static str>,
    /// Somebody outside the jam may still bring data, or take some.
    hope: bool,
    application: bool,
}

/// The part that does not get on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waiting {
    /// The producer waits for room.
    Room,
    /// The producer waits for the answer to a query.
    Answer(gst::QueryType),
    /// The producer has said EOS, which cannot leave.
    End,
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

impl StallReport {
    pub fn new(
        queue: &AdaptiveQueue,
        top: &gst::Object,
        jam: &Jam,
        holder: Option<&gst::Pad>,
        still: Nanos,
        seen: &Observation,
    ) -> Self {
        let imp = queue.imp();
        let element = holder.and_then(gst::Pad::parent_element);
        let starved: Vec<String> = match element.as_ref().filter(|_| seen.join) {
            Some(element) => jam.starved(element).iter().map(|pad| pad.name().to_string()).collect(),
            None => Vec::new(),
        };
        let waiting = match (imp.stall.blocked(), lock(&imp.query).as_ref()) {
            (None, _) => Waiting::End,
            (Some(_), Some(query)) => Waiting::Answer(query.kind),
            (Some(_), None) => Waiting::Room,
        };
        let playing = top.downcast_ref::<gst::Element>().is_some_and(|e| e.current_state() == gst::State::Playing);
        let reason = match () {
            _ if starved.is_empty() => Reason::Stalled,
            _ if waiting == Waiting::Room && imp.allowance_stats().denied => Reason::Budget,
            _ if !playing => Reason::PrerollDeadlock,
            _ => Reason::Stalled,
        };
        let named =
            |pad: &gst::Pad| (pad.parent_element().map_or_else(String::new, |e| e.name().into()), pad.name().into());
        Self {
            queue: queue.name().into(),
            blocked_for: imp.blocked_for().unwrap_or(still),
            level: imp.handoff.level(),
            downstream: holder.map(named).or_else(|| real_peer(&imp.srcpad).as_ref().map(named)),
            starved,
            reason,
            waiting,
            fixed: imp.fixed_limit(),
            hope: !seen.inputs_stuck,
            application: seen.application,
        }
    }

    /// For people: what, why, what to do.
    pub fn text(&self) -> String {
        let what = if self.hope || self.application { "Export waits" } else { "Export stalled" };
        let seconds = self.blocked_for as f64 / SECOND as f64;
        let (cause, advice) = self.cause_and_advice();
        format!("{what}: {} for {seconds:.1} s because {cause}. {advice}", self.state())
    }

    fn state(&self) -> String {
        let Self { queue, level, .. } = self;
        let (megabytes, seconds) = (level.bytes as f64 / 1e6, level.time as f64 / SECOND as f64);
        let level = format!("{} buffers, {megabytes:.1} MB, {seconds:.1} s", level.buffers);
        match self.waiting {
            Waiting::Room => format!("the queue {queue} has been full ({level})"),
            Waiting::Answer(kind) => {
                format!("the {} query that waits in the queue {queue} (behind {level}) has had no answer", kind.name())
            }
            Waiting::End => format!("the queue {queue} could not send its last data ({level})"),
        }
    }

    fn cause_and_advice(&self) -> (String, String) {
        let Some((element, pad)) = &self.downstream else {
            return ("what came after it is no longer linked".into(), "Link the queue again.".into());
        };
        let starved = self.starved.join(" and ");
        if self.application {
            return (
                format!("the application has not taken anything from {element} all that time"),
                format!("Pull from {element}, or let it drop (its properties drop and max-buffers)."),
            );
        }
        if starved.is_empty() {
            return (
                format!("{element} has not finished with what came to its input {pad} before"),
                format!("See what {element} waits for; if it may take longer, raise push-timeout."),
            );
        }
        let holds = format!("{element} holds its input {pad} until data comes to {starved}");
        let look = format!("See what feeds {starved} of {element}.");
        if self.hope {
            return (format!("{holds}, and none has come yet"), look);
        }
        let blocked = format!("{holds}, which the same source feeds, and that source is blocked here");
        match (self.waiting, self.reason, self.fixed) {
            (Waiting::End, ..) => (format!("{holds}, and what feeds that is blocked as well"), look),
            (Waiting::Answer(_), ..) => {
                (blocked, "A source asks when its format changes: keep one format until the end.".into())
            }
            (Waiting::Room, Reason::Budget, _) => (
                format!(
                    "{holds}, which the same source feeds, and the memory budget has no room for more in this queue"
                ),
                "Raise STEADY_MEMORY_LIMIT, use smaller frames, or a shorter lookahead in the other branch.".into(),
            ),
            (Waiting::Room, _, Some(limit)) => {
                (blocked, format!("Let the queue grow: do not set {limit}, or set it higher."))
            }
            (Waiting::Room, _, None) => (blocked, format!("Put an adaptivequeue in front of {starved} of {element}.")),
        }
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

impl Imp {
    /// Downstream is gone and upstream, which has ended, will not hear of it.
    pub(super) fn post_gone(&self, error: gst::FlowError) {
        if self.stall.failed() {
            // The cause has been told.
            return;
        }
        let peer = real_peer(&self.srcpad).map_or_else(|| "nothing".into(), |pad| pad.path_string());
        // The settings are not held while the message leaves.
        let role = lock(&self.settings).role;
        gst::element_imp_error!(
            self,
            gst::StreamError::Failed,
            ("{}", gone_text(&self.obj().name(), error)),
            ["flow {error:?} from {peer}, role {role:?}"]
        );
    }
}

/// For people, when the rest in a queue can no longer be sent.
fn gone_text(queue: &str, error: gst::FlowError) -> String {
    let why = match error {
        gst::FlowError::NotLinked => "nothing takes its data any more",
        gst::FlowError::NotNegotiated => "what comes after it does not take this format",
        _ => "what comes after it has stopped with an error",
    };
    format!("Export cancelled: the queue {queue} could not send what is left: {why}. See the errors before this one.")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A queue at its limit in front of a muxer, as in a recording graph.
    fn report() -> StallReport {
        StallReport {
            queue: "frames".into(),
            blocked_for: 5_050_000_000,
            level: Level { buffers: 8, bytes: 1_843_200, time: 266_666_664 },
            downstream: Some(("mux".into(), "video_0".into())),
            starved: vec!["video_1".into()],
            reason: Reason::PrerollDeadlock,
            waiting: Waiting::Room,
            fixed: Some("max-size-buffers"),
            hope: false,
            application: false,
        }
    }

    fn sink() -> StallReport {
        StallReport {
            downstream: Some(("sink".into(), "sink".into())),
            starved: Vec::new(),
            reason: Reason::Stalled,
            ..report()
        }
    }

    #[test]
    fn every_text_says_what_happened_why_and_what_to_do() {
        let allocation = Waiting::Answer(gst::QueryType::Allocation);
        let two = vec!["video_1".to_string(), "audio_0".to_string()];
        insta::assert_snapshot!(report().text(), @"Export stalled: the queue frames has been full (8 buffers, 1.8 MB, 0.3 s) for 5.0 s because mux holds its input video_0 until data comes to video_1, which the same source feeds, and that source is blocked here. Let the queue grow: do not set max-size-buffers, or set it higher.");
        insta::assert_snapshot!(StallReport { fixed: None, starved: two, ..report() }.text(), @"Export stalled: the queue frames has been full (8 buffers, 1.8 MB, 0.3 s) for 5.0 s because mux holds its input video_0 until data comes to video_1 and audio_0, which the same source feeds, and that source is blocked here. Put an adaptivequeue in front of video_1 and audio_0 of mux.");
        insta::assert_snapshot!(StallReport { fixed: None, reason: Reason::Budget, ..report() }.text(), @"Export stalled: the queue frames has been full (8 buffers, 1.8 MB, 0.3 s) for 5.0 s because mux holds its input video_0 until data comes to video_1, which the same source feeds, and the memory budget has no room for more in this queue. Raise STEADY_MEMORY_LIMIT, use smaller frames, or a shorter lookahead in the other branch.");
        insta::assert_snapshot!(StallReport { waiting: allocation, ..report() }.text(), @"Export stalled: the allocation query that waits in the queue frames (behind 8 buffers, 1.8 MB, 0.3 s) has had no answer for 5.0 s because mux holds its input video_0 until data comes to video_1, which the same source feeds, and that source is blocked here. A source asks when its format changes: keep one format until the end.");
        insta::assert_snapshot!(StallReport { waiting: Waiting::End, ..report() }.text(), @"Export stalled: the queue frames could not send its last data (8 buffers, 1.8 MB, 0.3 s) for 5.0 s because mux holds its input video_0 until data comes to video_1, and what feeds that is blocked as well. See what feeds video_1 of mux.");
        insta::assert_snapshot!(StallReport { hope: true, ..report() }.text(), @"Export waits: the queue frames has been full (8 buffers, 1.8 MB, 0.3 s) for 5.0 s because mux holds its input video_0 until data comes to video_1, and none has come yet. See what feeds video_1 of mux.");
        insta::assert_snapshot!(sink().text(), @"Export stalled: the queue frames has been full (8 buffers, 1.8 MB, 0.3 s) for 5.0 s because sink has not finished with what came to its input sink before. See what sink waits for; if it may take longer, raise push-timeout.");
        insta::assert_snapshot!(StallReport { waiting: allocation, ..sink() }.text(), @"Export stalled: the allocation query that waits in the queue frames (behind 8 buffers, 1.8 MB, 0.3 s) has had no answer for 5.0 s because sink has not finished with what came to its input sink before. See what sink waits for; if it may take longer, raise push-timeout.");
        insta::assert_snapshot!(StallReport { waiting: Waiting::End, ..sink() }.text(), @"Export stalled: the queue frames could not send its last data (8 buffers, 1.8 MB, 0.3 s) for 5.0 s because sink has not finished with what came to its input sink before. See what sink waits for; if it may take longer, raise push-timeout.");
        insta::assert_snapshot!(StallReport { application: true, ..sink() }.text(), @"Export waits: the queue frames has been full (8 buffers, 1.8 MB, 0.3 s) for 5.0 s because the application has not taken anything from sink all that time. Pull from sink, or let it drop (its properties drop and max-buffers).");
        insta::assert_snapshot!(StallReport { downstream: None, ..sink() }.text(), @"Export stalled: the queue frames has been full (8 buffers, 1.8 MB, 0.3 s) for 5.0 s because what came after it is no longer linked. Link the queue again.");
    }

    #[test]
    fn a_stream_that_cannot_be_finished_says_why() {
        let text = |error| gone_text("frames", error);
        insta::assert_snapshot!(text(gst::FlowError::NotLinked), @"Export cancelled: the queue frames could not send what is left: nothing takes its data any more. See the errors before this one.");
        insta::assert_snapshot!(text(gst::FlowError::NotNegotiated), @"Export cancelled: the queue frames could not send what is left: what comes after it does not take this format. See the errors before this one.");
        insta::assert_snapshot!(text(gst::FlowError::Error), @"Export cancelled: the queue frames could not send what is left: what comes after it has stopped with an error. See the errors before this one.");
    }
}
