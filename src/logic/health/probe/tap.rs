//! The writer's side of a measuring point, called at each buffer.

use super::{COUNTS, Count, Flow, Gauge, KEPT, Probe, Quantity, Rhythm};
use crate::logic::clock::{Nanos, SECOND};
use crate::logic::health::gaps::{Gaps, Order, Unit};
use crate::logic::health::jitter::Jitter;
use crate::logic::histogram::Recorder;
use crate::logic::sync::atomic::{Ordering, fence};

/// How much may wait between a live source and a probe, beside the pipeline's latency: what a pause leaves in the stream shows when
/// that has passed.
pub(super) const BACKLOG: Nanos = 2 * SECOND;

/// What the end of a pair finds out about buffers that arrive together. For the writer of the probe.
#[derive(Debug)]
pub struct Pairing<'a> {
    probe: &'a Probe,
    matched: u64,
    /// Those that have not passed the start.
    pub unmatched: u64,
    /// Those of which it is known now that they do not come.
    pub lost: u64,
}

impl<'a> Pairing<'a> {
    /// Nothing yet.
    pub fn new(probe: &'a Probe) -> Self {
        Self { probe, matched: 0, unmatched: 0, lost: 0 }
    }

    /// One came `latency` after it had passed the start.
    pub fn matched(&mut self, latency: Nanos) {
        self.matched += 1;
        if let Some(end) = self.probe.pair.get() {
            end.latency.record(latency);
        }
    }
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
    /// Arrival and number of the buffers being pushed; none are if that is 0.
    pushing: (Nanos, u64),
    duration: Nanos,
    /// Where the next sample goes.
    next_sample: usize,
    /// When the last pause began that has been heard of.
    halted: Nanos,
    /// Until when it explains what comes; 0 until something does.
    excused_until: Nanos,
}

impl Tap {
    /// The timestamps of the stream, to be told of its events.
    pub fn gaps(&mut self) -> &mut Gaps {
        &mut self.gaps
    }

    /// The format is known now.
    pub fn format(&mut self, probe: &Probe, order: Order, nominal: Option<Nanos>, rhythm: Rhythm) {
        self.gaps.format(order, nominal);
        probe.context.rhythm.store(rhythm as u8, Ordering::Relaxed);
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
        let w = probe.cells.write();
        w.set(Gauge::Failed as usize, 0);
        w.set(Gauge::Running as usize, 0);
        w.set(Gauge::Due as usize, 0);
    }

    /// A span without data was announced.
    pub fn gap(&mut self, probe: &Probe, now: Nanos, start: Nanos, duration: Option<Nanos>, lost: bool) {
        // What was lost is missing, although it was announced: the next buffer shows how many.
        if !lost {
            self.gaps.gap(start, duration);
        }
        self.jitter.interrupt();
        self.arrived = None;
        self.sync_epoch(probe);
        let w = probe.cells.write();
        w.add(Count::GapEvents as usize, 1);
        if self.pushing.1 == 0 {
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
        if let Some(halted) = probe.context.halted_at.get() {
            self.see_pauses(probe, halted, now);
        }

        let w = probe.cells.write();
        if let Some(before) = self.arrived.filter(|&before| before >= playing_since) {
            record(Quantity::Interarrival, now.saturating_sub(before));
        } else {
            // A pause lies in between.
            self.jitter.interrupt();
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
            }
            if finding.cause.is_some() || finding.excused {
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
            if let Some(running_time) = unit.running_time {
                w.set(Gauge::Running as usize, running_time.saturating_add(1));
            }
            if let (Some(running_time), Some(running_now)) = (unit.running_time, running_now) {
                w.set(Gauge::Position as usize, running_time.saturating_add(duration));
                let due = running_time.saturating_add(probe.context.latency.load(Ordering::Relaxed));
                let late = running_now.saturating_sub_unsigned(due);
                let (lateness, headroom) = (late.max(0) as u64, late.min(0).unsigned_abs());
                record(Quantity::Lateness, lateness);
                record(Quantity::Headroom, headroom);
                w.set(Gauge::Due as usize, now.saturating_add(headroom));
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
        self.pushing = (now, number);
    }

    /// The push of what arrived last ended at `now`.
    #[inline]
    pub fn depart(&mut self, probe: &Probe, now: Nanos, flow: Flow) {
        // Before the buffers count as gone: a reset keeps those on their way.
        self.sync_epoch(probe);
        let (entered, number) = std::mem::take(&mut self.pushing);
        if number == 0 {
            return;
        }
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
                Flow::NotLinked => (Count::FlowNotLinked, false),
                Flow::NotNegotiated => (Count::FlowNotNegotiated, true),
                Flow::Error => (Count::FlowError, true),
            };
            w.add(count as usize, 1);
            w.set(Gauge::Failed as usize, failed.into());
        }
        self.left = Some(now);
    }

    /// Takes over what was found out about the buffers that just arrived, or about the end of the stream.
    pub fn pair(&mut self, pairing: &Pairing) {
        let Some(end) = pairing.probe.pair.get() else { return };
        let w = end.cells.write();
        let counts = [
            (Count::PairMatched, pairing.matched),
            (Count::PairUnmatched, pairing.unmatched),
            (Count::PairLost, pairing.lost),
        ];
        counts.iter().for_each(|&(count, by)| w.add(count as usize - KEPT, by));
    }

    /// What a pause leaves in the timestamps is no fault of the stream.
    #[cold]
    fn see_pauses(&mut self, probe: &Probe, halted: Nanos, now: Nanos) {
        if halted != self.halted {
            (self.halted, self.excused_until) = (halted, 0);
            self.gaps.halted();
        }
        let Some(resumed) = probe.playing_since() else {
            self.gaps.excuse(Some(now.saturating_sub(halted)));
            return;
        };
        // From the first that comes: a source may take its time to start again.
        let backlog = probe.latency().saturating_add(BACKLOG);
        if self.excused_until == 0 {
            self.excused_until = now.saturating_add(backlog);
        }
        self.gaps.excuse((now <= self.excused_until).then(|| resumed.saturating_sub(halted)));
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
        if let Some(end) = probe.pair.get() {
            end.latency.clear();
            let w = end.cells.write();
            (0..COUNTS - KEPT).for_each(|i| w.set(i, 0));
        }
        let held = self.pushing.1;
        let w = probe.cells.write();
        (0..KEPT).for_each(|i| w.set(i, 0));
        w.set(Count::In as usize, held);
        w.set(Count::Held as usize, held);
        w.set(Gauge::Jitter as usize, 0);
        w.set(Gauge::JitterMax as usize, 0);
        w.set(Gauge::Epoch as usize, epoch);
    }
}
