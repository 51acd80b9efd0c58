//! What is known of the process as a whole, and what its exporters have cost.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::process::{Resource, getrlimit};

use super::{caches, recordings};
use crate::logic::clock::monotonic;
use crate::logic::memory::process_budget;
use crate::logic::metrics::process::{Kernel, Process};

static EXPORTS: AtomicU64 = AtomicU64::new(0);
static EXPORTING: AtomicU64 = AtomicU64::new(0);

/// Counts one export, and the time that it takes.
pub(super) fn timed<T>(export: impl FnOnce() -> T) -> T {
    let began = monotonic();
    let result = export();
    EXPORTS.fetch_add(1, Ordering::Relaxed);
    EXPORTING.fetch_add(monotonic().saturating_sub(began), Ordering::Relaxed);
    result
}

/// The figures of the process as of now.
pub(super) fn process() -> Process {
    Process {
        kernel: kernel(),
        memory: process_budget().stats(),
        caches: caches::read(),
        recordings: recordings::read(),
        exports: EXPORTS.load(Ordering::Relaxed),
        exporting: EXPORTING.load(Ordering::Relaxed),
    }
}

fn kernel() -> Kernel {
    let text = |path| fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let page = rustix::param::page_size() as u64;
    let known =
        Kernel::parse(&text("/proc/self/stat"), &text("/proc/stat"), rustix::param::clock_ticks_per_second(), page);
    // The folder that is being looked into is one of them.
    let open_files = fs::read_dir("/proc/self/fd").ok().map(|files| (files.count() as u64).saturating_sub(1));
    Kernel { open_files, max_files: getrlimit(Resource::Nofile).current, ..known }
}
