//! Bytes accepted and not yet given to the kernel: one buffer, reused, so that small writes become large ones.

/// Where page-sized pieces of a file begin; writes that end there spare the kernel half pages.
const PAGE: u64 = 4096;

/// A contiguous run of bytes that belongs at `offset`.
#[derive(Debug)]
pub(super) struct Slab {
    data: Vec<u8>,
    capacity: usize,
    offset: u64,
}

impl Slab {
    pub fn new(capacity: usize) -> Self {
        Self { data: Vec::new(), capacity: capacity.max(1), offset: 0 }
    }

    pub fn offset(&self) -> u64 {
        self.offset
    }

    pub fn bytes(&self) -> &[u8] {
        &self.data
    }

    pub fn len(&self) -> usize {
        self.data.len()
    }

    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// Room until the slab should go out: to its capacity, and then back to a page boundary of the file.
    pub fn room(&self) -> usize {
        let limit = (self.offset + self.capacity as u64) / PAGE * PAGE;
        let limit = limit.saturating_sub(self.offset).max(1) as usize;
        let limit = if self.capacity < PAGE as usize { self.capacity } else { limit };
        limit.saturating_sub(self.data.len())
    }

    /// Appends; the caller keeps within [`Self::room`].
    pub fn push(&mut self, bytes: &[u8]) {
        if self.data.capacity() == 0 {
            self.data.reserve_exact(self.capacity);
        }
        self.data.extend_from_slice(bytes);
    }

    /// The first `n` bytes have reached the kernel.
    pub fn consume(&mut self, n: usize) {
        self.offset += n as u64;
        if n == self.data.len() {
            self.data.clear();
        } else {
            // Only after a failed or partial write.
            self.data.drain(..n);
        }
    }

    /// The next byte belongs at `offset`; the slab is empty.
    pub fn restart_at(&mut self, offset: u64) {
        debug_assert!(self.data.is_empty());
        self.offset = offset;
    }
}
