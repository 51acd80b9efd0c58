//! What a streaming thread tells a probe of its stream: buffers and events become what the logic measures.

use std::sync::Arc;

use gst::prelude::*;

use super::pairs::Side;
use crate::logic::clock::{Nanos, monotonic};
use crate::logic::health::gaps::{Order, Unit, frame_duration};
use crate::logic::health::probe::{Flow, Pairing, Probe, Rhythm, Tap};

/// The writer of the figures, and what it needs to know of the stream.
#[derive(Debug)]
pub(crate) struct Stream {
    tap: Tap,
    probe: Arc<Probe>,
    segment: Option<gst::FormattedSegment<gst::ClockTime>>,
    /// The stream says that it has not always something to show.
    sparse: bool,
    /// The part in a pair of probes.
    pub pair: Option<Side>,
    /// A segment began, without a buffer so far that has a time; and the running time of the last buffer before it, if it came without
    /// a flush.
    new_segment: Option<Option<i64>>,
    /// Running time began anew in the middle, as of each song in front of an element that puts them one after the other: it is not the
    /// pipeline's, so nothing is compared with its clock.
    own_time: bool,
    /// The pace, and which version of it this is.
    pacer: Option<Pacer>,
    /// A base time from before a flush: what comes now is not due by that.
    stale: Option<gst::ClockTime>,
    pace_version: u64,
}

/// The pace to compare arrivals with, in pipelines that follow a clock.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pace {
    pub clock: gst::Clock,
    pub base_time: gst::ClockTime,
    /// Downstream an element puts streams one after the other, each with a time of its own before that.
    pub sequenced: bool,
}

/// By how much running time falls when it begins anew.
const ANEW: i64 = 1_000_000_000;

/// For how long a reading of the pipeline's clock is carried on with our own: at ordinary rates each buffer gets its own reading, and
/// streams of a million buffers a second do not pay for theirs.
const CARRY: Nanos = 100_000;

/// The pace, and the last reading of its clock: when, and which running time it was.
#[derive(Debug)]
struct Pacer {
    pace: Pace,
    reading: Option<(Nanos, i64)>,
}

impl Pace {
    /// The running time now. Negative before the start, which is in the future of a clock that was just chosen.
    pub fn running_time(&self) -> i64 {
        self.clock.time().nseconds().wrapping_sub(self.base_time.nseconds()) as i64
    }
}

impl Pacer {
    #[inline]
    fn running_time(&mut self, now: Nanos) -> i64 {
        let carried = self.reading.and_then(|(at, running_time)| {
            let since = now.saturating_sub(at);
            (since < CARRY).then(|| running_time.saturating_add_unsigned(since))
        });
        carried.unwrap_or_else(|| {
            let running_time = self.pace.running_time();
            self.reading = Some((now, running_time));
            running_time
        })
    }
}

impl Stream {
    pub fn new(probe: Arc<Probe>) -> Self {
        Self {
            tap: Tap::default(),
            probe,
            segment: None,
            sparse: false,
            pair: None,
            new_segment: None,
            own_time: false,
            pacer: None,
            stale: None,
            pace_version: 0,
        }
    }

    /// Takes over the pace `current`, if this version of it is another one than before.
    #[inline]
    pub fn set_pace(&mut self, version: u64, current: impl FnOnce() -> Option<Pace>) {
        if version != self.pace_version {
            self.pacer = current().map(|pace| Pacer { pace, reading: None });
            self.pace_version = version;
        }
    }

    /// Buffers arrived, together, at `now`.
    #[inline]
    pub fn arrive<'a>(&mut self, now: Nanos, buffers: impl Iterator<Item = &'a gst::BufferRef>) {
        let mut buffers = buffers.peekable();
        if let (Some(before), Some(pacer)) = (self.new_segment, &self.pacer)
            && let Some(time) = buffers.peek().and_then(|buffer| any_running_time(buffer, self.segment.as_ref()))
        {
            // Headers come first, without a time.
            self.new_segment = None;
            let behind = pacer.pace.sequenced.then(|| pacer.pace.running_time().saturating_sub(time));
            self.own_time |= before.is_some_and(|before| time < before - ANEW) || behind > Some(ANEW);
        }
        let (stale, own_time) = (self.stale, self.own_time);
        let pacer = self.pacer.as_mut().filter(|pacer| Some(pacer.pace.base_time) != stale && !own_time);
        let running_now = pacer.map(|pacer| pacer.running_time(now));
        // The first may have to wait for the start of the clock until it is due.
        let needed = running_now.is_some() || self.probe.playing_since().is_none();
        let whole = self.segment.as_ref();
        let segment = whole.filter(|_| needed);
        let Some(side) = &mut self.pair else {
            self.tap.arrive(&self.probe, now, running_now, buffers.map(|buffer| unit(buffer, segment)));
            return;
        };
        let mut pairing = Pairing::new(&self.probe);
        if let Side::End(end) = side {
            end.catch_up();
        }
        let paired = buffers.map(|buffer| {
            let time = any_running_time(buffer, whole);
            match side {
                Side::Start(start) => start.pass(now, buffer, time),
                Side::End(end) => end.meet(now, buffer, time, &mut pairing),
            }
            unit(buffer, segment)
        });
        self.tap.arrive(&self.probe, now, running_now, paired);
        self.tap.pair(&pairing);
    }

    /// Puts a stamp on a buffer that passes the start of a pair.
    pub fn mark(&mut self, buffer: &mut gst::BufferRef) {
        if let Some(Side::Start(start)) = &mut self.pair {
            start.mark(buffer);
        }
    }

    /// The push of what arrived last ended at `now`.
    #[inline]
    pub fn depart(&mut self, now: Nanos, flow: Flow) {
        self.tap.depart(&self.probe, now, flow);
    }

    /// Takes in a serialized event on its way out of or through `element`.
    pub fn event(&mut self, element: &gst::Element, event: &gst::EventRef) {
        match event.view() {
            gst::EventView::Caps(caps) => {
                let (order, nominal) = timing(caps.caps());
                let rhythm = if self.sparse { Rhythm::Sparse } else { rhythm(caps.caps()) };
                self.tap.format(&self.probe, order, nominal, rhythm);
            }
            gst::EventView::StreamStart(start) => self.sparse = start.stream_flags().contains(gst::StreamFlags::SPARSE),
            gst::EventView::Segment(event) => {
                let before = self.probe.read(monotonic()).running_time;
                self.new_segment = Some(before.and_then(|time| i64::try_from(time).ok()));
                self.segment = event.segment().downcast_ref::<gst::ClockTime>().cloned();
                let tricks = gst::SegmentFlags::SKIP
                    | gst::SegmentFlags::TRICKMODE_KEY_UNITS
                    | gst::SegmentFlags::TRICKMODE_FORWARD_PREDICTED;
                // In reverse and with frames skipped on purpose, timestamps do not follow each other.
                let follows = event.segment().rate() > 0.0 && !event.segment().flags().intersects(tricks);
                self.tap.segment(self.segment.is_some() && follows);
            }
            gst::EventView::FlushStop(flush) => {
                self.segment = None;
                (self.new_segment, self.own_time) = (None, false);
                if flush.resets_time() {
                    // Running time begins anew, but the base time does so only when the sinks have got data again. The pace is
                    // forgotten, which may be that of several seeks ago if they come quickly, and is taken over once the element
                    // has another base time than now.
                    self.pacer = None;
                    self.stale = element.base_time();
                }
                self.tap.flush(&self.probe);
                if let Some(side) = &mut self.pair {
                    side.flush();
                }
            }
            gst::EventView::Eos(_) => {
                if let Some(Side::End(end)) = &mut self.pair {
                    let mut pairing = Pairing::new(&self.probe);
                    pairing.lost = end.finish();
                    self.tap.pair(&pairing);
                }
            }
            gst::EventView::Gap(gap) => {
                let (start, duration) = gap.get();
                let lost = gap.gap_flags().contains(gst::GapFlags::DATA);
                let duration = duration.map(gst::ClockTime::nseconds);
                self.tap.gap(&self.probe, monotonic(), start.nseconds(), duration, lost);
            }
            _ => {}
        }
    }
}

/// The running time of a buffer, also of one outside of its segment; without a segment its timestamp as it is. Codecs may shift both
/// timestamps and segment, which leaves this the same.
fn any_running_time(buffer: &gst::BufferRef, segment: Option<&gst::FormattedSegment<gst::ClockTime>>) -> Option<i64> {
    let pts = buffer.pts()?;
    let Some(segment) = segment else { return i64::try_from(pts.nseconds()).ok() };
    match segment.to_running_time_full(pts)? {
        gst::Signed::Positive(time) => i64::try_from(time.nseconds()).ok(),
        gst::Signed::Negative(time) => 0i64.checked_sub_unsigned(time.nseconds()),
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

/// When buffers of a format come.
fn rhythm(caps: &gst::CapsRef) -> Rhythm {
    let Some(structure) = caps.structure(0) else { return Rhythm::Steady };
    match structure.name().split('/').next().unwrap_or_default() {
        "text" | "subtitle" | "subpicture" | "closedcaption" | "meta" => Rhythm::Sparse,
        "video" | "image" if structure.get::<gst::Fraction>("framerate").is_ok_and(|rate| rate.numer() == 0) => {
            Rhythm::Variable
        }
        _ => Rhythm::Steady,
    }
}

/// How a push ended.
#[inline]
pub(crate) fn flow(result: &Result<gst::FlowSuccess, gst::FlowError>) -> Flow {
    match result {
        Ok(_) => Flow::Ok,
        Err(gst::FlowError::Flushing) => Flow::Flushing,
        Err(gst::FlowError::Eos) => Flow::Eos,
        Err(gst::FlowError::NotLinked) => Flow::NotLinked,
        Err(gst::FlowError::NotNegotiated) => Flow::NotNegotiated,
        Err(_) => Flow::Error,
    }
}
