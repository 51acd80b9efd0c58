//! Ctrl-C and SIGTERM, counted.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::failure::{Failure, Stage};

static COUNT: AtomicUsize = AtomicUsize::new(0);

/// From now on interrupts are counted instead of ending the process.
pub fn watch() -> Result<(), Failure> {
    ctrlc::set_handler(|| {
        COUNT.fetch_add(1, Ordering::Relaxed);
    })
    .map_err(|e| Failure::new(Stage::Internal, format!("cannot watch for Ctrl-C: {e}")))
}

/// Interrupts so far.
pub fn count() -> usize {
    COUNT.load(Ordering::Relaxed)
}
