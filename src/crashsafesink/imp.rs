//! A file sink that does not lose what it was given: the file has its name only when it is complete, and until then
//! everything but the newest few megabytes is on disk under a temporary name.
//!
//! ```bash
//! gst-launch-1.0 -e audiotestsrc num-buffers=200 ! vorbisenc ! oggmux ! crashsafesink location=tone.ogg
//! ```

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_base::prelude::*;
use gst_base::subclass::prelude::*;

use super::active_recording::{Active, failure, post_error, shown};
use super::properties::{PROPERTIES, Settings};
use super::{muxer_advice, uri};
use crate::logic::recording::{LentBytes, Session, WriteError};

pub(super) static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new("crashsafesink", gst::DebugColorFlags::empty(), Some("Sink that loses no recording"))
});

/// Whether upstream may wait for the buffer to come back, or for another that it is a part of.
fn is_pooled(buffer: &gst::BufferRef) -> bool {
    // SAFETY: the reference keeps the buffer alive, and its pool is set while it cannot be shared.
    let pooled = unsafe { !(*buffer.as_ptr()).pool.is_null() };
    pooled || buffer.meta::<gst::meta::ParentBufferMeta>().is_some()
}

#[derive(Default)]
enum State {
    /// Nothing open: before start, after a finished or set-aside recording.
    #[default]
    Idle,
    Recording(Active),
    /// Finished, and no data since.
    Finished,
    /// An error was posted; nothing more is accepted until stopped.
    Failed,
}

/// Lock order: `state`, then whatever the session locks; `settings` is never held together with another lock.
/// None is held while something is posted, pushed or queried.
#[derive(Default)]
pub struct CrashSafeSink {
    settings: Mutex<Settings>,
    state: Mutex<State>,
    /// Where a recording opened later in this run begins: BYTES segments arrive before its first buffer.
    position: AtomicU64,
    /// The advice about the muxer upstream that was given last; once is enough for the same.
    advice: Mutex<Option<String>>,
}

impl CrashSafeSink {
    fn settings(&self) -> MutexGuard<'_, Settings> {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn session(&self) -> Option<Arc<Session>> {
        match &*self.state() {
            State::Recording(active) => Some(active.session.clone()),
            _ => None,
        }
    }

    /// Ends waits for the disk, or allows them again.
    fn interrupt(&self, interrupted: bool) {
        let interrupt = match &*self.state() {
            State::Recording(active) => Some(active.interrupter()),
            _ => None,
        };
        if let Some(interrupt) = interrupt {
            interrupt(interrupted);
        }
    }

    fn set_location(&self, location: Option<std::path::PathBuf>) -> Result<(), glib::Error> {
        if matches!(&*self.state(), State::Recording(_)) {
            return Err(glib::Error::new(
                gst::URIError::BadState,
                "The location cannot be changed while it is being recorded to: set the element to READY first",
            ));
        }
        self.settings().location = location;
        Ok(())
    }

    fn open(&self) -> Result<Arc<Session>, gst::ErrorMessage> {
        let settings = self.settings().clone();
        let active = Active::open(&self.obj(), &settings)?;
        active.session.seek(self.position.load(Ordering::Relaxed));
        let session = active.session.clone();
        *self.state() = State::Recording(active);
        self.obj().notify("temp-location");
        Ok(session)
    }

    /// The recording to write to; one is opened if the last one has ended.
    fn session_for_data(&self) -> Result<Arc<Session>, gst::FlowError> {
        match &*self.state() {
            State::Recording(active) => return Ok(active.session.clone()),
            State::Failed => return Err(gst::FlowError::Error),
            State::Idle | State::Finished => {}
        }
        self.open().map_err(|error| {
            *self.state() = State::Failed;
            post_error(&self.obj(), error);
            gst::FlowError::Error
        })
    }

    fn fail(&self, error: WriteError) -> gst::FlowError {
        if let Some(failure) = failure(error) {
            gst::error!(CAT, imp = self, "{failure} ({})", failure.debug);
            post_error(&self.obj(), super::messages::error(&failure));
        }
        gst::FlowError::Error
    }

    /// Repeats `call` until it is not interrupted by pausing; flushing ends it.
    fn uninterrupted(&self, mut call: impl FnMut() -> Result<(), WriteError>) -> Result<(), gst::FlowError> {
        loop {
            match call() {
                Ok(()) => return Ok(()),
                Err(WriteError::Interrupted) => {
                    self.obj().wait_preroll()?;
                }
                Err(error) => return Err(self.fail(error)),
            }
        }
    }

    fn write(&self, buffer: &gst::Buffer) -> Result<gst::FlowSuccess, gst::FlowError> {
        gst::trace!(CAT, imp = self, "{buffer:?}");
        // Memory by memory: mapping a buffer of several as a whole would first copy them into one.
        let sync_after = buffer.flags().contains(gst::BufferFlags::SYNC_AFTER);
        if buffer.n_memory() == 1 {
            let map = self.readable(buffer.peek_memory(0), buffer)?;
            let lend = || Some(Box::new(buffer.clone().into_mapped_buffer_readable().ok()?) as LentBytes);
            let accept =
                |session: &Session| session.gather(&map) || !is_pooled(buffer) && session.borrow(map.len(), lend);
            if !sync_after && matches!(&*self.state(), State::Recording(active) if accept(&active.session)) {
                return Ok(gst::FlowSuccess::Ok);
            }
            return self.write_pieces(&[map.as_slice()], sync_after);
        }
        let maps = buffer.iter_memories().map(|memory| self.readable(memory, buffer)).collect::<Result<Vec<_>, _>>()?;
        self.write_pieces(&maps.iter().map(|map| map.as_slice()).collect::<Vec<_>>(), sync_after)
    }

    fn write_pieces(&self, pieces: &[&[u8]], sync_after: bool) -> Result<gst::FlowSuccess, gst::FlowError> {
        let session = self.session_for_data()?;
        let mut done = 0;
        self.uninterrupted(|| session.write(pieces, &mut done))?;
        if sync_after {
            self.uninterrupted(|| session.make_safe())?;
        }
        Ok(gst::FlowSuccess::Ok)
    }

    /// The memory mapped; an error is posted if it cannot be.
    fn readable<'a>(
        &self,
        memory: &'a gst::MemoryRef,
        buffer: &gst::BufferRef,
    ) -> Result<gst::MemoryMap<'a, gst::memory::Readable>, gst::FlowError> {
        memory.map_readable().map_err(|_| {
            gst::element_imp_error!(
                self,
                gst::ResourceError::Read,
                ("A buffer's memory could not be read, so the recording would have a hole. Check the element upstream."),
                ["{buffer:?}"]
            );
            gst::FlowError::Error
        })
    }

    /// Ends the recording because the stream has. `Err`: it could not be finished, and that has been posted.
    fn finish(&self) -> Result<(), ()> {
        let state = std::mem::take(&mut *self.state());
        let result = match state {
            State::Recording(active) if active.session.has_data() => active.finish(&self.obj()),
            State::Recording(active) => {
                gst::element_imp_warning!(
                    self,
                    gst::ResourceError::Write,
                    ("The stream ended without any data, so no file was made. Check the source.")
                );
                active.keep(&self.obj(), false).map_or(Ok(()), |error| Err(Some(error)))
            }
            State::Failed => Err(None),
            State::Idle | State::Finished => Ok(()),
        };
        self.position.store(0, Ordering::Relaxed);
        *self.state() = if result.is_ok() { State::Finished } else { State::Failed };
        result.map_err(|error| {
            if let Some(error) = error {
                post_error(&self.obj(), error);
            }
        })
    }

    /// A flush has thrown the stream away: what was recorded of it is set aside.
    fn flush_stop(&self) {
        self.position.store(0, Ordering::Relaxed);
        let Some(session) = self.session() else { return };
        if !session.has_data() {
            session.seek(0);
            return;
        }
        let state = std::mem::take(&mut *self.state());
        if let State::Recording(active) = state
            && let Some(error) = active.keep(&self.obj(), true)
        {
            *self.state() = State::Failed;
            post_error(&self.obj(), error);
        }
    }

    fn advice(&self) -> MutexGuard<'_, Option<String>> {
        self.advice.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Warns if the muxer, as it is set up now, leaves nothing playable after a kill.
    fn advise(&self) {
        let pad = self.obj().static_pad("sink").expect("a pad of the template");
        let advice = muxer_advice::unreadable_until_finished(&pad);
        let given = std::mem::replace(&mut *self.advice(), advice.clone());
        if let Some(advice) = advice.filter(|advice| given.as_ref() != Some(advice)) {
            gst::element_imp_warning!(self, gst::ResourceError::Settings, ("{advice}"));
        }
    }

    fn stats(&self) -> gst::Structure {
        let state = self.state();
        let name = match &*state {
            State::Idle => "idle",
            State::Recording(_) => "recording",
            State::Finished => "finished",
            State::Failed => "failed",
        };
        let builder = gst::Structure::builder("crashsafesink-stats").field("state", name);
        let State::Recording(active) = &*state else { return builder.build() };
        let (session, counters) = (&active.session, active.session.counters());
        builder
            .field("bytes", counters.bytes.load(Ordering::Relaxed))
            .field("writes", counters.writes.load(Ordering::Relaxed))
            .field("syncs", counters.syncs.load(Ordering::Relaxed))
            .field("max-flush-age", counters.max_flush_age.load(Ordering::Relaxed))
            .field("max-stall", session.max_stall())
            .field("unsynced-bytes", counters.unsafe_bytes.load(Ordering::Relaxed))
            .field("held-bytes", counters.held_bytes.load(Ordering::Relaxed))
            .build()
    }
}

#[glib::object_subclass]
impl ObjectSubclass for CrashSafeSink {
    const NAME: &'static str = "GstCrashSafeSink";
    type Type = super::CrashSafeSink;
    type ParentType = gst_base::BaseSink;
    type Interfaces = (gst::URIHandler,);
}

impl ObjectImpl for CrashSafeSink {
    fn constructed(&self) {
        self.parent_constructed();
        let obj = self.obj();
        obj.set_sync(false);
        // A buffer kept for `last-sample` would be missing in a bounded pool upstream.
        obj.set_property("enable-last-sample", false);
    }

    fn properties() -> &'static [glib::ParamSpec] {
        &PROPERTIES
    }

    fn set_property(&self, _id: usize, value: &glib::Value, pspec: &glib::ParamSpec) {
        match pspec.name() {
            "location" => {
                let location = value.get().expect("GObject has checked the type");
                if let Err(error) = self.set_location(location) {
                    gst::error!(CAT, imp = self, "{}", error.message());
                }
            }
            name => self.settings().set(name, value),
        }
    }

    fn property(&self, _id: usize, pspec: &glib::ParamSpec) -> glib::Value {
        match pspec.name() {
            "temp-location" => shown(self.session().map(|s| s.temporary_path().clone()).as_ref()).to_value(),
            "stats" => self.stats().to_value(),
            name => self.settings().get(name),
        }
    }
}

impl GstObjectImpl for CrashSafeSink {}

impl ElementImpl for CrashSafeSink {
    fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
        static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
            gst::subclass::ElementMetadata::new(
                "Crash-safe file sink",
                "Sink/File",
                "Writes a stream to a file that has its name only when complete, and loses next to nothing when killed",
                "The gst-plugin-steady developers",
            )
        });
        Some(&METADATA)
    }

    fn pad_templates() -> &'static [gst::PadTemplate] {
        static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
            let (direction, presence) = (gst::PadDirection::Sink, gst::PadPresence::Always);
            // Cannot fail: the caps are valid by construction.
            vec![gst::PadTemplate::new("sink", direction, presence, &gst::Caps::new_any()).expect("a valid template")]
        });
        &TEMPLATES
    }

    fn change_state(&self, transition: gst::StateChange) -> Result<gst::StateChangeSuccess, gst::StateChangeError> {
        if transition != gst::StateChange::ReadyToPaused {
            return self.parent_change_state(transition);
        }
        // Not in `start`: when that fails, the base class posts an error of its own after ours.
        self.position.store(0, Ordering::Relaxed);
        *self.advice() = None;
        self.open().map_err(|error| {
            post_error(&self.obj(), error);
            gst::StateChangeError
        })?;
        self.parent_change_state(transition).inspect_err(|_| {
            if let State::Recording(active) = std::mem::take(&mut *self.state()) {
                active.keep(&self.obj(), false);
            }
        })
    }
}

impl BaseSinkImpl for CrashSafeSink {
    fn stop(&self) -> Result<(), gst::ErrorMessage> {
        let finish =
            self.settings().finish_on_stop && matches!(&*self.state(), State::Recording(a) if a.session.has_data());
        if finish {
            // Whatever went wrong has been posted, and the file is kept.
            let _ = self.finish();
        }
        let state = std::mem::take(&mut *self.state());
        if let State::Recording(active) = state
            && let Some(error) = active.keep(&self.obj(), false)
        {
            post_error(&self.obj(), error);
        }
        self.obj().notify("temp-location");
        Ok(())
    }

    fn unlock(&self) -> Result<(), gst::ErrorMessage> {
        self.interrupt(true);
        Ok(())
    }

    fn unlock_stop(&self) -> Result<(), gst::ErrorMessage> {
        self.interrupt(false);
        Ok(())
    }

    fn render(&self, buffer: &gst::Buffer) -> Result<gst::FlowSuccess, gst::FlowError> {
        self.write(buffer)
    }

    fn render_list(&self, list: &gst::BufferList) -> Result<gst::FlowSuccess, gst::FlowError> {
        list.iter_owned().try_fold(gst::FlowSuccess::Ok, |_, buffer| self.write(&buffer))
    }

    fn event(&self, event: gst::Event) -> bool {
        use gst::EventView;
        match event.view() {
            EventView::Caps(_) => self.advise(),
            EventView::Segment(segment) => {
                if let Some(bytes) = segment.segment().downcast_ref::<gst::format::Bytes>() {
                    let start = bytes.start().map_or(0, |start| *start);
                    gst::debug!(CAT, imp = self, "going to byte {start}");
                    self.position.store(start, Ordering::Relaxed);
                    if let Some(session) = self.session() {
                        session.seek(start);
                    }
                }
            }
            EventView::FlushStop(_) => self.flush_stop(),
            // No EOS message after a failure: it would say that the file is complete.
            EventView::Eos(_) if self.finish().is_err() => return false,
            _ => {}
        }
        self.parent_event(event)
    }

    fn query(&self, query: &mut gst::QueryRef) -> bool {
        use gst::QueryViewMut;
        match query.view_mut() {
            QueryViewMut::Formats(query) => {
                query.set([gst::Format::Default, gst::Format::Bytes]);
                true
            }
            QueryViewMut::Position(query) => {
                let position = self.session().map_or_else(
                    || self.position.load(Ordering::Relaxed),
                    |session| session.counters().position.load(Ordering::Relaxed),
                );
                match query.format() {
                    gst::Format::Bytes => query.set(gst::format::Bytes::from_u64(position)),
                    gst::Format::Default => query.set(gst::format::Default::from_u64(position)),
                    _ => return false,
                }
                true
            }
            QueryViewMut::Seeking(query) => {
                match query.format() {
                    gst::Format::Bytes => query.set(true, gst::format::Bytes::ZERO, gst::format::Bytes::NONE),
                    gst::Format::Default => query.set(true, gst::format::Default::ZERO, gst::format::Default::NONE),
                    format => query.set(
                        false,
                        gst::GenericFormattedValue::none_for_format(format),
                        gst::GenericFormattedValue::none_for_format(format),
                    ),
                }
                true
            }
            _ => BaseSinkImplExt::parent_query(self, query),
        }
    }
}

impl URIHandlerImpl for CrashSafeSink {
    const URI_TYPE: gst::URIType = gst::URIType::Sink;

    fn protocols() -> &'static [&'static str] {
        &["file"]
    }

    fn uri(&self) -> Option<String> {
        self.settings().location.as_deref().and_then(uri::from_path)
    }

    fn set_uri(&self, uri: &str) -> Result<(), glib::Error> {
        // Applications ask for a handler of "file://" without meaning a file.
        if uri == "file://" { Ok(()) } else { self.set_location(Some(uri::to_path(uri)?)) }
    }
}
