//! Two probes of one stream: latency, and what is lost between them.

use std::time::Duration;

use gst::prelude::*;

use crate::common::process::alone;
use crate::common::{PATIENCE, TestPipeline, memory, wait_until};
use crate::seen::{CAPS, count, feed, frame, next_warning, stats};

/// A pipeline with `START` and `END` for the probes `s` and `e` of a pair of its own.
fn pipeline(id: &str, description: &str) -> TestPipeline {
    let start = format!("bufferhealth name=s pair-id={id}");
    let end = format!("bufferhealth name=e pair-id={id} pair-role=end");
    TestPipeline::parse(&description.replace("START", &start).replace("END", &end).replace("CAPS", CAPS))
}

/// Matched, not matched, lost.
fn pairs(p: &TestPipeline) -> [u64; 3] {
    ["pair-matched", "pair-unmatched", "pair-lost"].map(|field| count(&p.element("e"), field))
}

fn latency(p: &TestPipeline, what: &str) -> Duration {
    Duration::from_nanos(count(&p.element("e"), &format!("pair-latency-{what}")))
}

/// Between which every buffer finds itself again, whatever carries its identity.
const THROUGH: [(&str, &str); 7] = [
    ("nothing", "videotestsrc num-buffers=100 ! CAPS ! START ! END ! fakesink"),
    ("queues and threads", "videotestsrc num-buffers=300 ! CAPS ! START ! queue ! identity ! queue ! END ! fakesink"),
    // A tee's buffers belong to two, so they get no stamp.
    (
        "time only",
        "videotestsrc num-buffers=100 ! CAPS ! tee name=t ! queue ! START ! queue ! END ! fakesink async=false \
                   t. ! queue ! fakesink async=false",
    ),
    (
        "a converter",
        "videotestsrc num-buffers=100 ! CAPS ! START ! videoconvert ! video/x-raw,format=I420 ! END ! fakesink",
    ),
    (
        "an encoder with frames out of order",
        "videotestsrc num-buffers=100 ! video/x-raw,format=I420,width=64,height=64 ! START ! \
         x264enc speed-preset=ultrafast bframes=3 b-adapt=false ! END ! fakesink",
    ),
    (
        "an encoder and a decoder",
        "videotestsrc num-buffers=100 ! video/x-raw,format=I420,width=64,height=64 ! START ! \
         x264enc speed-preset=ultrafast bframes=3 b-adapt=false ! h264parse ! avdec_h264 ! END ! fakesink",
    ),
    // The same running times, other timestamps.
    (
        "a shifted segment",
        "videotestsrc num-buffers=100 timestamp-offset=5000000000 ! CAPS ! START ! \
                           identity single-segment=true ! queue ! END ! fakesink",
    ),
];

#[test]
fn every_buffer_finds_itself_again() {
    for (what, description) in THROUGH {
        let p = pipeline("through", description);
        p.run(PATIENCE).expect_eos();
        let sent = count(&p.element("s"), "buffers-in");
        assert_eq!(pairs(&p), [sent, 0, 0], "{what}: {}", stats(&p.element("e")));
        assert_eq!(count(&p.element("e"), "pair-latency-count"), sent, "{what}");
    }
}

#[test]
fn latency_is_the_time_between_both() {
    let p =
        pipeline("latency", "videotestsrc num-buffers=20 ! CAPS ! START ! identity sleep-time=10000 ! END ! fakesink");
    p.run(PATIENCE).expect_eos();
    assert!(latency(&p, "min") >= Duration::from_millis(10), "{}", stats(&p.element("e")));
    assert!(latency(&p, "p50") < Duration::from_secs(1));
    assert!(!stats(&p.element("s")).has_field("pair-latency-count"), "known at the end only");
    // A queue that is filled while the end is blocked, then drained.
    let p = pipeline(
        "queued",
        "appsrc name=src format=time caps=CAPS ! START ! queue ! END ! fakesink name=sink async=false",
    );
    let src = p.element("src").downcast().unwrap();
    p.set_state(gst::State::Paused).unwrap();
    feed(&src, 0..5);
    wait_until("they wait", || count(&p.element("s"), "buffers-out") == 5);
    let waited = Duration::from_millis(150);
    std::thread::sleep(waited);
    p.set_state(gst::State::Playing).unwrap();
    wait_until("they pass", || count(&p.element("e"), "buffers-out") == 5);
    assert!(latency(&p, "max") >= waited, "{}", stats(&p.element("e")));
}

/// `identity` between both drops every buffer for which this holds.
fn dropping(p: &TestPipeline, lost: impl Fn(u64) -> bool + Send + Sync + 'static) {
    let n = std::sync::atomic::AtomicU64::new(0);
    p.element("between").static_pad("sink").unwrap().add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        match lost(n.fetch_add(1, std::sync::atomic::Ordering::SeqCst)) {
            true => {
                info.data = None;
                gst::PadProbeReturn::Handled
            }
            false => gst::PadProbeReturn::Ok,
        }
    });
}

#[test]
fn what_is_lost_between_both_is_counted_and_told() {
    // At a variable rate the timestamps tell of no hole: only the pair does.
    let p = pipeline(
        "lossy",
        "appsrc name=src format=time caps=video/x-raw,format=GRAY8,width=8,height=8,framerate=0/1 ! START ! \
         identity name=between ! queue ! END ! fakesink async=false",
    );
    let e = p.element("e");
    e.set_property("interval", 50_000_000u64);
    dropping(&p, |n| n % 10 == 3);
    let src: gst_app::AppSrc = p.element("src").downcast().unwrap();
    p.set_state(gst::State::Playing).unwrap();
    feed(&src, 0..300);
    wait_until("they come", || count(&e, "buffers-in") == 270);
    // The last 64 may still come.
    assert_eq!(pairs(&p), [270, 0, 24]);
    wait_until("it is told", || stats(&e).get::<f64>("drop-ratio").unwrap() > 0.05);
    let mut n = 300;
    wait_until("the verdict", || {
        feed(&src, n..n + 20);
        n += 20;
        e.property::<gst::Array>("reasons").iter().any(|reason| reason.get() == Ok("dropping"))
    });
    src.end_of_stream().unwrap();
    p.wait(PATIENCE).expect_eos();
    assert_eq!(pairs(&p), [n - n / 10, 0, n / 10], "at the end all are known");
    assert_eq!(count(&e, "missing"), 0);
}

#[test]
fn media_that_are_cut_anew_are_not_lost() {
    let p = pipeline(
        "anew",
        // By time only: audiobuffersplit would hand on the stamps.
        "audiotestsrc num-buffers=400 samplesperbuffer=1024 ! audio/x-raw,rate=48000 ! tee name=t ! queue ! START ! \
         audiobuffersplit output-buffer-duration=1/50 ! END ! fakesink async=false t. ! queue ! fakesink async=false",
    );
    p.run(PATIENCE).expect_eos();
    let s = stats(&p.element("e"));
    assert!(s.get::<u64>("pair-unmatched").unwrap() > 100, "{s}");
    assert_eq!(s.get::<f64>("drop-ratio").unwrap(), 0.0, "{s}");
}

#[test]
fn a_flush_is_no_loss() {
    let p = pipeline("flush", "videotestsrc ! CAPS ! START ! queue ! END ! fakesink sync=true");
    p.set_state(gst::State::Playing).unwrap();
    let e = p.element("e");
    for second in [7, 3, 9] {
        let before = count(&e, "buffers-in");
        wait_until("buffers pass", || count(&e, "buffers-in") > before + 5);
        p.seek_simple(gst::SeekFlags::FLUSH, gst::ClockTime::from_seconds(second)).unwrap();
    }
    let matched = pairs(&p)[0];
    wait_until("more match than a codec reorders", || pairs(&p)[0] > matched + 80);
    assert_eq!(pairs(&p)[1..], [0, 0], "{}", stats(&e));
}

#[test]
fn a_partner_that_never_comes_costs_nothing() {
    alone!();
    let p = pipeline("alone", "fakesrc num-buffers=200000 sizetype=fixed sizemax=64 format=time ! START ! fakesink");
    p.set_state(gst::State::Playing).unwrap();
    wait_until("the ring is full", || count(&p.element("s"), "buffers-in") > 20_000);
    let before = memory::kib("VmRSS");
    p.wait(PATIENCE).expect_eos();
    assert!(memory::kib("VmRSS") < before + 4096);
    let p = pipeline("alone", "videotestsrc num-buffers=100 ! CAPS ! END ! fakesink");
    p.run(PATIENCE).expect_eos();
    assert_eq!(pairs(&p), [0, 100, 0]);
    assert_eq!(stats(&p.element("e")).get::<f64>("drop-ratio").unwrap(), 0.0);
}

#[test]
fn a_second_start_of_one_pair_is_refused_with_a_warning_and_measures_on() {
    let first = pipeline("twice", "fakesrc ! CAPS ! START ! fakesink");
    first.set_state(gst::State::Paused).unwrap();
    let second = pipeline("twice", "appsrc name=src format=time caps=CAPS ! START ! fakesink async=false");
    second.set_state(gst::State::Playing).unwrap();
    insta::assert_snapshot!(next_warning(&second), @r#"Another bufferhealth is the start of the pair "twice" already, so this one measures no latency. Give each pair in this program an id of its own."#);
    second.element("src").downcast::<gst_app::AppSrc>().unwrap().push_buffer(frame(0)).unwrap();
    wait_until("it passes", || count(&second.element("s"), "buffers-out") == 1);
    // Its place is free when it has gone.
    first.set_state(gst::State::Null).unwrap();
    second.set_state(gst::State::Null).unwrap();
    second.set_state(gst::State::Playing).unwrap();
    let bus = second.bus().unwrap();
    assert!(bus.pop_filtered(&[gst::MessageType::Warning]).is_none());
}

#[test]
fn an_end_without_a_start_says_so_once() {
    let p = TestPipeline::parse(
        "videotestsrc is-live=true ! CAPS ! bufferhealth pair-id=codec ! bufferhealth name=e pair-id=kodec pair-role=end ! fakesink"
            .replace("CAPS", CAPS)
            .as_str(),
    );
    p.set_state(gst::State::Playing).unwrap();
    insta::assert_snapshot!(next_warning(&p), @r#"No bufferhealth is the start of the pair "kodec", so this one measures no latency. Give another one, upstream of it, pair-id=kodec."#);
    let before = count(&p.element("e"), "pair-unmatched");
    wait_until("more has passed", || count(&p.element("e"), "pair-unmatched") > before + 10);
    assert!(p.bus().unwrap().pop_filtered(&[gst::MessageType::Warning]).is_none());
}

#[test]
fn a_stream_that_starts_again_pairs_again() {
    let p = pipeline("again", "videotestsrc num-buffers=50 ! CAPS ! START ! queue ! END ! fakesink");
    for _ in 0..3 {
        p.run(PATIENCE).expect_eos();
        assert_eq!(pairs(&p), [50, 0, 0]);
        p.set_state(gst::State::Null).unwrap();
    }
}
