//! The page: one file with all that it needs, which a browser shows without running anything.

mod figures;
mod heat;
mod overview;
mod plot;
mod raw;
mod surroundings;
mod verdict;

use super::bottleneck::{self, Bottleneck};
use super::environment::Environment;
use super::markup::{name, put};
use super::recorder::Recorder;
use super::slot::{Slot, severity};
use super::track::Track;
use crate::logic::clock::Nanos;
use crate::logic::health::verdict::Health;

/// How many bytes a page has at most with up to twelve measuring points, however long the run.
pub const PAGE_LIMIT: usize = 300_000;

/// How finely it is drawn, the finest first, until it is small enough: columns of a picture, and measuring points that get
/// pictures of their own.
const DETAILS: [(usize, usize); 6] = [(512, 12), (256, 12), (128, 12), (64, 12), (64, 6), (64, 0)];

const STYLE: &str = include_str!("page.css");

/// What all parts of a page are made from.
struct View<'a> {
    recorder: &'a Recorder,
    environment: &'a Environment,
    bottleneck: Option<Bottleneck>,
    /// How many spans make a column, and how long that is.
    each: usize,
    column: Nanos,
    /// The measuring points that get pictures of their own.
    detailed: Vec<usize>,
}

impl<'a> View<'a> {
    fn new(recorder: &'a Recorder, environment: &'a Environment, columns: usize, detailed: usize) -> Self {
        let (width, used) = recorder.axis();
        let each = used.div_ceil(columns).max(1);
        Self {
            recorder,
            environment,
            bottleneck: bottleneck::find(recorder),
            each,
            column: width * each as Nanos,
            detailed: worst(recorder.tracks(), detailed),
        }
    }

    /// How many columns the run takes: the last one may not be over.
    fn extent(&self) -> f64 {
        (self.recorder.elapsed() as f64 / self.column.max(1) as f64).max(0.01)
    }

    /// A measuring point over time: one slot for each column, as far as it was there.
    fn slots(&self, track: &Track) -> Vec<Slot> {
        track.slots.columns(self.each)
    }

    /// What to call a measuring point, written as markup: with its pad where several have the same element.
    fn label(&self, probe: usize) -> String {
        let tracks = self.recorder.tracks();
        let place = &tracks[probe].place;
        let alone = tracks.iter().filter(|track| track.place.element == place.element).count() == 1;
        if alone { name(&place.element) } else { format!("{}:{}", name(&place.element), name(&place.pad)) }
    }
}

/// The `most` worst measuring points, in their own order.
fn worst(tracks: &[Track], most: usize) -> Vec<usize> {
    let badness = |track: &Track| {
        let ill = [Health::Stalled, Health::Unhealthy, Health::Degraded].map(|state| track.time_in(state));
        (severity(track.verdict()), ill, track.total.lost())
    };
    let mut order: Vec<_> = (0..tracks.len()).collect();
    order.sort_by_key(|&probe| std::cmp::Reverse(badness(&tracks[probe])));
    order.truncate(most);
    order.sort_unstable();
    order
}

/// The page about a run: at most [`PAGE_LIMIT`] bytes for up to twelve measuring points, drawn as finely as that permits.
pub fn page(recorder: &Recorder, environment: &Environment) -> String {
    let draw = |(columns, detailed)| View::new(recorder, environment, columns, detailed).page();
    let mut page = String::new();
    for detail in DETAILS {
        page = draw(detail);
        if page.len() <= PAGE_LIMIT {
            break;
        }
    }
    page
}

impl View<'_> {
    fn page(&self) -> String {
        let mut html = String::new();
        let title = name(&self.environment.title);
        put!(
            html,
            "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\
             <meta name=\"generator\" content=\"gst-plugin-steady {}\"/>\
             <meta name=\"color-scheme\" content=\"light dark\"/>\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\"/>\
             <title>Health report: {title}</title>\n<style>{STYLE}</style></head>\n<body><main>\n",
            env!("CARGO_PKG_VERSION"),
        );
        self.heading(&mut html);
        self.stalls(&mut html);
        self.tiles(&mut html);
        self.checks(&mut html);
        if !self.recorder.tracks().is_empty() {
            self.waits(&mut html);
            self.memory(&mut html);
            self.details(&mut html);
            self.table(&mut html);
        }
        self.moments(&mut html);
        self.surroundings(&mut html);
        self.raw(&mut html);
        html.push_str("</main></body></html>\n");
        html
    }

    /// The sections of single measuring points.
    fn details(&self, html: &mut String) {
        for &probe in &self.detailed {
            let track = &self.recorder.tracks()[probe];
            put!(
                html,
                "<section class=\"card\"><h2>{} <small>{}</small></h2>",
                self.label(probe),
                name(&track.place.media)
            );
            put!(html, "<p class=\"say\">{}</p>\n<div class=\"figs\">", self.story(probe));
            self.throughput(html, probe);
            self.latency(html, probe);
            self.fill(html, probe);
            html.push_str("</div></section>\n");
        }
        let left = self.recorder.tracks().len() - self.detailed.len();
        if left > 0 {
            put!(
                html,
                "<p class=\"note\">{left} more measuring points are in the table below, without pictures.</p>\n"
            );
        }
        if self.recorder.crowded {
            html.push_str("<p class=\"note\">There were more measuring points than can be recorded.</p>\n");
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
