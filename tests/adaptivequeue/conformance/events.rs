//! Events, serialized queries and flushes.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gst::prelude::*;

use super::{BOTH, OURS, blocked_queue, level_buffers, level_time, value};
use crate::common::gate::Gate;
use crate::common::pads::{Between, Blocked, Out, buffer};
use crate::common::{self, wait_until};

#[test]
fn queries_race_flushes_and_state_changes() {
    for factory in BOTH {
        let q = Between::new(factory);
        let asked = Arc::new(AtomicU32::new(0));
        let at_work = Arc::clone(&asked);
        q.link_sink_with(move |_| {
            at_work.store(1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(1));
            at_work.store(0, Ordering::SeqCst);
            true
        });
        for _ in 0..if factory == OURS { 500 } else { 5 } {
            q.set_state(gst::State::Playing);
            q.sink().set_active(true).unwrap();
            std::thread::scope(|scope| {
                let asker = scope.spawn(|| {
                    for _ in 0..100 {
                        let mut query = gst::query::Allocation::new(Some(&gst::Caps::new_any()), false);
                        let answered = q.src.peer_query(&mut query);
                        assert_eq!(value(&asked), 0, "{factory}: the query ends only after downstream has left it");
                        if !answered {
                            break;
                        }
                    }
                });
                std::thread::sleep(Duration::from_millis(1));
                q.src.push_event(gst::event::FlushStart::new());
                asker.join().unwrap();
            });
            q.set_state(gst::State::Null);
        }
    }
}

#[test]
fn a_query_behind_data_below_the_threshold_is_answered() {
    for factory in BOTH {
        let q = Between::new(factory);
        q.link_sink_with(|_| true);
        q.element.set_property("min-threshold-buffers", 10u32);
        q.set_state(gst::State::Playing);
        q.begin(gst::Format::Bytes);
        q.src.push(buffer(None, None)).unwrap();
        assert!(q.src.peer_query(&mut gst::query::Drain::new()), "{factory}");
        assert_eq!(q.buffers().len(), 1, "{factory}: what was in front of the query has gone first");
    }
}

#[test]
fn flush_stop_races_ready() {
    for _ in 0..50 {
        let q = Between::new(OURS);
        q.link_sink();
        q.set_state(gst::State::Paused);
        assert!(q.src.push_event(gst::event::FlushStart::new()));
        std::thread::scope(|scope| {
            scope.spawn(|| q.src.push_event(gst::event::FlushStop::new(true)));
            q.set_state(gst::State::Ready);
        });
    }
}

#[test]
fn sticky_events_are_kept_where_nothing_is_linked() {
    for factory in BOTH {
        let q = Between::new(factory);
        q.element.set_property("max-size-buffers", 1u32);
        q.set_state(gst::State::Playing);
        q.begin(gst::Format::Time);
        let deadline = Instant::now() + common::PATIENCE;
        while q.src.push(gst::Buffer::new()) != Err(gst::FlowError::NotLinked) {
            assert!(Instant::now() < deadline);
        }
        let segment = gst::FormattedSegment::<gst::ClockTime>::new();
        assert!(q.src.push_event(gst::event::Segment::new(&segment)), "{factory}");
        assert_eq!(q.src.push(gst::Buffer::new()), Err(gst::FlowError::NotLinked), "{factory}");
        // Linking sends RECONFIGURE upstream, which starts the task again.
        q.link_sink();
        wait_until("data flows again", || q.src.push(gst::Buffer::new()).is_ok() && !q.buffers().is_empty());
        assert_eq!(q.events()[..2], [gst::EventType::StreamStart, gst::EventType::Segment], "{factory}");
    }
}

#[test]
fn events_at_the_start_go_out_without_a_buffer() {
    for factory in BOTH {
        let q = Between::new(factory);
        q.link_sink();
        q.set_state(gst::State::Playing);
        assert!(q.src.push_event(gst::event::StreamStart::new("test")));
        assert!(q.src.push_event(gst::event::Caps::new(&gst::Caps::new_empty_simple("foo/x-bar"))));
        assert!(q.src.push_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new())));
        q.wait_for("three events", |out| out.len() == 3);
        use gst::EventType::{Caps, Segment, StreamStart};
        assert_eq!(q.events(), [StreamStart, Caps, Segment], "{factory}");
    }
}

#[test]
fn eos_from_downstream_refuses_data_until_a_new_segment() {
    for factory in BOTH {
        let q = Between::new(factory);
        let src = q.element.static_pad("src").unwrap();
        q.link_sink();
        let ended = src.add_probe(gst::PadProbeType::BUFFER, |_, info| {
            info.flow_res = Err(gst::FlowError::Eos);
            gst::PadProbeReturn::Handled
        });
        q.set_state(gst::State::Playing);
        q.begin(gst::Format::Time);
        wait_until("EOS comes back", || q.src.push(buffer(None, None)) == Err(gst::FlowError::Eos));
        src.remove_probe(ended.unwrap());
        assert!(q.src.push_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new())));
        q.src.push(buffer(Some(7), None)).unwrap();
        q.wait_for_buffers(1);
        assert_eq!(q.buffers()[0].pts(), Some(gst::ClockTime::from_mseconds(7)), "{factory}");
    }
}

#[test]
fn eos_ends_thresholds_and_a_new_stream_brings_them_back() {
    // `queue` can stop for good when the next stream begins while its EOS is on the way, and it forgets the threshold.
    let q = Between::new(OURS);
    q.element.set_property("min-threshold-buffers", 3u32);
    q.link_sink();
    q.set_state(gst::State::Playing);
    q.begin(gst::Format::Time);
    q.src.push(buffer(None, None)).unwrap();
    assert!(q.src.push_event(gst::event::Eos::new()));
    q.wait_for("EOS", |out| matches!(out.last(), Some(Out::Event(e)) if e.type_() == gst::EventType::Eos));
    assert_eq!(q.buffers().len(), 1);
    assert_eq!(q.src.push(buffer(None, None)), Err(gst::FlowError::Eos));
    assert!(q.src.push_event(gst::event::StreamStart::new("next")));
    assert!(q.src.push_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new())));
    q.src.push(buffer(None, None)).unwrap();
    q.src.push(buffer(None, None)).unwrap();
    q.src.push(buffer(None, None)).unwrap();
    q.wait_for_buffers(2);
    assert_eq!(level_buffers(&q), 2, "three are needed for one to leave");
    assert!(q.src.push_event(gst::event::Eos::new()));
    q.wait_for_buffers(4);
}

#[test]
fn thresholds_read_zero_after_eos_and_a_flush_brings_them_back() {
    for factory in BOTH {
        for flush_on_eos in [false, true] {
            let q = Between::new(factory);
            let thresholds = || {
                let [buffers, bytes] =
                    ["buffers", "bytes"].map(|name| q.element.property(&format!("min-threshold-{name}")));
                (buffers, bytes, q.element.property("min-threshold-time"))
            };
            q.element.set_property("min-threshold-buffers", 3u32);
            q.element.set_property("min-threshold-bytes", 5u32);
            q.element.set_property("min-threshold-time", 7u64);
            q.element.set_property("flush-on-eos", flush_on_eos);
            q.link_sink();
            q.set_state(gst::State::Playing);
            q.begin(gst::Format::Time);
            assert_eq!(thresholds(), (3u32, 5u32, 7u64), "{factory}");
            assert!(q.src.push_event(gst::event::Eos::new()));
            let ended = if flush_on_eos { (3, 5, 7) } else { (0, 0, 0) };
            assert_eq!(thresholds(), ended, "{factory}");
            q.element.set_property("min-threshold-bytes", 9u32);
            assert_eq!(thresholds(), (ended.0, 9, ended.2), "{factory}: what is set after EOS is in force");
            assert!(q.src.push_event(gst::event::FlushStart::new()));
            assert!(q.src.push_event(gst::event::FlushStop::new(true)));
            assert_eq!(thresholds(), (3, 9, 7), "{factory}");
            // Once more, ended by a change of state.
            q.begin(gst::Format::Time);
            assert!(q.src.push_event(gst::event::Eos::new()));
            q.set_state(gst::State::Ready);
            assert_eq!(thresholds(), (3, 9, 7), "{factory}");
        }
    }
}

#[test]
fn a_sticky_event_that_meets_a_flush_is_refused_and_comes_with_the_next_data() {
    let q = Between::new(OURS);
    q.link_sink();
    q.set_state(gst::State::Playing);
    q.begin(gst::Format::Time);
    q.wait_for("the beginning", |out| out.len() == 2);
    // On the way to READY the source pad goes first, so that for a while events still come in.
    let src = q.element.static_pad("src").unwrap();
    src.set_active(false).unwrap();
    let caps = gst::event::Caps::new(&gst::Caps::new_empty_simple("foo/x-bar"));
    assert!(!q.element.static_pad("sink").unwrap().send_event(caps.clone()), "flushing");
    assert!(q.src.push_event(caps), "kept by the pad in front");
    assert_eq!(q.src.push(buffer(None, None)), Err(gst::FlowError::Flushing));
    src.set_active(true).unwrap();
    q.src.push(buffer(None, None)).unwrap();
    q.wait_for_buffers(1);
    assert!(q.events().contains(&gst::EventType::Caps));
}

#[test]
fn flush_on_eos_drops_what_is_inside() {
    for factory in BOTH {
        let (q, blocked, _, _) = blocked_queue(factory, |e| e.set_property("flush-on-eos", true));
        q.src.push(buffer(None, None)).unwrap();
        q.src.push(buffer(None, None)).unwrap();
        assert!(q.src.push_event(gst::event::Eos::new()));
        q.link_sink();
        drop(blocked);
        q.wait_for("EOS", |out| matches!(out.last(), Some(Out::Event(e)) if e.type_() == gst::EventType::Eos));
        assert!(q.buffers().is_empty(), "{factory}");
    }
}

#[test]
fn a_flush_empties_the_queue_and_keeps_sticky_events() {
    for factory in BOTH {
        let q = Between::new(factory);
        q.link_sink();
        q.set_state(gst::State::Playing);
        q.begin(gst::Format::Time);
        let src = q.element.static_pad("src").unwrap();
        let kinds = gst::PadProbeType::BLOCK | gst::PadProbeType::BUFFER;
        let blocked = src.add_probe(kinds, |_, _| gst::PadProbeReturn::Ok).unwrap();
        q.src.push(buffer(Some(1), None)).unwrap();
        wait_until("the first buffer is on its way out", || src.is_blocking());
        // These are inside when the flush comes, behind a buffer that downstream refuses.
        assert!(q.src.push_event(gst::event::Caps::new(&gst::Caps::new_empty_simple("foo/x-bar"))));
        q.src.push(buffer(Some(2), None)).unwrap();
        assert!(q.src.push_event(gst::event::FlushStart::new()));
        assert_eq!(q.src.push(buffer(None, None)), Err(gst::FlowError::Flushing), "{factory}");
        assert!(q.src.push_event(gst::event::FlushStop::new(true)));
        assert_eq!((level_buffers(&q), level_time(&q)), (0, 0), "{factory}");
        src.remove_probe(blocked);
        assert!(q.src.push_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new())));
        q.src.push(buffer(Some(5), None)).unwrap();
        q.wait_for_buffers(1);
        assert_eq!(q.buffers()[0].pts(), Some(gst::ClockTime::from_mseconds(5)), "{factory}");
        assert!(q.events().contains(&gst::EventType::Caps), "{factory}: the caps in the queue are still in force");
    }
}

#[test]
fn flushes_and_state_changes_unblock_both_sides_within_a_tenth_of_a_second() {
    for round in 0..500 {
        let (q, blocked, _, overruns) = blocked_queue(OURS, |_| ());
        q.src.push(buffer(None, None)).unwrap();
        q.src.push(buffer(None, None)).unwrap();
        std::thread::scope(|scope| {
            let producer = scope.spawn(|| q.src.push(buffer(None, None)));
            wait_until("full", || value(&overruns) == 1);
            let began = Instant::now();
            match round % 2 {
                0 => _ = q.src.push_event(gst::event::FlushStart::new()),
                _ => q.set_state(gst::State::Null),
            }
            // A flush lets the consumer go first, which may make room in the last moment.
            assert!(matches!(producer.join().unwrap(), Ok(_) | Err(gst::FlowError::Flushing)));
            let took = began.elapsed();
            assert!(took < Duration::from_millis(100), "round {round}: {took:?}");
        });
        drop(blocked);
    }
}

fn numbered(n: i32) -> gst::Caps {
    gst::Caps::builder("foo/x-bar").field("n", n).build()
}

fn push_caps(q: &Between, n: i32) {
    // Refused while it flushes; then the pad sends it with the next data.
    q.src.push_event(gst::event::Caps::new(&numbered(n)));
}

/// Asserts that every buffer came with the caps of its number (the timestamp in ms) in force.
#[track_caller]
fn caps_are_in_force(q: &Between, factory: &str) {
    let mut in_force = None;
    for out in q.out() {
        match out {
            Out::Event(event) => {
                if let gst::EventView::Caps(caps) = event.view() {
                    in_force = caps.caps().structure(0).and_then(|s| s.get::<i32>("n").ok());
                }
            }
            Out::Buffer(buffer) => {
                let number = buffer.pts().map(|pts| pts.mseconds() as i32);
                assert_eq!(number, in_force, "{factory}: number of a buffer and of the caps it came with");
            }
        }
    }
}

#[test]
fn a_sticky_event_on_its_way_out_survives_a_flush() {
    for factory in BOTH {
        let q = Between::new(factory);
        q.link_sink();
        q.set_state(gst::State::Playing);
        q.begin(gst::Format::Time);
        push_caps(&q, 0);
        q.src.push(buffer(Some(0), None)).unwrap();
        q.wait_for_buffers(1);
        // The consumer has taken these caps out and stands in front of the peer with them when the flush comes.
        let (gate, there) = (Gate::default(), Arc::new(AtomicU32::new(0)));
        let (held, arrived) = (gate.clone(), Arc::clone(&there));
        let src = q.element.static_pad("src").unwrap();
        let probe = src.add_probe(gst::PadProbeType::EVENT_DOWNSTREAM, move |_, _| {
            arrived.fetch_add(1, Ordering::SeqCst);
            held.pass();
            gst::PadProbeReturn::Ok
        });
        push_caps(&q, 1);
        wait_until("the caps are on their way", || value(&there) == 1);
        std::thread::scope(|scope| {
            let flush = scope.spawn(|| q.src.push_event(gst::event::FlushStart::new()));
            wait_until("flushing", || q.sink().pad_flags().contains(gst::PadFlags::FLUSHING));
            gate.open();
            flush.join().unwrap();
        });
        assert!(q.src.push_event(gst::event::FlushStop::new(true)));
        src.remove_probe(probe.unwrap());
        assert!(q.src.push_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new())));
        q.src.push(buffer(Some(1), None)).unwrap();
        q.wait_for_buffers(2);
        caps_are_in_force(&q, factory);
    }
}

#[test]
fn no_flush_at_any_moment_loses_a_sticky_event() {
    for (factory, rounds) in [("queue", 100), (OURS, 1000)] {
        let q = Between::new(factory);
        q.element.set_property("max-size-buffers", 3u32);
        q.link_sink();
        q.set_state(gst::State::Playing);
        assert!(q.src.push_event(gst::event::StreamStart::new("test")));
        // As a source does: a flush may begin at any moment, and ends when the source has noticed.
        let (stream, done) = (Mutex::new(()), AtomicU32::new(0));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for n in 0.. {
                    let _stream = stream.lock().unwrap();
                    if done.load(Ordering::SeqCst) == 1 {
                        break;
                    }
                    // Several buffers have the same caps: those behind a flush need the ones that it met.
                    if n % 4 == 0 {
                        push_caps(&q, n / 4);
                    }
                    let segment = gst::FormattedSegment::<gst::ClockTime>::new();
                    q.src.push_event(gst::event::Segment::new(&segment));
                    let _ = q.src.push(buffer(Some(n as u64 / 4), None));
                }
            });
            for round in 0..rounds {
                std::thread::sleep(Duration::from_micros(round * 37 % 200));
                q.src.push_event(gst::event::FlushStart::new());
                let _stopped = stream.lock().unwrap();
                q.src.push_event(gst::event::FlushStop::new(true));
            }
            done.store(1, Ordering::SeqCst);
        });
        caps_are_in_force(&q, factory);
        assert!(!q.buffers().is_empty(), "{factory}: every buffer met a flush");
    }
}

#[test]
fn a_leak_keeps_sticky_events_in_force() {
    let q = Between::new(OURS);
    q.element.set_property("max-size-buffers", 1u32);
    q.element.set_property_from_str("leaky", "downstream");
    q.link_sink();
    q.set_state(gst::State::Playing);
    q.begin(gst::Format::Time);
    for n in 0..30_000 {
        if n % 4 == 0 {
            push_caps(&q, n / 4);
        }
        q.src.push(buffer(Some(n as u64 / 4), None)).unwrap();
    }
    assert!(q.src.push_event(gst::event::Eos::new()));
    q.wait_for("EOS", |out| matches!(out.last(), Some(Out::Event(e)) if e.type_() == gst::EventType::Eos));
    caps_are_in_force(&q, OURS);
    assert!(q.buffers().len() < 30_000, "nothing leaked");
}

#[test]
fn a_leak_never_lets_an_older_sticky_event_win() {
    // `queue` stores what it leaks on the pad at once, where an older event that is on its way out replaces it.
    let q = Between::new(OURS);
    q.element.set_property("name", "ordered");
    q.element.set_property("max-size-buffers", 1u32);
    q.element.set_property_from_str("leaky", "downstream");
    // The log shows the consumer with an event in its hands that it has not pushed yet, and can hold it there.
    let (gate, there) = (Gate::default(), Arc::new(AtomicU32::new(0)));
    let (held, arrived) = (gate.clone(), Arc::clone(&there));
    gst::log::remove_default_log_function();
    gst::log::set_threshold_for_name("adaptivequeue_dataflow", gst::DebugLevel::Log);
    gst::log::add_log_function(move |_, _, _, _, _, object, message| {
        let ours = object.is_some_and(|object| object.to_string().contains("ordered"));
        let text = message.get().unwrap_or_default();
        if ours && text.starts_with("pushing") && text.contains("n=(int)0") {
            arrived.store(1, Ordering::SeqCst);
            held.pass();
        }
    });
    q.link_sink();
    q.set_state(gst::State::Playing);
    q.begin(gst::Format::Time);
    push_caps(&q, 0);
    wait_until("the consumer has the first caps", || value(&there) == 1);
    push_caps(&q, 1);
    for _ in 0..3 {
        // The first and the second are leaked, and with the first the caps in front of it.
        q.src.push(buffer(Some(1), None)).unwrap();
    }
    gate.open();
    q.wait_for_buffers(1);
    caps_are_in_force(&q, OURS);
}

#[test]
fn caps_behind_the_end_of_a_stream_are_in_force_for_the_next() {
    // `queue` drops them: its next buffer comes with the caps of the stream before.
    let q = Between::new(OURS);
    q.link_sink();
    let src = q.element.static_pad("src").unwrap();
    let blocked = Blocked::new(&q.element);
    let ended = src.add_probe(gst::PadProbeType::BUFFER, |_, info| {
        let first = info.buffer().is_some_and(|b| b.pts() == Some(gst::ClockTime::ZERO));
        if first {
            info.flow_res = Err(gst::FlowError::Eos);
            return gst::PadProbeReturn::Handled;
        }
        gst::PadProbeReturn::Ok
    });
    q.set_state(gst::State::Playing);
    q.begin(gst::Format::Time);
    push_caps(&q, 0);
    for n in [0, 7] {
        q.src.push(buffer(Some(n), None)).unwrap();
    }
    push_caps(&q, 2);
    assert!(q.src.push_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new())));
    q.src.push(buffer(Some(2), None)).unwrap();
    drop(blocked);
    q.wait_for_buffers(1);
    caps_are_in_force(&q, OURS);
    src.remove_probe(ended.unwrap());
}
