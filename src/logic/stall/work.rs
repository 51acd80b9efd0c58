//! The time in which threads are at work.

use std::collections::BTreeMap;

use crate::logic::clock::{Nanos, SECOND};

/// One thread at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The kernel's id of the thread.
    pub thread: u32,
    /// It runs, or waits for a core.
    pub running: bool,
    /// CPU time so far.
    pub cpu: Nanos,
}

/// Counts, for each thread, the time in which it worked or would have if it had got a core: a thread that is starved of CPU time is
/// not idle, and uses as little of it.
#[derive(Clone, Debug, Default)]
pub struct Work {
    at: Option<Nanos>,
    threads: BTreeMap<u32, (Nanos, Nanos)>,
}

impl Work {
    /// Takes in all threads at time `now`. What a thread wants at this moment stands for the time since the last call.
    pub fn sample(&mut self, now: Nanos, samples: &[Sample]) {
        let elapsed = self.at.replace(now).map_or(0, |then| now.saturating_sub(then).min(SECOND));
        let before = std::mem::take(&mut self.threads);
        self.threads = samples
            .iter()
            .map(|sample| {
                let (cpu, worked) = before.get(&sample.thread).copied().unwrap_or((sample.cpu, 0));
                let wanted = if sample.running { elapsed } else { 0 };
                (sample.thread, (sample.cpu, worked + wanted.max(sample.cpu.saturating_sub(cpu))))
            })
            .collect();
    }

    /// The time of one thread since it was first seen.
    pub fn of(&self, thread: u32) -> Nanos {
        self.threads.get(&thread).map_or(0, |(_, worked)| *worked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_used_and_time_wanted_both_count() {
        let mut work = Work::default();
        let sample = |running, cpu| [Sample { thread: 7, running, cpu: cpu * SECOND / 10 }];
        work.sample(0, &sample(true, 10));
        assert_eq!(work.of(7), 0, "what was before is not known");
        work.sample(SECOND, &sample(false, 13));
        assert_eq!(work.of(7), SECOND * 3 / 10);
        work.sample(SECOND * 2, &sample(true, 13));
        assert_eq!(work.of(7), SECOND * 13 / 10, "it wanted a core");
        work.sample(SECOND * 60, &sample(true, 13));
        assert_eq!(work.of(7), SECOND * 23 / 10, "a suspended process wants nothing");
        assert_eq!(work.of(8), 0);
    }
}
