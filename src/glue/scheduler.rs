//! The one thread that looks after all probes of the process. It exists while there is at least one.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use crate::logic::clock::{Nanos, monotonic};
use crate::logic::sync::{lock, wait_timeout};

/// Something to be done again and again.
pub(crate) trait Job: Send + Sync {
    /// Does it, and says when to do it next; nothing if there is nobody left to do it for.
    fn run(&self) -> Option<Nanos>;

    /// It panicked, and is not done any more.
    fn panicked(&self, panic: Box<dyn Any + Send>);
}

struct Entry {
    id: u64,
    due: Nanos,
    job: Arc<dyn Job>,
}

struct Jobs {
    entries: Vec<Entry>,
    next_id: u64,
    /// The thread is there and will look at `entries` again before it ends.
    running: bool,
}

// One lock, held only to look at the table: never while a job runs.
static JOBS: Mutex<Jobs> = Mutex::new(Jobs { entries: Vec::new(), next_id: 0, running: false });
static CHANGED: Condvar = Condvar::new();

fn jobs() -> MutexGuard<'static, Jobs> {
    lock(&JOBS)
}

/// Keeps a job going until it is dropped. A run under way then is not waited for: it may be what drops the guard.
#[derive(Debug)]
pub(crate) struct JobGuard(u64);

impl Drop for JobGuard {
    fn drop(&mut self) {
        jobs().entries.retain(|entry| entry.id != self.0);
        CHANGED.notify_all();
    }
}

/// Starts doing `job`, at once for the first time.
pub(crate) fn start(job: Arc<dyn Job>) -> std::io::Result<JobGuard> {
    let mut jobs = jobs();
    if !jobs.running {
        std::thread::Builder::new().name("steady-health".into()).spawn(work)?;
        jobs.running = true;
    }
    let id = jobs.next_id;
    jobs.next_id += 1;
    jobs.entries.push(Entry { id, due: monotonic(), job });
    CHANGED.notify_all();
    Ok(JobGuard(id))
}

/// Whether the thread is there.
#[cfg(test)]
fn running() -> bool {
    jobs().running
}

fn work() {
    let mut table = jobs();
    loop {
        let Some(earliest) = table.entries.iter().map(|entry| entry.due).min() else {
            table.running = false;
            return;
        };
        let time = monotonic();
        if earliest > time {
            let wait = Duration::from_nanos(earliest - time);
            (table, _) = wait_timeout(&CHANGED, table, wait);
            continue;
        }
        let due: Vec<_> =
            table.entries.iter().filter(|entry| entry.due <= time).map(|entry| (entry.id, entry.job.clone())).collect();
        drop(table);
        let done: Vec<_> = due.into_iter().map(|(id, job)| (id, run(&*job))).collect();
        table = jobs();
        for (id, next) in done {
            match next {
                Some(due) => table.entries.iter_mut().filter(|entry| entry.id == id).for_each(|entry| entry.due = due),
                None => table.entries.retain(|entry| entry.id != id),
            }
        }
    }
}

fn run(job: &dyn Job) -> Option<Nanos> {
    catch_unwind(AssertUnwindSafe(|| job.run())).unwrap_or_else(|panic| {
        // Telling of it must not take the other probes' thread down either.
        let _ = catch_unwind(AssertUnwindSafe(|| job.panicked(panic)));
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::clock::{MILLISECOND, SECOND};
    use std::sync::mpsc;

    struct Ticker(mpsc::Sender<Nanos>);
    impl Job for Ticker {
        fn run(&self) -> Option<Nanos> {
            let time = monotonic();
            self.0.send(time).ok()?;
            Some(time + 5 * MILLISECOND)
        }
        fn panicked(&self, _: Box<dyn Any + Send>) {}
    }

    struct Panicking(mpsc::Sender<String>);
    impl Job for Panicking {
        fn run(&self) -> Option<Nanos> {
            panic!("on purpose")
        }
        fn panicked(&self, panic: Box<dyn Any + Send>) {
            let _ = self.0.send(panic.downcast_ref::<&str>().map(ToString::to_string).unwrap_or_default());
        }
    }

    /// One test, since the thread is one per process.
    #[test]
    fn one_thread_serves_all_survives_a_panic_and_ends_with_the_last() {
        let patience = Duration::from_nanos(60 * SECOND);
        for _round in 0..20 {
            let (ticks, ticked) = mpsc::channel();
            let (panics, told) = mpsc::channel();
            let guards = [start(Arc::new(Ticker(ticks.clone()))), start(Arc::new(Ticker(ticks)))];
            let panicking = start(Arc::new(Panicking(panics)));
            assert!(guards.iter().all(Result::is_ok) && running());
            assert_eq!(told.recv_timeout(patience).expect("a report"), "on purpose");
            for _ in 0..6 {
                ticked.recv_timeout(patience).expect("ticks go on after a panic of another");
            }
            drop((guards, panicking));
            let ended = std::time::Instant::now() + patience;
            while running() {
                assert!(std::time::Instant::now() < ended, "the thread outlived the last job");
                std::thread::yield_now();
            }
            assert!(told.recv().is_err(), "a job that panicked is not run again");
        }
    }
}
