//! The outermost boxes of an MP4 or QuickTime file: what its demuxer does not tell of one that was not finished.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// More than a day has in fragments of a fifth of a second. What lies behind is not counted.
const MOST: usize = 1 << 20;

/// What a file is made of.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Boxes {
    /// Its index comes in pieces, of which no first one tells how long the whole is.
    pub fragmented: bool,
    /// Bytes of media data.
    pub media: u64,
    /// Those of them in the last box, which may be torn.
    pub last: u64,
}

impl Boxes {
    /// Those of the file at `path`; nothing where it cannot be read or is no such file.
    pub fn of(path: &Path) -> Self {
        let Ok(file) = File::open(path) else { return Self::default() };
        let len = file.metadata().map_or(0, |m| m.len());
        Self::read(len, |header, at| file.read_exact_at(header, at).is_ok())
    }

    /// Those of `len` bytes; `read` fills a header from a place.
    fn read(len: u64, read: impl Fn(&mut [u8], u64) -> bool) -> Self {
        let mut boxes = Self::default();
        let mut at = 0;
        for _ in 0..MOST {
            let mut header = [0; 16];
            let short = len.saturating_sub(at).min(16) as usize;
            if short < 8 || !read(&mut header[..short], at) {
                break;
            }
            let [a, b, c, d, kind @ .., _, _, _, _, _, _, _, _] = header;
            let (size, head) = match u32::from_be_bytes([a, b, c, d]) {
                // To the end of the file.
                0 => (len - at, 8),
                1 if short == 16 => (u64::from_be_bytes(header[8..].try_into().unwrap_or_default()), 16),
                size => (u64::from(size), 8),
            };
            if size < head || !kind.iter().all(|c| (b' '..=b'~').contains(c) || *c == 0xA9) {
                break;
            }
            let size = size.min(len - at);
            match &kind {
                b"moof" => boxes.fragmented = true,
                b"mdat" => {
                    boxes.last = size.saturating_sub(head);
                    boxes.media += boxes.last;
                }
                _ => {}
            }
            at += size;
        }
        boxes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(bytes: &[u8]) -> Boxes {
        let read = |header: &mut [u8], at: u64| {
            let at = at as usize;
            bytes.get(at..at + header.len()).map(|found| header.copy_from_slice(found)).is_some()
        };
        Boxes::read(bytes.len() as u64, read)
    }

    fn small(kind: &[u8; 4], content: usize) -> Vec<u8> {
        [&(content as u32 + 8).to_be_bytes()[..], kind, &vec![7; content]].concat()
    }

    #[test]
    fn media_data_is_counted_up_to_the_end_of_the_file() {
        let large = [&1_u32.to_be_bytes()[..], b"mdat", &116_u64.to_be_bytes(), &[7; 100]].concat();
        let whole = [small(b"ftyp", 20), small(b"moov", 300), large, small(b"moof", 50), small(b"mdat", 60)].concat();
        assert_eq!(of(&whole), Boxes { fragmented: true, media: 160, last: 60 });
        assert_eq!(of(&whole[..whole.len() - 25]), Boxes { fragmented: true, media: 135, last: 35 });
        let open = [small(b"ftyp", 20), [0, 0, 0, 0].into(), b"mdat".to_vec(), vec![7; 9]].concat();
        assert_eq!(of(&open), Boxes { fragmented: false, media: 9, last: 9 });
        assert_eq!(of(b"RIFF....WAVEfmt "), Boxes::default());
    }

    proptest! {
        #[test]
        fn anything_comes_to_an_end(bytes in prop::collection::vec(any::<u8>(), 0..200), kinds in 0usize..4) {
            let torn = [small(b"moof", kinds), small(b"mdat", kinds), bytes].concat();
            let boxes = of(&torn);
            prop_assert!(boxes.fragmented && boxes.media <= torn.len() as u64);
        }
    }
}
