//! The lines that StatsD takes, packed into datagrams.
//!
//! The plain protocol has no labels, so they go into the name: `gst_health.PIPELINE.ELEMENT.PAD.buffers_in:25|c`. Counters are told
//! as what they have grown by, in whole milliseconds where they count time, since some servers drop what follows a decimal point.

use std::collections::HashMap;
use std::fmt::Write;
use std::rc::Rc;

use super::family::{Family, Kind, Value};
use super::health::HEALTH;
use super::page::{seconds, set_apart};
use super::process::{PROCESS, Process};
use crate::logic::clock::MILLISECOND;
use crate::logic::health::reading::{Place, Reading};
use crate::logic::histogram::Summary;

/// The greatest datagram that passes any ordinary network in one piece, IPv6 and a tunnel included.
pub const DATAGRAM: usize = 1432;
/// The longest part of a name. Three of them and the metric's own fit a datagram with room to spare.
const PART: usize = 128;

/// What counters were when they were last told of.
#[derive(Debug, Default)]
pub struct Deltas {
    told: HashMap<(Source, &'static str), u64>,
}

/// Whose counter it is. Not by the name that is sent: two places may be written the same way there.
type Source = Option<Rc<Place>>;

impl Deltas {
    /// The datagrams that tell of these values. Counters seen for the first time are told whole.
    pub fn datagrams(&mut self, mut points: Vec<Reading>, process: Option<&Process>) -> Vec<String> {
        set_apart(&mut points);
        let mut lines = Lines { before: std::mem::take(&mut self.told), now: HashMap::new(), packed: Vec::new() };
        for point in &points {
            let (source, prefix) = (Some(Rc::new(point.place.clone())), prefix(&point.place));
            HEALTH.iter().for_each(|family| lines.add(family, point, &source, &prefix));
        }
        if let Some(process) = process {
            for family in PROCESS {
                lines.add(family, process, &None, "gst_steady.");
            }
        }
        // Only of those that are still there: others would be remembered for ever.
        self.told = lines.now;
        lines.packed
    }
}

struct Lines {
    before: HashMap<(Source, &'static str), u64>,
    now: HashMap<(Source, &'static str), u64>,
    packed: Vec<String>,
}

impl Lines {
    fn add<T>(&mut self, family: &Family<T>, of: &T, source: &Source, prefix: &str) {
        let Some(value) = (family.value)(of) else { return };
        let known = ["gst_health_", "gst_steady_"].iter().find_map(|known| family.name.strip_prefix(known));
        let name = format!("{prefix}{}", known.unwrap_or(family.name));
        let key = || (source.clone(), family.name);
        match (family.kind, value) {
            (Kind::Counter, Value::Whole(count)) => self.counter(key(), &name, count),
            (Kind::Counter, Value::Time(nanos)) => self.counter(key(), &in_milliseconds(&name), nanos / MILLISECOND),
            (_, Value::Whole(number)) => self.line(format_args!("{name}:{number}|g")),
            (_, Value::Real(number)) => self.line(format_args!("{name}:{number}|g")),
            (_, Value::Time(nanos)) => self.line(format_args!("{name}:{}|g", seconds(nanos))),
            (_, Value::Distribution(whole, recent)) => {
                // Of the last interval where there is one: what StatsD shows is now.
                if let Some(summary) = recent.or_else(|| whole.summary()) {
                    self.percentiles(&name, &summary);
                }
            }
        }
    }

    fn counter(&mut self, key: (Source, &'static str), name: &str, count: u64) {
        let before = self.before.get(&key).copied().unwrap_or(0);
        // Less than before: it began anew.
        let grown = count.checked_sub(before).unwrap_or(count);
        if grown > 0 {
            self.line(format_args!("{name}:{grown}|c"));
        }
        self.now.insert(key, count);
    }

    fn percentiles(&mut self, name: &str, summary: &Summary) {
        let Summary { max, p50, p95, p99, .. } = *summary;
        let base = name.strip_suffix("_seconds").unwrap_or(name);
        for (what, nanos) in [("p50", p50), ("p95", p95), ("p99", p99), ("max", max)] {
            self.line(format_args!("{base}_{what}_seconds:{}|g", seconds(nanos)));
        }
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        let line = line.to_string();
        match self.packed.last_mut().filter(|packed| packed.len() + 1 + line.len() <= DATAGRAM) {
            Some(packed) => write!(packed, "\n{line}").expect("a string takes everything"),
            None => self.packed.push(line),
        }
    }
}

fn in_milliseconds(name: &str) -> String {
    format!("{}_milliseconds", name.strip_suffix("_seconds").unwrap_or(name))
}

fn prefix(place: &Place) -> String {
    format!("gst_health.{}.{}.{}.", part(&place.pipeline), part(&place.element), part(&place.pad))
}

/// What may stand between two dots. Others would end the name, or the line.
fn part(name: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') { c } else { '_' };
    if name.is_empty() { "_".into() } else { name.chars().take(PART).map(letter).collect() }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::logic::clock::SECOND;
    use crate::logic::health::counters::Count;
    use crate::logic::metrics::page::tests::reading;
    use proptest::prelude::*;

    fn lines(datagrams: &[String]) -> HashMap<&str, &str> {
        datagrams.iter().flat_map(|d| d.split('\n')).map(|line| line.rsplit_once(':').expect("a value")).collect()
    }

    #[test]
    fn counters_are_told_as_what_they_grew_by() {
        let (mut deltas, mut point) = (Deltas::default(), reading());
        let first = deltas.datagrams(vec![point.clone()], None);
        assert_eq!(lines(&first)["gst_health.p.e.src.buffers_in"], "3|c");
        assert_eq!(lines(&first)["gst_health.p.e.src.blocked_milliseconds"], "3|c");
        point.snapshot.counts[Count::In] += 4;
        point.snapshot.counts[Count::BlockedTime] += 1_700_000;
        let second = deltas.datagrams(vec![point.clone()], None);
        assert_eq!(lines(&second)["gst_health.p.e.src.buffers_in"], "4|c");
        assert_eq!(lines(&second)["gst_health.p.e.src.blocked_milliseconds"], "1|c");
        assert!(!lines(&second).contains_key("gst_health.p.e.src.bytes"), "what stands still is not told");
        point.snapshot.counts[Count::BlockedTime] += 400_000;
        let third = deltas.datagrams(vec![point.clone()], None);
        assert_eq!(lines(&third)["gst_health.p.e.src.blocked_milliseconds"], "1|c", "the rest is carried over");
        point.snapshot.counts[Count::In] = 2;
        let after_reset = deltas.datagrams(vec![point], None);
        assert_eq!(lines(&after_reset)["gst_health.p.e.src.buffers_in"], "2|c");
    }

    #[test]
    fn gauges_and_percentiles_are_told_as_they_are() {
        let told =
            Deltas::default().datagrams(vec![reading()], Some(&Process { exporting: SECOND, ..Process::default() }));
        let lines = lines(&told);
        assert_eq!(lines["gst_health.p.e.src.fill_ratio"], "0.25|g");
        assert_eq!(lines["gst_health.p.e.src.push_p95_seconds"], "0.001|g");
        assert_eq!(lines["gst_steady.export_milliseconds"], "1000|c");
        assert_eq!(lines["gst_steady.memory_limit_bytes"], "0|g");
    }

    #[test]
    fn places_that_are_written_alike_are_counted_apart() {
        let (mut one, mut other) = (reading(), reading());
        (one.place.element, other.place.element) = ("a.b".into(), "a_b".into());
        other.snapshot.counts[Count::In] = 100;
        let mut deltas = Deltas::default();
        deltas.datagrams(vec![one.clone(), other.clone()], None);
        one.snapshot.counts[Count::In] += 1;
        let again = deltas.datagrams(vec![one, other], None);
        let told: Vec<_> =
            again.iter().flat_map(|d| d.split('\n')).filter(|line| line.contains("buffers_in")).collect();
        assert_eq!(told, ["gst_health.p.a_b.src.buffers_in:1|c"]);
    }

    #[test]
    fn points_that_went_are_forgotten() {
        let mut deltas = Deltas::default();
        deltas.datagrams(vec![reading()], None);
        assert!(!deltas.told.is_empty());
        deltas.datagrams(vec![], None);
        assert!(deltas.told.is_empty());
    }

    proptest! {
        #[test]
        fn datagrams_are_short_and_lines_whole_whatever_the_names(
            names in prop::array::uniform3(prop_oneof!["(?s).{0,8}", "[a-z:|@#]{0,400}"]), points in 0usize..6,
        ) {
            let mut point = reading();
            let [pipeline, element, pad] = names;
            point.place = Place { pipeline, element, pad, media: String::new() };
            let datagrams = Deltas::default().datagrams(vec![point; points], Some(&Process::default()));
            for datagram in &datagrams {
                prop_assert!(datagram.len() <= DATAGRAM, "{}", datagram.len());
                for line in datagram.split('\n') {
                    let (name, rest) = line.split_once(':').expect("a value");
                    let (value, kind) = rest.split_once('|').expect("a type");
                    prop_assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)), "{line}");
                    prop_assert!(value.parse::<f64>().is_ok_and(|v| v >= 0.0) && ["c", "g"].contains(&kind), "{line}");
                }
            }
        }
    }
}
