//! Samples of a whole track to its timeline, written to a file whatever the length.
//!
//! [`Analysis::Full`] takes two passes: the first writes what was measured of each hop, the second knows the whole
//! track and rewrites each record in its place as what is drawn. [`Analysis::Causal`] knows nothing but the look-ahead
//! of what is to come, so its hops are drawn as they are measured.

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;

use super::bands;
use super::beat_prediction::Forward;
use super::beat_tracking::Beats;
use super::envelope::Shaper;
use super::feature_extraction::{Measure, Measured};
use super::features::Info;
use super::hops::HopGrid;
use super::loudness::{MOMENTARY, momentary_db};
use super::percentile::Histogram;
use super::record;
use super::scaling::{self, Ceilings, Scale, Scaling};
use super::second_pass;
use super::tags::Tags;
use super::timeline::{Summary, Timeline};

/// The share of hops, in percent, whose loudest band stays below the ceiling.
const CEILING_PERCENT: u8 = 98;

/// What may be known of the track when a moment of it is drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Analysis {
    /// All of it.
    #[default]
    Full,
    /// What came before, and half a long window of what comes.
    Causal,
}

/// What the levels of a track are measured by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Normalize {
    /// The loudest of the whole track; of what has been heard, where the analysis is causal.
    #[default]
    Track,
    /// The loudest of what has been heard, the last half minute above all.
    Running,
    /// The same for each track.
    Fixed,
}

/// How a track is analysed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// What may be known.
    pub analysis: Analysis,
    /// What levels are measured by.
    pub normalize: Normalize,
}

impl Options {
    /// What levels are measured by, where nothing is known of the whole track.
    pub(super) fn scaling(self) -> Scaling {
        match self.normalize {
            Normalize::Fixed => Scaling::fixed(),
            Normalize::Track | Normalize::Running => Scaling::running(),
        }
    }
}

/// Why audio cannot be analysed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// No rate or no channels.
    #[error("audio of {rate} Hz and {channels} channels cannot be analysed")]
    Empty {
        /// Hz.
        rate: u32,
        /// Channels.
        channels: u32,
    },
}

/// Measures audio and writes a [`Timeline`].
pub struct Analyzer {
    measure: Measure,
    writer: Writer,
    rate: u32,
    channels: u32,
    options: Options,
}

/// Where hops go once they are measured.
struct Writer {
    rate: u32,
    found: Found,
    causal: Option<(Shaper, Forward)>,
    file: File,
    written: u64,
    pending: Vec<u8>,
}

/// What is to be known of the track as a whole.
#[derive(Default)]
struct Found {
    hops: u64,
    loudest_bands: Histogram,
    momentary: Histogram,
    gating_blocks: Histogram,
    flux: [Histogram; 3],
    energies: std::collections::VecDeque<u64>,
    peak: f32,
}

impl Analyzer {
    /// For interleaved audio of `channels` channels at `rate` Hz; records go to `file`, which is empty.
    pub fn new(rate: u32, channels: u32, file: File) -> Result<Self, SpecError> {
        let measure = Measure::new(rate, channels)?;
        let writer = Writer { rate, found: Found::default(), causal: None, file, written: 0, pending: Vec::new() };
        Ok(Self { measure, writer, rate, channels, options: Options::default() })
    }

    /// With other than the default options.
    pub fn with(mut self, options: Options) -> Self {
        let causal = options.analysis == Analysis::Causal;
        self.writer.causal = causal.then(|| (Shaper::new(options.scaling()), Forward::default()));
        self.options = options;
        self
    }

    /// Samples per channel pushed so far.
    pub fn samples(&self) -> u64 {
        self.measure.samples()
    }

    /// Takes any number of samples, interleaved. What is not a number is silence.
    pub fn push(&mut self, interleaved: &[f32]) -> io::Result<()> {
        self.measure.push(interleaved, &mut |measured| self.writer.take(measured))
    }

    /// Ends the track: measures its last hops and makes the timeline. `progress` is told how many hops are drawn and
    /// may end the work, which then gives `None`.
    pub fn finish(mut self, progress: &mut dyn FnMut(u64) -> ControlFlow<()>) -> io::Result<Option<Timeline>> {
        self.measure.finish(&mut |measured| self.writer.take(measured))?;
        self.writer.write_pending()?;
        let samples = self.measure.samples();
        let hops = HopGrid::new(self.rate).count(samples);
        let info = Info { rate: self.rate, channels: self.channels, samples, hops };
        let Writer { found, causal, file, .. } = self.writer;
        let (loudness_lufs, peak) = (super::loudness::integrated(&found.gating_blocks), found.peak);
        let shaped = match causal {
            Some((_, beats)) => {
                let digest = second_pass::digest(&file, &info, progress)?;
                digest.map(|digest| (beats.finish(), Vec::new(), digest))
            }
            None => {
                let scaling = match self.options.normalize {
                    Normalize::Track => Scaling::Set(found.ceilings()),
                    Normalize::Running | Normalize::Fixed => self.options.scaling(),
                };
                second_pass::shape(&file, &info, scaling, progress)?
            }
        };
        let options = self.options;
        Ok(shaped.map(|(Beats { hops, tempo, confidence }, sections, mut digest)| {
            digest.update_places(&hops);
            digest.update_places(&sections);
            let summary = Summary { loudness_lufs, peak, tempo, confidence };
            let digest = digest.finish(&info, options);
            let (bars, tags) = (None, Tags::default());
            Timeline { file, offset: 0, info, options, summary, beats: hops, bars, sections, digest, tags }
        }))
    }
}

impl Writer {
    fn take(&mut self, measured: &Measured) -> io::Result<()> {
        self.found.note(measured, self.rate);
        self.pending.extend_from_slice(&[0; record::LEN]);
        let last = self.pending.len() - record::LEN;
        let bytes = &mut self.pending[last..];
        match &mut self.causal {
            Some((shaper, beats)) => {
                let (hop, strength) = shaper.next(&measured.raw, momentary_db(measured.around, self.rate));
                beats.push(strength);
                record::write(&hop, bytes);
            }
            None => measured.raw.write(bytes),
        }
        if self.pending.len() >= 256 * record::LEN { self.write_pending() } else { Ok(()) }
    }

    fn write_pending(&mut self) -> io::Result<()> {
        self.file.write_all_at(&self.pending, self.written)?;
        self.written += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }
}

impl Found {
    fn note(&mut self, measured: &Measured, rate: u32) {
        let (hop, raw) = (self.hops, &measured.raw);
        self.hops += 1;
        self.peak = self.peak.max(measured.peak);
        let loudest = raw.bands.iter().copied().max().unwrap_or(0);
        if loudest > bands::quantise_db(scaling::FLOOR_DB) {
            self.loudest_bands.add(loudest);
        }
        for (histogram, &flux) in self.flux.iter_mut().zip(&raw.flux) {
            if flux > scaling::FAINT_FLUX {
                histogram.add(flux);
            }
        }
        self.energies.push_back(raw.energy);
        if self.energies.len() > MOMENTARY {
            self.energies.pop_front();
        }
        if self.energies.len() == MOMENTARY {
            let momentary = momentary_db(self.energies.iter().sum(), rate);
            self.momentary.add(momentary);
            // Gating blocks of 400 ms overlap by three quarters.
            if hop.is_multiple_of(MOMENTARY as u64 / 4) {
                self.gating_blocks.add(momentary);
            }
        }
    }

    fn ceilings(&self) -> Ceilings {
        let loud = |histogram: &Histogram| histogram.percentile(CEILING_PERCENT);
        Ceilings {
            bands: Scale::below(loud(&self.loudest_bands).unwrap_or(0)),
            loudness: Scale::below(loud(&self.momentary).unwrap_or(0)),
            flux: self.flux.each_ref().map(|flux| scaling::flux_ceiling(loud(flux))),
        }
    }
}
