//! The flow that holds for both sides: the gate of the hand-off, as GStreamer's flow returns.

use gst::glib::translate::IntoGlib;

use super::element::AdaptiveQueue;
use crate::logic::queue::handoff::OPEN;

impl AdaptiveQueue {
    /// The flow in force.
    pub(super) fn flow(&self) -> Result<gst::FlowSuccess, gst::FlowError> {
        flow(self.handoff.gate())
    }

    /// Changes to FLUSHING, an error or OK, and ends every wait that this concerns.
    pub(super) fn set_flow(&self, flow: Result<gst::FlowSuccess, gst::FlowError>) {
        self.handoff.set_gate(code(flow));
        self.wake_query();
    }

    /// Changes from this error to OK. False if there is another flow in force: a pad that is switched off meanwhile stays FLUSHING.
    pub(super) fn reopen_from(&self, error: gst::FlowError) -> bool {
        let ok = code(Ok(gst::FlowSuccess::Ok));
        // From OK nothing changes, so that the error must have been there.
        let reopened = self.flow() == Err(error) && self.handoff.change_gate(code(Err(error)), ok) == ok;
        if reopened {
            self.wake_query();
        }
        reopened
    }

    /// As [`set_flow`](Self::set_flow), if the flow is OK. Returns the flow in force.
    pub(super) fn fail_flow(&self, error: gst::FlowError) -> gst::FlowError {
        let now = self.handoff.change_gate(code(Ok(gst::FlowSuccess::Ok)), code(Err(error)));
        self.wake_query();
        flow(now).err().unwrap_or(error)
    }
}

/// The gate's code for a flow.
pub(super) fn code(flow: Result<gst::FlowSuccess, gst::FlowError>) -> i32 {
    match flow {
        // Special kinds of success are for those who asked for them, and nobody asks a queue.
        Ok(_) => OPEN,
        Err(error) => gst::FlowReturn::from(error).into_glib(),
    }
}

fn flow(code: i32) -> Result<gst::FlowSuccess, gst::FlowError> {
    use gst::FlowError::*;
    if code == OPEN {
        return Ok(gst::FlowSuccess::Ok);
    }
    let errors = [NotLinked, Flushing, Eos, NotNegotiated, NotSupported, CustomError, CustomError1, CustomError2];
    Err(errors.into_iter().find(|error| self::code(Err(*error)) == code).unwrap_or(Error))
}
