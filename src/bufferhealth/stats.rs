//! Figures and verdicts as GStreamer structures. `docs/messages.md` lists their fields.

use std::sync::atomic::Ordering;

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::element::BufferHealth;
use crate::logic::clock::{Nanos, monotonic};
use crate::logic::health::counters::{Count, Counts};
use crate::logic::health::probe::Quantity;
use crate::logic::health::verdict::{Change, Reasons};
use crate::logic::histogram::Summary;

/// The reasons by name.
pub(super) fn reasons(reasons: Reasons) -> gst::Array {
    gst::Array::new(reasons.iter().map(|reason| reason.name()))
}

/// The message `bufferhealth-state`.
pub(super) fn state_message(change: &Change, started: Nanos) -> gst::Structure {
    gst::Structure::builder("bufferhealth-state")
        .field("old", change.old.name())
        .field("new", change.new.name())
        .field("reasons", reasons(change.reasons))
        .field("since", change.since.saturating_sub(started))
        .build()
}

fn set_counts(figures: &mut gst::Structure, prefix: &str, counts: &Counts) {
    for &count in Count::ALL {
        figures.set(format!("{prefix}{}", count.name()), counts[count]);
    }
    figures.set(format!("{prefix}discontinuities"), counts.discontinuities());
}

/// A distribution without values has a count only: nothing is known of it, which is not the same as 0.
fn set_summary(figures: &mut gst::Structure, prefix: &str, quantity: Quantity, summary: Option<Summary>) {
    let mut set = |what: &str, value: u64| figures.set(format!("{prefix}{}-{what}", quantity.name()), value);
    set("count", summary.map_or(0, |s| s.count));
    if let Some(Summary { min, max, avg, p50, p95, p99, .. }) = summary {
        for (what, value) in [("min", min), ("max", max), ("avg", avg), ("p50", p50), ("p95", p95), ("p99", p99)] {
            set(what, value);
        }
    }
}

impl BufferHealth {
    /// All figures as of now.
    pub(super) fn stats(&self) -> gst::Structure {
        let label = self.settings().label.clone().filter(|label| !label.is_empty());
        let label = label.unwrap_or_else(|| self.obj().name().into());
        let live = self.live.load(Ordering::Relaxed);
        let ended = self.ended_at.get();
        let (synced, queue, runs) = {
            let neighbours = self.neighbours();
            (neighbours.synced(), neighbours.queue(), neighbours.runs.clone())
        };

        let observer = self.observer();
        let time = observer.time(monotonic());
        let snapshot = observer.read(time, ended);
        let mut figures = gst::Structure::builder("bufferhealth/v1")
            .field("label", label)
            .field("state", observer.judge.state().name())
            .field("reasons", reasons(observer.judge.reasons()))
            .field("since", observer.judge.since().saturating_sub(observer.started))
            .field("uptime", time.saturating_sub(observer.started))
            .field("stalled-time", observer.judge.stalled(time))
            .field("live", live)
            .field("synced", synced)
            .field("jitter", snapshot.jitter)
            .field("jitter-max", snapshot.jitter_max)
            .field("qos-events", self.qos_events.load(Ordering::Relaxed))
            .build();
        set_counts(&mut figures, "", &snapshot.counts);
        // Without a clock there is no lateness: absent, not 0.
        let timed = snapshot.counts[Count::Timed] > 0;
        let quantities = || Quantity::ALL.into_iter().filter(move |quantity| timed || !quantity.needs_clock());
        for quantity in quantities() {
            set_summary(&mut figures, "", quantity, observer.probe.summary(quantity));
        }
        figures.set("push-samples", gst::Array::new(observer.probe.samples()));
        if let Some((span, recent)) = &observer.recent {
            figures.set("interval-time", *span);
            set_counts(&mut figures, "interval-", &recent.counts);
            for quantity in quantities() {
                set_summary(&mut figures, "interval-", quantity, recent.summaries[quantity as usize]);
            }
        }
        if let Some(queue) = queue {
            figures.set("watch", queue.name().as_str());
            figures.set("overruns", runs.over.load(Ordering::Relaxed));
            figures.set("underruns", runs.under.load(Ordering::Relaxed));
        }
        if let Some((fill, most)) = observer.fill {
            figures.set("fill", fill);
            figures.set("fill-max", most);
            figures.set("backpressure", observer.episodes.active());
            figures.set("backpressure-episodes", observer.episodes.count());
            figures.set("backpressure-time", observer.episodes.total(time));
            figures.set("backpressure-longest", observer.episodes.longest(time));
        }
        figures
    }
}
