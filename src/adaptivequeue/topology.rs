//! The graph around a queue, as far as its size depends on it. All of it is read without waiting: only object locks are taken, which no
//! element holds while it waits.

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::AdaptiveQueue;
use crate::glue::topology::{Step, inner_links, walk};

/// The first elements downstream with several inputs or no output.
fn joins(src: &gst::Pad) -> Vec<gst::Element> {
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
fn is_join(element: &gst::Element) -> bool {
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
