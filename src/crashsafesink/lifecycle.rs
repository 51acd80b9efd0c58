//! From one recording to the next: how each is opened, and how it ends with the stream.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::active_recording::ActiveRecording;
use super::element::{CrashSafeSink, Outcome, RecordingState};
use crate::logic::recording::storage::fs;
use crate::logic::recording::{self, Session};

impl CrashSafeSink {
    /// Ends waits for the disk, or allows them again.
    pub(super) fn interrupt(&self, interrupted: bool) {
        let interrupt = match &*self.state() {
            RecordingState::Recording(active) => Some(active.interrupter()),
            _ => None,
        };
        if let Some(interrupt) = interrupt {
            interrupt(interrupted);
        }
    }

    pub(super) fn set_location(&self, location: Option<PathBuf>) -> Result<(), glib::Error> {
        if matches!(&*self.state(), RecordingState::Recording(_)) {
            return Err(glib::Error::new(
                gst::URIError::BadState,
                "The location cannot be changed while it is being recorded to: set the element to READY first",
            ));
        }
        self.settings().location = location;
        Ok(())
    }

    /// The element is about to be READY. `Err`: there is no recording to this location, and that has been posted. Told here, as
    /// `filesink` does, because only then does a pipeline fail before its sources begin.
    pub(super) fn check_location(&self) -> Result<(), ()> {
        let location = self.settings().location.clone().unwrap_or_default();
        *self.outcome() = Outcome::default();
        recording::check(&location, &fs::open_directory).map_err(|failure| {
            self.obj().post_error_message(self.failure(&failure));
        })
    }

    /// The element is about to be PAUSED. `Err`: no recording could be opened, and that has been posted.
    pub(super) fn begin_recording(&self) -> Result<(), ()> {
        self.position.store(0, Ordering::Relaxed);
        *self.given_advice() = None;
        self.open().map(|_| ()).map_err(|error| self.obj().post_error_message(error))
    }

    fn open(&self) -> Result<Arc<Session>, gst::ErrorMessage> {
        let settings = self.settings().clone();
        *self.outcome() = Outcome::default();
        let active = ActiveRecording::open(&self.obj(), &settings)?;
        active.session.seek(self.position.load(Ordering::Relaxed));
        let session = active.session.clone();
        *self.state() = RecordingState::Recording(active);
        self.obj().notify("temp-location");
        Ok(session)
    }

    /// The recording to write to; one is opened if the last one has ended.
    pub(super) fn session_for_data(&self) -> Result<Arc<Session>, gst::FlowError> {
        match &*self.state() {
            RecordingState::Recording(active) => return Ok(active.session.clone()),
            RecordingState::Failed => return Err(gst::FlowError::Error),
            RecordingState::Idle | RecordingState::Finished => {}
        }
        self.open().map_err(|error| {
            *self.state() = RecordingState::Failed;
            self.obj().post_error_message(error);
            gst::FlowError::Error
        })
    }

    /// Ends the recording because the stream has ended. `Err`: it could not be finished, and that has been posted.
    pub(super) fn finish(&self) -> Result<(), ()> {
        let state = std::mem::take(&mut *self.state());
        let result = match state {
            RecordingState::Recording(active) if active.session.has_data() => active.finish(&self.obj()),
            RecordingState::Recording(active) => {
                gst::element_imp_warning!(
                    self,
                    gst::ResourceError::Write,
                    ("The stream ended without any data, so no file was made. Check the source.")
                );
                active.keep(&self.obj(), false).map_or(Ok(()), |error| Err(Some(error)))
            }
            RecordingState::Failed => Err(None),
            RecordingState::Idle | RecordingState::Finished => Ok(()),
        };
        self.position.store(0, Ordering::Relaxed);
        *self.state() = if result.is_ok() { RecordingState::Finished } else { RecordingState::Failed };
        result.map_err(|error| {
            if let Some(error) = error {
                self.obj().post_error_message(error);
            }
        })
    }

    /// Sets aside what was recorded of a stream that a flush has thrown away.
    pub(super) fn flush_stop(&self) {
        self.position.store(0, Ordering::Relaxed);
        let Some(session) = self.session() else { return };
        if !session.has_data() {
            session.seek(0);
            return;
        }
        let state = std::mem::take(&mut *self.state());
        if let RecordingState::Recording(active) = state
            && let Some(error) = active.keep(&self.obj(), true)
        {
            *self.state() = RecordingState::Failed;
            self.obj().post_error_message(error);
        }
    }

    /// Ends the recording because the element is READY again: under its final name if that is wanted, else under the temporary one.
    pub(super) fn stop_recording(&self) {
        let finish_on_stop = self.settings().finish_on_stop;
        if finish_on_stop && self.session().is_some_and(|session| session.has_data()) {
            // A failure has been posted, and the file is kept.
            let _ = self.finish();
        }
        if let Some(error) = self.keep() {
            self.obj().post_error_message(error);
        }
        self.obj().notify("temp-location");
    }

    /// Ends the recording, if there is one, under its temporary name; returns an error not posted before.
    pub(super) fn keep(&self) -> Option<gst::ErrorMessage> {
        let state = std::mem::take(&mut *self.state());
        match state {
            RecordingState::Recording(active) => active.keep(&self.obj(), false),
            _ => None,
        }
    }
}
