//! `queue`, `queue2` and `adaptivequeue` in turns, in one process: wall time, CPU time, voluntary context switches and
//! latency, as ratios to the `queue` run beside them. `benches/compare/queue/run` starts it.
#![allow(clippy::unwrap_used, reason = "a measurement that cannot be set up should end where it stands")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use gst::prelude::*;

const QUEUES: [&str; 3] = ["queue", "queue2", "adaptivequeue"];

/// What one run costs, per buffer.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    wall: f64,
    cpu: f64,
    switches: f64,
    p50: f64,
    p99: f64,
}

struct Scenario {
    name: &'static str,
    limits: &'static str,
    source: &'static str,
    buffers: u32,
    /// The consumer burns so much CPU time per buffer.
    burn: Duration,
}

/// The same limits for all three, or those that each has by itself.
const EQUAL: &str = "max-size-buffers=200 max-size-bytes=0 max-size-time=0";
const SIXTY_FOUR: &str = "max-size-buffers=64 max-size-bytes=0 max-size-time=0";

const SCENARIOS: [Scenario; 5] = [
    Scenario { name: "empty buffers, 200", limits: EQUAL, source: "fakesrc", buffers: 200_000, burn: Duration::ZERO },
    Scenario { name: "empty buffers, defaults", limits: "", source: "fakesrc", buffers: 200_000, burn: Duration::ZERO },
    Scenario { name: "1080p frames, 200", limits: EQUAL, source: FRAMES, buffers: 100_000, burn: Duration::ZERO },
    Scenario { name: "1080p frames, defaults", limits: "", source: FRAMES, buffers: 100_000, burn: Duration::ZERO },
    Scenario {
        name: "slow consumer, 64",
        limits: SIXTY_FOUR,
        source: "fakesrc",
        buffers: 5_000,
        burn: Duration::from_micros(100),
    },
];
/// Beside the scenarios: how long a single buffer takes.
const LATENCY: &str = "60 fps";
/// Frames whose memory nobody touches, so that it is not what is measured.
const FRAMES: &str = "fakesrc sizetype=fixed sizemax=3110400 filltype=nothing ! \
                      capsfilter caps=video/x-raw,format=I420,width=1920,height=1080,framerate=30/1";

fn usage() -> (f64, f64) {
    // SAFETY: getrusage fills the structure it is given.
    let usage = unsafe {
        let mut usage = std::mem::zeroed::<libc::rusage>();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        usage
    };
    let seconds = |t: libc::timeval| t.tv_sec as f64 + t.tv_usec as f64 / 1e6;
    (seconds(usage.ru_utime) + seconds(usage.ru_stime), usage.ru_nvcsw as f64)
}

fn run(scenario: &Scenario, queue: &str) -> Cost {
    let description = format!(
        "{} num-buffers={} {} {queue} {} ! fakesink name=sink",
        scenario.source.split(" ! ").next().unwrap(),
        scenario.buffers,
        scenario.source.split_once(" ! ").map_or("!".into(), |(_, rest)| format!("! {rest} !")),
        scenario.limits
    );
    let pipeline = gst::parse::launch(&description).unwrap().downcast::<gst::Pipeline>().unwrap();
    if !scenario.burn.is_zero() {
        let (pad, burn) = (pipeline.by_name("sink").unwrap().static_pad("sink").unwrap(), scenario.burn);
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
            let began = Instant::now();
            while began.elapsed() < burn {
                black_box(());
            }
            gst::PadProbeReturn::Ok
        });
    }
    let bus = pipeline.bus().unwrap();
    let (began, (cpu, switches)) = (Instant::now(), usage());
    pipeline.set_state(gst::State::Playing).unwrap();
    let message = bus.timed_pop_filtered(gst::ClockTime::NONE, &[gst::MessageType::Eos, gst::MessageType::Error]);
    let (wall, (cpu_now, switches_now)) = (began.elapsed(), usage());
    assert_eq!(message.unwrap().type_(), gst::MessageType::Eos, "{description}");
    pipeline.set_state(gst::State::Null).unwrap();
    let per = f64::from(scenario.buffers);
    Cost {
        wall: wall.as_secs_f64() / per,
        cpu: (cpu_now - cpu) / per,
        switches: (switches_now - switches) / per,
        ..Cost::default()
    }
}

/// A queue between two pads, and how long each buffer took through it.
struct Lane {
    element: gst::Element,
    src: gst::Pad,
    _sink: gst::Pad,
    seen: Arc<Mutex<Vec<f64>>>,
}

impl Lane {
    fn new(queue: &str, origin: Instant) -> Self {
        let element = gst::ElementFactory::make(queue).build().unwrap();
        let seen: Arc<Mutex<Vec<f64>>> = Arc::default();
        let sink = {
            let seen = Arc::clone(&seen);
            gst::Pad::builder(gst::PadDirection::Sink)
                .name("sink")
                .chain_function(move |_, _, buffer| {
                    let arrived = origin.elapsed();
                    seen.lock().unwrap().push((arrived - Duration::from_nanos(buffer.offset())).as_secs_f64());
                    Ok(gst::FlowSuccess::Ok)
                })
                .build()
        };
        let src = gst::Pad::builder(gst::PadDirection::Src).name("src").build();
        sink.set_active(true).unwrap();
        src.set_active(true).unwrap();
        src.link(&element.static_pad("sink").unwrap()).unwrap();
        element.static_pad("src").unwrap().link(&sink).unwrap();
        element.set_state(gst::State::Playing).unwrap();
        src.push_event(gst::event::StreamStart::new("latency"));
        src.push_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new()));
        Self { element, src, _sink: sink, seen }
    }

    fn finish(self) -> Vec<f64> {
        self.element.set_state(gst::State::Null).unwrap();
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

/// Added latency at 60 fps: from the push into a queue to the arrival behind it. Several queues of each kind run at
/// once and take turns within each frame, so that what else the machine does meets all alike.
fn latency() -> Vec<Cost> {
    const FRAMES: usize = 600;
    const EACH: usize = 8;
    let origin = Instant::now();
    let lanes: Vec<Lane> = (0..QUEUES.len() * EACH).map(|i| Lane::new(QUEUES[i % QUEUES.len()], origin)).collect();
    for i in 0..FRAMES * lanes.len() {
        let due = Duration::from_secs_f64(i as f64 / (60 * lanes.len()) as f64);
        std::thread::sleep(due.saturating_sub(origin.elapsed()));
        let (frame, turn) = (i / lanes.len(), i % lanes.len());
        let mut buffer = gst::Buffer::new();
        {
            let buffer = buffer.get_mut().unwrap();
            buffer.set_pts(gst::ClockTime::from_nseconds(due.as_nanos() as u64));
            buffer.set_offset(origin.elapsed().as_nanos() as u64);
        }
        // Each kind is the first of the three equally often.
        lanes[(frame + turn) % lanes.len()].src.push(buffer).unwrap();
    }
    let mut seen = vec![Vec::new(); QUEUES.len()];
    lanes.into_iter().enumerate().for_each(|(i, lane)| seen[i % QUEUES.len()].extend(lane.finish()));
    seen.into_iter()
        .map(|mut seen| {
            seen.sort_by(f64::total_cmp);
            let part = |percent: usize| seen[seen.len() * percent / 100];
            Cost { p50: part(50), p99: part(99), ..Cost::default() }
        })
        .collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The median over the rounds of what `of` picks, as it is and as ratio to the `queue` run of the same round.
fn summary(rounds: &[Vec<Cost>], which: usize, of: impl Fn(&Cost) -> f64) -> (f64, f64) {
    let plain = median(rounds.iter().map(|round| of(&round[which])).collect());
    let ratio = median(rounds.iter().map(|round| of(&round[which]) / of(&round[0]).max(1e-12)).collect());
    (plain, ratio)
}

fn main() {
    let mut rounds = 15usize;
    let mut json = None;
    let mut only = String::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--rounds" => rounds = arguments.next().and_then(|n| n.parse().ok()).expect("--rounds N"),
            "--json" => json = arguments.next(),
            "--only" => only = arguments.next().unwrap_or_default(),
            // cargo bench adds it.
            "--bench" => (),
            other => panic!("unknown argument {other}: --rounds N, --json FILE, --only TEXT"),
        }
    }
    gst::init().unwrap();
    gststeady::plugin_register_static().unwrap();
    println!(
        "{:<24} {:<14} {:>11} {:>6} {:>11} {:>6} {:>12} {:>6} {:>10} {:>6}",
        "", "", "ns/buffer", "ratio", "CPU ns", "ratio", "switches", "ratio", "p99 µs", "ratio"
    );
    let mut all: BTreeMap<&str, Vec<Vec<Cost>>> = BTreeMap::new();
    let names = SCENARIOS.iter().map(|s| s.name).chain([LATENCY]);
    for name in names.filter(|name| name.contains(&only)) {
        let scenario = SCENARIOS.iter().find(|s| s.name == name);
        let round = |round: usize| match scenario {
            None => latency(),
            Some(scenario) => {
                let mut costs = vec![Cost::default(); QUEUES.len()];
                // Each round begins with another one, so that none always follows the same.
                for i in 0..QUEUES.len() {
                    let which = (i + round) % QUEUES.len();
                    costs[which] = run(scenario, QUEUES[which]);
                }
                costs
            }
        };
        let rounds = if scenario.is_some() { rounds } else { rounds.div_ceil(3) };
        if scenario.is_some() {
            // Once to warm up.
            round(0);
        }
        let runs = (0..rounds).map(round).collect::<Vec<_>>();
        for (i, queue) in QUEUES.iter().enumerate() {
            let columns = [
                summary(&runs, i, |c| c.wall * 1e9),
                summary(&runs, i, |c| c.cpu * 1e9),
                summary(&runs, i, |c| c.switches),
                summary(&runs, i, |c| c.p99 * 1e6),
            ];
            let [wall, cpu, switches, p99] = columns;
            print!("{name:<24} {queue:<14} ");
            match scenario {
                None => println!("{:>50}{:>10.1} {:>6.2}", "", p99.0, p99.1),
                Some(_) => println!(
                    "{:>11.0} {:>6.2} {:>11.0} {:>6.2} {:>12.4} {:>6.2}",
                    wall.0, wall.1, cpu.0, cpu.1, switches.0, switches.1
                ),
            }
        }
        all.insert(name, runs);
    }
    if let Some(file) = json {
        let value: serde_json::Value = all
            .iter()
            .map(|(name, runs)| {
                let queues: serde_json::Map<String, serde_json::Value> = QUEUES
                    .iter()
                    .enumerate()
                    .map(|(i, queue)| {
                        let numbers = |of: fn(&Cost) -> f64| {
                            let (median, ratio) = summary(runs, i, of);
                            serde_json::json!({ "median": median, "ratio": ratio })
                        };
                        let value = match *name {
                            LATENCY => serde_json::json!({ "p50-s": numbers(|c| c.p50), "p99-s": numbers(|c| c.p99) }),
                            _ => serde_json::json!({
                                "wall-s": numbers(|c| c.wall),
                                "cpu-s": numbers(|c| c.cpu),
                                "voluntary-switches": numbers(|c| c.switches),
                            }),
                        };
                        (queue.to_string(), value)
                    })
                    .collect();
                (name.to_string(), serde_json::Value::Object(queues))
            })
            .collect::<serde_json::Map<_, _>>()
            .into();
        std::fs::write(&file, serde_json::to_string_pretty(&value).unwrap()).unwrap();
    }
}
