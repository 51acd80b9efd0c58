//! The words for a stream whose rest can no longer be sent.

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::element::AdaptiveQueue;
use crate::glue::topology::real_peer;
use crate::logic::sync::lock;

impl AdaptiveQueue {
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
    let (why, advice) = match error {
        gst::FlowError::NotLinked => ("nothing takes its data any more", "Link what comes after it until the end."),
        gst::FlowError::NotNegotiated => {
            ("what comes after it does not take this format", "Put a converter (videoconvert, audioconvert) behind it.")
        }
        _ => ("what comes after it has stopped with an error", "See what that element says in its log (GST_DEBUG=3)."),
    };
    format!("The stream was cancelled: the queue {queue} could not send what is left: {why}. {advice}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_that_cannot_be_finished_says_why() {
        let text = |error| gone_text("frames", error);
        let errors = [gst::FlowError::NotLinked, gst::FlowError::NotNegotiated, gst::FlowError::Error];
        insta::assert_snapshot!(errors.map(text).join("\n"));
    }
}
