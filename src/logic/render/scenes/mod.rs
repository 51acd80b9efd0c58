//! The scenes, one file each.

use super::scene::SceneInfo;

mod bars_mirror;

/// Every scene, the default first.
pub(super) static ALL: &[SceneInfo] = &[SceneInfo {
    name: "bars-mirror",
    description: "Spectrum as capsules, mirrored on a centre line",
    make: |look| Box::new(bars_mirror::BarsMirror::new(look)),
}];
