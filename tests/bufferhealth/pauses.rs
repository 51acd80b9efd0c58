//! What different live sources make of a pause, fed by hand, and what a pause does not excuse.

use std::time::Duration;

use gst::prelude::*;

use crate::common::{self, TestPipeline, wait_until};
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
