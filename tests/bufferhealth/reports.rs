//! bufferhealth in pipelines: exact figures, the right reason for each fault, no alarm without one.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gst::prelude::*;

use crate::common::{self, PATIENCE, TestPipeline, wait_until};

const FRAME: u64 = 20_000_000;
const CAPS: &str = "video/x-raw,format=GRAY8,width=8,height=8,framerate=50/1";

fn stats(element: &gst::Element) -> gst::Structure {
    element.property("stats")
}

fn count(element: &gst::Element, field: &str) -> u64 {
    stats(element).get(field).unwrap_or_else(|e| panic!("{field}: {e}"))
}

fn reasons(structure: &gst::StructureRef) -> Vec<String> {
    let array = structure.get::<gst::Array>("reasons").unwrap();
    array.iter().map(|reason| reason.get().unwrap()).collect()
}

fn frame(n: u64) -> gst::Buffer {
    let mut buffer = gst::Buffer::with_size(64).unwrap();
    let b = buffer.get_mut().unwrap();
    b.set_pts(gst::ClockTime::from_nseconds(n * FRAME));
    b.set_duration(gst::ClockTime::from_nseconds(FRAME));
    buffer
}

/// appsrc ! bufferhealth ! fakesink, playing.
fn fed() -> (TestPipeline, gst_app::AppSrc, gst::Element) {
    let p = TestPipeline::parse(&format!(
        "appsrc name=src format=time caps={CAPS} ! bufferhealth name=h ! fakesink async=false"
    ));
    let (src, h) = (p.element("src").downcast().unwrap(), p.element("h"));
    p.set_state(gst::State::Playing).unwrap();
    (p, src, h)
}

fn feed(src: &gst_app::AppSrc, frames: std::ops::Range<u64>) {
    for n in frames {
        src.push_buffer(frame(n)).unwrap();
    }
}

/// Old state, new state, reasons.
type Told = Arc<Mutex<Vec<(String, String, Vec<String>)>>>;

/// All verdicts told of so far, in order.
fn told(p: &TestPipeline) -> Told {
    let told = Arc::new(Mutex::new(Vec::new()));
    let sink = told.clone();
    p.bus().unwrap().set_sync_handler(move |_, message| {
        if let Some(s) = message.structure().filter(|s| s.name() == "bufferhealth-state") {
            sink.lock().unwrap().push((s.get("old").unwrap(), s.get("new").unwrap(), reasons(s)));
        }
        gst::BusSyncReply::Pass
    });
    told
}

/// The first verdict that is `state`, and how long it took from now.
#[track_caller]
fn wait_for_state(p: &TestPipeline, state: &str) -> (Vec<String>, Duration) {
    let began = Instant::now();
    loop {
        let message = p.next_message("bufferhealth-state", PATIENCE).unwrap_or_else(|| panic!("never {state}"));
        let s = message.structure().unwrap();
        if s.get::<&str>("new").unwrap() == state {
            return (reasons(s), began.elapsed());
        }
    }
}

#[test]
fn known_losses_flags_and_sizes_give_exact_counts() {
    let (p, src, h) = fed();
    // Seeded: an LCG of Knuth says which of 1000 frames are lost, flagged and damaged.
    let mut seed = 7u64;
    let mut random = |n: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % n
    };
    let (mut sent, mut lost, mut holes, mut keys, mut damaged, mut flagged) = (0u64, 0u64, 0u64, 0u64, 0u64, 0u64);
    let mut hole = 0;
    for n in 0..1000 {
        if n > 0 && n < 999 && random(9) == 0 {
            hole += 1;
            continue;
        }
        let mut buffer = frame(n);
        let b = buffer.get_mut().unwrap();
        let (flag, key, corrupted) = (n > 0 && random(50) == 0, random(12) == 0, random(40) == 0);
        if flag {
            b.set_flags(gst::BufferFlags::DISCONT);
        }
        if !key {
            b.set_flags(gst::BufferFlags::DELTA_UNIT);
        }
        if corrupted {
            b.set_flags(gst::BufferFlags::CORRUPTED);
        }
        sent += 1;
        lost += hole;
        holes += u64::from(hole > 0 && !flag);
        (keys, damaged, flagged) = (keys + u64::from(key), damaged + u64::from(corrupted), flagged + u64::from(flag));
        hole = 0;
        src.push_buffer(buffer).unwrap();
    }
    src.end_of_stream().unwrap();
    p.wait(PATIENCE).expect_eos();
    let figures = [
        ("buffers-in", sent),
        ("buffers-out", sent),
        ("buffers-dropped", 0),
        ("buffers-held", 0),
        ("bytes", sent * 64),
        ("media-time", sent * FRAME),
        ("missing", lost),
        ("discont-gap", holes),
        ("discont-flag", flagged),
        ("discontinuities", holes + flagged),
        ("key-frames", keys),
        ("corrupted", damaged),
        ("push-count", sent),
    ];
    for (field, expected) in figures {
        assert_eq!(count(&h, field), expected, "{field}");
    }
    assert!(lost > 50 && holes > 50 && damaged > 5 && flagged > 5);
    assert_eq!(stats(&h).get::<&str>("state").unwrap(), "eos");
    assert!(!stats(&h).has_field("lateness-count"), "nothing was compared with a clock");
    assert_eq!(stats(&h).get::<gst::Array>("push-samples").unwrap().len(), 100);
}

#[test]
fn lists_pass_as_lists_and_buffers_pass_as_they_are() {
    let (p, src, h) = fed();
    let (lists, same) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let sent = frame(10);
    let (seen_lists, seen_same, address) = (lists.clone(), same.clone(), sent.as_ptr() as usize);
    let types = gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST;
    h.static_pad("src").unwrap().add_probe(types, move |_, info| {
        match &info.data {
            Some(gst::PadProbeData::BufferList(_)) => seen_lists.fetch_add(1, Ordering::SeqCst),
            Some(gst::PadProbeData::Buffer(b)) if b.as_ptr() as usize == address => {
                seen_same.fetch_add(1, Ordering::SeqCst)
            }
            _ => 0,
        };
        gst::PadProbeReturn::Ok
    });
    let list: gst::BufferList = (0..10).map(frame).collect();
    src.push_buffer_list(list).unwrap();
    src.push_buffer(sent).unwrap();
    src.end_of_stream().unwrap();
    p.wait(PATIENCE).expect_eos();
    assert_eq!((lists.load(Ordering::SeqCst), same.load(Ordering::SeqCst)), (1, 1));
    assert_eq!((count(&h, "buffers-in"), count(&h, "buffers-out"), count(&h, "missing")), (11, 11, 0));
    assert_eq!((count(&h, "push-count"), count(&h, "interarrival-count")), (2, 1));
}

#[test]
fn seeks_segments_and_rate_changes_are_no_gaps() {
    let p = TestPipeline::parse(&format!("videotestsrc ! {CAPS} ! bufferhealth name=h ! fakesink sync=true"));
    let h = p.element("h");
    let told = told(&p);
    p.set_state(gst::State::Playing).unwrap();
    let passed = |n: u64| wait_until("buffers pass", || count(&h, "buffers-out") >= n);
    passed(5);
    let seek = |rate: f64, flags, at: u64| {
        let to = gst::ClockTime::from_seconds(at);
        p.seek(rate, flags, gst::SeekType::Set, to, gst::SeekType::None, gst::ClockTime::NONE).unwrap();
    };
    seek(1.0, gst::SeekFlags::FLUSH, 100);
    wait_until("the flush shows", || count(&h, "discont-flush") == 1);
    seek(2.0, gst::SeekFlags::FLUSH, 7);
    wait_until("the rate shows", || count(&h, "discont-flush") == 2);
    passed(count(&h, "buffers-out") + 5);
    seek(2.0, gst::SeekFlags::empty(), 50);
    wait_until("the segment shows", || count(&h, "discont-segment") == 1);
    // Backwards needs an end to begin at.
    let (start, stop) = (gst::ClockTime::ZERO, gst::ClockTime::from_seconds(40));
    p.seek(-1.0, gst::SeekFlags::FLUSH, gst::SeekType::Set, start, gst::SeekType::Set, stop).unwrap();
    let _ = p.set_state(gst::State::Null);
    assert_eq!((count(&h, "missing"), count(&h, "discont-gap"), count(&h, "discont-backwards")), (0, 0, 0));
    assert!(told.lock().unwrap().iter().all(|(_, new, _)| new == "healthy"), "{:?}", told.lock().unwrap());
}

#[test]
fn a_clean_run_gives_no_alarm_and_one_message_each_way() {
    let p = TestPipeline::parse(
        "videotestsrc is-live=true num-buffers=90 ! video/x-raw,framerate=30/1,width=64,height=48 ! queue name=watched ! \
         bufferhealth name=v late-threshold=300000000 ! fakesink sync=true \
         audiotestsrc is-live=true num-buffers=140 ! queue ! bufferhealth name=a late-threshold=300000000 ! fakesink sync=true",
    );
    let told = told(&p);
    p.run(PATIENCE).expect_eos();
    let mut verdicts: Vec<_> =
        told.lock().unwrap().iter().map(|(old, new, reasons)| format!("{old}>{new}{reasons:?}")).collect();
    verdicts.sort();
    assert_eq!(verdicts, ["healthy>eos[]", "healthy>eos[]", "starting>healthy[]", "starting>healthy[]"]);
    let v = p.element("v");
    assert_eq!(
        (count(&v, "buffers-out"), count(&v, "missing"), count(&v, "timed")),
        (90, 0, count(&v, "lateness-count"))
    );
    assert!(count(&v, "timed") >= 85, "a clock is there from the start");
    assert!(stats(&v).get::<bool>("live").unwrap() && stats(&v).get::<bool>("synced").unwrap());
    assert_eq!(stats(&v).get::<&str>("watch").unwrap(), "watched");
    assert!(v.property::<bool>("healthy"));
}

/// A live stream through a queue and a probe into a sink, its faults at hand.
struct Faulty {
    p: TestPipeline,
    h: gst::Element,
}

const STALL: Duration = Duration::from_millis(600);
const INTERVAL: Duration = Duration::from_millis(300);
/// What a machine that runs other tests may add.
const BUSY: Duration = Duration::from_millis(900);

impl Faulty {
    fn new(queue: &str) -> Self {
        let p = TestPipeline::parse(&format!(
            "videotestsrc is-live=true ! {CAPS} ! queue name=q {queue} ! \
             bufferhealth name=h stall-timeout={} interval={} late-threshold=200000000 ! capsfilter name=c ! fakesink name=s sync=true",
            STALL.as_nanos(),
            INTERVAL.as_nanos()
        ));
        let h = p.element("h");
        p.set_state(gst::State::Playing).unwrap();
        wait_for_state(&p, "healthy");
        Self { p, h }
    }

    /// Waits for `state`, which must come within stall-timeout and an interval (and what a busy machine adds).
    #[track_caller]
    fn expect(&self, state: &str, expected: &[&str]) {
        let (reasons, took) = wait_for_state(&self.p, state);
        assert_eq!(reasons, expected);
        assert!(took < STALL + INTERVAL + BUSY, "{state} took {took:?}");
    }
}

#[test]
fn a_paused_task_upstream_is_a_starved_stall_and_is_over_when_it_runs_again() {
    let f = Faulty::new("");
    let pad = f.p.element("q").static_pad("src").unwrap();
    pad.pause_task().unwrap();
    f.expect("stalled", &["stalled", "starved"]);
    assert!(!f.h.property::<bool>("healthy"));
    assert!(count(&f.h, "stalled-time") >= STALL.as_nanos() as u64 / 2);
    // What the queue's own way of starting does is not at hand from outside; pausing and playing starts the task.
    f.p.set_state(gst::State::Ready).unwrap();
    f.p.set_state(gst::State::Playing).unwrap();
    wait_for_state(&f.p, "healthy");
}

#[test]
fn a_branch_that_cannot_negotiate_is_a_flow_error() {
    let p = TestPipeline::parse(&format!(
        "appsrc name=src format=time caps={CAPS} ! tee name=t  t. ! queue ! fakesink async=false \
         t. ! queue ! bufferhealth name=h ! fakesink name=s async=false"
    ));
    let (src, h) = (p.element("src").downcast().unwrap(), p.element("h"));
    p.set_state(gst::State::Playing).unwrap();
    feed(&src, 0..5);
    wait_for_state(&p, "healthy");
    p.element("s").static_pad("sink").unwrap().add_probe(gst::PadProbeType::BUFFER, |_, info| {
        info.flow_res = Err(gst::FlowError::NotNegotiated);
        gst::PadProbeReturn::Handled
    });
    feed(&src, 5..10);
    let (reasons, took) = wait_for_state(&p, "unhealthy");
    assert!(reasons.contains(&"flow-error".to_string()), "{reasons:?}");
    assert!(took < Duration::from_secs(3));
    assert_eq!((count(&h, "flow-not-negotiated"), count(&h, "buffers-dropped")), (1, 1));
    assert!(!h.property::<bool>("healthy"));
}

#[test]
fn a_sleeping_sink_is_a_blocked_stall_and_is_over_when_it_wakes() {
    let f = Faulty::new("");
    let asleep = Arc::new(AtomicBool::new(true));
    let sleeping = asleep.clone();
    f.p.element("s").static_pad("sink").unwrap().add_probe(gst::PadProbeType::BUFFER, move |_, _| {
        while sleeping.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
        gst::PadProbeReturn::Ok
    });
    f.expect("stalled", &["stalled", "backpressure"]);
    assert_eq!(count(&f.h, "buffers-held"), 1);
    let blocked = count(&f.h, "blocked-time");
    asleep.store(false, Ordering::SeqCst);
    wait_until("it is over", || stats(&f.h).get::<&str>("state").unwrap() != "stalled");
    assert!(blocked >= STALL.as_nanos() as u64);
}

#[test]
fn a_leaking_queue_is_dropping() {
    let f = Faulty::new("leaky=downstream max-size-buffers=2");
    f.p.element("s").static_pad("sink").unwrap().add_probe(gst::PadProbeType::BUFFER, move |_, _| {
        std::thread::sleep(Duration::from_millis(60));
        gst::PadProbeReturn::Ok
    });
    let (reasons, took) = wait_for_state(&f.p, "unhealthy");
    assert!(reasons.contains(&"dropping".to_string()), "{reasons:?}");
    assert!(took < STALL + INTERVAL + BUSY);
    let s = stats(&f.h);
    let get = |field| s.get::<u64>(field).unwrap();
    assert!(get("missing") > 0 && get("missing") == get("missing-leaky") + get("missing-qos"), "{s}");
}

#[test]
fn a_clock_that_jumps_makes_late() {
    common::init();
    let p = TestPipeline::parse(&format!(
        "videotestsrc is-live=true ! {CAPS} ! bufferhealth name=h stall-timeout={} interval={} late-threshold=200000000 ! fakesink sync=true",
        STALL.as_nanos(),
        INTERVAL.as_nanos()
    ));
    let clock: gst::SystemClock = gst::glib::Object::new();
    p.use_clock(Some(&clock));
    p.set_state(gst::State::Playing).unwrap();
    wait_for_state(&p, "healthy");
    let (internal, external, numerator, denominator) = clock.calibration();
    clock.set_calibration(internal, external + gst::ClockTime::from_seconds(30), numerator, denominator);
    let (reasons, took) = wait_for_state(&p, "unhealthy");
    assert!(reasons.contains(&"late".to_string()), "{reasons:?}");
    assert!(took < STALL + INTERVAL + BUSY, "{took:?}");
}

#[test]
fn a_reset_returns_the_last_figures_and_starts_anew() {
    let (p, src, h) = fed();
    feed(&src, 0..50);
    wait_until("they pass", || count(&h, "buffers-out") == 50);
    let last = h.emit_by_name::<gst::Structure>("reset", &[]);
    assert_eq!(last.get::<u64>("buffers-out").unwrap(), 50);
    assert_eq!((count(&h, "buffers-in"), count(&h, "push-count"), count(&h, "bytes")), (0, 0, 0));
    feed(&src, 50..53);
    src.end_of_stream().unwrap();
    p.wait(PATIENCE).expect_eos();
    assert_eq!((count(&h, "buffers-in"), count(&h, "push-count"), count(&h, "missing")), (3, 3, 0));
}

#[test]
fn an_interval_message_waits_until_the_last_one_is_read() {
    let p = TestPipeline::parse(&format!(
        "videotestsrc is-live=true ! {CAPS} ! bufferhealth name=h interval=30000000 label=cam post-messages=interval ! fakesink"
    ));
    let h = p.element("h");
    p.set_state(gst::State::Playing).unwrap();
    wait_until("many intervals pass", || count(&h, "uptime") > 600_000_000);
    let mut unread = 0;
    while let Some(message) = p.bus().unwrap().pop() {
        unread += u32::from(message.structure().is_some_and(|s| s.name() == "bufferhealth-stats"));
    }
    assert_eq!(unread, 1, "twenty intervals, nobody read");
    let message = p.next_message("bufferhealth-stats", PATIENCE).expect("the next once it is read");
    assert_eq!(message.structure().unwrap().get::<&str>("label").unwrap(), "cam");
    assert!(message.structure().unwrap().get::<u64>("interval-time").unwrap() >= 30_000_000);
}

/// The text of the next warning on the bus.
fn next_warning(p: &TestPipeline) -> String {
    let patience = gst::ClockTime::try_from(PATIENCE).unwrap();
    let message = p.bus().unwrap().timed_pop_filtered(patience, &[gst::MessageType::Warning]).expect("a warning");
    let gst::MessageView::Warning(warning) = message.view() else { unreachable!() };
    warning.error().message().to_owned()
}

#[test]
fn contradicting_watermarks_are_refused_with_a_message() {
    let p = TestPipeline::parse("fakesrc ! bufferhealth name=h high-watermark=0.5 low-watermark=0.5 ! fakesink");
    assert!(p.set_state(gst::State::Playing).is_err());
    let (error, _) = p.wait(PATIENCE).unwrap_error();
    insta::assert_snapshot!(error.message(), @"high-watermark (0.5) must be above low-watermark (0.5). Raise the one or lower the other.");
    let (p, _, h) = fed();
    h.set_property("low-watermark", 0.95);
    insta::assert_snapshot!(next_warning(&p), @"high-watermark (0.9) must be above low-watermark (0.95). Raise the one or lower the other. The defaults are used.");
    wait_until("the defaults are back", || h.property::<f64>("low-watermark") == 0.7);
}

#[test]
fn back_pressure_of_the_watched_queue_has_episodes() {
    let p = TestPipeline::parse(&format!(
        "videotestsrc ! {CAPS} ! queue name=before max-size-buffers=10 ! identity ! bufferhealth name=h ! \
         queue name=after ! fakesink sync=true"
    ));
    let h = p.element("h");
    p.set_state(gst::State::Playing).unwrap();
    wait_until("the queue is full", || stats(&h).get::<bool>("backpressure") == Ok(true));
    let s = stats(&h);
    assert_eq!((s.get::<&str>("watch").unwrap(), s.get::<u64>("backpressure-episodes").unwrap()), ("before", 1));
    assert!(s.get::<f64>("fill-max").unwrap() >= 0.9 && s.get::<f64>("fill").unwrap() <= 1.0);
    assert!(h.property::<bool>("healthy"), "a full queue before a clock is how it works");
    h.set_property("watch", "after");
    wait_until("the other is watched", || stats(&h).get::<&str>("watch") == Ok("after"));
    h.set_property("watch", "nobody");
    insta::assert_snapshot!(next_warning(&p), @r#"There is no queue called "nobody" to watch. Set watch to the name of an element with current-level properties, or leave it unset."#);
}

/// Fields of a table of the section, as (name, type); placeholders end in `…`.
fn documented(header: &str) -> Vec<(String, String)> {
    let text = include_str!("../../docs/messages.md");
    let section = text.split("\n## ").find(|section| section.starts_with("bufferhealth\n")).unwrap();
    let table = section.split(header).nth(1).unwrap();
    let rows = table.lines().skip_while(|line| !line.starts_with("| `")).take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        (cells[1].trim_matches('`').to_string(), cells[2].to_string())
    })
    .collect()
}

fn type_name(value: &gst::glib::Value) -> String {
    let inner = |array: gst::Array| array.first().map_or("string".into(), |value| type_name(value));
    match value.get::<gst::Array>() {
        Ok(array) if inner(array.clone()) == "string" => "array of strings".into(),
        Ok(array) => format!("array of {}", inner(array)),
        Err(_) => value.type_().name().replace("gchararray", "string"),
    }
}

#[test]
fn the_documented_fields_are_the_fields() {
    let p = TestPipeline::parse(&format!(
        "videotestsrc is-live=true ! {CAPS} ! queue ! bufferhealth name=h interval=100000000 ! fakesink sync=true"
    ));
    let h = p.element("h");
    p.set_state(gst::State::Playing).unwrap();
    let message = p.next_message("bufferhealth-state", PATIENCE).unwrap();
    let mut seen = stats(&h);
    // On a busy machine an interval may have too few buffers for some of them.
    wait_until("all fields are there", || {
        seen = stats(&h);
        let fields = ["interval-lateness-p99", "interval-interarrival-p99", "interval-push-p99", "fill", "jitter"];
        fields.iter().all(|field| seen.has_field(*field))
            && !seen.get::<gst::ArrayRef>("push-samples").unwrap().is_empty()
    });

    let rows = documented("| field | type | unit | meaning | present |");
    let counts: Vec<_> = rows.iter().map(|(name, _)| name).skip_while(|name| *name != "buffers-in").collect();
    let mut expected = Vec::new();
    for (name, kind) in &rows {
        match name.strip_suffix('…') {
            Some("interval-") => {
                let stem = |name: &str| name.strip_suffix('…').map(str::to_string);
                for name in counts.iter().take_while(|name| **name != "push-samples") {
                    match stem(name) {
                        Some(stem) => expected.extend(distribution(&format!("interval-{stem}"))),
                        None => expected.push((format!("interval-{name}"), kind.clone())),
                    }
                }
            }
            Some(stem) => expected.extend(distribution(stem)),
            None => expected.push((name.clone(), kind.clone())),
        }
    }
    let fields = |s: &gst::StructureRef| {
        let mut fields: Vec<_> = s.iter().map(|(name, value)| (name.to_string(), type_name(value))).collect();
        fields.sort();
        fields
    };
    expected.sort();
    assert_eq!(fields(&seen), expected);

    let mut expected = documented("| field | type | unit | meaning |\n");
    expected.sort();
    assert_eq!(fields(message.structure().unwrap()), expected);
}

fn distribution(stem: &str) -> Vec<(String, String)> {
    ["count", "min", "max", "avg", "p50", "p95", "p99"].map(|what| (format!("{stem}{what}"), "guint64".into())).into()
}

#[test]
fn the_queue_and_the_sink_are_found_inside_bins() {
    let p = TestPipeline::parse(&format!(
        "bin.( videotestsrc ! {CAPS} ! queue name=inner ! identity ) ! bufferhealth name=h ! bin.( identity ! fakesink sync=true )"
    ));
    let h = p.element("h");
    p.set_state(gst::State::Playing).unwrap();
    wait_until("buffers are timed", || count(&h, "timed") > 0);
    assert_eq!(stats(&h).get::<&str>("watch").unwrap(), "inner");
    assert!(stats(&h).get::<bool>("synced").unwrap());
}
