//! Audio on its way in: put in its place on the stream's sample axis, so that stretches of it have no holes.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use gst::subclass::prelude::*;

use super::{Stop, Worker};
use crate::glue::painter::Painter;
use crate::logic::audio::live::Live;
use crate::logic::audio::timeline_file;
use crate::logic::clock::SECOND;
use crate::visualscope::element::{CAT, VisualScope};
use crate::visualscope::failure::Failure;
use crate::visualscope::stretch::{Source, Stretch};

/// Samples per channel that are taken in before the frames that can be drawn are drawn.
const TAKE: usize = 4096;
/// Time stamps that are off by less than this part of a second count as gapless: 40 ms, as for audio sinks; 1 ms where
/// the buffer itself says that there is a gap.
const SLACK: u64 = 25;
const DISCONT_SLACK: u64 = 1000;

impl Worker {
    /// Begins a stretch of audio at a sample of the stream.
    fn begin(&mut self, scope: &VisualScope, audio: &gst_audio::AudioInfo, origin: u64) -> Result<(), Stop> {
        let grid = self.prepare(scope)?;
        let reach = self.painter.as_ref().map(Painter::reach).ok_or(gst::FlowError::NotNegotiated)?;
        let source = match (&self.timeline, &self.settings.timeline) {
            (Some(timeline), _) => Source::Known(timeline.clone()),
            (None, Some(path)) => {
                let opened = timeline_file::open(path, &mut |_| match scope.queue.flow() {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(_) => ControlFlow::Break(()),
                });
                let opened = opened.map_err(|error| Failure::Timeline(path.clone(), error))?;
                let timeline = Arc::new(opened.ok_or(gst::FlowError::Flushing)?);
                self.timeline = Some(timeline.clone());
                Source::Known(timeline)
            }
            (None, None) => {
                let live = Live::new(audio.rate(), audio.channels(), self.settings.normalize.into());
                Source::Live(Box::new(live.map_err(|_| gst::FlowError::NotNegotiated)?))
            }
        };
        let mut stretch = Stretch::new(source, grid, reach, audio.channels(), origin, self.settings.offset);
        gst::debug!(CAT, imp = scope, "audio begins at sample {origin}, frame {}", stretch.schedule().next());
        scope.set_latency(stretch.schedule().latency());
        self.stretch = Some(stretch);
        self.discont = true;
        Ok(())
    }

    /// Add this to a time in the stream to get its time stamp, in ns.
    pub(super) fn shift(&self) -> i128 {
        let ns = |time: Option<gst::ClockTime>| i128::from(time.map_or(0, gst::ClockTime::nseconds));
        ns(self.segment.start()) - ns(self.segment.time())
    }

    /// The sample of the stream at a time stamp.
    fn sample_at(&self, time: gst::ClockTime, rate: u32) -> u64 {
        let time = (i128::from(time.nseconds()) - self.shift()).max(0);
        ((time * i128::from(rate) + i128::from(SECOND / 2)) / i128::from(SECOND)) as u64
    }

    pub(super) fn take_audio(&mut self, scope: &VisualScope, buffer: gst::Buffer) -> Result<(), Stop> {
        let audio = self.audio.clone().ok_or(gst::FlowError::NotNegotiated)?;
        let (rate, bpf) = (audio.rate(), audio.bpf());
        let clipped = gst_audio::audio_buffer_clip(buffer, self.segment.upcast_ref(), rate, bpf);
        let Some(buffer) = clipped else { return Ok(()) };
        let samples = (buffer.size() / bpf as usize) as u64;
        let at = buffer.pts().map(|pts| self.sample_at(pts, rate));
        let flags = buffer.flags();
        let discont = flags.contains(gst::BufferFlags::DISCONT) || flags.contains(gst::BufferFlags::RESYNC);
        let overlap = self.place(scope, &audio, at, discont)?.min(samples);
        // Clipping by time stamps can leave a sample too many at the end.
        let stop = self.segment.stop().map_or(u64::MAX, |stop| self.sample_at(stop, rate));
        let room = stop.saturating_sub(self.stretch.as_ref().map_or(0, Stretch::position));
        let samples = samples.min(overlap.saturating_add(room));
        if flags.contains(gst::BufferFlags::GAP) {
            return self.push_silence(scope, &audio, samples - overlap);
        }
        let map = buffer.map_readable().map_err(|_| gst::FlowError::Error)?;
        let bytes = &map[overlap as usize * bpf as usize..samples as usize * bpf as usize];
        for bytes in bytes.chunks(TAKE * bpf as usize) {
            let mut samples = std::mem::take(&mut self.samples);
            samples.clear();
            match audio.format() {
                gst_audio::AudioFormat::S16le => {
                    let values = bytes.as_chunks().0.iter().map(|bytes| i16::from_le_bytes(*bytes));
                    samples.extend(values.map(|value| f32::from(value) / 32_768.0));
                }
                _ => samples.extend(bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes))),
            }
            let pushed = self.push(scope, &samples);
            self.samples = samples;
            pushed?;
        }
        Ok(())
    }

    pub(super) fn take_gap(
        &mut self,
        scope: &VisualScope,
        audio: &gst_audio::AudioInfo,
        start: gst::ClockTime,
        end: gst::ClockTime,
    ) -> Result<(), Stop> {
        let rate = audio.rate();
        let overlap = self.place(scope, audio, Some(self.sample_at(start, rate)), false)?;
        let position = self.stretch.as_ref().map_or(0, Stretch::position);
        // Both ends are rounded, so that gaps in a row do not drift.
        let samples = self.sample_at(end, rate).saturating_sub(position);
        let most = self.sample_at(end, rate) - self.sample_at(start, rate);
        self.push_silence(scope, audio, samples.min(most.saturating_sub(overlap) + 1))
    }

    /// Makes the stretch reach up to the stream's sample `at`, where more audio comes: fills a short hole with silence and
    /// begins anew after a long one. Returns how many of the samples that come are in the stretch already.
    fn place(
        &mut self,
        scope: &VisualScope,
        audio: &gst_audio::AudioInfo,
        at: Option<u64>,
        discont: bool,
    ) -> Result<u64, Stop> {
        let rate = u64::from(audio.rate());
        let Some(stretch) = &self.stretch else {
            let start = self.sample_at(self.segment.start().unwrap_or_default(), audio.rate());
            return self.begin(scope, audio, at.unwrap_or(start)).map(|()| 0);
        };
        let position = stretch.position();
        let Some(at) = at else { return Ok(0) };
        let slack = if discont { rate / DISCONT_SLACK } else { rate / SLACK };
        let apart = at.abs_diff(position);
        if apart <= slack {
            return Ok(0);
        }
        scope.stats.gaps.fetch_add(1, Ordering::Relaxed);
        gst::debug!(CAT, imp = scope, "audio goes on at sample {at} instead of {position}");
        let forward = self.segment.rate() > 0.0;
        if forward && apart <= rate && at > position {
            return self.push_silence(scope, audio, apart).map(|()| 0);
        }
        if forward && apart <= rate {
            return Ok(apart);
        }
        self.drain(scope)?;
        self.begin(scope, audio, at).map(|()| 0)
    }

    fn push_silence(&mut self, scope: &VisualScope, audio: &gst_audio::AudioInfo, samples: u64) -> Result<(), Stop> {
        let mut left = samples;
        while left > 0 {
            let now = left.min(TAKE as u64);
            let mut samples = std::mem::take(&mut self.samples);
            samples.clear();
            samples.resize(now as usize * audio.channels() as usize, 0.0);
            let pushed = self.push(scope, &samples);
            self.samples = samples;
            pushed?;
            left -= now;
        }
        Ok(())
    }

    fn push(&mut self, scope: &VisualScope, samples: &[f32]) -> Result<(), Stop> {
        let Some(stretch) = &mut self.stretch else { return Ok(()) };
        let before = stretch.position();
        stretch.push(samples);
        scope.stats.samples.fetch_add(stretch.position() - before, Ordering::Relaxed);
        self.draw(scope)
    }

    /// Ends the stretch: draws the frames that waited for more of it.
    pub(super) fn drain(&mut self, scope: &VisualScope) -> Result<(), Stop> {
        if let Some(stretch) = &mut self.stretch {
            stretch.end();
            self.draw(scope)?;
        }
        self.stretch = None;
        Ok(())
    }
}
