//! Finding the way from pad to pad, through any bins.
//!
//! Only object locks are taken, which no element holds while it waits. `iterate_internal_links` is left alone: an element that is
//! being taken apart answers it with NULL, which the bindings do not check in release builds.

use std::collections::VecDeque;

use gst::prelude::*;

/// Pads that a walk looks at before it gives up: far more than any stream has between two points, and cheap enough to look at
/// every second.
const MOST_PADS: usize = 256;

/// The outermost bin around an element, or the element itself.
pub(crate) fn top_level(element: &impl IsA<gst::Object>) -> gst::Object {
    let mut top: gst::Object = element.clone().upcast();
    while let Some(parent) = top.parent() {
        top = parent;
    }
    top
}

/// The pad that is linked to `pad` in the end, through any ghost pads.
pub(crate) fn real_peer(pad: &gst::Pad) -> Option<gst::Pad> {
    crossing(pad, |_| ())
}

/// As [`real_peer`], and shows every pad on the way, both ends included.
pub(crate) fn crossing(pad: &gst::Pad, mut see: impl FnMut(&gst::Pad)) -> Option<gst::Pad> {
    see(pad);
    let mut peer = pad.peer()?;
    for _ in 0..MOST_PADS {
        see(&peer);
        let Some(proxy) = peer.downcast_ref::<gst::ProxyPad>() else { return Some(peer) };
        let inner = proxy.internal()?.upcast::<gst::Pad>();
        see(&inner);
        peer = inner.peer()?;
    }
    None
}

/// The pads of `element` that lead on from its `pad`. Where an element has several streams, only multiqueue and streamsynchronizer say
/// which belong together, by their names; of others all are taken.
pub(crate) fn inner_links(pad: &gst::Pad, element: &gst::Element) -> Vec<gst::Pad> {
    let (own, other) = match pad.direction() {
        gst::PadDirection::Sink => ("sink_", "src_"),
        _ => ("src_", "sink_"),
    };
    if is_made_by(element, &["multiqueue", "streamsynchronizer"]) {
        let name = pad.name();
        let partner = name.strip_prefix(own).and_then(|stream| element.static_pad(&format!("{other}{stream}")));
        return partner.into_iter().collect();
    }
    match pad.direction() {
        gst::PadDirection::Sink => element.src_pads(),
        _ => element.sink_pads(),
    }
}

/// Whether one of these factories made the element.
pub(crate) fn is_made_by(element: &gst::Element, factories: &[&str]) -> bool {
    element.factory().is_some_and(|factory| factories.contains(&factory.name().as_str()))
}

/// How a [`walk`] goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Behind this pad too.
    Onward,
    /// Elsewhere, not behind this pad.
    Aside,
    /// Not at all.
    End,
}

/// Visits every pad that `from` leads to, away from its element, with the element it belongs to: each pad once, nearest first.
pub(crate) fn walk(from: &gst::Pad, mut visit: impl FnMut(&gst::Pad, &gst::Element) -> Step) {
    let mut seen = Vec::new();
    let mut next = VecDeque::from([from.clone()]);
    while let Some(pad) = next.pop_front() {
        let Some(peer) = real_peer(&pad) else { continue };
        let Some(element) = peer.parent_element() else { continue };
        if seen.contains(&peer) || seen.len() >= MOST_PADS {
            continue;
        }
        match visit(&peer, &element) {
            Step::Onward => next.extend(inner_links(&peer, &element)),
            Step::Aside => (),
            Step::End => return,
        }
        seen.push(peer);
    }
}

/// The nearest element beyond `from` for which `wanted` holds.
pub(crate) fn nearest(from: &gst::Pad, wanted: impl Fn(&gst::Element) -> bool) -> Option<gst::Element> {
    let mut found = None;
    walk(from, |_, element| {
        if !wanted(element) {
            return Step::Onward;
        }
        found = Some(element.clone());
        Step::End
    });
    found
}

/// Whether an element lets data pass only at its time.
pub(crate) fn is_clocked(element: &gst::Element) -> bool {
    element.has_property_with_type("sync", bool::static_type()) && element.property::<bool>("sync")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(factory: &str) -> gst::Element {
        gst::ElementFactory::make(factory).build().expect("an element of GStreamer's core")
    }

    fn pad(element: &gst::Element, name: &str) -> gst::Pad {
        element.static_pad(name).expect("an always pad")
    }

    #[test]
    fn a_walk_goes_through_bins_and_branches_and_ends_where_it_is_told() {
        gst::init().expect("GStreamer");
        let (pipeline, bin) = (gst::Pipeline::new(), gst::Bin::new());
        let [source, tee, inside, near, far] = ["fakesrc", "tee", "identity", "fakesink", "fakesink"].map(make);
        bin.add(&inside).expect("a new element");
        let ghost = |name: &str| {
            let ghost = gst::GhostPad::with_target(&pad(&inside, name)).expect("a free pad");
            bin.add_pad(&ghost).expect("a new pad");
        };
        ["sink", "src"].into_iter().for_each(ghost);
        pipeline.add_many([&source, &tee, bin.upcast_ref(), &near, &far]).expect("new elements");
        source.link(&tee).and_then(|()| tee.link(&bin)).and_then(|()| bin.link(&far)).expect("they fit");
        tee.link(&near).expect("they fit");

        let mut seen = Vec::new();
        walk(&pad(&source, "src"), |_, element| {
            seen.push(element.clone());
            Step::Onward
        });
        assert_eq!(seen, [&tee, &inside, &near, &far].map(Clone::clone), "nearest first");
        seen.clear();
        walk(&pad(&source, "src"), |_, element| {
            seen.push(element.clone());
            if *element == inside { Step::Aside } else { Step::Onward }
        });
        assert_eq!(seen, [&tee, &inside, &near].map(Clone::clone), "not behind the one");
        assert_eq!(nearest(&pad(&far, "sink"), |element| *element == source), Some(source));
        assert_eq!(top_level(&inside), *pipeline.upcast_ref::<gst::Object>());
    }

    #[test]
    fn the_streams_of_a_multiqueue_are_told_apart() {
        gst::init().expect("GStreamer");
        let multiqueue = make("multiqueue");
        let sinks = ["sink_0", "sink_7"].map(|name| multiqueue.request_pad_simple(name).expect("a free name"));
        for sink in sinks {
            let [source] = &inner_links(&sink, &multiqueue)[..] else { panic!("one pad leads on") };
            assert_eq!(source.name().trim_start_matches("src"), sink.name().trim_start_matches("sink"));
            assert_eq!(inner_links(source, &multiqueue), [sink]);
        }
    }
}
