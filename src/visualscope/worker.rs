//! The thread that draws: audio in, pictures out, and everything else in its place between them.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::failure::Failure;
use super::imp::{CAT, VisualScope};
use super::output::{Lateness, Output};
use super::queue::Item;
use super::run::{Run, Source};
use super::settings::Settings;
use crate::glue::painter::{self, FrameFailure, Painter};
use crate::glue::tags::TagCollector;
use crate::glue::video::grid_of;
use crate::logic::audio::features::HopWindow;
use crate::logic::audio::live::Live;
use crate::logic::audio::tags::Tags;
use crate::logic::audio::timeline::Timeline;
use crate::logic::audio::timeline_file;
use crate::logic::clock::SECOND;
use crate::logic::frame_grid::FrameGrid;
use crate::logic::sync::lock;

/// Samples per channel that are taken in before the frames that can be drawn are drawn.
const TAKE: usize = 4096;
/// Time stamps off by less than this part of a second follow each other: 40 ms, as for audio sinks; 1 ms where the
/// buffer says that it does not follow.
const SLACK: u64 = 25;
const DISCONT_SLACK: u64 = 1000;

/// Everything the thread knows. Nobody else touches it.
pub(super) struct Worker {
    settings: Settings,
    /// The queue's, when what follows was learnt.
    epoch: u64,
    audio: Option<gst_audio::AudioInfo>,
    segment: gst::FormattedSegment<gst::ClockTime>,
    found: TagCollector,
    tags: Tags,
    timeline: Option<Arc<Timeline>>,
    output: Option<Output>,
    painter: Option<Painter>,
    run: Option<Run>,
    /// The next frame does not follow the last one.
    discont: bool,
    samples: Vec<f32>,
    window: HopWindow,
    records: Vec<u8>,
}

/// Why a round of work ends early.
pub(super) enum Stop {
    /// Downstream or a flush says so.
    Flow(gst::FlowError),
    /// It cannot go on; not told to anybody yet.
    Failed(Failure),
}

impl From<gst::FlowError> for Stop {
    fn from(flow: gst::FlowError) -> Self {
        Self::Flow(flow)
    }
}

impl<F: Into<Failure>> From<F> for Stop {
    fn from(failure: F) -> Self {
        Self::Failed(failure.into())
    }
}

impl Worker {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            epoch: 0,
            audio: None,
            segment: gst::FormattedSegment::new(),
            found: TagCollector::default(),
            tags: Tags::default(),
            timeline: None,
            output: None,
            painter: None,
            run: None,
            discont: true,
            samples: Vec::new(),
            window: HopWindow::default(),
            records: Vec::new(),
        }
    }

    /// Does what the next item in the queue asks for.
    pub(super) fn round(&mut self, scope: &VisualScope) -> Result<(), Stop> {
        let item = scope.queue.pop()?;
        // The queue is only emptied while this thread rests.
        if self.epoch != scope.queue.epoch() {
            self.epoch = scope.queue.epoch();
            self.restart(scope);
        }
        match item {
            Item::Buffer(buffer, _) => self.take_audio(scope, buffer),
            Item::Event(event) => self.take_event(scope, event),
        }
    }

    /// Forgets the stream that was flushed. Its format and its tags still hold, whether or not they got here.
    fn restart(&mut self, scope: &VisualScope) {
        self.run = None;
        self.discont = true;
        self.segment = gst::FormattedSegment::new();
        let caps = scope.sinkpad.current_caps();
        self.audio = caps.and_then(|caps| gst_audio::AudioInfo::from_caps(&caps).ok());
        self.found = TagCollector::default();
        scope.sinkpad.sticky_events_foreach(|event| {
            if let gst::EventView::Tag(tag) = event.view() {
                self.found.add(&tag.tag_owned());
            }
            ControlFlow::Continue(gst::EventForeachAction::Keep)
        });
        self.set_tags();
    }

    fn take_event(&mut self, scope: &VisualScope, event: gst::Event) -> Result<(), Stop> {
        use gst::EventView;
        match event.view() {
            EventView::StreamStart(_) => {
                self.drain(scope)?;
                *lock(&scope.lateness) = Lateness::default();
                self.found = TagCollector::default();
                self.set_tags();
            }
            EventView::Caps(caps) => {
                self.drain(scope)?;
                self.audio = gst_audio::AudioInfo::from_caps(caps.caps()).ok();
                return self.negotiate(scope);
            }
            EventView::Segment(segment) => {
                let Some(segment) = segment.segment().downcast_ref::<gst::ClockTime>() else {
                    return Err(Failure::Untimed(segment.segment().format()).into());
                };
                if *segment != self.segment {
                    self.drain(scope)?;
                    self.segment = segment.clone();
                    *lock(&scope.lateness) = Lateness::default();
                }
            }
            EventView::Tag(tag) => {
                self.found.add(&tag.tag_owned());
                self.set_tags();
            }
            EventView::Gap(gap) => {
                let (start, duration) = gap.get();
                // One without an end in time says no more than one of no known length.
                let end = duration.and_then(|duration| start.checked_add(duration));
                if let (Some(end), Some(audio)) = (end, self.audio.clone()) {
                    return self.take_gap(scope, &audio, start, end);
                }
            }
            EventView::Eos(_) | EventView::SegmentDone(_) => self.drain(scope)?,
            _ => {}
        }
        scope.srcpad.push_event(event);
        Ok(())
    }

    fn set_tags(&mut self) {
        let tags = self.found.tags();
        if tags != self.tags {
            (self.tags, self.painter) = (tags, None);
        }
    }

    fn negotiate(&mut self, scope: &VisualScope) -> Result<(), Stop> {
        let output = scope.negotiate(self.output.take()).map_err(|failure| {
            // Nothing can be agreed on with whoever is being flushed.
            match scope.srcpad.pad_flags().contains(gst::PadFlags::FLUSHING) {
                true => Stop::Flow(gst::FlowError::Flushing),
                false => Stop::Failed(failure),
            }
        })?;
        if self.painter.as_ref().is_none_or(|painter| *painter.info() != output.info) {
            self.painter = None;
        }
        self.output = Some(output);
        Ok(())
    }

    /// The grid of the pictures over the audio, and a painter of them.
    fn prepare(&mut self, scope: &VisualScope) -> Result<FrameGrid, Stop> {
        let reconfigure = scope.srcpad.check_reconfigure();
        if self.output.is_none() || reconfigure {
            self.negotiate(scope)?;
        }
        let (Some(output), Some(audio)) = (&self.output, &self.audio) else {
            return Err(gst::FlowError::NotNegotiated.into());
        };
        let grid = grid_of(&output.info, audio.rate()).ok_or(gst::FlowError::NotNegotiated)?;
        let is_new = self.painter.is_none();
        let painter = match self.painter.take() {
            Some(painter) => painter,
            None => {
                let (width, height) = (output.info.width(), output.info.height());
                Painter::new(self.settings.look.prepare(width, height, &self.tags)?, output.info.clone())
            }
        };
        if let Some(run) = self.run.as_mut().filter(|_| is_new) {
            run.schedule().change(grid, painter.reach());
            scope.set_latency(run.schedule().latency());
        }
        self.painter = Some(painter);
        Ok(grid)
    }

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
        let mut run = Run::new(source, grid, reach, audio.channels(), origin, self.settings.offset);
        gst::debug!(CAT, imp = scope, "audio begins at sample {origin}, frame {}", run.schedule().next());
        scope.set_latency(run.schedule().latency());
        self.run = Some(run);
        self.discont = true;
        Ok(())
    }

    /// What has to be added to the time in the stream to get a time stamp, in ns.
    fn shift(&self) -> i128 {
        let ns = |time: Option<gst::ClockTime>| i128::from(time.map_or(0, gst::ClockTime::nseconds));
        ns(self.segment.start()) - ns(self.segment.time())
    }

    /// The sample of the stream at a time stamp.
    fn sample_at(&self, time: gst::ClockTime, rate: u32) -> u64 {
        let time = (i128::from(time.nseconds()) - self.shift()).max(0);
        ((time * i128::from(rate) + i128::from(SECOND / 2)) / i128::from(SECOND)) as u64
    }

    fn take_audio(&mut self, scope: &VisualScope, buffer: gst::Buffer) -> Result<(), Stop> {
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
        let room = stop.saturating_sub(self.run.as_ref().map_or(0, Run::position));
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

    fn take_gap(
        &mut self,
        scope: &VisualScope,
        audio: &gst_audio::AudioInfo,
        start: gst::ClockTime,
        end: gst::ClockTime,
    ) -> Result<(), Stop> {
        let rate = audio.rate();
        let overlap = self.place(scope, audio, Some(self.sample_at(start, rate)), false)?;
        let position = self.run.as_ref().map_or(0, Run::position);
        // Both ends are rounded, so that gaps in a row do not drift.
        let samples = self.sample_at(end, rate).saturating_sub(position);
        let most = self.sample_at(end, rate) - self.sample_at(start, rate);
        self.push_silence(scope, audio, samples.min(most.saturating_sub(overlap) + 1))
    }

    /// Makes the stretch of audio reach up to the stream's sample `at`, where more of it comes. Returns how many samples
    /// have been there already.
    fn place(
        &mut self,
        scope: &VisualScope,
        audio: &gst_audio::AudioInfo,
        at: Option<u64>,
        discont: bool,
    ) -> Result<u64, Stop> {
        let rate = u64::from(audio.rate());
        let Some(run) = &self.run else {
            let start = self.sample_at(self.segment.start().unwrap_or_default(), audio.rate());
            return self.begin(scope, audio, at.unwrap_or(start)).map(|()| 0);
        };
        let position = run.position();
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
        let Some(run) = &mut self.run else { return Ok(()) };
        let before = run.position();
        run.push(samples);
        scope.stats.samples.fetch_add(run.position() - before, Ordering::Relaxed);
        self.draw(scope)
    }

    /// The stretch of audio is over: draws the frames that waited for what follows.
    fn drain(&mut self, scope: &VisualScope) -> Result<(), Stop> {
        if let Some(run) = &mut self.run {
            run.end();
            self.draw(scope)?;
        }
        self.run = None;
        Ok(())
    }

    /// Draws every frame that can be drawn.
    fn draw(&mut self, scope: &VisualScope) -> Result<(), Stop> {
        loop {
            self.prepare(scope)?;
            let Some(n) = self.run.as_mut().and_then(Run::take) else { return Ok(()) };
            self.frame(scope, n)?;
        }
    }

    fn frame(&mut self, scope: &VisualScope, n: u64) -> Result<(), Stop> {
        let shift = self.shift();
        let (Some(run), Some(painter), Some(output)) = (&mut self.run, &mut self.painter, &self.output) else {
            return Err(gst::FlowError::NotNegotiated.into());
        };
        // Backwards, the buffer that such a frame begins in is still to come.
        if self.segment.rate() < 0.0 && n < run.frames_before() {
            return Ok(());
        }
        let grid = run.schedule().grid();
        let pts = (i128::from(grid.pts(n)) + shift).clamp(0, i64::MAX.into()) as u64;
        if scope.is_late(&self.segment, gst::ClockTime::from_nseconds(pts)) {
            self.discont = true;
            return Ok(());
        }
        let mut buffer = scope.allocate(output)?;
        let started = Instant::now();
        let frame = run.frame(n, painter.reach(), &mut self.window, &mut self.records);
        let frame = frame.map_err(|error| FrameFailure { n, what: "reading the timeline", why: error.to_string() })?;
        let picture = buffer.make_mut();
        painter.paint(&frame, &self.window, picture)?;
        painter::stamp(picture, n, pts, grid.duration(n));
        if std::mem::take(&mut self.discont) {
            picture.set_flags(gst::BufferFlags::DISCONT);
        }
        scope.stats.render.fetch_add(started.elapsed().as_nanos() as u64, Ordering::Relaxed);
        gst::trace!(CAT, imp = scope, "frame {n}");
        scope.srcpad.push(buffer)?;
        scope.stats.frames.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}
