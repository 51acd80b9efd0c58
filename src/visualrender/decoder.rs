//! The private pipeline that decodes the audio and hands it to the analysis.
//!
//! `uridecodebin ! audioconvert dithering=none ! appsink`, at the native rate and with all channels. Samples are
//! analysed in the pipeline's own streaming thread; whoever owns the [`Job`] waits on its bus, where the end, errors
//! and progress arrive, and so does the wake-up that [`Job::waker`] sends.

use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};

use gst::prelude::*;

use super::failure::Failure;
use super::imp::CAT;
use super::sample_intake::{Intake, Taken};
use crate::glue::decoding::{self, DecoderName};
use crate::glue::encoded::Encoded;
use crate::logic::audio::gapless::{self, Gapless};
use crate::logic::audio::options::Options;
use crate::logic::audio::timeline::Timeline;

/// Name of the bus message that says: look again.
const WAKE: &str = "visualrender-wake";
struct Shared {
    intake: Intake,
    bus: gst::Bus,
    /// The media type of the first stream that nothing could decode; of audio, where there is such.
    undecoded: Mutex<Option<String>>,
}

/// Audio being analysed. Dropping it ends the work.
pub(super) struct Job {
    pipeline: gst::Pipeline,
    shared: Arc<Shared>,
    decoder: DecoderName,
}

/// What [`Job::wait`] came back with.
pub(super) enum Event {
    /// The work is over.
    Done(Box<Result<Timeline, Failure>>),
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
    /// Starts decoding `uri` and analysing it.
    pub(super) fn start(uri: &str, options: Options) -> Result<Self, Failure> {
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
        let intake = Intake::new(name_of(uri), Encoded::new(bin, gapless_of(uri)), options);
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
        decode.connect("autoplug-select", false, |arguments| {
            let factory = arguments[3].get::<gst::ElementFactory>().ok()?;
            // Pictures are not decoded: their pad appears as it is and stays unlinked.
            let klass = factory.metadata("klass")?;
            let pictures = klass.contains("Video") || klass.contains("Image");
            let ends = pictures && (klass.contains("Decoder") || klass.contains("Parser"));
            let choices = gst::glib::EnumClass::with_type(gst::glib::Type::from_name("GstAutoplugSelectResult")?)?;
            let skip = decoding::another_is_preferred(&factory, &arguments[2].get::<gst::Caps>().ok()?);
            choices.to_value_by_nick(if ends {
                "expose"
            } else if skip {
                "skip"
            } else {
                "try"
            })
        });
        let on_unknown = shared.clone();
        decode.connect("unknown-type", false, move |arguments| {
            let caps = arguments[2].get::<gst::Caps>().ok()?;
            let media = caps.structure(0)?.name().to_string();
            let mut undecoded = on_unknown.undecoded.lock().unwrap_or_else(PoisonError::into_inner);
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
        let job = Self { pipeline, shared, decoder: DecoderName::of(bin) };
        // An element that cannot start has posted why on the bus, where `wait` finds it.
        if job.pipeline.set_state(gst::State::Playing).is_err() {
            gst::debug!(CAT, "the private pipeline does not start");
        }
        Ok(job)
    }

    /// The factory of the decoder, once there is one.
    pub(super) fn decoder(&self) -> Option<String> {
        self.decoder.get().map(str::to_owned)
    }

    /// What ends a wait.
    pub(super) fn waker(&self) -> Waker {
        Waker(self.shared.bus.clone())
    }

    /// Waits until there is something to tell.
    pub(super) fn wait(&self) -> Event {
        use gst::{MessageType, MessageView};
        let types = [MessageType::Error, MessageType::Application];
        loop {
            if let Some(result) = self.shared.intake.take_result() {
                return Event::Done(result);
            }
            let Some(message) = self.shared.bus.timed_pop_filtered(gst::ClockTime::NONE, &types) else {
                return Event::Woken;
            };
            match message.view() {
                MessageView::Error(message) => {
                    let (error, debug) = (message.error(), message.debug().unwrap_or_default().to_string());
                    gst::debug!(CAT, "decoding failed: {error} ({debug})");
                    let name = self.shared.intake.name().to_owned();
                    return Event::Done(Box::new(Err(match self.shared.undecoded() {
                        Some(media) if !is_picture(&media) => Failure::MissingPlugin(name, media),
                        Some(_) => Failure::NoAudio(name),
                        None if error.is::<gst::ResourceError>() => Failure::Unopenable { name, error, debug },
                        None => Failure::Undecodable { name, error, debug },
                    })));
                }
                MessageView::Application(application) => {
                    let position = application.structure().and_then(|s| s.get("position").ok());
                    match position {
                        Some(position) => return Event::Progress(position, self.pipeline.query_duration()),
                        None if self.shared.intake.is_done() => {}
                        None => return Event::Woken,
                    }
                }
                _ => {}
            }
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.shared.intake.cancel();
        // Waits for the streaming threads, which end within a block of work.
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

impl Shared {
    fn wake(&self) {
        Waker(self.bus.clone()).wake();
    }

    fn undecoded(&self) -> Option<String> {
        self.undecoded.lock().unwrap_or_else(PoisonError::into_inner).clone()
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

/// Which samples of the file behind `uri` were encoded, where it says so.
fn gapless_of(uri: &str) -> Option<Gapless> {
    let (path, _) = gst::glib::filename_from_uri(uri).ok()?;
    // What cannot be read here cannot be decoded either, and is reported there.
    gapless::find(&mut File::open(path).ok()?).ok().flatten()
}

/// How errors call what is behind a URI: a file by its path, anything else by the URI.
fn name_of(uri: &str) -> String {
    let path = gst::glib::filename_from_uri(uri).map(|(path, _)| path.display().to_string());
    format!("“{}”", path.as_deref().unwrap_or(uri))
}

/// Whether streams of that type are none that anybody listens to.
fn is_picture(media: &str) -> bool {
    ["video/", "image/", "text/", "subpicture/"].iter().any(|kind| media.starts_with(kind))
}
