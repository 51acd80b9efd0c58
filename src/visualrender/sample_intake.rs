//! Takes decoded buffers into the analysis: exactly those samples that were encoded.

use std::ops::ControlFlow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use gst::prelude::*;

use super::failure::Failure;
use crate::glue::encoded::Encoded;
use crate::glue::stall::UnseenWork;
use crate::glue::tags::TagCollector;
use crate::logic::audio::analyze::Analyzer;
use crate::logic::audio::options::Options;
use crate::logic::audio::scratch;
use crate::logic::audio::timeline::Timeline;
use crate::logic::sync::lock;

/// Progress is reported each time this much more audio has been analysed.
const REPORT_EVERY_S: u64 = 10;

/// The decoding thread's side of an analysis, and its result.
pub(super) struct SampleIntake {
    /// How errors call the source.
    name: String,
    /// Cloned for the stream when its first sample comes.
    encoded: Encoded,
    options: Options,
    phase: Mutex<Phase>,
    /// The file's tags, as far as it has been read.
    tags: Mutex<TagCollector>,
    cancelled: AtomicBool,
    /// All samples are there, and the timeline is being made of them.
    finishing: AtomicBool,
    work: UnseenWork,
}

enum Phase {
    /// No samples yet.
    Empty,
    Analysing(Box<OngoingAnalysis>),
    /// Either the timeline or why there is none; taken out once.
    Done(Option<Box<Result<Timeline, Failure>>>),
}

struct OngoingAnalysis {
    analyzer: Analyzer,
    info: gst_audio::AudioInfo,
    encoded: Encoded,
    /// Reused between buffers.
    samples: Vec<f32>,
}

/// The result of taking in a buffer.
pub(super) enum Taken {
    /// It has been analysed.
    Quietly,
    /// This much has been analysed, which is worth a report.
    Report(gst::ClockTime),
    /// The analysis has failed; there is a result to take.
    Failed,
}

impl SampleIntake {
    pub(super) fn new(name: String, encoded: Encoded, options: Options, work: UnseenWork) -> Self {
        let (phase, tags) = (Mutex::new(Phase::Empty), Mutex::default());
        Self {
            name,
            encoded,
            options,
            phase,
            tags,
            cancelled: AtomicBool::new(false),
            finishing: AtomicBool::new(false),
            work,
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether there is work to do for which no more samples are needed.
    pub(super) fn is_finishing(&self) -> bool {
        self.finishing.load(Ordering::Relaxed)
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(*lock(&self.phase), Phase::Done(_))
    }

    pub(super) fn take_result(&self) -> Option<Box<Result<Timeline, Failure>>> {
        match &mut *lock(&self.phase) {
            Phase::Done(result) => result.take(),
            _ => None,
        }
    }

    /// Makes [`finish`](Self::finish) return soon and without a result.
    pub(super) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Ends the work; what came first counts.
    pub(super) fn done(&self, result: Result<Timeline, Failure>) {
        let mut phase = lock(&self.phase);
        if !matches!(*phase, Phase::Done(_)) {
            *phase = Phase::Done(Some(Box::new(result)));
        }
    }

    /// Notes tags of the file.
    pub(super) fn note(&self, tags: &gst::TagList) {
        lock(&self.tags).add(tags);
    }

    /// Analyses one decoded buffer.
    pub(super) fn take_in(&self, sample: &gst::Sample) -> Taken {
        self.work.advance();
        match self.analyse(sample) {
            Ok(Some(position)) => Taken::Report(position),
            Ok(None) => Taken::Quietly,
            Err(failure) => {
                self.done(Err(failure));
                Taken::Failed
            }
        }
    }

    fn analyse(&self, sample: &gst::Sample) -> Result<Option<gst::ClockTime>, Failure> {
        let (Some(buffer), Some(caps)) = (sample.buffer_owned(), sample.caps()) else { return Ok(None) };
        let Ok(info) = gst_audio::AudioInfo::from_caps(caps) else { return Ok(None) };
        let segment = sample.segment().and_then(|segment| segment.downcast_ref::<gst::ClockTime>());
        let mut phase = lock(&self.phase);
        if let Phase::Empty = *phase {
            *phase = Phase::Analysing(Box::new(self.begin(info.clone())?));
        }
        let Phase::Analysing(work) = &mut *phase else { return Ok(None) };
        if (work.info.rate(), work.info.channels()) != (info.rate(), info.channels()) {
            let text = |info: &gst_audio::AudioInfo| format!("{} Hz and {} channels", info.rate(), info.channels());
            return Err(Failure::FormatChange(self.name.clone(), text(&work.info), text(&info)));
        }
        let Some(encoded) = work.encoded.part(buffer, segment, &info) else { return Ok(None) };
        let Ok(map) = encoded.map_readable() else { return Ok(None) };
        let reports = |samples: u64| samples / (u64::from(info.rate()) * REPORT_EVERY_S);
        let before = reports(work.analyzer.samples());
        work.push(&map).map_err(|error| Failure::Temporary { what: "written", error })?;
        let samples = work.analyzer.samples();
        let position = gst::ClockTime::SECOND.mul_div_floor(samples, u64::from(info.rate()));
        Ok(position.filter(|_| reports(samples) > before))
    }

    fn begin(&self, info: gst_audio::AudioInfo) -> Result<OngoingAnalysis, Failure> {
        let file = scratch::unlinked().map_err(|error| Failure::Temporary { what: "made", error })?;
        let analyzer = Analyzer::new(info.rate(), info.channels(), file)
            .map_err(|error| Failure::FormatChange(self.name.clone(), "nothing".to_owned(), error.to_string()))?;
        let analyzer = analyzer.with(self.options);
        let encoded = self.encoded.clone();
        Ok(OngoingAnalysis { analyzer, info, encoded, samples: Vec::new() })
    }

    /// The stream is over: makes the timeline.
    pub(super) fn finish(&self) {
        self.finishing.store(true, Ordering::Relaxed);
        let phase = {
            let mut phase = lock(&self.phase);
            if matches!(*phase, Phase::Done(_)) {
                return;
            }
            std::mem::replace(&mut *phase, Phase::Empty)
        };
        let mut work = match phase {
            Phase::Analysing(work) if work.analyzer.samples() > 0 => work,
            _ => return self.done(Err(Failure::NoSamples(self.name.clone()))),
        };
        if let Err(error) = work.fill_up() {
            return self.done(Err(Failure::Temporary { what: "written", error }));
        }
        let result = work.analyzer.finish(&mut |_| {
            self.work.advance();
            if self.cancelled.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        match result {
            Ok(Some(mut timeline)) => {
                timeline.set_tags(lock(&self.tags).tags());
                self.done(Ok(timeline));
            }
            // Cancelled: nothing waits for the result.
            Ok(None) => {}
            Err(error) => self.done(Err(Failure::Temporary { what: "read back", error })),
        }
    }
}

impl OngoingAnalysis {
    /// Silence for what the demuxer has left out at the end of a file that says how long it is.
    fn fill_up(&mut self) -> std::io::Result<()> {
        self.samples.clear();
        self.samples.resize(self.encoded.left_out() as usize * self.info.channels() as usize, 0.0);
        self.analyzer.push(&self.samples)
    }

    /// Native-endian f32 samples, whatever their alignment.
    fn push(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.samples.clear();
        self.samples.extend(bytes.chunks_exact(4).map(|b| f32::from_ne_bytes([b[0], b[1], b[2], b[3]])));
        self.analyzer.push(&self.samples)
    }
}
