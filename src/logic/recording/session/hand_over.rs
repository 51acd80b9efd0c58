//! The thread that hands gathered bytes to the kernel, so that a kill costs no more than a moment.

use std::time::Duration;

use super::{Session, Shared};
use crate::logic::recording::Notice;
use crate::logic::recording::state_machine::Recording;
use crate::logic::sync::unpoisoned;

/// The longest that gathered bytes wait for the kernel. Ten writes a second do not show beside any stream, and what a kill
/// costs is a tenth of a second.
const HAND_OVER: Duration = Duration::from_millis(100);

impl Session {
    /// The work of a thread beside the background thread, which a slow disk may hold up for seconds; returns when the recording
    /// ends or has failed. `notify` is called without locks.
    pub fn run_hand_over(&self, notify: &mut dyn FnMut(Notice)) {
        let mut shared = self.lock();
        loop {
            // Everything gathered from here on is younger than this wait.
            shared = unpoisoned(self.gathered.wait_timeout_while(shared, HAND_OVER, |shared| !shared.closing)).0;
            if shared.closing {
                return;
            }
            let Some(recording) = shared.recording.as_mut() else { return };
            if recording.failure().is_some() {
                return;
            }
            if recording.has_gathered() {
                if let Err(failure) = recording.hand_over() {
                    return self.report_failure(shared, failure, notify);
                }
                continue;
            }
            // A silent stream costs no wake-ups.
            shared.idle = true;
            shared = unpoisoned(self.gathered.wait_while(shared, |shared| shared.idle && !shared.closing));
        }
    }

    /// Tells the thread that hands bytes over if there are some and it is idle; nearly always it is not.
    pub(super) fn wake_hand_over(&self, shared: &mut Shared) {
        if shared.idle && shared.recording.as_ref().is_some_and(Recording::has_gathered) {
            shared.idle = false;
            self.gathered.notify_one();
        }
    }
}
