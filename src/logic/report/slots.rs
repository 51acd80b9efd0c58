//! A fixed number of spans of time that follow each other.

/// How many spans there are at most.
pub const SLOTS: usize = 1024;

/// What is known of a span, so that what is known of a longer one follows from its parts.
pub trait Merge: Clone + Default {
    /// Takes in what is known of the span that follows.
    fn merge(&mut self, later: &Self);
}

/// What is known of each span, the earliest first. Spans that nothing has been told of are there as their default.
#[derive(Debug, Clone, PartialEq)]
pub struct Slots<T>(Vec<T>);

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Merge> Slots<T> {
    /// Adds to span `at`, which must be one of [`SLOTS`]; what is beyond goes to the last.
    pub fn add(&mut self, at: usize, value: &T) {
        let at = at.min(SLOTS - 1);
        if self.0.len() <= at {
            self.0.resize(at + 1, T::default());
        }
        self.0[at].merge(value);
    }

    /// Makes one span of every two.
    pub fn fold(&mut self) {
        self.0 = self.columns(2);
    }

    /// The spans in groups of `each`, merged.
    pub fn columns(&self, each: usize) -> Vec<T> {
        let merged = |group: &[T]| {
            let mut merged = group[0].clone();
            group[1..].iter().for_each(|later| merged.merge(later));
            merged
        };
        self.0.chunks(each.max(1)).map(merged).collect()
    }

    /// All spans.
    #[cfg(test)]
    pub fn all(&self) -> &[T] {
        &self.0
    }
}
