//! Samples of a whole track to its timeline, written to a file whatever the length.
//!
//! [`Analysis::Full`] takes two passes: the first writes what was measured of each hop, the second knows the whole
//! track and rewrites each record in its place as what is drawn. [`Analysis::Causal`] knows nothing but the look-ahead
//! of what is to come, so its hops are drawn as they are measured.

use std::fs::File;
use std::io;
use std::ops::ControlFlow;

use super::beat_tracking::Beats;
use super::feature_extraction::FeatureExtractor;
use super::features::Info;
use super::first_pass::FirstPass;
use super::hops::HopGrid;
use super::options::{Analysis, Normalize, Options, SpecError};
use super::scaling::Scaling;
use super::second_pass;
use super::tags::Tags;
use super::timeline::{Digest, Summary, Timeline};

/// Measures audio and writes a [`Timeline`].
pub struct Analyzer {
    extractor: FeatureExtractor,
    first_pass: FirstPass,
    rate: u32,
    channels: u32,
    options: Options,
}

impl Analyzer {
    /// For interleaved audio of `channels` channels at `rate` Hz; records go to `file`, which is empty.
    ///
    /// # Errors
    ///
    /// [`SpecError::Empty`] when there is no rate or no channel.
    pub fn new(rate: u32, channels: u32, file: File) -> Result<Self, SpecError> {
        let extractor = FeatureExtractor::new(rate, channels)?;
        Ok(Self { extractor, first_pass: FirstPass::new(rate, file), rate, channels, options: Options::default() })
    }

    /// With other than the default options.
    pub fn with(mut self, options: Options) -> Self {
        if options.analysis == Analysis::Causal {
            self.first_pass.make_causal(options.scaling());
        }
        self.options = options;
        self
    }

    /// Samples per channel pushed so far.
    pub fn samples(&self) -> u64 {
        self.extractor.samples()
    }

    /// Takes any number of samples, interleaved. What is not a number is silence.
    ///
    /// # Errors
    ///
    /// When records cannot be written to the file. The samples have been taken in part by then, so the call cannot be repeated.
    pub fn push(&mut self, interleaved: &[f32]) -> io::Result<()> {
        self.extractor.push(interleaved, &mut |measured| self.first_pass.take(measured))
    }

    /// Ends the track: measures its last hops and makes the timeline. `progress` is told how many hops are drawn and
    /// may end the work, which then gives `None`.
    ///
    /// # Errors
    ///
    /// When the last records cannot be written to the file, or when those in it cannot be read back or rewritten.
    pub fn finish(mut self, progress: &mut dyn FnMut(u64) -> ControlFlow<()>) -> io::Result<Option<Timeline>> {
        self.extractor.finish(&mut |measured| self.first_pass.take(measured))?;
        let samples = self.extractor.samples();
        let hops = HopGrid::new(self.rate).count(samples);
        let info = Info { rate: self.rate, channels: self.channels, samples, hops };
        let (file, statistics, predicted) = self.first_pass.finish()?;
        let finished = match predicted {
            Some(beats) => {
                let digest = Digest::of_records(&file, &info, progress)?;
                digest.map(|digest| (beats, Vec::new(), digest))
            }
            None => {
                let scaling = match self.options.normalize {
                    Normalize::Track => Scaling::Set(statistics.ceilings()),
                    Normalize::Running | Normalize::Fixed => self.options.scaling(),
                };
                second_pass::run(&file, &info, scaling, progress)?
            }
        };
        let options = self.options;
        Ok(finished.map(|(Beats { hops, tempo, confidence }, sections, mut digest)| {
            digest.update_places(&hops);
            digest.update_places(&sections);
            let (loudness_lufs, peak) = (statistics.loudness_lufs(), statistics.peak());
            let summary = Summary { loudness_lufs, peak, tempo, confidence };
            let digest = digest.finish(&info, options);
            let (bars, tags) = (None, Tags::default());
            Timeline { file, offset: 0, info, options, summary, beats: hops, bars, sections, digest, tags }
        }))
    }
}
