//! The figures of a recording.

use std::sync::atomic::{AtomicU64, Ordering};

/// Figures that any thread may read at any time.
#[derive(Debug, Default)]
pub struct Counters {
    /// Bytes accepted, overwrites included.
    pub bytes: AtomicU64,
    /// Where the next byte goes.
    pub position: AtomicU64,
    /// Write calls made.
    pub writes: AtomicU64,
    /// Sync calls made, of the file only.
    pub syncs: AtomicU64,
    /// Bytes accepted and not yet safe, pending overwrites excepted.
    pub unsafe_bytes: AtomicU64,
    /// Bytes in pending overwrites.
    pub held_bytes: AtomicU64,
    /// The longest that an accepted byte waited for a flush.
    pub max_flush_age: AtomicU64,
    /// When a byte came while all before it were safe.
    pub unsafe_since: AtomicU64,
    /// When a window was last brought to safety.
    pub flushed_at: AtomicU64,
}

impl Counters {
    /// Counts accepted bytes. Only the owner of the recording writes figures, so adding need not be atomic.
    pub(super) fn accept(&self, bytes: u64, position: u64, unsafe_bytes: u64) {
        self.bytes.store(self.bytes.load(Ordering::Relaxed) + bytes, Ordering::Relaxed);
        self.position.store(position, Ordering::Relaxed);
        self.unsafe_bytes.store(unsafe_bytes, Ordering::Relaxed);
    }
}
