//! One thread of the process that looks at queues under suspicion every 50 ms.
//!
//! It exists only while there is something to look at. A producer that has been blocked for 50 ms puts its queue under suspicion, a
//! consumer that has had no data for a fifth of the timeout, and EOS, after which there may be nobody left to notice anything.

use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

use gst::glib;
use gst::prelude::*;

use super::AdaptiveQueue;
use super::element::CAT;
use super::stall::{Evidence, Suspect};
use crate::logic::stall::detector::GROWTH_INTERVAL;
use crate::logic::sync::{lock, wait_timeout};

/// No lock of an element is taken with this one held.
static WATCHDOG: Mutex<Watchdog> = Mutex::new(Watchdog { members: Vec::new(), suspects: Vec::new(), running: false });
static CHANGED: Condvar = Condvar::new();

/// Without suspects the thread stays for this long, in case there are new ones.
const LINGER: Duration = Duration::from_secs(2);

struct Watchdog {
    /// Queues that run.
    members: Vec<glib::WeakRef<AdaptiveQueue>>,
    suspects: Vec<Suspect>,
    running: bool,
}

fn watchdog() -> MutexGuard<'static, Watchdog> {
    lock(&WATCHDOG)
}

/// The queue runs from now on.
pub(super) fn register(queue: &AdaptiveQueue) {
    let mut watchdog = watchdog();
    watchdog.members.retain(|member| member.upgrade().is_some_and(|member| member != *queue));
    watchdog.members.push(queue.downgrade());
}

/// The queue has stopped.
pub(super) fn unregister(queue: &AdaptiveQueue) {
    let mut watchdog = watchdog();
    watchdog.members.retain(|member| member.upgrade().is_some_and(|member| member != *queue));
}

/// The queue may be stuck.
pub(super) fn suspect(queue: &AdaptiveQueue) {
    let mut watchdog = watchdog();
    if watchdog.suspects.iter().any(|suspect| suspect.queue.upgrade().as_ref() == Some(queue)) {
        return;
    }
    watchdog.suspects.push(Suspect::new(queue));
    if watchdog.running {
        CHANGED.notify_all();
        return;
    }
    let thread = std::thread::Builder::new().name("steady-watch".into()).spawn(run);
    match thread {
        Ok(_) => watchdog.running = true,
        // Without the thread the queue works like any other; there is nothing else to be done.
        Err(error) => gst::warning!(CAT, obj = queue, "stalls will not be noticed: no thread: {error}"),
    }
}

fn run() {
    let mut evidence = Evidence::default();
    loop {
        let (mut suspects, members) = {
            let mut watchdog = watchdog();
            if watchdog.suspects.is_empty() {
                let timed_out;
                (watchdog, timed_out) = wait_timeout(&CHANGED, watchdog, LINGER);
                if timed_out && watchdog.suspects.is_empty() {
                    watchdog.running = false;
                    return;
                }
            }
            (std::mem::take(&mut watchdog.suspects), watchdog.members.clone())
        };
        let members: Vec<AdaptiveQueue> = members.iter().filter_map(glib::WeakRef::upgrade).collect();
        evidence.follow_threads(suspects.iter().any(Suspect::stands_still));
        suspects.retain_mut(|suspect| look(suspect, &members, &mut evidence));
        // Dropping the last reference may run any code.
        drop(members);
        {
            let mut watchdog = watchdog();
            let new = std::mem::take(&mut watchdog.suspects);
            for suspect in new {
                let known = suspect.queue.upgrade();
                if !suspects.iter().any(|old| old.queue.upgrade() == known) {
                    suspects.push(suspect);
                }
            }
            watchdog.suspects = suspects;
        }
        std::thread::sleep(Duration::from_nanos(GROWTH_INTERVAL));
    }
}

fn look(suspect: &mut Suspect, members: &[AdaptiveQueue], evidence: &mut Evidence) -> bool {
    let Some(queue) = suspect.queue.upgrade() else { return false };
    let looked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| suspect.look(&queue, members, evidence)));
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
