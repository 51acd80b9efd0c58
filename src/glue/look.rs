//! What is drawn and how, as properties: what every element that draws has in common.

use gst::glib;
use gst::prelude::*;

use super::words::capitalised;
use crate::logic::render::palette::{self, Palette};
use crate::logic::render::scene::{self, Look};

/// The values of [`properties`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LookSettings {
    pub(crate) scene: String,
    pub(crate) palette: String,
    pub(crate) seed: u64,
}

impl Default for LookSettings {
    fn default() -> Self {
        Self { scene: scene::scenes()[0].name.to_owned(), palette: palette::palettes()[0].name.to_owned(), seed: 0 }
    }
}

/// Something that cannot be drawn.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LookFailure {
    #[error("{}.", capitalised(.0))]
    Scene(#[from] scene::UnknownScene),
    #[error("{}.", capitalised(.0))]
    Palette(#[from] palette::UnknownPalette),
    #[error("{}.", capitalised(.0))]
    Size(#[from] scene::LookError),
}

impl LookFailure {
    /// As the message an element posts.
    pub(crate) fn to_message(&self) -> gst::ErrorMessage {
        gst::error_msg!(gst::LibraryError::Settings, ("{self}"), ["{self:?}"])
    }
}

impl LookSettings {
    /// Whether scene and palette exist.
    pub(crate) fn check(&self) -> Result<(), LookFailure> {
        scene::find(&self.scene)?;
        Palette::named(&self.palette)?;
        Ok(())
    }

    /// The look of pictures of that size.
    pub(crate) fn look(&self, width: u32, height: u32) -> Result<Look, LookFailure> {
        let mut look = Look::new(width, height)?;
        look.seed = self.seed;
        look.palette = Palette::named(&self.palette)?;
        Ok(look)
    }

    /// Sets the property called `name`; whether it is one of [`properties`].
    pub(crate) fn set(&mut self, name: &str, value: &glib::Value) -> bool {
        let text = |default: String| value.get::<Option<String>>().ok().flatten().unwrap_or(default);
        match name {
            "scene" => self.scene = text(Self::default().scene),
            "palette" => self.palette = text(Self::default().palette),
            "seed" => self.seed = value.get().unwrap_or_default(),
            _ => return false,
        }
        true
    }

    /// The value of one of [`properties`].
    pub(crate) fn get(&self, name: &str) -> Option<glib::Value> {
        match name {
            "scene" => Some(self.scene.to_value()),
            "palette" => Some(self.palette.to_value()),
            "seed" => Some(self.seed.to_value()),
            _ => None,
        }
    }
}

/// The properties that say what is drawn.
pub(crate) fn properties() -> Vec<glib::ParamSpec> {
    let defaults = LookSettings::default();
    let names = |names: Vec<&str>| names.join(", ");
    let scenes = names(scene::scenes().iter().map(|scene| scene.name).collect());
    let palettes = names(palette::palettes().iter().map(|palette| palette.name).collect());
    vec![
        glib::ParamSpecString::builder("scene")
            .nick("Scene")
            .blurb(&format!("What is drawn, by name or by index from 0: {scenes}"))
            .default_value(Some(&*defaults.scene))
            .mutable_ready()
            .build(),
        glib::ParamSpecString::builder("palette")
            .nick("Palette")
            .blurb(&format!("The colours it is drawn with: {palettes}"))
            .default_value(Some(&*defaults.palette))
            .mutable_ready()
            .build(),
        glib::ParamSpecUInt64::builder("seed")
            .nick("Seed")
            .blurb("Random seed: whatever a scene chooses by chance, it chooses by this")
            .default_value(defaults.seed)
            .mutable_ready()
            .build(),
    ]
}
