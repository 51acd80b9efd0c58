//! playbin with a visualisation, and what can be seen of its sinks.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gst::prelude::*;

/// How late audio may reach a sink that holds none of it, in ns: a busy machine wakes it up late. Audio sinks hold
/// four times as much.
const SLACK: i64 = 50_000_000;

/// How much later with pictures than without, in ns.
const MORE: i64 = 5_000_000;

/// Held by each test of this binary: others beside it would make things late. For cargo-nextest, which runs the tests of all
/// binaries at once, its settings keep the machine free.
pub fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What reached a sink.
#[derive(Debug, Default, Clone)]
pub struct Seen {
    /// Time stamps in ns, in order.
    pub times: Vec<u64>,
    /// How far behind the clock each buffer was when it arrived, in ns; negative = ahead.
    pub late: Vec<i64>,
    /// How much each buffer holds, in ns.
    pub media: u64,
}

/// playbin, its sinks and what they saw.
pub struct Player {
    pub playbin: gst::Element,
    pub audio: Arc<Mutex<Seen>>,
    pub video: Arc<Mutex<Seen>>,
    /// Where frames are shown.
    pub sink: gst::Element,
    /// The visualscope.
    pub vis: Mutex<gst::Element>,
}

fn watched(sink: &gst::Element, playbin: &gst::Element) -> Arc<Mutex<Seen>> {
    let seen: Arc<Mutex<Seen>> = Arc::default();
    let (noted, playbin) = (Arc::clone(&seen), playbin.downgrade());
    let pad = sink.static_pad("sink").unwrap();
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, info| {
        let Some(buffer) = info.buffer() else { return gst::PadProbeReturn::Ok };
        let segment = pad.sticky_event::<gst::event::Segment>(0).unwrap();
        let segment = segment.segment().downcast_ref::<gst::ClockTime>().unwrap().clone();
        let pts = buffer.pts().unwrap();
        let mut noted = noted.lock().unwrap();
        noted.times.push(segment.to_running_time(pts).map_or(0, gst::ClockTime::nseconds));
        noted.media += buffer.duration().map_or(0, gst::ClockTime::nseconds);
        let playing = playbin.upgrade().filter(|playbin| playbin.current_state() == gst::State::Playing);
        let now = playing.and_then(|playbin| playbin.current_running_time());
        if let (Some(now), Some(due)) = (now, segment.to_running_time(pts)) {
            noted.late.push(now.nseconds() as i64 - due.nseconds() as i64);
        }
        gst::PadProbeReturn::Ok
    });
    seen
}

impl Player {
    /// Plays `song` with a visualscope of `properties`; both sinks follow the clock.
    pub fn new(song: &Path, properties: &str) -> Self {
        Self::with(song, properties, "audio+vis+soft-volume")
    }

    /// Plays `song` without pictures.
    pub fn without_pictures(song: &Path) -> Self {
        Self::with(song, "", "audio+soft-volume")
    }

    fn with(song: &Path, properties: &str, flags: &str) -> Self {
        crate::common::init();
        let playbin = gst::ElementFactory::make("playbin").build().unwrap();
        let sink =
            || gst::ElementFactory::make("fakesink").property("sync", true).property("qos", true).build().unwrap();
        let (audio, video) = (sink(), sink());
        video.set_property("enable-last-sample", true);
        let vis = Self::scope(properties);
        playbin.set_property("uri", gst::glib::filename_to_uri(song, None).unwrap().as_str());
        playbin.set_property_from_str("flags", flags);
        playbin.set_property("audio-sink", &audio);
        playbin.set_property("video-sink", &video);
        playbin.set_property("vis-plugin", &vis);
        let sink = video.clone();
        let (audio, video) = (watched(&audio, &playbin), watched(&video, &playbin));
        Self { playbin, audio, video, sink, vis: Mutex::new(vis) }
    }

    /// A visualscope.
    pub fn scope(properties: &str) -> gst::Element {
        let vis = gst::ElementFactory::make("visualscope").build().unwrap();
        for property in properties.split_whitespace() {
            let (name, value) = property.split_once('=').unwrap();
            vis.set_property_from_str(name, value);
        }
        vis
    }

    /// Plays to the end.
    #[track_caller]
    pub fn wait(&self, patience: std::time::Duration) {
        let bus = self.playbin.bus().unwrap();
        let timeout = gst::ClockTime::try_from(patience).unwrap();
        let message = bus.timed_pop_filtered(timeout, &[gst::MessageType::Eos, gst::MessageType::Error]);
        let message =
            message.unwrap_or_else(|| panic!("no end: {:?} of video", self.video.lock().unwrap().times.last()));
        assert_eq!(message.type_(), gst::MessageType::Eos, "{message:?}");
    }

    /// Plays from the start to the end; what was seen of it.
    #[track_caller]
    pub fn play(&self, patience: std::time::Duration) -> (Seen, Seen) {
        self.playbin.set_state(gst::State::Playing).unwrap();
        self.wait(patience);
        self.seen()
    }

    pub fn seen(&self) -> (Seen, Seen) {
        (self.audio.lock().unwrap().clone(), self.video.lock().unwrap().clone())
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        let _ = self.playbin.set_state(gst::State::Null);
    }
}

/// Plays `song` without and with pictures in turn and asserts that audio comes no later with them: 19 of 20 buffers by
/// less than [`MORE`], all by less than [`SLACK`]. Returns the last player with pictures.
#[track_caller]
pub fn no_later_than_without_pictures(song: &Path, rounds: usize, patience: std::time::Duration) -> Player {
    let (mut without, mut with, mut last) = (Vec::new(), Vec::new(), None);
    for _ in 0..rounds {
        without.extend(Player::without_pictures(song).play(patience).0.late);
        let player = Player::new(song, "");
        with.extend(player.play(patience).0.late);
        last = Some(player);
    }
    let [without, with] = [without, with].map(|mut late| {
        late.sort_unstable();
        (late[late.len() * 19 / 20], late[late.len() - 1])
    });
    println!("audio late in ns, 19 of 20 buffers and all: without pictures {without:?}, with them {with:?}");
    assert!(with.0 <= without.0.max(0) + MORE, "19 of 20 buffers: {with:?} instead of {without:?} ns late");
    assert!(with.1 <= without.1.max(0) + SLACK, "the latest buffer: {with:?} instead of {without:?} ns late");
    last.expect("at least one round")
}

/// The song goes through without stalling the audio: no buffer comes late, none is missing, and pictures follow each
/// other to its end.
#[track_caller]
pub fn check(audio: &Seen, video: &Seen, ns: u64) {
    assert!(audio.media.abs_diff(ns) < 30_000_000, "{} ns of {ns} of audio", audio.media);
    let latest = audio.late.iter().copied().max().unwrap();
    assert!(latest <= SLACK, "audio was {latest} ns late");
    assert!(video.times.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", video.times);
    let last = video.times.last().copied().unwrap();
    assert!(ns.abs_diff(last) < 70_000_000, "the last frame is at {last} of {ns} ns");
}
