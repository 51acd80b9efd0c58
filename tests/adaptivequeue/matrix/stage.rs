//! Plays one row in this process and gathers what is said.

use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gst::prelude::*;

use super::judge::{self, Message};
use super::row::{Expect, Pace, Row, Times};
use super::scene::{Kit, PEER, Scene};
use crate::common::TestPipeline;

/// A row takes its hold and no more than this; then its process ends itself.
const LIMIT: Duration = Duration::from_secs(60);
/// After the first message of a hang: whether more come.
const AFTERWARDS: Duration = Duration::from_millis(500);

/// All that was seen of a row.
pub struct Seen {
    pub messages: Vec<Message>,
    /// When the end of the stream came.
    pub ended: Option<Duration>,
    /// For how long the watched elements had got nothing: at the first message of a hang, or at the end.
    pub still_for: Duration,
    /// How long it took to go to NULL.
    pub stopped_in: Option<Duration>,
    /// What the queues of the other pipelines said.
    pub elsewhere: Vec<Message>,
}

/// What was seen, in a line, and whether it is what the row expects.
pub fn play(row: &Row, pace: Pace) -> (String, Result<(), String>) {
    let times = row.times(pace);
    let limit = times.hold + LIMIT;
    std::thread::spawn(move || {
        std::thread::sleep(limit);
        eprintln!("the row is not done after {limit:?}");
        std::process::abort();
    });
    crate::common::init();
    let _tracer = row.traced.then(|| tracer(times.timeout));
    let kit = Kit::new(row, times);
    let seen = watch(row, times, kit.build(row));
    let line = judge::line(&seen);
    if std::env::var_os(PEER).is_some() {
        let should_hang = matches!(row.expect, Expect::Hang(..) | Expect::GivenUp(_));
        let verdict = if !should_hang || judge::stood_still(&seen, times) {
            Ok(())
        } else {
            Err(format!("moved {:?} ago", seen.still_for))
        };
        return (format!("{line}, still for {:.1} s", seen.still_for.as_secs_f64()), verdict);
    }
    (line, judge::verdict(row, times, &seen))
}

/// The tracer, as if `GST_TRACERS` had it.
fn tracer(timeout: Duration) -> gst::glib::Object {
    let kind = gst::glib::Type::from_name("GstPipelineHealth").expect("the plugin has it");
    let timeout = u64::try_from(timeout.as_nanos()).unwrap();
    gst::glib::Object::builder_with_type(kind).property("stall-timeout", timeout).build()
}

fn watch(row: &Row, times: Times, mut scene: Scene) -> Seen {
    let hangs = matches!(row.expect, Expect::Hang(..));
    let watched = if scene.watched.is_empty() { scene.sinks() } else { std::mem::take(&mut scene.watched) };
    assert!(!watched.is_empty(), "there is no sink to watch");
    let stillness = Stillness::new(watched);
    for other in &scene.others {
        other.set_state(gst::State::Playing).unwrap();
    }
    let mut began = Instant::now();
    scene.pipeline.set_state(scene.state).unwrap();
    if let Some(act) = scene.act.take() {
        act(&scene.pipeline);
        began = Instant::now();
    }
    let (mut messages, mut ended, mut still_for) = (Vec::new(), None, None);
    let mut until = times.hold + times.grace;
    let bus = scene.pipeline.bus().unwrap();
    loop {
        let left = gst::ClockTime::try_from(until.saturating_sub(began.elapsed())).unwrap();
        let Some(message) = bus.timed_pop(left) else { break };
        let at = began.elapsed();
        if message.type_() == gst::MessageType::Eos {
            ended = Some(at);
            if row.expect == Expect::Finish {
                break;
            }
        }
        let Some(message) = Message::new(at, &message) else { continue };
        if hangs && message.from_queue && still_for.is_none() {
            still_for = Some(stillness.age());
            until = at + AFTERWARDS;
        }
        messages.push(message);
    }
    let still_for = still_for.unwrap_or_else(|| stillness.age());
    for release in scene.release.drain(..) {
        release();
    }
    let elsewhere = scene.others.iter().flat_map(queued).collect();
    let stopped_in = stop(&scene.pipeline);
    if stopped_in.is_none() {
        // It would hang again when it is dropped.
        std::mem::forget(scene);
    }
    Seen { messages, ended, still_for, stopped_in, elsewhere }
}

/// What the queues of a pipeline have said so far.
fn queued(pipeline: &TestPipeline) -> Vec<Message> {
    let bus = pipeline.bus().unwrap();
    std::iter::from_fn(|| bus.pop())
        .filter_map(|message| Message::new(Duration::ZERO, &message))
        .filter(|message| message.from_queue)
        .collect()
}

/// Goes to NULL and says how long that took. None if it does not end.
fn stop(pipeline: &gst::Pipeline) -> Option<Duration> {
    let (done, wait) = mpsc::channel();
    let (began, pipeline) = (Instant::now(), pipeline.clone());
    std::thread::spawn(move || {
        let _ = pipeline.set_state(gst::State::Null);
        let _ = done.send(());
    });
    wait.recv_timeout(LIMIT / 3).ok().map(|()| began.elapsed())
}

/// Knows when elements last got something.
struct Stillness {
    began: Instant,
    came: Arc<Mutex<Came>>,
}

/// When something came.
#[derive(Clone, Copy, Default)]
struct Came {
    last: Duration,
    /// What came last belongs to a spell that began then,
    spell: Duration,
    /// and before it something had come then.
    before: Duration,
}

/// An error ends the stream as soon as it is posted, before this thread hears of it: what comes then is no movement.
const MOMENT: Duration = Duration::from_millis(200);

impl Stillness {
    fn new(elements: Vec<gst::Element>) -> Self {
        let (began, came) = (Instant::now(), Arc::<Mutex<Came>>::default());
        for pad in elements.into_iter().flat_map(|element| element.sink_pads()) {
            let came = Arc::clone(&came);
            pad.add_probe(gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST, move |_, _| {
                let (now, mut came) = (began.elapsed(), came.lock().unwrap());
                if now.saturating_sub(came.last) > MOMENT {
                    (came.before, came.spell) = (came.last, now);
                }
                came.last = now;
                gst::PadProbeReturn::Ok
            });
        }
        Self { began, came }
    }

    /// How long ago that was; since the beginning, where nothing has come.
    fn age(&self) -> Duration {
        let (now, came) = (self.began.elapsed(), *self.came.lock().unwrap());
        let just_began = came.spell > Duration::ZERO && now.saturating_sub(came.spell) <= MOMENT;
        now.saturating_sub(if just_began { came.before } else { came.last })
    }
}
