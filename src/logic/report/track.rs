//! What is known of one measuring point throughout a run.

use super::moments::Moment;
use super::slot::{Slot, Sum, severity};
use super::slots::{Merge, Slots};
use super::spread::Spread;
use crate::logic::clock::Nanos;
use crate::logic::health::counters::{Count, Counts};
use crate::logic::health::probe::Quantity;
use crate::logic::health::reading::{Place, Reading};
use crate::logic::health::verdict::{Health, Reason, Reasons};
use crate::logic::histogram::Histogram;

/// How many measuring points are recorded. One takes at most 370 KB: 1024 spans of 340 bytes, and four histograms.
pub const PROBES: usize = 64;

/// What lies around a measuring point, for sentences that name somebody. May be empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Around {
    /// What works between the measuring point before this one, or the source, and this one; queues left out.
    pub before: Vec<String>,
    /// What works after this one, up to the next one or the sink.
    pub after: Vec<String>,
    /// The measuring point that follows.
    pub next: Option<Place>,
    /// Several streams pass one after the other, as behind a muxer: that their timestamps jump and leave holes means nothing, and
    /// is not recorded.
    pub interleaved: bool,
}

/// The figures as last read, from which the next ones are counted.
#[derive(Debug, Clone, Default)]
struct Last {
    uptime: Nanos,
    epoch: u64,
    counts: Counts,
    push: Histogram,
    lateness: Histogram,
    backpressure: Nanos,
    episodes: u64,
    stalled: Nanos,
    position: Nanos,
}

impl Last {
    fn of(reading: &Reading) -> Self {
        let fill = reading.fill.as_ref();
        Self {
            uptime: reading.uptime,
            epoch: reading.snapshot.epoch,
            counts: reading.snapshot.counts,
            push: reading.distributions[Quantity::Push as usize].clone(),
            lateness: reading.distributions[Quantity::Lateness as usize].clone(),
            backpressure: fill.map_or(0, |fill| fill.backpressure),
            episodes: fill.map_or(0, |fill| fill.episodes),
            stalled: reading.stalled,
            position: reading.snapshot.position,
        }
    }
}

/// One measuring point.
#[derive(Debug, Clone)]
pub struct Track {
    pub(super) place: Place,
    pub(super) around: Around,
    pub(super) slots: Slots<Slot>,
    pub(super) total: Slot,
    /// All times inside the push, and all latenesses, exactly as the probe had them.
    pub(super) push: Histogram,
    pub(super) lateness: Histogram,
    /// When it was first seen, after the start of recording.
    pub(super) first: Nanos,
    /// How long it was in each state, by severity, and for how long there was each reason.
    states: [Nanos; 6],
    reasons: [Nanos; Reason::ALL.len()],
    /// The last state, and what else there is only one of.
    pub(super) state: Health,
    pub(super) live: bool,
    pub(super) synced: bool,
    pub(super) sparse: bool,
    pub(super) jitter_max: Nanos,
    /// The watched queue and the most that was seen in it.
    pub(super) queue: Option<(String, f64)>,
    /// In = out + dropped + held in every reading.
    pub(super) balanced: bool,
    last: Last,
}

impl Track {
    pub(super) fn new(place: Place, first: Nanos) -> Self {
        Self {
            place,
            around: Around::default(),
            slots: Slots::default(),
            total: Slot::default(),
            push: Histogram::default(),
            lateness: Histogram::default(),
            first,
            states: [0; 6],
            reasons: [0; Reason::ALL.len()],
            state: Health::default(),
            live: false,
            synced: false,
            sparse: false,
            jitter_max: 0,
            queue: None,
            balanced: true,
            last: Last::default(),
        }
    }

    /// Whether it is the one at `place`. Of what flows nothing is known at first, and it may change.
    pub(super) fn is_at(&self, place: &Place) -> bool {
        let Place { pipeline, element, pad, media: _ } = place;
        (&self.place.pipeline, &self.place.element, &self.place.pad) == (pipeline, element, pad)
    }

    /// Where it is.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// All spans as one.
    pub fn total(&self) -> &Slot {
        &self.total
    }

    /// How long it was in a state.
    pub fn time_in(&self, state: Health) -> Nanos {
        self.states[usize::from(severity(state))]
    }

    /// For how long there was a reason.
    pub fn time_for(&self, reason: Reason) -> Nanos {
        self.reasons[reason as usize]
    }

    /// The worst state that it was ever in, if that was worse than healthy; else the last one.
    pub fn verdict(&self) -> Health {
        let ill = [Health::Stalled, Health::Unhealthy, Health::Degraded];
        ill.into_iter().find(|&state| self.time_in(state) > 0).unwrap_or(self.state)
    }

    /// Takes in what was read at `span.1`, and gives what is new since `span.0`.
    pub(super) fn read(&mut self, probe: usize, span: (Nanos, Nanos), reading: &Reading) -> (Slot, Moment) {
        // Counting began anew: with the element, or because somebody asked for it.
        let (mut now, mut last) = (Last::of(reading), std::mem::take(&mut self.last));
        if now.epoch != last.epoch || now.uptime < last.uptime || now.counts[Count::In] < last.counts[Count::In] {
            last = Last::default();
        }
        // A distribution that was being cleared while it was read comes empty.
        for (now, last) in [(&mut now.push, &last.push), (&mut now.lateness, &last.lateness)] {
            if now.count() < last.count() {
                *now = last.clone();
            }
        }
        let counts = now.counts.since(&last.counts);
        let (push, lateness) = (now.push.since(&last.push), now.lateness.since(&last.lateness));
        let took = span.1.saturating_sub(span.0);

        let flags = [Count::DiscontFlag, Count::DiscontGap, Count::DiscontBackwards, Count::DiscontOverlap];
        let interleaved = self.around.interleaved;
        let timed = |n: u64| if interleaved { 0 } else { n };
        let jumps = timed(flags.iter().map(|&count| counts[count]).sum::<u64>().saturating_sub(counts[Count::Holes]));
        let (state, reasons) = self.verdict_on(reading);
        let mut slot = Slot {
            push: Spread::of(&push),
            fill: reading.fill.as_ref().and_then(|fill| fill.level).map(|(level, _)| (level as f32, level as f32)),
            late_by: if counts[Count::Late] > 0 { lateness.summary().map_or(0, |s| s.max) } else { 0 },
            state,
            ..Slot::default()
        };
        let stalled = reading.stalled.saturating_sub(last.stalled);
        for (sum, value) in [
            (Sum::Covered, took),
            (Sum::Buffers, counts[Count::In]),
            (Sum::Bytes, counts[Count::Bytes]),
            (Sum::Media, counts[Count::MediaTime]),
            (Sum::Missing, timed(counts[Count::Missing])),
            (Sum::Refused, counts.lost().saturating_sub(counts[Count::Missing])),
            (Sum::Jumps, jumps),
            (Sum::Corrupted, counts[Count::Corrupted]),
            (Sum::Timed, counts[Count::Timed]),
            (Sum::Late, counts[Count::Late]),
            (Sum::Blocked, counts[Count::BlockedTime]),
            (Sum::Starved, counts[Count::StarvedTime]),
            (Sum::Backpressure, now.backpressure.saturating_sub(last.backpressure)),
            (Sum::Episodes, now.episodes.saturating_sub(last.episodes)),
            (Sum::Stalled, stalled),
        ] {
            slot.set(sum, value);
        }

        let moment = Moment {
            probe,
            span,
            media: (now.position > 0).then(|| (last.position.min(now.position), now.position)),
            missing: slot.sum(Sum::Missing),
            missing_for: slot.sum(Sum::Missing).saturating_mul(reading.snapshot.duration),
            refused: slot.sum(Sum::Refused),
            late: slot.sum(Sum::Late),
            late_by: slot.late_by,
            stalled,
            jumps,
            corrupted: slot.sum(Sum::Corrupted),
            push: push.summary().map_or(0, |s| s.max),
        };

        self.total.merge(&slot);
        self.push.merge(&push);
        self.lateness.merge(&lateness);
        self.keep(reading, (state, reasons), took);
        self.last = now;
        (slot, moment)
    }

    /// The verdict of a reading, as far as it rests on what means something.
    fn verdict_on(&self, reading: &Reading) -> (Health, Reasons) {
        if !self.around.interleaved {
            return (reading.state, reading.reasons);
        }
        let meant = |reason: &Reason| !matches!(reason, Reason::Discontinuous | Reason::Dropping);
        let reasons: Reasons = reading.reasons.iter().filter(meant).collect();
        let cured = reasons.is_empty() && !reading.reasons.is_empty();
        (if cured { Health::Healthy } else { reading.state }, reasons)
    }

    fn keep(&mut self, reading: &Reading, (state, reasons): (Health, Reasons), took: Nanos) {
        self.place.media.clone_from(&reading.place.media);
        self.states[usize::from(severity(state))] += took;
        reasons.iter().for_each(|reason| self.reasons[reason as usize] += took);
        self.state = state;
        self.live |= reading.live;
        self.synced |= reading.synced;
        self.sparse |= reading.sparse;
        self.jitter_max = self.jitter_max.max(reading.snapshot.jitter_max);
        self.balanced &= reading.snapshot.counts.balanced();
        if let Some(fill) = &reading.fill
            && let Some((_, most)) = fill.level
        {
            let before = self.queue.as_ref().filter(|(name, _)| *name == fill.queue).map_or(0.0, |(_, most)| *most);
            self.queue = Some((fill.queue.clone(), most.max(before)));
        }
    }
}
