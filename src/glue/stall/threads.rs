//! Who in the process is at work, and for whom.

use crate::logic::clock::{Nanos, monotonic};
use crate::logic::stall::thread_state::Doing;
use crate::logic::stall::work::Work;
use crate::sys::threads;

/// The threads of the process, looked at again and again.
#[derive(Debug, Default)]
pub(crate) struct Threads {
    work: Work,
    /// Those alive at the last look, with their names.
    alive: Vec<(u32, String)>,
}

impl Threads {
    /// Looks at all of them.
    pub fn sample(&mut self) {
        let samples = threads::all();
        self.work.sample(monotonic(), &samples);
        self.alive = samples.iter().filter_map(|sample| Some((sample.thread, threads::name(sample.thread)?))).collect();
    }

    /// The time in which `own` threads were at work so far, and that of threads of which it is not known for whom they work.
    ///
    /// A task's thread is called after its pad (`element:pad`), and threads that it starts, an encoder's workers say, inherit the name.
    /// So what is called after a pad, but not after one of `own`, works for another part.
    ///
    /// A source may have pipelines of its own inside; where one is waited for (`hidden`), work for other parts counts too.
    pub fn work(&self, own: &[u32], hidden: bool) -> (Nanos, Nanos) {
        let own_work = own.iter().map(|thread| self.work.of(*thread)).sum();
        let own_names: Vec<&str> =
            self.alive.iter().filter(|(thread, _)| own.contains(thread)).map(|(_, name)| name.as_str()).collect();
        let others = self.alive.iter().filter(|(thread, name)| {
            let foreign = name.contains(':') && !own_names.is_empty() && !own_names.contains(&name.as_str());
            !own.contains(thread) && (hidden || !foreign)
        });
        (own_work, others.map(|(thread, _)| self.work.of(*thread)).sum())
    }

    /// Whether any thread of the process is in a call about a file.
    pub fn any_in_file_call(&self) -> bool {
        self.alive.iter().any(|(thread, _)| threads::doing(*thread) == Doing::File)
    }
}
