//! Each fault of a pipeline gives the right reason, in time.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gst::prelude::*;

use crate::common::gate::{Gate, Opener};
use crate::common::{PATIENCE, TestPipeline, wait_until};
use crate::seen::{CAPS, Machine, reasons, stats, wait_for_state};

const STALL: Duration = Duration::from_millis(600);
const INTERVAL: Duration = Duration::from_millis(300);
/// What the first look and the message take, on a machine that runs other tests.
const BUSY: Duration = Duration::from_millis(900);

/// A live stream goes into a sink that waits for the clock, and into another one beside it; then something happens.
struct Fault {
    /// Properties of the queue before the probe, and of the sink.
    queue: &'static str,
    sink: &'static str,
    /// Brings it about. What is returned ends it when dropped.
    bring: fn(&TestPipeline) -> Box<dyn Any>,
    /// What must be said within stall-timeout and an interval.
    state: &'static str,
    reasons: &'static [&'static str],
    /// Whether these must be all.
    exactly: bool,
    /// Looks at the figures then.
    figures: fn(&gst::Structure),
    /// Whether the stream is healthy again when the fault has ended.
    heals: bool,
}

fn check(fault: Fault) {
    let p = TestPipeline::parse(&format!(
        "videotestsrc is-live=true ! {CAPS} ! tee name=t ! queue ! fakesink async=false \
         t. ! queue name=q {} ! bufferhealth name=h stall-timeout={} interval={} late-threshold=200000000 ! \
         capsfilter name=c ! fakesink name=s sync=true {}",
        fault.queue,
        STALL.as_nanos(),
        INTERVAL.as_nanos(),
        fault.sink,
    ));
    let clock: gst::SystemClock = gst::glib::Object::new();
    p.use_clock(Some(&clock));
    p.set_state(gst::State::Playing).unwrap();
    wait_for_state(&p, "healthy");
    let machine = Machine::new();
    let began = Instant::now();
    let undo = (fault.bring)(&p);
    let told = loop {
        let Some(message) = p.next_message("bufferhealth-state", PATIENCE) else {
            panic!("never {} because of {:?}: {}", fault.state, fault.reasons, stats(&p.element("h")));
        };
        let s = message.structure().unwrap();
        let told = reasons(s);
        if s.get::<&str>("new").unwrap() == fault.state && fault.reasons.iter().all(|r| told.iter().any(|t| t == r)) {
            break s.to_owned();
        }
    };
    let (took, limit) = (began.elapsed(), STALL + INTERVAL + BUSY + machine.stolen());
    assert!(took < limit, "{} took {took:?}, longer than {limit:?}", fault.state);
    if fault.exactly {
        assert_eq!(reasons(&told), fault.reasons);
    }
    let h = p.element("h");
    assert!(!h.property::<bool>("healthy"));
    (fault.figures)(&stats(&h));
    drop(undo);
    if fault.heals {
        wait_until("it is over", || h.property::<bool>("healthy"));
    }
}

/// A fault for each name.
macro_rules! faults {
    ($($name:ident: $fault:expr;)*) => { $(#[test] fn $name() { check($fault); })* };
}

const FAULT: Fault = Fault {
    queue: "",
    sink: "",
    bring: |_| Box::new(()),
    state: "unhealthy",
    reasons: &[],
    exactly: false,
    figures: |_| (),
    heals: false,
};

faults! {
    a_paused_task_upstream_is_a_starved_stall_and_is_named: Fault {
        bring: |p| {
            p.element("q").static_pad("src").unwrap().pause_task().unwrap();
            Box::new(())
        },
        state: "stalled",
        reasons: &["stalled", "starved"],
        figures: |s| {
            assert_eq!(s.get::<&str>("paused-task").unwrap(), "q:src");
            assert!(get(s, "stalled-time") >= STALL.as_nanos() as u64 / 2);
        },
        ..FAULT
    };
    a_branch_that_cannot_negotiate_is_a_flow_error: Fault {
        bring: |p| {
            p.element("s").static_pad("sink").unwrap().add_probe(gst::PadProbeType::BUFFER, |_, info| {
                info.flow_res = Err(gst::FlowError::NotNegotiated);
                gst::PadProbeReturn::Handled
            });
            Box::new(())
        },
        reasons: &["flow-error"],
        figures: |s| assert_eq!((get(s, "flow-not-negotiated"), get(s, "buffers-dropped")), (1, 1)),
        ..FAULT
    };
    a_sleeping_sink_is_a_blocked_stall: Fault {
        bring: |p| {
            let gate = Opener(Gate::default());
            let asleep = gate.0.clone();
            each_buffer(p, "s", move |_| asleep.pass());
            Box::new(gate)
        },
        state: "stalled",
        reasons: &["stalled", "backpressure"],
        figures: |s| {
            assert_eq!(get(s, "buffers-held"), 1);
            assert!(get(s, "blocked-time") >= STALL.as_nanos() as u64);
            assert!(!s.has_field("paused-task"));
        },
        heals: true,
        ..FAULT
    };
    a_leaking_queue_is_dropping: Fault {
        queue: "leaky=downstream max-size-buffers=2",
        bring: |p| {
            each_buffer(p, "s", |_| std::thread::sleep(Duration::from_millis(60)));
            Box::new(())
        },
        reasons: &["dropping"],
        figures: |s| {
            assert!(get(s, "missing") > 0, "{s}");
            assert_eq!(get(s, "missing"), get(s, "missing-leaky") + get(s, "missing-qos"), "{s}");
        },
        ..FAULT
    };
    a_clock_that_jumps_ahead_makes_late: Fault {
        bring: |p| set_clock(p, 30),
        reasons: &["late"],
        figures: |s| assert!(get(s, "late") > 0),
        ..FAULT
    };
    a_clock_that_is_set_back_holds_up: Fault {
        bring: |p| set_clock(p, -30),
        state: "stalled",
        // The source waits for it as well as the sink.
        reasons: &["stalled"],
        ..FAULT
    };
    a_sink_that_throws_away_what_is_late_is_dropping: Fault {
        sink: "qos=true max-lateness=20000000",
        bring: |p| {
            // Only what the sink sees is late.
            each_buffer(p, "s", |_| std::thread::sleep(Duration::from_millis(30)));
            Box::new(())
        },
        reasons: &["dropping"],
        figures: |s| {
            assert!(get(s, "sink-dropped") > 0, "{s}");
            assert!(s.get::<f64>("drop-ratio").unwrap() > 0.0, "{s}");
        },
        ..FAULT
    };
    lost_frames_are_dropping: Fault {
        bring: |p| {
            let n = AtomicU64::new(0);
            each_nth(p, "q", move || n.fetch_add(1, Ordering::SeqCst) % 3 == 2, |_| None)
        },
        reasons: &["dropping"],
        exactly: true,
        figures: |s| assert_eq!((get(s, "missing-leaky"), get(s, "missing-qos")), (0, 0), "nobody is known to have done it"),
        heals: true,
        ..FAULT
    };
    damaged_frames_are_corrupted: Fault {
        bring: |p| {
            each_nth(p, "q", || true, |mut buffer| {
                buffer.make_mut().set_flags(gst::BufferFlags::CORRUPTED);
                Some(buffer)
            })
        },
        state: "degraded",
        reasons: &["corrupted"],
        exactly: true,
        heals: true,
        ..FAULT
    };
    flags_for_no_reason_are_discontinuous: Fault {
        bring: |p| {
            let n = AtomicU64::new(0);
            each_nth(p, "q", move || n.fetch_add(1, Ordering::SeqCst).is_multiple_of(10), |mut buffer| {
                buffer.make_mut().set_flags(gst::BufferFlags::DISCONT);
                Some(buffer)
            })
        },
        state: "degraded",
        reasons: &["discontinuous"],
        exactly: true,
        heals: true,
        ..FAULT
    };
    a_source_that_cannot_keep_up_is_late_and_starved: Fault {
        bring: |p| each_nth(p, "q", || true, |buffer| {
            std::thread::sleep(Duration::from_millis(80));
            Some(buffer)
        }),
        reasons: &["late", "starved"],
        ..FAULT
    };
}

fn get(s: &gst::Structure, field: &str) -> u64 {
    s.get(field).unwrap_or_else(|e| panic!("{field}: {e}"))
}

/// Calls `act` for every buffer that comes to an element, for ever.
fn each_buffer(p: &TestPipeline, element: &str, act: impl Fn(&gst::Pad) + Send + Sync + 'static) {
    let pad = p.element(element).static_pad("sink").unwrap();
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, _| {
        act(pad);
        gst::PadProbeReturn::Ok
    });
}

/// Replaces buffers that come to an element, those for which `chosen` says so, by what `make` makes of them.
fn each_nth(
    p: &TestPipeline,
    element: &str,
    chosen: impl Fn() -> bool + Send + Sync + 'static,
    make: impl Fn(gst::Buffer) -> Option<gst::Buffer> + Send + Sync + 'static,
) -> Box<dyn Any> {
    struct Active(Arc<AtomicBool>);
    impl Drop for Active {
        fn drop(&mut self) {
            self.0.store(false, Ordering::SeqCst);
        }
    }
    let active = Arc::new(AtomicBool::new(true));
    let still = active.clone();
    let pad = p.element(element).static_pad("sink").unwrap();
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        if !still.load(Ordering::SeqCst) || !chosen() {
            return gst::PadProbeReturn::Ok;
        }
        let Some(gst::PadProbeData::Buffer(buffer)) = info.data.take() else { unreachable!() };
        match make(buffer) {
            Some(buffer) => {
                info.data = Some(gst::PadProbeData::Buffer(buffer));
                gst::PadProbeReturn::Ok
            }
            None => gst::PadProbeReturn::Handled,
        }
    });
    Box::new(Active(active))
}

/// Sets the pipeline's clock by so many seconds.
fn set_clock(p: &TestPipeline, seconds: i64) -> Box<dyn Any> {
    let clock = p.clock().unwrap();
    let (mut internal, mut external, numerator, denominator) = clock.calibration();
    let span = gst::ClockTime::from_seconds(seconds.unsigned_abs());
    if seconds < 0 {
        internal += span
    } else {
        external += span
    }
    clock.set_calibration(internal, external, numerator, denominator);
    Box::new(())
}
