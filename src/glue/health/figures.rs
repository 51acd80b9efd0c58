//! Figures and verdicts as GStreamer structures. `docs/messages.md` lists their fields.

use gst::prelude::*;

use crate::logic::clock::Nanos;
use crate::logic::health::counters::{Count, Counts};
use crate::logic::health::probe::Quantity;
use crate::logic::health::reading::{Fill, Reading};
use crate::logic::health::verdict::{Change, Reasons};
use crate::logic::histogram::Summary;

/// The reasons by name.
pub(crate) fn reasons(reasons: Reasons) -> gst::Array {
    gst::Array::new(reasons.iter().map(|reason| reason.name()))
}

/// A message about a new verdict, for counting that began at `started`.
pub(crate) fn state_message(name: &str, change: &Change, started: Nanos) -> gst::Structure {
    gst::Structure::builder(name)
        .field("old", change.old.name())
        .field("new", change.new.name())
        .field("reasons", reasons(change.reasons))
        .field("since", change.since.saturating_sub(started))
        .build()
}

/// The counts. Those of a pair mean something at its end only.
fn set_counts(figures: &mut gst::Structure, prefix: &str, counts: &Counts, end_of_pair: bool) {
    let pairs = [Count::PairMatched, Count::PairUnmatched, Count::PairLost];
    for &count in Count::ALL.iter().filter(|count| end_of_pair || !pairs.contains(count)) {
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

fn set_fill(figures: &mut gst::Structure, fill: &Fill) {
    figures.set("watch", fill.queue.as_str());
    if let Some((over, under)) = fill.runs {
        figures.set("overruns", over);
        figures.set("underruns", under);
    }
    for (measure, held) in ["buffers", "bytes", "time"].into_iter().zip(fill.held) {
        if let Some(held) = held {
            figures.set(format!("fill-{measure}"), held);
        }
    }
    if let Some((level, most)) = fill.level {
        figures.set("fill", level);
        figures.set("fill-max", most);
        figures.set("backpressure", fill.current.is_some());
        figures.set("backpressure-episodes", fill.episodes);
        figures.set("backpressure-time", fill.backpressure);
        figures.set("backpressure-longest", fill.longest);
        figures.set("backpressure-current", fill.current.unwrap_or(0));
    }
}

/// All figures as one flat structure. `samples` are the last push times.
pub(crate) fn structure(name: &str, reading: &Reading, samples: Vec<Nanos>) -> gst::Structure {
    let mut figures = gst::Structure::builder(name)
        .field("label", &reading.place.element)
        .field("state", reading.state.name())
        .field("reasons", reasons(reading.reasons))
        .field("since", reading.since)
        .field("uptime", reading.uptime)
        .field("stalled-time", reading.stalled)
        .field("live", reading.live)
        .field("synced", reading.synced)
        .field("jitter", reading.snapshot.jitter)
        .field("jitter-max", reading.snapshot.jitter_max)
        .field("qos-events", reading.qos_events)
        .field("sink-dropped", reading.sink_dropped)
        .field("drop-ratio", reading.drop_ratio())
        .build();
    set_counts(&mut figures, "", &reading.snapshot.counts, reading.end_of_pair);
    let quantities = || Quantity::ALL.into_iter().filter(|quantity| reading.has(*quantity));
    for quantity in quantities() {
        set_summary(&mut figures, "", quantity, reading.distributions[quantity as usize].summary());
    }
    if let Some(task) = &reading.paused_task {
        figures.set("paused-task", task.as_str());
    }
    figures.set("push-samples", gst::Array::new(samples));
    if let Some((span, recent)) = &reading.recent {
        figures.set("interval-time", *span);
        figures.set("buffers-per-second", reading.rate().unwrap_or(0.0));
        set_counts(&mut figures, "interval-", &recent.counts, reading.end_of_pair);
        for quantity in quantities() {
            set_summary(&mut figures, "interval-", quantity, recent.summaries[quantity as usize]);
        }
    }
    if let Some(fill) = &reading.fill {
        set_fill(&mut figures, fill);
    }
    figures
}

/// What flows through a pad, as far as its format tells.
pub(crate) fn media(pad: &gst::Pad) -> &'static str {
    let caps = pad.current_caps();
    let name = caps.as_ref().and_then(|caps| caps.structure(0)).map_or("", |structure| structure.name().as_str());
    match name.split('/').next().unwrap_or_default() {
        "audio" => "audio",
        "video" | "image" => "video",
        "text" | "subpicture" | "closedcaption" => "text",
        _ => "other",
    }
}
