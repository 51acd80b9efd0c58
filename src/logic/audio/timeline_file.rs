//! Timelines as files (`.steadytl`): a header that says what they are, then the records as they are read.
//!
//! | offset | bytes | what, little-endian |
//! |---|---|---|
//! | 0 | 8 | "STEADYTL" |
//! | 8 | 4 + 4 | version of this layout, version of the analysis |
//! | 16 | 4 + 4 | sample rate in Hz, channels |
//! | 24 | 8 + 8 | samples per channel, hops |
//! | 40 | 4 + 4 | bytes of a record; largest sample as f32 |
//! | 48 | 4 | integrated loudness in 1/100 LUFS, −2³¹ where there is none |
//! | 52 | 4 | tempo in 1/100 beats a minute, 0 where there is none |
//! | 56 | 4 + 4 | confidence in 1/1000, count of beats |
//! | 64 | 4 + 4 | analysis (0 full, 1 causal), normalisation (0 track, 1 running, 2 fixed) |
//! | 72 | 4 + 4 | count of sections but the first, 0 |
//! | 80 | 32 | BLAKE3 of the timeline: its digest |
//! | 112 | 32 | BLAKE3 of the 112 bytes before |
//! | 144 | hops · record | records, see below |
//! | behind | beats · 4 | the hop of each beat |
//! | behind | sections · 4 | the hop at which each section but the first begins |
//! | behind | the rest | title, artist and cover, see [`Tags`] |
//!
//! A record is a [`Hop`](super::features::Hop), 392 bytes:
//!
//! | offset | bytes | what, little-endian |
//! |---|---|---|
//! | 0 | 16 · 7 | bands: four of 14 bits each in seven bytes, the first lowest |
//! | 112 | 16 · 6 | peaks: four of 12 bits each in six bytes |
//! | 208 | 80 + 80 | waveform, side waveform: i8 |
//! | 368 | 6 · 2 | rms, peak, loudness, onsets in three ranges: u16 |
//! | 380 | 3 · 4 | travel, hue, rotation: u32 |
//!
//! A level of n bits stands for 16: itself, and behind it its highest bits once more.

use std::fs::File;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::features::Info;
use super::hops::HopGrid;
use super::options::{Analysis, Normalize, Options};
use super::record;
use super::tags::Tags;
use super::timeline::{ANALYSIS_VERSION, Digest, Summary, Timeline, each_block};

/// Version of the layout above.
pub const LAYOUT_VERSION: u32 = 4;
const MAGIC: &[u8; 8] = b"STEADYTL";
const HEADER: usize = 144;
/// Where the checksum of what is before it lies.
const CHECKSUM: usize = HEADER - 32;
const NO_LOUDNESS: i32 = i32::MIN;

/// Why a file cannot be used as a timeline.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It begins with something else.
    #[error("it is not a timeline")]
    Foreign,
    /// Another version of this crate made it.
    #[error("it was made by another version (layout {0}, analysis {1}); analyse the audio again")]
    Version(u32, u32),
    /// It is shorter than it says.
    #[error("it is cut off: {got} of {wanted} bytes are there")]
    CutOff {
        /// Bytes that are there.
        got: u64,
        /// Bytes there should be.
        wanted: u64,
    },
    /// Its checksums do not fit.
    #[error("it is damaged: its checksum does not fit")]
    Damaged,
}

/// A new timeline file that appears when it is whole. Made before the analysis, so that a folder that cannot be written
/// to is noticed first.
pub struct NewFile(tempfile::NamedTempFile, PathBuf);

impl NewFile {
    /// For a file at `path`.
    ///
    /// # Errors
    ///
    /// When no file can be made in the folder of `path`, such as where there is no folder or it may not be written to.
    pub fn beside(path: &Path) -> io::Result<Self> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Ok(Self(tempfile::NamedTempFile::new_in(folder)?, path.to_owned()))
    }

    /// Writes `timeline`; fails where there is a file by now.
    ///
    /// # Errors
    ///
    /// [`AlreadyExists`](io::ErrorKind::AlreadyExists) when there is a file by now, which stays as it is; otherwise when records cannot
    /// be read, or when the new file cannot be written, synced or given its name. Nothing of the new file is left then.
    pub fn save(self, timeline: &Timeline) -> io::Result<()> {
        let Self(mut file, path) = self;
        file.write_all(&header(timeline))?;
        each_block(&timeline.file, timeline.offset, timeline.info.hops, |_, records| {
            file.write_all(records).map(|()| ControlFlow::Continue(()))
        })?;
        let places = timeline.beats.iter().chain(&timeline.sections);
        file.write_all(&places.flat_map(|hop| hop.to_le_bytes()).collect::<Vec<u8>>())?;
        file.write_all(&timeline.tags.to_bytes())?;
        file.as_file().sync_all()?;
        file.persist_noclobber(path).map_err(|error| error.error)?;
        Ok(())
    }
}

/// Opens a timeline and checks all of it. `None` when `progress`, told how many hops have been checked, calls it off.
///
/// # Errors
///
/// [`OpenError::Io`] when the file cannot be read, [`Foreign`](OpenError::Foreign) when it does not begin as a timeline does,
/// [`Version`](OpenError::Version) when its layout or its analysis is of another version, [`CutOff`](OpenError::CutOff) when it ends
/// before its tags begin, and [`Damaged`](OpenError::Damaged) when a checksum or the digest does not fit, or fits over nonsense.
pub fn open(path: &Path, progress: &mut dyn FnMut(u64) -> ControlFlow<()>) -> Result<Option<Timeline>, OpenError> {
    let file = File::open(path)?;
    let len = file.metadata()?.len();
    let mut bytes = [0; HEADER];
    match file.read_exact_at(&mut bytes, 0) {
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error.into()),
        _ if !bytes.starts_with(MAGIC) => return Err(OpenError::Foreign),
        Err(_) => return Err(OpenError::CutOff { got: len, wanted: HEADER as u64 }),
        Ok(()) => {}
    }
    let (mut timeline, beats, sections) = parse(&bytes, file)?;
    let beats_at = timeline.info.hops.saturating_mul(record::LEN as u64).saturating_add(HEADER as u64);
    let places = u64::from(beats) + u64::from(sections);
    let wanted = beats_at.saturating_add(4 * places);
    if len < wanted {
        return Err(OpenError::CutOff { got: len, wanted });
    }
    let mut bytes = vec![0; 4 * places as usize];
    timeline.file.read_exact_at(&mut bytes, beats_at)?;
    timeline.beats = bytes.as_chunks().0.iter().map(|hop| u32::from_le_bytes(*hop)).collect();
    timeline.sections = timeline.beats.split_off(beats as usize);
    // A file can have right checksums over nonsense.
    let rise = |hops: &[u32]| hops.is_sorted_by(|a, b| a < b);
    if !rise(&timeline.beats) || !rise(&timeline.sections) {
        return Err(OpenError::Damaged);
    }
    let mut digest = Digest::default();
    let whole = each_block(&timeline.file, timeline.offset, timeline.info.hops, |hop, records| {
        digest.update(records);
        Ok(progress(hop))
    })?;
    if !whole {
        return Ok(None);
    }
    digest.update_places(&timeline.beats);
    digest.update_places(&timeline.sections);
    if digest.finish(&timeline.info, timeline.options) != timeline.digest {
        return Err(OpenError::Damaged);
    }
    let mut bytes = vec![0; usize::try_from(len - wanted).map_err(|_| OpenError::Damaged)?];
    timeline.file.read_exact_at(&mut bytes, wanted)?;
    timeline.tags = Tags::from_bytes(&bytes).ok_or(OpenError::Damaged)?;
    Ok(Some(timeline))
}

fn header(timeline: &Timeline) -> [u8; HEADER] {
    let (info, summary) = (&timeline.info, &timeline.summary);
    let mut bytes = [0; HEADER];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, MAGIC);
    put(8, &LAYOUT_VERSION.to_le_bytes());
    put(12, &ANALYSIS_VERSION.to_le_bytes());
    put(16, &info.rate.to_le_bytes());
    put(20, &info.channels.to_le_bytes());
    put(24, &info.samples.to_le_bytes());
    put(32, &info.hops.to_le_bytes());
    put(40, &(record::LEN as u32).to_le_bytes());
    put(44, &summary.peak.to_le_bytes());
    let loudness = summary.loudness_lufs.map_or(NO_LOUDNESS, |lufs| (lufs * 100.0).round() as i32);
    put(48, &loudness.to_le_bytes());
    put(52, &((summary.tempo.unwrap_or(0.0) * 100.0).round() as u32).to_le_bytes());
    put(56, &((summary.confidence * 1000.0).round() as u32).to_le_bytes());
    put(60, &(timeline.beats.len() as u32).to_le_bytes());
    put(64, &(timeline.options.analysis as u32).to_le_bytes());
    put(68, &(timeline.options.normalize as u32).to_le_bytes());
    put(72, &(timeline.sections.len() as u32).to_le_bytes());
    put(80, timeline.digest.as_bytes());
    let checksum = blake3::hash(&bytes[..CHECKSUM]);
    bytes[CHECKSUM..].copy_from_slice(checksum.as_bytes());
    bytes
}

/// The timeline without its beats, sections and tags, and how many of the former two there are.
fn parse(bytes: &[u8; HEADER], file: File) -> Result<(Timeline, u32, u32), OpenError> {
    fn number<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
        std::array::from_fn(|i| bytes[at + i])
    }
    let u32_at = |at| u32::from_le_bytes(number(bytes, at));
    let u64_at = |at| u64::from_le_bytes(number(bytes, at));
    if (u32_at(8), u32_at(12)) != (LAYOUT_VERSION, ANALYSIS_VERSION) {
        return Err(OpenError::Version(u32_at(8), u32_at(12)));
    }
    if blake3::hash(&bytes[..CHECKSUM]).as_bytes()[..] != bytes[CHECKSUM..] {
        return Err(OpenError::Damaged);
    }
    let info = Info { rate: u32_at(16), channels: u32_at(20), samples: u64_at(24), hops: u64_at(32) };
    let options = options(u32_at(64), u32_at(68)).ok_or(OpenError::Damaged)?;
    // A file can have a right checksum over nonsense.
    let plausible = info.rate > 0
        && info.channels > 0
        && u32_at(40) as usize == record::LEN
        && info.samples <= 1 << 56
        && info.hops == HopGrid::new(info.rate).count(info.samples);
    if !plausible {
        return Err(OpenError::Damaged);
    }
    let loudness = i32::from_le_bytes(number(bytes, 48));
    let summary = Summary {
        loudness_lufs: (loudness != NO_LOUDNESS).then(|| f64::from(loudness) / 100.0),
        peak: f32::from_le_bytes(number(bytes, 44)),
        tempo: Some(f64::from(u32_at(52)) / 100.0).filter(|&tempo| tempo > 0.0),
        confidence: f64::from(u32_at(56)) / 1000.0,
    };
    let digest = blake3::Hash::from_bytes(number(bytes, 80));
    let (beats, bars, sections, tags) = Default::default();
    let timeline =
        Timeline { file, offset: HEADER as u64, info, options, summary, beats, bars, sections, digest, tags };
    Ok((timeline, u32_at(60), u32_at(72)))
}

/// The options whose numbers these are.
fn options(analysis: u32, normalize: u32) -> Option<Options> {
    let analysis = [Analysis::Full, Analysis::Causal].into_iter().find(|&kind| kind as u32 == analysis)?;
    let kinds = [Normalize::Track, Normalize::Running, Normalize::Fixed];
    Some(Options { analysis, normalize: kinds.into_iter().find(|&kind| kind as u32 == normalize)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logic::audio::analyze::Analyzer;
    use crate::logic::audio::features::HopWindow;
    use crate::logic::audio::scratch;

    fn timeline() -> Timeline {
        let mut analyzer = Analyzer::new(8_000, 1, scratch::unlinked().unwrap()).unwrap();
        let samples: Vec<_> =
            (0..80_000).map(|i| if i % 4000 < 800 { (i % 83) as f32 / 83.0 - 0.5 } else { 0.0 }).collect();
        analyzer.push(&samples).unwrap();
        analyzer.finish(&mut |_| ControlFlow::Continue(())).unwrap().unwrap()
    }

    fn open_bytes(bytes: &[u8]) -> Result<Option<Timeline>, OpenError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        open(file.path(), &mut |_| ControlFlow::Continue(()))
    }

    fn saved() -> (Timeline, Vec<u8>) {
        let (mut timeline, folder) = (timeline(), tempfile::tempdir().unwrap());
        timeline.set_tags(Tags { title: Some("Größe".to_owned()), artist: None, cover: Some(vec![7; 500]) });
        let path = folder.path().join("a.steadytl");
        NewFile::beside(&path).unwrap().save(&timeline).unwrap();
        let bytes = std::fs::read(path).unwrap();
        (timeline, bytes)
    }

    #[test]
    fn what_was_saved_is_opened_again() {
        let (timeline, bytes) = saved();
        let opened = open_bytes(&bytes).unwrap().unwrap();
        assert_eq!((opened.info(), opened.digest()), (timeline.info(), timeline.digest()));
        assert_eq!(opened.tags(), timeline.tags());
        assert!(opened.beats().len() > 10);
        assert_eq!((opened.beats(), opened.sections()), (timeline.beats(), timeline.sections()));
        assert!((opened.summary().tempo.unwrap() - 120.0).abs() < 1.0);
        assert!((opened.summary().loudness_lufs.unwrap() - timeline.summary().loudness_lufs.unwrap()).abs() < 0.01);
        let (mut a, mut b) = (HopWindow::default(), HopWindow::default());
        for first in [-10, 0, 300, 495] {
            timeline.read(first, 20, &mut a, &mut Vec::new()).unwrap();
            opened.read(first, 20, &mut b, &mut Vec::new()).unwrap();
            assert!((first..first + 20).all(|hop| a.hop(hop) == b.hop(hop)));
        }
    }

    #[test]
    fn a_file_that_is_there_is_not_replaced() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let saved = NewFile::beside(file.path()).unwrap().save(&timeline());
        assert_eq!(saved.unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::metadata(file.path()).unwrap().len(), 0);
    }

    #[test]
    fn any_changed_byte_is_noticed() {
        let (_, bytes) = saved();
        for at in (0..HEADER).chain((HEADER..bytes.len()).step_by(997)) {
            let mut changed = bytes.clone();
            changed[at] ^= 0x10;
            let error = open_bytes(&changed).unwrap_err();
            match at {
                0..8 => assert!(matches!(error, OpenError::Foreign), "{at}: {error}"),
                8..16 => assert!(matches!(error, OpenError::Version(..)), "{at}: {error}"),
                _ => assert!(matches!(error, OpenError::Damaged), "{at}: {error}"),
            }
        }
    }

    #[test]
    fn beats_that_do_not_rise_are_damage_though_every_checksum_fits() {
        let (mut timeline, folder) = (timeline(), tempfile::tempdir().unwrap());
        timeline.beats.swap(0, 1);
        let mut digest = Digest::default();
        each_block(&timeline.file, timeline.offset, timeline.info.hops, |_, records| {
            digest.update(records);
            Ok(ControlFlow::Continue(()))
        })
        .unwrap();
        digest.update_places(&timeline.beats);
        digest.update_places(&timeline.sections);
        timeline.digest = digest.finish(&timeline.info, timeline.options);
        let path = folder.path().join("a.steadytl");
        NewFile::beside(&path).unwrap().save(&timeline).unwrap();
        let opened = open(&path, &mut |_| ControlFlow::Continue(()));
        assert!(matches!(opened, Err(OpenError::Damaged)), "{opened:?}");
    }

    #[test]
    fn a_header_that_tells_of_more_hops_than_a_file_can_hold_is_one_of_a_file_that_is_cut_off() {
        let (_, mut bytes) = saved();
        let samples = 1_u64 << 56;
        bytes[16..20].copy_from_slice(&1_u32.to_le_bytes());
        bytes[24..32].copy_from_slice(&samples.to_le_bytes());
        bytes[32..40].copy_from_slice(&HopGrid::new(1).count(samples).to_le_bytes());
        let checksum = blake3::hash(&bytes[..CHECKSUM]);
        bytes[CHECKSUM..HEADER].copy_from_slice(checksum.as_bytes());
        let opened = open_bytes(&bytes).map(drop);
        assert!(matches!(opened, Err(OpenError::CutOff { wanted: u64::MAX, .. })), "{opened:?}");
    }

    #[test]
    fn a_file_that_is_cut_off_is_refused_wherever_it_is_cut() {
        let (_, bytes) = saved();
        for len in [8, 100, HEADER, HEADER + 1, bytes.len() - 1] {
            let error = open_bytes(&bytes[..len]).unwrap_err();
            let in_tags = len == bytes.len() - 1;
            assert!(matches!(error, OpenError::CutOff { .. }) || in_tags, "{len}: {error}");
        }
        assert!(matches!(open_bytes(&bytes[..7]).unwrap_err(), OpenError::Foreign));
        assert!(matches!(open_bytes(b"").unwrap_err(), OpenError::Foreign));
    }

    #[test]
    fn opening_can_be_called_off() {
        let (_, bytes) = saved();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        assert!(open(file.path(), &mut |_| ControlFlow::Break(())).unwrap().is_none());
    }
}
