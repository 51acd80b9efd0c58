//! The properties that say how pictures look: the same in each element that draws.

use std::path::PathBuf;
use std::sync::Arc;

use gst::glib;
use gst::prelude::*;

use super::text::{capitalised, io_reason};
use crate::logic::audio::tags::Tags;
use crate::logic::render::cover::{Cover, CoverError};
use crate::logic::render::look::{self, Background, Look, LookError, MIN_SIDE, UnknownBackground};
use crate::logic::render::palette::{self, Palette, UnknownPalette};
use crate::logic::render::scene::Scene;
use crate::logic::render::scenes::{self, SceneInfo, UnknownScene};

/// Why pictures cannot look as asked for.
#[derive(Debug, thiserror::Error)]
pub enum LookFailure {
    #[error("{}.", capitalised(.0))]
    Scene(UnknownScene),
    #[error("{}.", capitalised(.0))]
    Palette(UnknownPalette),
    #[error("{}.", capitalised(.0))]
    Background(UnknownBackground),
    #[error("{}.", capitalised(.0))]
    Size(LookError),
    #[error("The cover “{}” cannot be read: {}. Check its name and its permissions.", .0.display(), io_reason(.1))]
    CoverNotReadable(PathBuf, std::io::Error),
    #[error("“{}” cannot be used as a cover: {}. Give a JPEG or PNG picture.", .0.display(), .1)]
    Cover(PathBuf, CoverError),
}

impl LookFailure {
    /// As the message an element posts.
    pub fn to_message(&self) -> gst::ErrorMessage {
        match self {
            Self::CoverNotReadable(_, error) if error.kind() == std::io::ErrorKind::NotFound => {
                gst::error_msg!(gst::ResourceError::NotFound, ("{self}"), ["{self:?}"])
            }
            Self::CoverNotReadable(..) => gst::error_msg!(gst::ResourceError::OpenRead, ("{self}"), ["{self:?}"]),
            _ => gst::error_msg!(gst::LibraryError::Settings, ("{self}"), ["{self:?}"]),
        }
    }
}

/// How finely pictures are drawn.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstSteadyQuality")]
pub enum Quality {
    #[enum_value(name = "Soft parts half as fine", nick = "fast")]
    Fast,
    #[default]
    #[enum_value(name = "As fine as the eye can tell", nick = "balanced")]
    Balanced,
    #[enum_value(name = "Soft parts twice as fine", nick = "high")]
    High,
    #[enum_value(name = "Soft parts four times as fine", nick = "ultra")]
    Ultra,
}

impl From<Quality> for look::Quality {
    fn from(quality: Quality) -> Self {
        match quality {
            Quality::Fast => Self::Fast,
            Quality::Balanced => Self::Balanced,
            Quality::High => Self::High,
            Quality::Ultra => Self::Ultra,
        }
    }
}

/// The property values.
#[derive(Debug, Clone)]
pub struct LookSettings {
    scene: String,
    palette: String,
    background: String,
    seed: u64,
    quality: Quality,
    title: Option<String>,
    artist: Option<String>,
    cover: Option<PathBuf>,
    tags: bool,
    progress_bar: bool,
}

impl Default for LookSettings {
    fn default() -> Self {
        Self {
            scene: scenes::all()[0].name.to_owned(),
            palette: palette::palettes()[0].name.to_owned(),
            background: "dark".to_owned(),
            seed: 0,
            quality: Quality::default(),
            title: None,
            artist: None,
            cover: None,
            tags: true,
            progress_bar: false,
        }
    }
}

impl LookSettings {
    /// Finds what is wrong with the settings before anything is drawn.
    pub fn check(&self) -> Result<(), LookFailure> {
        self.look(MIN_SIDE, MIN_SIDE, &Tags::default()).map(drop)
    }

    /// The scene.
    pub fn scene(&self) -> Result<&'static SceneInfo, LookFailure> {
        scenes::find(&self.scene).map_err(LookFailure::Scene)
    }

    /// The background; the default where the setting stands for none, which is an error once pictures are drawn.
    pub fn background(&self) -> Background {
        self.background.parse().unwrap_or_default()
    }

    /// The scene at a size in pixels. `tags` stand in for what is unset; an empty text stands for none.
    pub fn prepare(&self, width: u32, height: u32, tags: &Tags) -> Result<Box<dyn Scene>, LookFailure> {
        Ok(self.scene()?.prepare(&self.look(width, height, tags)?))
    }

    /// The look that these settings describe, for any scene; arguments as of [`prepare`](Self::prepare).
    pub fn look(&self, width: u32, height: u32, tags: &Tags) -> Result<Look, LookFailure> {
        self.scene()?;
        let mut look = Look::new(width, height).map_err(LookFailure::Size)?;
        let unset = Tags::default();
        let tags = if self.tags { tags } else { &unset };
        look.seed = self.seed;
        look.title = self.title.clone().or_else(|| tags.title.clone());
        look.artist = self.artist.clone().or_else(|| tags.artist.clone());
        look.cover = match &self.cover {
            Some(path) if !path.as_os_str().is_empty() => Some(Arc::new(cover(path)?)),
            Some(_) => None,
            // Nobody asked for this one, so one that cannot be decoded is no error.
            None => tags.cover.as_deref().and_then(|bytes| Cover::decode(bytes).ok()).map(Arc::new),
        };
        look.palette = Palette::parse(&self.palette, look.cover.as_deref()).map_err(LookFailure::Palette)?;
        look.background = self.background.parse::<Background>().map_err(LookFailure::Background)?;
        look.quality = self.quality.into();
        look.progress_bar = self.progress_bar;
        Ok(look)
    }

    /// Sets the property called `name` if it is one of [`LookSettings::properties`]; whether it is.
    pub fn set(&mut self, name: &str, value: &glib::Value) -> bool {
        let text = || value.get::<Option<String>>().ok().flatten();
        let defaults = Self::default;
        match name {
            "scene" => self.scene = text().unwrap_or_else(|| defaults().scene),
            "palette" => self.palette = text().unwrap_or_else(|| defaults().palette),
            "background" => self.background = text().unwrap_or_else(|| defaults().background),
            "seed" => self.seed = value.get().unwrap_or_default(),
            "quality" => self.quality = value.get().unwrap_or_default(),
            "title" => self.title = text(),
            "artist" => self.artist = text(),
            "cover-location" => self.cover = text().map(PathBuf::from),
            "tags" => self.tags = value.get().unwrap_or_default(),
            "progress-bar" => self.progress_bar = value.get().unwrap_or_default(),
            _ => return false,
        }
        true
    }

    /// The value of the property called `name`, if it is one of [`LookSettings::properties`].
    pub fn get(&self, name: &str) -> Option<glib::Value> {
        Some(match name {
            "scene" => self.scene.to_value(),
            "palette" => self.palette.to_value(),
            "background" => self.background.to_value(),
            "seed" => self.seed.to_value(),
            "quality" => self.quality.to_value(),
            "title" => self.title.to_value(),
            "artist" => self.artist.to_value(),
            "cover-location" => self.cover.as_ref().map(|path| path.display().to_string()).to_value(),
            "tags" => self.tags.to_value(),
            "progress-bar" => self.progress_bar.to_value(),
            _ => return None,
        })
    }

    /// The properties, for the list of an element.
    pub fn properties() -> Vec<glib::ParamSpec> {
        let defaults = Self::default();
        let scenes: Vec<_> = scenes::all().iter().map(|scene| scene.name).collect();
        let palettes: Vec<_> = palette::palettes().iter().map(|palette| palette.name).collect();
        vec![
            glib::ParamSpecString::builder("scene")
                .nick("Scene")
                .blurb(&format!("What is drawn, by name or by index from 0: {}", scenes.join(", ")))
                .default_value(Some(&*defaults.scene))
                .mutable_ready()
                .build(),
            glib::ParamSpecString::builder("palette")
                .nick("Palette")
                .blurb(&format!("The colours it is drawn with: {}, cover (those of the cover; without one the default), or one to {} of your own, such as #ff5a00,#0040ff", palettes.join(", "), palette::MOST_COLOURS))
                .default_value(Some(&*defaults.palette))
                .mutable_ready()
                .build(),
            glib::ParamSpecString::builder("background")
                .nick("Background")
                .blurb("What is behind everything: dark (a gradient that is nearly black), a colour such as #101820, or transparent (straight alpha)")
                .default_value(Some(&*defaults.background))
                .mutable_ready()
                .build(),
            glib::ParamSpecUInt64::builder("seed")
                .nick("Seed")
                .blurb("Random seed: whatever a scene chooses by chance, it chooses by this")
                .default_value(defaults.seed)
                .mutable_ready()
                .build(),
            glib::ParamSpecEnum::builder_with_default("quality", defaults.quality)
                .nick("Quality")
                .blurb("How finely soft parts such as glows are worked out before they are drawn at full size")
                .mutable_ready()
                .build(),
            glib::ParamSpecString::builder("title")
                .nick("Title")
                .blurb("Written by scenes with room for it (NULL = the title in the file's tags, empty = none)")
                .mutable_ready()
                .build(),
            glib::ParamSpecString::builder("artist")
                .nick("Artist")
                .blurb("Written below the title (NULL = the artist in the file's tags, empty = none)")
                .mutable_ready()
                .build(),
            glib::ParamSpecString::builder("cover-location")
                .nick("Cover Location")
                .blurb("Path of a JPEG or PNG picture that scenes with a place for it show (NULL = the cover in the file's tags, empty = none)")
                .mutable_ready()
                .build(),
            glib::ParamSpecBoolean::builder("tags")
                .nick("Tags")
                .blurb("Whether title, artist and cover come from the file's tags where they are not set")
                .default_value(defaults.tags)
                .mutable_ready()
                .build(),
            glib::ParamSpecBoolean::builder("progress-bar")
                .nick("Progress Bar")
                .blurb("Whether a line at the lower edge says how far the music is")
                .default_value(defaults.progress_bar)
                .mutable_ready()
                .build(),
        ]
    }
}

fn cover(path: &std::path::Path) -> Result<Cover, LookFailure> {
    let bytes = std::fs::read(path).map_err(|error| LookFailure::CoverNotReadable(path.to_owned(), error))?;
    Cover::decode(&bytes).map_err(|error| LookFailure::Cover(path.to_owned(), error))
}
