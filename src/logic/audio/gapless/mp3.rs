//! The delay tag of an MP3 file.
//!
//! An MP3 encoder puts silence before and after the music and, since LAME, says how much in the first frame, in a tag that
//! begins with "Xing" or "Info" (documented as the "Mp3 Info Tag", rev. 1). A decoder adds 529 samples of its own.

use std::io::{self, Read, Seek, SeekFrom};

use super::{Gapless, SkippedBy};

/// Samples by which every MP3 decoder is late.
const DECODER_DELAY: u64 = 529;
/// How far behind the ID3 tags the first frame is looked for.
const SEARCH: usize = 16 * 1024;
/// Bytes of something else that may follow the frames, besides a twentieth of them.
const MOST_BEHIND: u64 = 16 * 1024;
/// Bytes that a frame with a tag has at least.
const TAGGED_FRAME: usize = 4 + 32 + 156;

/// Looks for a delay tag in an MP3 file; `None` in any other and in one without.
pub(super) fn find(file: &mut (impl Read + Seek)) -> io::Result<Option<Gapless>> {
    let mut start = 0;
    loop {
        file.seek(SeekFrom::Start(start))?;
        let mut head = Vec::new();
        file.by_ref().take(10).read_to_end(&mut head)?;
        match id3_len(&head) {
            // Each tag is longer than nothing, so this ends.
            Some(len) => start += len,
            None => break,
        }
    }
    file.seek(SeekFrom::Start(start))?;
    let mut head = Vec::new();
    file.by_ref().take((SEARCH + TAGGED_FRAME) as u64).read_to_end(&mut head)?;
    let first = (0..head.len().min(SEARCH)).find_map(|at| Header::parse(&head[at..]).map(|header| (at, header)));
    let Some((at, header)) = first else { return Ok(None) };
    let Some((found, bytes)) = tag(&header, &head[at..]) else { return Ok(None) };
    let frames = sound_end(file)?.saturating_sub(start + at as u64);
    // Files that were joined begin with the tag of the first, which knows nothing of the others.
    let goes_on = bytes.is_some_and(|bytes| frames > bytes + bytes / 20 + MOST_BEHIND);
    Ok(Some(Gapless { samples: if goes_on { u64::MAX } else { found.samples }, ..found }))
}

/// Where the tags at the end of the file begin: ID3v1 last, and APEv2 before it.
fn sound_end(file: &mut (impl Read + Seek)) -> io::Result<u64> {
    let mut end = file.seek(SeekFrom::End(0))?;
    for (len, name) in [(128, &b"TAG"[..]), (32, &b"APETAGEX"[..])] {
        let Some(at) = end.checked_sub(len) else { break };
        file.seek(SeekFrom::Start(at))?;
        let mut tag = Vec::new();
        file.by_ref().take(len).read_to_end(&mut tag)?;
        if !tag.starts_with(name) {
            continue;
        }
        // The length that an APE tag has at its end leaves out its header.
        let ape = tag.get(12..16).filter(|_| len == 32).map(|len| u32::from_le_bytes([len[0], len[1], len[2], len[3]]));
        end = end.saturating_sub(ape.map_or(len, |body| u64::from(body) + 32));
    }
    Ok(end)
}

/// Length of the ID3v2 tag that `head` begins with.
fn id3_len(head: &[u8]) -> Option<u64> {
    let &[b'I', b'D', b'3', major, minor, flags, a, b, c, d] = head else { return None };
    if major == 0xff || minor == 0xff || [a, b, c, d].iter().any(|byte| byte & 0x80 != 0) {
        return None;
    }
    let footer = if flags & 0x10 != 0 { 10 } else { 0 };
    let body = [a, b, c, d].iter().fold(0, |len, &byte| len << 7 | u64::from(byte));
    Some(10 + body + footer)
}

/// What the four bytes at the start of a layer III frame say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Header {
    rate: u32,
    samples: u64,
    /// Where in the frame a tag would be: behind the side information, which is empty.
    tag_at: usize,
}

impl Header {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let &[0xff, b, c, d, ..] = bytes else { return None };
        let (sync, version, layer) = (b >> 5, b >> 3 & 3, b >> 1 & 3);
        let (bitrate, rate) = (c >> 4, c >> 2 & 3);
        if sync != 7 || version == 1 || layer != 1 || bitrate == 15 || rate == 3 {
            return None;
        }
        let rate = [44_100, 48_000, 32_000][usize::from(rate)];
        let (mpeg1, mono) = (version == 3, d >> 6 == 3);
        let rate = match version {
            3 => rate,
            2 => rate / 2,
            _ => rate / 4,
        };
        let side = match (mpeg1, mono) {
            (true, false) => 32,
            (true, true) | (false, false) => 17,
            (false, true) => 9,
        };
        Some(Self { rate, samples: if mpeg1 { 1152 } else { 576 }, tag_at: 4 + side })
    }
}

/// The tag, and how many bytes it says there are, in the frame that `header` and `frame` are of.
fn tag(header: &Header, frame: &[u8]) -> Option<(Gapless, Option<u64>)> {
    let rest = frame.get(header.tag_at..)?;
    let rest = rest.strip_prefix(b"Xing").or_else(|| rest.strip_prefix(b"Info"))?;
    let (flags, rest) = rest.split_first_chunk::<4>()?;
    let flags = u32::from_be_bytes(*flags);
    // Without a count of frames the end is not known.
    if flags & 1 == 0 {
        return None;
    }
    let (frames, rest) = rest.split_first_chunk::<4>()?;
    let optional = |flag: u32, len: usize| if flags & flag != 0 { len } else { 0 };
    let bytes = rest.first_chunk::<4>().filter(|_| flags & 2 != 0).map(|bytes| u64::from(u32::from_be_bytes(*bytes)));
    let rest = rest.get(optional(2, 4) + optional(4, 100) + optional(8, 4)..)?;
    // Other encoders leave this area empty or fill it with something else.
    let encoder = [b"LAME", b"Lavf", b"Lavc"].into_iter().find(|&encoder| rest.starts_with(encoder))?;
    let skipped_by = SkippedBy::Taker { lame: encoder == b"LAME" };
    let &[a, b, c] = rest.get(21..24)? else { return None };
    let delay = u64::from(a) << 4 | u64::from(b) >> 4;
    let padding = u64::from(b & 15) << 8 | u64::from(c);
    let decoded = u64::from(u32::from_be_bytes(*frames)) * header.samples;
    let samples = decoded.checked_sub(delay + padding).filter(|&samples| samples > 0)?;
    Some((Gapless { rate: header.rate, skip: delay + DECODER_DELAY, samples, skipped_by }, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Cursor;

    /// A file that begins with a tagged frame.
    fn file(header: [u8; 4], tag_at: usize, name: &[u8; 4], flags: u32, numbers: (u32, u32, u32)) -> Vec<u8> {
        let (frames, delay, padding) = numbers;
        let mut file = header.to_vec();
        file.resize(tag_at, 0);
        file.extend(name);
        file.extend(flags.to_be_bytes());
        for (flag, len) in [(1, 4), (2, 4), (4, 100), (8, 4)] {
            if flags & flag != 0 {
                file.extend(if flag == 1 { frames.to_be_bytes().to_vec() } else { vec![7; len] });
            }
        }
        file.extend(b"LAME3.100");
        file.extend([0; 12]);
        let packed = delay << 12 | padding;
        file.extend(&packed.to_be_bytes()[1..]);
        file.extend([0; 600]);
        file
    }

    fn found(file: &[u8]) -> Option<Gapless> {
        find(&mut Cursor::new(file)).unwrap()
    }

    const LAME: SkippedBy = SkippedBy::Taker { lame: true };
    const MPEG1_STEREO: [u8; 4] = [0xff, 0xfb, 0x90, 0x00];
    const MPEG2_MONO: [u8; 4] = [0xff, 0xf3, 0x80, 0xc0];
    const MPEG2_5_MONO: [u8; 4] = [0xff, 0xe3, 0x80, 0xc0];

    #[test]
    fn the_tag_gives_the_length_that_was_encoded() {
        // What ffmpeg writes for 441 441 samples: 385 frames, which decode to 443 520.
        let tagged = file(MPEG1_STEREO, 36, b"Info", 15, (385, 576, 1503));
        assert_eq!(found(&tagged), Some(Gapless { rate: 44_100, skip: 1105, samples: 441_441, skipped_by: LAME }));
        let mono = file(MPEG2_MONO, 13, b"Xing", 1, (10, 576, 100));
        assert_eq!(found(&mono), Some(Gapless { rate: 22_050, skip: 1105, samples: 5760 - 676, skipped_by: LAME }));
        let slow = file(MPEG2_5_MONO, 13, b"Xing", 1, (10, 576, 100));
        assert_eq!(found(&slow), Some(Gapless { rate: 11_025, skip: 1105, samples: 5760 - 676, skipped_by: LAME }));
    }

    #[test]
    fn the_encoder_tells_whether_the_parser_knows_the_tag() {
        let mut tagged = file(MPEG1_STEREO, 36, b"Info", 15, (385, 576, 1503));
        let at = 36 + 8 + 112;
        tagged[at..at + 4].copy_from_slice(b"Lavf");
        let found = found(&tagged).unwrap();
        assert_eq!(found.skipped_by, SkippedBy::Taker { lame: false });
        assert_eq!(found.left_to_skip(), 1105);
    }

    #[test]
    fn of_files_that_were_joined_the_end_is_not_known() {
        let bytes_at = 36 + 8 + 4;
        let mut joined = file(MPEG1_STEREO, 36, b"Info", 15, (385, 576, 1503));
        joined[bytes_at..bytes_at + 4].copy_from_slice(&100_000u32.to_be_bytes());
        joined.resize(100_000, 0);
        assert_eq!(found(&joined).unwrap().samples, 441_441);
        // Tags at the end are none of the sound.
        let mut tagged = joined.clone();
        tagged.resize(200_000 - 32, 7);
        tagged.extend(b"APETAGEX\xd0\x07\0\0");
        tagged.extend((100_000u32 - 32).to_le_bytes());
        tagged.extend([0; 16]);
        tagged.extend(b"TAG");
        tagged.extend([0; 125]);
        assert_eq!(found(&tagged).unwrap().samples, 441_441);
        joined.resize(200_000, 0);
        let found = found(&joined).unwrap();
        assert_eq!((found.skip, found.samples), (1105, u64::MAX));
    }

    #[test]
    fn pictures_in_front_are_passed_over() {
        let mut tagged = b"ID3\x04\0\0\0\0\x02\0".to_vec();
        tagged.extend([0xff; 256]);
        tagged.extend(b"ID3\x04\0\x10\0\0\0\x05hello");
        tagged.extend([0; 10]);
        tagged.extend(file(MPEG1_STEREO, 36, b"Info", 15, (385, 576, 1503)));
        assert_eq!(found(&tagged).unwrap().samples, 441_441);
    }

    #[test]
    fn no_tag_no_frame_count_and_no_mp3_are_nothing_to_cut() {
        let tagged = file(MPEG1_STEREO, 36, b"Info", 15, (385, 576, 1503));
        let change = |at: usize, byte: u8| {
            let mut changed = tagged.clone();
            changed[at] = byte;
            changed
        };
        assert_eq!(found(&change(36, b'x')), None, "no tag");
        assert_eq!(found(&change(43, 14)), None, "no count of frames");
        assert_eq!(found(&change(36 + 8 + 112, b'M')), None, "an encoder that gives no delay");
        assert_eq!(found(&file(MPEG1_STEREO, 36, b"Info", 15, (1, 576, 1503))), None, "more padding than audio");
        assert_eq!(found(b""), None);
        assert_eq!(found(b"RIFF\0\0\0\0WAVE"), None);
    }

    proptest! {
        #[test]
        fn any_numbers_are_read_back(
            frames in 4u32..10_000_000, delay in 0u32..4096, padding in 0u32..=511, flags in 0u32..8,
        ) {
            let tagged = file(MPEG1_STEREO, 36, b"Info", flags << 1 | 1, (frames, delay, padding));
            let samples = u64::from(frames) * 1152 - u64::from(delay + padding);
            prop_assert_eq!(found(&tagged), Some(Gapless { rate: 44_100, skip: u64::from(delay) + 529, samples, skipped_by: LAME }));
        }

        #[test]
        fn no_bytes_make_it_panic_or_hang(bytes in prop::collection::vec(any::<u8>(), 0..600), cut in 0usize..900) {
            found(&bytes);
            let mut tagged = file(MPEG1_STEREO, 36, b"Info", 15, (385, 576, 1503));
            tagged.truncate(cut);
            found(&tagged);
            let mut id3 = b"ID3".to_vec();
            id3.extend(&bytes);
            found(&id3);
        }
    }
}
