//! Two probes of one stream: what the start tells the end.
//!
//! The start hands over what passes through a ring that neither side waits at; when it is full the oldest goes. The end looks at it
//! only when a buffer comes, so a partner that is missing, slow or stuck holds up nobody.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use crossbeam::queue::ArrayQueue;

use crate::logic::clock::{Nanos, monotonic};
use crate::logic::health::pairs::{Between, Entry, Key, MOST_BETWEEN};
use crate::logic::health::probe::Pairing;
use crate::logic::sync::lock;

/// Which end of a pair a probe is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Start,
    End,
}

/// What both ends share.
#[derive(Debug)]
struct Pair {
    id: String,
    /// Of the meta by which the end knows a buffer again.
    caps: gst::Caps,
    passed: ArrayQueue<Passed>,
    /// Counts starts and flushes: what was before the last one does not come any more.
    generation: AtomicU64,
    has_start: AtomicBool,
    has_end: AtomicBool,
}

#[derive(Debug)]
struct Passed {
    entry: Entry,
    generation: u64,
}

/// All pairs that have a probe. Locked only while a probe comes.
static PAIRS: Mutex<Vec<Weak<Pair>>> = Mutex::new(Vec::new());

/// Whether a probe is the start of the pair called `id` now.
pub(crate) fn has_start(id: &str) -> bool {
    let pairs = lock(&PAIRS);
    pairs.iter().filter_map(Weak::upgrade).any(|pair| pair.id == id && pair.has_start.load(Ordering::Acquire))
}

impl Pair {
    fn role(&self, role: Role) -> &AtomicBool {
        match role {
            Role::Start => &self.has_start,
            Role::End => &self.has_end,
        }
    }
}

/// One end of a pair. Dropped, it makes room for another.
#[derive(Debug)]
struct Seat {
    pair: Arc<Pair>,
    role: Role,
}

impl Seat {
    /// None if another probe has this role.
    fn take(id: &str, role: Role) -> Option<Self> {
        let mut pairs = lock(&PAIRS);
        pairs.retain(|pair| pair.strong_count() > 0);
        let known = pairs.iter().filter_map(Weak::upgrade).find(|pair| pair.id == id);
        let pair = known.unwrap_or_else(|| {
            let pair = Arc::new(Pair {
                id: id.into(),
                caps: gst::Caps::builder("timestamp/x-steady-pair").field("id", id).build(),
                passed: ArrayQueue::new(MOST_BETWEEN),
                generation: AtomicU64::new(0),
                has_start: AtomicBool::new(false),
                has_end: AtomicBool::new(false),
            });
            pairs.push(Arc::downgrade(&pair));
            pair
        });
        let taken = pair.role(role).swap(true, Ordering::AcqRel);
        (!taken).then_some(Self { pair, role })
    }

    /// The stamp that the start gave a buffer, if it still has it.
    fn stamp(&self, buffer: &gst::BufferRef) -> Option<Nanos> {
        let caps = &self.pair.caps;
        let ours = |reference: &gst::CapsRef| std::ptr::eq(reference.as_ptr(), caps.as_ptr()) || reference == &**caps;
        // One that goes in a circle has several, the last of them last.
        let metas = buffer.iter_meta::<gst::ReferenceTimestampMeta>();
        metas.filter(|meta| ours(meta.reference())).map(|meta| meta.timestamp().nseconds()).last()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.pair.role(self.role).store(false, Ordering::Release);
    }
}

/// A probe's part in a pair. Belongs to the streaming thread.
#[derive(Debug)]
pub(crate) enum Side {
    Start(Start),
    End(End),
}

impl Side {
    /// None if another probe is that end of the pair called `id`.
    pub fn join(id: &str, role: Role) -> Option<Self> {
        let seat = Seat::take(id, role)?;
        Some(match role {
            Role::Start => Self::Start(Start::new(seat)),
            Role::End => Self::End(End::new(seat)),
        })
    }

    /// The stream was flushed.
    pub fn flush(&mut self) {
        match self {
            Self::Start(start) => start.flush(),
            Self::End(end) => end.forget(),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Start {
    seat: Seat,
    generation: u64,
    /// The last stamp given, and that of the last buffer handed over.
    stamped: Nanos,
    passed: Nanos,
}

impl Start {
    fn new(seat: Seat) -> Self {
        let mut start = Self { seat, generation: 0, stamped: 0, passed: 0 };
        start.flush();
        start
    }

    fn flush(&mut self) {
        self.generation = self.seat.pair.generation.fetch_add(1, Ordering::Relaxed) + 1;
    }

    /// Puts a stamp on a buffer that nobody else has; others are known again by their time.
    pub fn mark(&mut self, buffer: &mut gst::BufferRef) {
        // No two have the same.
        self.stamped = monotonic().max(self.stamped + 1);
        let stamp = gst::ClockTime::from_nseconds(self.stamped);
        gst::ReferenceTimestampMeta::add(buffer, &self.seat.pair.caps, stamp, gst::ClockTime::NONE);
    }

    /// A buffer passes at `now`.
    pub fn pass(&mut self, now: Nanos, buffer: &gst::BufferRef, time: Option<i64>) {
        self.passed = self.seat.stamp(buffer).unwrap_or(now).max(self.passed);
        let entry = Entry { stamp: self.passed, time };
        self.seat.pair.passed.force_push(Passed { entry, generation: self.generation });
    }
}

#[derive(Debug)]
pub(crate) struct End {
    seat: Seat,
    between: Between,
    generation: u64,
}

impl End {
    fn new(seat: Seat) -> Self {
        // What came before nobody waited for.
        while seat.pair.passed.pop().is_some() {}
        Self { seat, between: Between::default(), generation: 0 }
    }

    /// Takes over what the start has handed over.
    pub fn catch_up(&mut self) {
        // No more than there can be, since the start goes on meanwhile.
        for passed in std::iter::from_fn(|| self.seat.pair.passed.pop()).take(MOST_BETWEEN) {
            if passed.generation != self.generation {
                self.between.forget();
                self.generation = passed.generation;
            }
            self.between.enter(passed.entry);
        }
    }

    /// A buffer arrives.
    pub fn meet(&mut self, now: Nanos, buffer: &gst::BufferRef, time: Option<i64>, pairing: &mut Pairing) {
        let keys = [self.seat.stamp(buffer).map(Key::Stamp), time.map(Key::Time)];
        if keys == [None; 2] {
            return;
        }
        match keys.into_iter().flatten().find_map(|key| self.between.leave(key)) {
            Some(since) => pairing.matched(now.saturating_sub(since)),
            None => pairing.unmatched += 1,
        }
        pairing.lost += self.between.lost();
    }

    /// The stream ended: how many more were lost.
    pub fn finish(&mut self) -> u64 {
        self.catch_up();
        self.between.finish()
    }

    fn forget(&mut self) {
        self.catch_up();
        self.between.forget();
    }
}
