//! Work that no pad shows: elements of ours that have much to do before they send anything tell here how far they are.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use gst::prelude::*;

use crate::logic::sync::lock;

/// By the element's address. An entry ends with its work, which the element outlives.
static WORK: Mutex<Vec<(usize, Weak<AtomicU64>)>> = Mutex::new(Vec::new());

/// How far an element is with work that it does out of sight.
#[derive(Debug, Clone)]
pub(crate) struct UnseenWork(Arc<AtomicU64>);

impl UnseenWork {
    /// Begins work of `element`, which keeps the value as long as it goes on.
    pub fn of(element: &impl IsA<gst::Element>) -> Self {
        let done = Arc::new(AtomicU64::new(0));
        let mut work = lock(&WORK);
        work.retain(|(_, done)| done.strong_count() > 0);
        work.push((address(element), Arc::downgrade(&done)));
        Self(done)
    }

    /// It goes on.
    pub fn advance(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A number that changes as long as work of `element` goes on.
pub(super) fn done_by(element: &gst::Element) -> u64 {
    let own = address(element);
    let work = lock(&WORK);
    let own = work.iter().filter(|(address, _)| *address == own);
    own.filter_map(|(_, done)| done.upgrade()).map(|done| done.load(Ordering::Relaxed)).sum()
}

fn address(element: &impl IsA<gst::Element>) -> usize {
    element.as_ptr() as usize
}
