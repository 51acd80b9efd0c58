//! bufferhealth over minutes.

mod prometheus;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use gst::prelude::*;

use crate::common::TestPipeline;
use crate::common::memory;
use crate::common::process::alone;

#[test]
fn ten_minutes_of_a_clean_run_give_no_alarm_and_take_no_memory() {
    alone!();
    // Small frames: how many of them wait in a queue on a busy machine must not look like a leak.
    let p = TestPipeline::parse(
        "videotestsrc is-live=true num-buffers=36000 ! video/x-raw,framerate=60/1,width=64,height=36 ! queue ! \
         bufferhealth name=v post-messages=interval late-threshold=200000000 ! fakesink sync=true \
         audiotestsrc is-live=true num-buffers=25840 samplesperbuffer=1024 ! audio/x-raw,rate=44100 ! queue ! \
         bufferhealth name=a post-messages=interval late-threshold=200000000 ! fakesink sync=true",
    );
    p.set_state(gst::State::Playing).unwrap();
    let bus = p.bus().unwrap();
    let (mut verdicts, mut intervals, mut early, mut late) = (Vec::new(), 0, 0, 0);
    for message in bus.iter_timed(gst::ClockTime::from_seconds(640)) {
        match message.view() {
            gst::MessageView::Eos(_) => break,
            gst::MessageView::Error(error) => panic!("{error:?}"),
            _ => {}
        }
        match message.structure().map(|s| (s.name().as_str(), s)) {
            Some(("bufferhealth-state", s)) => verdicts.push(s.to_string()),
            Some(("bufferhealth-stats", _)) => {
                intervals += 1;
                late = memory::kib("VmRSS");
                // Caches have filled by then.
                if intervals == 240 {
                    early = late;
                }
            }
            _ => {}
        }
    }
    assert_eq!(verdicts.len(), 4, "one way into health and one into the end each: {verdicts:#?}");
    assert!((1150..=1200).contains(&intervals), "{intervals} intervals of two probes in ten minutes");
    assert!(late <= early + 2048, "grew from {early} to {late} KiB");
    for name in ["v", "a"] {
        let stats: gst::Structure = p.element(name).property("stats");
        assert_eq!(stats.get::<u64>("missing").unwrap() + stats.get::<u64>("buffers-dropped").unwrap(), 0, "{stats}");
    }
}

#[test]
fn four_readers_for_ten_seconds_never_see_a_count_out_of_balance() {
    let p = TestPipeline::parse("fakesrc ! bufferhealth name=h ! fakesink");
    let h = p.element("h");
    p.set_state(gst::State::Playing).unwrap();
    let (done, reads) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let readers: Vec<_> = (0..4)
        .map(|reader| {
            let (h, done, reads) = (h.clone(), done.clone(), reads.clone());
            std::thread::spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    let stats: gst::Structure = h.property("stats");
                    let get = |field| stats.get::<u64>(field).unwrap();
                    let (arrived, out) = (get("buffers-in"), get("buffers-out"));
                    assert_eq!(arrived, out + get("buffers-dropped") + get("buffers-held"), "{stats}");
                    let n = reads.fetch_add(1, Ordering::Relaxed);
                    if reader == 0 && n.is_multiple_of(50) {
                        h.emit_by_name::<gst::Structure>("reset", &[]);
                    }
                }
            })
        })
        .collect();
    // How long it is tried is the test; a count that is out of balance ends a reader with a panic.
    std::thread::sleep(Duration::from_secs(10));
    done.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.join().unwrap();
    }
    assert!(reads.load(Ordering::Relaxed) > 1000);
}
