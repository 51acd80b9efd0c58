//! Which of the decoded samples of a file were encoded: those are drawn, and those are heard.

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
    /// Of what `bin` decodes once it runs; `gapless` is what the file says of itself.
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
        // What lies before the segment is priming.
        let buffer = match segment {
            Some(segment) => gst_audio::audio_buffer_clip(buffer, segment.upcast_ref(), info.rate(), info.bpf())?,
            None => buffer,
        };
        let first = buffer.pts();
        let early = early(segment, first, info.rate());
        let cut = self.cut.get_or_insert_with(|| match self.gapless.filter(|gapless| gapless.rate == info.rate()) {
            Some(gapless) => Cut::new(gapless.left_to_skip() + early, gapless.samples),
            None => Cut::new(early, counted(segment, first, info.rate()).unwrap_or(u64::MAX)),
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

/// One, where the first sample is the one before the segment's: the time of a sample is rounded down to a nanosecond, and
/// clipping to it rounds down once more.
fn early(segment: Option<&gst::FormattedSegment<gst::ClockTime>>, first: Option<gst::ClockTime>, rate: u32) -> u64 {
    let (second, rate) = (gst::ClockTime::SECOND.nseconds(), u64::from(rate));
    let start = segment.and_then(|segment| segment.start()).filter(|start| Some(*start) == first);
    let is_early = start.map(gst::ClockTime::nseconds).is_some_and(|start| {
        let nearest = start.mul_div_round(rate, second);
        let time = nearest.and_then(|sample| sample.mul_div_floor(second, rate));
        time == Some(start) && start.mul_div_floor(rate, second) < nearest
    });
    u64::from(is_early)
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
