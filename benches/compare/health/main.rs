//! What `bufferhealth` costs a buffer, beside `identity silent=true` and an element that does nothing but pass.
//!
//! All of them run in turn, round after round, so that what else the machine does hits them alike; the medians are compared. Time is
//! that of the CPU, which other programs do not add to.
//! `cargo bench --bench health` prints a table, and last a line of JSON. `-- --buffers 1000000 --rounds 15` changes the amount.
#![allow(missing_docs, reason = "a program")]
#![allow(clippy::unwrap_used, reason = "a failed set-up step should end the program where it stands")]

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

/// Nanoseconds a buffer.
fn run(stream: (&str, &str, &str), subject: &str, buffers: u32) -> f64 {
    let source = stream.1.replacen("fakesrc", &format!("fakesrc num-buffers={buffers}"), 1);
    let source = source.trim_end_matches(['!', ' ']);
    let pipeline = gst::parse::launch(&format!("{source} ! {subject} {}", stream.2)).unwrap();
    let bus = pipeline.bus().unwrap();
    let began = cpu_time();
    pipeline.set_state(gst::State::Playing).unwrap();
    let end = [gst::MessageType::Eos, gst::MessageType::Error];
    let message = bus.timed_pop_filtered(gst::ClockTime::NONE, &end).unwrap();
    assert_eq!(message.type_(), gst::MessageType::Eos, "{message:?}");
    let took = cpu_time() - began;
    pipeline.set_state(gst::State::Null).unwrap();
    took / f64::from(buffers)
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
    println!("{:12} {:>14} {:>12} {:>14} {:>16}", "stream", "subject", "ns/buffer", "against bare", "throughput ratio");
    for stream in STREAMS {
        let mut times = SUBJECTS.map(|_| Vec::new());
        for round in 0..=rounds {
            for (subject, times) in SUBJECTS.iter().zip(&mut times) {
                let took = run(stream, subject.1, buffers);
                // The first round warms up.
                if round > 0 {
                    times.push(took);
                }
            }
        }
        // Differences and ratios within each round, then their medians: slow spells of the machine cancel out.
        let over =
            |a: usize, b: usize| median(&mut times[a].iter().zip(&times[b]).map(|(a, b)| a - b).collect::<Vec<_>>());
        let ratio =
            |a: usize, b: usize| median(&mut times[a].iter().zip(&times[b]).map(|(a, b)| b / a).collect::<Vec<_>>());
        for (i, (name, _)) in SUBJECTS.iter().enumerate() {
            let ns = median(&mut times[i].clone());
            println!("{:12} {name:>14} {ns:12.0} {:+14.0} {:16.2}", stream.0, over(i, 2), ratio(i, 1));
        }
        report.insert(
            stream.0.into(),
            serde_json::json!({
                "throughput_against_identity": ratio(3, 1),
                "ns_beyond_identity": over(3, 1),
                "ns_beyond_bare": over(3, 2),
                "ns_per_buffer": SUBJECTS.iter().zip(&times).map(|((name, _), times)| (name.to_string(), median(&mut times.clone()))).collect::<std::collections::BTreeMap<_, _>>(),
            }),
        );
    }
    println!("{}", serde_json::json!({ "buffers": buffers, "rounds": rounds, "streams": report }));
}
