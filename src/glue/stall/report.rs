//! The words, and the fields, that say why a pipeline has come to a halt.

use std::sync::mpsc;
use std::time::Duration;

use gst::prelude::*;

use super::elements::is_prerolling;
use super::survey::{Finding, Reason};
use crate::glue::topology::is_made_by;
use crate::logic::clock::{Nanos, SECOND};
use crate::logic::queue::levels::Level;
use crate::logic::stall::detector::Class;
use crate::logic::stall::waits::Hope;

/// An element's pad, by their names.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Named {
    element: String,
    pad: String,
}

impl Named {
    fn new(pad: &gst::Pad) -> Self {
        Self {
            element: pad.parent_element().map_or_else(String::new, |element| element.name().into()),
            pad: pad.name().into(),
        }
    }
}

impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.element, self.pad)
    }
}

/// The element that a report is about: the one whose data do not get on.
#[derive(Debug, Clone)]
pub(crate) struct Halted {
    pub name: String,
    pub kind: Kind,
    pub waiting: Waiting,
    /// For how long.
    pub blocked_for: Nanos,
    /// What was set as too long.
    pub timeout: Nanos,
    pub level: Level,
    /// The memory budget has no room for more.
    pub denied: bool,
    /// The limit that was reached, where the user set it.
    pub fixed: Option<&'static str>,
    /// What it is linked to.
    pub peer: Option<gst::Pad>,
}

/// What kind of element halted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An `adaptivequeue`, which grows by itself.
    Adaptive,
    /// Another queue.
    Queue,
    /// Any other element with a thread of its own.
    Thread,
}

/// Everything known of a stall.
#[derive(Debug)]
pub(crate) struct StallReport {
    halted: Halted,
    class: Class,
    /// It is an error; else it is only told of.
    fails: bool,
    /// The pad whose chain does not return.
    downstream: Option<Named>,
    /// Inputs that nothing comes to: of that element, or, at the start, of other sinks.
    starved: Vec<Named>,
    preroll: bool,
    culprit: Culprit,
    matter: Matter,
    /// Inputs of the element downstream whose levels are to be read.
    inputs: Vec<gst::Pad>,
    /// Buffers in each of them.
    levels: Vec<(String, u64)>,
}

/// The part that does not get on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// The producer waits for room.
    Room,
    /// The producer waits for the answer to a query.
    Answer(gst::QueryType),
    /// The producer has said EOS, which cannot leave.
    End,
    /// The consumer does not come back from downstream, while there is room for more.
    Sending,
    /// The consumer waits for data.
    Data,
}

/// On whom it hinges.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Culprit {
    /// All wait for each other.
    Nobody,
    /// An element that has not come back, and whether it waits for a file system.
    Busy(Named, bool),
    /// The application, which takes nothing from this sink.
    AppSink(String),
    /// The application, which gives this source nothing.
    AppSource(String),
    /// A source that sends nothing.
    Source(String),
    /// A valve that is closed.
    Valve(String),
    /// A pad that is linked to nothing.
    Unlinked(Named),
    /// An element whose task does not run.
    Idle(String),
}

/// The kind of halt, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Matter {
    Stalled,
    PrerollDeadlock,
    Budget,
    Unlinked,
}

impl Matter {
    fn nick(self) -> &'static str {
        match self {
            Matter::Stalled => "stalled",
            Matter::PrerollDeadlock => "preroll-deadlock",
            Matter::Budget => "budget",
            Matter::Unlinked => "unlinked",
        }
    }
}

fn name(element: &gst::Element) -> String {
    element.name().into()
}

impl Culprit {
    fn new(finding: &Finding) -> Self {
        match &finding.reason {
            // Only what is not right comes here.
            None | Some(Reason::Clock | Reason::Paused | Reason::Probe(_)) => Culprit::Nobody,
            Some(Reason::Held(pad) | Reason::Sink(pad)) => Culprit::Busy(Named::new(pad), finding.disk),
            Some(Reason::AppSink(element)) => Culprit::AppSink(name(element)),
            Some(Reason::Source(element)) if is_made_by(element, &["appsrc"]) => Culprit::AppSource(name(element)),
            Some(Reason::Source(element)) => Culprit::Source(name(element)),
            Some(Reason::Valve(element)) => Culprit::Valve(name(element)),
            Some(Reason::Unlinked(pad)) => Culprit::Unlinked(Named::new(pad)),
            Some(Reason::Idle(pad)) => Culprit::Idle(Named::new(pad).element),
        }
    }

    /// The element to look at.
    fn element(&self) -> Option<&str> {
        match self {
            Culprit::Nobody => None,
            Culprit::Busy(pad, _) | Culprit::Unlinked(pad) => Some(&pad.element),
            Culprit::AppSink(element)
            | Culprit::AppSource(element)
            | Culprit::Source(element)
            | Culprit::Valve(element)
            | Culprit::Idle(element) => Some(element),
        }
    }
}

/// "a", "a and b", "a, b and c".
fn list(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

impl StallReport {
    pub fn new(halted: Halted, top: &gst::Object, finding: &Finding, (class, fails): (Class, bool)) -> Self {
        let culprit = Culprit::new(finding);
        let matter = match &culprit {
            Culprit::Unlinked(_) => Matter::Unlinked,
            _ if finding.starved.is_empty() => Matter::Stalled,
            _ if halted.waiting == Waiting::Room && finding.hope == Hope::Never && halted.denied => Matter::Budget,
            _ if is_prerolling(top) && class == Class::Deadlock => Matter::PrerollDeadlock,
            _ => Matter::Stalled,
        };
        let element = finding.holder.as_ref().and_then(gst::Pad::parent_element);
        Self {
            class,
            fails,
            downstream: finding.holder.as_ref().or(halted.peer.as_ref()).map(Named::new),
            starved: finding.starved.iter().map(Named::new).collect(),
            preroll: finding.preroll,
            culprit,
            matter,
            inputs: element
                .filter(|element| element.is::<gst_base::Aggregator>())
                .map_or_else(Vec::new, |e| e.sink_pads()),
            levels: Vec::new(),
            halted,
        }
    }

    /// Reads how full the inputs of an aggregator are, which takes locks of theirs: what does not answer at once is left out.
    pub fn read_levels(&mut self) {
        /// From GStreamer 1.28 on.
        const LEVEL: &str = "current-level-buffers";
        /// An aggregator holds these locks for microseconds, unless something is wrong.
        const SOON: Duration = Duration::from_millis(100);
        let inputs = std::mem::take(&mut self.inputs);
        if !inputs.iter().any(|pad| pad.has_property_with_type(LEVEL, u64::static_type())) {
            return;
        }
        let (tell, told) = mpsc::channel();
        let read = move || {
            for pad in inputs.iter().filter(|pad| pad.has_property_with_type(LEVEL, u64::static_type())) {
                // Nobody may be listening any more.
                let _ = tell.send((pad.name().to_string(), pad.property::<u64>(LEVEL)));
            }
        };
        if std::thread::Builder::new().name("steady-levels".into()).spawn(read).is_ok() {
            while let Ok(level) = told.recv_timeout(SOON) {
                self.levels.push(level);
            }
        }
    }

    pub fn class(&self) -> Class {
        self.class
    }

    /// For people: what, why, what to do.
    pub fn text(&self) -> String {
        let what = match self.fails || self.class == Class::Deadlock {
            true => "The pipeline has stalled",
            false => "The pipeline waits",
        };
        let seconds = self.halted.blocked_for as f64 / SECOND as f64;
        let mut text = format!("{what}: {} for {seconds:.1} s because {}.", self.state(), self.cause());
        if !self.levels.is_empty() {
            let levels: Vec<String> = self
                .levels
                .iter()
                .map(|(pad, buffers)| format!("{pad} holds {}", buffers_in_words(*buffers)))
                .collect();
            text += &format!(" Of its inputs, {}.", list(&levels));
        }
        text + " " + &self.advice()
    }

    fn state(&self) -> String {
        let Halted { name, kind, level, .. } = &self.halted;
        let what = if *kind == Kind::Thread { name.clone() } else { format!("the queue {name}") };
        let (megabytes, seconds) = (level.bytes as f64 / 1e6, level.time as f64 / SECOND as f64);
        let mut parts = Vec::new();
        if level.buffers > 0 {
            parts.push(buffers_in_words(level.buffers));
        }
        if megabytes >= 0.05 {
            parts.push(format!("{megabytes:.1} MB"));
        }
        if seconds >= 0.05 {
            parts.push(format!("{seconds:.1} s"));
        }
        let level = parts.join(", ");
        let level = |before: &str| if level.is_empty() { String::new() } else { format!(" ({before}{level})") };
        match self.halted.waiting {
            Waiting::Room => format!("{what} has been full{}", level("")),
            Waiting::Answer(kind) => {
                format!("the {} query that waits in {what}{} has had no answer", kind.name(), level("behind "))
            }
            Waiting::End => format!("{what} could not send its last data{}", level("")),
            Waiting::Sending => format!("{what} has been sending the same buffer"),
            Waiting::Data => format!("{what} has had no data"),
        }
    }

    /// The elements or pads that nothing comes to.
    fn starved(&self) -> String {
        match self.preroll {
            true => list(&self.starved.iter().map(|pad| pad.element.clone()).collect::<Vec<_>>()),
            false => list(&self.starved.iter().map(|pad| pad.pad.clone()).collect::<Vec<_>>()),
        }
    }

    fn cause(&self) -> String {
        let Some(Named { element, pad }) = &self.downstream else {
            return "what came after it is no longer linked".into();
        };
        let busy = |Named { element, pad }: &Named, file: bool| match file {
            true => format!("{element} waits for the disk with what came to its input {pad}"),
            false => format!("{element} has not finished with what came to its input {pad}"),
        };
        if self.starved.is_empty() {
            return match &self.culprit {
                Culprit::Busy(at, file) => busy(at, *file),
                Culprit::AppSink(sink) => format!("the application has not taken anything from {sink} all that time"),
                Culprit::AppSource(source) => format!("the application gives {source} nothing"),
                Culprit::Source(source) => format!("{source} sends nothing"),
                Culprit::Valve(valve) => format!("{valve}, which is closed, lets nothing through"),
                Culprit::Unlinked(at) => format!("the input {} of {} is linked to nothing", at.pad, at.element),
                Culprit::Idle(idle) => format!("{idle} has stopped"),
                Culprit::Nobody => busy(&Named { element: element.clone(), pad: pad.clone() }, false),
            };
        }
        let starved = self.starved();
        let waits = match self.preroll {
            true => format!("{element} has its first data and waits for {starved} to get the same"),
            false => format!("{element} holds its input {pad} until data comes to {starved}"),
        };
        let why = match &self.culprit {
            Culprit::Busy(at, file) => format!("and {}", busy(at, *file)),
            Culprit::AppSink(sink) => format!("and the application has not taken anything from {sink} all that time"),
            Culprit::AppSource(source) => format!("and the application gives {source} nothing"),
            Culprit::Source(source) => format!("and {source} sends nothing"),
            Culprit::Valve(valve) => format!("and {valve}, which is closed, lets nothing through"),
            Culprit::Unlinked(_) => "which is linked to nothing".into(),
            Culprit::Idle(idle) => format!("and {idle} has stopped"),
            Culprit::Nobody => match (self.halted.waiting, self.matter) {
                (Waiting::Room, Matter::Budget) => {
                    "which the same source feeds, and the memory budget has no room for more in this queue".into()
                }
                (Waiting::Room | Waiting::Answer(_), _) => {
                    "which the same source feeds, and that source is blocked here".into()
                }
                (Waiting::Sending, _) if self.halted.kind == Kind::Thread => {
                    format!("which {} feeds as well, and it is blocked here", self.halted.name)
                }
                (Waiting::End | Waiting::Sending, _) => "and what feeds that is blocked as well".into(),
                (Waiting::Data, _) => "which lacks what comes through this queue, whose source is blocked there".into(),
            },
        };
        format!("{waits}, {why}")
    }

    fn advice(&self) -> String {
        let Some(Named { element, .. }) = &self.downstream else { return "Link the queue again.".into() };
        let starved = self.starved();
        match &self.culprit {
            Culprit::AppSink(sink) => {
                format!("Pull from {sink}, or let it drop (its properties drop and max-buffers).")
            }
            Culprit::AppSource(source) => format!("Push buffers or EOS into {source}."),
            Culprit::Source(source) => format!("See what {source} waits for."),
            Culprit::Valve(valve) => format!("Open {valve} (drop=false), or give the sinks behind it async=false."),
            Culprit::Unlinked(at) => format!("Link {} of {}, or release it.", at.pad, at.element),
            Culprit::Idle(idle) => format!("See why {idle} has stopped."),
            Culprit::Busy(at, true) => {
                format!("See whether the disk that {} writes to is full, slow or gone.", at.element)
            }
            Culprit::Busy(at, false) => format!("See what {} waits for; {}", at.element, self.patience()),
            Culprit::Nobody if self.starved.is_empty() => format!("See what {element} waits for; {}", self.patience()),
            Culprit::Nobody => match (self.halted.waiting, self.matter, self.halted.fixed) {
                (Waiting::Answer(_), ..) => {
                    "A source asks when its format changes: keep one format until the end.".into()
                }
                (Waiting::Room, Matter::Budget, _) => {
                    "Raise STEADY_MEMORY_LIMIT, use smaller frames, or a shorter lookahead in the other branch.".into()
                }
                (Waiting::Room, ..) if self.halted.kind == Kind::Queue && !self.preroll => {
                    let name = &self.halted.name;
                    format!(
                        "Put an adaptivequeue, which grows, in place of {name}, or raise max-size-buffers, max-size-bytes and max-size-time of {name}."
                    )
                }
                (Waiting::Room, _, Some(limit)) => format!("Let the queue grow: do not set {limit}, or set it higher."),
                (Waiting::Data, ..) if self.preroll => {
                    format!("Put an adaptivequeue in front of {element} too, so that the source can go on.")
                }
                (Waiting::Data, ..) => {
                    format!(
                        "Put an adaptivequeue in front of the other inputs of {element} too, so that the source can go on."
                    )
                }
                // The thread itself stands there: with a queue it would not.
                (Waiting::Sending, ..) if self.halted.kind == Kind::Thread && self.preroll => {
                    format!("Put an adaptivequeue in front of {element}, so that {} can go on.", self.halted.name)
                }
                (Waiting::Sending, ..) if self.halted.kind == Kind::Thread => {
                    let input = self.downstream.as_ref().map_or("", |at| &at.pad);
                    format!(
                        "Put an adaptivequeue in front of {input} of {element}, so that {} can go on.",
                        self.halted.name
                    )
                }
                (Waiting::End | Waiting::Sending, ..) if !self.preroll => {
                    format!("See what feeds {starved} of {element}.")
                }
                _ if self.preroll => {
                    format!(
                        "See what feeds {starved}: put an adaptivequeue there if there is none, or set async=false on {starved}."
                    )
                }
                _ => format!("Put an adaptivequeue in front of {starved} of {element}."),
            },
        }
    }

    /// What to set so that it is not spoken of so soon: six times the time so far, as it is typed.
    fn patience(&self) -> String {
        let more = self.halted.timeout.saturating_mul(6);
        let (what, seconds) = match self.halted.kind {
            Kind::Adaptive => {
                (format!("push-timeout={more}"), format!("({} s) on {}", more / SECOND, self.halted.name))
            }
            Kind::Queue | Kind::Thread => {
                (format!("stall-timeout={more}"), format!("({} s) of pipelinehealth", more / SECOND))
            }
        };
        format!("if it may take longer, set {what} {seconds}.")
    }

    /// For developers: the fields in one line.
    pub fn debug(&self) -> String {
        let mut details = self.details("stalled");
        details.remove_field("text");
        details.to_string()
    }

    /// For programs.
    pub fn details(&self, name: &str) -> gst::Structure {
        let downstream = self.downstream.as_ref().map_or_else(String::new, Named::to_string);
        let itself = self.halted.kind == Kind::Thread && self.halted.waiting == Waiting::Sending;
        let lacking = self.starved.first().filter(|_| self.preroll && self.halted.waiting != Waiting::Data && !itself);
        let holder = lacking.or(self.downstream.as_ref());
        let culprit = self.culprit.element().or(holder.map(|pad| pad.element.as_str()));
        gst::Structure::builder(name)
            .field("text", self.text())
            .field("queue", &self.halted.name)
            .field("blocked-for", self.halted.blocked_for)
            .field("level-buffers", self.halted.level.buffers)
            .field("level-bytes", self.halted.level.bytes)
            .field("level-time", self.halted.level.time)
            .field("downstream", downstream)
            .field("starved", gst::Array::new(self.starved.iter().map(Named::to_string)))
            .field("culprit", culprit.unwrap_or_default())
            .field("class", self.class.nick())
            .field("reason", self.matter.nick())
            .build()
    }
}

fn buffers_in_words(buffers: u64) -> String {
    match buffers {
        1 => "1 buffer".into(),
        _ => format!("{buffers} buffers"),
    }
}

#[cfg(test)]
mod tests;
