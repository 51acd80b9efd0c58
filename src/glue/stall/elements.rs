//! What can be read of elements without asking them.

use gst::prelude::*;

use crate::glue::topology::is_made_by;

/// What an element's state is and is to become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct States {
    current: gst::ffi::GstState,
    last_return: gst::ffi::GstStateChangeReturn,
}

fn states(element: &gst::Element) -> States {
    // `gst_element_get_state` is a virtual function, which a subclass may let wait; the fields are public (`GST_STATE`).
    let _guard = element.object_lock();
    // SAFETY: the element is alive, and its fields are read under the lock that they are written under.
    unsafe {
        let element = &*element.as_ptr();
        States { current: element.current_state, last_return: element.last_return }
    }
}

/// PLAYING, or on the way to PAUSED or PLAYING. PAUSED on purpose does not count.
pub(crate) fn is_running(top: &gst::Object) -> bool {
    let Some(element) = top.downcast_ref::<gst::Element>() else { return false };
    let states = states(element);
    states.current == gst::ffi::GST_STATE_PLAYING || states.last_return == gst::ffi::GST_STATE_CHANGE_ASYNC
}

/// In PLAYING, whatever it is on the way to.
pub(crate) fn is_playing(element: &gst::Element) -> bool {
    states(element).current == gst::ffi::GST_STATE_PLAYING
}

/// In PAUSED, with its first data.
pub(super) fn is_prerolled(sink: &gst::Element) -> bool {
    let states = states(sink);
    states.current == gst::ffi::GST_STATE_PAUSED && states.last_return != gst::ffi::GST_STATE_CHANGE_ASYNC
}

/// Still waiting for its first data.
pub(super) fn lacks_preroll(sink: &gst::Element) -> bool {
    states(sink).last_return == gst::ffi::GST_STATE_CHANGE_ASYNC
}

/// Whether a sink is waiting for a time of the clock.
pub(super) fn is_in_clock_wait(sink: &gst::Element) -> bool {
    let Some(sink) = sink.downcast_ref::<gst_base::BaseSink>() else { return false };
    let _guard = sink.object_lock();
    // SAFETY: the sink is alive, and the field is written under its object lock, which is held.
    unsafe { !(*sink.as_ptr()).clock_id.is_null() }
}

/// Whether one of GStreamer's own elements, made by one of these factories, has a flag set. Their getters of these flags read a field, without a
/// lock; others are never asked.
fn has_flag(element: &gst::Element, factories: &[&str], flag: &str) -> bool {
    is_made_by(element, factories)
        && element.has_property_with_type(flag, bool::static_type())
        && element.property::<bool>(flag)
}

/// A valve that lets nothing through.
pub(super) fn is_closed_valve(element: &gst::Element) -> bool {
    has_flag(element, &["valve"], "drop")
}

/// An element in the middle that lets data pass at its time.
pub(super) fn is_paced(element: &gst::Element) -> bool {
    has_flag(element, &["identity", "clocksync"], "sync")
}

/// Whether an element is one of GStreamer's own modules or of ours, which send on in the thread that brings data, or in that of a pad's task.
/// Of others that is not known.
pub(super) fn is_known(element: &gst::Element) -> bool {
    const MODULES: [&str; 7] = [
        "gstreamer",
        "gst-plugins-base",
        "gst-plugins-good",
        "gst-plugins-bad",
        "gst-plugins-ugly",
        "gst-libav",
        env!("CARGO_PKG_NAME"),
    ];
    let plugin = element.factory().and_then(|factory| factory.plugin());
    // What a program registers for itself has no plugin.
    plugin.is_some_and(|plugin| MODULES.contains(&plugin.source().as_str()))
}

/// The sinks inside a bin, at any depth.
pub(super) fn sinks(top: &gst::Object) -> Vec<gst::Element> {
    inside(top).into_iter().filter(|element| element.element_flags().contains(gst::ElementFlags::SINK)).collect()
}

/// The elements inside a bin, at any depth, without the bins. Reads the lists of children under object locks alone: an iterator would call
/// functions of the bin's class.
pub(crate) fn inside(top: &gst::Object) -> Vec<gst::Element> {
    let mut elements = Vec::new();
    let mut bins: Vec<gst::Bin> = top.downcast_ref::<gst::Bin>().cloned().into_iter().collect();
    while let Some(bin) = bins.pop() {
        for element in bin.children() {
            match element.downcast::<gst::Bin>() {
                Ok(inner) => bins.push(inner),
                Err(element) => elements.push(element),
            }
        }
    }
    elements
}

/// On the way to PAUSED, for which every sink needs its first data.
pub(crate) fn is_prerolling(top: &gst::Object) -> bool {
    top.downcast_ref::<gst::Element>()
        .is_some_and(|element| states(element).last_return == gst::ffi::GST_STATE_CHANGE_ASYNC)
}
