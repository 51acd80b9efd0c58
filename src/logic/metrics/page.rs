//! All values of one moment, and the two text formats in which Prometheus reads them.

use std::collections::HashSet;
use std::fmt::{Error, Write};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit as EncodedUnit};

use super::family::{Family, Kind, Present, Unit, Value};
use super::health::HEALTH;
use super::process::{PROCESS, Process};
use crate::logic::health::reading::{Place, Reading};
use crate::logic::histogram::Histogram;

/// Upper edges of the buckets, as powers of two of a nanosecond: from 16 µs, below which nobody's media cares, to 17 s.
const EDGES: std::ops::RangeInclusive<u32> = 14..=34;

/// The values of one moment.
#[derive(Debug)]
pub struct Page {
    points: Vec<Reading>,
    process: Option<Process>,
    place: Medium,
}

/// Where a page is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    /// At an address, to whoever asks.
    Endpoint,
    /// In a file that `node_exporter` reads, whose own `process_*` metrics are there already.
    Textfile,
}

/// The formats in which a page can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Prometheus' own, 0.0.4.
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// The `Content-Type` that says so.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Gives each point a place of its own: two series of the same labels would make the whole page invalid. The second of the
/// same place is called `#2`.
pub fn set_apart(points: &mut [Reading]) {
    let mut taken: HashSet<Place> = HashSet::new();
    for point in points {
        let name = point.place.element.clone();
        let mut again = 1;
        while !taken.insert(Place { media: String::new(), ..point.place.clone() }) {
            again += 1;
            point.place.element = format!("{name}#{again}");
        }
    }
}

impl Page {
    /// A page of these points.
    pub fn new(mut points: Vec<Reading>, process: Option<Process>, medium: Medium) -> Self {
        set_apart(&mut points);
        Self { points, process, place: medium }
    }

    /// Its text.
    pub fn text(self, format: Format) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut text = String::new();
        encode(&mut text, &registry).expect("a string takes everything");
        match format {
            Format::OpenMetrics => text,
            Format::Text => downgrade(&text),
        }
    }
}

impl Collector for Page {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        for family in HEALTH {
            let values = self.points.iter().filter_map(|point| Some((point, (family.value)(point)?)));
            let mut values = values.peekable();
            if values.peek().is_none() {
                continue;
            }
            let (name, unit) = parts(family);
            let mut metric = encoder.encode_descriptor(name, family.help, unit.as_ref(), metric_type(family.kind))?;
            for (point, value) in values {
                encode_value(&mut metric.encode_family(&labels(&point.place))?, family.kind, &value)?;
            }
        }
        let Some(process) = &self.process else { return Ok(()) };
        for family in PROCESS.iter().filter(|f| self.place == Medium::Endpoint || f.present != Present::Endpoint) {
            let Some(value) = (family.value)(process) else { continue };
            let (name, unit) = parts(family);
            let mut metric = encoder.encode_descriptor(name, family.help, unit.as_ref(), metric_type(family.kind))?;
            encode_value(&mut metric, family.kind, &value)?;
        }
        Ok(())
    }
}

/// The name without its unit, and the unit: the encoder puts them together.
fn parts<T>(family: &Family<T>) -> (&'static str, Option<EncodedUnit>) {
    let Some(unit) = family.unit.name() else { return (family.name, None) };
    let name = family.name.strip_suffix(unit).and_then(|name| name.strip_suffix('_')).unwrap_or(family.name);
    let unit = match family.unit {
        Unit::Seconds => EncodedUnit::Seconds,
        Unit::Bytes => EncodedUnit::Bytes,
        Unit::Ratio | Unit::None => EncodedUnit::Other(unit.into()),
    };
    (name, Some(unit))
}

fn metric_type(kind: Kind) -> MetricType {
    match kind {
        Kind::Counter => MetricType::Counter,
        Kind::Gauge => MetricType::Gauge,
        Kind::Histogram => MetricType::Histogram,
    }
}

/// The encoder escapes what must not stand in a label.
fn labels(place: &Place) -> [(&'static str, &str); 4] {
    let Place { pipeline, element, pad, media } = place;
    [("pipeline", pipeline), ("element", element), ("pad", pad), ("media", media)]
}

/// Nanoseconds as seconds.
pub(super) fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

fn encode_value(metric: &mut MetricEncoder<'_>, kind: Kind, value: &Value<'_>) -> Result<(), Error> {
    match (kind, *value) {
        (Kind::Counter, Value::Whole(n)) => metric.encode_counter::<NoLabelSet, _, u64>(&n, None),
        (Kind::Counter, Value::Time(n)) => metric.encode_counter::<NoLabelSet, _, u64>(&seconds(n), None),
        (Kind::Counter, Value::Real(n)) => metric.encode_counter::<NoLabelSet, _, u64>(&n, None),
        // The encoder's whole gauges are signed.
        (_, Value::Whole(n)) => metric.encode_gauge(&n.min(i64::MAX as u64)),
        (_, Value::Time(n)) => metric.encode_gauge(&seconds(n)),
        (_, Value::Real(n)) => metric.encode_gauge(&n),
        (_, Value::Distribution(histogram, _)) => encode_histogram(metric, histogram),
    }
}

/// Counts are exact: of values below each edge, where `le` says "up to", a nanosecond more.
fn encode_histogram(metric: &mut MetricEncoder<'_>, histogram: &Histogram) -> Result<(), Error> {
    let mut below = 0;
    let mut since = |count: u64| count - std::mem::replace(&mut below, count);
    let mut buckets: Vec<_> = EDGES.map(|bits| (seconds(1 << bits), since(histogram.below(bits)))).collect();
    let count = histogram.count();
    buckets.push((f64::INFINITY, since(count)));
    metric.encode_histogram::<NoLabelSet>(seconds(histogram.sum()), count, &buckets, None)
}

/// OpenMetrics as Prometheus' older format. There, a counter's family is called as its series is, and neither units nor the end
/// are marked.
fn downgrade(openmetrics: &str) -> String {
    let mut text = String::with_capacity(openmetrics.len());
    let mut lines = openmetrics.lines().peekable();
    while let Some(line) = lines.next() {
        if line == "# EOF" || line.starts_with("# UNIT ") {
            continue;
        }
        // HELP comes before the TYPE that says what it helps with.
        let of_counter = |line: &str| line.starts_with("# TYPE ") && line.ends_with(" counter");
        let counter =
            of_counter(line) || line.starts_with("# HELP ") && lines.peek().is_some_and(|next| of_counter(next));
        let named =
            ["# HELP ", "# TYPE "].iter().find_map(|what| Some((what, line.strip_prefix(what)?.split_once(' ')?)));
        let written = match named {
            Some((what, (name, rest))) if counter => writeln!(text, "{what}{name}_total {rest}"),
            _ => writeln!(text, "{line}"),
        };
        written.expect("a string takes everything");
    }
    text
}

#[cfg(all(test, not(loom)))]
pub(crate) mod tests {
    use super::*;
    use crate::logic::health::counters::Count;
    use crate::logic::health::probe::{Flow, Probe, Quantity, Tap};
    use crate::logic::health::reading::Fill;
    use crate::logic::health::verdict::{Health, Reasons};
    use crate::logic::metrics::process::Kernel;
    use proptest::prelude::*;

    /// What a point has that three buffers of 100 bytes have passed, each pushed for a millisecond.
    pub(crate) fn reading() -> Reading {
        use crate::logic::clock::MILLISECOND;
        use crate::logic::health::gaps::Unit;
        let (probe, mut tap) = (Probe::new(0), Tap::default());
        probe.set_playing(Some(0));
        for n in 0..3 {
            let unit = Unit { bytes: 100, ..Unit::default() };
            tap.arrive(&probe, (1 + 20 * n) * MILLISECOND, None, [unit].into_iter());
            tap.depart(&probe, (2 + 20 * n) * MILLISECOND, Flow::Ok);
        }
        Reading {
            place: Place { pipeline: "p".into(), element: "e".into(), pad: "src".into(), media: "video".into() },
            state: Health::Healthy,
            reasons: Reasons::default(),
            since: 0,
            uptime: 60 * MILLISECOND,
            stalled: 0,
            live: false,
            synced: false,
            sparse: false,
            snapshot: probe.read(42 * MILLISECOND),
            distributions: Quantity::ALL.map(|quantity| probe.distribution(quantity)),
            recent: None,
            qos_events: 0,
            sink_dropped: 0,
            end_of_pair: false,
            paused_task: None,
            fill: Some(Fill { queue: "q".into(), level: Some((0.25, 1.0)), ..Fill::default() }),
        }
    }

    fn page(points: Vec<Reading>) -> Page {
        Page::new(points, Some(Process::default()), Medium::Endpoint)
    }

    /// The values of all series called `name`.
    pub(crate) fn values(text: &str, name: &str) -> Vec<f64> {
        let of = |line: &str| {
            let (series, value) = line.rsplit_once(' ')?;
            (series.split('{').next() == Some(name)).then(|| value.parse().ok())?
        };
        text.lines().filter(|line| !line.starts_with('#')).filter_map(of).collect()
    }

    #[test]
    fn both_formats_say_the_same_each_in_its_way() {
        let open = page(vec![reading()]).text(Format::OpenMetrics);
        let text = page(vec![reading()]).text(Format::Text);
        assert!(open.ends_with("\n# EOF\n") && !text.contains("EOF"));
        assert!(
            open.contains("# TYPE gst_health_blocked_seconds counter\n# UNIT gst_health_blocked_seconds seconds\n")
        );
        assert!(text.contains("# TYPE gst_health_blocked_seconds_total counter\ngst_health_blocked_seconds_total{"));
        assert!(text.contains("# HELP gst_health_bytes_total Bytes that arrived.\n") && !text.contains("# UNIT"));
        let series =
            |page: &str| page.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(series(&open), series(&text));
        assert!(
            text.contains(
                "\ngst_health_buffers_in_total{pipeline=\"p\",element=\"e\",pad=\"src\",media=\"video\"} 3\n"
            )
        );
        assert_eq!(values(&text, "gst_health_blocked_seconds_total"), [0.003]);
        assert_eq!(values(&text, "gst_health_fill_ratio"), [0.25]);
    }

    #[test]
    fn a_histogram_counts_up_to_all_of_them() {
        let text = page(vec![reading()]).text(Format::Text);
        let buckets = values(&text, "gst_health_push_seconds_bucket");
        assert_eq!(buckets.len(), EDGES.count() + 1);
        assert!(buckets.is_sorted());
        // A millisecond is below 2^20 ns and not below 2^19.
        let below = |bits: u32| buckets[(bits - EDGES.start()) as usize];
        assert_eq!((below(19), below(20), buckets.last()), (0.0, 3.0, Some(&3.0)));
        assert_eq!(values(&text, "gst_health_push_seconds_count"), [3.0]);
        assert_eq!(values(&text, "gst_health_push_seconds_sum"), [0.003]);
        let edge = "\ngst_health_push_seconds_bucket{le=\"0.001048576\",";
        assert!(
            text.split_once(edge)
                .is_some_and(|(_, rest)| rest.lines().next().is_some_and(|line| line.ends_with("} 3")))
        );
        assert!(text.contains("le=\"+Inf\""));
    }

    #[test]
    fn a_textfile_leaves_out_what_its_reader_has_itself() {
        let process = || {
            let kernel = Kernel { resident: Some(1), ..Kernel::default() };
            Some(Process { kernel, ..Process::default() })
        };
        let made = |medium| Page::new(vec![reading()], process(), medium).text(Format::Text);
        assert!(made(Medium::Endpoint).contains("\nprocess_resident_memory_bytes "));
        let file = made(Medium::Textfile);
        assert!(!file.contains("process_") && file.contains("\ngst_steady_memory_limit_bytes "));
        let bare = Page::new(vec![reading()], None, Medium::Textfile).text(Format::Text);
        assert!(!bare.contains("gst_steady_") && bare.contains("gst_health_healthy{"));
        assert!(!page(vec![]).text(Format::Text).contains("gst_health_"), "a family without series is not announced");
    }

    #[test]
    fn points_of_the_same_place_are_set_apart() {
        let mut points = vec![reading(), reading(), reading()];
        points[2].place.media = "audio".into();
        set_apart(&mut points);
        assert_eq!(points.iter().map(|p| p.place.element.as_str()).collect::<Vec<_>>(), ["e", "e#2", "e#3"]);
    }

    #[test]
    fn times_do_not_lose_what_matters_and_great_numbers_are_no_error() {
        let mut reading = reading();
        for &count in Count::ALL {
            reading.snapshot.counts[count] = u64::MAX / 16;
        }
        reading.qos_events = u64::MAX;
        (reading.snapshot.counts[Count::Held], reading.uptime) = (u64::MAX, u64::MAX);
        let text = page(vec![reading]).text(Format::OpenMetrics);
        assert!(values(&text, "gst_health_media_seconds_total")[0] > 1e9);
        assert!(values(&text, "gst_health_buffers_held")[0] > 9e18);
    }

    proptest! {
        /// Read back as the format's description has it.
        #[test]
        fn no_name_breaks_out_of_its_label(names in prop::array::uniform4("(?s).{0,12}|[\"\\\\\n]{0,4}")) {
            let mut point = reading();
            let [pipeline, element, pad, media] = names.clone();
            point.place = Place { pipeline, element, pad, media };
            for format in [Format::Text, Format::OpenMetrics] {
                let text = Page::new(vec![point.clone()], None, Medium::Endpoint).text(format);
                // By '\n' alone: `lines` would also take a '\r' before it away.
                let line = text.split('\n').find(|line| line.starts_with("gst_health_healthy{")).expect("a series");
                let mut rest = line.strip_prefix("gst_health_healthy{").expect("a label");
                let mut read = Vec::new();
                while rest != "} 1" {
                    let (_, value) = rest.split_once("=\"").expect("a value");
                    let mut text = String::new();
                    let mut chars = value.char_indices();
                    let end = loop {
                        match chars.next() {
                            Some((_, '\\')) => match chars.next().expect("what is escaped").1 {
                                'n' => text.push('\n'),
                                other => text.push(other),
                            },
                            Some((at, '"')) => break at + 1,
                            Some((_, other)) => text.push(other),
                            None => prop_assert!(false, "open: {line}"),
                        }
                    };
                    rest = value[end..].strip_prefix(',').unwrap_or(&value[end..]);
                    read.push(text);
                }
                prop_assert_eq!(read.as_slice(), names.as_slice());
            }
        }
    }
}
