//! The watch: one thread of the process that looks at queues under suspicion every 50 ms.
//!
//! It exists only while there is something to look at. A producer that has been blocked for 50 ms puts its queue
//! under suspicion, and so does EOS, after which there may be no producer left to notice anything.

use std::sync::{Condvar, Mutex};
use std::time::Duration;

use gst::glib;
use gst::prelude::*;

use super::AdaptiveQueue;
use super::cpu_activity::Meter;
use super::imp::CAT;
use super::stall::Suspect;
use crate::logic::clock::Nanos;
use crate::logic::queue::stall_detector::GROWTH_INTERVAL;

/// No lock of an element is taken with this one held.
static WATCH: Mutex<Watch> = Mutex::new(Watch { members: Vec::new(), suspects: Vec::new(), running: false });
static CHANGED: Condvar = Condvar::new();

/// Without suspects the thread stays so long, for the next ones.
const LINGER: Duration = Duration::from_secs(2);

struct Watch {
    /// Queues that run.
    members: Vec<glib::WeakRef<AdaptiveQueue>>,
    suspects: Vec<Suspect>,
    running: bool,
}

fn watch() -> std::sync::MutexGuard<'static, Watch> {
    WATCH.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// The queue runs from now on.
pub(super) fn register(queue: &AdaptiveQueue) {
    let mut watch = watch();
    watch.members.retain(|member| member.upgrade().is_some_and(|member| member != *queue));
    watch.members.push(queue.downgrade());
}

/// The queue has stopped.
pub(super) fn unregister(queue: &AdaptiveQueue) {
    let mut watch = watch();
    watch.members.retain(|member| member.upgrade().is_some_and(|member| member != *queue));
}

/// The queue may be stuck.
pub(super) fn suspect(queue: &AdaptiveQueue) {
    let mut watch = watch();
    if watch.suspects.iter().any(|suspect| suspect.queue.upgrade().as_ref() == Some(queue)) {
        return;
    }
    watch.suspects.push(Suspect::new(queue));
    if watch.running {
        CHANGED.notify_all();
        return;
    }
    let thread = std::thread::Builder::new().name("steady-watch".into()).spawn(run);
    match thread {
        Ok(_) => watch.running = true,
        // Without the thread the queue works like any other; there is nothing else to be done.
        Err(error) => gst::warning!(CAT, obj = queue, "stalls will not be noticed: no thread: {error}"),
    }
}

fn run() {
    let mut meter = Meter::default();
    loop {
        let (mut suspects, members) = {
            let mut watch = watch();
            if watch.suspects.is_empty() {
                let (again, waited) =
                    CHANGED.wait_timeout(watch, LINGER).unwrap_or_else(|poisoned| poisoned.into_inner());
                watch = again;
                if waited.timed_out() && watch.suspects.is_empty() {
                    watch.running = false;
                    return;
                }
            }
            (std::mem::take(&mut watch.suspects), watch.members.clone())
        };
        let members: Vec<AdaptiveQueue> = members.iter().filter_map(glib::WeakRef::upgrade).collect();
        let work = meter.look();
        suspects.retain_mut(|suspect| look(suspect, &members, work));
        // Dropping the last reference may run any code.
        drop(members);
        {
            let mut watch = watch();
            let new = std::mem::take(&mut watch.suspects);
            for suspect in new {
                let known = suspect.queue.upgrade();
                if !suspects.iter().any(|old| old.queue.upgrade() == known) {
                    suspects.push(suspect);
                }
            }
            watch.suspects = suspects;
        }
        std::thread::sleep(Duration::from_nanos(GROWTH_INTERVAL));
    }
}

fn look(suspect: &mut Suspect, members: &[AdaptiveQueue], work: Nanos) -> bool {
    let Some(queue) = suspect.queue.upgrade() else { return false };
    let looked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| suspect.look(&queue, members, work)));
    looked.unwrap_or_else(|_| {
        gst::element_error!(
            queue,
            gst::LibraryError::Failed,
            ("Panicked while looking for a stall."),
            ["watch thread"]
        );
        false
    })
}
