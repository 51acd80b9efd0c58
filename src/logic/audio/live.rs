//! Audio that is heard now: the hops of the causal analysis as they come, kept only while they are drawn.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;

use super::envelope::EnvelopeFollower;
use super::feature_extraction::{FeatureExtractor, Measured};
use super::features::{Hop, HopWindow};
use super::loudness::momentary_db;
use super::options::{Analysis, Normalize, Options, SpecError};

/// The last hops of a stream. Hop for hop what [`Analysis::Causal`] writes of the same samples.
pub struct Live {
    extractor: FeatureExtractor,
    envelope: EnvelopeFollower,
    rate: u32,
    /// Index of the first of `kept`.
    first: u64,
    kept: VecDeque<Hop>,
}

impl Live {
    /// For interleaved audio of `channels` channels at `rate` Hz.
    ///
    /// # Errors
    ///
    /// [`SpecError::Empty`] when there is no rate or no channel.
    pub fn new(rate: u32, channels: u32, normalize: Normalize) -> Result<Self, SpecError> {
        let options = Options { analysis: Analysis::Causal, normalize };
        let envelope = EnvelopeFollower::new(options.scaling());
        let extractor = FeatureExtractor::new(rate, channels)?;
        Ok(Self { extractor, envelope, rate, first: 0, kept: VecDeque::new() })
    }

    /// Takes samples, interleaved.
    pub fn push(&mut self, interleaved: &[f32]) {
        self.keep(|extractor, tell| extractor.push(interleaved, tell));
    }

    /// No more samples come: measures the last hops, after which there is silence.
    pub fn finish(&mut self) {
        self.keep(FeatureExtractor::finish);
    }

    /// Keeps the hops that `measure` tells of.
    fn keep(
        &mut self,
        measure: impl FnOnce(&mut FeatureExtractor, &mut dyn FnMut(&Measured) -> io::Result<()>) -> io::Result<()>,
    ) {
        let Self { extractor, envelope, rate, kept, .. } = self;
        let measured = measure(extractor, &mut |measured| {
            kept.push_back(envelope.next(&measured.raw, momentary_db(measured.around, *rate)).0);
            Ok(())
        });
        debug_assert!(measured.is_ok(), "nothing here can fail");
    }

    /// Samples per channel taken so far.
    pub fn samples(&self) -> u64 {
        self.extractor.samples()
    }

    /// Hops there are so far.
    pub fn hops(&self) -> u64 {
        self.extractor.hops()
    }

    /// How many samples later than the centre of a hop the hop is there, at most.
    pub fn lookahead(&self) -> u64 {
        self.extractor.lookahead()
    }

    /// Makes `window` hold `count` hops from `first` on; silence where there are none.
    pub fn read(&self, first: i64, count: usize, window: &mut HopWindow) {
        let filled = window.refill(first, count, |hops| {
            for (hop, index) in hops.iter_mut().zip(first..) {
                let kept = u64::try_from(index).ok().and_then(|index| index.checked_sub(self.first));
                if let Some(kept) = kept.and_then(|at| self.kept.get(usize::try_from(at).ok()?)) {
                    *hop = *kept;
                }
            }
            Ok::<_, Infallible>(())
        });
        let Ok(()) = filled;
    }

    /// Hops before `first` are not read any more.
    pub fn forget(&mut self, first: i64) {
        let old = u64::try_from(first).unwrap_or(0).saturating_sub(self.first).min(self.kept.len() as u64);
        self.kept.drain(..old as usize);
        self.first += old;
    }
}
