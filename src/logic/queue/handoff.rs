//! How items cross from the producing to the consuming thread.
//!
//! Each side owns one set of counters, which it alone writes and the other reads: items, buffers and bytes ever passed,
//! and the running time reached. Levels are differences of the two sets. On the fast path the sides share no lock; a
//! side sleeps only when the queue is full or empty.
//!
//! No lost wake-up: a sleeper sets its flag, fences, and looks at the other side's counters once more before it sleeps;
//! the other side changes its counters, fences, and then looks at the flag. One of the two sees the other. The flag is
//! set, and the condition signalled, under `sleep`, so the signal cannot fall between the last look and the sleep.
//!
//! The producer is woken when there is room worth waking for, so it may sleep while there is some room. That ends
//! nobody's progress: a consumer that is about to wait for data wakes it first, and the producer's own wait has a
//! time limit that its caller chooses.

use std::time::Duration;

use crossbeam::utils::CachePadded;

use super::levels::Size;
use super::ring::Ring;
use crate::logic::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, AtomicU64, Ordering, fence};
use crate::logic::sync::{Condvar, Mutex, lock};

/// What an item adds to the levels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    /// Buffers: 1, the length of a list, or 0 for what is not data.
    pub buffers: u32,
    /// Bytes.
    pub bytes: u64,
}

/// No running time known yet.
pub const NO_TIME: i64 = i64::MIN;
/// The gate's code for open.
pub const OPEN: i32 = 0;

/// Counters of one side.
#[derive(Debug)]
struct Side {
    items: AtomicU64,
    buffers: AtomicU64,
    bytes: AtomicU64,
    /// Running time reached, or [`NO_TIME`].
    time: AtomicI64,
}

impl Side {
    fn new() -> Self {
        Self {
            items: AtomicU64::new(0),
            buffers: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            time: AtomicI64::new(NO_TIME),
        }
    }

    /// Only the owner of the side calls this, so no update is lost between load and store.
    fn pass(&self, weight: Weight) {
        let add = |counter: &AtomicU64, n: u64| counter.store(counter.load(Ordering::Relaxed) + n, Ordering::Release);
        if weight.buffers > 0 {
            add(&self.buffers, weight.buffers.into());
            add(&self.bytes, weight.bytes);
        }
        add(&self.items, 1);
    }
}

/// Three numbers that are set rarely and read often.
#[derive(Debug)]
struct Limits([AtomicU64; 3]);

impl Limits {
    fn new() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
    fn get(&self) -> Size {
        let [buffers, bytes, time] = &self.0;
        Size {
            buffers: buffers.load(Ordering::Relaxed),
            bytes: bytes.load(Ordering::Relaxed),
            time: time.load(Ordering::Relaxed),
        }
    }
    fn set(&self, size: Size) {
        for (cell, value) in self.0.iter().zip([size.buffers, size.bytes, size.time]) {
            cell.store(value, Ordering::Relaxed);
        }
    }
}

/// The consumer's counters as the producer last saw them. An old reading makes the queue look fuller, never emptier
/// (running times that jump back excepted, which is why it is refreshed now and then).
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    buffers: u64,
    bytes: u64,
    time: i64,
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    /// There is what was waited for.
    Ready,
    /// The gate was closed.
    Closed,
    /// The time is over, or [`Handoff::nudge_producer`] was called.
    TimedOut,
}

/// See the [module](self). One thread at a time may push and one may pop; callers see to that.
#[derive(Debug)]
pub struct Handoff<T> {
    ring: Ring<(T, Weight)>,
    tail: CachePadded<Side>,
    head: CachePadded<Side>,
    /// Running time at which the first data after a flush began.
    start: AtomicI64,
    /// The newest item is data: then thresholds hold back the consumer.
    ends_in_data: AtomicBool,
    limits: Limits,
    thresholds: Limits,
    has_thresholds: AtomicBool,
    gate: AtomicI32,
    sleep: Mutex<()>,
    data: Condvar,
    room: Condvar,
    consumer_waits: CachePadded<AtomicBool>,
    producer_waits: CachePadded<AtomicBool>,
    nudged: AtomicBool,
}

impl<T> Handoff<T> {
    /// An empty, closed queue (gate `code`) with room for `capacity` items without a lock; more find room behind one.
    pub fn new(capacity: usize, code: i32) -> Self {
        Self {
            ring: Ring::new(capacity),
            tail: CachePadded::new(Side::new()),
            head: CachePadded::new(Side::new()),
            start: AtomicI64::new(NO_TIME),
            ends_in_data: AtomicBool::new(false),
            limits: Limits::new(),
            thresholds: Limits::new(),
            has_thresholds: AtomicBool::new(false),
            gate: AtomicI32::new(code),
            sleep: Mutex::new(()),
            data: Condvar::new(),
            room: Condvar::new(),
            consumer_waits: CachePadded::new(AtomicBool::new(false)),
            producer_waits: CachePadded::new(AtomicBool::new(false)),
            nudged: AtomicBool::new(false),
        }
    }

    /// [`OPEN`], or the code it was closed with.
    pub fn gate(&self) -> i32 {
        self.gate.load(Ordering::Acquire)
    }

    /// Opens the gate, or closes it with a code, which ends all waits.
    pub fn set_gate(&self, code: i32) {
        self.gate.store(code, Ordering::Release);
        self.wake_all();
    }

    /// Replaces `from` by `to`, unless somebody was faster. Returns the code that is in force.
    pub fn change_gate(&self, from: i32, to: i32) -> i32 {
        match self.gate.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => {
                self.wake_all();
                to
            }
            Err(now) => now,
        }
    }

    /// Makes both sides look again, as after a change of limits.
    pub fn wake_all(&self) {
        let _guard = lock(&self.sleep);
        self.data.notify_all();
        self.room.notify_all();
    }

    /// Ends the producer's wait for room as if its time were over.
    pub fn nudge_producer(&self) {
        let _guard = lock(&self.sleep);
        self.nudged.store(true, Ordering::Relaxed);
        self.room.notify_all();
    }

    /// Limits in force; 0 = none.
    pub fn limits(&self) -> Size {
        self.limits.get()
    }

    /// Sets the limits and lets both sides look again.
    pub fn set_limits(&self, limits: Size) {
        self.limits.set(limits);
        self.wake_all();
    }

    /// Levels below which the consumer waits; 0 = none.
    pub fn thresholds(&self) -> Size {
        self.thresholds.get()
    }

    /// Sets the thresholds and lets both sides look again.
    pub fn set_thresholds(&self, thresholds: Size) {
        self.thresholds.set(thresholds);
        self.has_thresholds.store(thresholds != Size::default(), Ordering::Release);
        self.wake_all();
    }

    /// Items of any kind inside.
    pub fn items(&self) -> u64 {
        // The head first: what is read of the tail afterwards cannot be older.
        let head = self.head.items.load(Ordering::Acquire);
        self.tail.items.load(Ordering::Acquire).saturating_sub(head)
    }

    /// Items and buffers that were ever taken out.
    pub fn taken(&self) -> (u64, u64) {
        (self.head.items.load(Ordering::Acquire), self.head.buffers.load(Ordering::Acquire))
    }

    /// Buffers and bytes that were ever put in.
    pub fn put(&self) -> (u64, u64) {
        (self.tail.buffers.load(Ordering::Acquire), self.tail.bytes.load(Ordering::Acquire))
    }

    /// The running time that the consumer has reached.
    pub fn head_time(&self) -> Option<i64> {
        Some(self.head.time.load(Ordering::Acquire)).filter(|time| *time != NO_TIME)
    }

    /// The level now.
    pub fn level(&self) -> Size {
        self.level_since(&self.see_head())
    }

    /// The consumer's counters now.
    pub fn see_head(&self) -> Seen {
        Seen {
            buffers: self.head.buffers.load(Ordering::Acquire),
            bytes: self.head.bytes.load(Ordering::Acquire),
            time: self.head.time.load(Ordering::Acquire),
        }
    }

    /// The level against an earlier reading of the consumer's counters.
    pub fn level_since(&self, seen: &Seen) -> Size {
        let buffers = self.tail.buffers.load(Ordering::Acquire).saturating_sub(seen.buffers);
        if buffers == 0 {
            return Size::default();
        }
        let bytes = self.tail.bytes.load(Ordering::Acquire).saturating_sub(seen.bytes);
        let tail = self.tail.time.load(Ordering::Acquire);
        // Until something came out, time is counted from where the first data began.
        let from = if seen.time == NO_TIME { self.start.load(Ordering::Acquire) } else { seen.time };
        let time = if tail == NO_TIME || from == NO_TIME { 0 } else { tail.saturating_sub(from).max(0) as u64 };
        Size { buffers, bytes, time }
    }

    /// Whether a limit is reached.
    pub fn is_full(&self) -> bool {
        self.level().reaches(&self.limits())
    }

    /// Whether the consumer may take something.
    pub fn is_ready(&self) -> bool {
        self.items() > 0 && !self.is_held_back()
    }

    /// Thresholds hold back data only, and not in a full queue: or a query behind it, or both sides, would wait forever.
    fn is_held_back(&self) -> bool {
        self.has_thresholds.load(Ordering::Acquire) && self.ends_in_data.load(Ordering::Acquire) && {
            let level = self.level();
            level.is_short_of(&self.thresholds()) && !level.reaches(&self.limits())
        }
    }

    /// Appends an item, whatever the limits say: callers ask first for what counts. `time` is the running time at
    /// which the item begins and ends, where it has one.
    pub fn push(&self, item: T, weight: Weight, time: Option<(i64, i64)>) {
        if let Some((begin, end)) = time {
            if self.start.load(Ordering::Relaxed) == NO_TIME {
                self.start.store(begin, Ordering::Release);
            }
            self.tail.time.store(end, Ordering::Release);
        }
        self.ends_in_data.store(weight.buffers > 0, Ordering::Release);
        self.ring.push((item, weight));
        self.tail.pass(weight);
        fence(Ordering::SeqCst);
        if self.consumer_waits.load(Ordering::Relaxed) && self.is_ready() {
            let _guard = lock(&self.sleep);
            self.data.notify_one();
        }
    }

    /// Takes the oldest item. `time` finds the running time that is reached with it.
    pub fn pop(&self, time: impl FnOnce(&T) -> Option<i64>) -> Option<(T, Weight)> {
        if self.items() == 0 {
            return None;
        }
        // An item is counted after it entered the ring, so it is there.
        let (item, weight) = self.ring.pop()?;
        if let Some(time) = time(&item) {
            self.head.time.store(time, Ordering::Release);
        }
        self.head.pass(weight);
        Some((item, weight))
    }

    /// To be called after items were taken. Wakes the producer if there is room worth it, or any room when `eager`.
    pub fn popped(&self, eager: bool) {
        fence(Ordering::SeqCst);
        if self.producer_waits.load(Ordering::Relaxed) {
            let (level, limits) = (self.level(), self.limits());
            if level.leaves_room_worth_waking_for(&limits) || (eager && !level.reaches(&limits)) {
                let _guard = lock(&self.sleep);
                self.room.notify_one();
            }
        }
    }

    /// Forgets all running times, as a flush does. Both sides must be kept out by the caller.
    pub fn reset_times(&self) {
        for time in [&self.tail.time, &self.head.time, &self.start] {
            time.store(NO_TIME, Ordering::Release);
        }
    }

    /// Sets the running time that the consuming side has reached, without an item.
    pub fn set_head_time(&self, time: i64) {
        self.head.time.store(time, Ordering::Release);
    }

    /// Whether the producer sleeps or is about to.
    pub fn producer_waits(&self) -> bool {
        self.producer_waits.load(Ordering::Relaxed)
    }

    /// Whether the consumer sleeps or is about to.
    pub fn consumer_waits(&self) -> bool {
        self.consumer_waits.load(Ordering::Relaxed)
    }

    /// Sleeps until there is something to take.
    pub fn wait_for_data(&self) -> Waited {
        let mut guard = lock(&self.sleep);
        loop {
            self.consumer_waits.store(true, Ordering::Relaxed);
            fence(Ordering::SeqCst);
            let result = match (self.gate(), self.is_ready()) {
                (OPEN, true) => Some(Waited::Ready),
                (OPEN, false) => None,
                _ => Some(Waited::Closed),
            };
            if let Some(result) = result {
                self.consumer_waits.store(false, Ordering::Relaxed);
                return result;
            }
            // Never both: the producer may have been left asleep for a larger gap.
            if self.producer_waits.load(Ordering::Relaxed) && !self.is_full() {
                self.room.notify_one();
            }
            guard = self.data.wait(guard).unwrap_or_else(|poisoned| poisoned.into_inner());
        }
    }

    /// Sleeps until there is room, at most for `timeout`.
    pub fn wait_for_room(&self, timeout: Option<Duration>) -> Waited {
        let mut guard = lock(&self.sleep);
        let mut timed_out = false;
        loop {
            self.producer_waits.store(true, Ordering::Relaxed);
            fence(Ordering::SeqCst);
            let result = match (self.gate(), self.is_full()) {
                (OPEN, false) => Some(Waited::Ready),
                (OPEN, true) => (self.nudged.swap(false, Ordering::Relaxed) || timed_out).then_some(Waited::TimedOut),
                _ => Some(Waited::Closed),
            };
            if let Some(result) = result {
                self.producer_waits.store(false, Ordering::Relaxed);
                return result;
            }
            // A full queue is never held back by its thresholds, but they may have been looked at before it was full.
            if self.consumer_waits.load(Ordering::Relaxed) && self.is_ready() {
                self.data.notify_one();
            }
            match timeout {
                None => guard = self.room.wait(guard).unwrap_or_else(|poisoned| poisoned.into_inner()),
                Some(timeout) => {
                    let (again, result) =
                        self.room.wait_timeout(guard, timeout).unwrap_or_else(|poisoned| poisoned.into_inner());
                    guard = again;
                    timed_out = result.timed_out();
                }
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64 as Counter;

    const CLOSED: i32 = -2;
    const BUFFER: Weight = Weight { buffers: 1, bytes: 10 };

    fn open(limit: u64) -> Handoff<u64> {
        let handoff = Handoff::new(8, CLOSED);
        handoff.set_limits(Size { buffers: limit, ..Size::default() });
        handoff.set_gate(OPEN);
        handoff
    }

    #[test]
    fn levels_are_the_difference_of_the_sides() {
        let h = open(4);
        h.push(1, BUFFER, Some((100, 150)));
        assert_eq!(h.level(), Size { buffers: 1, bytes: 10, time: 50 }, "counted from the start of the first data");
        h.push(2, BUFFER, Some((150, 200)));
        h.push(3, Weight::default(), None);
        assert_eq!((h.items(), h.level().time), (3, 100));
        assert_eq!(h.pop(|_| Some(150)).map(|(i, _)| i), Some(1));
        assert_eq!(h.level(), Size { buffers: 1, bytes: 10, time: 50 });
        h.pop(|_| Some(200));
        assert_eq!((h.level(), h.items()), (Size::default(), 1));
    }

    #[test]
    fn thresholds_hold_back_data_but_neither_events_nor_a_full_queue() {
        let h = open(3);
        h.set_thresholds(Size { buffers: 5, ..Size::default() });
        h.push(1, BUFFER, None);
        assert!(!h.is_ready());
        h.push(2, Weight::default(), None);
        assert!(h.is_ready(), "an event at the end lets everything out");
        h.push(3, BUFFER, None);
        assert!(!h.is_ready());
        h.push(4, BUFFER, None);
        assert!(h.is_full() && h.is_ready(), "full before the threshold");
    }

    #[test]
    fn closing_the_gate_ends_both_waits() {
        let h = open(1);
        std::thread::scope(|scope| {
            let consumer = scope.spawn(|| h.wait_for_data());
            h.set_gate(CLOSED);
            assert_eq!(consumer.join().unwrap(), Waited::Closed);
        });
        h.set_gate(OPEN);
        h.push(1, BUFFER, None);
        std::thread::scope(|scope| {
            let producer = scope.spawn(|| h.wait_for_room(None));
            h.set_gate(CLOSED);
            assert_eq!(producer.join().unwrap(), Waited::Closed);
        });
        assert_eq!(h.change_gate(OPEN, -1), CLOSED, "who closed first is not overruled");
    }

    #[test]
    fn a_wait_for_room_ends_after_its_time() {
        let h = open(1);
        h.push(1, BUFFER, None);
        assert_eq!(h.wait_for_room(Some(Duration::from_millis(5))), Waited::TimedOut);
        h.pop(|_| None);
        assert_eq!(h.wait_for_room(Some(Duration::from_millis(5))), Waited::Ready);
    }

    #[test]
    fn everything_arrives_once_and_in_order_at_every_capacity() {
        for (limit, threshold) in [(1, 0), (2, 0), (2, 2), (3, 5), (64, 0), (300, 10)] {
            let h = open(limit);
            h.set_thresholds(Size { buffers: threshold, ..Size::default() });
            let sum = Counter::new(0);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    for i in 0..20_000 {
                        while h.is_full() {
                            assert_eq!(h.wait_for_room(None), Waited::Ready);
                        }
                        h.push(i, BUFFER, None);
                    }
                    h.push(20_000, Weight::default(), None);
                });
                for i in 0..=20_000 {
                    while !h.is_ready() {
                        assert_eq!(h.wait_for_data(), Waited::Ready);
                    }
                    assert!(h.level().buffers <= limit);
                    assert_eq!(h.pop(|_| None).map(|(i, _)| i), Some(i));
                    h.popped(i % 3 == 0);
                    sum.fetch_add(i, Ordering::Relaxed);
                }
            });
            assert_eq!(sum.into_inner(), 20_000 * 20_001 / 2);
        }
    }
}

#[cfg(all(test, loom))]
mod models {
    use super::*;
    use std::sync::Arc;

    const BUFFER: Weight = Weight { buffers: 1, bytes: 1 };

    fn open(limit: u64) -> Arc<Handoff<u32>> {
        let handoff = Handoff::new(2, OPEN);
        handoff.limits.set(Size { buffers: limit, ..Size::default() });
        Arc::new(handoff)
    }

    fn produce(h: &Handoff<u32>, items: u32) -> u32 {
        for i in 0..items {
            while h.is_full() {
                if h.wait_for_room(None) == Waited::Closed {
                    return i;
                }
            }
            h.push(i, BUFFER, None);
        }
        items
    }

    /// Takes until `items` have come or the gate closed; loom reports a deadlock if a wake-up is lost.
    fn consume(h: &Handoff<u32>, items: u32) -> Vec<u32> {
        let mut seen = Vec::new();
        while seen.len() < items as usize {
            while !h.is_ready() {
                if h.wait_for_data() == Waited::Closed {
                    return seen;
                }
            }
            seen.extend(h.pop(|_| None).map(|(i, _)| i));
            h.popped(false);
        }
        seen
    }

    fn no_wake_up_is_lost(limit: u64, items: u32) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(3);
        builder.check(move || {
            let h = open(limit);
            let producer = {
                let h = Arc::clone(&h);
                loom::thread::spawn(move || produce(&h, items))
            };
            let seen = consume(&h, items);
            assert_eq!(seen, (0..items).collect::<Vec<_>>());
            assert_eq!(producer.join().unwrap(), items);
        });
    }

    #[test]
    fn loom_no_wake_up_is_lost_at_capacity_one() {
        no_wake_up_is_lost(1, 3);
    }

    #[test]
    fn loom_no_wake_up_is_lost_at_capacity_two() {
        no_wake_up_is_lost(2, 3);
    }

    #[test]
    fn loom_a_flush_ends_both_waits() {
        for limit in [1, 2] {
            let mut builder = loom::model::Builder::new();
            builder.preemption_bound = Some(2);
            builder.check(move || {
                let h = open(limit);
                let producer = {
                    let h = Arc::clone(&h);
                    loom::thread::spawn(move || produce(&h, 3))
                };
                let consumer = {
                    let h = Arc::clone(&h);
                    loom::thread::spawn(move || consume(&h, 4))
                };
                h.set_gate(-2);
                let (pushed, seen) = (producer.join().unwrap(), consumer.join().unwrap());
                let left: Vec<u32> = std::iter::from_fn(|| h.pop(|_| None).map(|(i, _)| i)).collect();
                let all: Vec<u32> = seen.into_iter().chain(left).collect();
                assert_eq!(all, (0..pushed).collect::<Vec<_>>(), "nothing is lost, doubled or reordered");
                assert_eq!(h.level(), Size::default());
            });
        }
    }

    #[test]
    fn loom_a_leak_from_the_producing_side_loses_only_what_it_takes() {
        for limit in [1, 2] {
            let mut builder = loom::model::Builder::new();
            builder.preemption_bound = Some(2);
            builder.check(move || {
                let h = open(limit);
                // Who pops holds the head lock, as in the element.
                let head = Arc::new(Mutex::new(()));
                let producer = {
                    let (h, head) = (Arc::clone(&h), Arc::clone(&head));
                    loom::thread::spawn(move || {
                        let mut leaked = 0;
                        for i in 0..3 {
                            while h.is_full() {
                                let _guard = lock(&head);
                                leaked += u32::from(h.is_full() && h.pop(|_| None).is_some());
                            }
                            h.push(i, BUFFER, None);
                        }
                        h.push(9, Weight::default(), None);
                        leaked
                    })
                };
                let mut seen = Vec::new();
                while seen.last() != Some(&9) {
                    while !h.is_ready() {
                        assert_eq!(h.wait_for_data(), Waited::Ready);
                    }
                    let _guard = lock(&head);
                    seen.extend(h.pop(|_| None).map(|(i, _)| i));
                    h.popped(false);
                }
                let leaked = producer.join().unwrap();
                assert_eq!(seen.len() as u32 + leaked, 4);
                assert!(seen.is_sorted());
            });
        }
    }
}
