//! What the tracer counts.

use gst::prelude::*;

use crate::common::memory::kib;
use crate::common::process::alone;
use crate::common::{PATIENCE, TestPipeline, init, wait_until};

/// The tracer, as if `GST_TRACERS` had it. One for each process.
fn tracer() -> gst::glib::Object {
    init();
    gst::glib::Object::with_type(gst::glib::Type::from_name("GstPipelineHealth").unwrap())
}

/// Its figures of a pad.
fn figures(tracer: &gst::glib::Object, element: &str, pad: &str) -> Option<gst::Structure> {
    let all = tracer.property::<gst::Array>("stats");
    let of = |figures: &gst::Structure| {
        figures.get::<&str>("element") == Ok(element) && figures.get::<&str>("pad") == Ok(pad)
    };
    all.iter().map(|figures| figures.get::<gst::Structure>().unwrap()).find(of)
}

/// Those that do not depend on when somebody looks or on which pad it is.
fn counts(figures: &gst::StructureRef) -> Vec<(String, u64)> {
    let timing = [
        "time",
        "uptime",
        "since",
        "jitter",
        "interval",
        "push",
        "interarrival",
        "lateness",
        "headroom",
        "late",
        "timed",
    ];
    let counts =
        figures.iter().filter(|(name, _)| !timing.iter().any(|part| name.split('-').any(|word| word == *part)));
    counts.filter_map(|(name, value)| Some((name.to_string(), value.get::<u64>().ok()?))).collect()
}

#[test]
fn element_and_tracer_count_alike() {
    alone!();
    let tracer = tracer();
    let pipeline = TestPipeline::parse(
        "videotestsrc name=source num-buffers=200 ! video/x-raw,framerate=50/1 ! identity name=lossy ! bufferhealth name=health ! \
         fakesink sync=false",
    );
    let n = std::sync::atomic::AtomicU64::new(1);
    pipeline.element("source").static_pad("src").unwrap().add_probe(gst::PadProbeType::BUFFER, move |_, _| {
        let fifth = n.fetch_add(1, std::sync::atomic::Ordering::Relaxed).is_multiple_of(5);
        if fifth { gst::PadProbeReturn::Drop } else { gst::PadProbeReturn::Ok }
    });
    pipeline.run(PATIENCE).expect_eos();
    let element = counts(&pipeline.element("health").property::<gst::Structure>("stats"));
    let traced = counts(&figures(&tracer, "health", "src").expect("the pad is measured"));
    assert!(element.len() > 20 && element.contains(&("buffers-held".into(), 0)), "{element:?}");
    assert_eq!(element, traced);
    let number = |name: &str| element.iter().find(|(other, _)| other == name).unwrap().1;
    assert_eq!([number("buffers-in"), number("missing")], [160, 39], "the last one is not missed");
    // What the source has sent did not all arrive.
    assert_eq!(figures(&tracer, "source", "src").unwrap().get("buffers-in"), Ok(200u64));
    // All that arrives at one element has left the one before.
    let before = counts(&figures(&tracer, "lossy", "src").unwrap());
    assert_eq!(before, traced);
}

#[test]
fn switched_off_it_counts_nothing() {
    alone!();
    let tracer = tracer();
    let pipeline =
        TestPipeline::parse("videotestsrc name=source is-live=true ! video/x-raw,framerate=100/1 ! fakesink");
    let arrived = || figures(&tracer, "source", "src").map_or(0, |figures| figures.get::<u64>("buffers-in").unwrap());
    pipeline.set_state(gst::State::Playing).unwrap();
    wait_until("it flows", || arrived() > 10);
    tracer.emit_by_name::<()>("stop", &[]);
    // One may be on its way past the switch.
    let before = arrived();
    let passed = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let counted = passed.clone();
    pipeline.element("source").static_pad("src").unwrap().add_probe(gst::PadProbeType::BUFFER, move |_, _| {
        counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        gst::PadProbeReturn::Ok
    });
    wait_until("more has passed", || passed.load(std::sync::atomic::Ordering::Relaxed) > 20);
    assert!(arrived() <= before + 1, "{} after {before}", arrived());
    tracer.emit_by_name::<()>("start", &[]);
    wait_until("it counts again", || arrived() > before + 5);
}

#[test]
fn names_choose_what_is_measured() {
    alone!();
    init();
    let kind = gst::glib::Type::from_name("GstPipelineHealth").unwrap();
    let tracer =
        gst::glib::Object::builder_with_type(kind).property("include", "video*|[").property("exclude", "*1").build();
    let pipeline = TestPipeline::parse(
        "videotestsrc name=video0 num-buffers=5 ! identity ! fakesink videotestsrc name=video1 num-buffers=5 ! fakesink",
    );
    let bus = pipeline.bus().unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let types = [gst::MessageType::Warning, gst::MessageType::Error];
    let message = bus.timed_pop_filtered(gst::ClockTime::from_seconds(60), &types).expect("a word about the pattern");
    let gst::MessageView::Warning(warning) = message.view() else { panic!("{message:?}") };
    assert!(warning.error().message().starts_with("\"[\" is no pattern"), "{warning:?}");
    let measured = |element| figures(&tracer, element, "src").is_some();
    assert!(measured("video0") && !measured("identity0") && !measured("video1"));
}

#[test]
fn prometheus_and_node_exporter_get_the_figures() {
    use std::io::{Read, Write};
    alone!();
    init();
    let folder = tempfile::tempdir().unwrap();
    let textfile = folder.path().join("health.prom");
    // A port that is free now, since nobody else is given it at once.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let kind = gst::glib::Type::from_name("GstPipelineHealth").unwrap();
    let tracer = gst::glib::Object::builder_with_type(kind)
        .property("port", u32::from(port))
        .property("textfile", textfile.to_str().unwrap())
        .property("interval", 50_000_000u64)
        .build();
    let pipeline = TestPipeline::parse("videotestsrc name=\"the camera\" is-live=true ! queue ! fakesink");
    pipeline.set_state(gst::State::Playing).unwrap();
    let ask = || {
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).ok()?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        Some(text)
    };
    let has = |text: &str| {
        ["element=\"the camera\"", "element=\"queue0\"", "pad=\"src\"", "media=\"video\""]
            .iter()
            .all(|label| text.contains(label))
    };
    wait_until("Prometheus gets them", || ask().is_some_and(|text| has(&text)));
    wait_until("the file has them", || std::fs::read_to_string(&textfile).is_ok_and(|text| has(&text)));
    drop(pipeline);
    wait_until("what is gone is not shown", || ask().is_some_and(|text| !text.contains("queue0")));
    drop(tracer);
}

/// What is kept for a while is told where it is: by a queue at its own pad, by multiqueue at each of them, by `appsink` and the pads of
/// aggregators (both from GStreamer 1.28 on) at the pad that feeds them.
#[test]
fn the_fill_of_all_that_keeps_buffers_is_told() {
    alone!();
    let tracer = tracer();
    let pipeline = TestPipeline::parse(
        "videotestsrc num-buffers=20 ! queue name=q ! multiqueue name=m ! identity name=i ! appsink name=a max-buffers=8 sync=false \
         audiotestsrc num-buffers=20 ! identity name=j ! audiomixer name=mix ! fakesink async=false sync=false",
    );
    pipeline.set_state(gst::State::Playing).unwrap();
    let number = |element: &str, pad: &str, field: &str| figures(&tracer, element, pad)?.get::<u64>(field).ok();
    wait_until("the queues have filled up", || {
        number("q", "src", "fill-buffers") > Some(0) && number("m", "src_0", "fill-buffers") > Some(0)
    });
    let named = |element: &str| Some(figures(&tracer, element, "src")?.get::<String>("watch").unwrap());
    let tells = |object: &gst::Object| object.has_property("current-level-buffers");
    let sink = pipeline.element("a");
    if tells(sink.upcast_ref()) {
        wait_until("eight are in appsink", || number("i", "src", "fill-buffers") == Some(8));
        assert_eq!(named("i").as_deref(), Some("a"));
        wait_until("it is full", || figures(&tracer, "i", "src").unwrap().get::<f64>("fill") == Ok(1.0));
    }
    let pad = pipeline.element("mix").static_pad("sink_0").unwrap();
    if tells(pad.upcast_ref()) {
        assert_eq!(named("j").as_deref(), Some("mix:sink_0"));
        assert!(number("j", "src", "fill-buffers").is_some());
    }
    assert_eq!(number("q", "src", "overruns"), None, "nobody counts them");
}

#[test]
fn a_report_and_a_textfile_of_one_name_do_not_destroy_each_other() {
    alone!();
    init();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("health");
    let kind = gst::glib::Type::from_name("GstPipelineHealth").unwrap();
    let tracer = gst::glib::Object::builder_with_type(kind)
        .property("report", path.to_str().unwrap())
        .property("textfile", path.to_str().unwrap())
        .property("interval", 20_000_000u64)
        .build();
    let pipeline = TestPipeline::parse("videotestsrc is-live=true ! fakesink");
    pipeline.set_state(gst::State::Playing).unwrap();
    wait_until("the file is there", || std::fs::read_to_string(&path).is_ok_and(|text| text.starts_with("# HELP")));
    // The report is written at the latest now.
    tracer.emit_by_name::<()>("stop", &[]);
    let bus = pipeline.bus().unwrap();
    let message = bus.timed_pop_filtered(gst::ClockTime::from_seconds(60), &[gst::MessageType::Warning]);
    let message = message.expect("a word about the name");
    let gst::MessageView::Warning(warning) = message.view() else { panic!("{message:?}") };
    assert!(warning.error().message().contains("something else is there"), "{warning:?}");
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("# HELP"));
    drop(tracer);
}

/// In front of what puts songs one after the other each has its own time, which is not the pipeline's.
#[test]
fn songs_without_a_gap_are_not_slow() {
    alone!();
    let tracer = tracer();
    let files = crate::common::audio::Fixtures::new();
    let uri = gst::glib::filename_to_uri(files.flac(&files.wav(44_100, 110_250)), None).unwrap();
    let player = gst::ElementFactory::make("playbin3").property("uri", uri.as_str()).build().unwrap();
    let sink = gst::ElementFactory::make("fakesink").property("sync", true).build().unwrap();
    player.set_property("audio-sink", &sink);
    let songs = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(1));
    let played = songs.clone();
    player.connect("about-to-finish", false, move |args| {
        if songs.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < 3 {
            args[0].get::<gst::Element>().unwrap().set_property("uri", uri.as_str());
        }
        None
    });
    player.set_state(gst::State::Playing).unwrap();
    let bus = player.bus().unwrap();
    let types = [gst::MessageType::Eos, gst::MessageType::Error];
    let message = bus.timed_pop_filtered(gst::ClockTime::try_from(PATIENCE).unwrap(), &types).expect("the end");
    assert_eq!(message.type_(), gst::MessageType::Eos, "{message:?}");
    // Late by whole songs, if they are taken for the pipeline's time.
    let all = tracer.property::<gst::Array>("stats");
    let (mut timed, mut late) = (0, Vec::new());
    for figures in all.iter().map(|figures| figures.get::<gst::Structure>().unwrap()) {
        let count = |name: &str| figures.get::<u64>(name).unwrap();
        timed += count("timed");
        // Headers of a song come before its segment.
        if count("late") > 6 && count("late") * 4 > count("timed") {
            late.push(format!("{}: {} of {}", figures.get::<&str>("element").unwrap(), count("late"), count("timed")));
        }
    }
    assert!(timed > 100 && late.is_empty(), "{late:?} of {timed}");
    player.set_state(gst::State::Null).unwrap();
    assert!(played.load(std::sync::atomic::Ordering::Relaxed) >= 3, "three songs");
    drop(tracer);
}

#[test]
fn pipelines_that_are_gone_leave_nothing() {
    alone!();
    let tracer = tracer();
    let run = |times| {
        for _ in 0..times {
            let pipeline = TestPipeline::parse("videotestsrc num-buffers=2 ! queue ! fakesink");
            pipeline.run(PATIENCE).expect_eos();
        }
        wait_until("none is looked after", || tracer.property::<gst::Array>("stats").is_empty());
    };
    run(100);
    let before = kib("VmRSS");
    run(if cfg!(feature = "full") { 10_000 } else { 300 });
    let grown = kib("VmRSS").saturating_sub(before);
    // One probe has 30 KB, of which there were more than 600.
    assert!(grown < 6_000, "{grown} KiB more");
}
