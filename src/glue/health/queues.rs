//! Finding other elements from a pad: the queue before us, the sinks after us.

use gst::glib;
use gst::prelude::*;

use crate::glue::topology::{is_clocked, nearest};

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

/// Whether a sink downstream of a source pad waits for the clock.
pub(crate) fn synced_downstream(srcpad: &gst::Pad) -> bool {
    let waits =
        |element: &gst::Element| element.element_flags().contains(gst::ElementFlags::SINK) && is_clocked(element);
    nearest(srcpad, waits).is_some()
}

/// How much of a queue is used, from 0 to 1, by its fullest measure. None if it has no limit.
pub(crate) fn fill(queue: &gst::Element) -> Option<f64> {
    let number = |name: &str| {
        let readable = queue.find_property(name)?.flags().contains(glib::ParamFlags::READABLE);
        readable.then(|| queue.property_value(name).transform::<u64>().ok()?.get::<u64>().ok())?
    };
    ["buffers", "bytes", "time"]
        .iter()
        .filter_map(|measure| {
            let level = number(&format!("current-level-{measure}"))?;
            // `max-size-…` of queues, `max-…` of appsrc.
            let most = number(&format!("max-size-{measure}")).or_else(|| number(&format!("max-{measure}")))?;
            (most > 0).then(|| (level as f64 / most as f64).min(1.0))
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
