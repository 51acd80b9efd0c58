//! What a scene is, what it is told, and which ones there are.

use std::sync::Arc;

use super::backdrop::Background;
use super::canvas::Canvas;
use super::cover::Cover;
use super::palette::Palette;
use super::progress_bar::WithProgress;
use super::soft::Rows;
use super::transparent::Transparent;
use crate::logic::audio::features::{HopWindow, Info};
use crate::logic::audio::hops::HopTime;

/// The shortest side of a picture in pixels.
pub const MIN_SIDE: u32 = 16;
/// The longest side of a picture in pixels.
pub const MAX_SIDE: u32 = 16_384;

/// How finely everything soft is worked out, before it is interpolated. What is crisp is always drawn at full size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Quality {
    /// Half as finely.
    Fast,
    /// So finely that one hardly sees a difference.
    #[default]
    Balanced,
    /// Twice as finely.
    High,
    /// Four times as finely.
    Ultra,
}

/// How pictures look: everything that is the same for each frame of a video.
#[derive(Debug, Clone)]
pub struct Look {
    width: u32,
    height: u32,
    /// Whatever a scene chooses by chance, it chooses by this.
    pub seed: u64,
    /// Where a scene takes its colours from.
    pub palette: Palette,
    /// What is behind everything.
    pub background: Background,
    /// How finely it is drawn.
    pub quality: Quality,
    /// Whether a line at the lower edge says how far the music is.
    pub progress_bar: bool,
    /// Written where a scene has room for it.
    pub title: Option<String>,
    /// Written below the title.
    pub artist: Option<String>,
    /// Shown by scenes that have a place for it.
    pub cover: Option<Arc<Cover>>,
}

/// Why a [`Look`] cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LookError {
    /// A side is too short or too long.
    #[error("a picture of {0}×{1} cannot be drawn: each side must have {MIN_SIDE} to {MAX_SIDE} pixels")]
    Size(u32, u32),
}

impl Look {
    /// The default look at a size in pixels.
    pub fn new(width: u32, height: u32) -> Result<Self, LookError> {
        let sides = MIN_SIDE..=MAX_SIDE;
        if !sides.contains(&width) || !sides.contains(&height) {
            return Err(LookError::Size(width, height));
        }
        Ok(Self {
            width,
            height,
            seed: 0,
            palette: Palette::default(),
            background: Background::default(),
            quality: Quality::default(),
            progress_bar: false,
            title: None,
            artist: None,
            cover: None,
        })
    }

    /// Width in pixels, [`MIN_SIDE`] ..= [`MAX_SIDE`].
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels, [`MIN_SIDE`] ..= [`MAX_SIDE`].
    pub fn height(&self) -> u32 {
        self.height
    }
}

/// The picture that is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// Which one, from 0.
    pub n: u64,
    /// How many the video has, where that is known.
    pub total: Option<u64>,
    /// The moment it shows: the middle of its time on screen.
    pub at: HopTime,
    /// The timeline it is drawn from.
    pub info: &'a Info,
}

/// The hops a scene reads for a frame at [`HopTime`] t: `t.hop − before ..= t.hop + after`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// Hops before `t.hop`.
    pub before: u32,
    /// Hops behind it; at least 1, for interpolation.
    pub after: u32,
}

impl Reach {
    /// What has to be in the window for a frame at `at`: the index of the first hop and how many.
    pub fn span(self, at: HopTime) -> (i64, usize) {
        (at.hop - i64::from(self.before), (self.before + 1 + self.after) as usize)
    }
}

/// Memory that scenes work in. Whoever draws keeps one per thread and hands it to each call; it grows at the first
/// frames and is reused from then on. What it holds between calls has no meaning.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(super) rows: Rows,
    pub(super) values: Vec<f32>,
    pub(super) cells: Vec<u32>,
    pub(super) second: Vec<u8>,
}

/// A way of drawing audio. Made once for a [`Look`]; what does not change from frame to frame is worked out then.
pub trait Scene: Send + Sync {
    /// What has to be in the window.
    fn reach(&self) -> Reach;

    /// Draws the rows of `canvas`, which has the size of the look or is a band of such a picture.
    ///
    /// A pure function of frame, window and look. Writes every pixel and reads none before; allocates nothing but what
    /// `scratch` grows to at first.
    fn render(&self, frame: &Frame<'_>, window: &HopWindow, scratch: &mut Scratch, canvas: &mut Canvas<'_>);
}

/// A scene that can be asked for.
#[derive(Debug)]
pub struct SceneInfo {
    /// What it is asked for by.
    pub name: &'static str,
    /// One line for people.
    pub description: &'static str,
    /// Prepares it for a look, without what every scene can have: no progress bar, no transparency.
    pub(super) make: fn(&Look) -> Box<dyn Scene>,
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
    /// What was asked for.
    pub asked: String,
}

/// Every scene; the first one is the default.
pub fn scenes() -> &'static [SceneInfo] {
    super::scenes::ALL
}

/// The scene of that name, or with that index in [`scenes`].
pub fn find(name_or_index: &str) -> Result<&'static SceneInfo, UnknownScene> {
    let index = name_or_index.parse::<usize>().ok();
    scenes()
        .iter()
        .enumerate()
        .find(|(i, scene)| scene.name == name_or_index || Some(*i) == index)
        .map(|(_, scene)| scene)
        .ok_or_else(|| UnknownScene { asked: name_or_index.to_owned() })
}

fn names() -> String {
    let names: Vec<_> = scenes().iter().enumerate().map(|(i, scene)| format!("{} ({i})", scene.name)).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_outside_the_limits_are_refused_in_words() {
        for (w, h) in [(0, 0), (15, 16), (16, 15), (16_385, 16), (20_000, 20_000)] {
            let error = Look::new(w, h).unwrap_err();
            assert_eq!(error, LookError::Size(w, h));
            assert!(error.to_string().contains("16 to 16384"), "{error}");
        }
        assert!(Look::new(16, 16_384).is_ok());
    }

    #[test]
    fn scenes_are_found_by_name_and_by_index() {
        for (i, scene) in scenes().iter().enumerate() {
            assert_eq!(find(scene.name).unwrap().name, scene.name);
            assert_eq!(find(&i.to_string()).unwrap().name, scene.name);
        }
        let message = find("disco").unwrap_err().to_string();
        assert!(message.contains("disco") && scenes().iter().all(|s| message.contains(s.name)), "{message}");
    }
}
