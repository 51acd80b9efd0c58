//! What is remembered from one look to the next.

use gst::glib;
use gst::prelude::*;

use super::survey::{Finding, Reason, Survey};
use super::threads::Threads;
use crate::logic::clock::Nanos;

/// What the threads are told apart by, and the halts that were told of.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    threads: Threads,
    told: Vec<Told>,
}

/// A halt that was told of: those whose threads wait there, or for the same, need not be told of as well.
#[derive(Debug)]
struct Told {
    until: Nanos,
    of: Vec<glib::WeakRef<gst::Object>>,
}

impl Evidence {
    /// Looks at the threads of the process, which costs a few system calls for each, if somebody has stood still for a while.
    pub fn follow_threads(&mut self, somebody_stands_still: bool) {
        match somebody_stands_still {
            true => self.threads.sample(),
            false => self.threads = Threads::default(),
        }
    }

    /// See [`Threads::work`].
    pub fn work(&self, own: &[u32], hidden: bool) -> (Nanos, Nanos) {
        self.threads.work(own, hidden)
    }

    /// Whether any thread of the process is in a call about a file.
    pub fn any_in_file_call(&self) -> bool {
        self.threads.any_in_file_call()
    }

    /// Whether a halt that has something in common with this one was told of already; if not, it is from now on.
    pub fn is_told(&mut self, survey: &Survey, finding: &Finding, now: Nanos, patience: Nanos) -> bool {
        self.told.retain(|told| told.until > now);
        let mut of: Vec<gst::Object> = survey.tasks().map(|task| task.clone().upcast()).collect();
        of.extend(finding.reason.as_ref().and_then(Reason::object));
        let known = self.told.iter().flat_map(|told| &told.of).filter_map(glib::WeakRef::upgrade);
        if known.into_iter().any(|known| of.contains(&known)) {
            return true;
        }
        let of = of.iter().map(|object| object.downgrade()).collect();
        self.told.push(Told { until: now.saturating_add(patience), of });
        false
    }
}
