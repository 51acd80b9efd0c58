//! `visualscope`: the pictures of the export, in time, whatever the stream does.
#![cfg(feature = "plugin")]
#![allow(clippy::unwrap_used, reason = "a failed set-up step should end the test where it stands")]
mod common;
#[path = "common/pads.rs"]
mod pads;
#[path = "common/player.rs"]
mod player;
#[path = "common/scope.rs"]
mod scope;

use std::sync::mpsc;
use std::time::Duration;

use common::audio::{Delivered, Fixtures, check_frame_law, tune};
use common::{PATIENCE, TestPipeline, wait_until};
use gst::prelude::*;
use pads::Out;
use scope::{Audio, SMALL, Samples, begin, delivered, frames, wait_for_eos};

const CAUSAL: &str = "analysis=causal normalize=fixed";

#[test]
fn the_causal_pictures_are_byte_for_byte_those_of_visualrender() {
    let files = Fixtures::new();
    for (rate, samples) in [(44_100, 52_001), (22_050, 30_000)] {
        let wav = files.wav(rate, samples);
        let audio = Audio::tune(rate, samples);
        for scene in ["cover-pulse", "bars-mirror", "wave-line", "podcast-bars", "stem-dots"] {
            let properties = format!("{CAUSAL} scene={scene} seed=5");
            let from_file = common::audio::frames(&wav, &properties, SMALL.strip_prefix("video/x-raw,").unwrap());
            let live = frames(&properties, SMALL, &audio, 1000);
            assert!(live == from_file, "{scene} at {rate} Hz");
            let different: std::collections::BTreeSet<_> = live.iter().map(|frame| &frame.digest).collect();
            assert!(different.len() > live.len() / 2, "{scene} hardly moves: {} of {}", different.len(), live.len());
        }
    }
}

#[test]
fn a_timeline_gives_the_pictures_of_the_export_from_wherever_the_stream_begins() {
    let files = Fixtures::new();
    let (wav, timeline) = (files.wav(44_100, 66_000), files.path("a.steadytl"));
    let location = format!("timeline-location={}", timeline.display());
    let caps = SMALL.strip_prefix("video/x-raw,").unwrap();
    let export = common::audio::frames(&wav, &location, caps);
    let audio = Audio::tune(44_100, 66_000);
    assert!(frames(&location, SMALL, &audio, 441) == export);

    let scope = scope::scope(&location, SMALL);
    begin(&scope, &audio);
    // From 0.5 s on, as after a seek or where it was put in while playing.
    for buffer in audio.buffers(735, 0).into_iter().skip(30) {
        scope.src.push(buffer).unwrap();
    }
    assert!(scope.src.push_event(gst::event::Eos::new()));
    wait_for_eos(&scope);
    assert!(delivered(&scope) == export[15..]);
}

#[test]
fn samples_and_seconds_at_a_time_give_the_same_pictures() {
    for audio in [Audio::tune(8_000, 12_001), Audio::tune(44_100, 22_050)] {
        let seconds = frames("", SMALL, &audio, 44_100);
        assert!(frames("", SMALL, &audio, 1) == seconds);
        assert!(frames("", SMALL, &audio, 441) == seconds);
    }
}

#[test]
fn floats_and_integers_of_the_same_sound_give_the_same_pictures() {
    let integers = tune(44_100, 22_050);
    let floats = integers.iter().map(|&sample| f32::from(sample) / 32_768.0).collect();
    let (integers, floats) = (Audio::s16(44_100, 2, integers), Audio::f32(44_100, 2, floats));
    assert!(frames("", SMALL, &integers, 1000) == frames("", SMALL, &floats, 777));
}

#[test]
fn every_rate_obeys_the_frame_law_and_the_last_frames_come_before_the_end() {
    for (rate, samples, (fps_n, fps_d)) in [
        (22_050, 22_051, (24_000, 1001)),
        (44_100, 44_101, (30, 1)),
        (44_100, 1, (25, 1)),
        (48_000, 48_001, (60, 1)),
        (96_000, 95_999, (30_000, 1001)),
        (44_100, 20_000, (120, 1)),
    ] {
        let video = format!("video/x-raw,width=32,height=32,framerate={fps_n}/{fps_d}");
        let frames = frames("", &video, &Audio::tune(rate, samples), 1024);
        check_frame_law(&frames, rate, samples as u64, fps_n, fps_d);
    }
}

#[test]
fn unusual_audio_gives_correct_frames() {
    let square = |i: usize| if (i / 50).is_multiple_of(2) { 1.0 } else { -1.0 };
    let odd = |i: usize| [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30, -0.0][i % 5];
    let cases = [
        ("silence", Audio::s16(44_100, 2, vec![0; 44_100])),
        ("one sample", Audio::s16(44_100, 1, vec![1000])),
        ("constant", Audio::f32(8_000, 1, vec![0.7; 4_000])),
        ("square", Audio::f32(44_100, 1, (0..22_050).map(square).collect())),
        ("eight channels", Audio::s16(48_000, 8, (0..8 * 24_000).map(|i| (i * 37 % 9_000) as i16).collect())),
        ("192 kHz", Audio::tune(192_000, 48_000)),
        ("8 kHz", Audio::tune(8_000, 4_000)),
        ("not numbers", Audio::f32(44_100, 2, (0..44_100).map(odd).collect())),
    ];
    for (name, audio) in cases {
        let frames = frames("", SMALL, &audio, 1000);
        check_frame_law(&frames, audio.rate, audio.len(), 30, 1);
        assert!(!frames.is_empty(), "{name}");
    }
    // What is no number is silence, and silence is drawn.
    let silence = Audio::f32(44_100, 1, vec![0.0; 22_050]);
    let nothing = Audio::f32(44_100, 1, (0..22_050).map(|i| [f32::NAN, f32::INFINITY][i % 2]).collect());
    assert!(frames("", SMALL, &nothing, 500) == frames("", SMALL, &silence, 500));
}

/// `audio` with the samples in `range` replaced by zeros.
fn silenced(audio: &Audio, range: std::ops::Range<usize>) -> Audio {
    let mut audio = audio.clone();
    match &mut audio.samples {
        Samples::S16(samples) => samples[range.start * 2..range.end * 2].fill(0),
        Samples::F32(_) => unreachable!("the tests silence integers"),
    }
    audio
}

#[test]
fn a_gap_is_drawn_as_silence_whether_it_is_announced_flagged_or_missing() {
    let audio = Audio::tune(44_100, 44_100);
    let (first, last) = (13_230u64, 22_050u64);
    let wanted = frames("", SMALL, &silenced(&audio, first as usize..last as usize), 4410);
    for kind in ["gap event", "two gap events", "gap flag", "missing", "missing and discont"] {
        let scope = scope::scope("", SMALL);
        begin(&scope, &audio);
        for buffer in audio.buffers(4410, 0) {
            let at = buffer.pts().unwrap();
            let inside = at >= audio.time(first) && at < audio.time(last);
            match kind {
                "gap event" if inside && at == audio.time(first) => {
                    let gap = gst::event::Gap::builder(at).duration(audio.time(last) - at).build();
                    assert!(scope.src.push_event(gap));
                }
                "two gap events" if inside => {
                    let gap = gst::event::Gap::builder(at).duration(buffer.duration().unwrap()).build();
                    assert!(scope.src.push_event(gap));
                }
                "gap flag" if inside => {
                    let mut buffer = buffer;
                    buffer.make_mut().set_flags(gst::BufferFlags::GAP);
                    scope.src.push(buffer).unwrap();
                }
                _ if inside => {}
                _ => {
                    let mut buffer = buffer;
                    if kind == "missing and discont" && at == audio.time(last) {
                        buffer.make_mut().set_flags(gst::BufferFlags::DISCONT);
                    }
                    scope.src.push(buffer).unwrap();
                }
            }
        }
        assert!(scope.src.push_event(gst::event::Eos::new()));
        wait_for_eos(&scope);
        assert!(delivered(&scope) == wanted, "{kind}");
        let gaps = scope.element.property::<gst::Structure>("stats").get::<u64>("gaps").unwrap();
        assert_eq!(gaps, u64::from(kind.starts_with("missing")), "{kind}");
    }
}

#[test]
fn a_gap_at_the_start_and_one_of_no_known_length_are_no_harm() {
    let audio = Audio::tune(44_100, 14_700);
    let scope = scope::scope("", SMALL);
    begin(&scope, &audio);
    assert!(scope.src.push_event(gst::event::Gap::builder(gst::ClockTime::ZERO).build()));
    assert!(scope.src.push_event(gst::event::Gap::builder(gst::ClockTime::ZERO).duration(audio.time(14_700)).build()));
    for buffer in audio.buffers(1000, 14_700) {
        scope.src.push(buffer).unwrap();
    }
    assert!(scope.src.push_event(gst::event::Eos::new()));
    wait_for_eos(&scope);
    check_frame_law(&delivered(&scope), 44_100, 29_400, 30, 1);
}

#[test]
fn time_stamps_that_are_a_little_off_or_absent_change_nothing() {
    let audio = Audio::tune(44_100, 22_050);
    let wanted = frames("", SMALL, &audio, 441);
    for kind in ["off", "absent", "overlapping"] {
        let scope = scope::scope("", SMALL);
        begin(&scope, &audio);
        for (i, mut buffer) in audio.buffers(441, 0).into_iter().enumerate() {
            let data = buffer.make_mut();
            let pts = data.pts().unwrap();
            match kind {
                "off" => data.set_pts(pts + gst::ClockTime::from_mseconds(i as u64 % 3)),
                "absent" if i > 0 => data.set_pts(None),
                _ => {}
            }
            if kind == "overlapping" && i == 20 {
                scope.src.push(buffer.copy()).unwrap();
                buffer.make_mut().set_flags(gst::BufferFlags::DISCONT);
            }
            scope.src.push(buffer).unwrap();
        }
        assert!(scope.src.push_event(gst::event::Eos::new()));
        wait_for_eos(&scope);
        assert!(delivered(&scope) == wanted, "{kind}");
    }
}

#[test]
fn after_a_jump_a_new_stretch_begins_and_says_so() {
    let audio = Audio::tune(44_100, 14_700);
    let scope = scope::scope("", SMALL);
    begin(&scope, &audio);
    for first in [0, 441_000] {
        for buffer in audio.buffers(1470, first) {
            scope.src.push(buffer).unwrap();
        }
    }
    assert!(scope.src.push_event(gst::event::Eos::new()));
    wait_for_eos(&scope);
    let frames = scope.buffers();
    let numbers: Vec<_> = frames.iter().map(|frame| frame.offset()).collect();
    assert_eq!(numbers, (0..10).chain(300..310).collect::<Vec<_>>());
    let discont: Vec<_> = (0..20).filter(|&i| frames[i].flags().contains(gst::BufferFlags::DISCONT)).collect();
    assert_eq!(discont, [0, 10]);
}

#[test]
fn a_second_song_without_an_end_between_them_is_drawn_from_its_start() {
    let (one, two) = (Audio::tune(44_100, 22_051), Audio::tune(48_000, 16_000));
    let scope = scope::scope("", SMALL);
    let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
    for audio in [&one, &two] {
        assert!(scope.src.push_event(gst::event::StreamStart::new(&format!("song at {}", audio.rate))));
        assert!(scope.src.push_event(gst::event::Caps::new(&audio.caps())));
        assert!(scope.src.push_event(gst::event::Segment::new(&segment)));
        audio
            .buffers(1024, 0)
            .into_iter()
            .for_each(|buffer| assert_eq!(scope.src.push(buffer).unwrap(), gst::FlowSuccess::Ok));
        segment.set_base(audio.time(audio.len()));
    }
    assert!(scope.src.push_event(gst::event::Eos::new()));
    wait_for_eos(&scope);
    let mut wanted = frames("", SMALL, &one, 1024);
    wanted.extend(frames("", SMALL, &two, 1024));
    assert!(delivered(&scope) == wanted);
    // The last frames of the first song come before the second one's segment.
    let order: Vec<_> = scope
        .out()
        .iter()
        .filter_map(|out| match out {
            Out::Buffer(_) => Some('b'),
            Out::Event(event) if event.type_() == gst::EventType::Segment => Some('s'),
            Out::Event(_) => None,
        })
        .collect();
    let order: String = order.into_iter().collect();
    assert_eq!(order, format!("s{}s{}", "b".repeat(16), "b".repeat(10)));
}

#[test]
fn the_same_segment_again_is_no_cut() {
    let audio = Audio::tune(44_100, 22_050);
    let scope = scope::scope("", SMALL);
    begin(&scope, &audio);
    for buffer in audio.buffers(2205, 0) {
        scope.src.push(buffer).unwrap();
        assert!(scope.src.push_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new())));
    }
    assert!(scope.src.push_event(gst::event::Eos::new()));
    wait_for_eos(&scope);
    assert!(delivered(&scope) == frames("", SMALL, &audio, 2205));
}

#[test]
fn what_lies_outside_of_the_segment_is_not_drawn() {
    let audio = Audio::tune(44_100, 44_100);
    let scope = scope::scope("", SMALL);
    assert!(scope.src.push_event(gst::event::StreamStart::new("test")));
    assert!(scope.src.push_event(gst::event::Caps::new(&audio.caps())));
    let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
    segment.set_start(audio.time(14_700));
    segment.set_time(audio.time(14_700));
    segment.set_stop(audio.time(29_400));
    assert!(scope.src.push_event(gst::event::Segment::new(&segment)));
    audio
        .buffers(1024, 0)
        .into_iter()
        .for_each(|buffer| assert_eq!(scope.src.push(buffer).unwrap(), gst::FlowSuccess::Ok));
    assert!(scope.src.push_event(gst::event::Eos::new()));
    wait_for_eos(&scope);
    let numbers: Vec<_> = scope.buffers().iter().map(|frame| frame.offset()).collect();
    assert_eq!(numbers, (10..20).collect::<Vec<_>>());
}

#[test]
fn where_stream_time_and_time_stamps_differ_frames_are_numbered_by_the_first() {
    let audio = Audio::tune(44_100, 14_700);
    let scope = scope::scope("", SMALL);
    assert!(scope.src.push_event(gst::event::StreamStart::new("test")));
    assert!(scope.src.push_event(gst::event::Caps::new(&audio.caps())));
    let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
    segment.set_start(gst::ClockTime::from_seconds(1000));
    segment.set_time(gst::ClockTime::from_seconds(2));
    assert!(scope.src.push_event(gst::event::Segment::new(&segment)));
    audio
        .buffers(1024, 44_100_000)
        .into_iter()
        .for_each(|buffer| assert_eq!(scope.src.push(buffer).unwrap(), gst::FlowSuccess::Ok));
    assert!(scope.src.push_event(gst::event::Eos::new()));
    wait_for_eos(&scope);
    let frames = delivered(&scope);
    assert_eq!((frames[0].offset, frames[0].pts), (60, 1_000_000_000_000));
    assert_eq!((frames[9].offset, frames[9].pts), (69, 1_000_300_000_000));
    assert_eq!(frames.len(), 10);
}

#[test]
fn a_flush_ends_every_wait_and_what_follows_is_drawn_afresh() {
    let audio = Audio::tune(44_100, 88_200);
    let scope = scope::scope("", TITLED);
    let block = pads::Blocked::new(&scope.element);
    begin(&scope, &audio);
    // Waits in the queue when the flush comes.
    assert!(scope.src.push_event(title()));
    let (done, pushed) = mpsc::channel();
    let (src, buffers) = (scope.src.clone(), audio.buffers(4410, 0));
    let pusher = std::thread::spawn(move || {
        let flow = buffers.into_iter().map(|buffer| src.push(buffer)).find(|flow| flow.is_err());
        done.send(flow).unwrap();
    });
    // With the frames blocked, audio comes in only until there is no room.
    assert!(pushed.recv_timeout(Duration::from_millis(300)).is_err(), "the audio has to wait");
    assert!(scope.src.push_event(gst::event::FlushStart::new()));
    let flow = pushed.recv_timeout(PATIENCE).unwrap();
    assert_eq!(flow, Some(Err(gst::FlowError::Flushing)));
    pusher.join().unwrap();
    drop(block);
    assert!(scope.src.push_event(gst::event::FlushStop::new(true)));
    scope.clear();
    assert!(scope.src.push_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new())));
    for buffer in audio.buffers(4410, 0) {
        scope.src.push(buffer).unwrap();
    }
    assert!(scope.src.push_event(gst::event::Eos::new()));
    wait_for_eos(&scope);
    assert!(delivered(&scope) == titled("", &audio));
    // Nothing is under way now, and that is no wait for ever either.
    assert!(scope.src.push_event(gst::event::FlushStart::new()));
    assert!(scope.src.push_event(gst::event::FlushStop::new(true)));
    let sticky = |kind| scope.sink().sticky_event_by_type(kind).is_some();
    assert!(sticky(gst::EventType::StreamStart) && sticky(gst::EventType::Caps) && sticky(gst::EventType::Tag));
}

trait Sticky {
    fn sticky_event_by_type(&self, kind: gst::EventType) -> Option<gst::Event>;
}

impl Sticky for gst::Pad {
    fn sticky_event_by_type(&self, kind: gst::EventType) -> Option<gst::Event> {
        let mut found = None;
        self.sticky_events_foreach(|event| {
            if event.type_() == kind {
                found = Some(event.clone());
            }
            std::ops::ControlFlow::Continue(gst::EventForeachAction::Keep)
        });
        found
    }
}

#[test]
fn stopping_ends_every_wait_and_it_can_be_started_again() {
    let audio = Audio::tune(44_100, 88_200);
    let scope = scope::scope("", SMALL);
    let block = pads::Blocked::new(&scope.element);
    begin(&scope, &audio);
    let (src, buffers) = (scope.src.clone(), audio.buffers(4410, 0));
    let pusher = std::thread::spawn(move || buffers.into_iter().find_map(|buffer| src.push(buffer).err()));
    wait_until("a frame waits", || scope.element.static_pad("src").unwrap().is_blocking());
    let before = std::time::Instant::now();
    scope.set_state(gst::State::Null);
    assert_eq!(pusher.join().unwrap(), Some(gst::FlowError::Flushing));
    assert!(before.elapsed() < Duration::from_secs(5), "{:?}", before.elapsed());
    drop(block);
    scope.clear();
    scope.set_state(gst::State::Playing);
    begin(&scope, &audio);
    audio
        .buffers(4410, 0)
        .into_iter()
        .for_each(|buffer| assert_eq!(scope.src.push(buffer).unwrap(), gst::FlowSuccess::Ok));
    assert!(scope.src.push_event(gst::event::Eos::new()));
    wait_for_eos(&scope);
    assert!(delivered(&scope) == frames("", SMALL, &audio, 4410));
}

#[test]
fn closing_the_sink_pad_alone_ends_the_wait_for_room() {
    let audio = Audio::tune(44_100, 88_200);
    let scope = scope::scope("", SMALL);
    let _block = pads::Blocked::new(&scope.element);
    begin(&scope, &audio);
    let (src, buffers) = (scope.src.clone(), audio.buffers(4410, 0));
    let pusher = std::thread::spawn(move || buffers.into_iter().find_map(|buffer| src.push(buffer).err()));
    wait_until("a frame waits", || scope.element.static_pad("src").unwrap().is_blocking());
    scope.element.static_pad("sink").unwrap().set_active(false).unwrap();
    assert_eq!(pusher.join().unwrap(), Some(gst::FlowError::Flushing));
}

#[test]
fn without_qos_audio_waits_for_the_pictures() {
    let audio = Audio::tune(44_100, 88_200);
    let scope = scope::scope("", SMALL);
    let block = pads::Blocked::new(&scope.element);
    begin(&scope, &audio);
    let (src, buffers) = (scope.src.clone(), audio.buffers(441, 0));
    let (count, counted) = mpsc::channel();
    let pusher = std::thread::spawn(move || {
        for buffer in buffers {
            src.push(buffer).unwrap();
            count.send(()).unwrap();
        }
    });
    wait_until("a frame waits", || scope.element.static_pad("src").unwrap().is_blocking());
    let mut taken = 0;
    while counted.recv_timeout(Duration::from_millis(300)).is_ok() {
        taken += 1;
    }
    // The look-ahead, a fifth of a second in the queue and one buffer in the pusher's hands.
    assert!((20..=60).contains(&taken), "{taken} of 200 buffers of 10 ms were taken");
    drop(block);
    pusher.join().unwrap();
    assert!(scope.src.push_event(gst::event::Eos::new()));
    wait_for_eos(&scope);
    assert_eq!(delivered(&scope).len(), 60);
}

#[test]
fn frames_that_downstream_calls_too_late_are_left_out_and_counted_unless_qos_is_off() {
    let audio = Audio::tune(44_100, 88_200);
    for qos in [true, false] {
        let scope = scope::scope(&format!("qos={qos}"), SMALL);
        let bus = gst::Bus::new();
        scope.element.set_bus(Some(&bus));
        begin(&scope, &audio);
        let mut buffers = audio.buffers(4410, 0).into_iter();
        buffers.by_ref().take(5).for_each(|buffer| assert_eq!(scope.src.push(buffer).unwrap(), gst::FlowSuccess::Ok));
        scope.wait_for_buffers(5);
        // Frame 4 was 200 ms late: what is before 133 + 400 + 33 ms will be late too.
        let late = gst::event::Qos::builder(gst::QOSType::Underflow, 2.0, 200_000_000)
            .timestamp(gst::ClockTime::from_nseconds(133_333_333))
            .build();
        scope.sink().push_event(late);
        let seen = scope.buffers().len() as u64;
        buffers.for_each(|buffer| assert_eq!(scope.src.push(buffer).unwrap(), gst::FlowSuccess::Ok));
        assert!(scope.src.push_event(gst::event::Eos::new()));
        wait_for_eos(&scope);
        let numbers: Vec<_> = scope.buffers().iter().map(|frame| frame.offset()).collect();
        let stats: gst::Structure = scope.element.property("stats");
        let (frames, dropped) = (stats.get::<u64>("frames").unwrap(), stats.get::<u64>("dropped").unwrap());
        assert_eq!(frames, numbers.len() as u64);
        assert_eq!(frames + dropped, 60);
        if qos {
            assert!(numbers.contains(&17) && !numbers.contains(&16) && dropped >= 17 - seen - 2, "{numbers:?}");
            let told = std::iter::from_fn(|| bus.pop_filtered(&[gst::MessageType::Qos])).count() as u64;
            assert_eq!(told, dropped);
            let next = scope.buffers().iter().position(|frame| frame.offset() == 17).unwrap();
            assert!(scope.buffers()[next].flags().contains(gst::BufferFlags::DISCONT));
        } else {
            assert_eq!(dropped, 0);
        }
        scope.element.set_bus(None);
    }
}

#[test]
fn what_is_said_of_an_earlier_song_leaves_out_no_frame_of_the_next() {
    let audio = Audio::tune(44_100, 66_150);
    let scope = scope::scope("", SMALL);
    begin(&scope, &audio);
    let early = |ms: u64| {
        let early = gst::event::Qos::builder(gst::QOSType::Overflow, 0.1, -30_000_000);
        scope.sink().push_event(early.timestamp(gst::ClockTime::from_mseconds(ms)).build());
    };
    audio.buffers(4410, 0).into_iter().for_each(|buffer| assert!(scope.src.push(buffer).is_ok()));
    scope.wait_for_buffers(38);
    early(1200);
    // The same times again, as where the base is added further downstream.
    let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
    segment.set_duration(audio.time(66_150));
    assert!(scope.src.push_event(gst::event::StreamStart::new("next")));
    assert!(scope.src.push_event(gst::event::Segment::new(&segment)));
    let mut buffers = audio.buffers(4410, 0).into_iter();
    buffers.by_ref().take(5).for_each(|buffer| assert!(scope.src.push(buffer).is_ok()));
    scope.wait_for_buffers(45 + 5);
    early(1400);
    buffers.for_each(|buffer| assert!(scope.src.push(buffer).is_ok()));
    assert!(scope.src.push_event(gst::event::Eos::new()));
    wait_for_eos(&scope);
    assert_eq!(delivered(&scope).len(), 90);
}

fn latency_of(scope: &pads::Between) -> (bool, u64, Option<u64>) {
    let mut query = gst::query::Latency::new();
    assert!(scope.sink().peer_query(&mut query));
    let (live, min, max) = query.result();
    (live, min.nseconds(), max.map(gst::ClockTime::nseconds))
}

#[test]
fn the_latency_that_is_told_is_the_one_there_is() {
    for (rate, properties) in [
        (44_100, ""),
        (48_000, "scene=wave-line"),
        (8_000, ""),
        (44_100, "visual-offset=50000000"),
        (44_100, "visual-offset=-50000000"),
        (44_100, "visual-offset=400000000"),
    ] {
        let audio = Audio::tune(rate, rate as usize);
        let scope = scope::scope(properties, SMALL);
        let upstream = gst::Pad::builder(gst::PadDirection::Src)
            .query_function(|pad, parent, query| match query.view_mut() {
                gst::QueryViewMut::Latency(latency) => {
                    latency.set(true, gst::ClockTime::from_mseconds(7), gst::ClockTime::from_mseconds(9));
                    true
                }
                _ => gst::Pad::query_default(pad, parent, query),
            })
            .build();
        upstream.set_active(true).unwrap();
        let sinkpad = scope.element.static_pad("sink").unwrap();
        scope.src.unlink(&sinkpad).unwrap();
        upstream.link(&sinkpad).unwrap();
        assert!(upstream.push_event(gst::event::StreamStart::new("test")));
        assert!(upstream.push_event(gst::event::Caps::new(&audio.caps())));
        let segment = gst::FormattedSegment::<gst::ClockTime>::new();
        assert!(upstream.push_event(gst::event::Segment::new(&segment)));
        // How much audio it takes until each frame is there; GAP-free 1 ms steps.
        let step = rate as usize / 1000;
        let mut most = i64::MIN;
        let mut seen = 0;
        for (i, buffer) in audio.buffers(step, 0).into_iter().take(1000).enumerate() {
            upstream.push(buffer).unwrap();
            let taken = |scope: &pads::Between| {
                scope.element.property::<gst::Structure>("stats").get::<u64>("samples").unwrap()
            };
            wait_until("the audio is taken", || taken(&scope) >= ((i + 1) * step) as u64);
            let frames = scope.buffers();
            let now = audio.time(((i + 1) * step) as u64).nseconds() as i64;
            for frame in &frames[seen..] {
                most = most.max(now - frame.pts().unwrap().nseconds() as i64);
            }
            seen = frames.len();
        }
        let (live, min, max) = latency_of(&scope);
        let own = min as i64 - 7_000_000;
        assert!(live && max == Some(9_000_000 + own as u64 + 200_000_000), "{max:?}");
        let stats: gst::Structure = scope.element.property("stats");
        assert_eq!(stats.get::<u64>("latency"), Ok(own as u64));
        // Never more than was told, and no more told than two hops, a step and what races between the threads.
        assert!(most <= own + 3_000_000, "{rate} Hz {properties}: {most} ns instead of {own}");
        assert!(most >= own - 22_000_000, "{rate} Hz {properties}: {most} ns instead of {own}");
    }
}

#[test]
fn an_offset_shows_the_same_pictures_later() {
    let audio = Audio::tune(44_100, 44_100);
    let digests = |offset: i64| frames(&format!("visual-offset={offset}"), SMALL, &audio, 4410);
    let (plain, later) = (digests(0), digests(100_000_000));
    assert_eq!(plain.len(), later.len());
    let same = (10..30).filter(|&n| plain[n - 3].digest == later[n].digest).count();
    assert_eq!(same, 20);
    assert_ne!(plain[20].digest, later[20].digest);
}

#[test]
fn pictures_are_what_downstream_asks_for_or_720p_at_30_fps() {
    let audio = Audio::tune(8_000, 800);
    for (wanted, size, fps) in [
        ("video/x-raw", (1280, 720), (30, 1)),
        ("video/x-raw,width=17,height=333,framerate=7/3", (17, 333), (7, 3)),
        ("video/x-raw,format=BGRA,width=[100,200],height=50", (200, 50), (30, 1)),
    ] {
        let scope = scope::scope("", wanted);
        begin(&scope, &audio);
        scope.wait_for("a segment", |out| {
            out.iter().any(|o| matches!(o, Out::Event(e) if e.type_() == gst::EventType::Segment))
        });
        let info = gst_video::VideoInfo::from_caps(&scope.sink().current_caps().unwrap()).unwrap();
        assert_eq!(((info.width(), info.height()), info.fps()), (size, gst::Fraction::new(fps.0, fps.1)));
        use gst::EventType::{Caps, Segment, StreamStart};
        assert_eq!(scope.events(), [StreamStart, Caps, Segment]);
    }
}

/// Large enough for a title.
const TITLED: &str = "video/x-raw,format=RGBA,width=320,height=180,framerate=30/1";

fn title() -> gst::Event {
    let mut tags = gst::TagList::new();
    tags.make_mut().add::<gst::tags::Title>(&"A title", gst::TagMergeMode::Append);
    gst::event::Tag::new(tags)
}

/// Every frame of `audio` with a title.
fn titled(properties: &str, audio: &Audio) -> Vec<Delivered> {
    let scope = scope::scope(properties, TITLED);
    begin(&scope, audio);
    assert!(scope.src.push_event(title()));
    audio.buffers(4410, 0).into_iter().for_each(|buffer| assert!(scope.src.push(buffer).is_ok()));
    assert!(scope.src.push_event(gst::event::Eos::new()));
    wait_for_eos(&scope);
    delivered(&scope)
}

#[test]
fn tags_in_the_stream_are_drawn_as_those_of_a_file_are() {
    let audio = Audio::tune(44_100, 22_050);
    let plain = frames("", TITLED, &audio, 4410);
    assert_ne!(titled("", &audio)[9].digest, plain[9].digest);
    assert!(titled("tags=false", &audio) == plain);
}

#[test]
fn audio_that_is_not_timed_is_refused_in_words() {
    let audio = Audio::tune(44_100, 4410);
    let scope = scope::scope("", SMALL);
    let bus = gst::Bus::new();
    scope.element.set_bus(Some(&bus));
    assert!(scope.src.push_event(gst::event::StreamStart::new("test")));
    assert!(scope.src.push_event(gst::event::Caps::new(&audio.caps())));
    let segment = gst::FormattedSegment::<gst::format::Bytes>::new();
    assert!(scope.src.push_event(gst::event::Segment::new(&segment)));
    let message = bus.timed_pop_filtered(gst::ClockTime::try_from(PATIENCE).unwrap(), &[gst::MessageType::Error]);
    let Some(gst::MessageView::Error(error)) = message.as_ref().map(|message| message.view()) else {
        panic!("no error")
    };
    assert!(error.error().message().contains("not timed"), "{error:?}");
    scope.element.set_bus(None);
}

fn error_of(properties: &str, audio: &Audio, video: &str) -> (gst::glib::Error, gst::FlowError) {
    let scope = scope::scope(properties, video);
    let bus = gst::Bus::new();
    scope.element.set_bus(Some(&bus));
    begin_anyway(&scope, audio);
    let mut flow = None;
    wait_until("the error reaches who brings audio", || {
        flow = audio.buffers(441, 0).into_iter().find_map(|buffer| scope.src.push(buffer).err());
        flow.is_some()
    });
    let errors: Vec<_> = std::iter::from_fn(|| bus.pop_filtered(&[gst::MessageType::Error])).collect();
    assert_eq!(errors.len(), 1, "one error: {errors:?}");
    let gst::MessageView::Error(error) = errors[0].view() else { unreachable!("errors were asked for") };
    assert!(scope.buffers().is_empty(), "nothing may come out");
    scope.element.set_bus(None);
    (error.error(), flow.unwrap())
}

fn begin_anyway(scope: &pads::Between, audio: &Audio) {
    scope.src.push_event(gst::event::StreamStart::new("test"));
    scope.src.push_event(gst::event::Caps::new(&audio.caps()));
    scope.src.push_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new()));
}

#[test]
fn every_bad_setting_is_one_clear_error() {
    let files = Fixtures::new();
    let audio = Audio::tune(44_100, 4410);
    let foreign = files.path("foreign.steadytl");
    std::fs::write(
        &foreign,
        "This is no timeline, although it is longer than a header of one would have to be.".repeat(3),
    )
    .unwrap();
    let missing = files.path("missing.steadytl");
    let folder = files.path("");
    let folder = folder.to_str().unwrap();
    let cases = [
        ("scene=disco".to_owned(), SMALL),
        ("palette=mud".to_owned(), SMALL),
        (format!("timeline-location={}", foreign.display()), SMALL),
        (format!("timeline-location={}", missing.display()), SMALL),
    ];
    let texts = cases.map(|(properties, video)| {
        let (error, flow) = error_of(&properties, &audio, video);
        format!("{flow:?}: {}", error.message().replace(folder, "/folder/"))
    });
    insta::assert_snapshot!(texts.join("\n"), @r"
    Error: There is no scene “disco”; the scenes are: cover-pulse (0), bars-mirror (1), wave-line (2), podcast-bars (3), stem-dots (4).
    Error: There is no palette “mud”; the palettes are: aurora, ember, neon, ice, mono, viridis, magma, inferno, cividis, turbo, cover, or one to 5 colours such as #ff5a00,#0040ff.
    Error: “/folder/foreign.steadytl” cannot be used as a timeline: it is no timeline. Have visualrender make one with timeline-location, or unset it.
    Error: “/folder/missing.steadytl” cannot be used as a timeline: there is no such file. Have visualrender make one with timeline-location, or unset it.
    ");
}

#[test]
fn sizes_and_rates_that_cannot_be_drawn_are_refused_in_words() {
    for wanted in ["width=20000,height=20000", "width=8,height=8", "width=64,height=64,framerate=0/1"] {
        // Set when all is linked, so that it is the negotiation that fails.
        let pipeline = TestPipeline::parse("audiotestsrc ! visualscope ! capsfilter name=filter ! fakesink");
        pipeline.element("filter").set_property_from_str("caps", &format!("video/x-raw,{wanted}"));
        let (error, debug) = pipeline.run(PATIENCE).unwrap_error();
        assert!(error.matches(gst::CoreError::Negotiation), "{wanted}: {error:?} ({debug})");
        assert!(error.message().contains("16 to 16384"), "{}", error.message());
    }
}

#[test]
fn a_corrupt_timeline_is_refused_wherever_it_is_damaged() {
    let files = Fixtures::new();
    let (wav, timeline) = (files.wav(44_100, 44_100), files.path("a.steadytl"));
    let location = format!("timeline-location={}", timeline.display());
    common::audio::frames(&wav, &location, "width=16,height=16");
    let good = std::fs::read(&timeline).unwrap();
    let audio = Audio::tune(44_100, 4410);
    for at in [20, 500, good.len() - 10] {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        std::fs::write(&timeline, bytes).unwrap();
        let (error, _) = error_of(&location, &audio, SMALL);
        assert!(error.matches(gst::StreamError::WrongType) && error.message().contains("damaged"), "{at}: {error}");
    }
    std::fs::write(&timeline, &good[..good.len() / 2]).unwrap();
    assert!(error_of(&location, &audio, SMALL).0.message().contains("cut off"));
}

#[test]
fn pictures_that_nobody_takes_are_not_made_and_nobody_waits() {
    let audio = Audio::tune(44_100, 44_100);
    let scope = pads::Between::new("visualscope");
    scope.set_state(gst::State::Playing);
    begin(&scope, &audio);
    let flow = audio.buffers(441, 0).into_iter().find_map(|buffer| scope.src.push(buffer).err());
    assert_eq!(flow, Some(gst::FlowError::NotLinked));
    // Linked later, it goes on, as where a player builds its output while it plays.
    scope.link_sink_of(&SMALL.parse().unwrap(), |_| false);
    scope.sink().push_event(gst::event::Reconfigure::new());
    audio
        .buffers(441, 44_100)
        .into_iter()
        .for_each(|buffer| assert_eq!(scope.src.push(buffer).unwrap(), gst::FlowSuccess::Ok));
    assert!(scope.src.push_event(gst::event::Eos::new()));
    wait_for_eos(&scope);
    assert!(delivered(&scope).len() >= 28, "{}", delivered(&scope).len());
}

#[test]
fn another_size_and_rate_are_taken_up_while_playing() {
    let audio = Audio::tune(44_100, 88_200);
    let pipeline = TestPipeline::parse(
        "appsrc name=src format=time ! visualscope ! capsfilter name=filter ! appsink name=sink sync=false",
    );
    let src: gst_app::AppSrc = pipeline.element("src").downcast().unwrap();
    src.set_caps(Some(&audio.caps()));
    pipeline.element("filter").set_property_from_str("caps", "video/x-raw,width=64,height=36,framerate=30/1");
    pipeline.set_state(gst::State::Playing).unwrap();
    let sink = common::audio::sink(&pipeline);
    let mut buffers = audio.buffers(4410, 0).into_iter();
    buffers.by_ref().take(10).for_each(|buffer| assert_eq!(src.push_buffer(buffer).unwrap(), gst::FlowSuccess::Ok));
    let first = sink.try_pull_sample(gst::ClockTime::try_from(PATIENCE).unwrap()).unwrap();
    pipeline.element("filter").set_property_from_str("caps", "video/x-raw,width=48,height=48,framerate=60/1");
    buffers.for_each(|buffer| assert_eq!(src.push_buffer(buffer).unwrap(), gst::FlowSuccess::Ok));
    src.end_of_stream().unwrap();
    let mut samples = vec![first];
    while let Some(sample) = sink.try_pull_sample(gst::ClockTime::try_from(PATIENCE).unwrap()) {
        samples.push(sample);
    }
    let width = |sample: &gst::Sample| sample.caps().unwrap().structure(0).unwrap().get::<i32>("width").unwrap();
    assert_eq!((width(&samples[0]), width(samples.last().unwrap())), (64, 48));
    let times: Vec<_> = samples.iter().map(|sample| sample.buffer().unwrap().pts().unwrap()).collect();
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?}");
    let last = samples.last().unwrap().buffer().unwrap();
    assert_eq!((last.offset(), last.pts().unwrap().nseconds()), (119, 1_983_333_333));
    assert!(samples.len() > 70 && samples.len() < 121, "{}", samples.len());
}

#[test]
fn its_statistics_are_those_that_are_documented() {
    common::init();
    let element = gst::ElementFactory::make("visualscope").build().unwrap();
    let stats: gst::Structure = element.property("stats");
    let text = include_str!("../docs/messages.md");
    let section = text.split("\n## ").find(|section| section.starts_with("visualscope\n")).unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    let documented: Vec<_> = rows.map(|(name, rest)| (name, rest.split('|').next().unwrap().trim())).collect();
    let fields: Vec<_> = stats.iter().map(|(name, value)| (name.as_str(), value.type_().name())).collect();
    assert_eq!(fields, documented);
}

#[test]
fn in_a_player_a_song_goes_through_without_stalling_the_audio() {
    let files = Fixtures::new();
    let player = player::Player::new(&files.flac(&files.wav(44_100, 3 * 44_100)), "");
    player.playbin.set_state(gst::State::Playing).unwrap();
    player.wait(PATIENCE);
    let (audio, video) = player.seen();
    player::check(&audio, &video, 3_000_000_000);
    let stats: gst::Structure = player.vis.lock().unwrap().property("stats");
    let (frames, dropped) = (stats.get::<u64>("frames").unwrap(), stats.get::<u64>("dropped").unwrap());
    // What converts behind it may leave out late frames as well.
    assert!(frames + dropped == 90 && video.times.len() as u64 <= frames, "{stats}: {} shown", video.times.len());
    assert!(video.times.len() >= 45, "{stats}: {} shown", video.times.len());
}

#[test]
fn put_into_a_player_that_plays_it_shows_the_rest_of_the_song() {
    let files = Fixtures::new();
    let player = player::Player::new(&files.wav(44_100, 4 * 44_100), "");
    player.playbin.set_state(gst::State::Playing).unwrap();
    wait_until("a second is played", || player.seen().1.times.last().is_some_and(|&time| time > 1_000_000_000));
    let second = player::Player::scope("scene=bars-mirror normalize=fixed");
    let first = std::mem::replace(&mut *player.vis.lock().unwrap(), second.clone());
    player.playbin.set_property("vis-plugin", &second);
    player.wait(PATIENCE);
    let (audio, video) = player.seen();
    player::check(&audio, &video, 4_000_000_000);
    let frames = |scope: &gst::Element| scope.property::<gst::Structure>("stats").get::<u64>("frames").unwrap();
    assert!(frames(&first) >= 30 && frames(&second) >= 45, "{} {}", frames(&first), frames(&second));
}

#[test]
fn two_songs_without_a_pause_are_drawn_to_their_ends() {
    let files = Fixtures::new();
    let (one, two) = (files.wav(44_100, 66_150), files.wav(44_100, 44_100));
    let player = player::Player::new(&one, "");
    let next = gst::glib::filename_to_uri(&two, None).unwrap();
    player.playbin.connect("about-to-finish", false, move |arguments| {
        let playbin = arguments[0].get::<gst::Element>().unwrap();
        if playbin.property::<Option<String>>("current-uri").as_deref() != Some(next.as_str()) {
            playbin.set_property("uri", next.as_str());
        }
        None
    });
    player.playbin.set_state(gst::State::Playing).unwrap();
    player.wait(PATIENCE);
    let (audio, video) = player.seen();
    player::check(&audio, &video, 2_500_000_000);
    let stats: gst::Structure = player.vis.lock().unwrap().property("stats");
    let made = stats.get::<u64>("frames").unwrap() + stats.get::<u64>("dropped").unwrap();
    assert_eq!(made, 45 + 30, "{stats}");
}

#[test]
fn seeks_in_a_player_show_frames_from_the_new_place() {
    let files = Fixtures::new();
    let player = player::Player::new(&files.wav(44_100, 10 * 44_100), "");
    player.playbin.set_state(gst::State::Paused).unwrap();
    let prerolled = || player.playbin.state(gst::ClockTime::try_from(PATIENCE).unwrap()).0;
    assert_eq!(prerolled(), Ok(gst::StateChangeSuccess::Success));
    for second in [7, 2, 9, 9, 0, 8] {
        let to = gst::ClockTime::from_seconds(second);
        player.playbin.seek_simple(gst::SeekFlags::FLUSH | gst::SeekFlags::ACCURATE, to).unwrap();
        let shown = || player.sink.property::<Option<gst::Sample>>("last-sample");
        wait_until("a frame is shown", || shown().is_some());
        let at = shown().unwrap().buffer().unwrap().pts().unwrap();
        assert!(at <= to && at + gst::ClockTime::from_mseconds(34) > to, "{at} after a seek to {to}");
    }
    player.playbin.set_state(gst::State::Playing).unwrap();
    player.wait(PATIENCE);
}
