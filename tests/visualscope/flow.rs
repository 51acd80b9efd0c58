//! `visualscope` between threads: flushes, stops, waits, frames that come too late, latency.

use std::sync::mpsc;
use std::time::Duration;

use gst::prelude::*;

use crate::common::pads;
use crate::common::{PATIENCE, wait_until};
use crate::scope::{self, Audio, SMALL, TITLED, begin, delivered, end, frames, push, title, titled};

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
    push(&scope, audio.buffers(4410, 0));
    end(&scope);
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
    push(&scope, audio.buffers(4410, 0));
    end(&scope);
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
    end(&scope);
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
        push(&scope, buffers.by_ref().take(5));
        scope.wait_for_buffers(5);
        // Frame 4 was 200 ms late: what is before 133 + 400 + 33 ms will be late too.
        let late = gst::event::Qos::builder(gst::QOSType::Underflow, 2.0, 200_000_000)
            .timestamp(gst::ClockTime::from_nseconds(133_333_333))
            .build();
        scope.sink().push_event(late);
        let seen = scope.buffers().len() as u64;
        push(&scope, buffers);
        end(&scope);
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
    push(&scope, audio.buffers(4410, 0));
    scope.wait_for_buffers(38);
    early(1200);
    // The same times again, as where the base is added further downstream.
    let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
    segment.set_duration(audio.time(66_150));
    assert!(scope.src.push_event(gst::event::StreamStart::new("next")));
    assert!(scope.src.push_event(gst::event::Segment::new(&segment)));
    let mut buffers = audio.buffers(4410, 0).into_iter();
    push(&scope, buffers.by_ref().take(5));
    scope.wait_for_buffers(45 + 5);
    early(1400);
    push(&scope, buffers);
    end(&scope);
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
