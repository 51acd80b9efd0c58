//! The scenes, one file each, and the registry of them.

use super::look::{Background, Look};
use super::progress_bar::WithProgress;
use super::scene::Scene;
use super::transparent::Transparent;

mod aurora;
mod bars_mirror;
mod cover_pulse;
mod particles_burst;
mod podcast_bars;
mod stem_dots;
mod terrain;
mod tunnel;
mod wave_line;

static ALL: &[SceneInfo] = &[
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
    SceneInfo {
        name: "aurora",
        description: "Curtains of light over a lake, which flow with the music",
        make: |look| Box::new(aurora::Aurora::new(look)),
    },
    SceneInfo {
        name: "particles-burst",
        description: "Sparks that fly from a breathing core wherever the music strikes",
        make: |look| Box::new(particles_burst::ParticlesBurst::new(look)),
    },
    SceneInfo {
        name: "tunnel",
        description: "A flight through a tunnel of lit ribs, as fast as the bass",
        make: |look| Box::new(tunnel::Tunnel::new(look)),
    },
    SceneInfo {
        name: "terrain",
        description: "Past spectra as the ridges of a landscape before a sun",
        make: |look| Box::new(terrain::Terrain::new(look)),
    },
];

/// A scene in the registry.
#[derive(Debug)]
pub struct SceneInfo {
    /// Its name in settings.
    pub name: &'static str,
    /// One line for people.
    pub description: &'static str,
    /// Prepares it for a look, without the options that any scene can have: no progress bar, no transparency.
    make: fn(&Look) -> Box<dyn Scene>,
}

impl SceneInfo {
    /// Prepares it for a look.
    pub fn prepare(&self, look: &Look) -> Box<dyn Scene> {
        match look.background {
            Background::Transparent => Box::new(Transparent::new(look, |look| self.opaque(look))),
            _ => self.opaque(look),
        }
    }

    fn opaque(&self, look: &Look) -> Box<dyn Scene> {
        let scene = (self.make)(look);
        if look.progress_bar { Box::new(WithProgress::new(look, scene)) } else { scene }
    }
}

/// No such scene.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no scene “{asked}”; the scenes are: {}", names())]
pub struct UnknownScene {
    /// The name or index that was given.
    pub asked: String,
}

/// Every scene; the first one is the default.
pub fn all() -> &'static [SceneInfo] {
    ALL
}

/// The scene of that name, or with that index in [`all`].
///
/// # Errors
///
/// [`UnknownScene`] when there is neither.
pub fn find(name_or_index: &str) -> Result<&'static SceneInfo, UnknownScene> {
    let index = name_or_index.parse::<usize>().ok();
    ALL.iter()
        .enumerate()
        .find(|(i, scene)| scene.name == name_or_index || Some(*i) == index)
        .map(|(_, scene)| scene)
        .ok_or_else(|| UnknownScene { asked: name_or_index.to_owned() })
}

fn names() -> String {
    let names: Vec<_> = ALL.iter().enumerate().map(|(i, scene)| format!("{} ({i})", scene.name)).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenes_are_found_by_name_and_by_index() {
        for (i, scene) in all().iter().enumerate() {
            assert_eq!(find(scene.name).unwrap().name, scene.name);
            assert_eq!(find(&i.to_string()).unwrap().name, scene.name);
        }
        let message = find("disco").unwrap_err().to_string();
        assert!(message.contains("disco") && all().iter().all(|s| message.contains(s.name)), "{message}");
    }
}
