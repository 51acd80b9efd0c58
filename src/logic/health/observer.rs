//! The conclusions drawn from a probe's figures so far.

use std::collections::VecDeque;
use std::sync::Arc;

use super::counters::Count;
use super::probe::{Marks, Probe, Quantity, Recent, Rhythm, Snapshot};
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
    /// The same for a stream that need not move.
    pub fn without_stalls(self) -> Self {
        Self { tolerance: Tolerance { stall_timeout: 0, ..self.tolerance }, ..self }
    }

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
    /// It is part of a halt, as whoever looks at the whole pipeline has found.
    pub halted: bool,
    /// Nothing is meant to come for now: whoever chooses between streams has chosen another.
    pub shut: bool,
    /// Buffers are rare by nature, whatever the format says.
    pub sparse: bool,
    /// When end of stream went through.
    pub ended: Option<Nanos>,
    /// The running time by that clock, where there is one.
    pub running_now: Option<i64>,
    /// Buffers that sinks downstream have thrown away because they were late. None where they have not been asked.
    pub sink_dropped: Option<u64>,
}

/// A count that somebody else keeps, and may begin anew.
#[derive(Debug, Clone, Copy)]
struct Foreign {
    /// None if what has come until the next look does not count.
    last: Option<u64>,
    total: u64,
}

impl Default for Foreign {
    /// What was before the first look counts: nobody else tells of it.
    fn default() -> Self {
        Self { last: Some(0), total: 0 }
    }
}

impl Foreign {
    /// It is `now`.
    fn see(&mut self, now: u64) {
        if let Some(last) = self.last.replace(now) {
            self.total += now.checked_sub(last).unwrap_or(now);
        }
    }
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
    /// Buffers that sinks have thrown away, and how many there were when the interval began.
    sink_dropped: Foreign,
    interval_sink_dropped: u64,
    /// The stream had ended at the last look.
    over: bool,
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
            sink_dropped: Foreign::default(),
            interval_sink_dropped: 0,
            over: false,
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
            sparse: seen.sparse || self.probe.rhythm() == Rhythm::Sparse,
            snapshot: self.read(time, seen.ended),
            distributions: Quantity::ALL.map(|quantity| self.probe.distribution(quantity)),
            recent: self.recent,
            qos_events: 0,
            sink_dropped: self.sink_dropped.total,
            end_of_pair: self.probe.is_end_of_pair(),
            paused_task: None,
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
        self.sink_dropped.last = seen.sink_dropped;
        self.begin_interval(now);
        self.probe.set_playing(Some(now));
    }

    /// What was before does not count.
    fn begin_interval(&mut self, now: Nanos) {
        let snapshot = self.probe.read(now);
        self.marks.roll(&self.probe, &snapshot);
        self.interval_sink_dropped = self.sink_dropped.total;
        self.interval_began = now;
        self.interval_position = 0;
    }

    /// Looks at everything. Whether an interval ended.
    pub fn look(&mut self, now: Nanos, limits: &Limits, seen: Surroundings) -> bool {
        if self.stopped.is_some() {
            return false;
        }
        self.probe.set_leaky(seen.leaky);
        match (seen.sink_dropped, self.probe.playing_since()) {
            (None, _) => {}
            (Some(dropped), Some(_)) => self.sink_dropped.see(dropped),
            // Nothing is late in a pause: the user steps from frame to frame, and sinks count what is skipped.
            (Some(dropped), None) => self.sink_dropped.last = Some(dropped),
        }
        if std::mem::replace(&mut self.over, seen.ended.is_some()) && seen.ended.is_none() {
            self.begin_interval(now);
        }
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
            playing_since: self.probe.playing_since().filter(|_| !seen.shut),
            activity: snapshot.activity,
            pace: if seen.paced { snapshot.duration } else { 0 },
            due: self.due(now, &snapshot, seen),
            pushing: snapshot.counts[Count::Held] > 0,
            sparse: seen.sparse || self.probe.rhythm() == Rhythm::Sparse,
            ended: seen.ended.is_some(),
            failed: snapshot.failed,
            overrunning: seen.live && self.episodes.active() && self.probe.playing_since().is_some(),
            halted: seen.halted,
        };
        self.untold.extend(self.judge.look(&present, &limits.tolerance));
        ended && limits.interval > 0
    }

    /// When the last buffer is or was due, by our own clock.
    fn due(&self, now: Nanos, snapshot: &Snapshot, seen: Surroundings) -> Option<Nanos> {
        if snapshot.activity >= self.probe.playing_since() {
            // As it was then: a clock that has been set back since is no reason to be patient.
            return snapshot.due;
        }
        // It has waited for the start, or through a pause.
        let due = snapshot.running_time?.saturating_add(self.probe.latency());
        let wait = 0i64.saturating_add_unsigned(due).saturating_sub(seen.running_now?);
        Some(now.saturating_add_signed(wait))
    }

    /// When the interval under way ends.
    pub fn next_interval(&self, limits: &Limits) -> Nanos {
        self.interval_began.saturating_add(limits.interval_length())
    }

    fn end_interval(&mut self, now: Nanos, limits: &Limits, snapshot: &Snapshot, seen: Surroundings) {
        let recent = self.marks.roll(&self.probe, snapshot);
        let span = now.saturating_sub(self.interval_began);
        let played = self.probe.playing_since().is_some_and(|since| since <= self.interval_began);
        if played && seen.ended.is_none() && !seen.shut {
            let n = &recent.counts;
            let breaks = [Count::DiscontSegment, Count::DiscontFlush, Count::GapEvents];
            let unbroken = breaks.iter().all(|&count| n[count] == 0) && self.interval_position > 0;
            // Where time stamps have ceased, the position is that of the last one.
            let timed = n[Count::Timed] > 0 || n[Count::In] == 0;
            let went_on = unbroken && timed && self.probe.rhythm() == Rhythm::Steady && !seen.sparse;
            // Buffers nearly as long as the interval come to a whole number of them by chance.
            let fine = snapshot.duration <= span / 4;
            let advance =
                (seen.paced && went_on && fine).then(|| snapshot.position.saturating_sub(self.interval_position));
            let sink_dropped = self.sink_dropped.total - self.interval_sink_dropped;
            let headroom = &recent.summaries[Quantity::Headroom as usize];
            let early = headroom.map_or(0, |headroom| headroom.avg.saturating_mul(headroom.count));
            let synced = seen.synced;
            self.judge.interval(&Interval { counts: n, span, advance, sink_dropped, synced, early }, &limits.tolerance);
        }
        self.recent = (limits.interval > 0).then_some((span, recent));
        self.interval_began = now;
        self.interval_position = snapshot.position;
        self.interval_sink_dropped = self.sink_dropped.total;
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
        (self.sink_dropped.total, self.interval_sink_dropped) = (0, 0);
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

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::gaps::{Order, Unit};
    use super::super::probe::{Flow, Tap};
    use super::super::verdict::Health;
    use super::*;

    const LIMITS: Limits = Limits {
        interval: SECOND,
        high_watermark: 0.9,
        low_watermark: 0.7,
        tolerance: Tolerance { stall_timeout: SECOND, max_drop_ratio: 0.01 },
    };

    /// The state at `now` seconds, when the clock shows `running` seconds.
    fn state(observer: &mut Observer, now: Nanos, running: Nanos) -> Health {
        let running_now = Some((running * SECOND) as i64);
        observer.look(now * SECOND, &LIMITS, Surroundings { paced: true, running_now, ..Surroundings::default() });
        observer.judge().state()
    }

    fn arrive(observer: &Observer, now: Nanos, running: Option<Nanos>, due: Nanos) {
        let unit = Unit { running_time: Some(due * SECOND), ..Unit::default() };
        let running = running.map(|running| (running * SECOND) as i64);
        Tap::default().arrive(observer.probe(), now * SECOND, running, std::iter::once(unit));
    }

    #[test]
    fn a_stream_whose_time_stamps_have_ceased_is_not_slow() {
        let is_slow = |stamped: bool| {
            let seen = Surroundings { paced: true, ..Surroundings::default() };
            let (mut observer, mut tap) = (Observer::new(0, 0), Tap::default());
            tap.format(observer.probe(), Order::Unordered, Some(SECOND / 30), Rhythm::Steady);
            observer.play(SECOND, seen);
            let mut now = SECOND;
            for n in 0..150 {
                now += SECOND / 30;
                let running_time = (n == 0 || stamped).then_some(SECOND / 2);
                let unit = Unit { running_time, ..Unit::default() };
                tap.arrive(observer.probe(), now, Some(now as i64), std::iter::once(unit));
                tap.depart(observer.probe(), now, Flow::Ok);
                observer.look(now, &LIMITS, seen);
            }
            observer.judge().reasons().contains(crate::logic::health::verdict::Reason::Slow)
        };
        assert!(is_slow(true), "it stands still");
        assert!(!is_slow(false));
    }

    #[test]
    fn what_came_before_the_start_is_due_by_the_clock_and_what_comes_later_by_what_it_showed_then() {
        let seen = Surroundings { paced: true, ..Surroundings::default() };
        let mut observer = Observer::new(0, 0);
        arrive(&observer, 1, None, 20);
        observer.play(10 * SECOND, seen);
        assert_eq!(state(&mut observer, 30, 20), Health::Healthy, "due now");
        assert_eq!(state(&mut observer, 31, 21), Health::Stalled);

        let mut observer = Observer::new(0, 0);
        observer.play(10 * SECOND, seen);
        arrive(&observer, 11, Some(1), 5);
        assert_eq!(state(&mut observer, 15, 5), Health::Healthy, "due now");
        assert_eq!(state(&mut observer, 16, 0), Health::Stalled, "that the clock was set back is no reason");
        // Paused and played again: the clock says once more when it is due.
        observer.probe().halt(17 * SECOND);
        observer.play(30 * SECOND, seen);
        assert_eq!(state(&mut observer, 33, 4), Health::Healthy);
        assert_eq!(state(&mut observer, 35, 6), Health::Stalled);
    }

    #[test]
    fn what_sinks_drop_is_summed_over_their_restarts_and_counted_from_a_reset() {
        let mut observer = Observer::new(0, 0);
        let dropped = |observer: &mut Observer, sink_dropped| {
            let seen = Surroundings { sink_dropped: Some(sink_dropped), ..Surroundings::default() };
            observer.look(SECOND, &LIMITS, seen);
            observer.reading(SECOND, seen).sink_dropped
        };
        observer.play(SECOND, Surroundings { sink_dropped: Some(0), ..Surroundings::default() });
        assert_eq!([0, 3, 5, 2].map(|n| dropped(&mut observer, n)), [0, 3, 5, 7]);
        observer.reset(SECOND);
        assert_eq!([2, 4].map(|n| dropped(&mut observer, n)), [0, 2]);
        observer.probe().halt(SECOND);
        assert_eq!([9, 10].map(|n| dropped(&mut observer, n)), [2, 2], "steps in a pause");
        observer.play(SECOND, Surroundings { sink_dropped: Some(11), ..Surroundings::default() });
        assert_eq!([12, 13].map(|n| dropped(&mut observer, n)), [3, 4]);
        observer.play(SECOND, Surroundings::default());
        assert_eq!([20, 21].map(|n| dropped(&mut observer, n)), [4, 5], "not asked when it began");
    }

    #[test]
    fn a_full_queue_behind_a_live_source_is_nobodys_harm_while_halted() {
        let mut observer = Observer::new(0, 0);
        let seen = Surroundings { live: true, fill: Some(1.0), ..Surroundings::default() };
        observer.look(SECOND, &LIMITS, seen);
        assert_eq!(observer.judge().state(), Health::Starting);
        observer.play(2 * SECOND, seen);
        observer.look(2 * SECOND, &LIMITS, seen);
        assert_eq!(observer.judge().state(), Health::Degraded);
        let mut tap = Tap::default();
        tap.arrive(observer.probe(), 3 * SECOND, None, std::iter::once(Unit::default()));
        tap.depart(observer.probe(), 3 * SECOND, Flow::Ok);
        observer.probe().halt(3 * SECOND);
        observer.look(3 * SECOND, &LIMITS, seen);
        assert_eq!(observer.judge().state(), Health::Healthy);
    }
}
