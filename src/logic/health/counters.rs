//! Numbers with one writer and any number of readers, each of whom sees them all as of one instant.
//!
//! A sequence lock whose data are atomics: the writer never waits and never retries, whatever readers do, and there is nothing a
//! second writer by mistake could corrupt beyond the numbers themselves.

use std::ops::{Index, IndexMut};

use crate::logic::named::named;
use crate::logic::sync::atomic::{AtomicU64, Ordering, fence};

/// `N` numbers that are written and read as one.
#[derive(Debug)]
pub struct Cells<const N: usize> {
    /// Odd while the writer is between [`Cells::write`] and the end of its [`Writing`].
    sequence: AtomicU64,
    cells: [AtomicU64; N],
}

impl<const N: usize> Default for Cells<N> {
    fn default() -> Self {
        Self { sequence: AtomicU64::new(0), cells: std::array::from_fn(|_| AtomicU64::new(0)) }
    }
}

impl<const N: usize> Cells<N> {
    /// Opens a change, which readers see whole or not at all once the value returned is dropped. One thread at a time may hold one.
    #[inline]
    pub fn write(&self) -> Writing<'_, N> {
        let sequence = self.sequence.load(Ordering::Relaxed);
        self.sequence.store(sequence.wrapping_add(1), Ordering::Relaxed);
        // A reader that sees any store after this fence also sees the odd number before it.
        fence(Ordering::Release);
        Writing { cells: self, sequence }
    }

    /// All numbers as of one instant, or nothing when a change was under way.
    #[inline]
    pub fn try_read(&self) -> Option<[u64; N]> {
        let before = self.sequence.load(Ordering::Acquire);
        if before & 1 == 1 {
            return None;
        }
        let read = std::array::from_fn(|i| self.cells[i].load(Ordering::Relaxed));
        fence(Ordering::Acquire);
        (self.sequence.load(Ordering::Relaxed) == before).then_some(read)
    }

    /// All numbers as of one instant. Tries again while changes get in between, which take the writer a few nanoseconds each.
    pub fn read(&self) -> [u64; N] {
        let mut attempts = 0u32;
        loop {
            if let Some(read) = self.try_read() {
                return read;
            }
            attempts = attempts.wrapping_add(1);
            // A writer that lost its CPU in the middle of a change needs it back before a reader can succeed.
            if attempts.is_multiple_of(64) { std::thread::yield_now() } else { std::hint::spin_loop() }
        }
    }
}

/// A change under way.
#[derive(Debug)]
pub struct Writing<'a, const N: usize> {
    cells: &'a Cells<N>,
    sequence: u64,
}

impl<const N: usize> Writing<'_, N> {
    /// The number at `at` as the writer left it.
    #[inline]
    pub fn get(&self, at: usize) -> u64 {
        self.cells.cells[at].load(Ordering::Relaxed)
    }

    /// Replaces the number at `at`.
    #[inline]
    pub fn set(&self, at: usize, value: u64) {
        self.cells.cells[at].store(value, Ordering::Relaxed);
    }

    /// Adds to the number at `at`.
    #[inline]
    pub fn add(&self, at: usize, by: u64) {
        self.set(at, self.get(at).wrapping_add(by));
    }
}

impl<const N: usize> Drop for Writing<'_, N> {
    #[inline]
    fn drop(&mut self) {
        self.cells.sequence.store(self.sequence.wrapping_add(2), Ordering::Release);
    }
}

named! {
    /// The counters. All but `Held` only grow. Their order is that of their cells.
    Count:
    In "buffers-in" "Buffers that arrived.",
    Out "buffers-out" "Buffers that downstream accepted.",
    Dropped "buffers-dropped" "Buffers that downstream refused, with whatever flow return.",
    Held "buffers-held" "Buffers being pushed downstream now.",
    Bytes "bytes" "Bytes that arrived.",
    MediaTime "media-time" "Nanoseconds of media that arrived: the sum of the buffers' durations.",
    KeyFrames "key-frames" "Buffers that decode without an earlier one.",
    Corrupted "corrupted" "Buffers flagged as corrupted.",
    Missing "missing" "Buffers that should have arrived between two that did.",
    MissingLeaky "missing-leaky" "Those of the missing that went while the watched queue was allowed to leak.",
    MissingQos "missing-qos" "Those of the missing that downstream had asked upstream to skip.",
    Holes "holes" "Places where one or more buffers are missing.",
    DiscontFlag "discont-flag" "Discontinuities first seen by the buffer's flag.",
    DiscontGap "discont-gap" "Discontinuities first seen by a timestamp later than expected.",
    DiscontBackwards "discont-backwards" "Discontinuities first seen by a timestamp before that of the last buffer.",
    DiscontOverlap "discont-overlap" "Discontinuities first seen by a timestamp before the end of the last buffer.",
    DiscontCaps "discont-caps" "Discontinuities because the format changed.",
    DiscontSegment "discont-segment" "Discontinuities because a new segment began.",
    DiscontFlush "discont-flush" "Discontinuities because the stream was flushed.",
    GapEvents "gap-events" "Events that say that a span of time has no data.",
    Timed "timed" "Buffers whose arrival was compared with the clock.",
    Late "late" "Buffers that arrived later than they were due by more than the threshold.",
    FlowFlushing "flow-flushing" "Pushes that ended with flushing.",
    FlowEos "flow-eos" "Pushes that ended with end of stream.",
    FlowNotLinked "flow-not-linked" "Pushes that ended with not linked.",
    FlowNotNegotiated "flow-not-negotiated" "Pushes that ended with not negotiated.",
    FlowError "flow-error" "Pushes that ended with another error.",
    BlockedTime "blocked-time" "Nanoseconds spent waiting for downstream.",
    StarvedTime "starved-time" "Nanoseconds spent waiting for upstream.",
    PairMatched "pair-matched" "Buffers at the end of a pair that passed its start.",
    PairUnmatched "pair-unmatched" "Buffers at the end of a pair that did not pass its start.",
    PairLost "pair-lost" "Buffers that passed the start of a pair and will not come to its end.",
}

/// How many there are.
pub const COUNTS: usize = Count::ALL.len();
/// How many of them every probe keeps. The rest, from here on, belong to the end of a pair.
pub const KEPT: usize = Count::PairMatched as usize;

/// The counts as of one instant, or between two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts(pub(super) [u64; COUNTS]);

impl Default for Counts {
    fn default() -> Self {
        Self([0; COUNTS])
    }
}

impl Index<Count> for Counts {
    type Output = u64;
    fn index(&self, count: Count) -> &u64 {
        &self.0[count as usize]
    }
}

impl IndexMut<Count> for Counts {
    fn index_mut(&mut self, count: Count) -> &mut u64 {
        &mut self.0[count as usize]
    }
}

impl Counts {
    /// The counts since `earlier`. `Held` stays what it is now.
    pub fn since(&self, earlier: &Counts) -> Counts {
        let mut between = Counts(std::array::from_fn(|i| self.0[i].saturating_sub(earlier.0[i])));
        between[Count::Held] = self[Count::Held];
        between
    }

    /// Discontinuities, whatever their first cause.
    pub fn discontinuities(&self) -> u64 {
        use Count::*;
        [DiscontFlag, DiscontGap, DiscontBackwards, DiscontOverlap, DiscontCaps, DiscontSegment, DiscontFlush]
            .iter()
            .map(|&c| self[c])
            .sum()
    }

    /// Buffers that did not come, judging by the timestamps or by who passed the start of a pair: whichever tells of more, since both may
    /// tell of the same.
    fn missed(&self) -> u64 {
        use Count::*;
        // Where others come out than went in, media are cut anew on the way, and what does not match is not lost.
        let cut_anew = self[PairUnmatched] * 10 > self[PairMatched];
        self[Missing].max(if cut_anew { 0 } else { self[PairLost] })
    }

    /// Buffers that are missing, or were refused with an error: what flushing and end of stream refuse is not missed. Exact for
    /// single buffers; a refused list counts as one.
    pub fn lost(&self) -> u64 {
        use Count::*;
        // What is not linked was not chosen: other tracks of a film, say. Where that is wrong, the source ends with an error.
        let refused: u64 = [FlowNotNegotiated, FlowError].iter().map(|&c| self[c]).sum();
        self.missed() + refused
    }

    /// Buffers that arrived or should have.
    pub fn offered(&self) -> u64 {
        self[Count::In] + self.missed()
    }

    /// Whether every buffer that came in is accounted for.
    pub fn balanced(&self) -> bool {
        self[Count::In] == self[Count::Out] + self[Count::Dropped] + self[Count::Held]
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_reader_beside_a_writer_sees_whole_changes_only() {
        use std::sync::atomic::{AtomicBool, Ordering};
        let cells = Cells::<4>::default();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let mut last = 0;
                    while !done.load(Ordering::Relaxed) {
                        let [a, b, c, d] = cells.read();
                        assert!(a == b + c + d, "{a} {b} {c} {d}");
                        assert!(a >= last);
                        last = a;
                    }
                });
            }
            for i in 0..300_000u64 {
                let w = cells.write();
                w.add(0, 3);
                w.add(1, i % 4);
                w.add(2, 1);
                w.add(3, 2u64.wrapping_sub(i % 4));
                drop(w);
            }
            done.store(true, Ordering::Relaxed);
        });
    }

    #[test]
    fn no_reader_gets_through_an_open_change() {
        let cells = Cells::<2>::default();
        let w = cells.write();
        w.set(0, 7);
        assert_eq!(cells.try_read(), None);
        drop(w);
        assert_eq!(cells.try_read(), Some([7, 0]));
    }

    #[test]
    fn what_a_pair_lost_counts_once_and_only_where_the_same_buffers_come_out() {
        use Count::*;
        let counts = |of: &[(Count, u64)]| {
            let mut counts = Counts::default();
            of.iter().for_each(|&(count, n)| counts[count] = n);
            (counts.lost(), counts.offered())
        };
        assert_eq!(counts(&[(In, 90), (PairMatched, 90), (PairLost, 10)]), (10, 100));
        assert_eq!(counts(&[(In, 90), (PairMatched, 90), (PairLost, 10), (Missing, 8)]), (10, 100));
        assert_eq!(counts(&[(In, 90), (PairMatched, 10), (PairUnmatched, 80), (PairLost, 60)]), (0, 90));
    }

    #[test]
    fn a_difference_leaves_out_what_came_before() {
        let mut a = Counts::default();
        a[Count::In] = 5;
        let mut b = a;
        b[Count::In] = 9;
        b[Count::Held] = 1;
        let d = b.since(&a);
        assert_eq!((d[Count::In], d[Count::Held], d[Count::Out]), (4, 1, 0));
    }
}

#[cfg(all(test, loom))]
mod loom_models {
    use super::*;
    use loom::sync::Arc;

    /// in, out, dropped, held: buffers enter and leave while somebody looks.
    fn model(readers: usize, buffers: usize) {
        let mut model = loom::model::Builder::new();
        // Enough to find either fence missing, in seconds instead of minutes.
        model.preemption_bound = Some(2);
        model.check(move || {
            let cells = Arc::new(Cells::<4>::default());
            let readers: Vec<_> = (0..readers)
                .map(|_| {
                    let cells = cells.clone();
                    loom::thread::spawn(move || {
                        if let Some([arrived, out, dropped, held]) = cells.try_read() {
                            assert_eq!(arrived, out + dropped + held);
                        }
                    })
                })
                .collect();
            for _ in 0..buffers {
                let w = cells.write();
                w.add(0, 1);
                w.set(3, 1);
                drop(w);
                let w = cells.write();
                w.set(3, 0);
                w.add(1, 1);
                drop(w);
            }
            for reader in readers {
                reader.join().unwrap();
            }
            let n = buffers as u64;
            assert_eq!(cells.try_read(), Some([n, n, 0, 0]));
        });
    }

    #[test]
    fn loom_a_snapshot_always_balances() {
        model(1, 1);
    }

    #[test]
    fn loom_two_readers_do_not_disturb_each_other() {
        model(2, 1);
    }

    #[test]
    fn loom_a_reader_that_sleeps_through_changes_notices() {
        model(1, 2);
    }
}
