//! The scenes, one file each.

use super::scene::SceneInfo;

mod bars_mirror;
mod cover_pulse;
mod podcast_bars;
mod stem_dots;
mod wave_line;

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
    SceneInfo {
        name: "wave-line",
        description: "The waveform as a glowing line that leaves fading ghosts",
        make: |look| Box::new(wave_line::WaveLine::new(look)),
    },
    SceneInfo {
        name: "podcast-bars",
        description: "Rounded bars for voices, with room for a title",
        make: |look| Box::new(podcast_bars::PodcastBars::new(look)),
    },
    SceneInfo {
        name: "stem-dots",
        description: "Spectrum as glowing dots on thin stems that smear as they fall",
        make: |look| Box::new(stem_dots::StemDots::new(look)),
    },
];
