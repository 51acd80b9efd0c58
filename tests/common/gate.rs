//! Something to stand in front of.

use std::sync::{Arc, Condvar, Mutex};

/// Closed at first.
#[derive(Clone, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    /// Lets everybody through from now on.
    pub fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }
    /// Waits until it is open.
    pub fn pass(&self) {
        let mut open = self.0.0.lock().unwrap();
        while !*open {
            open = self.0.1.wait(open).unwrap();
        }
    }
}

/// Opens the gate at the latest when the test ends, also by a failure: nothing could be stopped behind a closed one.
pub struct Opener(pub Gate);

impl Opener {
    /// Lets everybody through from now on.
    pub fn open(&self) {
        self.0.open();
    }
}

impl Drop for Opener {
    fn drop(&mut self) {
        self.open();
    }
}
