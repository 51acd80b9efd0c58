//! What is known of a pad: kept with the pad itself, so that no pad's stream waits for another's.

use std::sync::{Arc, LazyLock, Mutex};

use gst::glib;
use gst::prelude::*;

use crate::glue::health::figures;
use crate::glue::health::meter::{Around, Meter};
use crate::glue::health::queues::{self, Store};
use crate::glue::health::stream::Pace;
use crate::glue::stall::is_playing;
use crate::glue::topology::{is_clocked, real_peer, top_level};
use crate::logic::clock::{Nanos, SECOND, monotonic};
use crate::logic::health::reading::{Fill, Reading};
use crate::logic::sync::lock;

/// The name under which a pad holds its slot.
static QUARK: LazyLock<glib::Quark> = LazyLock::new(|| glib::Quark::from_str("gst-steady-pipelinehealth"));

/// How often the way to the sinks is looked at: pipelines change seldom.
const SEARCH_PERIOD: Nanos = SECOND;

/// A source pad that is measured.
#[derive(Debug)]
pub(super) struct Tracked {
    pub meter: Meter,
    pad: glib::WeakRef<gst::Pad>,
    /// The pad's own: where the pad's lock may be held, as it is while sticky events are pushed, it cannot be asked for it.
    element: glib::WeakRef<gst::Element>,
    beyond: Mutex<Beyond>,
}

/// What is downstream of a pad, as last looked at.
#[derive(Debug, Clone, Default)]
struct Beyond {
    /// A sink there waits for the clock.
    synced: bool,
    /// The sink that the pad pushes into: what it drops is dropped here, and not at every pad before as well.
    sink: Option<glib::WeakRef<gst::Element>>,
    /// Nothing is meant to come for now.
    shut: bool,
    /// Buffers are rare by nature.
    sparse: bool,
    /// Streams are put one after the other there.
    sequenced: bool,
    /// What keeps the buffers before or after the pad, if anything does.
    store: Option<Store>,
    looked_at: Option<Nanos>,
}

/// A pad's slot: empty if it is not to be measured.
type Slot = Option<Arc<Tracked>>;

/// What measures a pad, if anything does.
#[inline]
pub(super) fn known(pad: &gst::Pad) -> Option<&Arc<Tracked>> {
    slot(pad)?.as_ref()
}

#[inline]
fn slot(pad: &gst::Pad) -> Option<&Slot> {
    // SAFETY: only `fill` sets this quark, to a `Slot`, once: the value stays where it is until the pad goes, which the
    // reference outlives no longer than the borrow of the pad.
    unsafe { pad.qdata::<Slot>(*QUARK).map(|slot| slot.as_ref()) }
}

/// What measures a pad, from now on if it is to be measured. `wanted` decides, once for each pad; `new` is told of a new one.
#[inline]
pub(super) fn of(
    pad: &gst::Pad,
    wanted: impl FnOnce(&gst::Element) -> bool,
    new: impl FnOnce(&Arc<Tracked>),
) -> Option<&Arc<Tracked>> {
    match slot(pad) {
        Some(slot) => slot.as_ref(),
        None => fill(pad, wanted, new),
    }
}

#[cold]
fn fill(
    pad: &gst::Pad,
    wanted: impl FnOnce(&gst::Element) -> bool,
    new: impl FnOnce(&Arc<Tracked>),
) -> Option<&Arc<Tracked>> {
    // A ghost pad is the same place as the pad inside.
    let element =
        pad.parent_element().filter(|_| !pad.is::<gst::ProxyPad>() && pad.direction() == gst::PadDirection::Src);
    let tracked = element.filter(|element| wanted(element)).map(|element| Arc::new(Tracked::new(pad, &element)));
    {
        let _guard = pad.object_lock();
        if slot(pad).is_none() {
            // SAFETY: under the pad's lock and only where there is none, so that no value is ever replaced.
            unsafe { pad.set_qdata::<Slot>(*QUARK, tracked.clone()) };
        }
    }
    let known = known(pad);
    if let (Some(known), Some(tracked)) = (known, &tracked)
        && Arc::ptr_eq(known, tracked)
    {
        new(known);
    }
    known
}

/// What measures the source pads of an element, as far as anything does.
pub(super) fn pads_of(element: &gst::Element) -> impl Iterator<Item = Arc<Tracked>> {
    element.src_pads().into_iter().filter_map(|pad| known(&pad).cloned())
}

impl Tracked {
    fn new(pad: &gst::Pad, element: &gst::Element) -> Self {
        let (pad, owner) = (pad.downgrade(), element.downgrade());
        let tracked = Self { meter: Meter::new(), pad, element: owner, beyond: Mutex::default() };
        tracked.meter.start(0, super::watch::LATE_THRESHOLD);
        if is_playing(element) {
            tracked.meter.play(Around::default());
        }
        tracked
    }

    /// The element whose pad it is, without a lock.
    pub fn element(&self) -> Option<gst::Element> {
        self.element.upgrade()
    }

    pub fn pad(&self) -> Option<gst::Pad> {
        self.pad.upgrade()
    }

    /// What is around: the element itself if it is a queue, and whether a sink downstream follows the clock.
    pub fn around(&self, pad: &gst::Pad, element: &gst::Element) -> Around {
        let now = monotonic();
        let mut beyond = lock(&self.beyond).clone();
        if beyond.looked_at.is_none_or(|at| now >= at.saturating_add(SEARCH_PERIOD)) {
            let next = real_peer(pad).and_then(|peer| peer.parent_element());
            beyond = Beyond {
                synced: queues::sinks_downstream(pad).iter().any(is_clocked),
                sink: next.filter(|next| next.num_src_pads() == 0).map(|sink| sink.downgrade()),
                shut: queues::is_shut(pad),
                sparse: queues::is_rare(pad),
                sequenced: queues::is_sequenced(pad),
                store: Store::at(pad, element),
                looked_at: Some(now),
            };
            *lock(&self.beyond) = beyond.clone();
        }
        let sink = beyond.sink.and_then(|sink| sink.upgrade());
        Around {
            fill: beyond.store.as_ref().and_then(Store::fill),
            leaky: queues::leaks(element),
            synced: beyond.synced,
            sink_dropped: Some(sink.as_ref().map_or(0, queues::dropped_by)),
            shut: beyond.shut,
            sparse: beyond.sparse,
            halted: false,
        }
    }

    /// The pace to compare arrivals with: the pipeline's clock, where something follows it.
    pub fn pace(&self, element: &gst::Element, synced: bool) -> Option<Pace> {
        if !self.meter.is_playing() || !(self.meter.is_live() || synced) {
            return None;
        }
        let sequenced = lock(&self.beyond).sequenced;
        Some(Pace { clock: element.clock()?, base_time: element.base_time()?, sequenced })
    }

    /// All figures as of now, if the pad is still there.
    pub fn reading(&self) -> Option<Reading> {
        let pad = self.pad()?;
        let element = pad.parent_element()?;
        let mut reading = self.meter.reading(self.around(&pad, &element));
        reading.place.pipeline = top_level(&element).name().into();
        reading.place.element = element.name().into();
        reading.place.pad = pad.name().into();
        reading.place.media = figures::media(&pad).into();
        reading.fill = lock(&self.beyond).store.clone().map(|store| Fill {
            queue: store.name(),
            held: store.level(),
            ..reading.fill.take().unwrap_or_default()
        });
        Some(reading)
    }
}
