//! The private pipeline that decodes the audio and hands it to the analysis.
//!
//! `uridecodebin ! audioconvert dithering=none ! appsink`, at the native rate and with all channels. Samples are
//! analysed in the pipeline's own streaming thread; whoever owns the [`Job`] waits on its bus, where the end, errors
//! and progress arrive, and so does the wake-up that [`Job::waker`] sends.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gst::prelude::*;

use super::failure::Failure;
use super::imp::CAT;
use crate::logic::audio::analyze::Analyzer;
use crate::logic::audio::scratch;
use crate::logic::audio::timeline::Timeline;

/// Name of the bus message that says: look again.
const WAKE: &str = "visualrender-wake";
/// Progress is reported each time this much more audio has been analysed.
const REPORT_EVERY: gst::ClockTime = gst::ClockTime::from_seconds(10);

/// What the decoding thread has made so far.
enum Phase {
    /// No samples yet.
    Empty,
    Analysing(Box<(Analyzer, gst_audio::AudioInfo)>),
    /// Either the timeline or why there is none; taken out once.
    Done(Option<Result<Timeline, Failure>>),
}

struct Shared {
    /// How errors call the source.
    name: String,
    phase: Mutex<Phase>,
    cancelled: AtomicBool,
    bus: gst::Bus,
}

/// Audio being analysed. Dropping it ends the work.
pub(super) struct Job {
    pipeline: gst::Pipeline,
    shared: Arc<Shared>,
    missing: Option<Missing>,
}

/// What decoding lacked.
enum Missing {
    /// A plugin for the audio, called this.
    Audio(String),
    /// One for something that is not needed, such as video.
    Other,
}

/// What [`Job::wait`] came back with.
pub(super) enum Event {
    /// The work is over.
    Done(Result<Timeline, Failure>),
    /// So much has been decoded, of so much if that is known.
    Progress(gst::ClockTime, Option<gst::ClockTime>),
    /// Somebody called [`Waker::wake`].
    Woken,
}

/// Ends a [`Job::wait`] from another thread.
#[derive(Clone)]
pub(super) struct Waker(gst::Bus);

impl Waker {
    pub(super) fn wake(&self) {
        // Fails only when the bus is flushing, and then nobody waits on it.
        let _ = self.0.post(gst::message::Application::new(gst::Structure::new_empty(WAKE)));
    }
}

impl Job {
    /// Starts decoding `uri`.
    pub(super) fn start(uri: &str) -> Result<Self, Failure> {
        let make = |factory: &'static str| gst::ElementFactory::make(factory);
        let missing = |factory: &'static str| move |_| Failure::MissingElement(factory);
        let audio = gst::Caps::builder("audio/x-raw").any_features().build();
        let decode = make("uridecodebin")
            .property("uri", uri)
            .property("caps", audio)
            .property("expose-all-streams", false)
            .build()
            .map_err(missing("uridecodebin"))?;
        let convert = make("audioconvert").build().map_err(missing("audioconvert"))?;
        convert.set_property_from_str("dithering", "none");
        let native = gst_audio::AudioCapsBuilder::new_interleaved().format(gst_audio::AUDIO_FORMAT_F32).build();
        let sink = gst_app::AppSink::builder().caps(&native).sync(false).build();

        let pipeline = gst::Pipeline::new();
        let bus = pipeline.bus().ok_or(Failure::MissingElement("pipeline"))?;
        pipeline
            .add_many([&decode, &convert, sink.upcast_ref()])
            .and_then(|()| convert.link(&sink))
            .map_err(|_| Failure::MissingElement("appsink"))?;
        let name = name_of(uri);
        let shared = Arc::new(Shared { name, phase: Mutex::new(Phase::Empty), cancelled: AtomicBool::new(false), bus });

        let converter = convert.downgrade();
        decode.connect_pad_added(move |_, pad| {
            // The first audio stream is the one; the others stay unlinked, which decoding goes on with.
            let target = converter.upgrade().and_then(|convert| convert.static_pad("sink"));
            let Some(target) = target.filter(|target| !target.is_linked()) else { return };
            if let Err(error) = pad.link(&target) {
                gst::debug!(CAT, "{} is not audio: {error}", pad.name());
            }
        });
        decode.connect("autoplug-select", false, |arguments| {
            // Pictures are not decoded: their pad appears as it is and stays unlinked.
            let klass = arguments[3].get::<gst::ElementFactory>().ok()?.metadata("klass")?.to_owned();
            let pictures = klass.contains("Video") || klass.contains("Image");
            let ends = pictures && (klass.contains("Decoder") || klass.contains("Parser"));
            let choices = gst::glib::EnumClass::with_type(gst::glib::Type::from_name("GstAutoplugSelectResult")?)?;
            choices.to_value_by_nick(if ends { "expose" } else { "try" })
        });
        let (on_sample, on_eos, on_none) = (shared.clone(), shared.clone(), shared.clone());
        let converter = convert.downgrade();
        decode.connect_no_more_pads(move |_| {
            let target = converter.upgrade().and_then(|convert| convert.static_pad("sink"));
            if target.is_some_and(|target| !target.is_linked()) {
                on_none.done(Err(Failure::NoAudio(on_none.name.clone())));
            }
        });
        sink.set_callbacks(
            gst_app::AppSinkCallbacks::builder()
                .new_sample(move |sink| {
                    let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                    on_sample.take_in(&sample)
                })
                .eos(move |_| on_eos.finish())
                .build(),
        );
        let job = Self { pipeline, shared, missing: None };
        // An element that cannot start has posted why on the bus, where `wait` finds it.
        if job.pipeline.set_state(gst::State::Playing).is_err() {
            gst::debug!(CAT, "the private pipeline does not start");
        }
        Ok(job)
    }

    /// What ends a wait.
    pub(super) fn waker(&self) -> Waker {
        Waker(self.shared.bus.clone())
    }

    /// Waits until there is something to tell.
    pub(super) fn wait(&mut self) -> Event {
        use gst::{MessageType, MessageView};
        let types = [MessageType::Error, MessageType::Application, MessageType::Element];
        loop {
            if let Some(result) = self.shared.take_result() {
                return Event::Done(result);
            }
            let Some(message) = self.shared.bus.timed_pop_filtered(gst::ClockTime::NONE, &types) else {
                return Event::Woken;
            };
            match message.view() {
                MessageView::Error(message) => {
                    let (error, debug) = (message.error(), message.debug().unwrap_or_default().to_string());
                    gst::debug!(CAT, "decoding failed: {error} ({debug})");
                    let name = self.shared.name.clone();
                    return Event::Done(Err(match self.missing.take() {
                        Some(Missing::Audio(plugin)) => Failure::MissingPlugin(name, plugin),
                        Some(Missing::Other) => Failure::NoAudio(name),
                        None if error.is::<gst::ResourceError>() => Failure::Unopenable { name, error, debug },
                        None => Failure::Undecodable { name, error, debug },
                    }));
                }
                MessageView::Element(element) => {
                    if let Some(structure) = element.structure().filter(|s| s.name() == "missing-plugin") {
                        self.note_missing(structure);
                    }
                }
                MessageView::Application(application) => {
                    let position = application.structure().and_then(|s| s.get("position").ok());
                    match position {
                        Some(position) => return Event::Progress(position, self.pipeline.query_duration()),
                        None if self.shared.is_done() => {}
                        None => return Event::Woken,
                    }
                }
                _ => {}
            }
        }
    }
}

impl Job {
    fn note_missing(&mut self, structure: &gst::StructureRef) {
        let name = structure.get::<String>("name").unwrap_or_default();
        let detail = structure.get::<gst::Caps>("detail").ok();
        let media = detail.and_then(|caps| caps.structure(0).map(|s| s.name().to_string()));
        match (media, &self.missing) {
            (_, Some(Missing::Audio(_))) => {}
            (Some(media), _) if media.starts_with("video/") || media.starts_with("image/") => {
                self.missing = Some(Missing::Other);
            }
            _ => self.missing = Some(Missing::Audio(name)),
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.shared.cancelled.store(true, Ordering::Relaxed);
        // Waits for the streaming threads, which see `cancelled` within a block of work.
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

impl Shared {
    fn phase(&self) -> MutexGuard<'_, Phase> {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_done(&self) -> bool {
        matches!(*self.phase(), Phase::Done(_))
    }

    fn take_result(&self) -> Option<Result<Timeline, Failure>> {
        match &mut *self.phase() {
            Phase::Done(result) => result.take(),
            _ => None,
        }
    }

    /// Ends the work; what came first counts.
    fn done(&self, result: Result<Timeline, Failure>) {
        {
            let mut phase = self.phase();
            if matches!(*phase, Phase::Done(_)) {
                return;
            }
            *phase = Phase::Done(Some(result));
        }
        Waker(self.bus.clone()).wake();
    }

    /// Analyses one decoded buffer.
    fn take_in(&self, sample: &gst::Sample) -> Result<gst::FlowSuccess, gst::FlowError> {
        match self.analyse(sample) {
            Ok(Some(position)) => {
                let structure = gst::Structure::builder("visualrender-progress").field("position", position).build();
                let _ = self.bus.post(gst::message::Application::new(structure));
                Ok(gst::FlowSuccess::Ok)
            }
            Ok(None) => Ok(gst::FlowSuccess::Ok),
            Err(failure) => {
                self.done(Err(failure));
                Err(gst::FlowError::Eos)
            }
        }
    }

    /// Returns how much has been analysed whenever that is worth a report.
    fn analyse(&self, sample: &gst::Sample) -> Result<Option<gst::ClockTime>, Failure> {
        let (Some(buffer), Some(caps)) = (sample.buffer_owned(), sample.caps()) else { return Ok(None) };
        let Ok(info) = gst_audio::AudioInfo::from_caps(caps) else { return Ok(None) };
        let mut phase = self.phase();
        if let Phase::Empty = *phase {
            let file = scratch::unlinked().map_err(|error| Failure::Temporary { what: "made", error })?;
            let analyzer = Analyzer::new(info.rate(), info.channels(), file)
                .map_err(|error| Failure::FormatChange(self.name.clone(), "nothing".to_owned(), error.to_string()))?;
            *phase = Phase::Analysing(Box::new((analyzer, info.clone())));
        }
        let Phase::Analysing(work) = &mut *phase else { return Ok(None) };
        let (analyzer, first) = &mut **work;
        if (first.rate(), first.channels()) != (info.rate(), info.channels()) {
            let text = |info: &gst_audio::AudioInfo| format!("{} Hz and {} channels", info.rate(), info.channels());
            return Err(Failure::FormatChange(self.name.clone(), text(first), text(&info)));
        }
        // What lies outside of the decoder's segment is priming and padding, not music.
        let segment = sample.segment().and_then(|segment| segment.downcast_ref::<gst::ClockTime>());
        let buffer = match segment {
            Some(segment) => gst_audio::audio_buffer_clip(buffer, segment.upcast_ref(), info.rate(), info.bpf()),
            None => Some(buffer),
        };
        let Some(buffer) = buffer else { return Ok(None) };
        let Ok(map) = buffer.map_readable() else { return Ok(None) };
        let time = |samples: u64| {
            gst::ClockTime::SECOND.mul_div_floor(samples, u64::from(info.rate())).unwrap_or(gst::ClockTime::MAX)
        };
        let before = time(analyzer.samples());
        push_bytes(analyzer, &map, info.channels() as usize)
            .map_err(|error| Failure::Temporary { what: "written", error })?;
        let now = time(analyzer.samples());
        Ok((now.nseconds() / REPORT_EVERY.nseconds() > before.nseconds() / REPORT_EVERY.nseconds()).then_some(now))
    }

    /// The stream is over: makes the timeline.
    fn finish(&self) {
        let name = || self.name.clone();
        let phase = {
            let mut phase = self.phase();
            if matches!(*phase, Phase::Done(_)) {
                return;
            }
            std::mem::replace(&mut *phase, Phase::Empty)
        };
        let result = match phase {
            Phase::Analysing(work) if work.0.samples() > 0 => work.0.finish(&mut |_| {
                if self.cancelled.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            }),
            _ => return self.done(Err(Failure::NoSamples(name()))),
        };
        match result {
            Ok(Some(timeline)) => self.done(Ok(timeline)),
            // Cancelled: nobody waits any more.
            Ok(None) => {}
            Err(error) => self.done(Err(Failure::Temporary { what: "read back", error })),
        }
    }
}

/// Native-endian f32 samples, whatever their alignment.
fn push_bytes(analyzer: &mut Analyzer, bytes: &[u8], channels: usize) -> std::io::Result<()> {
    // Whole samples of all channels, some pages of them.
    let mut samples = vec![0.0f32; channels * (4096 / channels).max(1)];
    for block in bytes.chunks(4 * samples.len()) {
        let count = block.len() / 4;
        for (sample, bytes) in samples.iter_mut().zip(block.chunks_exact(4)) {
            *sample = f32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        }
        analyzer.push(&samples[..count])?;
    }
    Ok(())
}

/// How errors call what is behind a URI: a file by its path, anything else by the URI.
fn name_of(uri: &str) -> String {
    let path = gst::glib::filename_from_uri(uri).map(|(path, _)| path.display().to_string());
    format!("“{}”", path.as_deref().unwrap_or(uri))
}
