//! Whether the process is at work.

use crate::logic::clock::{Clock, MonotonicClock, Nanos, SECOND};

/// Counts the time in which the process worked, or would have if it had got a core: one that is starved of CPU time is
/// not idle, and uses as little of it.
#[derive(Debug, Default)]
pub(super) struct Meter {
    clock: MonotonicClock,
    /// Time and CPU time at the last look.
    last: Option<(Nanos, Nanos)>,
    work: Nanos,
}

impl Meter {
    /// One look, of many: what a thread wants at this moment stands for the time since the last one.
    pub fn look(&mut self) -> Nanos {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        let (now, cpu) = (self.clock.now(), time.tv_sec as u64 * SECOND + time.tv_nsec as u64);
        if let Some((then, used)) = self.last.replace((now, cpu)) {
            let wanted = if others_want_to_run() { (now - then).min(SECOND) } else { 0 };
            self.work += wanted.max(cpu.saturating_sub(used));
        }
        self.work
    }
}

/// Whether any thread but the calling one runs or waits for a core. Where that cannot be read, CPU time alone counts.
fn others_want_to_run() -> bool {
    let own = rustix::thread::gettid().as_raw_nonzero().to_string();
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return false };
    threads.flatten().filter(|thread| *thread.file_name() != *own).any(|thread| {
        let text = std::fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
        // The state follows the name, which may hold anything.
        text.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('R'))
    })
}
