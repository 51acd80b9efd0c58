//! The frame caches of the process, for those who show figures.

use std::sync::{Arc, Mutex, Weak};

use crate::logic::metrics::process::Caches;
use crate::logic::sync::lock;

/// Whose figures are shown.
pub(crate) trait Cache: Send + Sync {
    /// What it has, and what it has done so far. Called without a lock.
    fn figures(&self) -> Caches;
}

struct Known {
    caches: Vec<Weak<dyn Cache>>,
    /// What those did that have ended; none if there never was one.
    past: Option<Caches>,
}

// Held for a look at the table.
static KNOWN: Mutex<Known> = Mutex::new(Known { caches: Vec::new(), past: None });

/// Shows a cache until it [ends](end).
pub(crate) fn show(cache: &Arc<impl Cache + 'static>) {
    let weak: Weak<dyn Cache> = Arc::<_>::downgrade(cache) as Weak<dyn Cache>;
    let mut known = lock(&KNOWN);
    known.caches.retain(|cache| cache.strong_count() > 0);
    known.caches.push(weak);
    known.past.get_or_insert_default();
}

/// A cache has ended, and has done that.
pub(crate) fn end(cache: &Arc<impl Cache + 'static>) {
    let done = Caches { frames: 0, bytes: 0, ..cache.figures() };
    let mut known = lock(&KNOWN);
    let at = Arc::as_ptr(cache).cast::<()>();
    known.caches.retain(|cache| !std::ptr::addr_eq(cache.as_ptr(), at));
    let past = known.past.get_or_insert_default();
    *past = past.and(&done);
}

/// All caches taken together; none if there never was one.
pub(super) fn read() -> Option<Caches> {
    let (caches, past) = {
        let known = lock(&KNOWN);
        (known.caches.clone(), known.past?)
    };
    let alive = caches.iter().filter_map(Weak::upgrade);
    Some(alive.fold(past, |sum, cache| sum.and(&cache.figures())))
}
