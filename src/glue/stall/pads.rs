//! Which thread stands in which pad.

use std::collections::VecDeque;

use gst::prelude::*;

use crate::glue::topology::{crossing, inner_links};
use crate::sys::threads;

/// Whether some thread is inside the pad's chain, event or query function, or in its task's.
pub(crate) fn is_held(pad: &gst::Pad) -> bool {
    // SAFETY: the pad is alive, the lock inside it is initialised as long as it is, and a try never waits. If it
    // succeeds the lock is given back at once by the thread that took it.
    unsafe {
        let lock = &raw mut (*pad.as_ptr()).stream_rec_lock;
        let free = gst::glib::ffi::g_rec_mutex_trylock(lock) != gst::glib::ffi::GFALSE;
        if free {
            gst::glib::ffi::g_rec_mutex_unlock(lock);
        }
        !free
    }
}

/// The thread inside the pad, where that can be known.
pub(super) fn thread_in(pad: &gst::Pad) -> Option<u32> {
    // SAFETY: the pad, and with it the lock, is alive.
    unsafe { threads::holder((&raw const (*pad.as_ptr()).stream_rec_lock).cast()) }
}

/// Whether `thread` is inside the pad; any thread will do where one of the two is not known.
fn is_in(pad: &gst::Pad, thread: Option<u32>) -> bool {
    match (thread, thread_in(pad)) {
        (Some(thread), Some(holder)) => thread == holder,
        _ => is_held(pad),
    }
}

/// Whether a task of the pad's own runs.
pub(crate) fn has_task(pad: &gst::Pad) -> bool {
    pad.task_state() == gst::TaskState::Started
}

/// Where a thread is that went downstream.
pub(super) enum Place {
    /// In the element that it started from.
    Home,
    /// In the element behind this sink pad.
    In(gst::Pad),
    /// At a blocking probe.
    Probe(gst::Pad),
}

/// Where `thread` is, which pushes out of the source pads `from`.
pub(super) fn place(from: Vec<gst::Pad>, thread: Option<u32>) -> Place {
    let mut place = Place::Home;
    let mut next = VecDeque::from(from);
    let mut seen = Vec::new();
    while let Some(src) = next.pop_front() {
        let mut blocking = None;
        let end = crossing(&src, |pad| {
            if pad.is_blocking() {
                blocking = Some(pad.clone());
            }
        });
        if let Some(pad) = blocking {
            return Place::Probe(pad);
        }
        let Some(sink) = end.filter(|sink| !seen.contains(sink) && is_in(sink, thread)) else { continue };
        if let Some(element) = sink.parent_element() {
            // What lies behind a pad with a task of its own is done by another thread.
            next.extend(inner_links(&sink, &element).into_iter().filter(|src| !has_task(src)));
        }
        seen.push(sink.clone());
        place = Place::In(sink);
    }
    place
}

/// A pad with a blocking probe between `pad` and what it is linked to, on either side of any ghost pad.
pub(super) fn blocked(pad: &gst::Pad) -> (Option<gst::Pad>, Option<gst::Pad>) {
    let mut blocked = None;
    let end = crossing(pad, |pad| {
        if pad.is_blocked() {
            blocked = Some(pad.clone());
        }
    });
    (blocked, end)
}
