//! Flushing and shutdown end the wait for the analysis, which a later wait can take up again.

use std::ops::ControlFlow;
use std::sync::Mutex;
use std::time::Instant;

use super::decoder::{Decoder, Interrupter};
use crate::logic::sync::lock;

/// Lets `unlock()` end a wait for the analysis. A decoder lies here only between two waits.
#[derive(Default)]
pub(super) struct Gate(Mutex<Waiting>);

/// Audio that is being analysed, and since when.
pub(super) type PausedAnalysis = (Decoder, Instant);

#[derive(Default)]
struct Waiting {
    flushing: bool,
    interrupter: Option<Interrupter>,
    paused: Option<PausedAnalysis>,
}

impl Gate {
    /// Ends the wait that is on, and each that is tried until [`open`](Self::open).
    pub(super) fn close(&self) {
        let interrupter = {
            let mut waiting = lock(&self.0);
            waiting.flushing = true;
            waiting.interrupter.clone()
        };
        if let Some(interrupter) = interrupter {
            interrupter.interrupt();
        }
    }

    pub(super) fn open(&self) {
        lock(&self.0).flushing = false;
    }

    /// Whether waiting makes sense, for work that looks now and then.
    pub(super) fn unless_closed(&self) -> ControlFlow<()> {
        if lock(&self.0).flushing { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// From now on closing interrupts this wait.
    pub(super) fn enter(&self, interrupter: Interrupter) {
        lock(&self.0).interrupter = Some(interrupter);
    }

    /// The wait is over.
    pub(super) fn leave(&self) {
        lock(&self.0).interrupter = None;
    }

    /// The wait is over for now; the analysis goes on in the meantime.
    pub(super) fn pause(&self, analysis: PausedAnalysis) {
        let mut waiting = lock(&self.0);
        (waiting.interrupter, waiting.paused) = (None, Some(analysis));
    }

    /// The analysis that an earlier wait has left.
    pub(super) fn resume(&self) -> Option<PausedAnalysis> {
        lock(&self.0).paused.take()
    }

    /// Ends an analysis that is paused; whether there was one.
    pub(super) fn abandon(&self) -> bool {
        // Dropped after the lock: that waits for the decoding threads.
        let paused = self.resume();
        paused.is_some()
    }
}
