//! The scenes, one file each.

use super::scene::SceneInfo;

mod bars_mirror;
mod cover_pulse;

/// Every scene, the default first.
pub(super) static ALL: &[SceneInfo] = &[
    SceneInfo {
        name: "cover-pulse",
        description: "A disc that breathes in a ring of loudness by frequency",
        make: |look| Box::new(cover_pulse::CoverPulse::new(look)),
    },
    SceneInfo {
        name: "bars-mirror",
        description: "Spectrum as capsules that stand on a line and are mirrored in it",
        make: |look| Box::new(bars_mirror::BarsMirror::new(look)),
    },
];
