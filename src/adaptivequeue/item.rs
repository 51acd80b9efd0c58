//! What travels through the queue.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::logic::queue::handoff::Weight;
use crate::logic::sync::lock;

/// A buffer, a list of buffers, a serialized event, or a serialized query whose sender waits for the answer.
#[derive(Debug)]
pub(super) enum Item {
    Buffer(gst::Buffer),
    List(gst::BufferList),
    Event(gst::Event),
    Query(Ticket),
}

impl Item {
    pub fn weight(&self) -> Weight {
        match self {
            Item::Buffer(buffer) => Weight { buffers: 1, bytes: buffer.size() as u64 },
            Item::List(list) => Weight { buffers: list.len() as u32, bytes: list.calculate_size() as u64 },
            Item::Event(_) | Item::Query(_) => Weight::default(),
        }
    }

    /// Marks the first buffer as following a gap.
    pub fn set_discont(&mut self) {
        match self {
            Item::Buffer(buffer) => buffer.make_mut().set_flags(gst::BufferFlags::DISCONT),
            Item::List(list) => list.make_mut().foreach_mut(|mut buffer, index| {
                if index == 0 {
                    buffer.make_mut().set_flags(gst::BufferFlags::DISCONT);
                }
                std::ops::ControlFlow::Continue(Some(buffer))
            }),
            Item::Event(_) | Item::Query(_) => (),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Queued,
    /// The consuming thread uses the query: its sender must stay.
    Running,
    Answered(bool),
    /// The sender is gone: the query must not be touched any more.
    Abandoned,
}

/// The sender's end of a query in the queue.
#[derive(Debug)]
pub(super) struct Pending(Arc<(Mutex<Stage>, Condvar)>);

/// The queue's end. Dropped without an answer it answers "no".
#[derive(Debug)]
pub(super) struct Ticket {
    query: *mut gst::ffi::GstQuery,
    shared: Arc<(Mutex<Stage>, Condvar)>,
}

// SAFETY: the pointer is used by one thread at a time: by the consumer while the stage is Running, during which the
// sender, who owns the query, only waits.
unsafe impl Send for Ticket {}
// SAFETY: nothing can be done with a shared reference to a ticket.
unsafe impl Sync for Ticket {}

/// A query and the two ends. The caller must call [`Pending::wait`] before `query` ends.
pub(super) fn ticket(query: &mut gst::QueryRef) -> (Ticket, Pending) {
    let shared = Arc::new((Mutex::new(Stage::Queued), Condvar::new()));
    (Ticket { query: query.as_mut_ptr(), shared: Arc::clone(&shared) }, Pending(shared))
}

impl Ticket {
    /// Lets `ask` fill in the query and tells its sender the result, unless the sender has given up.
    pub fn run(self, ask: impl FnOnce(&mut gst::QueryRef) -> bool) {
        {
            let mut stage = lock(&self.shared.0);
            if *stage != Stage::Queued {
                return;
            }
            *stage = Stage::Running;
        }
        // SAFETY: the stage was Queued and is Running now: the sender stays in `Pending::wait`, which keeps the query
        // alive and unused, until `drop` or `answer` changes the stage.
        let answer = ask(unsafe { gst::QueryRef::from_mut_ptr(self.query) });
        self.answer(answer);
    }

    fn answer(&self, answer: bool) {
        let mut stage = lock(&self.shared.0);
        if matches!(*stage, Stage::Queued | Stage::Running) {
            *stage = Stage::Answered(answer);
            self.shared.1.notify_all();
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        // Flushed, leaked, or `ask` panicked.
        self.answer(false);
    }
}

impl Pending {
    /// Waits for the answer. `give_up` is asked whenever [`Waker::wake`] was called; `suspect` is called once if it
    /// takes longer than `patience`.
    pub fn wait(self, give_up: impl Fn() -> bool, patience: Duration, suspect: impl FnOnce()) -> bool {
        let (shared, changed) = &*self.0;
        let mut suspect = Some(suspect);
        let mut stage = lock(shared);
        loop {
            match *stage {
                Stage::Answered(answer) => return answer,
                Stage::Queued if give_up() => {
                    *stage = Stage::Abandoned;
                    return false;
                }
                Stage::Queued | Stage::Running if suspect.is_none() => {
                    stage = changed.wait(stage).unwrap_or_else(|poisoned| poisoned.into_inner());
                }
                Stage::Queued | Stage::Running => {
                    let (again, waited) =
                        changed.wait_timeout(stage, patience).unwrap_or_else(|poisoned| poisoned.into_inner());
                    stage = again;
                    if waited.timed_out()
                        && let Some(suspect) = suspect.take()
                    {
                        drop(stage);
                        suspect();
                        stage = lock(shared);
                    }
                }
                // Only this function sets it, and returns.
                Stage::Abandoned => return false,
            }
        }
    }

    /// A handle that makes [`wait`](Self::wait) ask again whether to give up.
    pub fn waker(&self) -> Waker {
        Waker(Arc::clone(&self.0))
    }
}

/// See [`Pending::waker`].
#[derive(Debug)]
pub(super) struct Waker(Arc<(Mutex<Stage>, Condvar)>);

impl Waker {
    pub fn wake(&self) {
        // Under the lock, or the signal could fall between the question and the wait.
        let _guard = lock(&self.0.0);
        self.0.1.notify_all();
    }
}
