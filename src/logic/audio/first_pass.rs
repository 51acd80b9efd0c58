//! The first pass: stores each hop as it was measured and gathers the numbers of the whole track.
//!
//! In a causal analysis it is the only pass: nothing that is still to come may be used, so hops are finished at once.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::beat_prediction::BeatPredictor;
use super::beat_tracking::Beats;
use super::envelope::EnvelopeFollower;
use super::feature_extraction::Measured;
use super::loudness::{self, MOMENTARY, momentary_db};
use super::percentile::{BandLevels, Histogram};
use super::rise::Rise;
use super::scaling::{self, BandCeilings, Ceilings, Scale, Scaling};
use super::{bands, record};

/// The share of hops, in percent, that stay below a ceiling.
const CEILING_PERCENT: u8 = 98;

/// Writes measured hops to a file and keeps the statistics of the track.
pub(super) struct FirstPass {
    rate: u32,
    statistics: Statistics,
    /// Where the analysis is causal, hops are finished here.
    causal: Option<Causal>,
    file: File,
    written: u64,
    pending: Vec<u8>,
}

/// What finishes a hop without knowing the next.
struct Causal {
    envelope: EnvelopeFollower,
    rise: Rise,
    beats: BeatPredictor,
}

/// Numbers of the track as a whole.
#[derive(Default)]
pub(super) struct Statistics {
    hops: u64,
    bands: BandLevels,
    momentary: Histogram,
    gating_blocks: Histogram,
    flux: [Histogram; 3],
    energies: VecDeque<u64>,
    peak: f32,
}

impl FirstPass {
    /// For audio at `rate` Hz; records go to `file`, which is empty.
    pub(super) fn new(rate: u32, file: File) -> Self {
        Self { rate, statistics: Statistics::default(), causal: None, file, written: 0, pending: Vec::new() }
    }

    /// Looks ahead no further than the measuring does.
    pub(super) fn make_causal(&mut self, scaling: Scaling) {
        self.causal = Some(Causal {
            envelope: EnvelopeFollower::new(scaling),
            rise: Rise::default(),
            beats: BeatPredictor::default(),
        });
    }

    /// Takes the next hop.
    pub(super) fn take(&mut self, measured: &Measured) -> io::Result<()> {
        self.statistics.note(measured, self.rate);
        self.pending.extend_from_slice(&[0; record::LEN]);
        let last = self.pending.len() - record::LEN;
        let bytes = &mut self.pending[last..];
        match &mut self.causal {
            Some(Causal { envelope, rise, beats }) => {
                let (hop, strength) = envelope.next(&measured.raw, momentary_db(measured.around, self.rate));
                beats.push(strength, rise.next(&measured.raw.bands));
                record::write(&hop, bytes);
            }
            None => measured.raw.write(bytes),
        }
        if self.pending.len() >= 256 * record::LEN { self.write_pending() } else { Ok(()) }
    }

    /// The file with all records in it, the statistics, and the beats where the analysis is causal.
    pub(super) fn finish(mut self) -> io::Result<(File, Statistics, Option<Beats>)> {
        self.write_pending()?;
        Ok((self.file, self.statistics, self.causal.map(|causal| causal.beats.finish())))
    }

    fn write_pending(&mut self) -> io::Result<()> {
        self.file.write_all_at(&self.pending, self.written)?;
        self.written += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }
}

impl Statistics {
    fn note(&mut self, measured: &Measured, rate: u32) {
        let (hop, raw) = (self.hops, &measured.raw);
        self.hops += 1;
        self.peak = self.peak.max(measured.peak);
        if raw.bands.iter().any(|&db| db > bands::quantise_db(scaling::FLOOR_DB)) {
            self.bands.add(&raw.bands);
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

    /// Integrated loudness in LUFS; `None` where nothing is above −70.
    pub(super) fn loudness_lufs(&self) -> Option<f64> {
        loudness::integrated(&self.gating_blocks)
    }

    /// The largest absolute sample.
    pub(super) fn peak(&self) -> f32 {
        self.peak
    }

    /// The ceilings that suit the loud parts of the track.
    pub(super) fn ceilings(&self) -> Ceilings {
        let loud = |histogram: &Histogram| histogram.percentile(CEILING_PERCENT);
        Ceilings {
            bands: BandCeilings::of(self.bands.percentile(CEILING_PERCENT)),
            loudness: Scale::below(loud(&self.momentary).unwrap_or(0)),
            flux: self.flux.each_ref().map(|flux| scaling::flux_ceiling(loud(flux))),
        }
    }
}
