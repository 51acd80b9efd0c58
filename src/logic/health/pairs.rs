//! Which buffer at the end of a pair of probes is which at its start, and which were lost on the way.

use crate::logic::clock::Nanos;

/// How many buffers may be between both ends.
pub const MOST_BETWEEN: usize = 4096;

/// Codecs put frames into another order within 16 of them. What as many as this have overtaken does not come any more.
const REORDERED: u64 = 64;

/// How many buffers with the same hash are looked at: as many as one frame has packets, all with one timestamp.
const CHAIN: usize = 64;

/// A buffer as it passed the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// When it did; at least as late as for the one before.
    pub stamp: Nanos,
    /// Running time of its presentation.
    pub time: Option<i64>,
}

/// How the end knows a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// It still carries the stamp that it got at the start.
    Stamp(Nanos),
    /// By its running time.
    Time(i64),
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    entry: Entry,
    /// Number of an earlier entry of the same hash.
    before: Option<u64>,
    found: bool,
}

const EMPTY: Slot = Slot { entry: Entry { stamp: 0, time: None }, before: None, found: false };

/// The last buffers that passed the start, for the end to look up. Belongs to one thread. Takes all its memory at once.
#[derive(Debug)]
pub struct Between {
    /// Entry number n is in slot n modulo their number.
    slots: Box<[Slot]>,
    /// The latest entry of each hash of a running time.
    heads: Box<[Option<u64>]>,
    /// How many entries there have been.
    count: u64,
    /// Those before this one have been found, are lost or forgotten.
    settled: u64,
    /// One more than the latest that was found.
    found: u64,
}

impl Default for Between {
    fn default() -> Self {
        Self {
            slots: vec![EMPTY; MOST_BETWEEN].into(),
            heads: vec![None; MOST_BETWEEN].into(),
            count: 0,
            settled: 0,
            found: 0,
        }
    }
}

impl Between {
    fn slot(&self, number: u64) -> &Slot {
        &self.slots[(number % MOST_BETWEEN as u64) as usize]
    }

    /// Timestamps are multiples of something: a multiplication spreads them.
    fn hash(time: i64) -> usize {
        let spread = (time as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (spread >> (u64::BITS - MOST_BETWEEN.ilog2())) as usize
    }

    /// A buffer passed the start.
    pub fn enter(&mut self, entry: Entry) {
        if self.count - self.settled == MOST_BETWEEN as u64 {
            // It may be lost, or still come: nobody will know.
            self.settled += 1;
        }
        let number = self.count;
        self.count += 1;
        let before = entry.time.and_then(|time| self.heads[Self::hash(time)].replace(number));
        self.slots[(number % MOST_BETWEEN as u64) as usize] = Slot { entry, before, found: false };
    }

    /// A buffer came to the end: when it passed the start, unless it did not or has been found before.
    pub fn leave(&mut self, key: Key) -> Option<Nanos> {
        let number = match key {
            Key::Stamp(stamp) => self.stamped(stamp)?,
            Key::Time(time) => self.timed(time)?,
        };
        self.found = self.found.max(number + 1);
        let slot = &mut self.slots[(number % MOST_BETWEEN as u64) as usize];
        slot.found = true;
        Some(slot.entry.stamp)
    }

    fn stamped(&self, stamp: Nanos) -> Option<u64> {
        let (mut low, mut high) = (self.settled, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.slot(middle).entry.stamp < stamp { low = middle + 1 } else { high = middle }
        }
        let slot = self.slot(low);
        (low < self.count && slot.entry.stamp == stamp && !slot.found).then_some(low)
    }

    /// Of several with the same running time the oldest.
    fn timed(&self, time: i64) -> Option<u64> {
        let mut next = self.heads[Self::hash(time)];
        let mut oldest = None;
        for _ in 0..CHAIN {
            let Some(number) = next.filter(|&number| number >= self.settled) else { break };
            let slot = self.slot(number);
            if slot.entry.time == Some(time) && !slot.found {
                oldest = Some(number);
            }
            next = slot.before;
        }
        oldest
    }

    /// How many more are known to be lost: so many later ones have come that they will not.
    pub fn lost(&mut self) -> u64 {
        self.settle(self.found.saturating_sub(REORDERED))
    }

    /// The stream ended: what has not come is lost. Where nothing ever matched, nothing is known.
    pub fn finish(&mut self) -> u64 {
        let end = if self.found > 0 { self.count } else { self.settled };
        self.settle(end)
    }

    fn settle(&mut self, end: u64) -> u64 {
        let mut lost = 0;
        while self.settled < end {
            lost += u64::from(!self.slot(self.settled).found);
            self.settled += 1;
        }
        lost
    }

    /// The stream was flushed: what has not come is neither found nor lost.
    pub fn forget(&mut self) {
        self.settled = self.count;
        self.found = 0;
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(stamp: u64, time: i64) -> Entry {
        Entry { stamp, time: Some(time) }
    }

    #[test]
    fn buffers_out_of_order_find_their_own_once() {
        let mut between = Between::default();
        (0..5).for_each(|n| between.enter(entry(10 * n, 20 * n as i64)));
        for n in [2, 0, 1, 4, 3] {
            assert_eq!(between.leave(Key::Time(20 * n)), Some(10 * n as u64));
            assert_eq!(between.leave(Key::Time(20 * n)), None, "twice");
        }
        assert_eq!((between.lost(), between.finish()), (0, 0));
    }

    #[test]
    fn packets_of_one_time_are_found_in_their_order() {
        let mut between = Between::default();
        (0..9).for_each(|n| between.enter(entry(n, 7)));
        assert!((0..9).all(|n| between.leave(Key::Time(7)) == Some(n)));
    }

    #[test]
    fn a_stamp_is_found_where_times_are_others() {
        let mut between = Between::default();
        [3, 5, 5, 9].into_iter().for_each(|stamp| between.enter(Entry { stamp, time: None }));
        assert_eq!(between.leave(Key::Stamp(5)), Some(5));
        assert_eq!(between.leave(Key::Stamp(4)), None);
        assert_eq!(between.leave(Key::Stamp(10)), None);
        assert_eq!(between.leave(Key::Stamp(9)), Some(9));
        assert_eq!(between.leave(Key::Stamp(9)), None);
    }

    #[test]
    fn what_is_overtaken_by_many_is_lost_and_does_not_come_back() {
        let mut between = Between::default();
        (0..200).for_each(|n| between.enter(entry(n, n as i64)));
        let mut lost = 0;
        for n in (0..200).filter(|n| n % 10 != 3) {
            assert_eq!(between.leave(Key::Time(n)), Some(n as u64));
            lost += between.lost();
        }
        assert_eq!(lost, 14, "of the first 136");
        assert_eq!(between.leave(Key::Time(3)), None, "too late");
        assert_eq!(between.leave(Key::Time(193)), Some(193), "late, but within what codecs do");
        assert_eq!(between.lost() + between.finish(), 5);
        assert_eq!(between.finish(), 0);
    }

    #[test]
    fn a_partner_that_never_comes_leaves_nothing_and_loses_nothing() {
        let mut between = Between::default();
        (0..3 * MOST_BETWEEN as u64).for_each(|n| between.enter(entry(n, 1 + n as i64)));
        assert_eq!(between.leave(Key::Time(-1)), None);
        assert_eq!((between.lost(), between.finish()), (0, 0));
        assert_eq!(between.leave(Key::Time(1)), None, "too old");
        let last = 3 * MOST_BETWEEN as u64 - 1;
        assert_eq!(between.leave(Key::Time(1 + last as i64)), Some(last));
    }

    #[test]
    fn a_flush_forgets() {
        let mut between = Between::default();
        (0..9).for_each(|n| between.enter(entry(n, n as i64)));
        between.leave(Key::Time(0));
        between.forget();
        assert_eq!((between.finish(), between.leave(Key::Time(5))), (0, None));
        between.enter(entry(20, 5));
        assert_eq!(between.leave(Key::Time(5)), Some(20));
    }

    proptest! {
        /// Whatever is lost, reordered (within what codecs do) or made up on the way: each that comes is found, and the rest is lost.
        #[test]
        fn what_enters_is_found_or_lost(
            fates in prop::collection::vec((0u8..10, 0usize..16), 1..2000),
            by_stamp: bool,
        ) {
            let mut between = Between::default();
            let mut order: Vec<_> = (0..).zip(&fates).filter(|(_, (fate, _))| *fate > 1).collect();
            order.sort_by_key(|(n, (_, delay))| n + delay);
            let last_needed = |n: usize| (n + 40).min(fates.len());
            let (mut entered, mut found, mut lost) = (0, 0, 0);
            for (n, _) in order {
                while entered < last_needed(n) {
                    between.enter(entry(5 * entered as u64, 33 * entered as i64));
                    entered += 1;
                }
                let key = if by_stamp { Key::Stamp(5 * n as u64) } else { Key::Time(33 * n as i64) };
                prop_assert_eq!(between.leave(key), Some(5 * n as u64));
                prop_assert_eq!(between.leave(Key::Time(1)), None);
                found += 1;
                lost += between.lost();
            }
            while entered < fates.len() {
                between.enter(entry(5 * entered as u64, 33 * entered as i64));
                entered += 1;
            }
            lost += between.finish();
            prop_assert_eq!(found + lost, if found == 0 { 0 } else { fates.len() as u64 });
        }
    }
}
