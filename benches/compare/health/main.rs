//! What measuring costs a buffer: `bufferhealth` beside `identity silent=true` and an element that does nothing but pass, and the tracer
//! `pipelinehealth` beside GStreamer's own tracers `latency` and `stats`.
//!
//! All of them run in turn, round after round, so that what else the machine does hits them alike; the medians are compared. Each run is
//! a process of its own, since a tracer stays for as long as its process.
//! Nanoseconds are CPU time, which other programs do not add to; the throughput is that of the wall clock.
//! `cargo bench --bench health` prints a table, and last a line of JSON. `-- --buffers 1000000 --rounds 15` changes the amount.
#![allow(missing_docs, reason = "a program")]
#![allow(clippy::unwrap_used, reason = "a failed set-up step should end the program where it stands")]

use std::io::Read;
use std::process::Stdio;
use std::time::{Duration, Instant};

use gst::prelude::*;

/// An element with two pads whose chain function pushes.
mod bare {
    use std::sync::LazyLock;

    use gst::glib;
    use gst::prelude::*;
    use gst::subclass::prelude::*;

    pub struct Bare {
        sink: gst::Pad,
        src: gst::Pad,
    }

    fn template(name: &str, direction: gst::PadDirection) -> gst::PadTemplate {
        gst::PadTemplate::new(name, direction, gst::PadPresence::Always, &gst::Caps::new_any()).unwrap()
    }

    #[glib::object_subclass]
    impl ObjectSubclass for Bare {
        const NAME: &'static str = "BenchBare";
        type Type = super::BareElement;
        type ParentType = gst::Element;

        fn with_class(klass: &Self::Class) -> Self {
            let flags = gst::PadFlags::PROXY_CAPS | gst::PadFlags::PROXY_ALLOCATION;
            let sink = gst::Pad::builder_from_template(&klass.pad_template("sink").unwrap())
                .chain_function(|_, parent, buffer| {
                    Bare::catch_panic_pad_function(parent, || Err(gst::FlowError::Error), |this| this.src.push(buffer))
                })
                .flags(flags)
                .build();
            let src = gst::Pad::builder_from_template(&klass.pad_template("src").unwrap()).flags(flags).build();
            Self { sink, src }
        }
    }

    impl ObjectImpl for Bare {
        fn constructed(&self) {
            self.parent_constructed();
            self.obj().add_pad(&self.sink).unwrap();
            self.obj().add_pad(&self.src).unwrap();
        }
    }
    impl GstObjectImpl for Bare {}
    impl ElementImpl for Bare {
        fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
            static METADATA: LazyLock<gst::subclass::ElementMetadata> =
                LazyLock::new(|| gst::subclass::ElementMetadata::new("Bare", "Generic", "Passes", "The bench"));
            Some(&METADATA)
        }
        fn pad_templates() -> &'static [gst::PadTemplate] {
            static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
                vec![template("sink", gst::PadDirection::Sink), template("src", gst::PadDirection::Src)]
            });
            &TEMPLATES
        }
    }
}

gst::glib::wrapper! {
    pub struct BareElement(ObjectSubclass<bare::Bare>) @extends gst::Element, gst::Object;
}

/// Name, what is put into the pipeline, and the tracer.
const SUBJECTS: [(&str, &str, &str); 7] = [
    ("nothing", "", ""),
    ("identity", "identity silent=true !", ""),
    ("bare", "benchbare !", ""),
    ("bufferhealth", "bufferhealth !", ""),
    ("latency", "", "latency"),
    ("stats", "", "stats"),
    ("pipelinehealth", "", "pipelinehealth"),
];

// Where they are in it.
const NOTHING: usize = 0;
const IDENTITY: usize = 1;
const BARE: usize = 2;
const HEALTH: usize = 3;
const LATENCY: usize = 4;
const STATS: usize = 5;
const TRACER: usize = 6;

/// Name, source and sink: what there is to measure grows from one to the next.
const STREAMS: [(&str, &str, &str); 3] = [
    ("plain", "fakesrc !", "fakesink"),
    (
        "timestamps",
        "fakesrc format=time sizetype=fixed sizemax=64 filltype=nothing datarate=6400000 ! audio/x-raw !",
        "fakesink",
    ),
    (
        "clock",
        "fakesrc format=time sizetype=fixed sizemax=64 filltype=nothing datarate=64000000 ! audio/x-raw !",
        "fakesink sync=true qos=false",
    ),
];

/// Nanoseconds of CPU time of this process.
fn cpu_time() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// CPU time and time, in nanoseconds a buffer.
fn run(stream: (&str, &str, &str), subject: &str, buffers: u32) -> (f64, f64) {
    let source = stream.1.replacen("fakesrc", &format!("fakesrc num-buffers={buffers}"), 1);
    let source = source.trim_end_matches(['!', ' ']);
    let pipeline = gst::parse::launch(&format!("{source} ! {subject} {}", stream.2)).unwrap();
    let bus = pipeline.bus().unwrap();
    let (began, cpu_began) = (Instant::now(), cpu_time());
    pipeline.set_state(gst::State::Playing).unwrap();
    let end = [gst::MessageType::Eos, gst::MessageType::Error];
    let message = bus.timed_pop_filtered(gst::ClockTime::NONE, &end).unwrap();
    assert_eq!(message.type_(), gst::MessageType::Eos, "{message:?}");
    let (took, cpu) = (began.elapsed().as_nanos() as f64, cpu_time() - cpu_began);
    pipeline.set_state(gst::State::Null).unwrap();
    (cpu / f64::from(buffers), took / f64::from(buffers))
}

/// Not a number where there is none, which JSON has as null.
fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Runs one subject in this process and prints its figures.
fn measure(stream: usize, subject: usize, buffers: u32) {
    gst::init().unwrap();
    gststeady::plugin_register_static().unwrap();
    gst::Element::register(None, "benchbare", gst::Rank::NONE, BareElement::static_type()).unwrap();
    let (_, element, tracer) = SUBJECTS[subject];
    // GST_TRACERS reaches installed plugins only.
    let kind = (tracer == "pipelinehealth").then(|| gst::glib::Type::from_name("GstPipelineHealth").unwrap());
    let _tracer = kind.map(gst::glib::Object::with_type);
    let (cpu, wall) = run(STREAMS[stream], element, buffers);
    println!("{cpu} {wall}");
}

/// A process takes a second or two.
const PATIENCE: Duration = Duration::from_secs(60);

/// The same in a process of its own. Nothing if it does not end: GStreamer's `latency` deadlocks from 1.26.0 to 1.26.3.
fn in_own_process(stream: usize, subject: usize, buffers: u32) -> Option<(f64, f64)> {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.args(["--measure".to_string(), stream.to_string(), subject.to_string(), buffers.to_string()]);
    match SUBJECTS[subject].2 {
        "" | "pipelinehealth" => command.env_remove("GST_TRACERS"),
        // What they find goes to the log: they are measured as people use them.
        tracer => command.envs([("GST_TRACERS", tracer), ("GST_DEBUG", "GST_TRACER:7")]),
    };
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if began.elapsed() > PATIENCE {
            child.kill().unwrap();
            child.wait().unwrap();
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    assert!(status.success(), "{command:?}");
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    let mut figures = text.split_whitespace().map(|figure| figure.parse().unwrap());
    figures.next().zip(figures.next())
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, measured, stream, subject, buffers] = &arguments[..]
        && measured == "--measure"
    {
        return measure(stream.parse().unwrap(), subject.parse().unwrap(), buffers.parse().unwrap());
    }
    let number = |name: &str, default: u32| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1)?.parse().ok()).unwrap_or(default)
    };
    let (buffers, rounds) = (number("--buffers", 200_000), number("--rounds", 9));

    let mut report = serde_json::Map::new();
    let mut ends = SUBJECTS.map(|_| true);
    println!(
        "{:12} {:>14} {:>12} {:>15} {:>16}",
        "stream", "subject", "CPU ns/buffer", "beyond nothing", "of identity's"
    );
    for (number, stream) in STREAMS.iter().enumerate() {
        let (mut cpu, mut wall) = (SUBJECTS.map(|_| Vec::new()), SUBJECTS.map(|_| Vec::new()));
        for _ in 0..rounds {
            for i in (0..SUBJECTS.len()).filter(|i| ends[*i]).collect::<Vec<_>>() {
                match in_own_process(number, i, buffers) {
                    Some((cpu_time, time)) => {
                        cpu[i].push(cpu_time);
                        wall[i].push(time);
                    }
                    None => {
                        println!("left out, since it does not end with this GStreamer: {}", SUBJECTS[i].0);
                        ends[i] = false;
                        cpu[i].clear();
                    }
                }
            }
        }
        // Differences and ratios within each round, then their medians: slow spells of the machine cancel out.
        let within = |times: &[Vec<f64>], a: usize, b: usize, compare: fn(f64, f64) -> f64| {
            median(&mut times[a].iter().zip(&times[b]).map(|(&a, &b)| compare(a, b)).collect::<Vec<_>>())
        };
        let beyond = |a, b| within(&cpu, a, b, |a, b| a - b);
        let throughput = |a, b| within(&wall, a, b, |a, b| b / a);
        let mut each = serde_json::Map::new();
        for (i, (name, ..)) in SUBJECTS.iter().enumerate().filter(|(i, _)| ends[*i]) {
            let ns = median(&mut cpu[i].clone());
            println!(
                "{:12} {name:>14} {ns:13.0} {:+15.0} {:16.2}",
                stream.0,
                beyond(i, NOTHING),
                throughput(i, IDENTITY)
            );
            each.insert(name.to_string(), ns.into());
        }
        report.insert(
            stream.0.into(),
            serde_json::json!({
                "throughput_against_identity": throughput(HEALTH, IDENTITY),
                "ns_beyond_identity": beyond(HEALTH, IDENTITY),
                "ns_beyond_bare": beyond(HEALTH, BARE),
                "tracer_ns_beyond_nothing": beyond(TRACER, NOTHING),
                "tracer_of_latency": beyond(TRACER, NOTHING) / beyond(LATENCY, NOTHING),
                "tracer_of_stats": beyond(TRACER, NOTHING) / beyond(STATS, NOTHING),
                "ns_per_buffer": each,
            }),
        );
    }
    println!("{}", serde_json::json!({ "buffers": buffers, "rounds": rounds, "streams": report }));
}
