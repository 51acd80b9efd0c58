//! The pads, and the work of the streaming threads.

use std::iter;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use gst::glib;
use gst::prelude::*;
use gst::subclass::prelude::*;

use super::element::{BufferHealth, CAT};
use crate::logic::clock::{Nanos, monotonic};
use crate::logic::health::gaps::{Order, Unit, frame_duration};
use crate::logic::health::probe::{Flow, Probe, Tap};

/// The writer of the figures, and what it needs to know of the stream.
pub(super) struct Stream {
    tap: Tap,
    probe: Arc<Probe>,
    segment: Option<gst::FormattedSegment<gst::ClockTime>>,
    /// The pace, and which version of it this is.
    pacer: Option<Pacer>,
    pace_version: u64,
}

/// The pace to compare arrivals with, in pipelines that follow a clock.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pace {
    pub clock: gst::Clock,
    pub base_time: gst::ClockTime,
}

/// For how long a reading of the pipeline's clock is carried on with our own: at ordinary rates each buffer gets its own reading, and
/// streams of a million buffers a second do not pay for theirs.
const CARRY: Nanos = 100_000;

/// The pace, and the last reading of its clock: when, and which running time it was.
struct Pacer {
    pace: Pace,
    reading: Option<(Nanos, i64)>,
}

impl Pacer {
    #[inline]
    fn running_time(&mut self, now: Nanos) -> i64 {
        let carried = self.reading.and_then(|(at, running_time)| {
            let since = now.saturating_sub(at);
            (since < CARRY).then(|| running_time.saturating_add_unsigned(since))
        });
        carried.unwrap_or_else(|| {
            // Negative before the start, which is in the future of a clock that was just chosen.
            let running_time = self.pace.clock.time().nseconds().wrapping_sub(self.pace.base_time.nseconds()) as i64;
            self.reading = Some((now, running_time));
            running_time
        })
    }
}

impl Stream {
    pub fn new(probe: Arc<Probe>) -> Self {
        Self { tap: Tap::default(), probe, segment: None, pacer: None, pace_version: 0 }
    }

    #[inline]
    fn arrive<'a>(&mut self, now: Nanos, buffers: impl Iterator<Item = &'a gst::BufferRef>) {
        let running_now = self.pacer.as_mut().map(|pacer| pacer.running_time(now));
        // The buffers' is worth nothing without it.
        let segment = self.segment.as_ref().filter(|_| running_now.is_some());
        self.tap.arrive(&self.probe, now, running_now, buffers.map(|buffer| unit(buffer, segment)));
    }

    /// Takes in a serialized event.
    fn event(&mut self, event: &gst::EventRef) {
        match event.view() {
            gst::EventView::Caps(caps) => {
                let (order, nominal) = timing(caps.caps());
                self.tap.gaps().format(order, nominal);
            }
            gst::EventView::Segment(event) => {
                self.segment = event.segment().downcast_ref::<gst::ClockTime>().cloned();
                let tricks = gst::SegmentFlags::SKIP
                    | gst::SegmentFlags::TRICKMODE_KEY_UNITS
                    | gst::SegmentFlags::TRICKMODE_FORWARD_PREDICTED;
                // In reverse and with frames skipped on purpose, timestamps do not follow each other.
                let follows = event.segment().rate() > 0.0 && !event.segment().flags().intersects(tricks);
                self.tap.segment(self.segment.is_some() && follows);
            }
            gst::EventView::FlushStop(_) => {
                self.segment = None;
                self.tap.flush(&self.probe);
            }
            gst::EventView::Gap(gap) => {
                let (start, duration) = gap.get();
                self.tap.gap(&self.probe, monotonic(), start.nseconds(), duration.map(gst::ClockTime::nseconds));
            }
            _ => {}
        }
    }
}

#[inline]
fn unit(buffer: &gst::BufferRef, segment: Option<&gst::FormattedSegment<gst::ClockTime>>) -> Unit {
    let (pts, flags) = (buffer.pts(), buffer.flags());
    let running_time = segment.and_then(|segment| segment.to_running_time(pts.or(buffer.dts())?));
    Unit {
        pts: pts.map(gst::ClockTime::nseconds),
        dts: buffer.dts().map(gst::ClockTime::nseconds),
        duration: buffer.duration().map(gst::ClockTime::nseconds),
        bytes: buffer.size() as u64,
        discont: flags.contains(gst::BufferFlags::DISCONT),
        delta: flags.contains(gst::BufferFlags::DELTA_UNIT),
        corrupted: flags.contains(gst::BufferFlags::CORRUPTED),
        running_time: running_time.map(gst::ClockTime::nseconds),
    }
}

/// Which timestamps follow each other in a format, and how long a buffer lasts that does not say it.
fn timing(caps: &gst::CapsRef) -> (Order, Option<Nanos>) {
    let Some(structure) = caps.structure(0) else { return (Order::Unordered, None) };
    let rate = structure.get::<gst::Fraction>("framerate").ok();
    let nominal = rate.and_then(|rate| frame_duration(rate.numer().try_into().ok()?, rate.denom().try_into().ok()?));
    let (class, format) = structure.name().split_once('/').unwrap_or((structure.name(), ""));
    let order = match class {
        // A rate of zero means a variable one.
        "video" | "image" if rate.is_some() && nominal.is_none() => Order::Unordered,
        "video" if format != "x-raw" => Order::Decoding,
        "video" | "image" | "audio" => Order::Presentation,
        _ => Order::Unordered,
    };
    (order, nominal)
}

#[inline]
fn flow(result: &Result<gst::FlowSuccess, gst::FlowError>) -> Flow {
    match result {
        Ok(_) => Flow::Ok,
        Err(gst::FlowError::Flushing) => Flow::Flushing,
        Err(gst::FlowError::Eos) => Flow::Eos,
        Err(gst::FlowError::NotLinked) => Flow::NotLinked,
        Err(gst::FlowError::NotNegotiated) => Flow::NotNegotiated,
        Err(_) => Flow::Error,
    }
}

/// Both pads. Events and queries pass unless a function below says otherwise.
pub(super) fn make(klass: &<BufferHealth as glib::subclass::types::ObjectSubclass>::Class) -> (gst::Pad, gst::Pad) {
    let flags = gst::PadFlags::PROXY_CAPS | gst::PadFlags::PROXY_ALLOCATION;
    let template = |name| klass.pad_template(name).expect("declared by the class");
    let sink = gst::Pad::builder_from_template(&template("sink"))
        .chain_function(|_, parent, buffer| {
            BufferHealth::catch_panic_pad_function(
                parent,
                || Err(gst::FlowError::Error),
                |this| {
                    this.arrive(iter::once(buffer.as_ref()));
                    this.depart(this.srcpad.push(buffer))
                },
            )
        })
        .chain_list_function(|_, parent, list| {
            BufferHealth::catch_panic_pad_function(
                parent,
                || Err(gst::FlowError::Error),
                |this| {
                    this.arrive(list.iter());
                    this.depart(this.srcpad.push_list(list))
                },
            )
        })
        .event_function(|pad, parent, event| {
            BufferHealth::catch_panic_pad_function(parent, || false, |this| this.sink_event(pad, event))
        })
        .flags(flags)
        .build();
    let src = gst::Pad::builder_from_template(&template("src"))
        .event_function(|pad, parent, event| {
            BufferHealth::catch_panic_pad_function(parent, || false, |this| this.src_event(pad, event))
        })
        .query_function(|pad, parent, query| {
            BufferHealth::catch_panic_pad_function(parent, || false, |this| this.src_query(pad, query))
        })
        .flags(flags)
        .build();
    (sink, src)
}

impl BufferHealth {
    #[inline]
    fn arrive<'a>(&self, buffers: impl Iterator<Item = &'a gst::BufferRef>) {
        let now = monotonic();
        // Borrowed already only if downstream pushed into its own upstream; such a buffer passes uncounted.
        if let Ok(mut stream) = self.stream.try_borrow_mut() {
            let version = self.pace_version.load(Ordering::Acquire);
            if version != stream.pace_version {
                stream.pacer = self.pace().clone().map(|pace| Pacer { pace, reading: None });
                stream.pace_version = version;
            }
            stream.arrive(now, buffers);
        }
    }

    #[inline]
    fn depart(&self, result: Result<gst::FlowSuccess, gst::FlowError>) -> Result<gst::FlowSuccess, gst::FlowError> {
        let now = monotonic();
        if let Ok(mut stream) = self.stream.try_borrow_mut() {
            let Stream { tap, probe, .. } = &mut *stream;
            tap.depart(probe, now, flow(&result));
        }
        result
    }

    fn sink_event(&self, pad: &gst::Pad, event: gst::Event) -> bool {
        gst::log!(CAT, obj = pad, "{event:?}");
        // FLUSH_START comes from any thread while a buffer may be on its way; all that matter come under the stream lock.
        if event.is_serialized()
            && let Ok(mut stream) = self.stream.try_borrow_mut()
        {
            stream.event(&event);
        }
        match event.type_() {
            gst::EventType::Eos => {
                self.ended_at.set(Some(monotonic()));
                // Before the event goes on, so that whoever sees the end on the bus finds the last verdict before it.
                self.conclude();
            }
            gst::EventType::StreamStart | gst::EventType::Segment | gst::EventType::FlushStop => {
                self.ended_at.set(None);
            }
            _ => {}
        }
        gst::Pad::event_default(pad, Some(&*self.obj()), event)
    }

    fn src_event(&self, pad: &gst::Pad, event: gst::Event) -> bool {
        match event.view() {
            gst::EventView::Latency(latency) => {
                let latency = latency.latency();
                gst::debug!(CAT, obj = pad, "Latency of the pipeline: {latency}");
                self.observer().probe.set_latency(latency.nseconds());
            }
            gst::EventView::Qos(qos) => {
                self.qos_events.fetch_add(1, Ordering::Relaxed);
                let (_, _, diff, timestamp) = qos.get();
                // What decoders and transforms make of it: late by `diff`, they skip ahead by twice that.
                if let Some(timestamp) = timestamp
                    && diff > 0
                {
                    let skip_until = timestamp.nseconds().saturating_add(diff.unsigned_abs().saturating_mul(2));
                    self.observer().probe.set_skip_until(skip_until);
                }
            }
            _ => {}
        }
        gst::Pad::event_default(pad, Some(&*self.obj()), event)
    }

    fn src_query(&self, pad: &gst::Pad, query: &mut gst::QueryRef) -> bool {
        let answered = gst::Pad::query_default(pad, Some(&*self.obj()), query);
        if answered && let gst::QueryView::Latency(latency) = query.view() {
            self.live.store(latency.result().0, Ordering::Relaxed);
        }
        answered
    }
}
