//! `adaptivequeue` speaks up when a pipeline has come to a halt, and only then. It asks whether the process is at work, so
//! that each test here has a process to itself: the work of another one would excuse every stall.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use gst::prelude::*;

use crate::common::gate::{Gate, Opener};
use crate::common::process::{alone, name_of};
use crate::common::{self, Outcome, TestPipeline, wait_until};
use crate::jams::{
    self, SHORT, Scale, ask_before_buffer, expect_no_error, hold_sink, one_error, plays_without_error, recording,
    without_numbers,
};

const GIB: u64 = 1 << 30;
/// The times that the specification gives a stall.
const DEFAULT: Scale = Scale { timeout: Duration::from_secs(5), hold: Duration::from_secs(1) };

#[test]
fn recording_graphs_finish_at_every_tier_by_growth() {
    alone!();
    let tiers = ["rendered", "encoder"].into_iter().flat_map(|role| [1, 8, 16, 32].map(|gib| (gib, role)));
    for (gib, role) in tiers.chain([(1, "animation")]) {
        let queue = format!("adaptivequeue name=q role={role} sizing=tier assume-memory={}", gib * GIB);
        let pipeline = TestPipeline::parse(&recording(&queue));
        let began = Instant::now();
        pipeline.run(Duration::from_secs(20)).expect_eos();
        let stats: gst::Structure = pipeline.element("q").property("stats");
        let grown = stats.get::<u64>("growths").unwrap();
        assert_eq!(stats.get::<u64>("popped").unwrap(), 120);
        match (gib, role) {
            (32, "rendered") => assert_eq!(grown, 0, "64 frames are enough: {stats}"),
            _ => assert!(grown > 0, "{gib} GiB: {stats}"),
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{gib} GiB took {:?}", began.elapsed());
    }
}

#[test]
fn a_recording_graph_that_must_not_grow_gets_one_clear_error() {
    alone!();
    let pipeline = DEFAULT.parse(&recording("adaptivequeue name=q max-size-buffers=8"));
    pipeline.set_state(gst::State::Playing).unwrap();
    let (took, text, details) = one_error(&pipeline, DEFAULT);
    assert!((5.0..=6.5).contains(&took.as_secs_f64()), "{took:?}");
    insta::assert_snapshot!(without_numbers(&text), @"The pipeline has stalled: the queue q has been full (N buffers, N MB, N s) for N s because m holds its input video_0 until data comes to video_1, which the same source feeds, and that source is blocked here. Let the queue grow: do not set max-size-buffers, or set it higher.");
    assert_eq!(details.get::<&str>("reason").unwrap(), "preroll-deadlock");
    assert_eq!(details.get::<&str>("downstream").unwrap(), "m:video_0");
    assert_eq!(details.get::<gst::ArrayRef>("starved").unwrap().as_slice()[0].get::<&str>().unwrap(), "m:video_1");
}

#[test]
fn a_recording_graph_without_memory_to_grow_gets_one_clear_error() {
    // Three frames of the graph; the second queue has its floor as well.
    alone!("STEADY_MEMORY_LIMIT" = "84K");
    let pipeline = DEFAULT.parse(&recording("adaptivequeue name=q"));
    pipeline.set_state(gst::State::Playing).unwrap();
    let (took, text, details) = one_error(&pipeline, DEFAULT);
    assert!((5.0..=6.5).contains(&took.as_secs_f64()), "{took:?}");
    insta::assert_snapshot!(without_numbers(&text), @"The pipeline has stalled: the queue q has been full (N buffers, N MB, N s) for N s because m holds its input video_0 until data comes to video_1, which the same source feeds, and the memory budget has no room for more in this queue. Raise STEADY_MEMORY_LIMIT, use smaller frames, or a shorter lookahead in the other branch.");
    assert_eq!(details.get::<&str>("reason").unwrap(), "budget");
}

#[test]
fn a_sink_that_never_returns_is_named_and_null_does_not_hang() {
    alone!();
    let pipeline = DEFAULT.parse("videotestsrc ! Q name=q on-timeout=error ! fakesink name=sink signal-handoffs=true");
    let gate = hold_sink(&pipeline);
    pipeline.set_state(gst::State::Playing).unwrap();
    let (took, text, details) = one_error(&pipeline, DEFAULT);
    assert!((5.0..=6.5).contains(&took.as_secs_f64()), "{took:?}");
    insta::assert_snapshot!(without_numbers(&text), @"The pipeline has stalled: the queue q has been full (N buffers, N MB, N s) for N s because sink has not finished with what came to its input sink. See what sink waits for; if it may take longer, set push-timeout=30000000000 (N s) on q.");
    assert_eq!(details.get::<&str>("queue").unwrap(), "q");
    assert_eq!(details.get::<&str>("downstream").unwrap(), "sink:sink");
    assert_eq!(details.get::<&str>("reason").unwrap(), "stalled");
    assert!(details.get::<u64>("blocked-for").unwrap() >= 5_000_000_000);
    gate.open();
    let began = Instant::now();
    pipeline.set_state(gst::State::Null).unwrap();
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}

#[test]
fn the_end_of_a_stream_that_cannot_leave_is_a_stall_as_well() {
    alone!();
    let pipeline = SHORT
        .parse("videotestsrc num-buffers=5 ! Q on-timeout=error ! fakesink name=sink signal-handoffs=true sync=false");
    let gate = hold_sink(&pipeline);
    pipeline.set_state(gst::State::Playing).unwrap();
    let (_, text, _) = one_error(&pipeline, SHORT);
    insta::assert_snapshot!(without_numbers(&text), @"The pipeline has stalled: the queue adaptivequeue0 could not send its last data (N buffers, N MB, N s) for N s because sink has not finished with what came to its input sink. See what sink waits for; if it may take longer, set push-timeout=3750000000 (N s) on adaptivequeue0.");
    gate.open();
}

#[test]
fn a_source_that_waits_for_the_answer_to_a_query_is_stuck_as_well() {
    alone!();
    let pipeline =
        DEFAULT.parse("videotestsrc name=s ! Q name=q on-timeout=error ! fakesink name=sink signal-handoffs=true");
    let gate = hold_sink(&pipeline);
    ask_before_buffer(&pipeline, 3);
    pipeline.set_state(gst::State::Playing).unwrap();
    let (took, text, details) = one_error(&pipeline, DEFAULT);
    assert!((5.0..=6.5).contains(&took.as_secs_f64()), "{took:?}");
    insta::assert_snapshot!(without_numbers(&text), @"The pipeline has stalled: the drain query that waits in the queue q (behind N buffer, N MB) has had no answer for N s because sink has not finished with what came to its input sink. See what sink waits for; if it may take longer, set push-timeout=30000000000 (N s) on q.");
    assert_eq!(details.get::<u64>("level-buffers").unwrap(), 1);
    gate.open();
    let began = Instant::now();
    pipeline.set_state(gst::State::Null).unwrap();
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}

#[test]
fn a_query_that_downstream_never_answers_is_a_stall() {
    alone!();
    let pipeline = SHORT.parse("videotestsrc name=s ! Q name=q on-timeout=error ! fakesink name=sink async=false");
    let gate = Opener(Gate::default());
    let held = gate.0.clone();
    let kinds = gst::PadProbeType::QUERY_DOWNSTREAM | gst::PadProbeType::PUSH;
    pipeline.element("sink").static_pad("sink").unwrap().add_probe(kinds, move |_, info| {
        if info.query().is_some_and(|query| query.type_() == gst::QueryType::Drain) {
            held.pass();
        }
        gst::PadProbeReturn::Ok
    });
    ask_before_buffer(&pipeline, 1);
    pipeline.set_state(gst::State::Playing).unwrap();
    let (_, text, _) = one_error(&pipeline, SHORT);
    insta::assert_snapshot!(without_numbers(&text), @"The pipeline has stalled: the drain query that waits in the queue q has had no answer for N s because sink has not finished with what came to its input sink. See what sink waits for; if it may take longer, set push-timeout=3750000000 (N s) on q.");
    gate.open();
}

#[test]
fn a_query_that_waits_for_the_clock_is_no_stall() {
    alone!();
    let pipeline = SHORT.parse(
        "videotestsrc name=s ! video/x-raw,framerate=1/2 ! identity name=i ! Q max-size-buffers=2 ! fakesink sync=true",
    );
    let asked = jams::ask_before_every_buffer(&pipeline);
    pipeline.set_state(gst::State::Playing).unwrap();
    expect_no_error(&pipeline, SHORT.hold * 2);
    assert!(asked.load(Ordering::SeqCst) > 1);
}

#[test]
fn a_halt_of_several_queues_is_told_of_once() {
    alone!();
    let source = jams::SOURCE;
    let pipeline = SHORT.parse(&format!(
        "funnel name=f ! fakesink name=sink signal-handoffs=true {source} ! Q name=a on-timeout=error ! f. {source} ! Q on-timeout=error ! Q name=b on-timeout=error ! f."
    ));
    let gate = hold_sink(&pipeline);
    pipeline.set_state(gst::State::Playing).unwrap();
    one_error(&pipeline, SHORT);
    for name in ["a", "b"] {
        let queue = pipeline.element(name);
        assert_eq!(
            queue.property::<u32>("current-level-buffers"),
            queue.property::<u32>("max-size-buffers"),
            "{name} is full"
        );
    }
    gate.open();
}

#[test]
fn on_timeout_warning_waits_on() {
    alone!();
    let pipeline = SHORT.parse("videotestsrc ! Q on-timeout=warning ! fakesink name=sink signal-handoffs=true");
    let gate = hold_sink(&pipeline);
    pipeline.set_state(gst::State::Playing).unwrap();
    let bus = pipeline.bus().unwrap();
    let patience = gst::ClockTime::try_from(common::PATIENCE).unwrap();
    let warning = bus.timed_pop_filtered(patience, &[gst::MessageType::Warning, gst::MessageType::Error]).unwrap();
    assert_eq!(warning.type_(), gst::MessageType::Warning);
    gate.open();
    expect_no_error(&pipeline, SHORT.timeout * 2);
}

#[test]
fn on_timeout_leak_lets_the_producer_go_on() {
    alone!();
    let pipeline = SHORT.parse(
        "videotestsrc ! identity name=i ! Q name=q max-size-buffers=3 on-timeout=leak ! \
         fakesink name=sink signal-handoffs=true sync=false",
    );
    let gate = hold_sink(&pipeline);
    pipeline.set_state(gst::State::Playing).unwrap();
    jams::wait_for_warning(&pipeline);
    let dropped = || pipeline.element("q").property::<gst::Structure>("stats").get::<u64>("dropped").unwrap();
    wait_until("old buffers are dropped", || dropped() > 100);
    gate.open();
    wait_until("it stops leaking", || {
        let before = dropped();
        std::thread::sleep(Duration::from_millis(20));
        before == dropped()
    });
    expect_no_error(&pipeline, Duration::from_millis(200));
}

#[test]
fn on_timeout_leak_ends_the_wait_for_an_answer() {
    alone!();
    let pipeline = SHORT.parse(
        "videotestsrc name=s ! Q name=q max-size-buffers=3 on-timeout=leak ! \
         fakesink name=sink signal-handoffs=true sync=false",
    );
    let gate = hold_sink(&pipeline);
    ask_before_buffer(&pipeline, 2);
    pipeline.set_state(gst::State::Playing).unwrap();
    jams::wait_for_warning(&pipeline);
    let dropped = || pipeline.element("q").property::<gst::Structure>("stats").get::<u64>("dropped").unwrap();
    wait_until("the source goes on", || dropped() > 10);
    gate.open();
}

#[test]
fn paused_on_purpose_is_no_stall() {
    alone!();
    jams::pauses(SHORT);
}

#[test]
fn a_blocking_probe_is_no_stall() {
    alone!();
    jams::is_blocked_by_a_probe(SHORT);
}

#[test]
fn waiting_for_the_clock_is_no_stall() {
    alone!();
    plays_without_error(SHORT, "videotestsrc ! video/x-raw,framerate=1/2 ! Q max-size-buffers=2 ! fakesink sync=true");
}

#[test]
fn seeking_all_the_time_is_no_stall() {
    alone!();
    jams::seeks(SHORT);
}

#[test]
fn gaps_alone_are_no_stall() {
    alone!();
    jams::sends_gaps(SHORT);
}

#[test]
fn a_slow_encoder_beside_audio_is_no_stall() {
    alone!();
    jams::encodes_slowly(SHORT, 1280, 720, 40);
}

#[test]
fn an_element_at_work_is_no_stall() {
    alone!();
    jams::works_for_long(SHORT, false);
}

#[test]
fn an_element_at_work_that_hardly_gets_a_core_is_no_stall() {
    alone!();
    jams::works_for_long(SHORT, true);
}

#[test]
fn a_slow_consumer_is_no_stall() {
    alone!();
    jams::has_a_slow_consumer(SHORT);
}

#[test]
fn an_application_that_does_not_read_is_no_stall() {
    alone!();
    insta::assert_snapshot!(without_numbers(&jams::is_not_read(SHORT)), @"The pipeline waits: the queue adaptivequeue0 has been full (N buffers, N MB, N s) for N s because the application has not taken anything from appsink0 all that time. Pull from appsink0, or let it drop (its properties drop and max-buffers).");
}

#[test]
fn a_turn_or_a_time_to_wait_for_is_no_stall() {
    alone!();
    jams::waits_for_a_turn(SHORT);
}

#[test]
fn a_suspended_process_is_no_stall() {
    jams::is_suspended(SHORT, name_of(a_suspended_process_is_no_stall));
}

#[test]
fn a_file_blocked_on_the_clock_beside_live_audio_does_not_grow() {
    alone!();
    let pipeline = SHORT.parse(
        "audiotestsrc is-live=true samplesperbuffer=8820 ! Q ! matroskamux name=m ! fakesink \
         videotestsrc ! video/x-raw,width=64,height=64 ! Q name=q role=animation ! m.",
    );
    pipeline.set_state(gst::State::Playing).unwrap();
    expect_no_error(&pipeline, SHORT.hold);
    let queue = pipeline.element("q");
    assert_eq!(queue.property::<u32>("current-level-buffers"), 16, "full");
    assert_eq!(queue.property::<gst::Structure>("stats").get::<u64>("growths").unwrap(), 0);
}

#[test]
fn gapless_playback_is_no_stall() {
    alone!();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tone.ogg");
    let make = format!("audiotestsrc num-buffers=60 ! vorbisenc ! oggmux ! filesink location={}", file.display());
    TestPipeline::parse(&make).run(common::PATIENCE).expect_eos();
    common::init();
    let playbin = gst::ElementFactory::make("playbin").build().unwrap();
    let queue = format!("adaptivequeue push-timeout={} max-size-buffers=4", SHORT.timeout.as_nanos());
    let sink = gst::parse::bin_from_description(&format!("{queue} ! fakesink sync=true"), true).unwrap();
    playbin.set_property("audio-sink", &sink);
    let uri = format!("file://{}", file.display());
    playbin.set_property("uri", &uri);
    let played = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let again = std::sync::Arc::clone(&played);
    playbin.connect("about-to-finish", false, move |values| {
        if again.fetch_add(1, std::sync::atomic::Ordering::SeqCst) < 2 {
            values[0].get::<gst::Element>().unwrap().set_property("uri", &uri);
        }
        None
    });
    let pipeline = TestPipeline(playbin.downcast().unwrap());
    match pipeline.run(common::PATIENCE) {
        Outcome::Eos => (),
        other => panic!("{other:?}"),
    }
    assert_eq!(played.load(std::sync::atomic::Ordering::SeqCst), 3);
}
