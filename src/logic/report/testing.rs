//! Streams whose figures are known, for tests.

use crate::logic::clock::{MILLISECOND, Nanos};
use crate::logic::health::counters::{Count, Counts};
use crate::logic::health::probe::{Quantity, Snapshot};
use crate::logic::health::reading::{Fill, Place, Reading};
use crate::logic::health::verdict::{Health, Reason, Reasons};
use crate::logic::histogram::Recorder;

/// A stream that does what it is told.
pub struct Stream {
    /// Where it is measured.
    pub place: Place,
    counts: Counts,
    push: Recorder,
    lateness: Recorder,
    uptime: Nanos,
    stalled: Nanos,
    /// The verdict on it.
    pub state: Health,
    /// Why.
    pub reasons: Reasons,
    /// The queue before it.
    pub fill: Option<Fill>,
    /// Its source cannot wait.
    pub live: bool,
    /// Its sink waits for the clock.
    pub synced: bool,
    /// Its buffers are rare by nature.
    pub sparse: bool,
    /// How long each push takes from now on.
    pub each_push: Nanos,
    /// How late is what is late.
    pub late_by: Nanos,
}

impl Stream {
    /// A healthy stream of pictures, measured at the pad `src` of an element.
    pub fn new(element: &str) -> Self {
        let place =
            Place { pipeline: "pipeline0".into(), element: element.into(), pad: "src".into(), media: "video".into() };
        Self {
            place,
            counts: Counts::default(),
            push: Recorder::default(),
            lateness: Recorder::default(),
            uptime: 0,
            stalled: 0,
            state: Health::Healthy,
            reasons: Reasons::default(),
            fill: None,
            live: false,
            synced: false,
            sparse: false,
            each_push: MILLISECOND,
            late_by: 50 * MILLISECOND,
        }
    }

    /// Lets time pass with so many buffers, of which some are late and beside which some are missing. What the pushes do not take
    /// is time waiting for upstream.
    pub fn flow(&mut self, span: Nanos, buffers: u64, missing: u64, late: u64) {
        let late = late.min(buffers);
        let blocked = buffers.saturating_mul(self.each_push).min(span);
        self.uptime += span;
        for (count, n) in [
            (Count::In, buffers),
            (Count::Out, buffers),
            (Count::Bytes, 1000 * buffers),
            (Count::MediaTime, 40 * MILLISECOND * buffers),
            (Count::Missing, missing),
            (Count::Holes, missing.min(1)),
            (Count::DiscontGap, missing.min(1)),
            (Count::Timed, buffers),
            (Count::Late, late),
            (Count::BlockedTime, blocked),
            (Count::StarvedTime, span - blocked),
        ] {
            self.counts[count] += n;
        }
        (0..buffers).for_each(|_| self.push.record(self.each_push));
        (0..buffers - late).for_each(|_| self.lateness.record(0));
        (0..late).for_each(|_| self.lateness.record(self.late_by));
    }

    /// Lets time pass in which nothing moves: downstream holds a buffer.
    pub fn stand(&mut self, span: Nanos) {
        self.uptime += span;
        self.stalled += span;
        self.counts[Count::BlockedTime] += span;
        (self.state, self.reasons) = (Health::Stalled, Reasons::from_iter([Reason::Stalled, Reason::Backpressure]));
    }

    /// Sets the watched queue's level, and counts back-pressure for a span in which it is high.
    pub fn fill_up(&mut self, level: f64, span: Nanos) {
        let fill = self.fill.get_or_insert_with(|| Fill { queue: "queue0".into(), ..Fill::default() });
        let most = fill.level.map_or(level, |(_, most)| most.max(level));
        fill.level = Some((level, most));
        if level >= 0.9 {
            fill.episodes += u64::from(fill.current.is_none());
            fill.backpressure += span;
            fill.current = Some(fill.current.unwrap_or(0) + span);
        } else {
            fill.current = None;
        }
    }

    /// How many pushes there were.
    pub fn pushes(&self) -> u64 {
        self.push.read().count()
    }

    /// All figures as of now.
    pub fn reading(&self) -> Reading {
        let mut distributions: [_; Quantity::ALL.len()] = Default::default();
        distributions[Quantity::Push as usize] = self.push.read();
        distributions[Quantity::Lateness as usize] = self.lateness.read();
        Reading {
            place: self.place.clone(),
            state: self.state,
            reasons: self.reasons,
            since: 0,
            uptime: self.uptime,
            stalled: self.stalled,
            live: self.live,
            synced: self.synced,
            sparse: self.sparse,
            snapshot: Snapshot {
                counts: self.counts,
                activity: None,
                jitter: 0,
                jitter_max: 3 * MILLISECOND,
                duration: 40 * MILLISECOND,
                position: self.counts[Count::MediaTime],
                running_time: None,
                due: None,
                failed: false,
                epoch: 0,
            },
            distributions,
            recent: None,
            qos_events: 0,
            sink_dropped: 0,
            end_of_pair: false,
            paused_task: None,
            fill: self.fill.clone(),
        }
    }
}

/// How many buffers arrived.
pub fn total_of(reading: &Reading) -> u64 {
    reading.snapshot.counts[Count::In]
}
