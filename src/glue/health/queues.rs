//! Finding other elements from a pad, and what they tell: the queue before us, the sinks after us, a task that is paused.

use gst::glib;
use gst::prelude::*;

use crate::glue::topology::{Step, inner_links, is_made_by, nearest, real_peer, walk};
use crate::logic::queue::levels::Level;

/// Whether an element is something that fills up.
pub(crate) fn is_queue(element: &gst::Element) -> bool {
    shows_level(element)
}

fn shows_level(object: &impl IsA<gst::Object>) -> bool {
    object.has_property("current-level-buffers") || object.has_property("current-level-bytes")
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

/// Whether a source pad leads to an element that puts streams one after the other.
pub(crate) fn is_sequenced(srcpad: &gst::Pad) -> bool {
    nearest(srcpad, |element| is_made_by(element, &["streamsynchronizer", "concat"])).is_some()
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

/// What an object holds now, in buffers, bytes and nanoseconds, as far as it says.
pub(crate) fn level_of(object: &impl IsA<gst::Object>) -> [Option<u64>; 3] {
    MEASURES.map(|measure| number(object.upcast_ref(), &format!("current-level-{measure}")))
}

/// How much of a queue is used, from 0 to 1, by its fullest measure. None if it has no limit.
pub(crate) fn fill(queue: &gst::Element) -> Option<f64> {
    part(queue, level_of(queue))
}

/// Something that keeps buffers for a while: an element, or a pad of it where each has its own. It is not kept alive.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    /// What shows how much there is.
    levels: glib::WeakRef<gst::Object>,
    /// What has the limits.
    element: glib::WeakRef<gst::Element>,
}

impl Store {
    fn new(levels: &impl IsA<gst::Object>, element: &gst::Element) -> Self {
        Self { levels: levels.upcast_ref().downgrade(), element: element.downgrade() }
    }

    /// The store that a source pad empties, that is its own element if it is a queue; else the one that it fills, if that is not a
    /// queue: `appsink`, and pads of `GstAggregator` from 1.28 on.
    pub fn at(pad: &gst::Pad, element: &gst::Element) -> Option<Self> {
        if is_queue_like(element) {
            return Self::behind(pad, element);
        }
        let peer = real_peer(pad)?;
        let next = peer.parent_element()?;
        if next.num_src_pads() == 0 {
            shows_level(&next).then(|| Self::new(&next, &next))
        } else {
            (!is_queue_like(&next) && shows_level(&peer)).then(|| Self::new(&peer, &next))
        }
    }

    /// The queue whose source pad this is: multiqueue has several, and shows their levels at its pads.
    fn behind(pad: &gst::Pad, element: &gst::Element) -> Option<Self> {
        if shows_level(element) {
            Some(Self::new(element, element))
        } else {
            is_queue_like(element).then(|| Self::new(pad, element))
        }
    }

    /// As of [`fill`].
    pub fn fill(&self) -> Option<f64> {
        part(&self.element.upgrade()?, self.level())
    }

    /// As of [`level_of`].
    pub fn level(&self) -> [Option<u64>; 3] {
        self.levels.upgrade().map(|levels| level_of(&levels)).unwrap_or_default()
    }

    /// As `element`, or `element:pad` where that has a level of its own.
    pub fn name(&self) -> String {
        let (element, levels) = (self.element.upgrade(), self.levels.upgrade());
        let names = levels.filter(|levels| levels.is::<gst::Pad>()).map(|pad| pad.name());
        let element = element.map(|element| element.name().to_string());
        element.into_iter().chain(names.map(Into::into)).collect::<Vec<String>>().join(":")
    }
}

/// How much is in a queue for that pad.
pub(crate) fn level_at(element: &gst::Element, pad: &gst::Pad) -> Level {
    let levels = Store::behind(pad, element).map(|store| store.level()).unwrap_or_default();
    let [buffers, bytes, time] = levels.map(Option::unwrap_or_default);
    Level { buffers, bytes, time }
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

/// As far as a search goes back for who lets nothing through.
const MOST_STEPS: usize = 64;

/// Whether nothing is meant to come out of a source pad for now: a valve upstream is shut, or a selector has chosen another way. Only as far
/// back as nothing else joins.
pub(crate) fn is_shut(srcpad: &gst::Pad) -> bool {
    let mut pad = srcpad.clone();
    for _ in 0..MOST_STEPS {
        let Some(element) = pad.parent_element() else { return false };
        if is_made_by(&element, &["valve"]) && element.property::<bool>("drop") {
            return true;
        }
        if is_made_by(&element, &["output-selector"]) {
            let active = element.property::<Option<gst::Pad>>("active-pad");
            return active.is_some_and(|active| active != pad);
        }
        let sinks = inner_links(&pad, &element);
        let [sink] = sinks.as_slice() else { return false };
        let Some(before) = real_peer(sink) else { return false };
        pad = before;
    }
    false
}

/// Whether buffers are rare by nature for the protocol's sake: RTCP is sent every few seconds. Where the format is not stated, it is what
/// the other side takes.
pub(crate) fn is_rare(srcpad: &gst::Pad) -> bool {
    let is_control = |caps: &gst::Caps| {
        caps.structure(0)
            .is_some_and(|structure| ["application/x-rtcp", "application/x-srtcp"].contains(&structure.name().as_str()))
    };
    match srcpad.current_caps() {
        Some(caps) => is_control(&caps),
        None => real_peer(srcpad).is_some_and(|peer| is_control(&peer.pad_template_caps())),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rtcp_is_rare_whoever_says_that_it_is_that() {
        gst::init().expect("GStreamer");
        let make =
            |factory: &str| gst::ElementFactory::make(factory).build().expect("an element of GStreamer's good plugins");
        let session = make("rtpsession");
        let [data, control] = ["recv_rtp_sink", "recv_rtcp_sink"].map(|name| {
            // Neither source says what it sends.
            let source = make("appsrc").static_pad("src").expect("a source pad");
            source.link(&session.request_pad_simple(name).expect("a pad for it")).expect("they fit");
            source
        });
        assert!(is_rare(&control) && !is_rare(&data));
    }
}
