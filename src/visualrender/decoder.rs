//! The private pipeline that decodes the audio and hands it to the analysis.
//!
//! `uridecodebin ! audioconvert dithering=none ! appsink`, at the native rate and with all channels. Samples are
//! analysed in the pipeline's own streaming thread; whoever owns the [`Decoder`] waits on its bus, where the end, errors
//! and progress arrive, and so does the wake-up that [`Decoder::interrupter`] sends.

use std::fs::File;
use std::sync::{Arc, Mutex};

use gst::glib;
use gst::prelude::*;

use super::element::CAT;
use super::failure::Failure;
use super::sample_intake::{SampleIntake, Taken};
use crate::glue::decoding::{self, DecoderName};
use crate::glue::encoded::Encoded;
use crate::glue::stall::UnseenWork;
use crate::logic::audio::gapless::{self, Gapless};
use crate::logic::audio::options::Options;
use crate::logic::audio::timeline::Timeline;
use crate::logic::sync::lock;

/// Name of the bus message that ends a wait.
const WAKE: &str = "visualrender-wake";

/// How often it is looked whether anybody still works, and how many looks in a row must find nobody.
const LOOK_EVERY: gst::ClockTime = gst::ClockTime::from_mseconds(500);
const LOOKS_AT_REST: u32 = 2;

/// Shared with the threads of the pipeline.
struct Shared {
    intake: SampleIntake,
    bus: gst::Bus,
    /// The media type of the first stream that nothing could decode; of audio, where there is such.
    undecoded: Mutex<Option<String>>,
}

/// Audio being analysed. Dropping it ends the work.
pub(super) struct Decoder {
    pipeline: gst::Pipeline,
    shared: Arc<Shared>,
    name: DecoderName,
}

/// Why [`Decoder::wait`] has ended.
pub(super) enum WaitOutcome {
    /// The work is over.
    Done(Box<Result<Timeline, Failure>>),
    /// How much has been decoded, and of how much where that is known.
    Progress(gst::ClockTime, Option<gst::ClockTime>),
    /// Somebody called [`Interrupter::interrupt`].
    Interrupted,
    /// Nothing will ever come: `decodebin` has lost a race with itself, which the next one need not.
    Halted,
}

/// Ends a [`Decoder::wait`] from another thread.
#[derive(Clone)]
pub(super) struct Interrupter(gst::Bus);

impl Interrupter {
    pub(super) fn interrupt(&self) {
        // Fails only when the bus is flushing, and then nobody waits on it.
        let _ = self.0.post(gst::message::Application::new(gst::Structure::new_empty(WAKE)));
    }
}

impl Decoder {
    /// Starts decoding `uri` and analysing it, which is `work` of the element that it is for.
    pub(super) fn start(uri: &str, options: Options, work: UnseenWork) -> Result<Self, Failure> {
        let make = |factory: &'static str| gst::ElementFactory::make(factory);
        let missing = |factory: &'static str| move |_| Failure::MissingElement(factory);
        let audio = gst::Caps::builder("audio/x-raw").any_features().build();
        let decode = make("uridecodebin")
            .property("uri", uri)
            .property("caps", audio)
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
        let bin = decode.downcast_ref::<gst::Bin>().ok_or(Failure::MissingElement("uridecodebin"))?;
        let intake = SampleIntake::new(name_of(uri), Encoded::new(bin, gapless_of(uri)), options, work);
        let shared = Arc::new(Shared { intake, bus, undecoded: Mutex::new(None) });

        let converter = convert.downgrade();
        decode.connect_pad_added(move |_, pad| {
            // The first audio stream is the one; the others stay unlinked, which decoding goes on with.
            let target = converter.upgrade().and_then(|convert| convert.static_pad("sink"));
            let Some(target) = target.filter(|target| !target.is_linked()) else { return };
            if let Err(error) = pad.link(&target) {
                gst::debug!(CAT, "{} is not audio: {error}", pad.name());
            }
        });
        decode.connect("autoplug-select", false, select_element);
        let on_unknown = shared.clone();
        decode.connect("unknown-type", false, move |arguments| {
            let caps = arguments[2].get::<gst::Caps>().ok()?;
            let media = caps.structure(0)?.name().to_string();
            let mut undecoded = lock(&on_unknown.undecoded);
            if undecoded.as_deref().is_none_or(is_picture) {
                *undecoded = Some(media);
            }
            None
        });
        let (on_sample, on_eos, on_none) = (shared.clone(), shared.clone(), shared.clone());
        let converter = convert.downgrade();
        decode.connect_no_more_pads(move |_| {
            let target = converter.upgrade().and_then(|convert| convert.static_pad("sink"));
            if target.is_some_and(|target| !target.is_linked()) {
                on_none.intake.done(Err(Failure::NoAudio(on_none.intake.name().to_owned())));
                on_none.wake();
            }
        });
        sink.set_callbacks(
            gst_app::AppSinkCallbacks::builder()
                .new_sample(move |sink| {
                    let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                    on_sample.take_in(&sample)
                })
                .eos(move |_| {
                    on_eos.intake.finish();
                    on_eos.wake();
                })
                .build(),
        );
        let on_tags = shared.clone();
        let pad = sink.static_pad("sink").ok_or(Failure::MissingElement("appsink"))?;
        pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
            if let Some(gst::EventView::Tag(tag)) = info.event().map(|event| event.view()) {
                on_tags.intake.note(&tag.tag_owned());
            }
            gst::PadProbeReturn::Ok
        });
        let started = Self { pipeline, shared, name: DecoderName::of(bin) };
        // An element that cannot start has posted why on the bus, where `wait` finds it.
        if started.pipeline.set_state(gst::State::Playing).is_err() {
            gst::debug!(CAT, "the private pipeline does not start");
        }
        Ok(started)
    }

    /// The factory of the element that decodes the audio, once there is one.
    pub(super) fn factory(&self) -> Option<String> {
        self.name.get().map(str::to_owned)
    }

    /// Something that ends a wait from another thread.
    pub(super) fn interrupter(&self) -> Interrupter {
        Interrupter(self.shared.bus.clone())
    }

    /// Waits until there is something to tell.
    pub(super) fn wait(&self) -> WaitOutcome {
        use gst::{MessageType, MessageView};
        let types = [MessageType::Error, MessageType::Application];
        let mut looks_at_rest = 0;
        loop {
            if let Some(result) = self.shared.intake.take_result() {
                return WaitOutcome::Done(result);
            }
            let Some(message) = self.shared.bus.timed_pop_filtered(LOOK_EVERY, &types) else {
                looks_at_rest = if self.is_at_rest() { looks_at_rest + 1 } else { 0 };
                if looks_at_rest == LOOKS_AT_REST {
                    return WaitOutcome::Halted;
                }
                continue;
            };
            match message.view() {
                MessageView::Error(message) => {
                    let (error, debug) = (message.error(), message.debug().unwrap_or_default().to_string());
                    gst::debug!(CAT, "decoding failed: {error} ({debug})");
                    let name = self.shared.intake.name().to_owned();
                    return WaitOutcome::Done(Box::new(Err(match self.shared.undecoded() {
                        Some(media) if !is_picture(&media) => Failure::MissingPlugin(name, media),
                        Some(_) => Failure::NoAudio(name),
                        None if error.is::<gst::ResourceError>() => Failure::Unopenable { name, error, debug },
                        None => Failure::Undecodable { name, error, debug },
                    })));
                }
                MessageView::Application(application) => {
                    let position = application.structure().and_then(|s| s.get("position").ok());
                    match position {
                        Some(position) => return WaitOutcome::Progress(position, self.pipeline.query_duration()),
                        None if self.shared.intake.is_done() => {}
                        None => return WaitOutcome::Interrupted,
                    }
                }
                _ => {}
            }
        }
    }
}

impl Decoder {
    /// Whether there are streaming threads, and each has stopped working: then nobody is left to deliver anything. A slow
    /// disk or network keeps one of them at work. At the end they stop before they bring it, and what is made then may take long.
    fn is_at_rest(&self) -> bool {
        if self.shared.intake.is_finishing() {
            return false;
        }
        let mut states = Vec::new();
        // An iterator that fails because elements come and go belongs to a pipeline that is at work.
        let walked = self.pipeline.iterate_recurse().foreach(|element| {
            states.extend(element.pads().iter().map(|pad| pad.task_state()));
        });
        let any = |state| states.contains(&state);
        walked.is_ok() && any(gst::TaskState::Paused) && !any(gst::TaskState::Started)
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        self.shared.intake.cancel();
        // Waits for the streaming threads, which end within a block of work.
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

impl Shared {
    fn wake(&self) {
        Interrupter(self.bus.clone()).interrupt();
    }

    fn undecoded(&self) -> Option<String> {
        lock(&self.undecoded).clone()
    }

    fn take_in(&self, sample: &gst::Sample) -> Result<gst::FlowSuccess, gst::FlowError> {
        match self.intake.take_in(sample) {
            Taken::Quietly => {}
            Taken::Report(position) => {
                let structure = gst::Structure::builder("visualrender-progress").field("position", position).build();
                // Fails only when nobody listens any more.
                let _ = self.bus.post(gst::message::Application::new(structure));
            }
            Taken::Failed => {
                self.wake();
                return Err(gst::FlowError::Eos);
            }
        }
        Ok(gst::FlowSuccess::Ok)
    }
}

/// Answers `autoplug-select`: which of the elements that `uridecodebin` finds it is to use.
fn select_element(arguments: &[glib::Value]) -> Option<glib::Value> {
    let factory = arguments[3].get::<gst::ElementFactory>().ok()?;
    let klass = factory.metadata("klass")?;
    let for_pictures = klass.contains("Video") || klass.contains("Image");
    let answer = if for_pictures && (klass.contains("Decoder") || klass.contains("Parser")) {
        // Pictures are not decoded: their pad appears as it is and stays unlinked.
        "expose"
    } else if decoding::another_is_preferred(&factory, &arguments[2].get::<gst::Caps>().ok()?) {
        "skip"
    } else {
        "try"
    };
    let answers = glib::EnumClass::with_type(glib::Type::from_name("GstAutoplugSelectResult")?)?;
    answers.to_value_by_nick(answer)
}

/// Which samples of the file at `uri` were encoded, where it says so.
fn gapless_of(uri: &str) -> Option<Gapless> {
    let (path, _) = glib::filename_from_uri(uri).ok()?;
    // A file that cannot be read here cannot be decoded either, which is reported then.
    gapless::find(&mut File::open(path).ok()?).ok().flatten()
}

/// How errors call the audio at a URI: a file by its path, anything else by the URI.
fn name_of(uri: &str) -> String {
    let path = glib::filename_from_uri(uri).map(|(path, _)| path.display().to_string());
    format!("“{}”", path.as_deref().unwrap_or(uri))
}

/// Whether streams of that type have no sound in them.
fn is_picture(media: &str) -> bool {
    ["video/", "image/", "text/", "subpicture/"].iter().any(|kind| media.starts_with(kind))
}
