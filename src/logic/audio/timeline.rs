//! The finished timeline: a file of records that is read through windows.

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;

use super::beat_grid::BeatGrid;
use super::features::{HOPS_PER_SECOND, Hop, HopWindow, Info};
use super::options::{Analysis, Options};
use super::tags::Tags;
use super::{record, scratch};
use crate::logic::frame_grid::FrameGrid;

/// The meaning of everything that is stored; a change of results is a new version.
pub const ANALYSIS_VERSION: u32 = 6;

/// Records read in one go where all of them are.
pub(super) const BLOCK: usize = 256;

/// The findings about a whole track, besides its hops.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Integrated loudness in LUFS; `None` where nothing is above −70.
    pub loudness_lufs: Option<f64>,
    /// The largest absolute sample; full scale is 1.
    pub peak: f32,
    /// Beats a minute; `None` where no steady beat was found.
    pub tempo: Option<f64>,
    /// How sure the beats are, 0 to 1.
    pub confidence: f64,
}

/// An analysed track. Cheap to share between threads: reading does not move a file position.
#[derive(Debug)]
pub struct Timeline {
    pub(super) file: File,
    /// Where in the file the records begin.
    pub(super) offset: u64,
    pub(super) info: Info,
    pub(super) options: Options,
    pub(super) summary: Summary,
    pub(super) beats: Vec<u32>,
    /// Given together with the beats; otherwise they are looked for on demand.
    pub(super) bars: Option<Vec<u32>>,
    pub(super) sections: Vec<u32>,
    pub(super) digest: blake3::Hash,
    pub(super) tags: Tags,
}

impl Timeline {
    /// That of `samples` samples of silence at `rate` Hz, which is not 0.
    ///
    /// # Errors
    ///
    /// When no temporary file can be made for it, as in [`scratch::unlinked`].
    pub fn silent(rate: u32, samples: u64, options: Options) -> io::Result<Self> {
        let info = Info { rate, channels: 0, samples, hops: 0 };
        Ok(Self {
            file: scratch::unlinked()?,
            offset: 0,
            digest: Digest::default().finish(&info, options),
            info,
            options,
            summary: Summary { loudness_lufs: None, peak: 0.0, tempo: None, confidence: 0.0 },
            beats: Vec::new(),
            bars: None,
            sections: Vec::new(),
            tags: Tags::default(),
        })
    }

    /// What holds for the whole timeline.
    pub fn info(&self) -> &Info {
        &self.info
    }

    /// Hops that the track lasts. Silence has them too, though none is stored.
    pub fn hops(&self) -> u64 {
        let hops = u128::from(self.info.samples) * u128::from(HOPS_PER_SECOND);
        u64::try_from(hops.div_ceil(u128::from(self.info.rate))).unwrap_or(u64::MAX)
    }

    /// How the track was analysed.
    pub fn options(&self) -> Options {
        self.options
    }

    /// The findings about the whole track.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Frames in a video of the whole track. `None` where the analysis is causal: a frame may not know then where the
    /// end is.
    pub fn frame_count(&self, grid: FrameGrid) -> Option<u64> {
        (self.options.analysis == Analysis::Full).then(|| grid.frame_count(self.info.samples))
    }

    /// The hops of all beats, in order; none where the music has no steady beat and none were given.
    pub fn beats(&self) -> &[u32] {
        &self.beats
    }

    /// Takes the beats of `grid` in place of those that were found.
    pub fn set_beats(&mut self, grid: BeatGrid) {
        let mut digest = blake3::Hasher::new();
        digest.update(b"steady beats").update(self.digest.as_bytes());
        let mut digest = Digest(digest);
        digest.update_places(&grid.beats);
        digest.update_places(&grid.bars);
        self.digest = digest.0.finalize();
        (self.summary.tempo, self.summary.confidence) = (grid.tempo(), 1.0);
        (self.beats, self.bars) = (grid.beats, Some(grid.bars));
    }

    /// The hops at which sections begin, but for the first; none where the analysis is causal.
    pub fn sections(&self) -> &[u32] {
        &self.sections
    }

    /// Title, artist and cover. Not part of the digest, since the analysis does not find them.
    pub fn tags(&self) -> &Tags {
        &self.tags
    }

    /// Keeps title, artist and cover.
    pub fn set_tags(&mut self, tags: Tags) {
        self.tags = tags;
    }

    /// BLAKE3 over version, [`Info`], [`Options`], all records, beats and sections, in hexadecimal: equal digests draw equal pictures.
    pub fn digest(&self) -> String {
        self.digest.to_hex().to_string()
    }

    /// Makes `window` hold `count` hops from `first` on; silence where the track has none.
    ///
    /// # Errors
    ///
    /// When the file cannot be read, and [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) when it has become shorter. The window then holds
    /// silence.
    pub fn read(&self, first: i64, count: usize, window: &mut HopWindow, buffer: &mut Vec<u8>) -> io::Result<()> {
        window.refill(first, count, |hops| {
            let (total, last) = (self.info.hops as i64, first.saturating_add(count as i64));
            let (start, end) = (first.clamp(0, total), last.clamp(0, total));
            buffer.resize((end - start) as usize * record::LEN, 0);
            self.file.read_exact_at(buffer, self.offset + start as u64 * record::LEN as u64)?;
            // Where nothing of the track is in the window, nothing is written and the offset does not matter.
            let inside: &mut [Hop] = if end > start { &mut hops[(start - first) as usize..] } else { &mut [] };
            for (hop, bytes) in inside.iter_mut().zip(buffer.chunks_exact(record::LEN)) {
                *hop = record::read(bytes);
            }
            Ok(())
        })
    }
}

/// Hands `hops` records from `offset` on to `with`, block by block, each with the count of hops that are done after it.
/// Returns whether `with` took them all.
pub(super) fn each_block(
    file: &File,
    offset: u64,
    hops: u64,
    mut with: impl FnMut(u64, &[u8]) -> io::Result<ControlFlow<()>>,
) -> io::Result<bool> {
    let mut buffer = vec![0; BLOCK * record::LEN];
    let mut hop = 0;
    while hop < hops {
        let count = (hops - hop).min(BLOCK as u64);
        let records = &mut buffer[..count as usize * record::LEN];
        file.read_exact_at(records, offset + hop * record::LEN as u64)?;
        hop += count;
        if with(hop, records)?.is_break() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The digest of a timeline while its records pass by.
pub(super) struct Digest(blake3::Hasher);

impl Default for Digest {
    fn default() -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"steady timeline");
        hasher.update(&ANALYSIS_VERSION.to_le_bytes());
        Self(hasher)
    }
}

impl Digest {
    /// Of the finished records in `file`. `None` when `progress`, told how many hops are done, calls it off.
    pub(super) fn of_records(
        file: &File,
        info: &Info,
        progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> io::Result<Option<Self>> {
        let mut digest = Self::default();
        let whole = each_block(file, 0, info.hops, |hop, records| {
            digest.update(records);
            Ok(progress(hop))
        })?;
        Ok(whole.then_some(digest))
    }

    pub(super) fn update(&mut self, records: &[u8]) {
        self.0.update(records);
    }

    /// Beats, then sections.
    pub(super) fn update_places(&mut self, hops: &[u32]) {
        self.0.update(&(hops.len() as u64).to_le_bytes());
        for hop in hops {
            self.0.update(&hop.to_le_bytes());
        }
    }

    pub(super) fn finish(mut self, info: &Info, options: Options) -> blake3::Hash {
        for number in [info.rate, info.channels, options.analysis as u32, options.normalize as u32] {
            self.0.update(&number.to_le_bytes());
        }
        for number in [info.samples, info.hops] {
            self.0.update(&number.to_le_bytes());
        }
        self.0.finalize()
    }
}
