//! The queue holds as many raw frames as are needed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use gst::prelude::*;

use crate::common::pads::{Between, Blocked, buffer, count};
use crate::common::process::alone;
use crate::common::{TestPipeline, wait_until};
use crate::memory::{GIB, caps, stats, with_caps};

const FRAME: u64 = 64 * 64 * 4;

fn limit(queue: &gst::Element) -> u32 {
    queue.property("max-size-buffers")
}

fn doublings(queue: &gst::Element) -> u64 {
    stats(queue).get("doublings").unwrap()
}

fn lease(queue: &gst::Element) -> u64 {
    stats(queue).get("lease").unwrap()
}

/// A playing queue on a machine of 32 GiB with something behind it.
fn queue(setup: impl FnOnce(&gst::Element)) -> Between {
    let setup = |e: &gst::Element| {
        e.set_property("assume-memory", 32 * GIB);
        setup(e);
    };
    let (q, blocked) = with_caps(setup, &caps(64, 64));
    q.link_sink();
    drop(blocked);
    q.wait_for("stream start, caps and segment", |out| out.len() == 3);
    q
}

/// The producer is blocked, then the consumer takes all there is.
fn fill_and_drain(q: &Between) {
    let blocked = Blocked::new(&q.element);
    let overruns = count(&q.element, "overrun");
    let before = q.buffers().len();
    let full = || overruns.load(Ordering::SeqCst) > 0;
    let waits = || stats(&q.element).get::<gst::Structure>("producer-waits").unwrap().get::<u64>("count").unwrap();
    let waited = waits();
    // The consumer has one in its hands before the rest comes, and takes no other.
    q.src.push(buffer(None, None)).unwrap();
    wait_until("taken", || q.element.property::<u32>("current-level-buffers") == 0);
    let brought = std::thread::scope(|scope| {
        let producer = scope.spawn(|| {
            let mut brought = 1;
            while !full() {
                q.src.push(buffer(None, None)).unwrap();
                brought += 1;
            }
            brought
        });
        wait_until("full", full);
        assert_eq!(q.element.property::<u32>("current-level-buffers"), limit(&q.element));
        drop(blocked);
        producer.join().unwrap()
    });
    assert!(waits() > waited, "the last one had to wait");
    q.wait_for_buffers(before + brought);
}

#[test]
fn an_empty_queue_after_a_blocked_producer_doubles_up_to_the_tier() {
    alone!();
    let q = queue(|_| ());
    assert_eq!((limit(&q.element), lease(&q.element)), (8, 8 * FRAME));
    for frames in [16, 32, 64] {
        // A machine that stands still for a second makes a need go by, and one that does not let the test run makes two of one.
        wait_until("doubled", || {
            fill_and_drain(&q);
            limit(&q.element) >= frames
        });
        assert_eq!(limit(&q.element), 8 << doublings(&q.element), "by doubling");
        assert_eq!(lease(&q.element), u64::from(limit(&q.element)) * FRAME);
    }
    fill_and_drain(&q);
    assert_eq!((limit(&q.element), doublings(&q.element)), (64, 3), "never more than the tier");
    // A seek changes nothing about what the stream needs.
    q.src.push_event(gst::event::FlushStart::new());
    q.src.push_event(gst::event::FlushStop::new(true));
    q.src.push_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new()));
    q.src.push(buffer(None, None)).unwrap();
    assert_eq!((limit(&q.element), lease(&q.element)), (64, 64 * FRAME));
    q.src.push_event(gst::event::Caps::new(&caps(64, 32)));
    assert_eq!((limit(&q.element), lease(&q.element)), (8, 8 * FRAME / 2), "other frames begin anew");
}

#[test]
fn a_budget_that_denies_leaves_the_queue_as_it_is() {
    // Twenty frames.
    alone!("STEADY_MEMORY_LIMIT" = "320K");
    let q = queue(|_| ());
    wait_until("doubled", || {
        fill_and_drain(&q);
        limit(&q.element) > 8
    });
    fill_and_drain(&q);
    assert_eq!((limit(&q.element), lease(&q.element), doublings(&q.element)), (16, 16 * FRAME, 1));
}

#[test]
fn a_queue_that_is_always_full_stays_small() {
    alone!();
    let (q, blocked) = with_caps(|e| e.set_property("assume-memory", 32 * GIB), &caps(64, 64));
    q.link_sink();
    let element = q.element.clone();
    let stopped = std::sync::Arc::new(AtomicBool::new(false));
    let done = std::sync::Arc::clone(&stopped);
    // The consumer comes for more only when there is no room for any.
    q.element.static_pad("src").unwrap().add_probe(gst::PadProbeType::BUFFER, move |_, _| {
        wait_until("full again", || {
            done.load(Ordering::SeqCst) || element.property::<u32>("current-level-buffers") == limit(&element)
        });
        gst::PadProbeReturn::Ok
    });
    drop(blocked);
    for _ in 0..200 {
        q.src.push(buffer(None, None)).unwrap();
    }
    assert_eq!((limit(&q.element), doublings(&q.element)), (8, 0));
    stopped.store(true, Ordering::SeqCst);
}

#[test]
fn a_number_of_buffers_that_the_user_set_does_not_double() {
    alone!();
    let q = queue(|e| e.set_property("max-size-buffers", 8u32));
    fill_and_drain(&q);
    fill_and_drain(&q);
    assert_eq!((limit(&q.element), doublings(&q.element)), (8, 0));
}

#[test]
fn a_queue_that_holds_data_back_begins_at_its_tier() {
    alone!();
    let q = queue(|e| e.set_property("min-threshold-buffers", 40u32));
    assert_eq!(limit(&q.element), 64);
    q.element.set_property("min-threshold-buffers", 0u32);
    assert_eq!(limit(&q.element), 8);
}

#[test]
fn behind_a_live_source_a_queue_is_at_its_tier() {
    alone!();
    let memory = 32 * GIB;
    for (live, sink, frames) in [
        (true, "fakesink sync=true", 64),
        (true, "fakesink sync=false", 64),
        (true, "jpegenc ! matroskamux ! fakesink", 64),
        (false, "fakesink sync=true", 8),
    ] {
        let pipeline = TestPipeline::parse(&format!(
            "videotestsrc is-live={live} ! video/x-raw,width=64,height=64,framerate=30/1 ! \
             adaptivequeue name=q assume-memory={memory} ! identity name=i signal-handoffs=true ! {sink}"
        ));
        let passed = count(&pipeline.element("i"), "handoff");
        pipeline.set_state(gst::State::Playing).unwrap();
        wait_until("frames pass", || passed.load(Ordering::SeqCst) > 5);
        assert_eq!(limit(&pipeline.element("q")), frames, "live={live} ! {sink}");
        assert_eq!(doublings(&pipeline.element("q")), 0, "live={live} ! {sink}");
        // The next run may have another source.
        pipeline.set_state(gst::State::Ready).unwrap();
        pipeline.element("q").set_state(gst::State::Paused).unwrap();
        assert_eq!(limit(&pipeline.element("q")), 200, "of a stream that is not known yet");
    }
}

/// Half a second of frames at once, as soon as they are drawn, which takes a little less.
#[test]
fn a_bursty_producer_gets_its_tier_within_five_bursts() {
    alone!();
    const BURST: usize = 30;
    let frame = Duration::from_secs(1) / 60;
    let (q, blocked) = with_caps(|e| e.set_property("assume-memory", 16 * GIB), &caps(64, 64));
    q.link_sink();
    let due = std::sync::Mutex::new(Instant::now());
    // A display: each frame has its time, and one that is late moves those after it.
    q.element.static_pad("src").unwrap().add_probe(gst::PadProbeType::BUFFER, move |_, _| {
        let mut due = due.lock().unwrap();
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        *due = Instant::now().max(*due) + frame;
        gst::PadProbeReturn::Ok
    });
    drop(blocked);
    let limits: Vec<u32> = (0..5)
        .map(|_| {
            std::thread::sleep(frame * BURST as u32 * 9 / 10);
            for _ in 0..BURST {
                q.src.push(buffer(None, None)).unwrap();
            }
            limit(&q.element)
        })
        .collect();
    assert_eq!((limits[0], limits[4]), (8, 32), "{limits:?}");
}

/// As long as it takes.
#[cfg(feature = "full")]
#[test]
fn room_that_is_not_needed_is_given_up_after_half_a_minute() {
    alone!();
    let q = queue(|_| ());
    wait_until("doubled twice", || {
        fill_and_drain(&q);
        limit(&q.element) == 32
    });
    let began = Instant::now();
    let mut seen = vec![32];
    while limit(&q.element) > 8 {
        assert!(began.elapsed() < Duration::from_secs(90), "{seen:?}");
        q.src.push(buffer(None, None)).unwrap();
        if seen.last() != Some(&limit(&q.element)) {
            seen.push(limit(&q.element));
            assert!(began.elapsed() > Duration::from_secs(29) * (seen.len() as u32 - 1), "{seen:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!((seen, lease(&q.element)), (vec![32, 16, 8], 8 * FRAME));
}

#[cfg(feature = "full")]
mod transcode {
    use super::*;
    use crate::common::process::{name_of, start};

    /// CPU time that the process has used so far, in seconds.
    fn process_cpu_time() -> f64 {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
    }

    const QUEUE: &str = "STEADY_TEST_TRANSCODE_QUEUE";
    const FILE: &str = "STEADY_TEST_TRANSCODE_FILE";
    const ROUNDS: usize = 9;

    /// Wall and CPU time in seconds, and the most memory in MiB, of the process that this runs in.
    fn transcode(queue: &str, file: &str) -> [f64; 3] {
        let pipeline = TestPipeline::parse(
            &format!(
                "filesrc location={file} ! matroskademux ! Q ! h264parse ! avdec_h264 ! Q ! videoconvert ! Q ! \
                 x264enc speed-preset=veryfast ! Q ! h264parse ! matroskamux ! fakesink sync=false"
            )
            .replace(" Q ", &format!(" {queue} ")),
        );
        let (began, cpu) = (Instant::now(), process_cpu_time());
        pipeline.run(Duration::from_secs(120)).expect_eos();
        let (wall, cpu) = (began.elapsed().as_secs_f64(), process_cpu_time() - cpu);
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        [wall, cpu, peak.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0]
    }

    fn median(mut values: Vec<f64>) -> f64 {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    }

    /// Against `queue`, whose ten megabytes are seven frames here, on a machine whose tier would be 64 frames.
    #[test]
    fn a_transcode_with_four_queues_takes_hardly_more_than_with_those_of_gstreamer() {
        if let (Ok(queue), Ok(file)) = (std::env::var(QUEUE), std::env::var(FILE)) {
            let [wall, cpu, peak] = transcode(&queue, &file);
            println!("\ncost {wall} {cpu} {peak}");
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("input.mkv").display().to_string();
        let make = format!(
            "videotestsrc num-buffers=600 pattern=ball ! video/x-raw,format=I420,width=1280,height=720,framerate=30/1 ! \
             x264enc speed-preset=ultrafast ! h264parse ! matroskamux ! filesink location={file}"
        );
        TestPipeline::parse(&make).run(crate::common::PATIENCE).expect_eos();
        let test = name_of(a_transcode_with_four_queues_takes_hardly_more_than_with_those_of_gstreamer);
        let run = |queue: &str| -> [f64; 3] {
            let child = start(test, &[(QUEUE, queue), (FILE, &file)]).expect("another process");
            let output = child.wait_with_output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            let cost = text.lines().find_map(|line| line.strip_prefix("cost "));
            let cost = cost.unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)));
            let numbers: Vec<f64> = cost.split(' ').map(|number| number.parse().unwrap()).collect();
            numbers.try_into().unwrap()
        };
        let ours = format!("adaptivequeue assume-memory={}", 32 * GIB);
        let rounds: Vec<_> = (0..ROUNDS)
            .map(|round| match round % 2 {
                // Each is as often the first.
                0 => (run("queue"), run(&ours)),
                _ => {
                    let ours = run(&ours);
                    (run("queue"), ours)
                }
            })
            .collect();
        let ratio = |i: usize| median(rounds.iter().map(|(theirs, ours)| ours[i] / theirs[i]).collect());
        let [wall, cpu, peak] = [0, 1, 2].map(ratio);
        println!("wall {wall:.3}, CPU {cpu:.3}, peak memory {peak:.3} of those with queue: {rounds:.2?}");
        assert!(peak <= 1.1, "peak memory {peak:.3}: {rounds:.2?}");
        assert!(cpu <= 1.02, "CPU {cpu:.3}: {rounds:.2?}");
        // Where the same work takes now longer and now shorter, other programs decide how long.
        let walls = || rounds.iter().map(|(theirs, _)| theirs[0]);
        let spread = walls().fold(0.0, f64::max) / walls().fold(f64::MAX, f64::min);
        assert!(wall <= 1.02 || spread > 1.1, "wall {wall:.3}: {rounds:.2?}");
    }
}
