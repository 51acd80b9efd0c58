//! One thread of the process that looks after the queues.
//!
//! It exists only while some queue runs, and goes round twice a second at most: a queue in which nothing has moved since the last round is
//! looked at more closely. A producer that has been blocked for 50 ms, which growth may help, and EOS are looked at at once.

use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::AdaptiveQueue;
use super::element::CAT;
use super::stall::{Suspect, moved, round_interval};
use crate::glue::stall::Evidence;
use crate::logic::clock::{Nanos, SECOND, monotonic};
use crate::logic::stall::detector::GROWTH_INTERVAL;
use crate::logic::sync::{lock, wait_timeout};

/// No lock of an element is taken with this one held.
static WATCHDOG: Mutex<Watchdog> = Mutex::new(Watchdog { members: Vec::new(), suspects: Vec::new(), running: false });
static CHANGED: Condvar = Condvar::new();

/// Without queues the thread stays for this long, in case there are new ones.
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
    start(watchdog, queue);
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
    start(watchdog, queue);
}

/// Sees to it that the thread runs, and looks soon.
fn start(mut watchdog: MutexGuard<'static, Watchdog>, queue: &AdaptiveQueue) {
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
    let mut next_round = 0;
    loop {
        let (mut suspects, members) = {
            let mut watchdog = watchdog();
            if watchdog.suspects.is_empty() && watchdog.members.is_empty() {
                let timed_out;
                (watchdog, timed_out) = wait_timeout(&CHANGED, watchdog, LINGER);
                if timed_out && watchdog.suspects.is_empty() && watchdog.members.is_empty() {
                    watchdog.running = false;
                    return;
                }
            }
            (std::mem::take(&mut watchdog.suspects), watchdog.members.clone())
        };
        let members: Vec<AdaptiveQueue> = members.iter().filter_map(glib::WeakRef::upgrade).collect();
        let now = monotonic();
        if now >= next_round {
            next_round = now + go_round(&members, &mut suspects);
        }
        if suspects.iter().any(|suspect| suspect.is_due(now)) {
            evidence.follow_threads(suspects.iter().any(Suspect::stands_still));
            suspects.retain_mut(|suspect| !suspect.is_due(now) || look(suspect, &members, &mut evidence));
        }
        // Dropping the last reference may run any code.
        drop(members);
        let mut watchdog = watchdog();
        for suspect in std::mem::take(&mut watchdog.suspects) {
            let known = suspect.queue.upgrade();
            if !suspects.iter().any(|old| old.queue.upgrade() == known) {
                suspects.push(suspect);
            }
        }
        watchdog.suspects = suspects;
        let rest = match watchdog.suspects.is_empty() {
            true => next_round.saturating_sub(monotonic()),
            false => GROWTH_INTERVAL,
        };
        // A new suspect ends the rest between two rounds, but not that between two looks.
        match watchdog.suspects.is_empty() {
            true => drop(wait_timeout(&CHANGED, watchdog, Duration::from_nanos(rest))),
            false => {
                drop(watchdog);
                std::thread::sleep(Duration::from_nanos(rest));
            }
        }
    }
}

/// Suspects every queue in which nothing has moved since the last round, and says how long until the next.
fn go_round(members: &[AdaptiveQueue], suspects: &mut Vec<Suspect>) -> Nanos {
    let intervals = members.iter().filter_map(|member| {
        let interval = round_interval(member)?;
        let known = suspects.iter().any(|suspect| suspect.queue.upgrade().as_ref() == Some(member));
        if member.imp().stall.has_rested(moved(member)) && !known {
            suspects.push(Suspect::new(member));
        }
        Some(interval)
    });
    intervals.min().unwrap_or(SECOND)
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
