//! Streams with nothing wrong give no alarm, whatever they are made of.

use std::time::{Duration, Instant};

use gst::prelude::*;

use crate::common::process::alone;
use crate::common::{PATIENCE, TestPipeline, memory, wait_until};
use crate::seen::{CAPS, Machine, count, stats, told};

/// For how long it is looked at.
const LENGTH: Duration = Duration::from_secs(match (cfg!(feature = "soak"), cfg!(feature = "full")) {
    (true, _) => 3600,
    (false, true) => 600,
    (false, false) => 4,
});

/// A pipeline of small pictures and few of them, so that it needs hardly any CPU: `PROBE` stands for a probe.
struct Clean {
    what: &'static str,
    pipeline: &'static str,
    prepare: fn(&TestPipeline),
}

/// Where nothing comes through.
const NOT_CHOSEN: &str = "ways that were not chosen";

const CLEAN: [Clean; 10] = [
    Clean {
        what: "live picture and sound",
        pipeline: "videotestsrc is-live=true ! video/x-raw,framerate=30/1,width=16,height=16 ! queue ! PROBE ! \
                   fakesink sync=true \
                   audiotestsrc is-live=true ! audio/x-raw,rate=44100 ! queue ! PROBE ! fakesink sync=true",
        prepare: |_| (),
    },
    Clean {
        what: "coded and decoded, with frames out of order",
        pipeline: "videotestsrc ! video/x-raw,format=I420,framerate=10/1,width=64,height=64 ! queue ! PROBE ! \
                   x264enc speed-preset=ultrafast bframes=2 b-adapt=false key-int-max=20 threads=1 ! \
                   video/x-h264,profile=main ! h264parse ! PROBE ! avdec_h264 max-threads=1 ! PROBE ! fakesink sync=true",
        prepare: |_| (),
    },
    Clean {
        what: "RTP behind a jitter buffer",
        pipeline: "audiotestsrc is-live=true samplesperbuffer=882 ! audio/x-raw,rate=44100,channels=1 ! audioconvert ! \
                   rtpL16pay ! PROBE ! rtpjitterbuffer latency=200 ! PROBE ! rtpL16depay ! PROBE ! fakesink sync=true",
        prepare: |_| (),
    },
    Clean {
        what: "a variable rate",
        pipeline: "appsrc name=src format=time max-bytes=0 caps=video/x-raw,format=GRAY8,width=8,height=8,framerate=0/1 ! \
                   PROBE ! queue ! PROBE ! fakesink sync=true",
        // From 20 ms to 0.8 s from one to the next.
        prepare: |p| feed(p, |n| 20_000_000 * (1 + n * n % 40), None),
    },
    Clean {
        what: "subtitles with nothing to say for long",
        pipeline: "appsrc name=src format=time max-bytes=0 caps=text/x-raw,format=utf8 ! PROBE ! queue ! PROBE ! \
                   fakesink sync=true",
        // Half a second of text every 1.5 to 4.5 s, the first after 1.5 s. The timeout for stalls is a second.
        prepare: |p| feed(p, |n| 1_500_000_000 * (1 + n % 3), Some(gst::ClockTime::from_mseconds(500))),
    },
    Clean {
        what: "a slide show",
        pipeline: "videotestsrc ! video/x-raw,framerate=1/3,width=16,height=16 ! PROBE ! queue ! PROBE ! fakesink sync=true",
        prepare: |_| (),
    },
    Clean {
        what: "live recordings whose encoders look ahead",
        pipeline: "videotestsrc is-live=true ! video/x-raw,format=I420,framerate=30/1,width=64,height=64 ! PROBE ! \
                   x264enc threads=1 ! PROBE ! fakesink async=false \
                   audiotestsrc is-live=true ! avenc_aac ! PROBE ! fakesink async=false",
        prepare: |_| (),
    },
    Clean {
        what: NOT_CHOSEN,
        pipeline: "videotestsrc is-live=true ! video/x-raw,framerate=30/1,width=16,height=16 ! tee name=t \
                   t. ! valve drop=true ! identity ! PROBE ! fakesink async=false \
                   t. ! output-selector name=o o.src_0 ! PROBE ! fakesink async=false o.src_1 ! queue ! PROBE ! fakesink async=false",
        prepare: |p| {
            let chosen = p.element("o").static_pad("src_0").unwrap();
            p.element("o").set_property("active-pad", chosen);
        },
    },
    Clean {
        what: "RTCP",
        pipeline: "appsrc name=src format=time max-bytes=0 caps=application/x-rtcp ! PROBE ! queue ! PROBE ! fakesink sync=true",
        prepare: |p| feed(p, |n| 1_500_000_000 * (1 + n % 3), None),
    },
    Clean {
        what: "no time stamps",
        pipeline: "videotestsrc is-live=true name=src ! video/x-raw,framerate=30/1,width=16,height=16 ! queue ! PROBE ! \
                   fakesink sync=true",
        prepare: |p| {
            let pad = p.element("src").static_pad("src").unwrap();
            pad.add_probe(gst::PadProbeType::BUFFER, |_, info| {
                let buffer = info.buffer_mut().unwrap().make_mut();
                buffer.set_pts(None);
                buffer.set_dts(None);
                buffer.set_duration(None);
                gst::PadProbeReturn::Ok
            });
        },
    },
];

/// Pushes buffers for as long as the test takes, each later than the one before by what `step` says.
fn feed(p: &TestPipeline, step: fn(u64) -> u64, duration: Option<gst::ClockTime>) {
    let src: gst_app::AppSrc = p.element("src").downcast().unwrap();
    let (mut at, end) = (0, LENGTH.as_nanos() as u64 + 30_000_000_000);
    for n in 0.. {
        at += step(n);
        let mut buffer = gst::Buffer::with_size(64).unwrap();
        let b = buffer.get_mut().unwrap();
        b.set_pts(gst::ClockTime::from_nseconds(at));
        b.set_duration(duration);
        src.push_buffer(buffer).unwrap();
        if at > end {
            return;
        }
    }
}

fn probes(p: &TestPipeline) -> Vec<gst::Element> {
    let all = p.iterate_elements().into_iter().map(Result::unwrap);
    all.filter(|e| e.factory().is_some_and(|f| f.name() == "bufferhealth")).collect()
}

/// Nothing is missing, and nothing does not follow.
#[track_caller]
fn assert_whole(what: &str, probe: &gst::Element) {
    let s = stats(probe);
    for field in ["missing", "discont-flag", "discont-gap", "discont-backwards", "discont-overlap", "corrupted"] {
        assert_eq!(s.get::<u64>(field).unwrap(), 0, "{what}: {field}: {s}");
    }
    for field in ["flow-error", "flow-not-linked", "flow-not-negotiated", "sink-dropped"] {
        assert_eq!(s.get::<u64>(field).unwrap(), 0, "{what}: {field}: {s}");
    }
}

/// That the machine did not let the programs run is no fault of a stream: then these are right.
const STARVED_MACHINE: [&str; 5] = ["late", "slow", "stalled", "starved", "backpressure"];
/// How much it may take away until then, of each second. Late is what is late by more than twice that.
const TOLERATED: Duration = Duration::from_millis(250);
const LATE: Duration = Duration::from_millis(500);

#[test]
fn no_clean_stream_gives_an_alarm_and_memory_stays() {
    alone!();
    let machine = Machine::new();
    let runs = CLEAN.map(|clean| {
        let probe = format!("bufferhealth late-threshold={}", LATE.as_nanos());
        let p = TestPipeline::parse(&clean.pipeline.replace("PROBE", &probe));
        let told = told(&p);
        p.set_state(gst::State::Playing).unwrap();
        (clean.prepare)(&p);
        (clean.what, p, told)
    });
    let began = Instant::now();
    let (mut worst, mut early) = (Duration::ZERO, None);
    while began.elapsed() < LENGTH {
        let before = machine.stolen();
        // How long it is tried is the test.
        std::thread::sleep(Duration::from_secs(1).min(LENGTH - began.elapsed()));
        worst = worst.max(machine.stolen() - before);
        // Caches have filled by then.
        if began.elapsed() > Duration::from_secs(120) && early.is_none() {
            early = Some(memory::kib("VmRSS"));
        }
    }
    if let Some(early) = early {
        let late = memory::kib("VmRSS");
        assert!(late <= early + 4096, "grew from {early} to {late} KiB");
    }
    for (what, p, told) in &runs {
        let told = told.lock().unwrap().clone();
        let excused = |(_, _, reasons): &(String, String, Vec<String>)| {
            worst > TOLERATED && reasons.iter().all(|reason| STARVED_MACHINE.contains(&reason.as_str()))
        };
        let alarms: Vec<_> = told.iter().filter(|verdict| verdict.1 != "healthy" && !excused(verdict)).collect();
        assert!(alarms.is_empty(), "{what}: {alarms:#?}; at worst the machine took {worst:?} of a second away");
        let shut = |probe: &gst::Element| *what == NOT_CHOSEN && count(probe, "buffers-in") == 0;
        let probes: Vec<_> = probes(p).into_iter().filter(|probe| !shut(probe)).collect();
        assert!(told.len() >= probes.len(), "{what}: each probe has become healthy: {told:?}");
        for probe in &probes {
            assert_whole(what, probe);
            let flows = if ["subtitles with nothing to say for long", "RTCP"].contains(what) { 1 } else { 2 };
            assert!(count(probe, "buffers-in") >= flows, "{what}");
        }
    }
}

/// Something that is done to a stream and is no fault of it.
struct Event {
    pipeline: &'static str,
    act: fn(&TestPipeline),
}

/// Waits until `n` more buffers have passed the last probe.
fn more(p: &TestPipeline, n: u64) {
    let probes = probes(p);
    let before: Vec<_> = probes.iter().map(|probe| count(probe, "buffers-out")).collect();
    wait_until("buffers pass", || {
        probes.iter().zip(&before).all(|(probe, before)| count(probe, "buffers-out") >= before + n)
    });
}

fn pause(p: &TestPipeline, length: Duration) {
    p.set_state(gst::State::Paused).unwrap();
    // The pause is the test.
    std::thread::sleep(length);
    p.set_state(gst::State::Playing).unwrap();
}

fn pause_for_a_second(p: &TestPipeline) {
    more(p, 10);
    pause(p, Duration::from_secs(1));
    more(p, 40);
}

fn pause_briefly(p: &TestPipeline) {
    more(p, 5);
    pause(p, Duration::from_millis(300));
    more(p, 20);
}

fn check(event: Event) {
    let machine = Machine::new();
    let probe = "bufferhealth interval=200000000 late-threshold=500000000";
    let p = TestPipeline::parse(&event.pipeline.replace("PROBE", probe).replace("CAPS", CAPS));
    let told = told(&p);
    p.set_state(gst::State::Playing).unwrap();
    (event.act)(&p);
    let told = told.lock().unwrap().clone();
    let excused = |reasons: &[String]| {
        machine.stolen() > TOLERATED && reasons.iter().all(|reason| STARVED_MACHINE.contains(&reason.as_str()))
    };
    let calm = told.iter().all(|(_, new, reasons)| ["healthy", "eos"].contains(&new.as_str()) || excused(reasons));
    assert!(calm, "{told:#?}; the machine took {:?} away", machine.stolen());
    for probe in probes(&p) {
        assert_whole("afterwards", &probe);
        // A second that counted as jitter would leave a sixteenth of itself.
        assert!(count(&probe, "jitter-max") < 50_000_000 || machine.stolen() > TOLERATED, "{}", stats(&probe));
    }
}

/// An event for each name.
macro_rules! events {
    ($($name:ident: $pipeline:expr, $act:expr;)*) => {
        $(#[test] fn $name() { check(Event { pipeline: $pipeline, act: $act }); })*
    };
}

events! {
    a_pause_of_live_pictures_is_no_gap:
        "videotestsrc is-live=true ! CAPS ! PROBE ! queue ! PROBE ! fakesink sync=true", pause_for_a_second;
    a_pause_of_live_sound_is_no_gap:
        "audiotestsrc is-live=true ! audio/x-raw,rate=44100 ! queue ! PROBE ! fakesink sync=true", pause_briefly;
    a_pause_of_a_live_stream_without_a_clocked_sink_is_no_gap:
        "videotestsrc is-live=true ! CAPS ! PROBE ! fakesink sync=false", pause_briefly;
    a_pause_behind_a_jitter_buffer_is_no_gap:
        "audiotestsrc is-live=true samplesperbuffer=882 ! audio/x-raw,rate=44100,channels=1 ! audioconvert ! rtpL16pay ! \
         rtpjitterbuffer latency=200 ! PROBE ! rtpL16depay ! PROBE ! fakesink sync=true", pause_briefly;
    a_pause_of_a_file_is_no_gap:
        "videotestsrc ! CAPS ! PROBE ! queue ! PROBE ! fakesink sync=true", pause_briefly;
    pauses_in_a_row_are_no_gaps:
        "videotestsrc is-live=true ! CAPS ! queue ! PROBE ! fakesink sync=true", |p| {
            for _ in 0..6 {
                more(p, 5);
                pause(p, Duration::from_millis(60));
            }
            more(p, 20);
        };
    seeks_are_no_gaps:
        "videotestsrc ! CAPS ! PROBE ! queue ! PROBE ! fakesink sync=true", |p| {
            let seek = |rate: f64, flags, at: u64| {
                more(p, 5);
                let to = gst::ClockTime::from_seconds(at);
                p.seek(rate, flags, gst::SeekType::Set, to, gst::SeekType::None, gst::ClockTime::NONE).unwrap();
            };
            seek(1.0, gst::SeekFlags::FLUSH, 100);
            seek(2.0, gst::SeekFlags::FLUSH, 7);
            seek(2.0, gst::SeekFlags::empty(), 50);
            let all = probes(p);
            let shown = |field, n| wait_until(field, || all.iter().all(|probe| count(probe, field) == n));
            shown("discont-segment", 1);
            shown("discont-flush", 2);
            // Backwards needs an end to begin at.
            let (start, stop) = (gst::ClockTime::ZERO, gst::ClockTime::from_seconds(40));
            p.seek(-1.0, gst::SeekFlags::FLUSH, gst::SeekType::Set, start, gst::SeekType::Set, stop).unwrap();
            more(p, 5);
        };
    a_list_of_tunes_is_no_gap:
        "concat name=c ! PROBE ! queue ! PROBE ! fakesink sync=true \
         audiotestsrc num-buffers=20 ! audio/x-raw,rate=44100 ! c. \
         audiotestsrc num-buffers=20 ! audio/x-raw,rate=48000 ! c. audiotestsrc num-buffers=20 ! c.", |p| {
            p.wait(PATIENCE).expect_eos();
        };
}
