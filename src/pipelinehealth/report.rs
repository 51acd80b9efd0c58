//! The page about what the tracer has seen, written anew every few seconds and at the end.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use gst::prelude::*;

use super::slot::Tracked;
use crate::glue::topology::{inner_links, is_made_by, real_peer};
use crate::logic::clock::{MILLISECOND, Nanos, SECOND, monotonic};
use crate::logic::health::reading::Reading;
use crate::logic::memory;
use crate::logic::report::{Around, Environment, Outcome, Process, Recorder, is_page, page};
use crate::logic::whole_file::{self, Readers};

/// How often it is written: a process that is killed leaves one that is not older than that.
const WRITTEN_EVERY: Nanos = 5 * SECOND;
/// Graphs that are linked, at most.
const MOST_GRAPHS: usize = 20;

/// A report under way.
#[derive(Debug)]
pub(super) struct Report {
    path: PathBuf,
    recorder: Recorder,
    began: SystemTime,
    next_write: Nanos,
    pipelines: Vec<String>,
    /// How many measuring points it is known of what lies around them.
    described: usize,
}

impl Report {
    /// Begins a report that will be at `path`, unless something is there that nobody would want to lose: then the reason.
    pub fn new(path: &Path) -> Result<Self, String> {
        may_be_written(path)?;
        let now = monotonic();
        Ok(Self {
            path: path.to_owned(),
            recorder: Recorder::new(now, 100 * MILLISECOND),
            began: SystemTime::now(),
            next_write: now + WRITTEN_EVERY,
            pipelines: Vec::new(),
            described: 0,
        })
    }

    /// Takes in the figures as of now, in the order in which the streams began, which is that of the stream.
    pub fn sample(&mut self, tracked: &[(gst::Pad, Reading)]) {
        let process = Process { memory: memory::machine::resident(), limit: memory::machine().effective };
        let readings: Vec<Reading> = tracked.iter().map(|(_, reading)| reading.clone()).collect();
        self.recorder.sample(monotonic(), &process, &readings);
        for name in readings.iter().map(|reading| &reading.place.pipeline) {
            if !self.pipelines.contains(name) {
                self.pipelines.push(name.clone());
            }
        }
        // One more may come between two that are known.
        if self.described != tracked.len() {
            self.described = tracked.len();
            tracked.iter().for_each(|(pad, reading)| self.recorder.describe(&reading.place, around(pad, tracked)));
        }
    }

    /// Adds why a pipeline hung.
    pub fn stall(&mut self, text: &str, class: &str) {
        self.recorder.stall(monotonic(), text, class);
        // Whoever ends the process now wants to read of it.
        self.next_write = 0;
    }

    /// Writes it, if it is time to; `end` is the last time. A pipeline has failed with the error `failure`.
    pub fn write(&mut self, end: bool, failure: Option<String>) -> Result<(), String> {
        let now = monotonic();
        if !end && now < self.next_write {
            return Ok(());
        }
        self.next_write = now + WRITTEN_EVERY;
        // Something else may have come meanwhile: the textfile, if it was given the same name.
        may_be_written(&self.path)?;
        let outcome = match failure {
            Some(error) => Outcome::Failed(error),
            None if end => Outcome::Complete,
            None => Outcome::Running,
        };
        let environment = Environment {
            title: format!("Health of {}", self.pipelines.join(", ")),
            made: local(SystemTime::now()),
            outcome,
            command: command(),
            facts: self.facts(),
            graphs: self.graphs(),
        };
        whole_file::replace(&self.path, page(&self.recorder, &environment).as_bytes(), Readers::Permitted).map_err(
            |error| {
                format!(
                    "pipelinehealth cannot write the report {}: {error}. The pipeline goes on.",
                    self.path.display()
                )
            },
        )
    }

    fn facts(&self) -> Vec<(String, String)> {
        let mut facts = vec![
            ("Began", local(self.began)),
            ("GStreamer", gst::version_string().into()),
            ("pipelinehealth", env!("CARGO_PKG_VERSION").into()),
            ("Processors", std::thread::available_parallelism().map_or_else(|_| "unknown".into(), |n| n.to_string())),
        ];
        if let Some(bytes) = memory::machine().effective {
            facts.push(("Memory", format!("{:.1} GB", bytes as f64 / 1e9)));
        }
        for variable in ["GST_TRACERS", "GST_DEBUG"] {
            facts.extend(std::env::var(variable).ok().map(|value| (variable, value)));
        }
        facts.into_iter().map(|(what, value)| (what.to_owned(), value)).collect()
    }

    /// What GStreamer has drawn of the pipelines meanwhile, where it was told to.
    fn graphs(&self) -> Vec<String> {
        let Some(folder) = std::env::var_os("GST_DEBUG_DUMP_DOT_DIR") else { return Vec::new() };
        let files = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
        let is_new = |entry: &std::fs::DirEntry| {
            entry.metadata().and_then(|metadata| metadata.modified()).is_ok_and(|modified| modified >= self.began)
        };
        let mut graphs: Vec<String> = files
            .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "dot") && is_new(entry))
            .filter_map(|entry| Some(entry.path().canonicalize().ok()?.to_string_lossy().into_owned()))
            .collect();
        graphs.sort_unstable();
        graphs.truncate(MOST_GRAPHS);
        graphs
    }
}

/// Why there can be no report at `path`, if so.
fn may_be_written(path: &Path) -> Result<(), String> {
    let why = if path.is_dir() {
        "it is a folder; name a file in it"
    } else if whole_file::is_special(path) {
        "there is a link, a device or the like; choose another name"
    } else if !whole_file::folder(path).is_dir() {
        "its folder does not exist; create it first"
    } else if path.exists() && !is_page(path) {
        "something else is there; remove it, or choose another name"
    } else {
        return Ok(());
    };
    Err(format!("pipelinehealth writes no report to {}: {why}.", path.display()))
}

fn local(time: SystemTime) -> String {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let time = i64::try_from(seconds).ok().and_then(|seconds| gst::glib::DateTime::from_unix_local(seconds).ok());
    time.and_then(|time| time.format("%Y-%m-%d %H:%M:%S %z").ok()).map(Into::into).unwrap_or_default()
}

/// What runs here.
fn command() -> String {
    let line = std::fs::read("/proc/self/cmdline").unwrap_or_default();
    let words = line.split(|byte| *byte == 0).filter(|word| !word.is_empty());
    words.map(|word| String::from_utf8_lossy(word)).collect::<Vec<_>>().join(" ")
}

/// Whether an element takes its time over a buffer, as far as its kind tells.
fn works(element: &gst::Element) -> bool {
    let is_parser =
        element.factory().and_then(|factory| factory.metadata("klass").map(|klass| klass.contains("Parser")));
    is_parser != Some(true)
        && !is_made_by(
            element,
            &["capsfilter", "queue", "queue2", "multiqueue", "adaptivequeue", "bufferhealth", "tee"],
        )
}

/// What lies around a pad that is measured: its own element before it, and the next one after it.
fn around(pad: &gst::Pad, tracked: &[(gst::Pad, Reading)]) -> Around {
    let names = |element: Option<&gst::Element>| {
        element.filter(|element| works(element)).map(|element| element.name().to_string()).into_iter().collect()
    };
    let own = pad.parent_element();
    let peer = real_peer(pad);
    let next = peer.as_ref().and_then(gst::Pad::parent_element);
    let beyond = peer.as_ref().zip(next.as_ref()).map(|(peer, next)| inner_links(peer, next)).unwrap_or_default();
    let klass = own.as_ref().and_then(|own| own.factory()?.metadata("klass").map(str::to_owned)).unwrap_or_default();
    Around {
        before: names(own.as_ref()),
        after: names(next.as_ref()),
        next: tracked.iter().find(|(other, _)| beyond.contains(other)).map(|(_, reading)| reading.place.clone()),
        interleaved: klass.contains("Muxer"),
    }
}

/// The figures of all that are measured, with their pads.
pub(super) fn readings(tracked: &[std::sync::Arc<Tracked>]) -> Vec<(gst::Pad, Reading)> {
    tracked.iter().filter_map(|tracked| Some((tracked.pad()?, tracked.reading()?))).collect()
}
