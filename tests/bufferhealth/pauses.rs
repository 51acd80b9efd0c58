//! What different live sources make of a pause, fed by hand, and what a pause does not excuse.

use std::time::Duration;

use gst::prelude::*;

use crate::common::{self, PATIENCE, TestPipeline, wait_until};
use crate::seen::{CAPS, FRAME, count, frame, stats, told};

/// As many frames as last for 0.3 s.
const PAUSE: u64 = 15;

/// Feeds `before`, pauses for [`PAUSE`] frames, feeds `after`; none of them takes any time. The probe, and all reasons told of that speak
/// of losses and breaks; that nothing comes for a while in between may also be told.
fn around_a_pause(properties: &str, before: Vec<gst::Buffer>, after: Vec<gst::Buffer>) -> (gst::Element, Vec<String>) {
    let p = TestPipeline::parse(&format!(
        "appsrc name=src format=time {properties} caps={CAPS} ! bufferhealth name=h interval=50000000 stall-timeout=60000000000 ! \
         fakesink async=false sync=false"
    ));
    let (src, h): (gst_app::AppSrc, _) = (p.element("src").downcast().unwrap(), p.element("h"));
    let told = told(&p);
    p.set_state(gst::State::Playing).unwrap();
    let feed = |buffers: Vec<gst::Buffer>| {
        let expected = count(&h, "buffers-out") + buffers.len() as u64;
        for buffer in buffers {
            // A live one takes nothing until it has come back from a pause.
            wait_until("it is taken", || src.push_buffer(buffer.clone()).is_ok());
        }
        wait_until("they pass", || count(&h, "buffers-out") == expected);
        // The next interval judges them.
        let uptime = count(&h, "uptime");
        wait_until("an interval passes", || count(&h, "uptime") > uptime + 160_000_000);
    };
    feed(before);
    p.set_state(gst::State::Paused).unwrap();
    std::thread::sleep(Duration::from_nanos(PAUSE * FRAME));
    p.set_state(gst::State::Playing).unwrap();
    feed(after);
    let mut reasons: Vec<_> = told.lock().unwrap().iter().flat_map(|(_, _, reasons)| reasons.clone()).collect();
    reasons.retain(|reason| ["dropping", "discontinuous", "corrupted", "flow-error"].contains(&reason.as_str()));
    (h, reasons)
}

fn frames(range: std::ops::Range<u64>) -> Vec<gst::Buffer> {
    range.map(frame).collect()
}

fn flagged(n: u64) -> gst::Buffer {
    let mut buffer = frame(n);
    buffer.get_mut().unwrap().set_flags(gst::BufferFlags::DISCONT);
    buffer
}

/// Gaps, flags, steps back, overlaps, and what is missing.
fn breaks(h: &gst::Element) -> [u64; 5] {
    ["discont-gap", "discont-flag", "discont-backwards", "discont-overlap", "missing"].map(|field| count(h, field))
}

#[test]
fn whatever_a_live_source_makes_of_a_pause_is_no_break() {
    common::init();
    let n = 100;
    let cases = [
        ("its time stands still", frames(n..n + 50)),
        ("it has thrown away the frame that it was waiting for", frames(n + 1..n + 50)),
        ("its clock runs on", frames(n + PAUSE..n + 100)),
        ("it says so, too", [vec![flagged(n + PAUSE)], frames(n + PAUSE + 1..n + 100)].concat()),
        ("it says so without a reason", [vec![flagged(n)], frames(n + 1..n + 50)].concat()),
        // Frames that a driver captured before the pause get the time of now less their age.
        ("it has kept frames", [frames(n - PAUSE..n - PAUSE + 4), frames(n..n + 50)].concat()),
        ("it was stamped while paused", [frames(n..n + PAUSE), frames(n..n + 50)].concat()),
        ("it takes a while to start again", frames(n + PAUSE + 15..n + 100)),
    ];
    for (what, after) in cases {
        // Even one that does not say so may be live.
        let silent = ["its clock runs on", "it was stamped while paused"].contains(&what);
        for live in ["is-live=true", "is-live=false"].into_iter().take(1 + usize::from(silent)) {
            let (h, reasons) = around_a_pause(live, frames(0..n), after.clone());
            assert_eq!(breaks(&h), [0; 5], "{what}, {live}: {}", stats(&h));
            assert!(reasons.is_empty(), "{what}, {live}: {reasons:?}");
        }
    }
}

#[test]
fn a_pause_excuses_nothing_else() {
    common::init();
    // What is lost before it, and the second hole after it.
    let before = [frames(0..50), frames(52..100)].concat();
    let after = [frames(115..150), frames(153..170)].concat();
    let (h, reasons) = around_a_pause("is-live=true", before, after);
    assert_eq!(breaks(&h), [2, 0, 0, 0, 5], "{}", stats(&h));
    assert!(reasons.contains(&"dropping".to_string()));
    // A hole that is much longer than the pause.
    let (h, _) = around_a_pause("is-live=true", frames(0..100), frames(100 + PAUSE + 100..300));
    assert_eq!(breaks(&h), [1, 0, 0, 0, PAUSE + 100], "{}", stats(&h));
}

#[test]
fn nothing_to_show_is_no_stall_of_subtitles() {
    for (caps, state) in [("text/x-raw,format=utf8", "healthy"), (CAPS, "stalled")] {
        let p = TestPipeline::parse(&format!(
            "appsrc name=src format=time is-live=true caps={caps} ! bufferhealth name=h stall-timeout=300000000 ! \
             fakesink async=false sync=false"
        ));
        let (src, h): (gst_app::AppSrc, _) = (p.element("src").downcast().unwrap(), p.element("h"));
        p.set_state(gst::State::Playing).unwrap();
        src.push_buffer(frame(0)).unwrap();
        wait_until("it passes", || count(&h, "buffers-out") == 1);
        let passed = count(&h, "uptime");
        wait_until("twice as long as a stall takes", || count(&h, "uptime") > passed + 800_000_000);
        assert_eq!(stats(&h).get::<&str>("state").unwrap(), state, "{caps}");
    }
}

/// A user drags the pointer along the timeline while it plays: about thirty jumps a second, each of which shows a few frames.
#[test]
fn frames_between_quick_jumps_are_not_late() {
    let p = TestPipeline::parse(
        "videotestsrc ! video/x-raw,width=16,height=16,framerate=100/1 ! bufferhealth name=h interval=100000000 ! fakesink name=sink sync=true",
    );
    let (h, told) = (p.element("h"), told(&p));
    p.set_state(gst::State::Playing).unwrap();
    wait_until("it plays", || count(&h, "timed") > 20);
    for n in 0..60u64 {
        let passed = count(&h, "buffers-in");
        p.seek_simple(gst::SeekFlags::FLUSH | gst::SeekFlags::ACCURATE, gst::ClockTime::from_seconds(n * 7 % 50))
            .unwrap();
        wait_until("some frames pass", || count(&h, "buffers-in") > passed + 4);
    }
    let timed = count(&h, "timed");
    wait_until("it is compared with the clock again", || count(&h, "timed") > timed + 50);
    let said = told.lock().unwrap();
    let late = said.iter().filter(|(_, _, reasons)| reasons.contains(&"late".to_string()));
    assert_eq!(late.count(), 0, "{said:?}");
}

#[test]
fn steps_from_frame_to_frame_lose_nothing() {
    let p = TestPipeline::parse(
        "videotestsrc ! video/x-raw,width=16,height=16,framerate=50/1 ! bufferhealth name=h interval=50000000 ! fakesink name=sink sync=true",
    );
    let (h, told) = (p.element("h"), told(&p));
    p.set_state(gst::State::Playing).unwrap();
    wait_until("it plays", || count(&h, "timed") > 20);
    p.set_state(gst::State::Paused).unwrap();
    assert_eq!(p.state(gst::ClockTime::from_seconds(10)).0, Ok(gst::StateChangeSuccess::Success));
    let step = gst::event::Step::new(gst::format::Buffers::from_u64(30), 1.0, true, false);
    assert!(p.element("sink").send_event(step));
    assert_eq!(p.state(gst::ClockTime::from_seconds(10)).0, Ok(gst::StateChangeSuccess::Success));
    let skipped: u64 = p.element("sink").property::<gst::Structure>("stats").get("dropped").unwrap();
    assert!(skipped >= 29, "the sink counts them: {skipped}");
    let uptime = count(&h, "uptime");
    wait_until("somebody looks in the pause", || count(&h, "uptime") > uptime + 250_000_000);
    p.set_state(gst::State::Playing).unwrap();
    let uptime = count(&h, "uptime");
    wait_until("some intervals pass", || count(&h, "uptime") > uptime + 300_000_000);
    assert_eq!(count(&h, "sink-dropped"), 0, "{}", stats(&h));
    let said = told.lock().unwrap();
    assert!(!said.iter().any(|(_, _, reasons)| reasons.contains(&"dropping".to_string())), "{said:?}");
}

#[test]
fn a_stream_that_ended_badly_begins_well_when_it_is_sought_back() {
    let p = TestPipeline::parse(
        "videotestsrc ! video/x-raw,width=16,height=16,framerate=100/1 ! identity name=slow sleep-time=60000 ! \
         bufferhealth name=h interval=100000000 ! fakesink sync=true qos=false",
    );
    let (h, told) = (p.element("h"), told(&p));
    let (start, stop) = (gst::ClockTime::ZERO, gst::ClockTime::from_mseconds(400));
    let from_the_start =
        || p.seek(1.0, gst::SeekFlags::FLUSH, gst::SeekType::Set, start, gst::SeekType::Set, stop).unwrap();
    p.set_state(gst::State::Paused).unwrap();
    p.state(gst::ClockTime::from_seconds(10)).0.unwrap();
    from_the_start();
    p.run(PATIENCE).expect_eos();
    let verdicts = std::mem::take(&mut *told.lock().unwrap());
    assert!(verdicts.iter().any(|(_, new, _)| new == "unhealthy"), "{verdicts:?}");
    assert_eq!(stats(&h).get::<&str>("state").unwrap(), "eos");
    p.element("slow").set_property("sleep-time", 0u32);
    from_the_start();
    p.wait(PATIENCE).expect_eos();
    let verdicts = told.lock().unwrap();
    assert!(verdicts.iter().any(|(_, new, _)| new == "healthy"), "it played again: {verdicts:?}");
    assert!(!verdicts.iter().any(|(_, new, _)| new == "unhealthy" || new == "degraded"), "{verdicts:?}");
}
