//! The metrics of a measuring point.

use super::family::{Family, Kind, Present, Unit, Value};
use crate::logic::health::counters::Count;
use crate::logic::health::probe::Quantity;
use crate::logic::health::reading::{Fill, Reading};
use crate::logic::health::verdict::{Health, Reason};

type Of = for<'a> fn(&'a Reading) -> Option<Value<'a>>;

const fn family(name: &'static str, kind: Kind, unit: Unit, help: &'static str, value: Of) -> Family<Reading> {
    Family { name, kind, unit, help, present: Present::Always, value }
}

const fn with(present: Present, mut family: Family<Reading>) -> Family<Reading> {
    family.present = present;
    family
}

/// Things that are counted.
const fn counter(name: &'static str, help: &'static str, value: Of) -> Family<Reading> {
    family(name, Kind::Counter, Unit::None, help, value)
}

/// Time that is summed up.
const fn spent(name: &'static str, help: &'static str, value: Of) -> Family<Reading> {
    family(name, Kind::Counter, Unit::Seconds, help, value)
}

const fn gauge(name: &'static str, unit: Unit, help: &'static str, value: Of) -> Family<Reading> {
    family(name, Kind::Gauge, unit, help, value)
}

const fn histogram(name: &'static str, help: &'static str, value: Of) -> Family<Reading> {
    family(name, Kind::Histogram, Unit::Seconds, help, value)
}

fn count(reading: &Reading, count: Count) -> Option<Value<'_>> {
    Some(Value::Whole(reading.snapshot.counts[count]))
}

fn time(reading: &Reading, count: Count) -> Option<Value<'_>> {
    Some(Value::Time(reading.snapshot.counts[count]))
}

fn reason(reading: &Reading, reason: Reason) -> Option<Value<'_>> {
    Some(reading.reasons.contains(reason).into())
}

fn distribution(reading: &Reading, quantity: Quantity) -> Option<Value<'_>> {
    let recent = reading.recent.as_ref().and_then(|(_, recent)| recent.summaries[quantity as usize]);
    let whole = &reading.distributions[quantity as usize];
    reading.has(quantity).then_some(Value::Distribution(whole, recent))
}

/// What is known at the end of a pair only.
fn paired(reading: &Reading, of: Count) -> Option<Value<'_>> {
    reading.end_of_pair.then(|| count(reading, of))?
}

/// What is said of the watched queue, if there is one.
fn queue(reading: &Reading) -> Option<&Fill> {
    reading.fill.as_ref()
}

/// The same, if it has a limit.
fn limited(reading: &Reading) -> Option<&Fill> {
    queue(reading).filter(|fill| fill.level.is_some())
}

/// The state as a number, in the order in which `bufferhealth` has them.
fn state(health: Health) -> u64 {
    match health {
        Health::Starting => 0,
        Health::Healthy => 1,
        Health::Degraded => 2,
        Health::Unhealthy => 3,
        Health::Stalled => 4,
        Health::Eos => 5,
    }
}

use Present::{Clock, Limit, Pair, Queue, Runs};
use Unit::{Bytes, None as Plain, Ratio, Seconds};

/// The table. Its labels are `pipeline`, `element`, `pad` and `media`, never more: each further one multiplies the series.
pub static HEALTH: &[Family<Reading>] = &[
    gauge("gst_health_healthy", Plain, "1 while nothing is wrong with the stream, else 0.", |r| {
        Some(r.reasons.is_empty().into())
    }),
    gauge("gst_health_state", Plain, "0 starting, 1 healthy, 2 degraded, 3 unhealthy, 4 stalled, 5 ended.", |r| {
        Some(Value::Whole(state(r.state)))
    }),
    gauge("gst_health_reason_stalled", Plain, "1 if nothing has moved for the stall timeout.", |r| {
        reason(r, Reason::Stalled)
    }),
    gauge("gst_health_reason_flow_error", Plain, "1 if downstream refused the last buffer with an error.", |r| {
        reason(r, Reason::FlowError)
    }),
    gauge("gst_health_reason_late", Plain, "1 if buffers arrive after they were due.", |r| reason(r, Reason::Late)),
    gauge("gst_health_reason_dropping", Plain, "1 if more buffers are missing or refused than allowed.", |r| {
        reason(r, Reason::Dropping)
    }),
    gauge("gst_health_reason_discontinuous", Plain, "1 if timestamps jump although nothing is missing.", |r| {
        reason(r, Reason::Discontinuous)
    }),
    gauge("gst_health_reason_backpressure", Plain, "1 if downstream is to blame.", |r| reason(r, Reason::Backpressure)),
    gauge("gst_health_reason_starved", Plain, "1 if upstream is to blame.", |r| reason(r, Reason::Starved)),
    gauge("gst_health_reason_corrupted", Plain, "1 if buffers with damaged data arrive.", |r| {
        reason(r, Reason::Corrupted)
    }),
    gauge("gst_health_reason_slow", Plain, "1 if less media arrives than time passes.", |r| reason(r, Reason::Slow)),
    gauge("gst_health_uptime_seconds", Seconds, "For how long there has been counting.", |r| {
        Some(Value::Time(r.uptime))
    }),
    gauge("gst_health_state_seconds", Seconds, "For how long the state and its reasons have been as they are.", |r| {
        Some(Value::Time(r.uptime.saturating_sub(r.since)))
    }),
    gauge("gst_health_live", Plain, "1 if upstream is live.", |r| Some(r.live.into())),
    gauge("gst_health_synced", Plain, "1 if a sink downstream waits for the clock.", |r| Some(r.synced.into())),
    counter("gst_health_buffers_in", "Buffers that arrived.", |r| count(r, Count::In)),
    counter("gst_health_buffers_out", "Buffers that downstream accepted.", |r| count(r, Count::Out)),
    counter("gst_health_buffers_dropped", "Buffers that downstream refused, with whatever flow return.", |r| {
        count(r, Count::Dropped)
    }),
    gauge("gst_health_buffers_held", Plain, "Buffers being pushed downstream now.", |r| count(r, Count::Held)),
    gauge(
        "gst_health_drop_ratio",
        Ratio,
        "Share of all buffers that are missing, were refused with an error or dropped by a sink.",
        |r| Some(Value::Real(r.drop_ratio())),
    ),
    family("gst_health_bytes", Kind::Counter, Bytes, "Bytes that arrived.", |r| count(r, Count::Bytes)),
    spent("gst_health_media_seconds", "Sum of the durations of the buffers that arrived.", |r| {
        time(r, Count::MediaTime)
    }),
    counter("gst_health_key_frames", "Buffers that decode without an earlier one.", |r| count(r, Count::KeyFrames)),
    counter("gst_health_corrupted", "Buffers flagged as corrupted.", |r| count(r, Count::Corrupted)),
    counter("gst_health_sink_dropped", "Buffers that sinks downstream threw away because they were late.", |r| {
        Some(Value::Whole(r.sink_dropped))
    }),
    counter("gst_health_missing", "Buffers that should have come between two that did.", |r| count(r, Count::Missing)),
    counter("gst_health_missing_leaky", "Those of the missing that went while the watched queue could leak.", |r| {
        count(r, Count::MissingLeaky)
    }),
    counter("gst_health_missing_qos", "Those of the missing that downstream had asked upstream to skip.", |r| {
        count(r, Count::MissingQos)
    }),
    counter("gst_health_holes", "Places where buffers are missing.", |r| count(r, Count::Holes)),
    counter("gst_health_discontinuities", "Discontinuities, each counted once by its first cause.", |r| {
        Some(Value::Whole(r.snapshot.counts.discontinuities()))
    }),
    counter("gst_health_discont_flag", "Discontinuities first seen by the buffer's flag.", |r| {
        count(r, Count::DiscontFlag)
    }),
    counter("gst_health_discont_gap", "Discontinuities first seen by a timestamp later than expected.", |r| {
        count(r, Count::DiscontGap)
    }),
    counter("gst_health_discont_backwards", "Discontinuities first seen by a timestamp before the last one.", |r| {
        count(r, Count::DiscontBackwards)
    }),
    counter(
        "gst_health_discont_overlap",
        "Discontinuities first seen by a timestamp before the end of the last buffer.",
        |r| count(r, Count::DiscontOverlap),
    ),
    counter("gst_health_discont_caps", "Discontinuities because the format changed.", |r| count(r, Count::DiscontCaps)),
    counter("gst_health_discont_segment", "Discontinuities because a new segment began.", |r| {
        count(r, Count::DiscontSegment)
    }),
    counter("gst_health_discont_flush", "Discontinuities because the stream was flushed.", |r| {
        count(r, Count::DiscontFlush)
    }),
    counter("gst_health_gap_events", "Events that announce a span without data.", |r| count(r, Count::GapEvents)),
    counter("gst_health_timed", "Buffers whose arrival was compared with the clock.", |r| count(r, Count::Timed)),
    counter("gst_health_late", "Those of them that were later than the late threshold.", |r| count(r, Count::Late)),
    counter("gst_health_flow_flushing", "Pushes that ended with flushing.", |r| count(r, Count::FlowFlushing)),
    counter("gst_health_flow_eos", "Pushes that ended with end of stream.", |r| count(r, Count::FlowEos)),
    counter("gst_health_flow_not_linked", "Pushes that ended with not linked.", |r| count(r, Count::FlowNotLinked)),
    counter("gst_health_flow_not_negotiated", "Pushes that ended with not negotiated.", |r| {
        count(r, Count::FlowNotNegotiated)
    }),
    counter("gst_health_flow_error", "Pushes that ended with another error.", |r| count(r, Count::FlowError)),
    counter("gst_health_qos_events", "QoS events from downstream.", |r| Some(Value::Whole(r.qos_events))),
    spent("gst_health_blocked_seconds", "Time spent waiting for downstream while playing.", |r| {
        time(r, Count::BlockedTime)
    }),
    spent("gst_health_starved_seconds", "Time spent waiting for upstream while playing.", |r| {
        time(r, Count::StarvedTime)
    }),
    spent("gst_health_stalled_seconds", "Time in which nothing moved, summed over all stalls.", |r| {
        Some(Value::Time(r.stalled))
    }),
    gauge("gst_health_jitter_seconds", Seconds, "Jitter of arrivals against timestamps as in RFC 3550.", |r| {
        Some(Value::Time(r.snapshot.jitter))
    }),
    gauge("gst_health_jitter_max_seconds", Seconds, "The greatest jitter there was.", |r| {
        Some(Value::Time(r.snapshot.jitter_max))
    }),
    histogram("gst_health_interarrival_seconds", "Time from one arrival to the next.", |r| {
        distribution(r, Quantity::Interarrival)
    }),
    histogram("gst_health_push_seconds", "Time inside the push downstream while playing.", |r| {
        distribution(r, Quantity::Push)
    }),
    with(
        Clock,
        histogram("gst_health_lateness_seconds", "How long after it was due a buffer arrived, 0 in time.", |r| {
            distribution(r, Quantity::Lateness)
        }),
    ),
    with(
        Clock,
        histogram("gst_health_headroom_seconds", "How long before it is due a buffer arrived, 0 if late.", |r| {
            distribution(r, Quantity::Headroom)
        }),
    ),
    with(
        Pair,
        counter("gst_health_pair_matched", "Buffers at the end of a pair that passed its start.", |r| {
            paired(r, Count::PairMatched)
        }),
    ),
    with(
        Pair,
        counter("gst_health_pair_unmatched", "Buffers at the end of a pair that did not pass its start.", |r| {
            paired(r, Count::PairUnmatched)
        }),
    ),
    with(
        Pair,
        counter("gst_health_pair_lost", "Buffers that passed the start of a pair and will not come to its end.", |r| {
            paired(r, Count::PairLost)
        }),
    ),
    with(
        Pair,
        histogram("gst_health_pair_latency_seconds", "From the start of a pair to its end.", |r| {
            distribution(r, Quantity::PairLatency)
        }),
    ),
    with(
        Queue,
        gauge("gst_health_fill_buffers", Plain, "Buffers in the watched queue.", |r| {
            queue(r)?.held[0].map(Value::Whole)
        }),
    ),
    with(
        Queue,
        gauge("gst_health_fill_bytes", Bytes, "Bytes in the watched queue.", |r| queue(r)?.held[1].map(Value::Whole)),
    ),
    with(
        Queue,
        gauge("gst_health_fill_seconds", Seconds, "Media time in the watched queue.", |r| {
            queue(r)?.held[2].map(Value::Time)
        }),
    ),
    with(
        Limit,
        gauge("gst_health_fill_ratio", Ratio, "Used share of the watched queue, by its fullest measure.", |r| {
            queue(r)?.level.map(|(now, _)| Value::Real(now))
        }),
    ),
    with(
        Limit,
        gauge("gst_health_fill_max_ratio", Ratio, "The greatest share of the watched queue seen in use.", |r| {
            queue(r)?.level.map(|(_, most)| Value::Real(most))
        }),
    ),
    with(
        Runs,
        counter("gst_health_overruns", "How often the watched queue ran full.", |r| {
            queue(r)?.runs.map(|(over, _)| Value::Whole(over))
        }),
    ),
    with(
        Runs,
        counter("gst_health_underruns", "How often the watched queue ran empty.", |r| {
            queue(r)?.runs.map(|(_, under)| Value::Whole(under))
        }),
    ),
    with(
        Limit,
        counter("gst_health_backpressure_episodes", "Episodes of back-pressure that began.", |r| {
            Some(Value::Whole(limited(r)?.episodes))
        }),
    ),
    with(
        Limit,
        spent("gst_health_backpressure_seconds", "How long they took together.", |r| {
            Some(Value::Time(limited(r)?.backpressure))
        }),
    ),
    with(
        Limit,
        gauge("gst_health_backpressure_longest_seconds", Seconds, "How long the longest of them took.", |r| {
            Some(Value::Time(limited(r)?.longest))
        }),
    ),
    with(
        Limit,
        gauge("gst_health_backpressure_current_seconds", Seconds, "How long the one under way lasts, else 0.", |r| {
            Some(Value::Time(limited(r)?.current.unwrap_or(0)))
        }),
    ),
];

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::logic::metrics::page::tests::reading;

    /// Where a count is shown under another name than its own.
    fn shown_as(count: Count) -> String {
        let name = count.name().replace('-', "_");
        let name = match count {
            Count::MediaTime | Count::BlockedTime | Count::StarvedTime => name.replace("_time", "_seconds"),
            _ => name,
        };
        format!("gst_health_{name}")
    }

    #[test]
    fn every_count_and_every_reason_has_a_metric_that_shows_it() {
        let mut reading = Reading { end_of_pair: true, ..reading() };
        for (n, &count) in Count::ALL.iter().enumerate() {
            reading.snapshot.counts[count] = 1000 + n as u64;
        }
        for &count in Count::ALL {
            let family = HEALTH.iter().find(|f| f.name == shown_as(count)).unwrap_or_else(|| panic!("{count:?}"));
            let (Some(Value::Whole(value) | Value::Time(value)), want) =
                ((family.value)(&reading), reading.snapshot.counts[count])
            else {
                panic!("{} has no value", family.name)
            };
            assert_eq!(value, want, "{}", family.name);
        }
        for &reason in Reason::ALL {
            let name = format!("gst_health_reason_{}", reason.name().replace('-', "_"));
            let family = HEALTH.iter().find(|f| f.name == name).unwrap_or_else(|| panic!("no {name}"));
            for there in [true, false] {
                reading.reasons = Reason::ALL.iter().copied().filter(|&other| (other == reason) == there).collect();
                assert!(matches!((family.value)(&reading), Some(Value::Whole(n)) if n == u64::from(there)), "{name}");
            }
        }
    }

    #[test]
    fn what_is_not_known_is_absent_and_not_0() {
        let mut reading = reading();
        reading.fill = None;
        let absent = |reading: &Reading| -> Vec<_> {
            HEALTH.iter().filter(|f| (f.value)(reading).is_none()).map(|f| f.present).collect()
        };
        let mut kinds = absent(&reading);
        kinds.dedup();
        assert_eq!(kinds, [Clock, Pair, Queue, Limit, Runs, Limit]);
        reading.end_of_pair = true;
        reading.snapshot.counts[Count::Timed] = 1;
        let held = [Some(1); 3];
        let runs = Some((1, 1));
        reading.fill = Some(Fill { held, runs, ..Fill::default() });
        assert!(absent(&reading).iter().all(|&present| present == Limit));
        reading.fill = Some(Fill { level: Some((0.5, 1.0)), held, runs, ..Fill::default() });
        assert!(absent(&reading).is_empty());
    }
}
