//! How much `adaptivequeue` holds, what it leases for it, and what it gives back. The budget is that of the process.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gst::prelude::*;
use gststeady::logic::memory::machine::Machine;
use gststeady::logic::memory::policy::Policy;
use gststeady::logic::memory::{process_budget, set_policy};

use crate::common::pads::{Between, Blocked, buffer};
use crate::common::process::alone;
use crate::common::{self, TestPipeline, wait_until};
use crate::jams;

pub const GIB: u64 = 1 << 30;
/// 8K in RGBA.
const HUGE: u64 = 7680 * 4320 * 4;

pub fn caps(width: i32, height: i32) -> gst::Caps {
    common::init();
    let caps = gst::Caps::builder("video/x-raw").field("format", "RGBA").field("width", width).field("height", height);
    caps.field("framerate", gst::Fraction::new(30, 1)).build()
}

pub fn stats(element: &gst::Element) -> gst::Structure {
    element.property("stats")
}

fn leased() -> u64 {
    process_budget().stats().leased
}

/// A playing queue with caps, blocked behind.
pub fn with_caps(setup: impl FnOnce(&gst::Element), caps: &gst::Caps) -> (Between, Blocked) {
    let q = Between::new("adaptivequeue");
    setup(&q.element);
    let blocked = Blocked::new(&q.element);
    q.set_state(gst::State::Playing);
    q.src.push_event(gst::event::StreamStart::new("memory"));
    q.src.push_event(gst::event::Caps::new(caps));
    q.src.push_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new()));
    (q, blocked)
}

#[test]
fn the_tier_follows_the_assumed_memory_and_the_role_and_the_start_the_role_alone() {
    alone!();
    for (gib, role, frames) in [
        (32, "rendered", 64),
        (16, "rendered", 32),
        (8, "rendered", 16),
        (4, "rendered", 8),
        (32, "encoder", 32),
        (8, "encoder", 8),
        (1, "encoder", 4),
        (32, "animation", 16),
    ] {
        let (q, _blocked) = with_caps(
            |e| {
                e.set_property("assume-memory", gib * GIB);
                e.set_property_from_str("role", role);
                e.set_property_from_str("sizing", "tier");
            },
            &caps(64, 64),
        );
        assert_eq!(q.element.property::<u32>("max-size-buffers"), frames, "{gib} GiB as {role}");
        assert_eq!(q.element.property::<u64>("max-size-time"), 0);
        assert_eq!(stats(&q.element).get::<u64>("lease").unwrap(), u64::from(frames) * 64 * 64 * 4);
        q.element.set_property_from_str("sizing", "adaptive");
        let start = match role {
            "rendered" => 8,
            "encoder" => 4,
            _ => 16,
        };
        assert_eq!(q.element.property::<u32>("max-size-buffers"), start, "{gib} GiB as {role}");
        q.src.push(buffer(None, None)).unwrap();
        assert_eq!(stats(&q.element).get::<u64>("lease").unwrap(), u64::from(start) * 64 * 64 * 4);
    }
    assert_eq!(leased(), 0, "all of it is given back");
}

#[test]
fn a_tier_of_huge_frames_gives_way_to_the_memory_that_is_free() {
    alone!();
    let tier = |gib: f64| {
        move |e: &gst::Element| {
            e.set_property("assume-memory", (gib * GIB as f64) as u64);
            e.set_property_from_str("sizing", "tier");
        }
    };
    let (q, _blocked) = with_caps(tier(2.0), &caps(7680, 4320));
    // 8 frames are 1.06 GB, more than half of 2 GiB, and there is no smaller tier: the budget decides.
    assert_eq!(q.element.property::<u32>("max-size-buffers"), 8);
    let (q, _blocked) = with_caps(tier(15.0), &caps(7680, 4320));
    assert_eq!(q.element.property::<u32>("max-size-buffers"), 32, "32 frames are 4.2 GB, less than half");
    let (q, _blocked) = with_caps(tier(7.875), &caps(11000, 11000));
    assert_eq!(q.element.property::<u32>("max-size-buffers"), 8, "16 frames would be 7.7 GB");
}

#[test]
fn audio_and_encoded_data_count_time_and_buffers() {
    alone!();
    common::init();
    let (q, _blocked) = with_caps(|_| (), &gst::Caps::new_empty_simple("audio/x-vorbis"));
    let limits = |q: &Between| {
        (q.element.property::<u32>("max-size-buffers"), q.element.property::<u64>("max-size-time") / 1_000_000_000)
    };
    assert_eq!(limits(&q), (200, 3));
    assert!((4 << 20..=65 << 20).contains(&q.element.property::<u32>("max-size-bytes")));
}

#[test]
fn what_the_user_sets_stays_until_it_is_given_back() {
    alone!();
    let (q, _blocked) = with_caps(|e| e.set_property("max-size-buffers", 5u32), &caps(64, 64));
    assert_eq!(q.element.property::<u32>("max-size-buffers"), 5);
    let sizing = q.element.property_value("sizing");
    assert_eq!(gst::glib::EnumValue::from_value(&sizing).unwrap().1.nick(), "fixed");
    q.src.push_event(gst::event::Caps::new(&caps(128, 128)));
    assert_eq!(q.element.property::<u32>("max-size-buffers"), 5, "new caps do not change it");
    q.element.set_property_from_str("sizing", "adaptive");
    assert_eq!(q.element.property::<u32>("max-size-buffers"), 8);
    q.element.set_property("max-size-bytes", 5u32);
    q.element.set_property_from_str("sizing", "tier");
    let sizing = q.element.property_value("sizing");
    assert_eq!(gst::glib::EnumValue::from_value(&sizing).unwrap().1.nick(), "tier");
    assert!(q.element.property::<u32>("max-size-bytes") > 5);
    q.element.set_property_from_str("sizing", "adaptive");
    q.element.set_property_from_str("sizing", "fixed");
    let frozen = q.element.property::<u32>("max-size-buffers");
    q.element.set_property_from_str("role", "animation");
    assert_eq!(q.element.property::<u32>("max-size-buffers"), frozen);
}

#[test]
fn the_lease_is_given_back_by_drain_caps_flush_and_null() {
    alone!();
    let lease = |q: &Between| stats(&q.element).get::<u64>("lease").unwrap();
    let (q, blocked) = with_caps(|_| (), &caps(64, 64));
    q.link_sink();
    drop(blocked);
    let first = lease(&q);
    assert!(first > 0);
    q.src.push_event(gst::event::Caps::new(&caps(64, 32)));
    assert_eq!(lease(&q), first / 2, "new caps, new lease");
    q.src.push_event(gst::event::FlushStart::new());
    q.src.push_event(gst::event::FlushStop::new(true));
    assert_eq!((lease(&q), leased()), (0, 0), "a flush gives it back");
    q.src.push_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new()));
    q.src.push(buffer(None, None)).unwrap();
    assert_eq!(lease(&q), first / 2, "the next data takes it again");
    q.src.push_event(gst::event::Eos::new());
    wait_until("EOS gives it back", || leased() == 0);
    q.src.push_event(gst::event::StreamStart::new("next"));
    q.src.push_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new()));
    q.src.push(buffer(None, None)).unwrap();
    assert_eq!(lease(&q), first / 2);
    q.set_state(gst::State::Null);
    assert_eq!(leased(), 0, "NULL gives it back");
}

/// A frame whose memory is mapped and never touched, counted while it lives.
struct Untouched(Vec<u8>, Arc<AtomicU64>);

impl Untouched {
    fn buffer(bytes: u64, live: &Arc<AtomicU64>) -> gst::Buffer {
        live.fetch_add(bytes, Ordering::SeqCst);
        // Zeroed memory of this size comes straight from the system, page by page when first used.
        gst::Buffer::from_mut_slice(Self(vec![0; bytes as usize], Arc::clone(live)))
    }
}

impl Drop for Untouched {
    fn drop(&mut self) {
        self.1.fetch_sub(self.0.len() as u64, Ordering::SeqCst);
    }
}

impl AsRef<[u8]> for Untouched {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl AsMut<[u8]> for Untouched {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

fn at_the_tier_of_64_gib(queue: &gst::Element) {
    queue.set_property("assume-memory", 64 * GIB);
    queue.set_property_from_str("sizing", "tier");
}

#[test]
fn queues_of_huge_frames_stay_within_the_budget_and_their_floors() {
    const QUEUES: u64 = 32;
    const FLOORS: u64 = QUEUES * 2 * HUGE;
    alone!();
    let limit = process_budget().stats().limit;
    let queues: Vec<_> = (0..QUEUES).map(|_| with_caps(at_the_tier_of_64_gib, &caps(7680, 4320))).collect();
    let total = process_budget().stats();
    assert!(total.leased <= limit && total.overcommit <= FLOORS, "{total:?}");
    let live: Arc<AtomicU64> = Arc::default();
    std::thread::scope(|scope| {
        for (q, _) in &queues {
            let live = &live;
            scope.spawn(move || while q.src.push(Untouched::buffer(HUGE, live)).is_ok() {});
        }
        let sum = |name: &str| queues.iter().map(|(q, _)| u64::from(q.element.property::<u32>(name))).sum::<u64>();
        let full = |(q, _): &(Between, Blocked)| {
            q.element.property::<u32>("current-level-buffers") == q.element.property::<u32>("max-size-buffers")
        };
        wait_until("all are full and each source holds its next frame", || {
            queues.iter().all(full) && live.load(Ordering::SeqCst) == (sum("current-level-buffers") + QUEUES) * HUGE
        });
        let held = live.load(Ordering::SeqCst) - QUEUES * HUGE;
        assert!(held <= total.leased + total.overcommit, "{held} in the queues: {total:?}");
        assert!(held >= FLOORS && held + FLOORS >= limit.min(QUEUES * 64 * HUGE), "{held} in the queues: {total:?}");
        let overcommit = |(q, _): &(Between, Blocked)| stats(&q.element).get::<u64>("overcommit").unwrap();
        assert_eq!(total.overcommit, queues.iter().map(overcommit).sum::<u64>());
        queues.iter().for_each(|(q, _)| q.set_state(gst::State::Null));
    });
    assert_eq!((leased(), process_budget().stats().overcommit, live.load(Ordering::SeqCst)), (0, 0, 0));
}

#[test]
fn a_full_queue_shrinks_to_its_floor_while_memory_is_low() {
    // So large a machine that any reserve is allowed: then it decides whether memory is low.
    alone!("STEADY_ASSUME_MEMORY" = "16000T", "STEADY_MEMORY_LIMIT" = "1G");
    common::init();
    let frame = 64 * 64 * 4;
    let reserve = |part_of_available: f64| {
        let available = Machine::detect().available.unwrap() as f64;
        set_policy(Policy { reserve: (available * part_of_available) as u64, ..Policy::default() });
    };
    reserve(0.1);
    let (q, blocked) = with_caps(|e| e.set_property("assume-memory", GIB), &caps(64, 64));
    // Beside it, what the second input of a muxer may need in full.
    let beside = jams::LONG.parse(
        "videotestsrc ! video/x-raw,width=64,height=64 ! tee name=t t. ! Q name=q role=animation ! m. \
         t. ! queue ! m. matroskamux name=m ! fakesink name=sink signal-handoffs=true",
    );
    let gate = jams::hold_sink(&beside);
    beside.set_state(gst::State::Playing).unwrap();
    let limit = || q.element.property::<u32>("max-size-buffers");
    let lease = || stats(&q.element).get::<u64>("lease").unwrap();
    std::thread::scope(|scope| {
        let producer = scope.spawn(|| while q.src.push(gst::Buffer::with_size(frame).unwrap()).is_ok() {});
        wait_until("full", || q.element.property::<u32>("current-level-buffers") == 8);
        assert_eq!((limit(), lease()), (8, 8 * frame as u64));
        reserve(1.5);
        let mut seen = vec![8];
        wait_until("at the floor", || {
            let now = limit();
            if seen.last() != Some(&now) {
                seen.push(now);
            }
            now == 2
        });
        assert_eq!(seen, [8, 6, 5, 4, 3, 2], "a quarter at a time");
        assert_eq!(lease(), 8 * frame as u64, "what is inside stays leased");
        let before = process_budget().stats().limit;
        reserve(4.0);
        wait_until("the budget falls", || process_budget().stats().limit < before);
        q.link_sink();
        drop(blocked);
        wait_until("the lease follows what is inside", || lease() == 2 * frame as u64);
        assert_eq!(limit(), 2);
        q.set_state(gst::State::Null);
        producer.join().unwrap();
    });
    let queue = beside.element("q");
    assert_eq!(queue.property::<u32>("current-level-buffers"), 16, "full all the time");
    assert_eq!(queue.property::<u32>("max-size-buffers"), 16, "and what the other input may need is kept");
    gate.open();
}

#[test]
fn a_budget_of_one_frame_still_finishes_eight_branches_into_one_muxer() {
    let branch = |_| " t. ! adaptivequeue ! jpegenc ! m.".to_string();
    let description = format!(
        "videotestsrc num-buffers=30 ! video/x-raw,format=I420,width=64,height=64 ! tee name=t \
         matroskamux name=m ! fakesink{}",
        (0..8).map(branch).collect::<String>()
    );
    let text = jams::Launched::new(&description, &[("STEADY_MEMORY_LIMIT", "8K")]).finish();
    assert!(text.contains("Got EOS") && !text.contains("ERROR"), "{text}");
}

#[test]
fn a_lower_limit_is_obeyed_by_the_next_lease() {
    // Room for 20 frames. A limit that is set from inside may give way to the next look at the machine.
    alone!("STEADY_MEMORY_LIMIT" = "327680");
    let (q, _blocked) = with_caps(at_the_tier_of_64_gib, &caps(64, 64));
    assert_eq!(q.element.property::<u32>("max-size-buffers"), 20);
}

#[test]
fn growth_falls_back_when_the_queue_has_drained() {
    alone!();
    let pipeline = TestPipeline::parse(&jams::recording("adaptivequeue name=q assume-memory=1073741824"));
    pipeline.run(Duration::from_secs(20)).expect_eos();
    let queue = pipeline.element("q");
    let stats = stats(&queue);
    assert!(stats.get::<u64>("growths").unwrap() > 0);
    assert!(stats.get::<u64>("peak-level-buffers").unwrap() > 8);
    assert_eq!(queue.property::<u32>("max-size-buffers"), 8, "back at its first size: {stats}");
    pipeline.set_state(gst::State::Null).unwrap();
    wait_until("nothing is leased", || leased() == 0);
}

#[test]
fn the_log_says_in_one_line_what_was_found_and_warns_of_little_memory() {
    alone!("STEADY_MEMORY_LIMIT" = "1G");
    common::init();
    let lines: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = Arc::clone(&lines);
    gst::log::set_threshold_for_name("adaptivequeue", gst::DebugLevel::Info);
    gst::log::add_log_function(move |category, level, _, _, _, _, message| {
        if category.name() == "adaptivequeue" && level <= gst::DebugLevel::Info {
            log.lock().unwrap().push(format!("{level:?}: {}", message.get().unwrap_or_default()));
        }
    });
    let hold = |gib: u64, width, height| {
        lines.lock().unwrap().clear();
        let setup = |e: &gst::Element| {
            e.set_property("assume-memory", gib * GIB);
            e.set_property_from_str("sizing", "tier");
        };
        with_caps(setup, &caps(width, height));
        lines.lock().unwrap().join("\n")
    };
    insta::assert_snapshot!(hold(8, 64, 64), @"Info: memory 8192 MiB (override), budget for frames 1024 MiB: holds up to 16 raw frames as Rendered");
    insta::assert_snapshot!(hold(7, 64, 64), @"Warning: little or unknown memory: memory 7168 MiB (override), budget for frames 1024 MiB: holds up to 8 raw frames as Rendered");
    insta::assert_snapshot!(hold(1, 64, 64), @"Warning: little or unknown memory: memory 1024 MiB (override), budget for frames 1024 MiB: holds up to 8 raw frames as Rendered");
    // 16 frames would be 7.7 GB of 8, and one is half of the budget.
    insta::assert_snapshot!(hold(8, 11000, 11000), @r#"
Info: memory 8192 MiB (override), budget for frames 1024 MiB: holds up to 16 raw frames as Rendered
Warning: too little memory is free for this machine's usual queue: holds 8 frames
Warning: the memory budget has no room for 6 of 8 buffers: holds 2
"#);
}

#[test]
fn back_pressure_is_told_once_each_way() {
    alone!();
    let (q, blocked) = with_caps(|e| e.set_property("max-size-buffers", 10u32), &caps(64, 64));
    let bus = gst::Bus::new();
    q.element.set_bus(Some(&bus));
    for _ in 0..10 {
        q.src.push(buffer(None, None)).unwrap();
    }
    assert!(q.element.property::<bool>("backpressure"));
    q.link_sink();
    drop(blocked);
    wait_until("back-pressure ends", || !q.element.property::<bool>("backpressure"));
    q.wait_for_buffers(10);
    let told: Vec<_> = std::iter::from_fn(|| bus.pop_filtered(&[gst::MessageType::Element]))
        .map(|message| message.structure().unwrap().to_owned())
        .map(|s| (s.name().to_string(), s.get::<bool>("active").unwrap(), s.get::<u64>("episode").unwrap()))
        .collect();
    let name = "adaptivequeue-backpressure".to_string();
    assert_eq!(told, [(name.clone(), true, 1), (name, false, 1)]);
}

#[test]
fn contradicting_watermarks_are_refused_with_a_message() {
    alone!();
    let pipeline =
        TestPipeline::parse("fakesrc ! adaptivequeue name=q high-watermark=0.5 low-watermark=0.5 ! fakesink");
    assert!(pipeline.set_state(gst::State::Playing).is_err());
    let (error, _) = pipeline.wait(common::PATIENCE).unwrap_error();
    insta::assert_snapshot!(error.message(), @"high-watermark (0.5) must be above low-watermark (0.5). Raise the one or lower the other.");
    let (q, _blocked) = with_caps(|e| e.set_property("max-size-buffers", 10u32), &caps(64, 64));
    let bus = gst::Bus::new();
    q.element.set_bus(Some(&bus));
    q.element.set_property("low-watermark", 0.95);
    for _ in 0..10 {
        q.src.push(buffer(None, None)).unwrap();
    }
    let warning = bus.pop_filtered(&[gst::MessageType::Warning]).expect("posted by the push that crossed the mark");
    let gst::MessageView::Warning(warning) = warning.view() else { unreachable!() };
    insta::assert_snapshot!(warning.error().message(), @"high-watermark (0.9) must be above low-watermark (0.95). Raise the one or lower the other. The defaults are used.");
    assert_eq!(q.element.property::<f64>("low-watermark"), 0.7);
    assert!(q.element.property::<bool>("backpressure"), "by the defaults");
}

#[test]
fn stats_count_what_passed() {
    alone!();
    let (q, blocked) = with_caps(
        |e| {
            e.set_property("max-size-buffers", 4u32);
            e.set_property_from_str("leaky", "upstream");
        },
        &caps(64, 64),
    );
    for i in 0..6 {
        q.src.push(buffer(Some(i * 10), Some(10))).unwrap();
    }
    q.link_sink();
    drop(blocked);
    q.wait_for_buffers(4);
    let get = |name: &str| stats(&q.element).get::<u64>(name).unwrap();
    assert_eq!((get("pushed"), get("popped"), get("dropped"), get("bytes")), (4, 4, 2, 16));
    assert_eq!((get("peak-level-buffers"), get("peak-level-bytes"), get("peak-level-time")), (4, 16, 40_000_000));
    let waits = || stats(&q.element).get::<gst::Structure>("consumer-waits").unwrap().get::<u64>("count").unwrap();
    let before = waits();
    wait_until("a wait is counted when it ends", || {
        q.src.push(buffer(None, None)).unwrap();
        waits() > before
    });
}

#[test]
fn the_documented_fields_are_those_of_the_structures() {
    alone!();
    let (q, _blocked) = with_caps(|_| (), &caps(64, 64));
    let text = include_str!("../../docs/messages.md");
    let section = text.split("\n## adaptivequeue\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let tables: Vec<Vec<&str>> = section
        .split("| field |")
        .skip(1)
        .map(|table| {
            let rows = table.lines().skip(2).take_while(|line| line.starts_with("| `"));
            rows.map(|row| row.split('`').nth(1).unwrap()).collect()
        })
        .collect();
    let fields = |s: &gst::StructureRef| s.fields().map(|f| f.to_string()).collect::<Vec<_>>();
    assert_eq!(tables[0], fields(&stats(&q.element)));

    let pipeline =
        jams::SHORT.parse("videotestsrc ! Q name=q on-timeout=error ! fakesink name=sink signal-handoffs=true");
    let gate = jams::hold_sink(&pipeline);
    let pressure = {
        pipeline.set_state(gst::State::Playing).unwrap();
        pipeline.next_message("adaptivequeue-backpressure", common::PATIENCE).unwrap()
    };
    assert_eq!(tables[1], fields(pressure.structure().unwrap()));
    let (_, _, details) = jams::one_error(&pipeline, jams::SHORT);
    assert_eq!(tables[2], fields(&details));
    gate.open();
}
