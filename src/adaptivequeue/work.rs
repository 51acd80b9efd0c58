//! Whether the process is at work.

use crate::logic::clock::{Nanos, SECOND};

/// CPU time that the process has used, and that its threads have waited for while others had the core: one that is
/// starved of CPU time is not idle.
pub(super) fn time() -> Nanos {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as u64 * SECOND + time.tv_nsec as u64 + waited()
}

/// The second number of each thread's schedstat; nothing where the kernel does not count it.
fn waited() -> Nanos {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return 0 };
    let waited = |thread: std::fs::DirEntry| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split_ascii_whitespace().nth(1)?.parse::<Nanos>().ok()
    };
    threads.flatten().filter_map(waited).sum()
}
