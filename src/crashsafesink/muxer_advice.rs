//! A warning for muxer settings whose file cannot be played until it is finished.

use gst::prelude::*;
use gst::subclass::prelude::*;

use super::element::CrashSafeSink;

/// Elements between the muxer and the sink that are looked through.
const HOPS: usize = 16;

impl CrashSafeSink {
    /// Warns if the muxer, as it is set up now, leaves nothing playable after a kill.
    pub(super) fn advise(&self) {
        let pad = self.obj().static_pad("sink").expect("a pad of the template");
        let advice = unreadable_until_finished(&pad);
        let given = std::mem::replace(&mut *self.given_advice(), advice.clone());
        if let Some(advice) = advice.filter(|advice| given.as_ref() != Some(advice)) {
            gst::element_imp_warning!(self, gst::ResourceError::Settings, ("{advice}"));
        }
    }
}

/// Why a kill would leave an unplayable file, if the muxer upstream of `pad` is set up like that.
fn unreadable_until_finished(pad: &gst::Pad) -> Option<String> {
    let mut pad = pad.clone();
    for _ in 0..HOPS {
        let element = pad.peer()?.parent_element()?;
        // A bin's ghost pad leads to the element inside.
        let element = match element.downcast::<gst::Bin>() {
            Ok(bin) => {
                let ghost = pad.peer()?.downcast::<gst::GhostPad>().ok()?;
                debug_assert!(bin.pads().contains(ghost.upcast_ref()));
                ghost.target()?.parent_element()?
            }
            Err(element) => element,
        };
        if is_quicktime(&element) {
            return advice(&element);
        }
        let sinks = element.sink_pads();
        let [only] = sinks.as_slice() else { return None };
        pad = only.clone();
    }
    None
}

fn is_quicktime(element: &gst::Element) -> bool {
    element.factory().is_some_and(|f| matches!(f.name().as_str(), "mp4mux" | "qtmux" | "3gppmux" | "mj2mux"))
}

fn advice(muxer: &gst::Element) -> Option<String> {
    let fragmented = muxer.property::<u32>("fragment-duration") > 0;
    let robust = muxer.property::<u64>("reserved-max-duration") != u64::MAX;
    (!fragmented && !robust).then(|| {
        format!(
            "{} writes its index last: if this recording is interrupted, no player will open what is left. Set \
             fragment-duration=1000 on it (with fragment-mode=first-moov-then-finalise for an ordinary file in the end), or \
             reserved-max-duration, or use matroskamux.",
            muxer.name()
        )
    })
}
