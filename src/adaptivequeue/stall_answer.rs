//! What is done about a stall.

use gst::subclass::prelude::*;

use super::AdaptiveQueue;
use super::element::CAT;
use super::settings::OnTimeout;
use crate::glue::stall::StallReport;
use crate::logic::queue::handoff::OPEN;

/// The answer to a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// A warning that only says how things are.
    Tell,
    /// An error, and the end of the stream.
    Fail,
    /// Old buffers are dropped until it moves again.
    Leak,
}

impl From<OnTimeout> for Answer {
    fn from(on_timeout: OnTimeout) -> Self {
        match on_timeout {
            OnTimeout::Auto | OnTimeout::Error => Answer::Fail,
            OnTimeout::Warning => Answer::Tell,
            OnTimeout::Leak => Answer::Leak,
        }
    }
}

impl Answer {
    /// Gives it, on a thread of its own: what hears of it on the bus may take its time, and the watchdog must not.
    pub fn give(self, queue: &AdaptiveQueue, report: StallReport) {
        if self == Answer::Leak {
            // Nobody is to be waited for before it leaks.
            queue.imp().leak_for_stall();
        }
        let owned = queue.clone();
        let thread = std::thread::Builder::new().name("steady-report".into()).spawn(move || self.speak(&owned, report));
        if let Err(error) = thread {
            gst::warning!(CAT, obj = queue, "a stall is not reported: no thread: {error}");
        }
    }

    fn speak(self, queue: &AdaptiveQueue, mut report: StallReport) {
        report.read_levels();
        // A flush or a state change has ended the matter.
        if queue.imp().handoff.gate() != OPEN {
            return;
        }
        let (text, debug, details) = (report.text(), report.debug(), report.details("adaptivequeue-stalled"));
        match self {
            Answer::Tell => {
                gst::element_warning!(queue, gst::StreamError::Failed, ("{text}"), ["{debug}"], details: details);
            }
            Answer::Fail => {
                gst::element_error!(queue, gst::StreamError::Failed, ("{text}"), ["{debug}"], details: details);
                // Whoever closed the stream meanwhile has the last word.
                let _ = queue.imp().fail_flow(gst::FlowError::Error);
            }
            Answer::Leak => {
                let text = format!("{text} Dropping old buffers until it moves again.");
                gst::element_warning!(queue, gst::StreamError::Failed, ("{text}"), ["{debug}"], details: details);
            }
        }
    }
}

impl super::element::AdaptiveQueue {
    /// Lets the producer go on at the cost of what is oldest in the queue, until the consumer takes something.
    fn leak_for_stall(&self) {
        self.stall.set_failed(false);
        self.stall.start_leaking();
        self.handoff.nudge_producer();
        self.wake_query();
    }
}
