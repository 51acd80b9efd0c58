//! The way of a buffer into the recording.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use gst::prelude::*;
use gst::subclass::prelude::*;
use gst_base::prelude::*;

use super::element::{CAT, CrashSafeSink, RecordingState};
use super::messages;
use crate::logic::clock::Nanos;
use crate::logic::recording::{LentBytes, Session, WriteError};

/// A stream that waits for longer than this is told about: more than queues before a sink usually hold.
const STALL: Duration = Duration::from_secs(1);

impl CrashSafeSink {
    /// Records one buffer.
    pub(super) fn write(&self, buffer: &gst::Buffer) -> Result<gst::FlowSuccess, gst::FlowError> {
        gst::trace!(CAT, imp = self, "{buffer:?}");
        let sync_after = buffer.flags().contains(gst::BufferFlags::SYNC_AFTER);
        if buffer.n_memory() == 1 {
            let map = self.readable(buffer.peek_memory(0), buffer)?;
            let lend = || Some(Box::new(buffer.clone().into_mapped_buffer_readable().ok()?) as LentBytes);
            let accept =
                |session: &Session| session.gather(&map) || !is_pooled(buffer) && session.borrow(map.len(), lend);
            if !sync_after && matches!(&*self.state(), RecordingState::Recording(active) if accept(&active.session)) {
                return Ok(gst::FlowSuccess::Ok);
            }
            return self.write_pieces(&[map.as_slice()], sync_after);
        }
        // Memory by memory: mapping a buffer of several as a whole would first copy them into one.
        let maps = buffer.iter_memories().map(|memory| self.readable(memory, buffer)).collect::<Result<Vec<_>, _>>()?;
        self.write_pieces(&maps.iter().map(|map| map.as_slice()).collect::<Vec<_>>(), sync_after)
    }

    fn write_pieces(&self, pieces: &[&[u8]], sync_after: bool) -> Result<gst::FlowSuccess, gst::FlowError> {
        let session = self.session_for_data()?;
        let mut done = 0;
        self.uninterrupted(&session, || session.write(pieces, &mut done))?;
        if sync_after {
            self.uninterrupted(&session, || session.make_safe())?;
        }
        Ok(gst::FlowSuccess::Ok)
    }

    /// Maps `memory`; an error is posted if that fails.
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

    /// Repeats `call` for as long as pausing interrupts it; flushing ends it.
    fn uninterrupted(
        &self,
        session: &Session,
        mut call: impl FnMut() -> Result<(), WriteError>,
    ) -> Result<(), gst::FlowError> {
        loop {
            let since = Instant::now();
            let result = call();
            self.tell_stall(session, since.elapsed());
            match result {
                Ok(()) => return Ok(()),
                Err(WriteError::Interrupted) => {
                    self.obj().wait_preroll()?;
                }
                Err(error) => return Err(self.fail(error)),
            }
        }
    }

    /// Tells the application when the disk has made the stream wait: a live source drops what it cannot pass on meanwhile.
    fn tell_stall(&self, session: &Session, took: Duration) {
        if took <= STALL {
            return;
        }
        session.note_stall(took.as_nanos() as Nanos);
        let (longest, unsynced) = (session.max_stall(), session.counters().unsafe_bytes.load(Ordering::Relaxed));
        gst::warning!(CAT, imp = self, "the stream waited {took:?} for the disk; {unsynced} bytes are not safe yet");
        messages::slow(&self.obj(), longest, unsynced);
    }

    fn fail(&self, error: WriteError) -> gst::FlowError {
        if let Some(failure) = error.unreported() {
            self.obj().post_error_message(self.failure(&failure));
        }
        gst::FlowError::Error
    }
}

/// Whether upstream may wait for the buffer to come back, or for one that it is a part of: such a buffer is never kept.
fn is_pooled(buffer: &gst::BufferRef) -> bool {
    // SAFETY: the reference keeps the buffer alive, and its pool is set while it cannot be shared.
    let pooled = unsafe { !(*buffer.as_ptr()).pool.is_null() };
    pooled || buffer.meta::<gst::meta::ParentBufferMeta>().is_some()
}
