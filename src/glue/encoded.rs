//! Which of the decoded samples of a file were encoded: only those are drawn and heard.

use gst::prelude::*;

use super::decoding::take_over_trimming;
use crate::logic::audio::gapless::{Cut, Gapless};

/// Lets the encoded samples of one decoded stream through.
#[derive(Debug, Clone)]
pub struct Encoded {
    gapless: Option<Gapless>,
    /// From the first buffer on.
    cut: Option<Cut>,
}

impl Encoded {
    /// For the stream that `bin` decodes once it runs; `gapless` is what its file says about its length.
    pub fn new(bin: &gst::Bin, gapless: Option<Gapless>) -> Self {
        if gapless.is_some_and(|gapless| gapless.left_to_skip() > 0) {
            take_over_trimming(bin);
        }
        Self { gapless, cut: None }
    }

    /// The part of `buffer` that was encoded, if any of it was; without right time stamps.
    pub fn part(
        &mut self,
        buffer: gst::Buffer,
        segment: Option<&gst::FormattedSegment<gst::ClockTime>>,
        info: &gst_audio::AudioInfo,
    ) -> Option<gst::Buffer> {
        // Samples before the segment are priming.
        let buffer = match segment {
            Some(segment) => gst_audio::audio_buffer_clip(buffer, segment.upcast_ref(), info.rate(), info.bpf())?,
            None => buffer,
        };
        let first = buffer.pts();
        let cut = self.cut.get_or_insert_with(|| match self.gapless.filter(|gapless| gapless.rate == info.rate()) {
            Some(gapless) => Cut::new(gapless.left_to_skip(), gapless.samples),
            None => Cut::new(0, counted(segment, first, info.rate()).unwrap_or(u64::MAX)),
        });
        let count = (buffer.size() / info.bpf() as usize) as u64;
        let pass = cut.next(count);
        if pass == (0..count) {
            return Some(buffer);
        }
        let samples = (pass.end - pass.start) as usize;
        (samples > 0).then(|| gst_audio::audio_buffer_truncate(buffer, info.bpf(), pass.start as usize, Some(samples)))
    }

    /// When the stream is over: how many samples the demuxer has left out, to be replaced by silence.
    pub fn left_out(&self) -> u64 {
        let told = self.gapless.and(self.cut);
        told.and_then(|cut| cut.left_out()).unwrap_or(0)
    }
}

/// The samples from `first` on to the end of the segment, if it ends.
///
/// They are counted because clipping by time stamps keeps a sample that is inside by less than the rounding of a time
/// stamp, one too many at the end of an Ogg file.
fn counted(
    segment: Option<&gst::FormattedSegment<gst::ClockTime>>,
    first: Option<gst::ClockTime>,
    rate: u32,
) -> Option<u64> {
    let (stop, first) = segment?.stop().zip(first)?;
    stop.saturating_sub(first).nseconds().mul_div_round(u64::from(rate), 1_000_000_000)
}
