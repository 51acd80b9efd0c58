//! The frames as threads share them: workers that render, one thread that shows, and whoever jumps.
//!
//! One lock, held for moments: never while a frame is rendered, memory is taken or given back, or anybody is told.

use std::sync::Arc;

use super::frames::{Frames, Job, Taken};
use crate::logic::sync::{Condvar, Mutex, MutexGuard, lock, wait};

/// See the [module](self).
#[derive(Debug)]
pub struct Store<T, E> {
    state: Mutex<State<T, E>>,
    /// There may be something to render.
    work: Condvar,
    /// The frame that is waited for may be there.
    ready: Condvar,
}

#[derive(Debug)]
struct State<T, E> {
    frames: Frames<T, E>,
    /// Waiting for frames is over for now.
    flushing: bool,
    /// Nothing is rendered any more.
    ended: bool,
    /// Nothing is rendered that nobody waits for: memory is low.
    holding: bool,
    /// Nothing is rendered at all for now.
    resting: bool,
}

impl<T: Clone, E: Clone> Store<T, E> {
    /// Shares `frames`.
    pub fn new(frames: Frames<T, E>) -> Arc<Self> {
        let state = State { frames, flushing: false, ended: false, holding: false, resting: false };
        Arc::new(Self { state: Mutex::new(state), work: Condvar::new(), ready: Condvar::new() })
    }

    fn lock(&self) -> MutexGuard<'_, State<T, E>> {
        lock(&self.state)
    }

    /// Looks at the frames.
    pub fn read<R>(&self, look: impl FnOnce(&Frames<T, E>) -> R) -> R {
        look(&self.lock().frames)
    }

    /// Changes something, and says how many frames gave way to that. They are dropped without the lock.
    pub fn change(&self, change: impl FnOnce(&mut Frames<T, E>) -> Vec<T>) -> usize {
        let gone = change(&mut self.lock().frames);
        self.work.notify_all();
        self.ready.notify_all();
        gone.len()
    }

    /// Waits until frame `n` is there, and says what there is. None when flushed.
    pub fn wait_for(&self, n: u64) -> Option<Result<T, E>> {
        let mut state = self.lock();
        loop {
            if state.flushing || state.ended {
                return None;
            }
            match state.frames.take(n) {
                Taken::Ready(frame) => return Some(Ok(frame)),
                Taken::Failed(error) => return Some(Err(error)),
                Taken::Pending => {}
            }
            self.work.notify_all();
            state = wait(&self.ready, state);
        }
    }

    /// Ends the wait that is on, and each that is tried until it is said otherwise.
    pub fn set_flushing(&self, flushing: bool) {
        self.lock().flushing = flushing;
        self.ready.notify_all();
    }

    /// Nothing is rendered ahead for now, or it is again.
    pub fn hold(&self, holding: bool) {
        let before = std::mem::replace(&mut self.lock().holding, holding);
        if before && !holding {
            self.work.notify_all();
        }
    }

    /// Has nothing rendered any more until it is [resumed](Self::resume), and waits for what is. Whether it came to that before a flush.
    pub fn rest(&self) -> bool {
        let mut state = self.lock();
        state.resting = true;
        while state.frames.rendering() > 0 {
            if state.flushing || state.ended {
                return false;
            }
            state = wait(&self.ready, state);
        }
        true
    }

    /// Frames are rendered again.
    pub fn resume(&self) {
        self.lock().resting = false;
        self.work.notify_all();
    }

    /// Waits for a frame to render. None at the end.
    pub fn next_job(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            if state.ended {
                return None;
            }
            let idle = state.resting || (state.holding && !state.frames.is_behind());
            if let Some((job, evicted)) = (!idle).then(|| state.frames.next_job()).flatten() {
                drop(state);
                drop(evicted);
                return Some(job);
            }
            state = wait(&self.work, state);
        }
    }

    /// There is no memory for `job`: whether something gave way, so that it may be tried again.
    pub fn make_room(&self, job: &Job) -> bool {
        let gone = self.lock().frames.denied(job);
        gone.is_some()
    }

    /// Whether `job` is still worth being rendered; and the epoch there is now.
    pub fn is_wanted(&self, job: &Job) -> (bool, u64) {
        let mut state = self.lock();
        let wanted = state.frames.is_wanted(job);
        if !wanted {
            // It may be the last that somebody waits for.
            self.ready.notify_all();
        }
        (wanted, state.frames.epoch())
    }

    /// There is no memory for `job`, and nothing gives way: whoever waits for its frame is told, by `error`; if nobody does it is as if it had
    /// not been begun.
    pub fn give_up(&self, job: &Job, error: E) {
        self.change(|frames| {
            if frames.is_waited_for(job.frame) {
                return frames.finish(job, Err(error));
            }
            frames.abandon(job);
            Vec::new()
        });
    }

    /// `job` is done.
    pub fn finish(&self, job: &Job, result: Result<T, E>) {
        self.change(|frames| frames.finish(job, result));
    }

    /// Frame `n` was shown, and `next` comes after it.
    pub fn shown(&self, n: u64, next: Option<u64>) {
        self.change(|frames| frames.shown(n, next));
    }

    /// Ends all waits for good.
    pub fn end(&self) {
        self.lock().ended = true;
        self.work.notify_all();
        self.ready.notify_all();
    }
}

#[cfg(all(test, loom))]
mod models {
    use super::super::frames::Eviction;
    use super::super::playhead::{Playhead, Preload};
    use super::*;

    type Model = Store<(u64, u64), ()>;

    fn store() -> Arc<Model> {
        let mut frames = Frames::new(2, Eviction::Plan, 1);
        let start = Playhead { range: 0..10, preload: Preload::None, ..Playhead::default() };
        frames.jump(|playhead| *playhead = start);
        Store::new(frames)
    }

    /// Renders one frame; of which generation is what it was handed out as.
    fn work(store: &Model) {
        if let Some(job) = store.next_job()
            && store.is_wanted(&job).0
        {
            store.finish(&job, Ok((job.generation, job.frame)));
        }
    }

    #[test]
    fn loom_a_jump_while_a_frame_is_rendered_shows_the_frame_that_it_leads_to() {
        loom::model(|| {
            let store = store();
            let worker = {
                let store = store.clone();
                loom::thread::spawn(move || {
                    while let Some(job) = store.next_job() {
                        if store.is_wanted(&job).0 {
                            store.finish(&job, Ok((job.generation, job.frame)));
                        }
                    }
                })
            };
            store.change(|frames| frames.jump(|playhead| playhead.next = 5));
            assert_eq!(store.wait_for(5), Some(Ok((0, 5))));
            store.end();
            worker.join().unwrap();
        });
    }

    #[test]
    fn loom_what_is_rendered_while_the_pictures_change_is_never_shown() {
        loom::model(|| {
            let store = store();
            let worker = {
                let store = store.clone();
                loom::thread::spawn(move || work(&store))
            };
            store.change(|frames| frames.renew(2));
            let seen = store.read(|frames| frames.loaded().contains(0));
            if seen {
                assert_eq!(store.wait_for(0), Some(Ok((1, 0))));
            }
            store.end();
            worker.join().unwrap();
        });
    }

    #[test]
    fn loom_a_flush_ends_the_wait_whenever_it_comes() {
        loom::model(|| {
            let store = store();
            let shower = {
                let store = store.clone();
                loom::thread::spawn(move || store.wait_for(0))
            };
            store.set_flushing(true);
            assert_eq!(shower.join().unwrap(), None);
        });
    }

    #[test]
    fn loom_rest_waits_for_what_is_rendered_and_nothing_is_until_it_is_over() {
        loom::model(|| {
            let store = store();
            let worker = {
                let store = store.clone();
                loom::thread::spawn(move || {
                    while let Some(job) = store.next_job() {
                        if store.is_wanted(&job).0 {
                            store.finish(&job, Ok((job.generation, job.frame)));
                        }
                    }
                })
            };
            assert!(store.rest());
            assert_eq!(store.read(|frames| frames.rendering()), 0);
            store.change(|frames| frames.renew(2));
            assert!(store.read(|frames| frames.rendering() == 0 && frames.is_empty()), "it rests");
            store.resume();
            assert_eq!(store.wait_for(0), Some(Ok((1, 0))));
            store.end();
            worker.join().unwrap();
        });
    }
}
