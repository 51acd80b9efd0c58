//! bufferhealth in pipelines: exact figures and what they are called.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use gst::prelude::*;

use crate::common::{PATIENCE, TestPipeline, wait_until};
use crate::seen::{CAPS, FRAME, count, fed, feed, frame, next_warning, stats};

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
        "videotestsrc is-live=true ! {CAPS} ! bufferhealth pair-id=fields ! queue ! \
         bufferhealth name=h interval=100000000 pair-id=fields pair-role=end ! fakesink sync=true"
    ));
    let h = p.element("h");
    p.set_state(gst::State::Playing).unwrap();
    let message = loop {
        let message = p.next_message("bufferhealth-state", PATIENCE).unwrap();
        if message.src() == Some(h.upcast_ref()) {
            break message;
        }
    };
    let mut seen = stats(&h);
    // On a busy machine an interval may have too few buffers for some of them.
    wait_until("all fields are there", || {
        seen = stats(&h);
        let fields = [
            "interval-lateness-p99",
            "interval-interarrival-p99",
            "interval-push-p99",
            "interval-pair-latency-p99",
            "fill",
        ];
        fields.iter().all(|field| seen.has_field(*field))
            && !seen.get::<gst::ArrayRef>("push-samples").unwrap().is_empty()
    });

    let rows: Vec<_> = documented("| field | type | unit | meaning | present |")
        .into_iter()
        .filter(|(name, _)| name != "paused-task")
        .collect();
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

#[test]
fn four_readers_never_see_a_count_out_of_balance() {
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
    std::thread::sleep(Duration::from_secs(if cfg!(feature = "full") { 10 } else { 1 }));
    done.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.join().unwrap();
    }
    assert!(reads.load(Ordering::Relaxed) > 100);
}
