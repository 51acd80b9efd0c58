//! What a metric is: a row of the table.

use crate::logic::clock::Nanos;
use crate::logic::histogram::{Histogram, Summary};

/// How a metric behaves over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows, until it begins anew.
    Counter,
    /// It is what it is now.
    Gauge,
    /// A distribution since the start.
    Histogram,
}

impl Kind {
    /// The name in documents and in both text formats.
    pub fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// What a metric is measured in. Only base units: no milliseconds and no percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Unit {
    /// Things that are counted, and states.
    None,
    Seconds,
    Bytes,
    /// From 0 to 1.
    Ratio,
}

impl Unit {
    /// The name, with which the metric's name ends.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Seconds => Some("seconds"),
            Self::Bytes => Some("bytes"),
            Self::Ratio => Some("ratio"),
        }
    }
}

/// The value of a metric at one moment.
#[derive(Debug, Clone, Copy)]
pub enum Value<'a> {
    /// A whole number.
    Whole(u64),
    /// A time, shown in seconds.
    Time(Nanos),
    /// Any other number.
    Real(f64),
    /// A distribution of times, and its figures in the last interval.
    Distribution(&'a Histogram, Option<Summary>),
}

impl From<bool> for Value<'_> {
    fn from(yes: bool) -> Self {
        Self::Whole(yes.into())
    }
}

/// A metric of `T`.
pub struct Family<T: 'static> {
    /// Without the `_total` of counters.
    pub name: &'static str,
    /// How it behaves.
    pub kind: Kind,
    /// What it is measured in.
    pub unit: Unit,
    /// One sentence.
    pub help: &'static str,
    /// Where it is shown.
    pub present: Present,
    /// Its value, where there is one: none is not 0.
    pub value: for<'a> fn(&'a T) -> Option<Value<'a>>,
}

/// Where a metric is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Present {
    /// At each measuring point.
    Always,
    /// Where arrivals are compared with a clock.
    Clock,
    /// At the end of a pair of probes.
    Pair,
    /// Where a queue is watched.
    Queue,
    /// Where somebody also counts how often it runs full and empty.
    Runs,
    /// Where that queue has a limit.
    Limit,
    /// Once in each process.
    Process,
    /// Once in each process, but not in a textfile: `node_exporter` has metrics of that name, its own.
    Endpoint,
    /// Once in each process that has recorded.
    Recorder,
    /// Once in each process that has rendered.
    Renderer,
}

impl Present {
    /// As the documentation says it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Clock => "live or synced",
            Self::Pair => "end of a pair",
            Self::Queue => "with a queue",
            Self::Runs => "with a queue, at `bufferhealth`",
            Self::Limit => "with a limited queue",
            Self::Process => "once per process",
            Self::Endpoint => "once per process, not in a textfile",
            Self::Recorder => "once per process that has recorded",
            Self::Renderer => "once per process that has rendered",
        }
    }

    /// Whether it belongs to a measuring point and so has its labels.
    pub fn labelled(self) -> bool {
        !matches!(self, Self::Process | Self::Endpoint | Self::Recorder | Self::Renderer)
    }
}

/// A metric as the documentation lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "as in `Family`")]
pub struct Entry {
    /// The name as Prometheus stores it.
    pub name: String,
    pub kind: Kind,
    pub unit: Unit,
    pub help: &'static str,
    pub present: Present,
}

/// The row of the documentation for a metric.
pub fn entry<T>(family: &Family<T>) -> Entry {
    let total = if family.kind == Kind::Counter { "_total" } else { "" };
    Entry {
        name: format!("{}{total}", family.name),
        kind: family.kind,
        unit: family.unit,
        help: family.help,
        present: family.present,
    }
}
