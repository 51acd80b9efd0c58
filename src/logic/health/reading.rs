//! All figures of one measuring point at one moment, for whoever shows them: as a structure, a metric or a picture.

use super::counters::Counts;
use super::probe::{Quantity, Recent, Snapshot};
use super::verdict::{Health, Reasons};
use crate::logic::clock::Nanos;
use crate::logic::histogram::Histogram;

/// Where a stream is measured. The names are those of GStreamer's objects.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The outermost bin.
    pub pipeline: String,
    /// The element, or what the user calls this point.
    pub element: String,
    /// The pad.
    pub pad: String,
    /// What flows: `audio`, `video`, `text` or `other`.
    pub media: String,
}

/// How full the watched queue is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fill {
    /// The queue's name.
    pub queue: String,
    /// Used share of it by its fullest measure, from 0 to 1: now, and the most seen. None where it has no limit.
    pub level: Option<(f64, f64)>,
    /// Buffers, bytes and nanoseconds in it, as far as it says.
    pub held: [Option<u64>; 3],
    /// How often it ran full and empty, if anybody counts that.
    pub runs: Option<(u64, u64)>,
    /// How many episodes of back-pressure there were.
    pub episodes: u64,
    /// How long they lasted together, and the longest of them.
    pub backpressure: Nanos,
    /// As `backpressure`.
    pub longest: Nanos,
    /// How long the episode under way lasts.
    pub current: Option<Nanos>,
}

/// All figures of one measuring point.
#[derive(Debug, Clone)]
pub struct Reading {
    /// Where.
    pub place: Place,
    /// The verdict.
    pub state: Health,
    /// Why.
    pub reasons: Reasons,
    /// Since when it is so: after the start of counting.
    pub since: Nanos,
    /// For how long there has been counting.
    pub uptime: Nanos,
    /// How long the stream stood still in stalls.
    pub stalled: Nanos,
    /// The source cannot wait.
    pub live: bool,
    /// A sink downstream waits for the clock.
    pub synced: bool,
    /// Buffers are rare by nature.
    pub sparse: bool,
    /// Counts and gauges as of one instant.
    pub snapshot: Snapshot,
    /// The distributions, in the order of [`Quantity::ALL`].
    pub distributions: [Histogram; Quantity::ALL.len()],
    /// Length and figures of the last interval.
    pub recent: Option<(Nanos, Recent)>,
    /// QoS events that came from downstream.
    pub qos_events: u64,
    /// Buffers that sinks downstream threw away because they were late.
    pub sink_dropped: u64,
    /// This is the end of a pair of probes.
    pub end_of_pair: bool,
    /// In a stall: the task upstream that is paused though its element plays, as `element:pad`.
    pub paused_task: Option<String>,
    /// The watched queue, if there is one.
    pub fill: Option<Fill>,
}

impl Reading {
    /// Whether `quantity` means anything here: without a clock there is no lateness, which is not the same as none, and no latency
    /// without a pair.
    pub fn has(&self, quantity: Quantity) -> bool {
        use super::counters::Count;
        let timed = !quantity.needs_clock() || self.snapshot.counts[Count::Timed] > 0;
        timed && (quantity != Quantity::PairLatency || self.end_of_pair)
    }

    /// Buffers a second in the last interval.
    pub fn rate(&self) -> Option<f64> {
        use super::counters::Count;
        let (span, recent) = self.recent.as_ref()?;
        (*span > 0).then(|| recent.counts[Count::In] as f64 / *span as f64 * 1e9)
    }

    /// Which share of all buffers is missing, was refused or came too late for its sink, from 0 to 1.
    pub fn drop_ratio(&self) -> f64 {
        let counts = &self.snapshot.counts;
        ratio(counts.lost() + self.sink_dropped, counts.offered())
    }
}

/// Which share of what should have passed is missing or was refused with an error.
pub fn drop_ratio(counts: &Counts) -> f64 {
    ratio(counts.lost(), counts.offered())
}

fn ratio(lost: u64, offered: u64) -> f64 {
    if offered == 0 { 0.0 } else { lost as f64 / offered as f64 }
}
