//! Reading the graph around a queue: who holds its chain, and whose thread feeds the others.
//!
//! All of it looks without waiting: only object locks are taken, which no element holds while it waits.

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::AdaptiveQueue;

/// More elements in a row than any pipeline has; ends walks through loops.
const FAR: usize = 128;

/// The outermost bin around an element, or the element itself.
pub(super) fn top_level(element: &gst::Element) -> gst::Object {
    let mut top: gst::Object = element.clone().upcast();
    while let Some(parent) = top.parent() {
        top = parent;
    }
    top
}

/// The element that a pad belongs to; none for the inner pads of ghost pads.
pub(super) fn element_of(pad: &gst::Pad) -> Option<gst::Element> {
    pad.parent_element()
}

/// The pad that is linked to `pad` in the end, through any ghost pads.
pub(super) fn real_peer(pad: &gst::Pad) -> Option<gst::Pad> {
    let mut peer = pad.peer()?;
    for _ in 0..FAR {
        let Some(proxy) = peer.downcast_ref::<gst::ProxyPad>() else { return Some(peer) };
        peer = proxy.internal()?.upcast::<gst::Pad>().peer()?;
    }
    None
}

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

/// The pads of `element` that lead on from `pad`: those it is linked to inside, where the element tells.
fn inner_links(pad: &gst::Pad, element: &gst::Element) -> Vec<gst::Pad> {
    // Only multiqueue pairs its pads; asking others would run their code for nothing.
    if element.factory().is_some_and(|f| f.name() == "multiqueue") {
        return pad.iterate_internal_links().into_iter().flatten().collect();
    }
    match pad.direction() {
        gst::PadDirection::Sink => element.src_pads(),
        _ => element.sink_pads(),
    }
}

/// Sink pads downstream of `src`, each once, nearest first, until `stop` says to go no further behind one.
fn walk_down(src: &gst::Pad, mut stop: impl FnMut(&gst::Pad, &gst::Element) -> bool) -> Vec<gst::Pad> {
    let mut seen: Vec<gst::Pad> = Vec::new();
    let mut next = vec![src.clone()];
    while let Some(src) = next.pop() {
        let Some(sink) = real_peer(&src) else { continue };
        let Some(element) = element_of(&sink) else { continue };
        if seen.contains(&sink) || seen.len() >= FAR {
            continue;
        }
        seen.push(sink.clone());
        if !stop(&sink, &element) {
            next.extend(inner_links(&sink, &element));
        }
    }
    seen
}

/// The sink pad furthest downstream in whose chain a thread that came through `src` stands.
pub(super) fn holder(src: &gst::Pad) -> Option<gst::Pad> {
    let mut last = None;
    walk_down(src, |sink, _| {
        let held = is_held(sink);
        if held {
            last = Some(sink.clone());
        }
        !held
    });
    last
}

/// The first elements downstream with several inputs or no output.
pub(super) fn joins(src: &gst::Pad) -> Vec<gst::Element> {
    let mut joins = Vec::new();
    walk_down(src, |_, element| {
        let end = is_join(element) || element.num_src_pads() == 0;
        if end && !joins.contains(element) {
            joins.push(element.clone());
        }
        end
    });
    joins
}

/// Whether an element waits for several inputs.
pub(super) fn is_join(element: &gst::Element) -> bool {
    element.num_sink_pads() > 1
}

/// Whether what feeds `queue` also feeds another input of a join behind it.
pub(super) fn shares_its_source(queue: &AdaptiveQueue) -> bool {
    let imp = queue.imp();
    let (own, through): (&gst::Element, _) = (queue.upcast_ref(), sources(&imp.sinkpad, None));
    let others = joins(&imp.srcpad).into_iter().flat_map(|join| join.sink_pads());
    others.flat_map(|sink| sources(&sink, Some(own))).any(|source| through.contains(&source))
}

/// The elements where the ways upstream from `sink` end, those through `except` left out.
fn sources(sink: &gst::Pad, except: Option<&gst::Element>) -> Vec<gst::Element> {
    let (mut seen, mut ends, mut next) = (Vec::new(), Vec::new(), vec![sink.clone()]);
    while let Some(sink) = next.pop() {
        if seen.contains(&sink) || seen.len() >= FAR {
            continue;
        }
        let Some(src) = real_peer(&sink) else { continue };
        seen.push(sink);
        let Some(element) = element_of(&src).filter(|element| Some(element) != except) else { continue };
        let inputs = inner_links(&src, &element);
        if inputs.is_empty() {
            ends.push(element);
        }
        next.extend(inputs);
    }
    ends
}

/// Whether a blocking probe sits anywhere downstream of `src`.
pub(super) fn is_blocked_by_probe(src: &gst::Pad) -> bool {
    let mut blocked = src.is_blocked();
    walk_down(src, |sink, element| {
        blocked |= sink.is_blocked() || element.src_pads().iter().any(|pad| pad.is_blocked());
        false
    });
    blocked
}

/// Whether something downstream of `src` lets data pass only at its time.
pub(super) fn is_clocked(src: &gst::Pad) -> bool {
    let mut clocked = false;
    walk_down(src, |_, element| {
        let sync = element
            .find_property("sync")
            .is_some_and(|spec| spec.value_type() == bool::static_type() && element.property::<bool>("sync"));
        clocked |= sync;
        false
    });
    clocked
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
        let Some(element) = element_of(&src) else { return false };
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
    let Some(element) = element_of(&src) else { return Vec::new() };
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
