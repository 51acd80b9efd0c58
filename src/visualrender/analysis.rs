//! The first `fill()` waits here for the analysis: interruptible, and going on after a flush where it was left.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::failure::Failure;
use super::imp::{CAT, VisualRender};
use super::private_decode::{Event, Job, Waker};
use super::settings::Audio;
use crate::logic::audio::timeline::Timeline;

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

impl VisualRender {
    /// The analysed audio, and how long that took in ns. `None` when flushed.
    pub(super) fn analyse(&self, audio: &Audio) -> Result<Option<(Arc<Timeline>, u64)>, Failure> {
        let paused = self.gate.lock().paused.take();
        let (mut job, since) = match paused {
            Some(paused) => paused,
            None => {
                let job = Job::start(&audio.uri()?)?;
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
                Event::Done(result) => break result,
                Event::Woken => {}
                Event::Progress(done, total) => {
                    let of = total.map_or(String::new(), |total| format!(" of {total:.0}"));
                    self.progress(gst::ProgressType::Continue, &format!("Analysed {done:.0}{of} of audio"));
                }
            }
        };
        self.gate.lock().waker = None;
        drop(job);
        let timeline = result.inspect_err(|failure| self.progress(gst::ProgressType::Error, &failure.to_string()))?;
        self.progress(gst::ProgressType::Complete, "Analysed the audio");
        Ok(Some((Arc::new(timeline), since.elapsed().as_nanos() as u64)))
    }

    pub(super) fn progress(&self, kind: gst::ProgressType, text: &str) {
        let obj = self.obj();
        let message = gst::message::Progress::builder(kind, PROGRESS_CODE, text).src(&*obj).build();
        let _ = obj.post_message(message);
    }
}
