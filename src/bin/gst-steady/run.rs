//! Runs the pipeline of an export: watches the bus, the frames and Ctrl-C.
//!
//! An element that fails posts its error and then sends EOS downstream, which would make the muxer finish and the sink
//! give half a video its name. So the first error closes a gate in front of the sink: a bus sync handler runs in the failing
//! thread, before that EOS, and a pad probe drops EOS from then on. The sink then keeps its temporary file.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use gst::prelude::*;

use super::failure::{self, Failure, Stage};
use super::interrupt;
use super::preflight::AudioFacts;
use super::progress::{Ended, Reporter, Status, Step};
use super::report::Report;
use super::sound;

/// A planned export and the files it concerns.
pub struct Job<'a> {
    /// The pipeline, a word of `gst-launch-1.0` each.
    pub tokens: &'a [String],
    pub audio: &'a Path,
    pub video: &'a Path,
    pub facts: &'a AudioFacts,
}

/// How long an interrupted pipeline may take to finish its file before it is told to stop.
const FINISH_PATIENCE: Duration = Duration::from_secs(60);
const TICK: gst::ClockTime = gst::ClockTime::from_mseconds(50);

struct Running {
    pipeline: gst::Pipeline,
    render: gst::Element,
    sink: gst::Element,
    frames: Arc<AtomicU64>,
    first_frame: Arc<OnceLock<Instant>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

/// How the pipeline ended.
enum End {
    Complete,
    Error(gst::Message),
    Stopped,
}

/// Runs `job` to its end. On `Ok` the video is complete under its name; on `Err` there is nothing new under it. `report` hears of
/// all that happens.
pub fn run(job: &Job<'_>, reporter: &mut Reporter, mut report: Option<&mut Report>) -> Result<Ended, Failure> {
    let running = start(job)?;
    let started = Instant::now();
    let bus = running.pipeline.bus().ok_or_else(|| internal("a pipeline without a bus"))?;
    let mut analysis = None;
    let mut interrupted_at = None;
    let end = loop {
        if let Some(message) = bus.timed_pop(TICK) {
            if let (Some(report), Some((text, class))) = (report.as_deref_mut(), stall(&message)) {
                report.stall(&text, &class);
            }
            match message.view() {
                gst::MessageView::Eos(_) => break End::Complete,
                gst::MessageView::Error(_) => break End::Error(message),
                gst::MessageView::Progress(progress) => analysis = Some(progress.get().2.to_owned()),
                gst::MessageView::Warning(_) => {
                    if let Some((text, _)) = stall(&message) {
                        reporter.warn(&text);
                    }
                }
                _ => {}
            }
        }
        match (interrupt::count(), interrupted_at) {
            (0, _) => {}
            (_, None) => {
                reporter.warn("interrupted: finishing the file; once more stops at once");
                interrupted_at = Some(Instant::now());
                running.pipeline.send_event(gst::event::Eos::new());
            }
            (1, Some(at)) if at.elapsed() < FINISH_PATIENCE => {}
            _ => break End::Stopped,
        }
        reporter.tick(|| status(&running, analysis.as_deref()));
        if let Some(report) = report.as_deref_mut() {
            report.tick(&running.pipeline);
        }
    };
    // Before the pipeline is stopped, which ends what it measures.
    if let Some(report) = report {
        report.conclude(&running.pipeline);
    }
    match &end {
        End::Complete => {}
        End::Error(message) => return Err(failed(&running, &bus, message)),
        End::Stopped => return Err(stopped(&running, &bus)),
    }

    let stats: gst::Structure = running.render.property("stats");
    let bytes = job.video.metadata().map_err(|e| internal(&format!("the finished video is gone: {e}")))?.len();
    Ok(Ended {
        interrupted: interrupted_at.is_some(),
        rendered: running.frames.load(Ordering::Relaxed),
        samples: stats.get("samples").map_err(|e| internal(&e.to_string()))?,
        rate: stats.get("rate").map_err(|e| internal(&e.to_string()))?,
        bytes,
        took: started.elapsed(),
        health: health(&running.pipeline),
    })
}

fn internal(what: &str) -> Failure {
    Failure::new(Stage::Internal, format!("{what}; please report this"))
}

fn start(job: &Job<'_>) -> Result<Running, Failure> {
    let words: Vec<&str> = job.tokens.iter().map(String::as_str).collect();
    let pipeline = gst::parse::launchv(&words)
        .map_err(|e| Failure::new(Stage::MissingPlugin, format!("the pipeline cannot be built: {e}")))?
        .downcast::<gst::Pipeline>()
        .map_err(|_| internal("the export is not a pipeline"))?;
    // The messages that the sink posts while it stops are still wanted.
    pipeline.set_auto_flush_bus(false);
    let render = by_factory(&pipeline, "visualrender")?;
    let sink = by_factory(&pipeline, "crashsafesink")?;
    let running = Running { pipeline, render, sink, frames: Arc::default(), first_frame: Arc::default() };
    close_gate_on_error(&running)?;
    // Absent when the video has no sound.
    if let Ok(convert) = by_factory(&running.pipeline, "audioconvert") {
        sound::keep_to_encoded(&convert, &running.pipeline, job.facts.gapless)
            .ok_or_else(|| internal("an audioconvert without pads"))?;
    }
    count_frames(&running, job)?;
    // A failure is on the bus, with a better text than this call could give.
    let _ = running.pipeline.set_state(gst::State::Playing);
    Ok(running)
}

fn by_factory(pipeline: &gst::Pipeline, factory: &str) -> Result<gst::Element, Failure> {
    let found = pipeline.iterate_all_by_element_factory_name(factory).next();
    found.ok().flatten().ok_or_else(|| internal(&format!("no {factory} in the pipeline")))
}

fn close_gate_on_error(running: &Running) -> Result<(), Failure> {
    let failed = Arc::new(AtomicBool::new(false));
    let gate = failed.clone();
    let bus = running.pipeline.bus().ok_or_else(|| internal("a pipeline without a bus"))?;
    bus.set_sync_handler(move |_, message| {
        if message.type_() == gst::MessageType::Error {
            failed.store(true, Ordering::SeqCst);
        }
        gst::BusSyncReply::Pass
    });
    let pad = running.sink.static_pad("sink").ok_or_else(|| internal("a sink without a pad"))?;
    pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| match info.event() {
        Some(event) if event.type_() == gst::EventType::Eos && gate.load(Ordering::SeqCst) => gst::PadProbeReturn::Drop,
        _ => gst::PadProbeReturn::Ok,
    });
    Ok(())
}

/// Counts what the renderer delivers; the first frame is the moment at which the decoded length is known.
fn count_frames(running: &Running, job: &Job<'_>) -> Result<(), Failure> {
    let pad = running.render.static_pad("src").ok_or_else(|| internal("a renderer without a pad"))?;
    let (frames, first_frame) = (running.frames.clone(), running.first_frame.clone());
    let render = running.render.downgrade();
    let promised = job.facts.duration.filter(|_| job.facts.length_is_exact);
    let audio = job.audio.to_owned();
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
        first_frame.get_or_init(Instant::now);
        if frames.fetch_add(1, Ordering::Relaxed) == 0
            && let (Some(promised), Some(render)) = (promised, render.upgrade())
            && let Some(decoded) = decoded_length(&render)
            && decoded + TRUNCATION_TOLERANCE < promised
        {
            gst::element_error!(
                render,
                gst::StreamError::Decode,
                ("{audio:?} ends after {decoded:.1} although its header says {promised:.1}: it is cut short; \
                     get a whole copy, or keep what is there with `flac --decode --decode-through-errors`")
            );
        }
        gst::PadProbeReturn::Ok
    });
    Ok(())
}

/// A FLAC header is exact to the sample, so this has only the rounding of two times to cover.
const TRUNCATION_TOLERANCE: gst::ClockTime = gst::ClockTime::from_mseconds(1);

fn decoded_length(render: &gst::Element) -> Option<gst::ClockTime> {
    let stats: gst::Structure = render.property("stats");
    let (samples, rate) = (stats.get::<u64>("samples").ok()?, stats.get::<u32>("rate").ok()?);
    gst::ClockTime::SECOND.mul_div_floor(samples, rate.into())
}

fn status(running: &Running, analysis: Option<&str>) -> Status {
    let frame = running.frames.load(Ordering::Relaxed);
    let total: u64 = running.render.property("frame-count");
    let sink: gst::Structure = running.sink.property("stats");
    let step = match frame {
        0 => Step::Analyse,
        n if n >= total => Step::Finish,
        _ => Step::Render,
    };
    Status {
        step,
        frame,
        total,
        bytes: sink.get("bytes").unwrap_or_default(),
        rendering: running.first_frame.get().map(Instant::elapsed).unwrap_or_default(),
        note: analysis.filter(|_| frame == 0).map(str::to_owned),
    }
}

/// Why the pipeline hangs and what kind of halt that is, if that is what a queue tells.
fn stall(message: &gst::Message) -> Option<(String, String)> {
    let details = match message.view() {
        gst::MessageView::Warning(warning) => warning.details()?,
        gst::MessageView::Error(error) => error.details()?,
        _ => return None,
    };
    if details.name() != "adaptivequeue-stalled" {
        return None;
    }
    Some((details.get("text").ok()?, details.get("class").unwrap_or_default()))
}

fn health(pipeline: &gst::Pipeline) -> Vec<(String, gst::Structure)> {
    let mut all = Vec::new();
    // An iterator that fails because elements come and go has nothing to do with a finished pipeline.
    let _ = pipeline.iterate_all_by_element_factory_name("bufferhealth").foreach(|element| {
        all.push((element.property::<String>("label"), element.property::<gst::Structure>("stats")));
    });
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

fn failed(running: &Running, bus: &gst::Bus, message: &gst::Message) -> Failure {
    let gst::MessageView::Error(error) = message.view() else { return internal("an error that is none") };
    let factory = error.src().and_then(|src| src.downcast_ref::<gst::Element>()).and_then(ElementExt::factory);
    let name = factory.map_or_else(|| "pipeline".into(), |f| f.name().to_string());
    let failure = failure::from_element(&name, &error.error());
    match kept(running, bus) {
        // The sink's own errors say so themselves.
        Some(path) if name != "crashsafesink" => failure.with_kept(&path),
        _ => failure,
    }
}

fn stopped(running: &Running, bus: &gst::Bus) -> Failure {
    let failure = Failure::new(Stage::Interrupted, "stopped before the file was finished");
    match kept(running, bus) {
        Some(path) => failure.with_kept(&path),
        None => failure,
    }
}

/// Stops the pipeline and returns where the sink left what it had. Not at NULL, where a pipeline flushes its bus.
fn kept(running: &Running, bus: &gst::Bus) -> Option<String> {
    let _ = running.pipeline.set_state(gst::State::Ready);
    std::iter::from_fn(|| bus.pop_filtered(&[gst::MessageType::Element]))
        .filter_map(|message| message.structure().map(ToOwned::to_owned))
        .find(|s| s.name() == "crashsafesink-kept")
        .and_then(|s| s.get::<String>("path").ok())
}
