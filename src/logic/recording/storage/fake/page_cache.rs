//! Which pages of a file made of memory would be in a kernel's page cache.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::logic::recording::write_buffer::PAGE;

/// Numbers of cached pages, and whether each is dirty.
#[derive(Debug, Clone, Default)]
pub(super) struct PageCache(BTreeMap<u64, bool>);

impl PageCache {
    /// Marks the pages of a range as written to.
    pub fn written(&mut self, range: Range<u64>) {
        for page in range.start / PAGE..range.end.div_ceil(PAGE) {
            self.0.insert(page, true);
        }
    }

    /// Marks the pages of a range as written back.
    pub fn written_back(&mut self, range: Range<u64>) {
        for (_, dirty) in self.0.range_mut(range.start / PAGE..range.end.div_ceil(PAGE)) {
            *dirty = false;
        }
    }

    /// As `POSIX_FADV_DONTNEED`: clean pages that lie in the range as a whole go, and so does the last one of a file of `size`
    /// bytes when the range reaches its end.
    pub fn let_go(&mut self, range: Range<u64>, size: u64) {
        let end = if range.end >= size { range.end.div_ceil(PAGE) } else { range.end / PAGE };
        let first = range.start.div_ceil(PAGE);
        self.0.retain(|page, dirty| *dirty || !(first..end).contains(page));
    }

    /// How much is cached.
    pub fn bytes(&self) -> u64 {
        self.0.len() as u64 * PAGE
    }
}
