//! The figures for programs, at the end of the page.

use serde_json::{Value, json};

use super::super::environment::Outcome;
use super::super::markup::{esc, put};
use super::super::slot::{Slot, Sum};
use super::super::spread::value;
use super::View;
use crate::logic::health::verdict::{Health, Reason};
use crate::logic::histogram::Summary;

/// How many columns of a picture make one number in a series: these are for an overview, the pictures show more.
const COARSER: usize = 4;

fn summary(summary: Option<Summary>) -> Value {
    summary.map_or(Value::Null, |s| {
        json!({ "count": s.count, "min": s.min, "max": s.max, "avg": s.avg, "p50": s.p50, "p95": s.p95, "p99": s.p99 })
    })
}

impl View<'_> {
    pub fn raw(&self, html: &mut String) {
        html.push_str("<details class=\"card\"><summary>Raw figures (JSON, times in nanoseconds)</summary>");
        put!(html, "<pre>{}</pre></details>\n", esc(&self.figures().to_string()));
    }

    pub(super) fn figures(&self) -> Value {
        let recorder = self.recorder;
        let (outcome, text) = match &self.environment.outcome {
            Outcome::Running => ("running", ""),
            Outcome::Complete => ("complete", ""),
            Outcome::Interrupted(text) => ("interrupted", text.as_str()),
            Outcome::Failed(text) => ("failed", text.as_str()),
        };
        let probes: Vec<_> = (0..recorder.tracks().len()).map(|probe| self.probe(probe)).collect();
        let moments: Vec<_> = recorder
            .moments()
            .iter()
            .map(|m| {
                json!({
                    "probe": m.probe, "span": m.span, "media": m.media, "missing": m.missing, "refused": m.refused,
                    "late": m.late, "late-by": m.late_by, "stalled-time": m.stalled, "discontinuities": m.jumps,
                    "corrupted": m.corrupted, "longest-push": m.push,
                })
            })
            .collect();
        let stalls: Vec<_> =
            recorder.stalls().0.iter().map(|s| json!({ "at": s.at, "class": s.class, "text": s.text })).collect();
        let memory = recorder.memory().columns(self.each * COARSER);
        json!({
            "format": "steady-report/v1",
            "recorded": recorder.elapsed(),
            "outcome": outcome,
            "error": text,
            "probes": probes,
            "moments": moments,
            "stalls": stalls,
            "memory": {
                "column": self.column * COARSER as u64,
                "most": memory.iter().map(|span| span.used.map(|(_, high)| high)).collect::<Vec<_>>(),
                "limit": memory.iter().filter_map(|span| span.limit).min(),
            },
        })
    }

    fn probe(&self, probe: usize) -> Value {
        let track = &self.recorder.tracks()[probe];
        let total: serde_json::Map<_, _> =
            Sum::ALL.iter().map(|&sum| (sum.name().to_owned(), track.total.sum(sum).into())).collect();
        let states =
            [Health::Starting, Health::Eos, Health::Healthy, Health::Degraded, Health::Unhealthy, Health::Stalled];
        let states: serde_json::Map<_, _> =
            states.iter().map(|&state| (state.name().to_owned(), track.time_in(state).into())).collect();
        let reasons: serde_json::Map<_, _> = Reason::ALL
            .iter()
            .filter(|&&reason| track.time_for(reason) > 0)
            .map(|&reason| (reason.name().to_owned(), track.time_for(reason).into()))
            .collect();
        let place = &track.place;
        let mut figures = json!({
            "pipeline": place.pipeline, "element": place.element, "pad": place.pad, "media": place.media,
            "first-seen": track.first, "state": track.state.name(), "live": track.live, "synced": track.synced,
            "jitter-max": track.jitter_max, "total": total, "states": states, "reasons": reasons,
            "push": summary(track.push.summary()), "lateness": Value::Null,
            "queue": track.queue.as_ref().map(|(queue, most)| json!({ "name": queue, "fill-max": most })),
        });
        if track.total.sum(Sum::Timed) > 0 {
            figures["lateness"] = summary(track.lateness.summary());
        }
        if self.detailed.contains(&probe) {
            figures["series"] = self.series(track);
        }
        figures
    }

    fn series(&self, track: &super::super::track::Track) -> Value {
        let slots = track.slots.columns(self.each * COARSER);
        let sums = |sum: Sum| slots.iter().map(|slot| slot.sum(sum)).collect::<Vec<_>>();
        // Milliseconds are enough for what is drawn, and take a third of the room.
        let ms = |sum: Sum| slots.iter().map(|slot| slot.sum(sum) / 1_000_000).collect::<Vec<_>>();
        let push = |percent: u64| {
            let micros = |slot: &Slot| slot.push.percentile(percent).map(|place| value(place) / 1000);
            slots.iter().map(micros).collect::<Vec<_>>()
        };
        json!({
            "column": self.column * COARSER as u64,
            "buffers": sums(Sum::Buffers),
            "lost": slots.iter().map(Slot::lost).collect::<Vec<_>>(),
            "late": sums(Sum::Late),
            "blocked-ms": ms(Sum::Blocked),
            "starved-ms": ms(Sum::Starved),
            "push-p50-us": push(50),
            "push-p99-us": push(99),
            "fill-max-percent": slots.iter().map(|s| s.fill.map(|(_, high)| (high * 100.0) as u8)).collect::<Vec<_>>(),
        })
    }
}
