//! Demuxes a finished file and counts what is in it, without decoding.

use std::path::Path;
use std::sync::{Arc, Mutex};

use gst::prelude::*;
use gststeady::logic::export::{FoundStream, StreamKind};

use super::failure::{Failure, Stage};
use super::lock::lock;

/// Demuxing runs at disk speed; this is for an hours-long file on a slow disk.
const PATIENCE: gst::ClockTime = gst::ClockTime::from_seconds(600);

#[derive(Default)]
struct Tally {
    frames: u64,
    first: Option<gst::ClockTime>,
    end: Option<gst::ClockTime>,
}

/// Every stream of the file at `path`.
pub fn streams(path: &Path) -> Result<Vec<FoundStream>, Failure> {
    let broken = |what: &str| Failure::new(Stage::Io, format!("{path:?} was written but cannot be read back: {what}"));
    let pipeline = gst::Pipeline::new();
    let make = |factory: &str| {
        gst::ElementFactory::make(factory)
            .build()
            .map_err(|e| Failure::new(Stage::MissingPlugin, format!("cannot check the video: {e}")))
    };
    let (source, demux) = (make("filesrc")?, make("parsebin")?);
    source.set_property("location", path);
    pipeline.add_many([&source, &demux]).and_then(|()| source.link(&demux)).map_err(|e| broken(&e.to_string()))?;

    let tallies = Arc::new(Mutex::new(Vec::<(gst::Pad, Arc<Mutex<Tally>>)>::new()));
    let weak = pipeline.downgrade();
    let added = tallies.clone();
    demux.connect_pad_added(move |_, pad| {
        let Some(pipeline) = weak.upgrade() else { return };
        let tally = Arc::new(Mutex::new(Tally::default()));
        lock(&added).push((pad.clone(), tally.clone()));
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            if let Some(buffer) = info.buffer() {
                lock(&tally).count(buffer);
            }
            gst::PadProbeReturn::Ok
        });
        let Ok(sink) = gst::ElementFactory::make("fakesink").property("sync", false).property("async", false).build()
        else {
            return;
        };
        // A failure here shows as a stream with no frames.
        if pipeline.add(&sink).is_ok()
            && let Some(sink_pad) = sink.static_pad("sink")
        {
            let _ = pad.link(&sink_pad);
            let _ = sink.sync_state_with_parent();
        }
    });

    let _ = pipeline.set_state(gst::State::Playing);
    let end = pipeline
        .bus()
        .and_then(|bus| bus.timed_pop_filtered(PATIENCE, &[gst::MessageType::Eos, gst::MessageType::Error]));
    let found = lock(&tallies).iter().map(|(pad, tally)| describe(pad, tally)).collect();
    let _ = pipeline.set_state(gst::State::Null);
    match end.as_ref().map(|message| message.view()) {
        Some(gst::MessageView::Eos(_)) => Ok(found),
        Some(gst::MessageView::Error(error)) => Err(broken(error.error().message())),
        _ => Err(broken("demuxing took too long")),
    }
}

impl Tally {
    fn count(&mut self, buffer: &gst::BufferRef) {
        // Headers in front of the first frame have no time.
        let Some(pts) = buffer.pts() else { return };
        self.frames += 1;
        self.first = Some(self.first.map_or(pts, |first| first.min(pts)));
        let end = pts + buffer.duration().unwrap_or_default();
        self.end = Some(self.end.map_or(end, |last| last.max(end)));
    }
}

fn describe(pad: &gst::Pad, tally: &Mutex<Tally>) -> FoundStream {
    let tally = lock(tally);
    let caps = pad.current_caps();
    let structure = caps.as_ref().and_then(|caps| caps.structure(0));
    let kind = match structure.map(|s| s.name().as_str()) {
        Some(name) if name.starts_with("video/") => StreamKind::Video,
        Some(name) if name.starts_with("audio/") => StreamKind::Audio,
        _ => StreamKind::Other,
    };
    let side = |name| structure.and_then(|s| s.get::<i32>(name).ok()).and_then(|side| u32::try_from(side).ok());
    FoundStream {
        kind,
        frames: tally.frames,
        duration: tally.end.zip(tally.first).map_or(0, |(end, first)| (end - first).nseconds()),
        size: side("width").zip(side("height")),
    }
}
