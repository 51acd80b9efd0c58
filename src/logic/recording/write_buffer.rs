//! Bytes accepted and not yet given to the kernel, so that small writes become large ones: copies of small buffers in one that
//! is reused, followed by larger ones that were lent.

use std::io::IoSlice;

/// Size of the kernel's pages; a write that ends where one does spares the kernel half pages.
pub(super) const PAGE: u64 = 4096;

/// Bytes that their owner lends until they are written.
pub type LentBytes = Box<dyn AsRef<[u8]> + Send>;

/// A contiguous run of bytes that belongs at `offset`.
#[derive(Default)]
pub(super) struct WriteBuffer {
    data: Vec<u8>,
    /// Follows `data`.
    lent: Vec<LentBytes>,
    lent_len: usize,
    capacity: usize,
    offset: u64,
}

impl WriteBuffer {
    pub fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(1), ..Self::default() }
    }

    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// All of it in order, with room for `more` slices.
    pub fn slices(&self, more: usize) -> Vec<IoSlice<'_>> {
        let mut slices = Vec::with_capacity(1 + self.lent.len() + more);
        slices.push(IoSlice::new(&self.data));
        slices.extend(self.lent.iter().map(|lent| IoSlice::new((**lent).as_ref())));
        slices
    }

    pub fn len(&self) -> usize {
        self.data.len() + self.lent_len
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Room for copies before the buffer should be written: up to its capacity, rounded down to a page boundary of the file.
    /// There is none after lent bytes.
    pub fn room(&self) -> usize {
        if !self.lent.is_empty() {
            return 0;
        }
        let limit = (self.offset + self.capacity as u64) / PAGE * PAGE;
        let limit = limit.saturating_sub(self.offset).max(1) as usize;
        let limit = if self.capacity < PAGE as usize { self.capacity } else { limit };
        limit.saturating_sub(self.data.len())
    }

    /// Whether `len` more bytes may be lent without the buffer having to be written. A buffer as large as the capacity may: it is
    /// written together with the next one, and until then no more is held back than of small ones.
    pub fn may_borrow(&self, len: usize) -> bool {
        self.len() + len <= self.capacity
    }

    /// Appends; the caller keeps within [`Self::room`].
    pub fn push(&mut self, bytes: &[u8]) {
        if self.data.capacity() == 0 {
            self.data.reserve_exact(self.capacity);
        }
        self.data.extend_from_slice(bytes);
    }

    /// Appends without copying.
    pub fn borrow(&mut self, bytes: LentBytes) {
        self.lent_len += (*bytes).as_ref().len();
        self.lent.push(bytes);
    }

    /// All of it has reached the kernel.
    pub fn clear(&mut self) {
        self.offset += self.len() as u64;
        self.data.clear();
        self.lent.clear();
        self.lent_len = 0;
    }

    /// The next byte belongs at `offset`; the buffer is empty.
    pub fn restart_at(&mut self, offset: u64) {
        debug_assert!(self.is_empty());
        self.offset = offset;
    }
}
