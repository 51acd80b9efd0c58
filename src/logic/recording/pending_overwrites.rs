//! Overwrites of bytes already accepted, held back until what they announce is on the disk.
//!
//! Muxers go back to patch sizes and indexes. mp4mux in `first-moov-then-finalise` mode, for one, first spoils the old
//! index's name, then turns the whole file into one `mdat`, and only then appends the new index: written in that order, a
//! kill in between leaves a file that nothing plays. Held back until the appended index is there, the old index stays valid
//! until the new one is.
//!
//! An overwrite is *settled* once the muxer has appended [`SETTLED_AFTER`] buffers after it: it went on with its work, so
//! what the overwrite was part of is complete (a final index is one buffer, followed by the end of the stream). Settled ones
//! are applied at the next flush, after the bytes appended before that flush: without this, the fragment sizes that mp4mux
//! patches as it goes would all be missing after a kill, and only the first fragment would play. Their order is never
//! changed: each one is preceded by every overwrite that came before it and by all bytes appended before it.

use std::collections::VecDeque;

/// The most bytes held back. An overwrite beyond that makes all of them be applied, after a flush (and a sync where syncs are
/// wanted).
const BUDGET: usize = 64 * 1024;
/// The cost of an entry in addition to its bytes, so that a flood of tiny ones is bounded too.
const ENTRY_COST: usize = 32;
/// How many appended buffers show that the muxer has moved on.
const SETTLED_AFTER: u8 = 2;

#[derive(Debug)]
pub(super) struct Overwrite {
    pub offset: u64,
    pub data: Vec<u8>,
    appended_since: u8,
    /// Once settled and flushed: how far appended bytes must be safe before this may be applied.
    barrier: Option<u64>,
}

#[derive(Debug, Default)]
pub(super) struct PendingOverwrites {
    entries: VecDeque<Overwrite>,
    cost: usize,
}

impl PendingOverwrites {
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub fn bytes(&self) -> u64 {
        self.entries.iter().map(|e| e.data.len() as u64).sum()
    }

    /// Whether an overwrite of `len` bytes can be held in addition.
    pub fn has_room(&self, len: usize) -> bool {
        self.cost + len + ENTRY_COST <= BUDGET
    }

    pub fn push(&mut self, offset: u64, data: Vec<u8>) {
        self.cost += data.len() + ENTRY_COST;
        self.entries.push_back(Overwrite { offset, data, appended_since: 0, barrier: None });
    }

    /// A buffer was appended.
    pub fn note_append(&mut self) {
        // From the newest backwards: once one has settled, all older ones have.
        for entry in self.entries.iter_mut().rev().take_while(|e| e.appended_since < SETTLED_AFTER) {
            entry.appended_since += 1;
        }
    }

    /// Everything up to `end` was flushed: settled entries wait for exactly that to be safe.
    pub fn note_flush(&mut self, end: u64) {
        for entry in self.entries.iter_mut().filter(|e| e.appended_since >= SETTLED_AFTER) {
            entry.barrier.get_or_insert(end);
        }
    }

    /// The next entry that may be applied now that appended bytes up to `safe` are where they should be.
    pub fn due(&self, safe: u64) -> Option<&Overwrite> {
        self.entries.front().filter(|e| e.barrier.is_some_and(|barrier| barrier <= safe))
    }

    /// The next entry, if it has settled.
    pub fn settled(&self) -> Option<&Overwrite> {
        self.entries.front().filter(|e| e.appended_since >= SETTLED_AFTER)
    }

    /// The next entry, whatever its state.
    pub fn front(&self) -> Option<&Overwrite> {
        self.entries.front()
    }

    /// The front entry has been applied.
    pub fn pop(&mut self) {
        if let Some(entry) = self.entries.pop_front() {
            self.cost -= entry.data.len() + ENTRY_COST;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overwrite_settles_after_two_appends_and_waits_for_its_flush() {
        let mut pending = PendingOverwrites::default();
        pending.push(8, vec![1]);
        pending.note_append();
        pending.note_flush(100);
        assert!(pending.due(u64::MAX).is_none() && pending.settled().is_none(), "one buffer may be the final index");
        pending.note_append();
        assert!(pending.settled().is_some() && pending.due(u64::MAX).is_none());
        pending.note_flush(200);
        assert!(pending.due(199).is_none());
        assert_eq!(pending.due(200).unwrap().offset, 8);
    }

    #[test]
    fn order_is_kept_and_tiny_entries_count() {
        let mut pending = PendingOverwrites::default();
        let mut n = 0;
        while pending.has_room(1) {
            pending.push(n, vec![0]);
            n += 1;
        }
        assert!(n <= (BUDGET / ENTRY_COST) as u64);
        for expected in 0..n {
            assert_eq!(pending.front().unwrap().offset, expected);
            pending.pop();
        }
        assert!(pending.is_empty() && pending.has_room(BUDGET - ENTRY_COST));
    }
}
