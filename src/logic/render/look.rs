//! How pictures look: everything that is the same for each frame of a video.

use std::sync::Arc;

use super::colour::{Rgb, parse_hex};
use super::cover::Cover;
use super::palette::Palette;

/// The shortest side of a picture in pixels.
pub const MIN_SIDE: u32 = 16;
/// The longest side of a picture in pixels.
pub const MAX_SIDE: u32 = 16_384;

/// How finely soft parts are worked out before they are interpolated; crisp ones are always drawn at full size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Quality {
    /// Half as finely.
    Fast,
    /// So finely that more would hardly be seen.
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
    /// Decides everything that a scene leaves to chance.
    pub seed: u64,
    /// The colours of a scene.
    pub palette: Palette,
    /// Behind everything else.
    pub background: Background,
    /// How finely soft parts are drawn.
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

/// Why there is no such [`Look`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LookError {
    /// A side is too short or too long.
    #[error("a picture of {0}×{1} cannot be drawn: each side must have {MIN_SIDE} to {MAX_SIDE} pixels")]
    Size(u32, u32),
}

impl Look {
    /// The default look at a size in pixels.
    ///
    /// # Errors
    ///
    /// [`LookError::Size`] when a side is not within [`MIN_SIDE`] ..= [`MAX_SIDE`].
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

/// The background, behind everything else.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Background {
    /// A vertical gradient that is nearly black.
    #[default]
    Dark,
    /// One colour.
    Colour(Rgb),
    /// Nothing: pictures have straight alpha.
    Transparent,
}

/// A background that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("“{asked}” is no background; it can be dark, transparent or a colour such as #101820")]
pub struct UnknownBackground {
    /// The text that was given.
    pub asked: String,
}

impl std::str::FromStr for Background {
    type Err = UnknownBackground;

    fn from_str(text: &str) -> Result<Self, UnknownBackground> {
        match text {
            "dark" => Ok(Self::Dark),
            "transparent" => Ok(Self::Transparent),
            _ => parse_hex(text).map(Self::Colour).ok_or_else(|| UnknownBackground { asked: text.to_owned() }),
        }
    }
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
    fn backgrounds_are_named_in_words_or_as_a_colour() {
        assert_eq!("dark".parse(), Ok(Background::Dark));
        assert_eq!("transparent".parse(), Ok(Background::Transparent));
        assert_eq!("#ff8000".parse(), Ok(Background::Colour([0xff00, 0x8000, 0])));
        for asked in ["", "red", "#12345", "#12345g", "#1234567", "#é2345"] {
            let error = asked.parse::<Background>().unwrap_err().to_string();
            assert!(error.contains("transparent") && error.contains(asked), "{error}");
        }
    }
}
