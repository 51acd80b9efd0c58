//! Pipelines that stand still, rightly or not. The same code runs with short times by default and with the times of the
//! specification among the long tests.

use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gst::prelude::*;

use crate::common::gate::{Gate, Opener};
use crate::common::{self, TestPipeline, process};

/// How long things take.
#[derive(Clone, Copy)]
pub struct Scale {
    /// The queue's `push-timeout`.
    pub timeout: Duration,
    /// How long a pipeline stands still without being at fault.
    pub hold: Duration,
}

/// Short times: the figures of the specification divided by eight.
pub const SHORT: Scale = Scale { timeout: Duration::from_millis(625), hold: Duration::from_millis(2500) };
/// The times of the specification.
pub const LONG: Scale = Scale { timeout: Duration::from_secs(5), hold: Duration::from_secs(30) };

impl Scale {
    /// Replaces `Q` by the queue with this timeout.
    pub fn parse(&self, description: &str) -> TestPipeline {
        let queue = format!("adaptivequeue push-timeout={}", self.timeout.as_nanos());
        TestPipeline::parse(&description.replace(" Q ", &format!(" {queue} ")))
    }
}

/// A source that fills a queue even where nothing behind it answers queries.
pub const SOURCE: &str = "videotestsrc ! identity drop-allocation=true";

/// The errors that adaptivequeues posted, until nothing has been posted for `quiet`.
pub fn errors(pipeline: &TestPipeline, quiet: Duration) -> Vec<gst::message::Message> {
    let bus = pipeline.bus().unwrap();
    let mut errors = Vec::new();
    let quiet = gst::ClockTime::try_from(quiet).unwrap();
    while let Some(message) = bus.timed_pop_filtered(quiet, &[gst::MessageType::Error]) {
        if from_queue(&message) {
            errors.push(message);
        }
    }
    errors
}

/// Whether an adaptivequeue posted the message.
pub fn from_queue(message: &gst::Message) -> bool {
    message
        .src()
        .and_then(|src| src.downcast_ref::<gst::Element>())
        .and_then(|element| element.factory())
        .is_some_and(|factory| factory.name() == "adaptivequeue")
}

/// Panics if any element posts an error within `hold`.
#[track_caller]
pub fn expect_no_error(pipeline: &TestPipeline, hold: Duration) {
    let bus = pipeline.bus().unwrap();
    let hold = gst::ClockTime::try_from(hold).unwrap();
    if let Some(message) = bus.timed_pop_filtered(hold, &[gst::MessageType::Error]) {
        panic!("{message:?}");
    }
}

/// Sets PLAYING, and panics if any element posts an error within the time in which the scale lets pipelines stand.
#[track_caller]
pub fn plays_without_error(scale: Scale, description: &str) -> TestPipeline {
    let pipeline = scale.parse(description);
    pipeline.set_state(gst::State::Playing).unwrap();
    expect_no_error(&pipeline, scale.hold);
    pipeline
}

/// A `fakesink name=sink signal-handoffs=true` whose chain waits at the gate.
pub fn hold_sink(pipeline: &TestPipeline) -> Opener {
    let gate = Gate::default();
    let held = gate.clone();
    pipeline.element("sink").connect("handoff", false, move |_| {
        held.pass();
        None
    });
    Opener(gate)
}

/// The first error of a queue: how long it took to come, its text and its details. Asserts that there is only one.
#[track_caller]
pub fn one_error(pipeline: &TestPipeline, scale: Scale) -> (Duration, String, gst::Structure) {
    let began = Instant::now();
    let bus = pipeline.bus().unwrap();
    let deadline = gst::ClockTime::try_from(scale.timeout * 3).unwrap();
    let message = bus.timed_pop_filtered(deadline, &[gst::MessageType::Error]).expect("an error in time");
    let took = began.elapsed();
    assert!(from_queue(&message), "the first error is the queue's: {message:?}");
    let more = errors(pipeline, scale.timeout / 2);
    assert!(more.is_empty(), "one error and not also {more:?}");
    let gst::MessageView::Error(error) = message.view() else { unreachable!() };
    assert!(error.error().matches(gst::StreamError::Failed));
    (took, error.error().message().to_string(), error.details().unwrap().to_owned())
}

/// A text whose numbers are `N`, since levels and times differ from run to run, and without the inputs' levels, which are there from
/// GStreamer 1.28 on.
pub fn without_numbers(text: &str) -> String {
    let levels =
        text.split_once(" Of its inputs, ").and_then(|(before, rest)| Some((before, rest.split_once(". ")?.1)));
    let text = levels.map_or_else(|| text.to_owned(), |(before, after)| format!("{before} {after}"));
    let mut out = String::new();
    // Digits in names (video_0) stay.
    let mut after_space = true;
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        if after_space && c.is_ascii_digit() {
            while characters.next_if(|c| c.is_ascii_digit() || *c == '.').is_some() {}
            out.push('N');
        } else {
            out.push(c);
        }
        after_space = matches!(c, ' ' | '(');
    }
    out
}

/// Lets the thread of the source `s` ask downstream to drain before its n-th buffer.
pub fn ask_before_buffer(pipeline: &TestPipeline, n: u64) {
    let buffers = AtomicU64::new(0);
    let pad = pipeline.element("s").static_pad("src").unwrap();
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, _| {
        if buffers.fetch_add(1, Ordering::SeqCst) + 1 == n {
            pad.peer_query(&mut gst::query::Drain::new());
        }
        gst::PadProbeReturn::Ok
    });
}

/// As [`ask_before_buffer`], before each of them. Counts the answers.
pub fn ask_before_every_buffer(pipeline: &TestPipeline) -> Arc<AtomicU64> {
    let answers: Arc<AtomicU64> = Arc::default();
    let counted = Arc::clone(&answers);
    let pad = pipeline.element("s").static_pad("src").unwrap();
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, _| {
        counted.fetch_add(pad.peer_query(&mut gst::query::Drain::new()).into(), Ordering::SeqCst);
        gst::PadProbeReturn::Ok
    });
    answers
}

/// `gst-launch-1.0` in a process of its own that finds the plugin as built.
pub struct Launched {
    child: Child,
    _folder: tempfile::TempDir,
}

impl Launched {
    /// Starts it; the output is kept for [`finish`](Self::finish).
    pub fn new(description: &str, environment: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let built = std::env::current_exe().unwrap().parent().unwrap().join("libgststeady.so");
        std::fs::copy(&built, folder.path().join("libgststeady.so")).unwrap_or_else(|e| panic!("{built:?}: {e}"));
        let child = Command::new("gst-launch-1.0")
            .args(description.split_whitespace())
            .env("GST_PLUGIN_PATH", folder.path())
            .env("GST_REGISTRY", folder.path().join("registry.bin"))
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self { child, _folder: folder }
    }

    /// Waits for the end and returns what it wrote.
    pub fn finish(self) -> String {
        let Self { child, _folder } = self;
        let output = child.wait_with_output().unwrap();
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat()
    }
}

/// The recording graph that stock queues hang in: the encoder's lookahead is longer than the queue beside it.
pub fn recording(queue: &str) -> String {
    format!(
        "videotestsrc num-buffers=120 ! video/x-raw,width=160,height=120,framerate=30/1 ! tee name=t \
         t. ! {queue} ! jpegenc ! matroskamux name=m ! fakesink sync=false \
         t. ! x264enc ! adaptivequeue role=encoder ! m."
    )
}

/// A queue in front of a join waits while another input has its turn, or its own time.
pub fn joins_without_fault(scale: Scale) -> Vec<(&'static str, TestPipeline)> {
    [
        ("concat", "concat name=c ! fakesink sync=true videotestsrc ! Q ! c. videotestsrc ! Q name=q ! c."),
        (
            "concat beside a live source",
            "concat name=c ! fakesink videotestsrc is-live=true ! c. videotestsrc ! Q name=q ! c.",
        ),
        (
            "input-selector",
            "input-selector name=s ! fakesink sync=true videotestsrc is-live=true ! s. videotestsrc ! Q name=q ! s.",
        ),
        (
            "silent appsrc",
            "appsrc ! video/x-raw,format=I420,width=64,height=64,framerate=30/1 ! matroskamux name=m ! fakesink \
             videotestsrc ! video/x-raw,width=64,height=64 ! Q name=q ! m.",
        ),
        (
            "silent appsrc beside a queue that must not grow",
            "appsrc ! video/x-raw,format=I420,width=64,height=64,framerate=30/1 ! matroskamux name=m ! fakesink \
             videotestsrc ! video/x-raw,width=64,height=64 ! Q name=q max-size-buffers=8 ! m.",
        ),
        (
            "a source that works for long before its first buffer",
            "videotestsrc ! video/x-raw,width=64,height=64 ! identity sleep-time=WORK ! matroskamux name=m ! \
             fakesink sync=false audiotestsrc ! Q name=q ! m.",
        ),
        (
            "live audio beside video from a file",
            "audiotestsrc is-live=true ! Q ! matroskamux name=m ! fakesink \
             videotestsrc ! video/x-raw,width=64,height=64 ! Q name=q ! m.",
        ),
    ]
    .map(|(name, description)| {
        let work = scale.hold + scale.timeout;
        let pipeline = scale.parse(&description.replace("WORK", &work.as_micros().to_string()));
        pipeline.set_state(gst::State::Playing).unwrap();
        (name, pipeline)
    })
    .into()
}

/// PAUSED, then PLAYING.
pub fn pauses(scale: Scale) {
    let pipeline = scale.parse("videotestsrc ! Q ! fakesink sync=true");
    pipeline.set_state(gst::State::Paused).unwrap();
    expect_no_error(&pipeline, scale.hold);
    pipeline.set_state(gst::State::Playing).unwrap();
    expect_no_error(&pipeline, scale.timeout);
}

/// A blocking probe behind the queue.
pub fn is_blocked_by_a_probe(scale: Scale) {
    let pipeline = scale.parse(&format!("{SOURCE} ! Q name=q ! identity name=i ! fakesink async=false"));
    let pad = pipeline.element("i").static_pad("src").unwrap();
    let probe = pad.add_probe(gst::PadProbeType::BLOCK_DOWNSTREAM, |_, _| gst::PadProbeReturn::Ok);
    pipeline.set_state(gst::State::Playing).unwrap();
    expect_no_error(&pipeline, scale.hold);
    let queue = pipeline.element("q");
    assert_eq!(queue.property::<u32>("current-level-buffers"), queue.property::<u32>("max-size-buffers"), "it is full");
    pad.remove_probe(probe.unwrap());
}

/// A flushing seek ten times a second.
pub fn seeks(scale: Scale) {
    let pipeline = scale.parse("videotestsrc ! Q max-size-buffers=4 ! fakesink name=sink sync=true");
    let buffers: Arc<AtomicU64> = Arc::default();
    let counted = Arc::clone(&buffers);
    pipeline.element("sink").static_pad("sink").unwrap().add_probe(gst::PadProbeType::BUFFER, move |_, _| {
        counted.fetch_add(1, Ordering::SeqCst);
        gst::PadProbeReturn::Ok
    });
    pipeline.set_state(gst::State::Playing).unwrap();
    let began = Instant::now();
    let mut seeks = 0;
    while began.elapsed() < scale.hold {
        seeks += u64::from(pipeline.seek_simple(gst::SeekFlags::FLUSH, gst::ClockTime::ZERO).is_ok());
        expect_no_error(&pipeline, Duration::from_millis(100));
    }
    let buffers = buffers.load(Ordering::SeqCst);
    assert!(seeks > 5 && buffers > seeks, "{buffers} buffers after {seeks} seeks");
}

/// Nothing but gaps: live, and from a source that has long sent all of them and EOS.
pub fn sends_gaps(scale: Scale) {
    // Each lasts longer than the timeout: the last ones are in the queue with EOS while the sink waits for their time.
    let spacing = scale.timeout * 2;
    let count = scale.hold.as_millis() / spacing.as_millis();
    let samples = spacing.as_millis() * 441 / 10;
    let gaps = "identity drop-probability=1 ! Q name=q";
    let live = scale.parse(&format!("audiotestsrc is-live=true ! {gaps} ! fakesink async=false"));
    let stored = scale.parse(&format!(
        "audiotestsrc num-buffers={count} samplesperbuffer={samples} ! {gaps} ! fakesink name=sink sync=true"
    ));
    let gaps: Arc<AtomicU64> = Arc::default();
    let counted = Arc::clone(&gaps);
    let pad = stored.element("sink").static_pad("sink").unwrap();
    pad.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, info| {
        counted.fetch_add(info.event().is_some_and(|e| e.type_() == gst::EventType::Gap).into(), Ordering::SeqCst);
        gst::PadProbeReturn::Ok
    });
    live.set_state(gst::State::Playing).unwrap();
    stored.run(scale.hold + crate::common::PATIENCE).expect_eos();
    expect_no_error(&live, Duration::ZERO);
    assert_eq!(u128::from(gaps.load(Ordering::SeqCst)), count);
}

/// An encoder that looks far ahead and works slowly, in 4K or smaller, beside audio.
pub fn encodes_slowly(scale: Scale, width: u32, height: u32, frames: u32) {
    let pipeline = scale.parse(&format!(
        "videotestsrc num-buffers={frames} ! video/x-raw,width={width},height={height},framerate=30/1 ! Q ! \
         x264enc speed-preset=slower ! Q role=encoder ! matroskamux name=m ! fakesink sync=false \
         audiotestsrc num-buffers=2000 ! Q name=audio max-size-buffers=200 ! m."
    ));
    pipeline.run(Duration::from_secs(1200)).expect_eos();
    let stats: gst::Structure = pipeline.element("audio").property("stats");
    let waits = stats.get::<gst::Structure>("producer-waits").unwrap();
    assert!(
        waits.get::<u64>("max").unwrap() > scale.timeout.as_nanos() as u64,
        "it stood for too short a time: {stats}"
    );
}

/// A consumer that takes a buffer just before the timeout.
pub fn has_a_slow_consumer(scale: Scale) {
    let nearly = scale.timeout.as_micros() * 4 / 5;
    let description =
        format!("videotestsrc ! Q max-size-buffers=2 ! identity sleep-time={nearly} ! fakesink sync=false async=false");
    plays_without_error(scale, &description);
}

/// The texts of the warnings that queues posted within `hold`. Panics if any element posts an error.
#[track_caller]
pub fn told_within(pipeline: &TestPipeline, hold: Duration) -> Vec<String> {
    let bus = pipeline.bus().unwrap();
    let until = Instant::now() + hold;
    let mut told = Vec::new();
    loop {
        let left = gst::ClockTime::try_from(until.saturating_duration_since(Instant::now())).unwrap();
        let kinds = [gst::MessageType::Warning, gst::MessageType::Error];
        let Some(message) = bus.timed_pop_filtered(left, &kinds) else { return told };
        let gst::MessageView::Warning(warning) = message.view() else { panic!("{message:?}") };
        if from_queue(&message) {
            assert_eq!(warning.details().unwrap().get::<String>("text").unwrap(), warning.error().message());
            told.push(warning.error().message().to_string());
        }
    }
}

/// Waits for a queue's warning that nothing moves.
#[track_caller]
pub fn wait_for_warning(pipeline: &TestPipeline) {
    let patience = gst::ClockTime::try_from(common::PATIENCE).unwrap();
    let kinds = [gst::MessageType::Warning, gst::MessageType::Error];
    let message = pipeline.bus().unwrap().timed_pop_filtered(patience, &kinds).expect("a warning in time");
    assert!(message.type_() == gst::MessageType::Warning && from_queue(&message), "{message:?}");
}

/// An `appsink` that nobody reads: told of once, without an error. Returns the text.
pub fn is_not_read(scale: Scale) -> String {
    let pipeline = scale.parse("videotestsrc ! Q ! appsink max-buffers=1 sync=false");
    pipeline.set_state(gst::State::Playing).unwrap();
    let mut told = told_within(&pipeline, scale.hold);
    assert_eq!(told.len(), 1, "it is told of once, as a message: {told:?}");
    told.remove(0)
}

/// Inputs of joins whose time has not come.
pub fn waits_for_a_turn(scale: Scale) {
    let pipelines = joins_without_fault(scale);
    let until = Instant::now() + scale.hold;
    for (name, pipeline) in &pipelines {
        let left = until.saturating_duration_since(Instant::now());
        let errors = errors(pipeline, left);
        assert!(errors.is_empty(), "{name}: {errors:?}");
        let stats: gst::Structure = pipeline.element("q").property("stats");
        assert_eq!(stats.get::<u64>("growths").unwrap(), 0, "{name}: {stats}");
    }
}

/// An element that works on each buffer for longer than the timeout; `starved`, it hardly gets its core.
pub fn works_for_long(scale: Scale, starved: bool) {
    let hog = starved.then(Hog::start);
    let pipeline = scale.parse("videotestsrc ! Q max-size-buffers=2 ! fakesink name=sink signal-handoffs=true");
    let work = scale.timeout * 3;
    pipeline.element("sink").connect("handoff", false, move |_| {
        if starved {
            Hog::give_way();
        }
        let began = Instant::now();
        while began.elapsed() < work {
            std::hint::spin_loop();
        }
        None
    });
    pipeline.set_state(gst::State::Playing).unwrap();
    let told = told_within(&pipeline, scale.hold);
    assert!(told.is_empty(), "what works is right: {told:?}");
    drop(hog);
}

/// A process that wants the first core for itself.
struct Hog(Child);

impl Hog {
    fn start() -> Self {
        Self(Command::new("taskset").args(["1", "sh", "-c", "while :; do :; done"]).spawn().unwrap())
    }

    /// The calling thread gets what the hog leaves: about a hundredth of its core.
    fn give_way() {
        let mut first = rustix::thread::CpuSet::new();
        first.set(0);
        rustix::thread::sched_setaffinity(None, &first).unwrap();
        rustix::process::setpriority_process(None, 19).unwrap();
    }
}

impl Drop for Hog {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A process that is stopped and goes on, in the middle of a buffer that takes nearly the timeout. `test` names the
/// caller.
pub fn is_suspended(scale: Scale, test: &str) {
    if let Some(mut child) = process::start(test, &[]) {
        let stdout = child.stdout.as_mut().unwrap();
        let (mut seen, mut next) = (String::new(), [0]);
        while !seen.contains(HELD) {
            assert_eq!(stdout.read(&mut next).unwrap(), 1, "it ended early: {seen}");
            seen.push(next[0].into());
        }
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
        std::thread::sleep(scale.hold);
        rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
        return process::expect_pass(child);
    }
    // Time in which the process runs: none of it passes while it is stopped.
    const HELD: &str = "is held";
    const TICK: Duration = Duration::from_millis(10);
    let ticks = |time: Duration| (time.as_millis() / TICK.as_millis()) as u32;
    // The stop counts as one look, a fifth of the timeout.
    let hold = ticks(scale.timeout * 7 / 10);
    let queue = "Q max-size-buffers=2 on-timeout=error";
    let pipeline = scale.parse(&format!("videotestsrc ! {queue} ! fakesink name=sink signal-handoffs=true"));
    let buffers = AtomicU64::new(0);
    pipeline.element("sink").connect("handoff", false, move |_| {
        let buffer = buffers.fetch_add(1, Ordering::SeqCst);
        for tick in 0..hold {
            if (buffer, tick) == (1, hold * 4 / 5) {
                println!("{HELD}");
            }
            std::thread::sleep(TICK);
        }
        None
    });
    pipeline.set_state(gst::State::Playing).unwrap();
    for _ in 0..ticks(scale.timeout * 4) {
        expect_no_error(&pipeline, TICK);
    }
}
