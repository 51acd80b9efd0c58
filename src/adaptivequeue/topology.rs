//! The graph around a queue: who holds its chain, and whose thread feeds the others.
//!
//! All of it is read without waiting: only object locks are taken, which no element holds while it waits.

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::AdaptiveQueue;
use crate::glue::topology::{Step, inner_links, real_peer, walk};

/// More elements in a row than any pipeline has; ends ways that lead in a circle.
const FAR: usize = 128;

/// Whether some thread is inside the pad's chain, event or query function.
pub(super) fn is_held(pad: &gst::Pad) -> bool {
    // SAFETY: the pad is alive, the lock inside it is initialised as long as it is, and a try never waits. If it
    // succeeds the lock is given back at once by the thread that took it.
    unsafe {
        let lock = &raw mut (*pad.as_ptr()).stream_rec_lock;
        let free = gst::glib::ffi::g_rec_mutex_trylock(lock) != gst::glib::ffi::GFALSE;
        if free {
            gst::glib::ffi::g_rec_mutex_unlock(lock);
        }
        !free
    }
}

/// The sink pad furthest downstream in whose chain a thread that came through `src` stands.
pub(super) fn holder(src: &gst::Pad) -> Option<gst::Pad> {
    let mut last = None;
    walk(src, |sink, _| {
        if !is_held(sink) {
            return Step::Aside;
        }
        last = Some(sink.clone());
        Step::Onward
    });
    last
}

/// The first elements downstream with several inputs or no output.
pub(super) fn joins(src: &gst::Pad) -> Vec<gst::Element> {
    let mut joins = Vec::new();
    walk(src, |_, element| {
        if !is_join(element) && element.num_src_pads() > 0 {
            return Step::Onward;
        }
        if !joins.contains(element) {
            joins.push(element.clone());
        }
        Step::Aside
    });
    joins
}

/// Whether an element waits for several inputs.
pub(super) fn is_join(element: &gst::Element) -> bool {
    element.num_sink_pads() > 1
}

/// Whether the elements that feed `queue` also feed another input of a join behind it.
pub(super) fn shares_its_source(queue: &AdaptiveQueue) -> bool {
    let imp = queue.imp();
    let (own, through): (&gst::Element, _) = (queue.upcast_ref(), sources(&imp.sinkpad, None));
    let others = joins(&imp.srcpad).into_iter().flat_map(|join| join.sink_pads());
    others.flat_map(|sink| sources(&sink, Some(own))).any(|source| through.contains(&source))
}

/// The elements where the ways upstream from `sink` end, those through `except` left out.
fn sources(sink: &gst::Pad, except: Option<&gst::Element>) -> Vec<gst::Element> {
    let mut ends = Vec::new();
    walk(sink, |src, element| {
        if Some(element) == except {
            return Step::Aside;
        }
        if inner_links(src, element).is_empty() {
            ends.push(element.clone());
        }
        Step::Onward
    });
    ends
}

/// Whether a blocking probe sits anywhere downstream of `src`.
pub(super) fn is_blocked_by_probe(src: &gst::Pad) -> bool {
    let mut blocked = src.is_blocked();
    walk(src, |sink, element| {
        blocked |= sink.is_blocked() || element.src_pads().iter().any(|pad| pad.is_blocked());
        Step::Onward
    });
    blocked
}

/// The queues of one top-level bin and the threads that are stuck in them.
pub(super) struct Jam {
    pub members: Vec<AdaptiveQueue>,
    /// Pads whose tasks are blocked as producers of a member.
    stuck_tasks: Vec<gst::Pad>,
}

impl Jam {
    pub fn new(members: Vec<AdaptiveQueue>) -> Self {
        let stuck_tasks = members
            .iter()
            .filter(|queue| queue.imp().stall.blocked().is_some())
            .flat_map(|queue| tasks_feeding(&queue.imp().sinkpad, FAR))
            .collect();
        Self { members, stuck_tasks }
    }

    /// Inputs of `element` that wait for data: not at EOS, and no thread stands in them.
    pub fn starved(&self, element: &gst::Element) -> Vec<gst::Pad> {
        let waits = |pad: &gst::Pad| !pad.pad_flags().contains(gst::PadFlags::EOS) && !is_held(pad);
        element.sink_pads().into_iter().filter(waits).collect()
    }

    /// Whether nobody but threads that are stuck here could bring data to `sink`.
    pub fn is_fed_by_stuck(&self, sink: &gst::Pad) -> bool {
        self.fed(sink, FAR)
    }

    fn fed(&self, sink: &gst::Pad, far: usize) -> bool {
        let Some(src) = real_peer(sink).filter(|_| far > 0) else { return false };
        let Some(element) = src.parent_element() else { return false };
        if sink.is_blocked() || src.is_blocked() {
            return false;
        }
        if let Some(queue) = element.downcast_ref::<AdaptiveQueue>() {
            let imp = queue.imp();
            return match imp.handoff.consumer_waits() {
                true => self.fed(&imp.sinkpad, far - 1),
                false => imp.handoff.items() > 0 || self.stuck_tasks.contains(&src),
            };
        }
        if has_task(&src) {
            return match queued(&src, &element) {
                Some(0) => self.all_fed(&inner_links(&src, &element), far),
                Some(_) => false,
                None => self.stuck_tasks.contains(&src),
            };
        }
        self.all_fed(&inner_links(&src, &element), far)
    }

    fn all_fed(&self, sinks: &[gst::Pad], far: usize) -> bool {
        !sinks.is_empty()
            && sinks.iter().all(|sink| match has_task(sink) {
                true => self.stuck_tasks.contains(sink),
                false => self.fed(sink, far - 1),
            })
    }
}

fn has_task(pad: &gst::Pad) -> bool {
    pad.task_state() == gst::TaskState::Started
}

/// Pads whose tasks push into `sink`.
fn tasks_feeding(sink: &gst::Pad, far: usize) -> Vec<gst::Pad> {
    let Some(src) = real_peer(sink).filter(|_| far > 0) else { return Vec::new() };
    let Some(element) = src.parent_element() else { return Vec::new() };
    if has_task(&src) {
        return vec![src];
    }
    let tasks = |sink: gst::Pad| if has_task(&sink) { vec![sink] } else { tasks_feeding(&sink, far - 1) };
    inner_links(&src, &element).into_iter().flat_map(tasks).collect()
}

/// How many buffers a queue of another kind holds behind `src`; none if it is no queue.
fn queued(src: &gst::Pad, element: &gst::Element) -> Option<u32> {
    let level = |object: &gst::Object| {
        let spec = object.find_property("current-level-buffers")?;
        (spec.value_type() == u32::static_type()).then(|| object.property::<u32>("current-level-buffers"))
    };
    level(src.upcast_ref()).or_else(|| level(element.upcast_ref()))
}
