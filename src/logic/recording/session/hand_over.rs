//! The thread that hands gathered bytes to the kernel, so that a kill costs no more than a moment.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Session, Shared};
use crate::logic::clock::SECOND;
use crate::logic::recording::Notice;
use crate::logic::recording::state_machine::Recording;
use crate::logic::sync::unpoisoned;

/// How long bytes are gathered after which nothing comes: well below the time between two frames.
const LOOK: Duration = Duration::from_millis(10);

/// After so many looks gathered bytes are handed over even if more are coming: the longest that they wait is a tenth of a second.
const LOOKS: u32 = 10;

impl Session {
    /// The work of a thread beside the background thread, which a slow disk may hold up for seconds; returns when the recording
    /// ends or has failed. `notify` is called without locks.
    ///
    /// Bytes after which nothing came from one look to the next are handed over at once: muxers write in bursts, a frame or a
    /// fragment at a time, and a kill soon after one should not cost its end. While nothing is gathered there are no looks.
    pub fn run_hand_over(&self, notify: &mut dyn FnMut(Notice)) {
        let bytes = || self.counters.bytes.load(Ordering::Relaxed);
        let mut looked = None;
        let mut shared = self.lock();
        loop {
            shared.idle = !shared.recording.as_ref().is_some_and(Recording::has_gathered);
            shared = unpoisoned(self.gathered.wait_while(shared, |shared| shared.idle && !shared.closing));
            let mut seen = bytes();
            for _ in 0..LOOKS {
                shared = unpoisoned(self.gathered.wait_timeout_while(shared, LOOK, |shared| !shared.closing)).0;
                if shared.closing {
                    return;
                }
                let before = std::mem::replace(&mut seen, bytes());
                if seen == before {
                    break;
                }
            }
            let Some(recording) = shared.recording.as_mut() else { return };
            if recording.failure().is_some() {
                return;
            }
            if let Err(failure) = recording.hand_over() {
                return self.report_failure(shared, failure, notify);
            }
            // A small disk may be full long before the first window is. Once a second, since a network disk has to be asked.
            let now = self.clock.now();
            if looked.is_none_or(|looked| now >= looked + SECOND) {
                looked = Some(now);
                drop(shared);
                self.check_space(notify);
                shared = self.lock();
            }
        }
    }

    /// Tells the thread that hands bytes over if there are some and it is idle, as it is for the first of a burst.
    pub(super) fn wake_hand_over(&self, shared: &mut Shared) {
        if shared.idle && shared.recording.as_ref().is_some_and(Recording::has_gathered) {
            shared.idle = false;
            self.gathered.notify_one();
        }
    }
}
