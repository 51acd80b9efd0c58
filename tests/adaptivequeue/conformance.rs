//! `adaptivequeue` behaves as `queue`: every behaviour that GStreamer's own tests of `queue` cover, and those that
//! pipelines rely on beyond them. Each of these runs against both elements, unless it is about what only ours has.

mod events;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use gst::prelude::*;

use crate::common::pads::{Between, Blocked, buffer, count};
use crate::common::wait_until;
use crate::mix;

const OURS: &str = "adaptivequeue";
const BOTH: [&str; 2] = ["queue", OURS];
const SECOND: u64 = 1_000_000_000;

fn value(counter: &Arc<AtomicU32>) -> u32 {
    counter.load(Ordering::SeqCst)
}

fn level_time(queue: &Between) -> u64 {
    queue.element.property("current-level-time")
}

fn level_buffers(queue: &Between) -> u32 {
    queue.element.property("current-level-buffers")
}

/// A playing queue that holds two buffers, is blocked behind, and has underrun once.
fn blocked_queue(
    factory: &str,
    setup: impl FnOnce(&gst::Element),
) -> (Between, Blocked, Arc<AtomicU32>, Arc<AtomicU32>) {
    let q = Between::new(factory);
    q.element.set_property("max-size-buffers", 2u32);
    setup(&q.element);
    let (underruns, overruns) = (count(&q.element, "underrun"), count(&q.element, "overrun"));
    let blocked = Blocked::new(&q.element);
    q.set_state(gst::State::Playing);
    wait_until("underrun at the start", || value(&underruns) == 1);
    q.begin(gst::Format::Bytes);
    (q, blocked, underruns, overruns)
}

#[test]
fn an_empty_queue_underruns_once_and_does_not_overrun() {
    for factory in BOTH {
        let q = Between::new(factory);
        let (underruns, overruns) = (count(&q.element, "underrun"), count(&q.element, "overrun"));
        q.link_sink();
        q.set_state(gst::State::Playing);
        wait_until("underrun", || value(&underruns) == 1);
        q.set_state(gst::State::Null);
        assert_eq!((value(&underruns), value(&overruns)), (1, 0), "{factory}");
    }
}

#[test]
fn a_full_queue_overruns_once_and_keeps_the_order() {
    for factory in BOTH {
        let (q, blocked, underruns, overruns) = blocked_queue(factory, |_| ());
        let sent: Vec<_> = (0..3).map(|_| buffer(None, None)).collect();
        q.src.push(sent[0].clone()).unwrap();
        q.src.push(sent[1].clone()).unwrap();
        assert_eq!((value(&underruns), value(&overruns)), (1, 0), "{factory}");
        std::thread::scope(|scope| {
            let third = scope.spawn(|| q.src.push(sent[2].clone()));
            wait_until("overrun", || value(&overruns) == 1);
            q.link_sink();
            drop(blocked);
            third.join().unwrap().unwrap();
        });
        q.wait_for_buffers(3);
        wait_until("underrun at the end", || value(&underruns) >= 2);
        assert_eq!(value(&overruns), 1, "{factory}");
        let came: Vec<_> = q.buffers().iter().map(|b| b.as_ptr()).collect();
        assert_eq!(came, sent.iter().map(|b| b.as_ptr()).collect::<Vec<_>>(), "{factory}");
    }
}

#[test]
fn leaky_upstream_drops_the_new_buffer() {
    for factory in BOTH {
        let (q, blocked, underruns, overruns) =
            blocked_queue(factory, |e| e.set_property_from_str("leaky", "upstream"));
        let sent: Vec<_> = (0..3).map(|_| buffer(None, None)).collect();
        for b in &sent {
            q.src.push(b.clone()).unwrap();
        }
        assert_eq!((value(&underruns), value(&overruns)), (1, 1), "{factory}: leaking overruns as well");
        assert!(sent[2].is_writable(), "{factory}: the test holds the only reference");
        q.link_sink();
        drop(blocked);
        q.wait_for_buffers(2);
        wait_until("underrun at the end", || value(&underruns) == 2);
        q.src.push(buffer(None, None)).unwrap();
        q.wait_for_buffers(3);
        let came = q.buffers();
        assert_eq!([came[0].as_ptr(), came[1].as_ptr()], [sent[0].as_ptr(), sent[1].as_ptr()], "{factory}");
        assert!(came[2].flags().contains(gst::BufferFlags::DISCONT), "{factory}: a leak is marked");
    }
}

#[test]
fn leaky_downstream_drops_the_oldest_buffer() {
    for factory in BOTH {
        let (q, blocked, underruns, overruns) =
            blocked_queue(factory, |e| e.set_property_from_str("leaky", "downstream"));
        let sent: Vec<_> = (0..3).map(|_| buffer(None, None)).collect();
        let (second, third) = (sent[1].as_ptr(), sent[2].as_ptr());
        let mut sent = sent.into_iter();
        let first = sent.next().unwrap();
        q.src.push(first.clone()).unwrap();
        for b in sent {
            q.src.push(b).unwrap();
        }
        assert_eq!((value(&underruns), value(&overruns)), (1, 1), "{factory}");
        assert!(first.is_writable(), "{factory}: the test holds the only reference");
        q.link_sink();
        drop(blocked);
        q.wait_for_buffers(2);
        wait_until("underrun at the end", || value(&underruns) == 2);
        let came = q.buffers();
        assert_eq!([came[0].as_ptr(), came[1].as_ptr()], [second, third], "{factory}");
        assert!(came[0].flags().contains(gst::BufferFlags::DISCONT), "{factory}: a leak is marked");
        // The sticky events that were in front of the leaked buffer are still in force.
        // The blocked stream start comes again where the pad was linked meanwhile.
        let mut events = q.events();
        events.dedup();
        assert_eq!(events[..2], [gst::EventType::StreamStart, gst::EventType::Segment], "{factory}");
    }
}

#[test]
fn time_levels_follow_timestamps_with_and_without_durations() {
    let (q, blocked, _, overruns) = blocked_queue(OURS, |e| {
        e.set_property("max-size-buffers", 6u32);
        e.set_property("max-size-time", 7 * SECOND);
    });
    let steps = [
        (1000, None, 0),
        (2000, None, 1),
        (3000, Some(1000), 3),
        (5000, Some(1000), 5),
        // The same position again: the one before did not really have a duration.
        (5000, Some(1000), 5),
        (7000, None, 6),
    ];
    for (pts, duration, level) in steps {
        q.src.push(buffer(Some(pts), duration)).unwrap();
        assert_eq!(level_time(&q), level * SECOND, "after {pts} ms");
    }
    std::thread::scope(|scope| {
        let seventh = scope.spawn(|| q.src.push(buffer(Some(8000), None)));
        wait_until("overrun", || value(&overruns) == 1);
        q.link_sink();
        drop(blocked);
        seventh.join().unwrap().unwrap();
    });
}

#[test]
fn time_levels_count_lists() {
    let (q, _blocked, _, _) = blocked_queue(OURS, |e| {
        e.set_property("max-size-buffers", 11u32);
        e.set_property("max-size-time", 7 * SECOND);
    });
    q.src.push(buffer(Some(1000), None)).unwrap();
    type Step<'a> = (&'a [(u64, Option<u64>)], u64, u32);
    let steps: [Step; 4] = [
        (&[(1500, None), (2000, None)], 1000, 3),
        (&[(3000, Some(500)), (3500, Some(500))], 3000, 5),
        (&[(5000, Some(1000))], 5000, 6),
        (&[(5000, Some(250)), (5250, Some(250)), (5500, Some(250)), (5750, Some(250))], 5000, 10),
    ];
    for (list, time, buffers) in steps {
        let list: gst::BufferList = list.iter().map(|(pts, duration)| buffer(Some(*pts), *duration)).collect();
        q.src.push_list(list).unwrap();
        assert_eq!((level_time(&q), level_buffers(&q)), (time * 1_000_000, buffers));
    }
}

#[test]
fn time_is_level_before_anything_came_out() {
    let (q, _blocked, underruns, overruns) = blocked_queue(OURS, |e| {
        e.set_property("max-size-time", 5 * SECOND);
        e.set_property_from_str("leaky", "downstream");
    });
    q.src.push(buffer(Some(25_000), Some(1000))).unwrap();
    assert_eq!(level_time(&q), SECOND);
    q.src.push(buffer(None, None)).unwrap();
    assert_eq!((level_time(&q), value(&underruns), value(&overruns)), (SECOND, 1, 0), "no timestamp moves no time");
}

#[test]
fn segments_alone_make_no_level() {
    let (q, _blocked, _, _) = blocked_queue(OURS, |_| ());
    let mut segment = gst::FormattedSegment::<gst::ClockTime>::new();
    segment.set_start(gst::ClockTime::SECOND);
    for base in [0, 4] {
        segment.set_base(gst::ClockTime::from_seconds(base));
        assert!(q.src.push_event(gst::event::Segment::new(&segment)));
        assert_eq!(level_time(&q), 0);
    }
}

#[test]
fn an_error_downstream_frees_the_buffers_in_the_queue() {
    {
        let q = Between::new(OURS);
        let pool = gst::BufferPool::new();
        let caps = gst::Caps::new_empty_simple("foo/x-bar");
        let mut config = pool.config();
        config.set_params(Some(&caps), 4, 0, 2);
        pool.set_config(config).unwrap();
        pool.set_active(true).unwrap();
        let blocked = Blocked::new(&q.element);
        let src = q.element.static_pad("src").unwrap();
        src.add_probe(gst::PadProbeType::BUFFER, |_, info| {
            info.flow_res = Err(gst::FlowError::Error);
            gst::PadProbeReturn::Handled
        });
        q.set_state(gst::State::Playing);
        q.begin(gst::Format::Time);
        for pts in [0, 1000] {
            let mut b = pool.acquire_buffer(None).unwrap();
            b.get_mut().unwrap().set_pts(gst::ClockTime::from_mseconds(pts));
            q.src.push(b).unwrap();
        }
        std::thread::scope(|scope| {
            // Neither the buffer that was refused nor the one behind it is left in the queue.
            let both = scope.spawn(|| [pool.acquire_buffer(None), pool.acquire_buffer(None)]);
            drop(blocked);
            assert!(both.join().unwrap().iter().all(Result::is_ok));
        });
        assert_eq!(q.src.push(buffer(None, None)), Err(gst::FlowError::Error));
        q.set_state(gst::State::Null);
        pool.set_active(false).unwrap();
    }
}

#[test]
fn latency_is_that_of_queue_where_the_user_set_a_limit_and_what_the_queue_may_grow_to_otherwise() {
    let latency_of = |factory: &str, caps: &str, setup: &dyn Fn(&gst::Element)| {
        let q = Between::new(factory);
        setup(&q.element);
        if !caps.is_empty() {
            q.set_state(gst::State::Playing);
            assert!(q.src.push_event(gst::event::StreamStart::new("test")));
            assert!(q.src.push_event(gst::event::Caps::new(&caps.parse::<gst::Caps>().unwrap())));
        }
        let min = gst::ClockTime::from_mseconds(10);
        // SAFETY: this thread alone asks the pad, and only later.
        unsafe {
            q.src.set_query_function(move |_, _, query| {
                if let gst::QueryViewMut::Latency(latency) = query.view_mut() {
                    latency.set(true, min, Some(2 * min));
                    return true;
                }
                false
            });
        }
        let mut query = gst::query::Latency::new();
        assert!(q.element.static_pad("src").unwrap().query(&mut query));
        let (live, min, max) = query.result();
        assert!(live);
        (min.mseconds(), max.map(|max| max.mseconds()))
    };
    let latency = |setup: &dyn Fn(&gst::Element)| latency_of(OURS, "", setup);
    assert_eq!(latency(&|_| ()), (10, None), "of a stream that is not known");
    assert_eq!(latency(&|e| e.set_property("max-size-time", SECOND)), (10, Some(1020)));
    assert_eq!(latency(&|e| e.set_property("max-size-time", 0u64)), (10, None));
    assert_eq!(latency(&|e| e.set_property("min-threshold-time", SECOND)), (1010, None));
    assert_eq!(
        latency(&|e| {
            e.set_property("max-size-time", SECOND);
            e.set_property_from_str("leaky", "downstream");
        }),
        (10, Some(1000))
    );
    // 32 frames, though the queue begins with 8.
    const RATE: &str = "video/x-raw,format=RGB,width=8,height=8,framerate=25/1";
    const VARIABLE: &str = "video/x-raw,format=RGB,width=8,height=8,framerate=0/1";
    let large = |e: &gst::Element| e.set_property("assume-memory", 16u64 << 30);
    assert_eq!(latency_of(OURS, RATE, &large), (10, Some(20 + 32 * 40)));
    assert_eq!(latency_of(OURS, VARIABLE, &large), (10, None), "the duration of a frame is not known");
    assert_eq!(latency_of(OURS, "audio/x-vorbis", &large), (10, Some(20 + 3000)));
    let leaky = |e: &gst::Element| {
        large(e);
        e.set_property_from_str("leaky", "upstream");
    };
    assert_eq!(latency_of(OURS, RATE, &leaky), (10, Some(32 * 40)));
    // Limits as those of `queue`, whichever are set.
    for caps in [RATE, VARIABLE] {
        for (buffers, bytes, time) in [(5u32, 0u32, 0), (0, 1000, 0), (5, 1000, SECOND), (0, 0, 0)] {
            let limited = |e: &gst::Element| {
                e.set_property("max-size-buffers", buffers);
                e.set_property("max-size-bytes", bytes);
                e.set_property("max-size-time", time);
            };
            assert_eq!(latency_of(OURS, caps, &limited), latency_of("queue", caps, &limited));
        }
    }
    assert_eq!(latency_of(OURS, RATE, &|e| e.set_property("max-size-buffers", 5u32)), (10, None));
}

#[test]
fn notify_levels_tells_of_every_change_when_asked_to() {
    for notify in [false, true] {
        let (q, _blocked, _, _) = blocked_queue(OURS, |e| e.set_property("notify-levels", notify));
        let told = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&told);
        q.element.connect_notify(Some("current-level-bytes"), move |_, _| {
            counted.fetch_add(1, Ordering::SeqCst);
        });
        q.src.push(buffer(None, None)).unwrap();
        q.src.push(buffer(None, None)).unwrap();
        assert_eq!(value(&told), if notify { 2 } else { 0 });
    }
}

#[test]
fn a_threshold_above_the_limit_does_not_stop_both_sides() {
    for factory in BOTH {
        let q = Between::new(factory);
        q.element.set_property("max-size-buffers", 2u32);
        q.element.set_property("min-threshold-buffers", 5u32);
        q.link_sink();
        q.set_state(gst::State::Playing);
        q.begin(gst::Format::Time);
        for i in 0..100 {
            q.src.push(buffer(Some(i), None)).unwrap();
        }
        assert!(q.src.push_event(gst::event::Eos::new()));
        q.wait_for_buffers(100);
    }
}

#[test]
fn a_random_mix_comes_out_as_from_queue() {
    (1..=4).for_each(|seed| mix::comes_out_as_from_queue(seed, 5_000));
}
