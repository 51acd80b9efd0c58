//! What `bufferhealth` costs a buffer, beside `identity silent=true` and an element that does nothing but pass.
//!
//! All of them run in turn, round after round, so that what else the machine does hits them alike; the medians are compared.
//! Nanoseconds are CPU time, which other programs do not add to; the throughput is that of the wall clock.
//! `cargo bench --bench health` prints a table, and last a line of JSON. `-- --buffers 1000000 --rounds 15` changes the amount.
#![allow(missing_docs, reason = "a program")]
#![allow(clippy::unwrap_used, reason = "a failed set-up step should end the program where it stands")]

use std::time::Instant;

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

const SUBJECTS: [(&str, &str); 4] = [
    ("nothing", ""),
    ("identity", "identity silent=true !"),
    ("bare", "benchbare !"),
    ("bufferhealth", "bufferhealth !"),
];

// Where they are in it.
const IDENTITY: usize = 1;
const BARE: usize = 2;
const HEALTH: usize = 3;

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

fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let number = |name: &str, default: u32| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1)?.parse().ok()).unwrap_or(default)
    };
    let (buffers, rounds) = (number("--buffers", 400_000), number("--rounds", 15));
    gst::init().unwrap();
    gststeady::plugin_register_static().unwrap();
    gst::Element::register(None, "benchbare", gst::Rank::NONE, BareElement::static_type()).unwrap();

    let mut report = serde_json::Map::new();
    println!("{:12} {:>14} {:>12} {:>14} {:>16}", "stream", "subject", "CPU ns/buffer", "against bare", "throughput");
    for stream in STREAMS {
        let (mut cpu, mut wall) = (SUBJECTS.map(|_| Vec::new()), SUBJECTS.map(|_| Vec::new()));
        for round in 0..=rounds {
            for (i, subject) in SUBJECTS.iter().enumerate() {
                let (cpu_time, time) = run(stream, subject.1, buffers);
                // The first round warms up.
                if round > 0 {
                    cpu[i].push(cpu_time);
                    wall[i].push(time);
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
        for (i, (name, _)) in SUBJECTS.iter().enumerate() {
            let ns = median(&mut cpu[i].clone());
            println!("{:12} {name:>14} {ns:12.0} {:+14.0} {:16.2}", stream.0, beyond(i, BARE), throughput(i, IDENTITY));
            each.insert(name.to_string(), ns.into());
        }
        report.insert(
            stream.0.into(),
            serde_json::json!({
                "throughput_against_identity": throughput(HEALTH, IDENTITY),
                "ns_beyond_identity": beyond(HEALTH, IDENTITY),
                "ns_beyond_bare": beyond(HEALTH, BARE),
                "ns_per_buffer": each,
            }),
        );
    }
    println!("{}", serde_json::json!({ "buffers": buffers, "rounds": rounds, "streams": report }));
}
