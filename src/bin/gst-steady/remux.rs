//! Repairs an unfinished recording by writing all its streams into a new file.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gst::prelude::*;
use gststeady::logic::recording::DATA_AT;

use super::boxes::Boxes;
use super::interrupt;
use super::lock::lock;
use super::look::missing_streams;
use super::reading::{Reading, is_media, leads_elsewhere, media_type};

/// How long nothing at all may move.
const PATIENCE: Duration = Duration::from_secs(60);
/// How far apart two streams may lie, in bytes of the one that waits for the other. In the bytes of compressed sound, hours.
const APART: u32 = 256 << 20;
/// How long nothing may move while one of them waits like that: as long as a disk may take for a sync.
const APART_PATIENCE: Duration = Duration::from_secs(10);

/// How long nothing may move before no further stream is waited for: a torn file may announce one that it does not hold.
const LAST_STREAM: Duration = Duration::from_secs(2);

/// The muxer that a repaired file is written with.
fn muxer(path: &Path) -> (&'static str, &'static str) {
    match path.extension().and_then(|e| e.to_str()).unwrap_or_default() {
        "mp4" | "m4v" | "m4a" => ("mp4mux", ""),
        "mov" | "qt" => ("qtmux", ""),
        "ts" | "m2ts" => ("mpegtsmux", ""),
        "webm" => ("webmmux", ""),
        "avi" => ("avimux", ""),
        "flv" => ("flvmux", ""),
        "mkv" | "mka" => ("matroskamux", ""),
        // Matroska takes nearly everything.
        _ => ("matroskamux", ".mkv"),
    }
}

/// A stream on its way into the new file.
struct Stream {
    kind: String,
    /// Where its data enters what leads to the muxer.
    entry: gst::Pad,
    queue: gst::Element,
    /// Where its data waits until all streams are known: muxers take no more of them once they have begun.
    exit: gst::Pad,
    wait: Option<gst::PadProbeId>,
}

/// What the streaming threads find.
#[derive(Default)]
struct Streams {
    into: Vec<Stream>,
    /// Why one of them cannot be in the new file.
    refused: Option<String>,
    complete: bool,
}

struct Remux {
    reading: Reading,
    mux: gst::Element,
    sink: gst::Element,
    streams: Arc<Mutex<Streams>>,
    progress: Arc<Progress>,
}

#[derive(Default)]
struct Progress {
    /// Buffers that went into or out of the queues so far.
    moved: AtomicU64,
    /// Bytes of those that went in.
    read: AtomicU64,
}

/// Copies the streams of the file at `path` into a new one beside `target`, which a muxer finishes. Returns its path, and how many bytes
/// of data were read.
pub fn remux(path: &Path, target: &Path) -> Result<(PathBuf, u64), String> {
    let (factory, more) = muxer(target);
    let mut name = target.file_stem().unwrap_or_default().to_owned();
    name.push("-repaired");
    if let Some(extension) = target.extension() {
        name.push(".");
        name.push(extension);
    }
    name.push(more);
    let output = target.with_file_name(name);
    let make = |name: &str| gst::ElementFactory::make(name).build().map_err(|e| e.message.to_string());
    let (mux, sink) = (make(factory)?, make("crashsafesink")?);
    sink.set_property("location", &output);
    sink.set_property_from_str("on-exists", "number");
    let reading = Reading::new(path)?;
    reading.pipeline.add_many([&mux, &sink]).map_err(|e| e.to_string())?;
    mux.link(&sink).map_err(|e| e.to_string())?;
    let remux = Remux { reading, mux, sink, streams: Arc::default(), progress: Arc::default() };
    remux.follow_streams();
    let result = remux.drain();
    let temporary = remux.sink.property::<Option<PathBuf>>("temp-location");
    // Ends the recording; what it holds by then is of no use to anybody, since the original is still there.
    let _ = remux.reading.pipeline.set_state(gst::State::Null);
    match result.and_then(|written| remux.check(path, &written).map(|()| written)) {
        Ok(written) => Ok((written, remux.progress.read.load(Ordering::Relaxed))),
        Err(why) => {
            // What was refused may have come to its end all the same, and got its name, or failed, before that was heard of.
            for file in [temporary, left_file(&remux.sink)].into_iter().flatten() {
                let _ = std::fs::remove_file(file);
            }
            Err(why)
        }
    }
}

/// Lets the data of all streams into the muxer.
fn let_flow(streams: &Mutex<Streams>) {
    let waits: Vec<_> =
        lock(streams).into.iter_mut().filter_map(|stream| Some((stream.exit.clone(), stream.wait.take()?))).collect();
    for (exit, wait) in waits {
        exit.remove_probe(wait);
    }
}

/// The file that a stopped sink has left, under whatever name.
fn left_file(sink: &gst::Element) -> Option<PathBuf> {
    sink.property::<gst::Structure>("stats").get::<String>("path").ok().map(PathBuf::from)
}

impl Remux {
    fn follow_streams(&self) {
        let (pipeline, mux) = (self.reading.pipeline.downgrade(), self.mux.downgrade());
        let (streams, progress) = (self.streams.clone(), self.progress.clone());
        self.reading.parse.connect_pad_added(move |_, pad| {
            let (Some(pipeline), Some(mux)) = (pipeline.upgrade(), mux.upgrade()) else { return };
            let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
            match attach(&pipeline, &mux, pad, &caps, &progress) {
                Ok(stream) => lock(&streams).into.push(stream),
                Err(why) => refuse(&pipeline, &streams, why),
            }
        });
        let (streams, pipeline) = (self.streams.clone(), self.reading.pipeline.downgrade());
        self.reading.parse.connect("unknown-type", false, move |values| {
            let caps = values.get(2).and_then(|v| v.get::<gst::Caps>().ok());
            let kind = caps.as_deref().map_or("unknown", media_type).to_owned();
            if let Some(pipeline) = pipeline.upgrade() {
                refuse(&pipeline, &streams, format!("no plugin is installed that reads its {kind} stream"));
            }
            None
        });
        let streams = self.streams.clone();
        self.reading.parse.connect_no_more_pads(move |_| {
            lock(&streams).complete = true;
            let_flow(&streams);
        });
    }

    /// Runs to the end; an error of the reading side, which a torn file may well give, ends the streams instead.
    fn drain(&self) -> Result<PathBuf, String> {
        let bus = self.reading.pipeline.bus().ok_or("no bus")?;
        let started = self.reading.pipeline.set_state(gst::State::Playing);
        let (mut path, mut torn, mut last) = (None, false, (0, Instant::now()));
        loop {
            if interrupt::count() > 0 {
                return Err("interrupted".into());
            }
            let moved = self.progress.moved.load(Ordering::Relaxed);
            if moved != last.0 {
                last = (moved, Instant::now());
            }
            self.stands_still(last.1.elapsed())?;
            let Some(message) = bus.timed_pop(gst::ClockTime::from_mseconds(100)) else {
                if let Err(error) = &started {
                    return Err(error.to_string());
                }
                continue;
            };
            match message.view() {
                gst::MessageView::Element(e) => {
                    if let Some(s) = e.structure().filter(|s| s.name() == "crashsafesink-finished") {
                        path = s.get::<String>("location").ok().map(PathBuf::from);
                    }
                }
                gst::MessageView::Application(_) => {
                    return Err(lock(&self.streams).refused.clone().unwrap_or_default());
                }
                // What goes on without a stream that it could not make out.
                gst::MessageView::Warning(w) if w.error().kind::<gst::StreamError>().is_some() => {
                    let text = w.error().message().trim_end_matches('.').to_lowercase();
                    return Err(format!("a stream in it cannot be made out ({text})"));
                }
                gst::MessageView::Eos(_) => return path.ok_or_else(|| "there is no data in it".into()),
                gst::MessageView::Error(error) => {
                    let inside = message.src().is_some_and(|src| src.has_as_ancestor(&self.reading.parse));
                    let entries: Vec<_> = {
                        let streams = lock(&self.streams);
                        if let Some(why) = &streams.refused {
                            return Err(why.clone());
                        }
                        if !inside || torn || streams.into.is_empty() {
                            // The new file goes away, and with it what the sink says is left in it.
                            let text = error.error().message().to_owned();
                            return Err(text.split(DATA_AT).next().unwrap_or(&text).to_owned());
                        }
                        streams.into.iter().map(|s| s.entry.clone()).collect()
                    };
                    torn = true;
                    let_flow(&self.streams);
                    // Behind what is still queued, which the muxer may yet take.
                    for entry in entries {
                        entry.send_event(gst::event::Eos::new());
                    }
                }
                _ => {}
            }
        }
    }

    /// An error, once nothing has moved for too long.
    fn stands_still(&self, still: Duration) -> Result<(), String> {
        if still > LAST_STREAM {
            let_flow(&self.streams);
        }
        if still > LAST_STREAM && lock(&self.streams).into.is_empty() && self.reading.is_at_rest() {
            return Err("no stream comes out of it".into());
        }
        let full = |s: &&Stream| s.queue.property::<u32>("current-level-bytes") >= APART;
        if still > APART_PATIENCE
            && let Some(stream) = lock(&self.streams).into.iter().find(full)
        {
            let (mebibytes, kind) = (APART >> 20, &stream.kind);
            return Err(format!("its other streams lie more than {mebibytes} MiB of {kind} behind"));
        }
        if still > PATIENCE {
            return Err(format!("nothing moved for {} s", PATIENCE.as_secs()));
        }
        Ok(())
    }

    /// Whether every stream of `original` is in the new file, and whether what was read was all that there is; if not, the new file
    /// is taken away again.
    fn check(&self, original: &Path, written: &Path) -> Result<(), String> {
        let kinds = lock(&self.streams).into.iter().map(|s| s.kind.clone()).collect();
        let result = match missing_streams(written, kinds).pop() {
            Some(kind) => Err(format!("its {kind} stream did not get into the new file")),
            None => whole(self.progress.read.load(Ordering::Relaxed), original),
        };
        if result.is_err() {
            let _ = std::fs::remove_file(written);
        }
        result
    }
}

/// Whether `read` bytes can be all the data in the file at `original`. Of an MP4 whose index comes in pieces behind a first one that
/// holds several streams, GStreamer's demuxer passes only what the first one lists of all streams but one.
fn whole(read: u64, original: &Path) -> Result<(), String> {
    let boxes = Boxes::of(original);
    if read + boxes.last + boxes.media / 50 >= boxes.media {
        return Ok(());
    }
    Err(format!(
        "GStreamer reads only {} of its {} KiB of data; another program may read all of it: ffmpeg -i FILE -c copy NEW",
        read >> 10,
        boxes.media >> 10
    ))
}

/// Says on the bus that a stream cannot be in the new file.
fn refuse(pipeline: &gst::Pipeline, streams: &Mutex<Streams>, why: String) {
    lock(streams).refused.get_or_insert(why);
    let _ = pipeline.post_message(gst::message::Application::new(gst::Structure::new_empty("refused")));
}

/// Leads a stream into the muxer: through the parser that suits it, which turns it into the form that this muxer takes, and a
/// queue, since the muxer takes from one stream while it waits for none of the others.
fn attach(
    pipeline: &gst::Pipeline,
    mux: &gst::Element,
    pad: &gst::Pad,
    caps: &gst::Caps,
    progress: &Arc<Progress>,
) -> Result<Stream, String> {
    let kind = media_type(caps).to_owned();
    if leads_elsewhere(caps) {
        return Err(format!("it holds {kind}, which is not followed"));
    }
    let refused = |_| format!("its {kind} stream cannot be copied");
    let no_room = || {
        let file = mux.factory().map_or_else(|| "a new file".to_owned(), |f| f.name().to_string());
        format!("its {kind} stream does not fit into the new file ({file} does not take it)")
    };
    let queue = gst::ElementFactory::make("queue")
        .property("max-size-time", 0_u64)
        .property("max-size-buffers", 0_u32)
        .property("max-size-bytes", APART)
        .build()
        .map_err(|e| e.message.to_string())?;
    pipeline.add(&queue).map_err(refused)?;
    let parser = gst::ElementFactory::factories_with_type(gst::ElementFactoryType::PARSER, gst::Rank::MARGINAL)
        .into_iter()
        .filter(|factory| is_media(&kind) && factory.can_sink_any_caps(caps))
        .max_by_key(|factory| factory.rank())
        .map(|factory| factory.create().build())
        .transpose()
        .map_err(refused_to_make)?;
    let first = parser.as_ref().unwrap_or(&queue);
    if let Some(parser) = &parser {
        pipeline.add(parser).map_err(refused)?;
        parser.link(&queue).map_err(refused)?;
    }
    let (entry, exit) = first.static_pad("sink").zip(queue.static_pad("src")).ok_or_else(no_room)?;
    let room = mux
        .pad_template_list()
        .into_iter()
        .filter(|t| t.direction() == gst::PadDirection::Sink && t.presence() == gst::PadPresence::Request)
        .filter(|t| is_same_kind(t.caps(), &kind))
        .find_map(|template| mux.request_pad(&template, None, None))
        .ok_or_else(no_room)?;
    exit.link(&room).map_err(|_| no_room())?;
    let data = gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST;
    let (entering, leaving) = (progress.clone(), progress.clone());
    entry.add_probe(data, move |_, info| {
        let bytes = match &info.data {
            Some(gst::PadProbeData::Buffer(buffer)) => buffer.size(),
            Some(gst::PadProbeData::BufferList(list)) => list.calculate_size(),
            _ => 0,
        };
        entering.read.fetch_add(bytes as u64, Ordering::Relaxed);
        entering.moved.fetch_add(1, Ordering::Relaxed);
        gst::PadProbeReturn::Ok
    });
    exit.add_probe(data, move |_, _| {
        leaving.moved.fetch_add(1, Ordering::Relaxed);
        gst::PadProbeReturn::Ok
    });
    let wait = exit.add_probe(gst::PadProbeType::BLOCK_DOWNSTREAM, |_, _| gst::PadProbeReturn::Ok);
    // From the end on, so that none of them gets data before what follows it is ready.
    let _ = queue.sync_state_with_parent();
    if let Some(parser) = &parser {
        let _ = parser.sync_state_with_parent();
    }
    pad.link(&entry).map_err(|_| no_room())?;
    Ok(Stream { kind, entry, queue, exit, wait })
}

fn refused_to_make(error: gst::glib::BoolError) -> String {
    error.message.to_string()
}

fn is_same_kind(caps: &gst::Caps, kind: &str) -> bool {
    caps.is_any() || caps.iter().any(|s| s.name() == kind)
}
