//! The conclusions drawn from a probe's figures so far.

use std::collections::VecDeque;
use std::sync::Arc;

use super::counters::Count;
use super::probe::{Marks, Probe, Quantity, Recent, Snapshot};
use super::reading::{Fill, Place, Reading};
use super::verdict::{Change, Interval, Judge, Present, Tolerance};
use crate::logic::backpressure::{Episodes, Zone};
use crate::logic::clock::{MILLISECOND, Nanos, SECOND};

/// What the user sets.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Length of the intervals whose figures are kept; 0 = none are.
    pub interval: Nanos,
    /// Fill of the watched queue at which back-pressure begins, and below it that at which it ends.
    pub high_watermark: f64,
    /// As `high_watermark`.
    pub low_watermark: f64,
    /// For the verdict.
    pub tolerance: Tolerance,
}

impl Limits {
    /// The length of intervals. The verdict needs them even when they are switched off for everybody else.
    pub fn interval_length(&self) -> Nanos {
        if self.interval > 0 { self.interval.max(10 * MILLISECOND) } else { SECOND }
    }
}

/// The stream's surroundings, as seen just now.
#[derive(Debug, Clone, Copy, Default)]
pub struct Surroundings {
    /// Fill of the watched queue.
    pub fill: Option<f64>,
    /// It throws buffers away when it is full.
    pub leaky: bool,
    /// Arrivals are compared with a clock.
    pub paced: bool,
    /// The source cannot wait.
    pub live: bool,
    /// A sink downstream waits for the clock.
    pub synced: bool,
    /// When end of stream went through.
    pub ended: Option<Nanos>,
}

/// Draws conclusions from one probe. Its owner lets one thread at a time do so.
#[derive(Debug)]
pub struct Observer {
    probe: Arc<Probe>,
    judge: Judge,
    episodes: Episodes,
    /// Fill of the watched queue: now, and the greatest seen.
    fill: Option<(f64, f64)>,
    /// Length and figures of the last interval.
    recent: Option<(Nanos, Recent)>,
    /// When counting began.
    started: Nanos,
    stopped: Option<Nanos>,
    marks: Marks,
    /// When the interval began, and the running time then.
    interval_began: Nanos,
    interval_position: Nanos,
    /// Verdicts not told of yet, and whether a thread is telling: that keeps them in order without a lock held.
    untold: VecDeque<Change>,
    telling: bool,
}

impl Observer {
    /// Of a new probe that keeps its last `samples` push times.
    pub fn new(now: Nanos, samples: usize) -> Self {
        Self {
            probe: Arc::new(Probe::new(samples)),
            judge: Judge::new(now),
            episodes: Episodes::default(),
            fill: None,
            recent: None,
            started: now,
            stopped: None,
            marks: Marks::default(),
            interval_began: now,
            interval_position: 0,
            untold: VecDeque::new(),
            telling: false,
        }
    }

    /// What the streaming thread writes to.
    pub fn probe(&self) -> &Arc<Probe> {
        &self.probe
    }

    /// The verdict.
    pub fn judge(&self) -> &Judge {
        &self.judge
    }

    /// When counting began.
    pub fn started(&self) -> Nanos {
        self.started
    }

    /// All figures. What the observer does not know is empty in the result: the place, QoS, and the queue's name and runs.
    pub fn reading(&self, now: Nanos, seen: Surroundings) -> Reading {
        let time = self.time(now);
        Reading {
            place: Place::default(),
            state: self.judge.state(),
            reasons: self.judge.reasons(),
            since: self.judge.since().saturating_sub(self.started),
            uptime: time.saturating_sub(self.started),
            stalled: self.judge.stalled(time),
            live: seen.live,
            synced: seen.synced,
            snapshot: self.read(time, seen.ended),
            distributions: Quantity::ALL.map(|quantity| self.probe.distribution(quantity)),
            recent: self.recent,
            qos_events: 0,
            fill: self.fill.map(|level| Fill {
                level: Some(level),
                episodes: self.episodes.count(),
                backpressure: self.episodes.total(time),
                longest: self.episodes.longest(time),
                current: self.episodes.current(time),
                ..Fill::default()
            }),
        }
    }

    /// The time that figures are of: it stands still once the stream has stopped.
    fn time(&self, now: Nanos) -> Nanos {
        self.stopped.unwrap_or(now)
    }

    /// The figures: waiting ends with the stream.
    fn read(&self, now: Nanos, ended: Option<Nanos>) -> Snapshot {
        self.probe.read(ended.unwrap_or(self.time(now)))
    }

    /// The stream flows from now on. Intervals count from then: what was before cannot be judged.
    pub fn play(&mut self, now: Nanos, seen: Surroundings) {
        self.probe.set_leaky(seen.leaky);
        let snapshot = self.probe.read(now);
        self.marks.roll(&self.probe, &snapshot);
        self.interval_began = now;
        self.interval_position = 0;
        self.probe.set_playing(Some(now));
    }

    /// Looks at everything. Whether an interval ended.
    pub fn look(&mut self, now: Nanos, limits: &Limits, seen: Surroundings) -> bool {
        if self.stopped.is_some() {
            return false;
        }
        self.probe.set_leaky(seen.leaky);
        let snapshot = self.read(now, seen.ended);
        match seen.fill {
            Some(fill) => {
                self.episodes.update(now, Zone::of(fill, limits.high_watermark, limits.low_watermark));
                self.fill = Some((fill, self.fill.map_or(fill, |(_, most)| most.max(fill))));
            }
            None => {
                self.episodes.end(now);
                self.fill = None;
            }
        }
        let ended = now >= self.next_interval(limits);
        if ended {
            self.end_interval(now, limits, &snapshot, seen);
        }
        let present = Present {
            now,
            playing_since: self.probe.playing_since(),
            activity: snapshot.activity,
            pace: if seen.paced { snapshot.duration } else { 0 },
            pushing: snapshot.counts[Count::Held] > 0,
            ended: seen.ended.is_some(),
            failed: snapshot.failed,
            overrunning: seen.live && self.episodes.active(),
        };
        self.untold.extend(self.judge.look(&present, &limits.tolerance));
        ended && limits.interval > 0
    }

    /// When the interval under way ends.
    pub fn next_interval(&self, limits: &Limits) -> Nanos {
        self.interval_began.saturating_add(limits.interval_length())
    }

    fn end_interval(&mut self, now: Nanos, limits: &Limits, snapshot: &Snapshot, seen: Surroundings) {
        let recent = self.marks.roll(&self.probe, snapshot);
        let span = now.saturating_sub(self.interval_began);
        let played = self.probe.playing_since().is_some_and(|since| since <= self.interval_began);
        if played && seen.ended.is_none() {
            let n = &recent.counts;
            let went_on = n[Count::DiscontSegment] + n[Count::DiscontFlush] == 0 && self.interval_position > 0;
            // Buffers nearly as long as the interval come to a whole number of them by chance.
            let fine = snapshot.duration <= span / 4;
            let advance =
                (seen.paced && went_on && fine).then(|| snapshot.position.saturating_sub(self.interval_position));
            self.judge.interval(&Interval { counts: n, span, advance }, &limits.tolerance);
        }
        self.recent = (limits.interval > 0).then_some((span, recent));
        self.interval_began = now;
        self.interval_position = snapshot.position;
    }

    /// Takes the next verdict to tell of. Only one thread at a time gets any; it must come back until there are none.
    pub fn next_untold(&mut self, telling: bool) -> Option<Change> {
        if self.telling && !telling {
            return None;
        }
        let next = self.untold.pop_front();
        self.telling = next.is_some();
        next
    }

    /// Starts counting anew.
    pub fn reset(&mut self, now: Nanos) {
        self.probe.reset();
        self.judge.reset(now);
        self.episodes.reset(now);
        self.fill = self.fill.map(|(fill, _)| (fill, fill));
        self.recent = None;
        self.started = now;
        self.interval_began = now;
    }

    /// The stream is over. The figures stay readable.
    pub fn stop(&mut self, now: Nanos) {
        self.probe.set_playing(None);
        self.episodes.end(now);
        self.stopped = Some(now);
    }
}
