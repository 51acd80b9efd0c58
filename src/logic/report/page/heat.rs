//! How long pushes took over time: a heat map with percentiles.

use super::super::markup::{dashes, line, put};
use super::super::slot::Slot;
use super::super::spread::{BINS, Spread, place, value};
use super::super::units;
use super::View;
use super::figures::smooth;
use super::plot::{Figure, key};
use crate::logic::clock::Nanos;

/// Height of a bin in units of the picture, of which percentiles have more than bins have.
const BIN: i64 = 8;
/// From which share of a column's buffers on a bin is darker.
const SHARES: [f64; 5] = [0.0, 0.02, 0.10, 0.30, 0.60];
/// At least so many bins are shown, so that noise does not look like much.
const LEAST: usize = 8;
/// Where the axis can have labels.
const DECADES: [Nanos; 8] = [1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000, 10_000_000_000];

/// The bins to show, the last included.
fn range(slots: &[Slot]) -> Option<(usize, usize)> {
    let mut all = Spread::default();
    slots.iter().for_each(|slot| all.merge(&slot.push));
    let (mut low, mut high) = all.range()?;
    (low, high) = (low.saturating_sub(1), (high + 1).min(BINS - 1));
    while high - low + 1 < LEAST {
        (low, high) = (low.saturating_sub(1), (high + 1).min(BINS - 1));
    }
    Some((low, high))
}

/// Equal neighbours of one level in rows from the top: column, length, row.
fn level(slots: &[Slot], level: usize, (low, high): (usize, usize)) -> Vec<(usize, usize, usize)> {
    let mut marks: Vec<(usize, usize, usize)> = Vec::new();
    for (row, bin) in (low..=high).rev().enumerate() {
        for (column, slot) in slots.iter().enumerate() {
            let share = slot.push.bin(bin) as f64 / slot.push.count().max(1) as f64;
            let is = share > SHARES[level] && SHARES.get(level + 1).is_none_or(|&next| share <= next);
            match marks.last_mut() {
                Some((begin, length, at)) if is && *at == row && *begin + *length == column => *length += 1,
                _ if is => marks.push((column, 1, row)),
                _ => {}
            }
        }
    }
    marks
}

impl View<'_> {
    pub fn latency(&self, html: &mut String, probe: usize) {
        let track = &self.recorder.tracks()[probe];
        let slots = smooth(&self.slots(track), self.column);
        let (Some(bins), Some(summary)) = (range(&slots), track.push.summary()) else { return };
        let height = (bins.1 - bins.0 + 1) as i64 * BIN;
        let mut body = String::new();
        put!(body, "<g transform=\"translate(0,{}) scale(1,{BIN})\">", BIN / 2);
        for n in 0..SHARES.len() {
            let marks = level(&slots, n, bins);
            if !marks.is_empty() {
                put!(body, "<path class=\"h h{n}\" d=\"{}\"/>", dashes(&marks));
            }
        }
        body.push_str("</g>");
        for percent in [50, 95, 99] {
            let y = |place: f64| ((bins.1 + 1) as f64 - place) * BIN as f64;
            let values: Vec<_> =
                slots.iter().map(|slot| slot.push.percentile(percent).map(|place| y(place) as i64)).collect();
            put!(body, "<path class=\"p{percent}\" d=\"{}\"/>", line(&values));
        }
        let figures = [("p50", summary.p50), ("p95", summary.p95), ("p99", summary.p99)];
        let mut legend: String =
            figures.iter().map(|(class, time)| key(class, &format!("{class} {}", units::time(*time)))).collect();
        put!(legend, "<span>longest {}</span>", units::time(summary.max));
        legend += &key("heat", "the darker, the more buffers");
        let told = format!(
            "Time inside the push: half of all buffers took at most {}, 95 of 100 {}, 99 of 100 {}; the longest took {}",
            units::time(summary.p50),
            units::time(summary.p95),
            units::time(summary.p99),
            units::time(summary.max)
        );
        let shown = (bins.0 as f64, (bins.1 + 1) as f64);
        let share = |time: Nanos| (place(time) - shown.0) / (shown.1 - shown.0);
        let mut labels: Vec<_> = DECADES
            .into_iter()
            .map(|time| (share(time), units::time(time).replace(".0", "")))
            .filter(|(share, _)| (0.02..=0.98).contains(share))
            .collect();
        if labels.is_empty() {
            labels = [0.1, 0.9].map(|share| (share, units::time(value(shown.0 + share * (shown.1 - shown.0))))).into();
        }
        let about = "time inside the push, logarithmic";
        self.figure(html, &Figure { title: "Latency", about, told, height, labels, body, legend });
    }
}
