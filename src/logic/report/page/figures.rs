//! Throughput, fill and memory over time.

use super::super::markup::{band, bars, line, name, put};
use super::super::slot::{Slot, Sum};
use super::super::slots::Merge;
use super::super::units;
use super::View;
use super::plot::{Figure, key};
use crate::logic::clock::{Nanos, SECOND};

/// Where back-pressure begins and ends, as far as a picture is concerned: the defaults of `high-watermark` and `low-watermark`.
const BAND: (f64, f64) = (0.9, 0.7);
/// A limit that is so many times as high as what is used has no room in the picture.
const FAR: u64 = 4;

/// The next number from which on people would begin a scale.
fn ceiling(value: f64) -> f64 {
    let mut unit = 0.001;
    while unit * 10.0 < value && unit < 1e15 {
        unit *= 10.0;
    }
    let steps = [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    steps.into_iter().map(|step| step * unit).find(|&top| top >= value).unwrap_or(10.0 * unit)
}

/// Each column with those around it, over about a second: a column may be shorter than what lies between two buffers.
pub fn smooth(slots: &[Slot], column: Nanos) -> Vec<Slot> {
    let reach = (SECOND / column.max(1) / 2) as usize;
    let around = |at: usize| {
        let mut sum = slots[at].clone();
        let near = at.saturating_sub(reach)..(at + reach + 1).min(slots.len());
        near.filter(|&other| other != at).for_each(|other| sum.merge(&slots[other]));
        sum
    };
    (0..slots.len()).map(|at| if slots[at].is_known() { around(at) } else { Slot::default() }).collect()
}

/// Buffers a second.
fn rate_of(slot: &Slot) -> Option<f64> {
    slot.is_known().then(|| slot.sum(Sum::Buffers) as f64 / slot.sum(Sum::Covered) as f64 * 1e9)
}

impl View<'_> {
    pub fn throughput(&self, html: &mut String, probe: usize) {
        const HEIGHT: i64 = 120;
        let track = &self.recorder.tracks()[probe];
        let slots = self.slots(track);
        let rates: Vec<_> = smooth(&slots, self.column).iter().map(rate_of).collect();
        let most = rates.iter().flatten().copied().fold(0.0, f64::max);
        let top = ceiling(most.max(1.0));
        let y = |rate: f64| HEIGHT - (rate / top * HEIGHT as f64) as i64;
        let area: Vec<_> = rates.iter().map(|rate| rate.map(|rate| (y(rate), HEIGHT))).collect();
        let edge: Vec<_> = rates.iter().map(|rate| rate.map(y)).collect();
        let mut body = String::new();
        put!(body, "<path class=\"area\" d=\"{}\"/><path class=\"edge\" d=\"{}\"/>", band(&area), line(&edge));
        // Not as wide as the time they stand for, which may be less than a pixel.
        let mut ticks = String::new();
        slots.iter().enumerate().filter(|(_, slot)| slot.lost() > 0).for_each(|(at, _)| put!(ticks, "M{at}.5 0v18"));
        if !ticks.is_empty() {
            put!(body, "<path class=\"tick\" d=\"{ticks}\"/>");
        }
        let lost = track.total.lost();
        let average = track.total.sum(Sum::Buffers) as f64 / track.total.sum(Sum::Covered).max(1) as f64 * 1e9;
        let told = format!(
            "Throughput: {} on average, at most {}; {} lost",
            units::rate(average),
            units::rate(most),
            units::things(lost, "buffer", "buffers")
        );
        let number = |value: f64| match value {
            0.0 => "0".into(),
            value if value < 10.0 => format!("{value:.1}"),
            value => units::count(value as u64),
        };
        let lost = if lost > 0 {
            key("tick", &format!("{} lost", units::count(lost)))
        } else {
            "<span>nothing lost</span>".into()
        };
        let legend = key("area", &format!("{} on average", units::rate(average))) + &lost;
        let labels = [0.0, 0.5, 1.0].map(|share| (share, number(top * share))).into();
        let about = "buffers a second";
        self.figure(html, &Figure { title: "Throughput", about, told, height: HEIGHT, labels, body, legend });
    }

    pub fn fill(&self, html: &mut String, probe: usize) {
        const HEIGHT: i64 = 100;
        let track = &self.recorder.tracks()[probe];
        let Some((queue, most)) = &track.queue else { return };
        let slots = self.slots(track);
        let y = |level: f32| HEIGHT - (f64::from(level).clamp(0.0, 1.0) * HEIGHT as f64 + 0.5) as i64;
        let level: Vec<_> = slots.iter().map(|slot| slot.fill.map(|(low, high)| (y(high), y(low)))).collect();
        let high: Vec<_> = level.iter().map(|level| level.map(|(high, _)| high)).collect();
        let (from, to) = (y(BAND.0 as f32), y(BAND.1 as f32));
        let mut body = String::new();
        // In an episode for some of the time, and for most of it.
        let share = |slot: &Slot| slot.sum(Sum::Backpressure) as f64 / slot.sum(Sum::Covered).max(1) as f64;
        let some = bars(slots.iter().map(|slot| share(slot) > 0.0), 0, HEIGHT);
        let most_of_it = bars(slots.iter().map(|slot| share(slot) >= 0.5), 0, HEIGHT);
        put!(body, "<path class=\"episode\" d=\"{some}\"/><path class=\"episode\" d=\"{most_of_it}\"/>");
        put!(body, "<path class=\"marks\" d=\"M0 {from}H{x:.2}V{to}H0z\"/>", x = self.extent());
        put!(body, "<path class=\"level\" d=\"{}\"/><path class=\"edge\" d=\"{}\"/>", band(&level), line(&high));
        let (episodes, took) = (track.total.sum(Sum::Episodes), track.total.sum(Sum::Backpressure));
        let pressure = match episodes {
            0 if took == 0 => "no back-pressure".into(),
            _ => format!(
                "back-pressure: {}, {} in all",
                units::things(episodes, "episode", "episodes"),
                units::time(took)
            ),
        };
        let told = format!("Fill of {queue}: at most {}; {pressure}", units::percent(*most));
        let legend = [
            key("level", &format!("{}, least to most; at most {}", name(queue), units::percent(*most))),
            key("marks", "70 to 90 %"),
            key("episode", &pressure),
        ]
        .concat();
        let labels = [0.0, 0.7, 0.9].map(|share| (share, units::percent(share))).into();
        self.figure(
            html,
            &Figure { title: "Fill", about: "of the watched queue", told, height: HEIGHT, labels, body, legend },
        );
    }

    pub fn memory(&self, html: &mut String) {
        const HEIGHT: i64 = 100;
        let spans = self.recorder.memory().columns(self.each);
        let Some(most) = spans.iter().filter_map(|span| span.used).map(|(_, high)| high).max() else { return };
        let limit = spans.iter().filter_map(|span| span.limit).min();
        let near = limit.filter(|&limit| limit / FAR <= most);
        let top = ceiling(near.map_or(most, |limit| limit.max(most)) as f64 * 1.02);
        let y = |bytes: u64| HEIGHT - (bytes as f64 / top * HEIGHT as f64) as i64;
        let area: Vec<_> = spans.iter().map(|span| span.used.map(|(_, high)| (y(high), HEIGHT))).collect();
        let edge: Vec<_> = area.iter().map(|area| area.map(|(high, _)| high)).collect();
        let mut body = String::new();
        put!(body, "<path class=\"area\" d=\"{}\"/><path class=\"edge\" d=\"{}\"/>", band(&area), line(&edge));
        let mut legend = key("area", &format!("at most {}", units::bytes(most)));
        let mut told = format!("Memory: at most {}", units::bytes(most));
        match (limit, near) {
            (Some(limit), Some(_)) => {
                let values: Vec<_> = spans.iter().map(|span| span.limit.map(y)).collect();
                put!(body, "<path class=\"limit\" d=\"{}\"/>", line(&values));
                legend += &key("limit", &format!("the limit, {}", units::bytes(limit)));
                put!(told, " of {}", units::bytes(limit));
            }
            (Some(limit), None) => {
                let times = limit as f64 / most.max(1) as f64;
                let far =
                    format!("the limit, {}, is {times:.0} times as high: far above this picture", units::bytes(limit));
                put!(legend, "<span>{far}</span>");
                put!(told, "; {far}");
            }
            (None, _) => legend += "<span>no limit is known</span>",
        }
        let labels = [0.0, 0.5, 1.0].map(|share| (share, units::bytes((top * share) as u64).replace(".0", ""))).into();
        html.push_str("<section class=\"card\"><h2>Memory of the process</h2>");
        self.figure(
            html,
            &Figure {
                title: "Memory",
                about: "resident, against the limit",
                told,
                height: HEIGHT,
                labels,
                body,
                legend,
            },
        );
        html.push_str("</section>\n");
    }
}
