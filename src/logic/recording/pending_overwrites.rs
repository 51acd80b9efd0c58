//! Overwrites of bytes already accepted, held back until what they announce is on the disk.
//!
//! Muxers go back to patch sizes and indexes. mp4mux in `first-moov-then-finalise` mode, for one, first spoils the old
//! index's name, then turns the whole file into one `mdat`, and only then appends the new index: written in that order, a
//! kill in between leaves a file that nothing plays. Held back until the appended index is there, the old index stays valid
//! until the new one is.
//!
//! An overwrite is *settled* once the muxer has appended [`SETTLED_AFTER`] buffers after it, or one after a [`PAUSE`]: it went on
//! with its work, so what the overwrite was part of is complete (a final index is one buffer, in one go with what announces
//! it, followed by the end of the stream). Settled ones are applied at once, after what was appended before them: without
//! this, the fragment sizes that mp4mux patches as it goes would be missing after a kill, and only the first fragment would
//! play. Their order is never changed: the kernel gets each one after every overwrite that came before it and after all bytes
//! appended before it.

use std::collections::VecDeque;

use crate::logic::clock::{MILLISECOND, Nanos};

/// The most bytes held back. An overwrite beyond that makes all of them be applied, after a flush (and a sync where syncs are
/// wanted).
const BUDGET: usize = 64 * 1024;
/// The cost of an entry in addition to its bytes, so that a flood of tiny ones is bounded too.
const ENTRY_COST: usize = 32;
/// How many appended buffers show that the muxer has moved on.
const SETTLED_AFTER: u8 = 2;
/// Longer than a muxer takes from one write of its own to the next, and shorter than from frame to frame.
const PAUSE: Nanos = 10 * MILLISECOND;

#[derive(Debug)]
pub(super) struct Overwrite {
    pub offset: u64,
    pub data: Vec<u8>,
    came: Nanos,
    appended_since: u8,
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

    pub fn push(&mut self, offset: u64, data: Vec<u8>, now: Nanos) {
        self.cost += data.len() + ENTRY_COST;
        self.entries.push_back(Overwrite { offset, data, came: now, appended_since: 0 });
    }

    /// A buffer was appended.
    pub fn note_append(&mut self, now: Nanos) {
        // From the newest backwards: once one has settled, all older ones have.
        for entry in self.entries.iter_mut().rev().take_while(|e| e.appended_since < SETTLED_AFTER) {
            entry.appended_since += if now.saturating_sub(entry.came) < PAUSE { 1 } else { SETTLED_AFTER };
        }
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
    fn an_overwrite_settles_after_two_appends() {
        let mut pending = PendingOverwrites::default();
        pending.push(8, vec![1], 0);
        pending.note_append(0);
        assert!(pending.settled().is_none(), "one buffer may be the final index");
        pending.push(9, vec![1], 0);
        pending.note_append(0);
        assert_eq!(pending.settled().unwrap().offset, 8);
        pending.pop();
        assert!(pending.settled().is_none(), "only one was appended after this one");
    }

    #[test]
    fn after_a_pause_one_append_settles() {
        let mut pending = PendingOverwrites::default();
        pending.push(8, vec![1], 0);
        pending.push(9, vec![1], 1);
        pending.note_append(PAUSE);
        assert_eq!(pending.settled().unwrap().offset, 8);
        pending.pop();
        assert!(pending.settled().is_none(), "no pause came after this one");
    }

    #[test]
    fn order_is_kept_and_tiny_entries_count() {
        let mut pending = PendingOverwrites::default();
        let mut n = 0;
        while pending.has_room(1) {
            pending.push(n, vec![0], 0);
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
