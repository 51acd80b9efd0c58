//! Writes that fail for a passing reason, as on a network file system, and are tried again.

use std::sync::{Condvar, Mutex};
use std::time::Duration;

use crate::logic::sync::{lock, unpoisoned};

/// Waits between tries of a write that failed for a passing reason; a state change or flush ends it.
#[derive(Default)]
pub(super) struct TransientErrors {
    ended: Mutex<bool>,
    changed: Condvar,
}

impl TransientErrors {
    /// Between two tries.
    const PAUSE: Duration = Duration::from_millis(20);

    /// Ends waits, now and until called with `false`.
    pub fn set_ended(&self, ended: bool) {
        *lock(&self.ended) = ended;
        self.changed.notify_all();
    }

    /// Waits, then returns whether to try again after `failures` failures.
    pub fn retry(&self, failures: u32, limit: Duration) -> bool {
        if Self::PAUSE * failures > limit {
            return false;
        }
        let ended = lock(&self.ended);
        let wait = self.changed.wait_timeout_while(ended, Self::PAUSE, |ended| !*ended);
        !*unpoisoned(wait).0
    }
}
