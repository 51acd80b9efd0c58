//! One measuring point: what its writer, a [`Tap`], and its readers share.
//!
//! All times are of one monotonic clock with an arbitrary origin.

use std::sync::OnceLock;

use super::counters::{COUNTS, Cells, Count, Counts, KEPT};
use super::gaps::Unit;
use crate::logic::clock::Nanos;
use crate::logic::histogram::{Histogram, Mark, Recorder, Summary};
use crate::logic::sync::AtomicTime;
use crate::logic::sync::atomic::{AtomicU8, AtomicU64, Ordering, fence};

mod tap;

pub use tap::{Pairing, Tap};

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

/// When buffers come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Rhythm {
    /// One after the other.
    #[default]
    Steady,
    /// At a variable rate: how far one is from the next tells nothing of a speed.
    Variable,
    /// When there is something to show, as subtitles do: none for a while is no stall.
    Sparse,
}

/// Cells after the counts: what is, not how much there was.
#[derive(Clone, Copy)]
enum Gauge {
    /// When the last arrival or departure was; 0 before the first.
    Activity = KEPT as isize,
    /// The jitter estimate, and the greatest so far.
    Jitter,
    JitterMax,
    /// The longer one of the durations of the last two buffers.
    Duration,
    /// Running time of the end of the last buffer that has one.
    Position,
    /// Running time of the last buffer that has one, plus 1; 0 for none since a flush.
    Running,
    /// When the last buffer was due, as things were when it came; 0 where no clock said so.
    Due,
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
    leaky: AtomicU8,
    /// The stream's [`Rhythm`]. Set by the writer.
    rhythm: AtomicU8,
    /// How many resets were asked for.
    resets: AtomicU64,
    /// When the last pause began.
    halted_at: AtomicTime,
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
    /// Time from the start of a pair of probes to its end. Only at an end.
    PairLatency,
}

impl Quantity {
    /// All of them, in the order of declaration.
    pub const ALL: [Quantity; 5] = [Self::Interarrival, Self::Push, Self::Lateness, Self::Headroom, Self::PairLatency];

    /// The name in statistics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Interarrival => "interarrival",
            Self::Push => "push",
            Self::Lateness => "lateness",
            Self::Headroom => "headroom",
            Self::PairLatency => "pair-latency",
        }
    }

    /// Whether it means anything only where arrivals are compared with a clock.
    pub fn needs_clock(self) -> bool {
        matches!(self, Self::Lateness | Self::Headroom)
    }
}

/// The distributions that every probe has: those before the pair's.
const EVERYWHERE: usize = Quantity::PairLatency as usize;

/// What only the end of a pair has.
#[derive(Debug, Default)]
struct PairEnd {
    cells: Cells<{ COUNTS - KEPT }>,
    latency: Recorder,
}

/// The shared side of a measuring point.
#[derive(Debug)]
pub struct Probe {
    cells: Cells<CELLS>,
    recorders: [Recorder; EVERYWHERE],
    /// Of the pair that this is the end of, if it is one.
    pair: OnceLock<Box<PairEnd>>,
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
    /// Running time of the last buffer, if it has one.
    pub running_time: Option<Nanos>,
    /// When the last buffer was due, as things were when it came.
    pub due: Option<Nanos>,
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
            pair: OnceLock::new(),
            samples: (0..samples).map(|_| atomic(0)).collect(),
            context: Context {
                playing_since: AtomicTime::default(),
                latency: atomic(0),
                late_threshold: atomic(Nanos::MAX),
                skip_until: atomic(0),
                leaky: AtomicU8::new(0),
                rhythm: AtomicU8::new(Rhythm::Steady as u8),
                resets: atomic(0),
                halted_at: AtomicTime::default(),
            },
        }
    }

    /// This is the end of a pair of probes.
    pub fn become_end_of_pair(&self) {
        self.pair.get_or_init(Box::default);
    }

    /// Whether this is the end of a pair of probes.
    pub fn is_end_of_pair(&self) -> bool {
        self.pair.get().is_some()
    }

    fn recorder(&self, quantity: Quantity) -> Option<&Recorder> {
        self.recorders.get(quantity as usize).or_else(|| Some(&self.pair.get()?.latency))
    }

    /// The stream flows from now on, or is halted. Time spent halted is nobody's fault.
    pub fn set_playing(&self, since: Option<Nanos>) {
        self.context.playing_since.set(since);
    }

    /// The stream is paused at `now`. Not so before it has played: what waits for its start has not been interrupted.
    pub fn halt(&self, now: Nanos) {
        if self.playing_since().is_some() {
            self.context.halted_at.set(Some(now));
        }
        self.context.playing_since.set(None);
    }

    /// When buffers come.
    pub fn rhythm(&self) -> Rhythm {
        let stored = self.context.rhythm.load(Ordering::Relaxed);
        [Rhythm::Variable, Rhythm::Sparse].into_iter().find(|&r| r as u8 == stored).unwrap_or_default()
    }

    /// By how much running times are delayed before they are due.
    pub fn latency(&self) -> Nanos {
        self.context.latency.load(Ordering::Relaxed)
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
        let pair = self.pair.get().map(|pair| pair.cells.read()).unwrap_or_default();
        let mut counts = Counts(std::array::from_fn(|i| if i < KEPT { cells[i] } else { pair[i - KEPT] }));
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
            running_time: gauge(Gauge::Running).checked_sub(1),
            due: Some(gauge(Gauge::Due)).filter(|&at| at != 0),
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
        let recorder = self.recorder(quantity)?;
        self.settled_while(|| recorder.read().summary())?
    }

    /// A distribution since the start, whole.
    pub fn distribution(&self, quantity: Quantity) -> Histogram {
        let recorder = self.recorder(quantity);
        recorder.and_then(|recorder| self.settled_while(|| recorder.read())).unwrap_or_default()
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
    marks: [Mark; EVERYWHERE],
    pair: Option<Box<Mark>>,
}

impl Marks {
    /// The figures since the last roll. One reader per probe.
    pub fn roll(&mut self, probe: &Probe, snapshot: &Snapshot) -> Recent {
        if self.epoch != snapshot.epoch {
            *self = Self { epoch: snapshot.epoch, ..Self::default() };
        }
        let counts = snapshot.counts.since(&self.counts);
        self.counts = snapshot.counts;
        let (marks, pair) = (&mut self.marks, &mut self.pair);
        let summaries = probe.settled_while(|| {
            let pair = probe.pair.get().map(|end| (&end.latency, &mut **pair.get_or_insert_default()));
            let all = probe.recorders.iter().zip(marks.iter_mut()).chain(pair);
            let mut next = all.map(|(recorder, mark)| recorder.roll(mark).summary());
            std::array::from_fn(|_| next.next().flatten())
        });
        if summaries.is_none() {
            // Cleared in between: what is there belongs to the next epoch, which `snapshot` then shows.
            (self.marks, self.pair) = Default::default();
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

#[cfg(all(test, not(loom)))]
mod tests;
