//! Whether the process is at work.

use crate::logic::clock::{Nanos, SECOND, monotonic, process_cpu_time};

/// Counts the time in which the process worked, or would have if it had got a core: one that is starved of CPU time is
/// not idle, and uses as little of it.
#[derive(Debug, Default)]
pub(super) struct CpuActivity {
    /// Time and CPU time at the last sample.
    last: Option<(Nanos, Nanos)>,
    active: Nanos,
}

impl CpuActivity {
    /// The time so far. Each call is a sample: what a thread wants at this moment stands for the time since the last one.
    pub fn sample(&mut self) -> Nanos {
        let (now, cpu) = (monotonic(), process_cpu_time());
        if let Some((then, used)) = self.last.replace((now, cpu)) {
            let wanted = if others_want_to_run() { (now - then).min(SECOND) } else { 0 };
            self.active += wanted.max(cpu.saturating_sub(used));
        }
        self.active
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
