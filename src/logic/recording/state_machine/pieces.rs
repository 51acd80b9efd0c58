//! Parts of a buffer that consists of several memories.

/// Some bytes of a buffer, in pieces. Nearly every buffer is one piece, and then there is nothing to allocate.
pub(super) enum Pieces<'a> {
    One([&'a [u8]; 1]),
    Many(Vec<&'a [u8]>),
}

impl<'a> Pieces<'a> {
    /// The `len` bytes after the first `skip` of `data`.
    pub fn new(data: &[&'a [u8]], mut skip: usize, mut len: usize) -> Self {
        if let [one] = data {
            return Self::One([&one[skip..skip + len]]);
        }
        let mut result = Vec::with_capacity(data.len());
        for piece in data {
            if skip >= piece.len() {
                skip -= piece.len();
                continue;
            }
            let piece = &piece[skip..];
            skip = 0;
            let piece = &piece[..piece.len().min(len)];
            len -= piece.len();
            if !piece.is_empty() {
                result.push(piece);
            }
            if len == 0 {
                break;
            }
        }
        Self::Many(result)
    }

    pub fn as_slice(&self) -> &[&'a [u8]] {
        match self {
            Self::One(one) => one,
            Self::Many(many) => many,
        }
    }
}
