//! What passes the pads on which a wait depends.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gst::prelude::*;

/// Counts everything that passes some pads. The probes go with the value.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    passed: Arc<AtomicU64>,
    probes: Vec<(gst::Pad, gst::PadProbeId)>,
}

impl Traffic {
    /// Watches these pads too.
    pub fn watch(&mut self, pads: &[gst::Pad]) {
        for pad in pads {
            if self.probes.iter().any(|(known, _)| known == pad) {
                continue;
            }
            let passed = Arc::clone(&self.passed);
            let kinds =
                gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST | gst::PadProbeType::EVENT_DOWNSTREAM;
            let probe = pad.add_probe(kinds, move |_, _| {
                passed.fetch_add(1, Ordering::Relaxed);
                gst::PadProbeReturn::Ok
            });
            self.probes.extend(probe.map(|probe| (pad.clone(), probe)));
        }
    }

    /// How much has passed so far.
    pub fn passed(&self) -> u64 {
        self.passed.load(Ordering::Relaxed)
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        for (pad, probe) in self.probes.drain(..) {
            pad.remove_probe(probe);
        }
    }
}
