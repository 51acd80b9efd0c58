//! The frames of a video: which are there, which are being rendered, which is to be rendered next and which gives way.
//!
//! *Generation* changes with what the pictures show (size, format, sound): frames of an older one are of no use. *Epoch* changes with what is
//! wanted (a jump): a frame that was begun before may still be the one that is wanted now, so it is kept if it is worth its place. Frames that
//! are rendered for an old epoch only would freeze whoever looks for a place: each jump would call off the last one's picture.

use std::collections::BTreeMap;

use super::extent::Extent;
use super::playhead::{NEVER, Playhead, Preload};
use super::runs::Runs;

/// Which frame gives way to another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Eviction {
    /// The one that is shown last again, and only to one that is shown sooner.
    #[default]
    Plan,
    /// The one that was shown longest ago.
    Lru,
}

/// A frame to be rendered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Job {
    /// Its number.
    pub frame: u64,
    /// As of when it was handed out.
    pub generation: u64,
    /// As `generation`.
    pub epoch: u64,
    /// Somebody waits for it: it must not be denied memory that others could give up.
    pub awaited: bool,
}

/// How far a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Not even its size is known.
    Placeholder,
    /// Its size is known. It takes no memory.
    Header,
    /// It is being rendered.
    Loading,
    /// It is there.
    Loaded,
    /// It could not be rendered.
    Error,
}

#[derive(Debug)]
enum Slot<T> {
    Loading(Job),
    Loaded { frame: T, used: u64 },
}

/// What has happened so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames that were there when they were asked for.
    pub hits: u64,
    /// Frames that had to be waited for.
    pub misses: u64,
    /// Frames that were rendered.
    pub rendered: u64,
    /// Jobs that were given up before they were rendered, since a jump had made them useless.
    pub skipped: u64,
    /// Frames that gave way to others.
    pub evicted: u64,
}

/// What there is of the frame that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken<T, E> {
    /// It is there.
    Ready(T),
    /// It could not be rendered.
    Failed(E),
    /// It is not there yet.
    Pending,
}

/// See the [module](self). `T` is a frame, cheap to clone; `E` why it could not be rendered. What is given back by the functions is to be
/// dropped once no lock is held: it may be the last of its memory.
#[derive(Debug)]
pub struct Frames<T, E> {
    slots: BTreeMap<u64, Slot<T>>,
    /// Being rendered or there.
    covered: Runs,
    loaded: Runs,
    /// Frames by when they were last asked for.
    uses: BTreeMap<u64, u64>,
    failed: BTreeMap<u64, E>,
    playhead: Playhead,
    eviction: Eviction,
    most: usize,
    generation: u64,
    epoch: u64,
    clock: u64,
    /// Threads that render.
    workers: usize,
    /// There was no memory for a frame that nobody waits for: none is tried again until something changes.
    full: bool,
    /// The frame whose absence has been counted.
    missed: Option<u64>,
    counters: Counters,
}

impl<T: Clone, E: Clone> Frames<T, E> {
    /// Room for `most` frames, that `workers` threads render.
    pub fn new(most: usize, eviction: Eviction, workers: usize) -> Self {
        Self {
            slots: BTreeMap::new(),
            covered: Runs::default(),
            loaded: Runs::default(),
            uses: BTreeMap::new(),
            failed: BTreeMap::new(),
            playhead: Playhead::default(),
            eviction,
            most: most.max(1),
            generation: 0,
            epoch: 0,
            clock: 0,
            workers,
            full: false,
            missed: None,
            counters: Counters::default(),
        }
    }

    /// What is known of playback.
    pub fn playhead(&self) -> &Playhead {
        &self.playhead
    }

    /// What has happened so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// How many frames there may be.
    pub fn extent(&self) -> Extent {
        Extent { ahead: self.playhead.ahead, most: self.most }
    }

    /// Counts jumps.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The frames that are there.
    pub fn loaded(&self) -> &Runs {
        &self.loaded
    }

    /// How many those are.
    pub fn len(&self) -> usize {
        self.uses.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.uses.is_empty()
    }

    /// How far frame `n` is, of those that have a size.
    pub fn status(&self, n: u64) -> Status {
        match self.slots.get(&n) {
            Some(Slot::Loaded { .. }) => Status::Loaded,
            Some(Slot::Loading(_)) => Status::Loading,
            None if self.failed.contains_key(&n) => Status::Error,
            None => Status::Header,
        }
    }

    /// Frames before `end` by their status, in runs.
    pub fn statuses(&self, end: u64) -> Vec<(u64, Status)> {
        let mut marks: Vec<u64> = self.slots.keys().chain(self.failed.keys()).flat_map(|&n| [n, n + 1]).collect();
        marks.extend([0, end]);
        marks.retain(|&n| n <= end);
        marks.sort_unstable();
        marks.dedup();
        let mut runs: Vec<(u64, Status)> = Vec::new();
        for pair in marks.windows(2) {
            let (length, status) = (pair[1] - pair[0], self.status(pair[0]));
            match runs.last_mut() {
                Some((count, last)) if *last == status => *count += length,
                _ => runs.push((length, status)),
            }
        }
        runs
    }

    /// The pictures are others from now on. Gives back the old ones.
    pub fn renew(&mut self, most: usize) -> Vec<T> {
        self.generation += 1;
        self.epoch += 1;
        self.most = most.max(1);
        self.covered = Runs::default();
        let old = std::mem::take(&mut self.slots);
        self.forget();
        old.into_values().filter_map(Slot::into_frame).collect()
    }

    /// Gives back all frames; what is being rendered goes on.
    pub fn clear(&mut self) -> Vec<T> {
        let frames: Vec<u64> = self.loaded.iter().flatten().collect();
        let cleared = frames.into_iter().filter_map(|n| self.remove(n)).collect();
        self.forget();
        cleared
    }

    fn forget(&mut self) {
        self.loaded = Runs::default();
        self.uses.clear();
        self.failed.clear();
        self.full = false;
        self.missed = None;
    }

    /// Playback goes on elsewhere or otherwise, as `change` says. Gives back what is too much now.
    pub fn jump(&mut self, change: impl FnOnce(&mut Playhead)) -> Vec<T> {
        self.epoch += 1;
        change(&mut self.playhead);
        self.failed.clear();
        self.full = false;
        // What is not there now was not there when it was asked for, even if it is by the time that somebody comes to fetch it.
        self.missed = None;
        if self.playhead.range.contains(&self.playhead.next) && !self.loaded.contains(self.playhead.next) {
            self.counters.misses += 1;
            self.missed = Some(self.playhead.next);
        }
        self.useless()
    }

    /// As [`jump`](Self::jump) where what was begun is still wanted: playback pauses, or more may be rendered ahead.
    pub fn adjust(&mut self, most: usize, change: impl FnOnce(&mut Playhead)) -> Vec<T> {
        self.most = most.max(1);
        change(&mut self.playhead);
        self.full = false;
        self.useless()
    }

    /// More frames than there may be, and those that are never shown again.
    fn useless(&mut self) -> Vec<T> {
        let mut useless = Vec::new();
        while let Some(n) = self.playhead.least(&self.loaded)
            && (self.uses.len() > self.most || self.playhead.distance(n) == NEVER)
        {
            useless.extend(self.evict(n));
        }
        useless
    }

    /// Asks for frame `n`, which playback waits for.
    pub fn take(&mut self, n: u64) -> Taken<T, E> {
        self.playhead.next = n;
        if let Some(error) = self.failed.get(&n) {
            return Taken::Failed(error.clone());
        }
        self.clock += 1;
        let first = self.missed.take() != Some(n);
        match self.slots.get_mut(&n) {
            Some(Slot::Loaded { frame, used }) => {
                self.counters.hits += u64::from(first);
                self.uses.remove(used);
                *used = self.clock;
                self.uses.insert(self.clock, n);
                Taken::Ready(frame.clone())
            }
            other => {
                if let Some(Slot::Loading(job)) = other {
                    job.awaited = true;
                }
                self.counters.misses += u64::from(first);
                self.missed = Some(n);
                Taken::Pending
            }
        }
    }

    /// Frame `n` was shown, and `next` is wanted after it. Gives back what is not needed any more.
    pub fn shown(&mut self, n: u64, next: Option<u64>) -> Vec<T> {
        // After the last frame of a loop the first comes again; else nothing comes.
        self.playhead.next = next.unwrap_or(if self.playhead.looped { self.playhead.first() } else { u64::MAX });
        self.full = false;
        if self.playhead.distance(n) == NEVER { self.evict(n).into_iter().collect() } else { Vec::new() }
    }

    /// Whether the frame that playback wants is still to be begun.
    pub fn is_behind(&self) -> bool {
        self.missed.is_some_and(|n| n == self.playhead.next && !self.covered.contains(n))
    }

    /// Hands out the frame that is to be rendered next, with what gives way to it. None if there is none, or no room.
    pub fn next_job(&mut self) -> Option<(Job, Option<T>)> {
        let frame = self.playhead.wanted(&self.covered).filter(|n| !self.failed.contains_key(n))?;
        let awaited = frame == self.playhead.next;
        // Tried again at once, what is denied would be denied again and again.
        let only_waited_for = self.full || self.playhead.strategy() == Preload::None;
        if (only_waited_for && !self.is_waited_for(frame)) || (!awaited && self.is_busy()) {
            return None;
        }
        let mut evicted = None;
        if self.slots.len() >= self.most {
            evicted = self.victim(frame).and_then(|n| self.evict(n));
            if evicted.is_none() && !awaited {
                return None;
            }
        }
        let job = Job { frame, generation: self.generation, epoch: self.epoch, awaited };
        self.slots.insert(frame, Slot::Loading(job));
        self.covered.insert(frame);
        Some((job, evicted))
    }

    /// Whether all threads would be busy with what nobody waits for, while somebody looks for a place: the next jump should find one that is
    /// free.
    fn is_busy(&self) -> bool {
        self.workers > 1 && self.playhead.strategy() == Preload::Spiral && self.rendering() + 1 >= self.workers
    }

    /// Frames that are being rendered.
    pub fn rendering(&self) -> usize {
        self.slots.len() - self.uses.len()
    }

    /// Whether playback waits for frame `n` right now.
    pub fn is_waited_for(&self, n: u64) -> bool {
        self.missed == Some(n) && n == self.playhead.next
    }

    /// Frame `n` was shown in another way: that it could not be rendered is forgotten.
    pub fn forgive(&mut self, n: u64) {
        self.failed.remove(&n);
    }

    /// The frame that gives way to frame `n`.
    fn victim(&self, n: u64) -> Option<u64> {
        match self.eviction {
            Eviction::Plan => {
                let least = self.playhead.least(&self.loaded)?;
                (self.playhead.distance(least) > self.playhead.distance(n)).then_some(least)
            }
            Eviction::Lru => self.uses.values().copied().find(|n| *n != self.playhead.next),
        }
    }

    /// There is no memory for `job`. What gives way to it; None: then it is to be [abandoned](Self::abandon).
    pub fn denied(&mut self, job: &Job) -> Option<T> {
        self.victim(job.frame).and_then(|n| self.evict(n))
    }

    /// Whether `job` is still worth being rendered; if it is not, it is over.
    pub fn is_wanted(&mut self, job: &Job) -> bool {
        if job.generation != self.generation {
            self.counters.skipped += 1;
            return false;
        }
        let far = self.playhead.distance(job.frame) > self.playhead.ahead.max(1);
        if job.epoch == self.epoch || !far {
            return true;
        }
        self.counters.skipped += 1;
        self.abandon(job);
        false
    }

    /// `job` is given up; the frame is as if it had never been begun. Nothing is rendered ahead any more, until something changes.
    pub fn abandon(&mut self, job: &Job) {
        if job.generation == self.generation && matches!(self.slots.get(&job.frame), Some(Slot::Loading(_))) {
            self.slots.remove(&job.frame);
            self.covered.remove(job.frame);
            self.full |= job.epoch == self.epoch;
        }
    }

    /// `job` is done. Gives back what is not kept.
    pub fn finish(&mut self, job: &Job, result: Result<T, E>) -> Vec<T> {
        if job.generation != self.generation || !matches!(self.slots.get(&job.frame), Some(Slot::Loading(_))) {
            return result.into_iter().collect();
        }
        match result {
            Ok(frame) => {
                self.counters.rendered += 1;
                self.clock += 1;
                self.slots.insert(job.frame, Slot::Loaded { frame, used: self.clock });
                self.uses.insert(self.clock, job.frame);
                self.loaded.insert(job.frame);
            }
            Err(error) => {
                self.slots.remove(&job.frame);
                self.covered.remove(job.frame);
                self.failed.insert(job.frame, error);
            }
        }
        self.useless()
    }

    /// Gives back the `count` frames that are worth least, whatever they are worth, but not the one that is wanted next.
    pub fn reclaim(&mut self, count: usize) -> Vec<T> {
        let least = |this: &Self| match this.eviction {
            Eviction::Plan => this.playhead.least(&this.loaded),
            Eviction::Lru => this.victim(u64::MAX),
        };
        let mut reclaimed = Vec::new();
        while reclaimed.len() < count
            && let Some(n) = least(self)
        {
            reclaimed.extend(self.evict(n));
        }
        self.full = true;
        reclaimed
    }

    fn evict(&mut self, n: u64) -> Option<T> {
        let evicted = self.remove(n);
        self.counters.evicted += u64::from(evicted.is_some());
        evicted
    }

    /// Takes a frame out that is there.
    fn remove(&mut self, n: u64) -> Option<T> {
        if !matches!(self.slots.get(&n), Some(Slot::Loaded { .. })) {
            return None;
        }
        let Some(Slot::Loaded { frame, used }) = self.slots.remove(&n) else { return None };
        self.uses.remove(&used);
        self.covered.remove(n);
        self.loaded.remove(n);
        Some(frame)
    }
}

impl<T> Slot<T> {
    fn into_frame(self) -> Option<T> {
        match self {
            Self::Loaded { frame, .. } => Some(frame),
            Self::Loading(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
