//! A serialized query in the queue and its sender, who waits for the answer.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::logic::sync::{lock, wait, wait_timeout};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Queued,
    /// The consuming thread uses the query: its sender must stay.
    Running,
    Answered(bool),
    /// The sender is gone: the query must not be touched any more.
    Abandoned,
}

/// The sender's end: the answer to come.
#[derive(Debug)]
pub(super) struct Answer(Arc<(Mutex<Stage>, Condvar)>);

/// The queue's end. Dropped without an answer it answers "no".
#[derive(Debug)]
pub(super) struct QueuedQuery {
    query: *mut gst::ffi::GstQuery,
    shared: Arc<(Mutex<Stage>, Condvar)>,
}

// SAFETY: the pointer is used by one thread at a time: by the consumer while the stage is Running, during which the
// sender, who owns the query, only waits.
unsafe impl Send for QueuedQuery {}
// SAFETY: nothing can be done with a shared reference to one.
unsafe impl Sync for QueuedQuery {}

/// A query and the two ends. The caller must call [`Answer::wait`] before `query` ends.
pub(super) fn pair(query: &mut gst::QueryRef) -> (QueuedQuery, Answer) {
    let shared = Arc::new((Mutex::new(Stage::Queued), Condvar::new()));
    (QueuedQuery { query: query.as_mut_ptr(), shared: Arc::clone(&shared) }, Answer(shared))
}

impl QueuedQuery {
    /// Lets `ask` fill in the query and tells its sender the result, unless the sender has given up.
    pub fn run(self, ask: impl FnOnce(&mut gst::QueryRef) -> bool) {
        {
            let mut stage = lock(&self.shared.0);
            if *stage != Stage::Queued {
                return;
            }
            *stage = Stage::Running;
        }
        // SAFETY: the stage was Queued and is Running now: the sender stays in `Answer::wait`, which keeps the query
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

impl Drop for QueuedQuery {
    fn drop(&mut self) {
        // Flushed, leaked, or `ask` panicked.
        self.answer(false);
    }
}

impl Answer {
    /// Waits for the answer. `give_up` is asked whenever [`AnswerWaker::wake`] was called; `suspect` is called once if it
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
                    stage = wait(changed, stage);
                }
                Stage::Queued | Stage::Running => {
                    let timed_out;
                    (stage, timed_out) = wait_timeout(changed, stage, patience);
                    if timed_out && let Some(suspect) = suspect.take() {
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
    pub fn waker(&self) -> AnswerWaker {
        AnswerWaker(Arc::clone(&self.0))
    }
}

/// See [`Answer::waker`].
#[derive(Debug)]
pub(super) struct AnswerWaker(Arc<(Mutex<Stage>, Condvar)>);

impl AnswerWaker {
    pub fn wake(&self) {
        // Under the lock, or the signal could fall between the question and the wait.
        let _guard = lock(&self.0.0);
        self.0.1.notify_all();
    }
}
