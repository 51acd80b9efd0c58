//! Where the timeline comes from: a timeline's file, the analysis of the audio, or silence. The first frame waits for it.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::audio_source::AudioSource;
use super::decoder::{Decoder, WaitOutcome};
use super::element::{CAT, VisualRender};
use super::failure::Failure;
use super::properties::Settings;
use crate::glue::stall::UnseenWork;
use crate::logic::audio::beat_grid::BeatGrid;
use crate::logic::audio::timeline::Timeline;
use crate::logic::audio::timeline_file::{self, NewFile};

/// How often a decoding that comes to a halt is begun anew.
const MOST_TRIES: u32 = 5;
/// A longer file is not a list of beats.
const LONGEST_BEATS: u64 = 64 << 20;

fn read_beats(path: &Path) -> Result<BeatGrid, Failure> {
    let not_readable = |error| Failure::BeatsNotReadable(path.to_owned(), error);
    let metadata = std::fs::metadata(path).map_err(not_readable)?;
    // Reading a pipe could take forever.
    if !metadata.is_file() || metadata.len() > LONGEST_BEATS {
        let what = if metadata.is_file() { "it is too large" } else { "it is not a file" };
        return Err(not_readable(io::Error::other(what)));
    }
    let text = std::fs::read(path).map_err(not_readable)?;
    String::from_utf8_lossy(&text).parse().map_err(|error| Failure::Beats(path.to_owned(), error))
}

/// A timeline, and how it came to be.
struct Obtained {
    timeline: Timeline,
    /// How long the analysis or reading took.
    took_ns: u64,
    /// The factory of the audio's decoder; absent where nothing was decoded.
    decoder: Option<String>,
}

impl VisualRender {
    /// The analysed audio; analyses it first where that has not been done.
    pub(super) fn timeline(&self) -> Result<Arc<Timeline>, gst::FlowError> {
        if let Some(timeline) = self.playback().timeline.clone() {
            return Ok(timeline);
        }
        let settings = self.settings().clone();
        // Settings that cannot be drawn are reported before minutes are spent on the analysis.
        settings.look.check().map_err(|failure| self.fail(&Failure::Look(failure)))?;
        settings.scenes().map_err(|failure| self.fail(&failure))?;
        let analysed = self.obtain(&settings).map_err(|failure| self.fail(&failure))?;
        let Obtained { timeline, took_ns, decoder } = analysed.ok_or(gst::FlowError::Flushing)?;
        let timeline = Arc::new(timeline);
        gst::info!(
            CAT,
            imp = self,
            "{:?}, {:?}, decoded by {decoder:?}, in {took_ns} ns",
            timeline.info(),
            timeline.summary()
        );
        {
            let mut playback = self.playback();
            playback.timeline = Some(timeline.clone());
            playback.analysis_ns = took_ns;
            playback.decoder = decoder;
        }
        for property in ["timeline-digest", "frame-count", "tempo"] {
            self.obj().notify(property);
        }
        let _ = self.obj().post_message(gst::message::DurationChanged::builder().src(&*self.obj()).build());
        Ok(timeline)
    }

    /// The timeline with the user's beats. `None` when flushed.
    fn obtain(&self, settings: &Settings) -> Result<Option<Obtained>, Failure> {
        // Read first: mistakes in them are reported before minutes are spent on the analysis.
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
                AudioSource::Unset => self.silence(settings).map(Some),
                _ => self.analyse(settings),
            };
        };
        match path.try_exists() {
            Ok(false) if settings.audio != AudioSource::Unset => {
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
                let opened = timeline_file::open(path, &mut |_| self.gate.unless_closed());
                let timeline = opened.map_err(|error| Failure::Timeline(path.to_owned(), error))?;
                let took_ns = since.elapsed().as_nanos() as u64;
                Ok(timeline.map(|timeline| Obtained { timeline, took_ns, decoder: None }))
            }
        }
    }

    /// As many frames of silence as buffers are asked for, at the frame rate that is negotiated.
    fn silence(&self, settings: &Settings) -> Result<Obtained, Failure> {
        let buffers = self.obj().property::<i32>("num-buffers");
        let frames = settings.silent_frames(u64::try_from(buffers).ok())?;
        let grid = { self.playback().grid() };
        // fps_n samples a second make fps_d samples a frame, exactly.
        let (fps_n, fps_d) = grid.map_or((1, 1), |grid| grid.fps());
        let made = Timeline::silent(fps_n, frames.saturating_mul(u64::from(fps_d)), settings.options());
        let timeline = made.map_err(|error| Failure::Temporary { what: "made", error })?;
        Ok(Obtained { timeline, took_ns: 0, decoder: None })
    }

    /// Begins the analysis.
    fn decoder(&self, settings: &Settings) -> Result<Decoder, Failure> {
        Decoder::start(&settings.audio.uri()?, settings.options(), UnseenWork::of(&*self.obj()))
    }

    /// Waits for the analysis of the audio. `None` when flushed; the next call goes on with the same analysis.
    fn analyse(&self, settings: &Settings) -> Result<Option<Obtained>, Failure> {
        let (mut decoder, since) = match self.gate.resume() {
            Some(paused) => paused,
            None => {
                let decoder = self.decoder(settings)?;
                self.progress(gst::ProgressType::Start, "Analysing the audio");
                (decoder, Instant::now())
            }
        };
        self.gate.enter(decoder.interrupter());
        let mut tries = 1;
        let result = loop {
            if self.gate.unless_closed().is_break() {
                gst::debug!(CAT, imp = self, "flushed while analysing");
                self.gate.pause((decoder, since));
                return Ok(None);
            }
            match decoder.wait() {
                WaitOutcome::Done(result) => break *result,
                WaitOutcome::Interrupted => {}
                WaitOutcome::Halted if tries == MOST_TRIES => {
                    break Err(Failure::Halted(settings.audio.uri()?.to_string()));
                }
                WaitOutcome::Halted => {
                    gst::warning!(CAT, imp = self, "decoding came to a halt; trying again");
                    decoder = self.decoder(settings)?;
                    self.gate.enter(decoder.interrupter());
                    tries += 1;
                }
                WaitOutcome::Progress(done, total) => {
                    let of = total.map_or(String::new(), |total| format!(" of {total:.0}"));
                    self.progress(gst::ProgressType::Continue, &format!("Analysed {done:.0}{of} of audio"));
                }
            }
        };
        self.gate.leave();
        let factory = decoder.factory();
        drop(decoder);
        let timeline = result.inspect_err(|failure| self.progress(gst::ProgressType::Error, &failure.to_string()))?;
        self.progress(gst::ProgressType::Complete, "Analysed the audio");
        Ok(Some(Obtained { timeline, took_ns: since.elapsed().as_nanos() as u64, decoder: factory }))
    }
}
