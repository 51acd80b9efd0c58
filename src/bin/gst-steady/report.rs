//! `--report`: how the export went, as a page. Written under a temporary name and renamed, so that it is whole or not there.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gst::prelude::*;
use gststeady::health;
use gststeady::logic::clock::{MILLISECOND, Nanos, monotonic};
use gststeady::logic::export::Request;
use gststeady::logic::health::reading::Reading;
use gststeady::logic::memory;
use gststeady::logic::report::{Around, Environment, Outcome, Process, Recorder, is_page, page};
use gststeady::logic::whole_file::{self, Readers};

use super::export::{is_same_file, shell_quote};
use super::failure::{Failure, Stage};
use super::out::printable;

/// How often figures are taken.
const PERIOD: Nanos = 100 * MILLISECOND;
/// The name of the graph of the pipeline, which GStreamer draws if `GST_DEBUG_DUMP_DOT_DIR` says where.
const GRAPH: &str = "gst-steady-export";
/// More elements than a thread's way through a pipeline has.
const FAR: usize = 100;

/// The report on an export under way.
pub struct Report {
    path: PathBuf,
    recorder: Recorder,
    began: String,
    facts: Vec<(String, String)>,
    graphs: Vec<String>,
    next: Instant,
    described: bool,
}

impl Report {
    /// Begins a report that will be at `path`, unless something is there that nobody would want to lose.
    pub fn new(path: &Path, request: &Request) -> Result<Self, Failure> {
        let refuse =
            |why: &str| Err(Failure::new(Stage::CannotCreate, format!("cannot write the report {path:?}: {why}")));
        if [&request.audio, &request.video].iter().any(|file| *file == path || is_same_file(file, path)) {
            return Err(Failure::new(
                Stage::Usage,
                format!("{path:?} cannot be the report as well; give it a name of its own"),
            ));
        }
        if path.is_dir() {
            return refuse("it is a folder; name a file in it");
        }
        if !whole_file::folder(path).is_dir() {
            return refuse("its folder does not exist; create it first");
        }
        if whole_file::is_special(path) {
            return refuse("there is a link, a device or the like, which would be a file afterwards; use another name");
        }
        if path.exists() && !request.overwrite && !is_page(path) {
            return refuse("something else is there already; use --overwrite to replace it, or another name");
        }
        Ok(Self {
            path: path.to_owned(),
            recorder: Recorder::new(monotonic(), PERIOD),
            began: now(),
            facts: facts(request),
            graphs: Vec::new(),
            next: Instant::now(),
            described: false,
        })
    }

    /// Takes the figures, if it is time to.
    pub fn tick(&mut self, pipeline: &gst::Pipeline) {
        if Instant::now() >= self.next {
            self.next = Instant::now() + Duration::from_nanos(PERIOD);
            self.sample(pipeline);
        }
    }

    fn sample(&mut self, pipeline: &gst::Pipeline) {
        let probes = probes(pipeline);
        let readings: Vec<_> = probes.iter().filter_map(health::read).collect();
        let process = Process { memory: memory::machine::resident(), limit: memory::machine().effective };
        self.recorder.sample(monotonic(), &process, &readings);
        if !self.described && readings.len() == probes.len() {
            self.described = true;
            for (probe, reading) in probes.iter().zip(&readings) {
                self.recorder.describe(&reading.place, around(probe, &probes, &readings));
            }
        }
    }

    /// Takes the last figures of a pipeline that is about to be stopped, and has GStreamer draw it.
    pub fn conclude(&mut self, pipeline: &gst::Pipeline) {
        self.sample(pipeline);
        let Some(folder) = std::env::var_os("GST_DEBUG_DUMP_DOT_DIR") else { return };
        pipeline.debug_to_dot_file(gst::DebugGraphDetails::all(), GRAPH);
        let drawn = Path::new(&folder).join(format!("{GRAPH}.dot")).canonicalize();
        self.graphs.extend(drawn.ok().map(|path| path.to_string_lossy().into_owned()));
    }

    /// Adds why the pipeline hung.
    pub fn stall(&mut self, text: &str, class: &str) {
        self.recorder.stall(monotonic(), text, class);
    }

    /// Writes the page about an export that ended with `failure`, or well.
    pub fn write(self, failure: Option<&Failure>) -> Result<(), Failure> {
        let outcome = match failure {
            None => Outcome::Complete,
            Some(failure) if failure.is_interrupt() => Outcome::Interrupted(failure.to_string()),
            Some(failure) => Outcome::Failed(failure.to_string()),
        };
        let mut facts = vec![("Began".into(), self.began), ("Ended".into(), now())];
        facts.extend(self.facts);
        let title = facts.iter().find(|(what, _)| what == "Video").map(|(_, video)| video.clone());
        let environment = Environment {
            title: format!("Export of {}", title.unwrap_or_default()),
            made: now(),
            outcome,
            command: std::env::args_os().map(|word| shell_quote(&word.to_string_lossy())).collect::<Vec<_>>().join(" "),
            facts,
            graphs: self.graphs,
        };
        whole_file::replace(&self.path, page(&self.recorder, &environment).as_bytes(), Readers::Permitted)
            .map_err(|error| Failure::new(Stage::Io, format!("the report {:?} cannot be written: {error}", self.path)))
    }
}

fn now() -> String {
    let time = gst::glib::DateTime::now_local().and_then(|time| time.format("%Y-%m-%d %H:%M:%S %z"));
    time.map(Into::into).unwrap_or_default()
}

fn facts(request: &Request) -> Vec<(String, String)> {
    let machine = memory::machine();
    let name = |path: &Path| printable(path.file_name().map_or(path, Path::new));
    let mut facts = vec![
        ("Audio", name(&request.audio)),
        ("Video", name(&request.video)),
        (
            "Pictures",
            format!(
                "{}×{}, {}/{} a second, {}",
                request.size.0, request.size.1, request.fps.0, request.fps.1, request.scene
            ),
        ),
        ("gst-steady", env!("CARGO_PKG_VERSION").into()),
        ("GStreamer", gst::version_string().into()),
        ("Processors", std::thread::available_parallelism().map_or_else(|_| "unknown".into(), |n| n.to_string())),
    ];
    if let Some(bytes) = machine.effective {
        facts.push(("Memory", format!("{:.1} GB", bytes as f64 / 1e9)));
    }
    if let Ok(system) = std::fs::read_to_string("/proc/sys/kernel/osrelease") {
        facts.push(("Linux", system.trim().into()));
    }
    for variable in ["STEADY_ASSUME_MEMORY", "STEADY_MEMORY_LIMIT", "STEADY_MEMORY_RESERVE", "GST_DEBUG"] {
        facts.extend(std::env::var(variable).ok().map(|value| (variable, value)));
    }
    facts.into_iter().map(|(what, value)| (what.to_owned(), value)).collect()
}

/// The measuring points, from source to sink.
fn probes(pipeline: &gst::Pipeline) -> Vec<gst::Element> {
    let mut probes: Vec<_> = pipeline.iterate_sorted().into_iter().flatten().filter(is_probe).collect();
    probes.reverse();
    probes
}

fn is_probe(element: &gst::Element) -> bool {
    element.factory().is_some_and(|factory| factory.name() == "bufferhealth")
}

fn class(element: &gst::Element) -> String {
    element.factory().and_then(|factory| factory.metadata("klass").map(str::to_owned)).unwrap_or_default()
}

/// Whether an element can take its time over a buffer.
fn works(element: &gst::Element) -> bool {
    let name = element.factory().map(|factory| factory.name().to_string()).unwrap_or_default();
    !class(element).contains("Parser")
        && !["capsfilter", "queue", "adaptivequeue", "bufferhealth"].contains(&name.as_str())
}

/// The elements from here in one direction, as far as there is one way and up to the next measuring point.
fn walk(from: &gst::Element, direction: gst::PadDirection) -> Vec<gst::Element> {
    let mut way = Vec::new();
    let mut at = from.clone();
    for _ in 0..FAR {
        let mut pads = match direction {
            gst::PadDirection::Src => at.src_pads(),
            _ => at.sink_pads(),
        };
        let (Some(pad), None) = (pads.pop(), pads.pop()) else { break };
        let Some(next) = pad.peer().and_then(|peer| peer.parent_element()) else { break };
        way.push(next.clone());
        if is_probe(&next) {
            break;
        }
        at = next;
    }
    way
}

fn around(probe: &gst::Element, probes: &[gst::Element], readings: &[Reading]) -> Around {
    let names = |way: &[gst::Element]| {
        let working = way.iter().filter(|element| works(element));
        working.filter_map(|element| Some(element.factory()?.name().to_string())).collect::<Vec<_>>()
    };
    let (mut before, after) = (walk(probe, gst::PadDirection::Sink), walk(probe, gst::PadDirection::Src));
    before.reverse();
    let next = after.last().and_then(|last| probes.iter().position(|probe| probe == last));
    Around {
        interleaved: before.iter().any(|element| class(element).contains("Muxer")),
        before: names(&before),
        after: names(&after),
        next: next.map(|next| readings[next].place.clone()),
    }
}
