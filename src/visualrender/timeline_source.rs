//! The first `fill()` waits here for the analysis: interruptible, and going on after a flush where it was left.

use std::io;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::decoder::{Event, Job, Waker};
use super::failure::Failure;
use super::imp::{CAT, VisualRender};
use super::properties::{Audio, Settings};
use crate::logic::audio::beat_grid::BeatGrid;
use crate::logic::audio::jsonl;
use crate::logic::audio::timeline::Timeline;
use crate::logic::audio::timeline_file::{self, NewFile};
use crate::logic::frame_grid::FrameGrid;
use crate::logic::render::programme::Programme;

const PROGRESS_CODE: &str = "analysis";

/// Lets `unlock()` end a wait. The job lies here only while nobody waits for it.
#[derive(Default)]
pub(super) struct Gate(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    flushing: bool,
    waker: Option<Waker>,
    paused: Option<(Job, Instant)>,
}

impl Gate {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the wait that is on, and each that is tried until [`open`](Self::open).
    pub(super) fn close(&self) {
        let waker = {
            let mut waiting = self.lock();
            waiting.flushing = true;
            waiting.waker.clone()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(super) fn open(&self) {
        self.lock().flushing = false;
    }

    /// Ends work that nobody waits for; whether there was any.
    pub(super) fn abandon(&self) -> bool {
        let paused = self.lock().paused.take();
        paused.is_some()
    }
}

/// What is longer is no list of beats.
const MOST_BEATS_TEXT: u64 = 64 << 20;

fn read_beats(path: &Path) -> Result<BeatGrid, Failure> {
    let not_readable = |error| Failure::BeatsNotReadable(path.to_owned(), error);
    let metadata = std::fs::metadata(path).map_err(not_readable)?;
    // A pipe would keep everybody waiting.
    if !metadata.is_file() || metadata.len() > MOST_BEATS_TEXT {
        let what = if metadata.is_file() { "it is too large" } else { "it is no file" };
        return Err(not_readable(io::Error::other(what)));
    }
    let text = std::fs::read(path).map_err(not_readable)?;
    String::from_utf8_lossy(&text).parse().map_err(|error| Failure::Beats(path.to_owned(), error))
}

/// A timeline, and how it came to be.
pub(super) struct Obtained {
    pub(super) timeline: Timeline,
    /// How long the analysis or reading took.
    pub(super) took_ns: u64,
    /// The factory of the audio's decoder; absent where nothing was decoded.
    pub(super) decoder: Option<String>,
}

impl VisualRender {
    /// The timeline with the user's beats. `None` when flushed.
    pub(super) fn obtain(&self, settings: &Settings) -> Result<Option<Obtained>, Failure> {
        // Read first: what is wrong with them is said before minutes are spent on the analysis.
        let beats = settings.beats.as_deref().map(Path::new).map(read_beats).transpose()?;
        let mut obtained = self.obtain_without_beats(settings)?;
        if let (Some(obtained), Some(beats)) = (&mut obtained, beats) {
            obtained.timeline.set_beats(beats);
        }
        Ok(obtained)
    }

    /// From the timeline's file or from the audio; or silence, without either.
    fn obtain_without_beats(&self, settings: &Settings) -> Result<Option<Obtained>, Failure> {
        let Some(path) = settings.timeline.as_deref().map(Path::new) else {
            return match settings.audio {
                Audio::Unset => self.silence(settings).map(Some),
                _ => self.analyse(settings),
            };
        };
        match path.try_exists() {
            Ok(false) if settings.audio != Audio::Unset => {
                let not_writable = |error| Failure::NotWritable(path.to_owned(), error);
                let file = NewFile::beside(path).map_err(not_writable)?;
                let analysed = self.analyse(settings)?;
                if let Some(analysed) = &analysed {
                    file.save(&analysed.timeline).map_err(not_writable)?;
                }
                Ok(analysed)
            }
            _ => {
                let since = Instant::now();
                let opened = timeline_file::open(path, &mut |_| self.unless_flushing());
                let timeline = opened.map_err(|error| Failure::Timeline(path.to_owned(), error))?;
                let took_ns = since.elapsed().as_nanos() as u64;
                Ok(timeline.map(|timeline| Obtained { timeline, took_ns, decoder: None }))
            }
        }
    }

    /// As many frames of silence as there are to be buffers.
    fn silence(&self, settings: &Settings) -> Result<Obtained, Failure> {
        let buffers = self.obj().property::<i32>("num-buffers");
        let frames = settings.silent_frames(u64::try_from(buffers).ok())?;
        let made = self.silent_timeline(frames, settings.options());
        let timeline = made.map_err(|error| Failure::Temporary { what: "made", error })?;
        Ok(Obtained { timeline, took_ns: 0, decoder: None })
    }

    /// Writes the timeline for a video on that grid as text, if that is asked for. `None` when flushed.
    pub(super) fn write_jsonl(
        &self,
        settings: &Settings,
        timeline: &Timeline,
        grid: FrameGrid,
        programme: &Programme,
    ) -> Result<Option<()>, Failure> {
        let Some(path) = settings.jsonl.as_deref().map(Path::new) else { return Ok(Some(())) };
        let scene = |n| programme.scene(n).name;
        let written = jsonl::save(timeline, grid, &scene, path, &mut || self.unless_flushing());
        let written = written.map_err(|error| Failure::NotWritable(path.to_owned(), error))?;
        Ok(written.then_some(()))
    }

    pub(super) fn unless_flushing(&self) -> ControlFlow<()> {
        match self.gate.lock().flushing {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    fn analyse(&self, settings: &Settings) -> Result<Option<Obtained>, Failure> {
        let paused = self.gate.lock().paused.take();
        let (job, since) = match paused {
            Some(paused) => paused,
            None => {
                let job = Job::start(&settings.audio.uri()?, settings.options())?;
                self.progress(gst::ProgressType::Start, "Analysing the audio");
                (job, Instant::now())
            }
        };
        self.gate.lock().waker = Some(job.waker());
        let result = loop {
            if self.gate.lock().flushing {
                gst::debug!(CAT, imp = self, "flushed while analysing");
                let mut waiting = self.gate.lock();
                (waiting.waker, waiting.paused) = (None, Some((job, since)));
                return Ok(None);
            }
            match job.wait() {
                Event::Done(result) => break *result,
                Event::Woken => {}
                Event::Progress(done, total) => {
                    let of = total.map_or(String::new(), |total| format!(" of {total:.0}"));
                    self.progress(gst::ProgressType::Continue, &format!("Analysed {done:.0}{of} of audio"));
                }
            }
        };
        self.gate.lock().waker = None;
        let decoder = job.decoder();
        drop(job);
        let timeline = result.inspect_err(|failure| self.progress(gst::ProgressType::Error, &failure.to_string()))?;
        self.progress(gst::ProgressType::Complete, "Analysed the audio");
        Ok(Some(Obtained { timeline, took_ns: since.elapsed().as_nanos() as u64, decoder }))
    }

    pub(super) fn progress(&self, kind: gst::ProgressType, text: &str) {
        let obj = self.obj();
        let message = gst::message::Progress::builder(kind, PROGRESS_CODE, text).src(&*obj).build();
        let _ = obj.post_message(message);
    }
}
