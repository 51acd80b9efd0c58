//! Finding other elements from a pad, and what they tell: the queue before us, the sinks after us, a task that is paused.

use gst::glib;
use gst::prelude::*;

use crate::glue::topology::{Step, is_made_by, nearest, walk};
use crate::logic::queue::levels::Level;

/// Whether an element is something that fills up.
pub(crate) fn is_queue(element: &gst::Element) -> bool {
    element.has_property("current-level-buffers") || element.has_property("current-level-bytes")
}

/// The nearest queue upstream of a sink pad.
pub(crate) fn queue_upstream(sinkpad: &gst::Pad) -> Option<gst::Element> {
    nearest(sinkpad, is_queue)
}

/// The queue called `name` in the same pipeline.
pub(crate) fn queue_called(name: &str, element: &impl IsA<gst::Element>) -> Option<gst::Element> {
    let bin = element.as_ref().parent()?.downcast::<gst::Bin>().ok()?;
    bin.by_name_recurse_up(name).filter(is_queue)
}

/// The sinks downstream of a source pad. Of bins only what is inside counts.
pub(crate) fn sinks_downstream(srcpad: &gst::Pad) -> Vec<gst::Element> {
    let mut sinks = Vec::new();
    walk(srcpad, |_, element| {
        if element.element_flags().contains(gst::ElementFlags::SINK) && !sinks.contains(element) {
            sinks.push(element.clone());
        }
        Step::Onward
    });
    sinks
}

/// How many buffers a sink has thrown away since its start because they were late.
pub(crate) fn dropped_by(sink: &gst::Element) -> u64 {
    // Others' statistics say something else, and may be costly.
    let own = sink.find_property("stats").is_some_and(|stats| stats.owner_type().name() == "GstBaseSink");
    if !own {
        return 0;
    }
    sink.property::<Option<gst::Structure>>("stats").and_then(|stats| stats.get("dropped").ok()).unwrap_or(0)
}

/// Whether an element is one of those whose fill can be read, at itself or at its pads.
pub(crate) fn is_queue_like(element: &gst::Element) -> bool {
    is_queue(element) || is_made_by(element, &["multiqueue"])
}

/// A number that an object shows, if it has one of that name.
fn number(object: &gst::Object, name: &str) -> Option<u64> {
    let readable = object.find_property(name)?.flags().contains(glib::ParamFlags::READABLE);
    readable.then(|| object.property_value(name).transform::<u64>().ok()?.get::<u64>().ok())?
}

const MEASURES: [&str; 3] = ["buffers", "bytes", "time"];

fn level_of(object: &gst::Object) -> [Option<u64>; 3] {
    MEASURES.map(|measure| number(object, &format!("current-level-{measure}")))
}

/// How much of a queue is used, from 0 to 1, by its fullest measure. None if it has no limit.
pub(crate) fn fill(queue: &gst::Element) -> Option<f64> {
    part(queue, level_of(queue.upcast_ref()))
}

/// The same of the stream that a source pad ends: multiqueue has several, and shows them at its pads.
pub(crate) fn fill_at(element: &gst::Element, pad: &gst::Pad) -> Option<f64> {
    part(element, levels_at(element, pad)?)
}

/// How much is in a queue for that pad.
pub(crate) fn level_at(element: &gst::Element, pad: &gst::Pad) -> Level {
    let [buffers, bytes, time] = levels_at(element, pad).unwrap_or_default().map(Option::unwrap_or_default);
    Level { buffers, bytes, time }
}

fn levels_at(element: &gst::Element, pad: &gst::Pad) -> Option<[Option<u64>; 3]> {
    if is_queue(element) {
        return Some(level_of(element.upcast_ref()));
    }
    is_made_by(element, &["multiqueue"]).then(|| level_of(pad.upcast_ref()))
}

fn part(queue: &gst::Element, levels: [Option<u64>; 3]) -> Option<f64> {
    MEASURES
        .iter()
        .zip(levels)
        .filter_map(|(measure, level)| {
            // `max-size-…` of queues, `max-…` of appsrc.
            let queue = queue.upcast_ref();
            let most =
                number(queue, &format!("max-size-{measure}")).or_else(|| number(queue, &format!("max-{measure}")))?;
            (most > 0).then(|| (level.unwrap_or(0) as f64 / most as f64).min(1.0))
        })
        .reduce(f64::max)
}

/// Whether a queue throws buffers away when it is full.
pub(crate) fn leaks(queue: &gst::Element) -> bool {
    ["leaky", "leaky-type"].iter().any(|name| {
        queue.has_property(name)
            && queue.property_value(name).transform::<i32>().ok().and_then(|value| value.get::<i32>().ok()) > Some(0)
    })
}

/// The nearest task upstream of a sink pad that is paused though its element plays, as `element:pad`. Whoever paused it had a reason, but a
/// stream that comes from there stands still.
pub(crate) fn paused_task_upstream(sinkpad: &gst::Pad) -> Option<String> {
    let mut found = None;
    walk(sinkpad, |peer, element| {
        // A task belongs to the pad that it pushes from, or that it pulls through.
        let paused = std::iter::once(peer.clone())
            .chain(element.sink_pads())
            .find(|pad| pad.task_state() == gst::TaskState::Paused)
            .filter(|_| element.current_state() == gst::State::Playing);
        match paused {
            Some(pad) => {
                found = Some(format!("{}:{}", element.name(), pad.name()));
                Step::End
            }
            None => Step::Onward,
        }
    });
    found
}
