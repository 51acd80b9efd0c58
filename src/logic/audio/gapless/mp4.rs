//! The edit list of an MP4 or QuickTime file (ISO/IEC 14496-12).
//!
//! `elst` says where in a track the sound begins and, in units of the whole file (often milliseconds), how long it is.
//! `mdhd` has the length of the track in its own units, which for sound are samples: together they give the length to the
//! sample, where the edit list alone may be a frame too long.

use std::io::{self, Read, Seek, SeekFrom};

use super::{Gapless, SkippedBy};

/// An index of hours of sound is some megabytes; nothing larger is read.
const LARGEST_INDEX: u64 = 64 << 20;

/// Looks for the edit list of the first sound track; `None` in a file of another kind and in one without.
pub(super) fn find(file: &mut (impl Read + Seek)) -> io::Result<Option<Gapless>> {
    let Some(index) = index(file)? else { return Ok(None) };
    Ok(gapless(&index))
}

/// The body of the box `moov`, wherever it lies.
fn index(file: &mut (impl Read + Seek)) -> io::Result<Option<Vec<u8>>> {
    let (mut at, mut is_first) = (0u64, true);
    loop {
        file.seek(SeekFrom::Start(at))?;
        let mut head = Vec::new();
        file.by_ref().take(16).read_to_end(&mut head)?;
        let Some((name, header, size)) = Header::parse(&head) else { return Ok(None) };
        if is_first && &name != b"ftyp" {
            return Ok(None);
        }
        is_first = false;
        if &name == b"moov" {
            let len = size.map_or(LARGEST_INDEX, |size| size.saturating_sub(header));
            if len > LARGEST_INDEX {
                return Ok(None);
            }
            file.seek(SeekFrom::Start(at + header))?;
            let mut body = Vec::new();
            file.by_ref().take(len).read_to_end(&mut body)?;
            return Ok(Some(body));
        }
        // Each box is longer than nothing, so this ends; one without a size is the last.
        match size.and_then(|size| at.checked_add(size)) {
            Some(next) => at = next,
            None => return Ok(None),
        }
    }
}

struct Header;

impl Header {
    /// Name, length of the header, and length of the box unless it goes on to the end of the file.
    fn parse(head: &[u8]) -> Option<([u8; 4], u64, Option<u64>)> {
        let (size, rest) = head.split_first_chunk::<4>()?;
        let (name, rest) = rest.split_first_chunk::<4>()?;
        let (header, size) = match u32::from_be_bytes(*size) {
            0 => (8, None),
            1 => (16, Some(u64::from_be_bytes(*rest.first_chunk::<8>()?))),
            size => (8, Some(u64::from(size))),
        };
        size.is_none_or(|size| size >= header).then_some((*name, header, size))
    }
}

/// The boxes in `bytes`, as far as they are whole.
fn boxes(mut bytes: &[u8]) -> impl Iterator<Item = ([u8; 4], &[u8])> {
    std::iter::from_fn(move || {
        let (name, header, size) = Header::parse(bytes)?;
        let end = size.map_or(Some(bytes.len()), |size| usize::try_from(size).ok())?;
        let body = bytes.get(usize::try_from(header).ok()?..end)?;
        bytes = &bytes[end..];
        Some((name, body))
    })
}

fn child<'a>(bytes: &'a [u8], path: &[&[u8; 4]]) -> Option<&'a [u8]> {
    path.iter().try_fold(bytes, |bytes, &wanted| boxes(bytes).find(|(name, _)| name == wanted).map(|(_, body)| body))
}

fn gapless(moov: &[u8]) -> Option<Gapless> {
    let (file_units, _) = times(child(moov, &[b"mvhd"])?)?;
    let is_sound = |track: &&[u8]| child(track, &[b"mdia", b"hdlr"]).and_then(|body| body.get(8..12)) == Some(b"soun");
    let track = boxes(moov).filter(|(name, _)| name == b"trak").map(|(_, body)| body).find(is_sound)?;
    let (rate, length) = times(child(track, &[b"mdia", b"mdhd"])?)?;
    let (skip, edit) = only_edit(child(track, &[b"edts", b"elst"])?)?;
    let after = length.checked_sub(skip)?;
    let scale = |edit: u64| u128::from(edit) * u128::from(rate) / u128::from(file_units);
    // Within a unit of the file the edit is just rounded.
    let samples = match scale(edit.checked_add(1)?) < u128::from(after) {
        true => u64::try_from(scale(edit)).ok()?,
        false => after,
    };
    (samples > 0).then_some(Gapless { rate, skip, samples, skipped_by: SkippedBy::Demuxer })
}

/// Units a second and length of `mvhd` or `mdhd`.
fn times(body: &[u8]) -> Option<(u32, u64)> {
    let (units, length) = match body.first()? {
        0 => (body.get(12..16)?, u64::from(u32_at(body, 16)?)),
        1 => (body.get(20..24)?, u64_at(body, 24)?),
        _ => return None,
    };
    let units = u32_at(units, 0)?;
    // A length of nothing or of ones is that of a fragmented file, which is not known.
    (units > 0 && length > 0 && length != u64::from(u32::MAX) && length != u64::MAX).then_some((units, length))
}

/// Begin in the track's units and length in the file's, where there is one edit at normal speed and nothing else.
fn only_edit(body: &[u8]) -> Option<(u64, u64)> {
    let (length, begin, rate) = match (body.first()?, u32_at(body, 4)?) {
        (0, 1) => (u64::from(u32_at(body, 8)?), u64::from(u32_at(body, 12)?), u32_at(body, 16)?),
        (1, 1) => (u64_at(body, 8)?, u64_at(body, 16)?, u32_at(body, 24)?),
        _ => return None,
    };
    // What begins at −1 is a pause.
    let is_pause = begin == u64::from(u32::MAX) || begin == u64::MAX;
    (!is_pause && length > 0 && rate == 0x1_0000).then_some((begin, length))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_be_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().copied().map(u64::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Cursor;

    fn make(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
        [&(body.len() as u32 + 8).to_be_bytes()[..], name, body].concat()
    }

    fn full(numbers: &[u32]) -> Vec<u8> {
        numbers.iter().flat_map(|n| n.to_be_bytes()).collect()
    }

    /// A file in milliseconds with a sound track of `length` samples at 44.1 kHz and that edit list.
    fn file(length: u32, edits: &[[u32; 2]]) -> Vec<u8> {
        let mut list = vec![0, edits.len() as u32];
        list.extend(edits.iter().flat_map(|[length, begin]| [*length, *begin, 0x1_0000]));
        let handler = [&[0; 8][..], b"soun", &[0; 12]].concat();
        let media = [make(b"mdhd", &full(&[0, 0, 0, 44_100, length, 0])), make(b"hdlr", &handler)].concat();
        let track = [make(b"edts", &make(b"elst", &full(&list))), make(b"mdia", &media)].concat();
        let video = make(b"trak", &make(b"mdia", &make(b"hdlr", &[&[0; 8][..], b"vide"].concat())));
        let moov = [make(b"mvhd", &full(&[0, 0, 0, 1000, 10_000, 0])), video, make(b"trak", &track)].concat();
        [make(b"ftyp", b"M4A \0\0\0\0"), make(b"mdat", &[7; 100]), make(b"moov", &moov)].concat()
    }

    fn found(bytes: &[u8]) -> Option<Gapless> {
        find(&mut Cursor::new(bytes)).unwrap()
    }

    #[test]
    fn the_length_is_right_to_the_sample_although_the_edit_list_counts_milliseconds() {
        let wanted = Gapless { rate: 44_100, skip: 1024, samples: 441_442, skipped_by: SkippedBy::Demuxer };
        for rounded in [10_010, 10_011] {
            assert_eq!(found(&file(442_466, &[[rounded, 1024]])), Some(wanted));
        }
    }

    #[test]
    fn an_edit_that_ends_early_is_believed() {
        assert_eq!(found(&file(442_466, &[[5000, 1024]])).unwrap().samples, 220_500);
    }

    #[test]
    fn what_is_no_plain_edit_is_left_to_the_demuxer() {
        assert_eq!(found(&file(442_466, &[])), None, "no edit");
        assert_eq!(found(&file(442_466, &[[1000, u32::MAX], [9000, 0]])), None, "a pause first");
        assert_eq!(found(&file(0, &[[10_000, 1024]])), None, "a fragmented file");
        assert_eq!(found(&file(1000, &[[10_000, 1024]])), None, "a begin behind the end");
        assert_eq!(found(b"RIFF\0\0\0\0WAVE"), None);
        assert_eq!(found(b""), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_hang(
            at in 0usize..400, byte: u8, cut in 0usize..500, bytes in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut whole = file(442_466, &[[10_011, 1024]]);
            let at = at % whole.len();
            whole[at] = byte;
            whole.truncate(cut);
            found(&whole);
            found(&[&make(b"ftyp", b"M4A ")[..], &bytes].concat());
            found(&[make(b"ftyp", b"M4A "), make(b"moov", &bytes)].concat());
        }
    }
}
