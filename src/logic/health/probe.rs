//! One measuring point: its writer's side, called at each buffer, and its readers' side.
//!
//! All times are of one monotonic clock with an arbitrary origin.

use super::counters::{COUNTS, Cells, Count, Counts};
use super::gaps::{Gaps, Unit};
use super::jitter::Jitter;
use crate::logic::clock::Nanos;
use crate::logic::histogram::{Histogram, Mark, Recorder, Summary};
use crate::logic::sync::AtomicTime;
use crate::logic::sync::atomic::{AtomicU64, Ordering, fence};

/// How a push ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of GStreamer's flow returns")]
pub enum Flow {
    Ok,
    Flushing,
    Eos,
    NotLinked,
    NotNegotiated,
    Error,
}

/// Cells after the counts: what is, not how much there was.
#[derive(Clone, Copy)]
enum Gauge {
    /// When the last arrival or departure was; 0 before the first.
    Activity = COUNTS as isize,
    /// The jitter estimate, and the greatest so far.
    Jitter,
    JitterMax,
    /// The longer one of the durations of the last two buffers.
    Duration,
    /// Running time of the end of the last buffer that has one.
    Position,
    /// 1 after a push that ended in an error, until one ends well.
    Failed,
    /// Which reset the cells are of.
    Epoch,
}
const CELLS: usize = Gauge::Epoch as usize + 1;

/// Circumstances that others set and the writer reads.
#[derive(Debug)]
struct Context {
    /// Since when the stream is meant to flow.
    playing_since: AtomicTime,
    /// By how much running times are delayed before they are due.
    latency: AtomicU64,
    late_threshold: AtomicU64,
    /// Upstream elements may skip what ends before this running time: downstream said so.
    skip_until: AtomicU64,
    /// The watched queue throws buffers away when it is full.
    leaky: AtomicU64,
    /// How many resets were asked for.
    resets: AtomicU64,
}

/// The distributions of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// Time from one arrival to the next.
    Interarrival,
    /// Time inside the push downstream.
    Push,
    /// How long after it was due a buffer arrived; 0 for one in time.
    Lateness,
    /// How long before it is due a buffer arrived; 0 for one late.
    Headroom,
}

impl Quantity {
    /// All of them, in the order of declaration.
    pub const ALL: [Quantity; 4] = [Self::Interarrival, Self::Push, Self::Lateness, Self::Headroom];

    /// The name in statistics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Interarrival => "interarrival",
            Self::Push => "push",
            Self::Lateness => "lateness",
            Self::Headroom => "headroom",
        }
    }

    /// Whether it means anything only where arrivals are compared with a clock.
    pub fn needs_clock(self) -> bool {
        matches!(self, Self::Lateness | Self::Headroom)
    }
}

/// The shared side of a measuring point.
#[derive(Debug)]
pub struct Probe {
    cells: Cells<CELLS>,
    recorders: [Recorder; Quantity::ALL.len()],
    /// The last push times, a ring.
    samples: Box<[AtomicU64]>,
    context: Context,
}

/// Counts and gauges of one instant, for a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Snapshot {
    /// The counts, waiting under way included.
    pub counts: Counts,
    /// When the last arrival or departure was.
    pub activity: Option<Nanos>,
    /// The jitter estimate.
    pub jitter: Nanos,
    /// The greatest jitter estimate.
    pub jitter_max: Nanos,
    /// The longer one of the durations of the last two buffers.
    pub duration: Nanos,
    /// Running time of the end of the last buffer that has one.
    pub position: Nanos,
    /// The last push ended in an error.
    pub failed: bool,
    /// How many resets there were.
    pub epoch: u64,
}

impl Probe {
    /// A probe that keeps its last `samples` push times.
    pub fn new(samples: usize) -> Self {
        let atomic = AtomicU64::new;
        Self {
            cells: Cells::default(),
            recorders: std::array::from_fn(|_| Recorder::default()),
            samples: (0..samples).map(|_| atomic(0)).collect(),
            context: Context {
                playing_since: AtomicTime::default(),
                latency: atomic(0),
                late_threshold: atomic(Nanos::MAX),
                skip_until: atomic(0),
                leaky: atomic(0),
                resets: atomic(0),
            },
        }
    }

    /// The stream flows from now on, or is halted. Time spent halted is nobody's fault.
    pub fn set_playing(&self, since: Option<Nanos>) {
        self.context.playing_since.set(since);
    }

    /// Since when the stream flows.
    pub fn playing_since(&self) -> Option<Nanos> {
        self.context.playing_since.get()
    }

    /// Buffers are due this long after their running time.
    pub fn set_latency(&self, latency: Nanos) {
        self.context.latency.store(latency, Ordering::Relaxed);
    }

    /// From how much lateness on a buffer counts as late.
    pub fn set_late_threshold(&self, threshold: Nanos) {
        self.context.late_threshold.store(threshold, Ordering::Relaxed);
    }

    /// Downstream lets upstream skip what ends before this running time.
    pub fn set_skip_until(&self, running_time: Nanos) {
        self.context.skip_until.store(running_time, Ordering::Relaxed);
    }

    /// Whether the watched queue throws buffers away when it is full.
    pub fn set_leaky(&self, leaky: bool) {
        self.context.leaky.store(leaky.into(), Ordering::Relaxed);
    }

    /// Starts all counting anew. Readers see it at once, the writer at its next buffer.
    pub fn reset(&self) {
        self.context.resets.fetch_add(1, Ordering::Relaxed);
    }

    /// Everything as of one instant, `now` at the latest.
    pub fn read(&self, now: Nanos) -> Snapshot {
        let cells = self.cells.read();
        let gauge = |g: Gauge| cells[g as usize];
        let epoch = self.context.resets.load(Ordering::Relaxed);
        let mut counts = Counts(std::array::from_fn(|i| cells[i]));
        let activity = Some(gauge(Gauge::Activity)).filter(|&at| at != 0);
        let stale = gauge(Gauge::Epoch) != epoch;
        if stale {
            // The writer has seen no buffer since the reset, so neither has anybody else.
            let held = counts[Count::Held];
            counts = Counts::default();
            (counts[Count::In], counts[Count::Held]) = (held, held);
        } else if let (Some(since), Some(playing)) = (activity, self.playing_since()) {
            let waiting = now.saturating_sub(since.max(playing));
            let whom = if counts[Count::Held] > 0 { Count::BlockedTime } else { Count::StarvedTime };
            counts[whom] += waiting;
        }
        let live = |g: Gauge| if stale { 0 } else { gauge(g) };
        Snapshot {
            counts,
            activity,
            jitter: live(Gauge::Jitter),
            jitter_max: live(Gauge::JitterMax),
            duration: gauge(Gauge::Duration),
            position: gauge(Gauge::Position),
            failed: gauge(Gauge::Failed) != 0,
            epoch,
        }
    }

    /// Which reset the distributions are of, unless one is under way.
    fn settled(&self) -> Option<u64> {
        let wanted = self.context.resets.load(Ordering::Relaxed);
        (self.cells.read()[Gauge::Epoch as usize] == wanted).then_some(wanted)
    }

    /// The result of `read`, unless a reset came before or in between.
    fn settled_while<T>(&self, read: impl FnOnce() -> T) -> Option<T> {
        let epoch = self.settled()?;
        let read = read();
        // Whoever saw a cell that a reset cleared sees after this fence that there was one.
        fence(Ordering::Acquire);
        (self.settled() == Some(epoch)).then_some(read)
    }

    /// A distribution since the start.
    pub fn summary(&self, quantity: Quantity) -> Option<Summary> {
        self.settled_while(|| self.recorders[quantity as usize].read().summary())?
    }

    /// A distribution since the start, whole.
    pub fn distribution(&self, quantity: Quantity) -> Histogram {
        self.settled_while(|| self.recorders[quantity as usize].read()).unwrap_or_default()
    }

    /// The last push times, oldest first.
    pub fn samples(&self) -> Vec<Nanos> {
        let ring = self.samples.len();
        let read = || {
            let pushes = self.recorders[Quantity::Push as usize].read().summary().map_or(0, |s| s.count) as usize;
            (pushes - pushes.min(ring)..pushes).map(|n| self.samples[n % ring].load(Ordering::Relaxed)).collect()
        };
        self.settled_while(read).unwrap_or_default()
    }

    /// Who took the buffers that are missing before `unit`, for a span of `hole`, as far as one point can tell.
    fn blame(&self, unit: &Unit, hole: Nanos) -> Option<Count> {
        let skip_until = self.context.skip_until.load(Ordering::Relaxed);
        let skipped = skip_until > 0 && unit.running_time.is_some_and(|at| at.saturating_sub(hole) <= skip_until);
        if skipped {
            Some(Count::MissingQos)
        } else if self.context.leaky.load(Ordering::Relaxed) != 0 {
            Some(Count::MissingLeaky)
        } else {
            None
        }
    }
}

/// How far one reader has come, by which it tells the last interval from all before it.
#[derive(Debug, Default)]
pub struct Marks {
    epoch: u64,
    counts: Counts,
    marks: [Mark; Quantity::ALL.len()],
}

impl Marks {
    /// The figures since the last roll. One reader per probe.
    pub fn roll(&mut self, probe: &Probe, snapshot: &Snapshot) -> Recent {
        if self.epoch != snapshot.epoch {
            *self = Self { epoch: snapshot.epoch, ..Self::default() };
        }
        let counts = snapshot.counts.since(&self.counts);
        self.counts = snapshot.counts;
        let marks = &mut self.marks;
        let summaries = probe.settled_while(|| {
            let mut next =
                probe.recorders.iter().zip(marks.iter_mut()).map(|(recorder, mark)| recorder.roll(mark).summary());
            std::array::from_fn(|_| next.next().flatten())
        });
        if summaries.is_none() {
            // Cleared in between: what is there belongs to the next epoch, which `snapshot` then shows.
            self.marks = Default::default();
        }
        Recent { counts, summaries: summaries.unwrap_or_default() }
    }
}

/// The figures of an interval.
#[derive(Debug, Clone, Copy, Default)]
pub struct Recent {
    /// The counts.
    pub counts: Counts,
    /// The distributions, as in [`Quantity::ALL`].
    pub summaries: [Option<Summary>; Quantity::ALL.len()],
}

/// The writer's side of a measuring point: belongs to the thread that moves the stream.
#[derive(Debug, Default)]
pub struct Tap {
    gaps: Gaps,
    jitter: Jitter,
    epoch: u64,
    /// The arrival before.
    arrived: Option<Nanos>,
    /// The last departure.
    left: Option<Nanos>,
    /// Arrival and number of the buffers being pushed.
    pushing: Option<(Nanos, u64)>,
    duration: Nanos,
    /// Where the next sample goes.
    next_sample: usize,
}

impl Tap {
    /// The timestamps of the stream, to be told of its events.
    pub fn gaps(&mut self) -> &mut Gaps {
        &mut self.gaps
    }

    /// A new segment began.
    pub fn segment(&mut self, follows: bool) {
        self.gaps.segment(follows);
        self.jitter.interrupt();
    }

    /// The stream was flushed.
    pub fn flush(&mut self, probe: &Probe) {
        self.gaps.flush();
        self.jitter.interrupt();
        (self.arrived, self.left) = (None, None);
        probe.context.skip_until.store(0, Ordering::Relaxed);
        probe.cells.write().set(Gauge::Failed as usize, 0);
    }

    /// A span without data was announced.
    pub fn gap(&mut self, probe: &Probe, now: Nanos, start: Nanos, duration: Option<Nanos>) {
        self.gaps.gap(start, duration);
        self.jitter.interrupt();
        self.arrived = None;
        self.sync_epoch(probe);
        let w = probe.cells.write();
        w.add(Count::GapEvents as usize, 1);
        if self.pushing.is_none() {
            w.set(Gauge::Activity as usize, now);
        }
    }

    /// Buffers arrived, together, at `now`; if their arrival is to be compared with a clock, it shows this running time.
    #[inline]
    pub fn arrive(&mut self, probe: &Probe, now: Nanos, running_now: Option<i64>, units: impl Iterator<Item = Unit>) {
        self.sync_epoch(probe);
        // While halted that is beyond any time, and nothing is added.
        let playing_since = probe.playing_since().unwrap_or(Nanos::MAX);
        let record = |quantity: Quantity, value| probe.recorders[quantity as usize].record(value);

        let w = probe.cells.write();
        if let Some(before) = self.arrived.filter(|&before| before >= playing_since) {
            record(Quantity::Interarrival, now.saturating_sub(before));
        }
        if let Some(left) = self.left {
            w.add(Count::StarvedTime as usize, now.saturating_sub(left.max(playing_since)));
        }
        let mut number = 0;
        for unit in units {
            number += 1;
            let finding = self.gaps.arrive(&unit);
            w.add(Count::Bytes as usize, unit.bytes);
            w.add(Count::MediaTime as usize, finding.duration.unwrap_or(0));
            if !unit.delta {
                w.add(Count::KeyFrames as usize, 1);
            }
            if unit.corrupted {
                w.add(Count::Corrupted as usize, 1);
            }
            if let Some(cause) = finding.cause {
                w.add(cause as usize, 1);
                self.jitter.interrupt();
            }
            if finding.missing > 0 {
                w.add(Count::Missing as usize, finding.missing);
                w.add(Count::Holes as usize, 1);
                let hole = finding.missing.saturating_mul(finding.duration.unwrap_or(0));
                if let Some(why) = probe.blame(&unit, hole) {
                    w.add(why as usize, finding.missing);
                }
            }
            if let (1, Some(timestamp)) = (number, finding.timestamp) {
                let jitter = self.jitter.arrive(now, timestamp);
                w.set(Gauge::Jitter as usize, jitter);
                if jitter > w.get(Gauge::JitterMax as usize) {
                    w.set(Gauge::JitterMax as usize, jitter);
                }
            }
            let duration = finding.duration.unwrap_or(0);
            w.set(Gauge::Duration as usize, duration.max(self.duration));
            self.duration = duration;
            if let (Some(running_time), Some(running_now)) = (unit.running_time, running_now) {
                w.set(Gauge::Position as usize, running_time.saturating_add(duration));
                let due = running_time.saturating_add(probe.context.latency.load(Ordering::Relaxed));
                let late = running_now.saturating_sub_unsigned(due);
                let lateness = late.max(0) as u64;
                record(Quantity::Lateness, lateness);
                record(Quantity::Headroom, late.min(0).unsigned_abs());
                w.add(Count::Timed as usize, 1);
                if lateness > probe.context.late_threshold.load(Ordering::Relaxed) {
                    w.add(Count::Late as usize, 1);
                }
            }
        }
        w.add(Count::In as usize, number);
        w.set(Count::Held as usize, number);
        w.set(Gauge::Activity as usize, now);
        self.arrived = Some(now);
        self.pushing = Some((now, number));
    }

    /// The push of what arrived last ended at `now`.
    #[inline]
    pub fn depart(&mut self, probe: &Probe, now: Nanos, flow: Flow) {
        // Before the buffers count as gone: a reset keeps those on their way.
        self.sync_epoch(probe);
        let Some((entered, number)) = self.pushing.take() else { return };
        let w = probe.cells.write();
        if let Some(since) = probe.playing_since().filter(|&since| since <= now) {
            let spent = now.saturating_sub(entered.max(since));
            w.add(Count::BlockedTime as usize, spent);
            probe.recorders[Quantity::Push as usize].record(spent);
            if let Some(sample) = probe.samples.get(self.next_sample) {
                sample.store(spent, Ordering::Relaxed);
                self.next_sample += 1;
                if self.next_sample == probe.samples.len() {
                    self.next_sample = 0;
                }
            }
        }
        w.set(Count::Held as usize, 0);
        w.set(Gauge::Activity as usize, now);
        if flow == Flow::Ok {
            w.add(Count::Out as usize, number);
            w.set(Gauge::Failed as usize, 0);
        } else {
            w.add(Count::Dropped as usize, number);
            let (count, failed) = match flow {
                Flow::Ok | Flow::Flushing => (Count::FlowFlushing, false),
                Flow::Eos => (Count::FlowEos, false),
                Flow::NotLinked => (Count::FlowNotLinked, true),
                Flow::NotNegotiated => (Count::FlowNotNegotiated, true),
                Flow::Error => (Count::FlowError, true),
            };
            w.add(count as usize, 1);
            w.set(Gauge::Failed as usize, failed.into());
        }
        self.left = Some(now);
    }

    /// Carries out a reset that was asked for since the last buffer.
    #[inline]
    fn sync_epoch(&mut self, probe: &Probe) {
        let wanted = probe.context.resets.load(Ordering::Relaxed);
        if wanted != self.epoch {
            self.reset(probe, wanted);
        }
    }

    #[cold]
    fn reset(&mut self, probe: &Probe, epoch: u64) {
        self.epoch = epoch;
        self.next_sample = 0;
        self.jitter = Jitter::default();
        (self.arrived, self.left) = (None, None);
        // Readers take the distributions for empty until they see the new epoch, which is published after they are.
        fence(Ordering::Release);
        probe.recorders.iter().for_each(Recorder::clear);
        let held = self.pushing.map_or(0, |(_, number)| number);
        let w = probe.cells.write();
        (0..COUNTS).for_each(|i| w.set(i, 0));
        w.set(Count::In as usize, held);
        w.set(Count::Held as usize, held);
        w.set(Gauge::Jitter as usize, 0);
        w.set(Gauge::JitterMax as usize, 0);
        w.set(Gauge::Epoch as usize, epoch);
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
