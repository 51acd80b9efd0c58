//! Colour gradients, interpolated in OKLab and baked to 1024 entries.
//!
//! The data gradients (viridis, magma,
//! inferno, cividis, turbo) are anchored on points of the published maps, which matplotlib (CC0) and Google (Apache-2.0)
//! give away; the others were made for this project.

use std::sync::Arc;

use super::colour::{Rgb, from_hex, mix, parse_hex, to_oklab, to_rgb};
use super::cover::Cover;
use super::cover_colours;

/// Entries of a baked palette.
const ENTRIES: usize = 1024;
/// The most colours that a user can make a palette of.
pub const MOST_COLOURS: usize = 5;
/// The name of the palette that takes its colours from the cover.
const OF_COVER: &str = "cover";
/// A built-in gradient.
#[derive(Debug)]
pub struct PaletteInfo {
    /// Its name in settings.
    pub name: &'static str,
    /// One line for people.
    pub description: &'static str,
    anchors: &'static [u32],
}

/// No palette of that name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no palette “{asked}”; the palettes are: {}, cover, or one to {MOST_COLOURS} colours such as #ff5a00,#0040ff",
    names()
)]
pub struct UnknownPalette {
    /// The name that was given.
    pub asked: String,
}

/// Every built-in palette; the first one is the default.
pub fn palettes() -> &'static [PaletteInfo] {
    PALETTES
}

/// The names of all built-in palettes, separated by commas.
fn names() -> String {
    PALETTES.iter().map(|p| p.name).collect::<Vec<_>>().join(", ")
}

static PALETTES: &[PaletteInfo] = &[
    PaletteInfo {
        name: "aurora",
        description: "Teal and green over blue to violet and rose",
        anchors: &[0x10475c, 0x14919b, 0x45dfb1, 0x63c5f5, 0x7b86ff, 0xa86bf5, 0xf07ad0],
    },
    PaletteInfo {
        name: "ember",
        description: "Dark red over orange to pale gold",
        anchors: &[0x3a0d18, 0x8c1c24, 0xdb4324, 0xff8a33, 0xffc96b, 0xfff0c9],
    },
    PaletteInfo {
        name: "neon",
        description: "Indigo over violet and hot pink to peach",
        anchors: &[0x26208a, 0x4b36ff, 0x9d3bff, 0xf136c2, 0xff6b8b, 0xffc1a8],
    },
    PaletteInfo {
        name: "ice",
        description: "Deep blue to the white of ice",
        anchors: &[0x0d2f5c, 0x1566a8, 0x3aa5e0, 0x8edaff, 0xe4f7ff],
    },
    PaletteInfo { name: "mono", description: "Greys", anchors: &[0x3a3f49, 0x7a818d, 0xbcc2cc, 0xf6f8fb] },
    PaletteInfo {
        name: "viridis",
        description: "Violet over teal to yellow, even to the eye",
        anchors: &[0x440154, 0x472c7a, 0x3b528b, 0x2c728e, 0x21908d, 0x27ad81, 0x5cc863, 0xaadc32, 0xfde725],
    },
    PaletteInfo {
        name: "magma",
        description: "Black over purple and salmon to cream",
        anchors: &[0x000004, 0x180f3d, 0x440f76, 0x721f81, 0x9e2f7f, 0xcd4071, 0xf1605d, 0xfd9668, 0xfeca8d, 0xfcfdbf],
    },
    PaletteInfo {
        name: "inferno",
        description: "Black over crimson and orange to pale yellow",
        anchors: &[0x000004, 0x1b0c41, 0x4a0c6b, 0x781c6d, 0xa52c60, 0xcf4446, 0xed6925, 0xfb9b06, 0xf7d13d, 0xfcffa4],
    },
    PaletteInfo {
        name: "cividis",
        description: "Navy to yellow, the same to colour-blind eyes",
        anchors: &[0x00224e, 0x123570, 0x3b496c, 0x575d6d, 0x707173, 0x8a8678, 0xa59c74, 0xc3b369, 0xe1cc55, 0xfee838],
    },
    PaletteInfo {
        name: "turbo",
        description: "Blue over green and yellow to red",
        anchors: &[
            0x30123b, 0x4145ab, 0x4675ed, 0x39a2fc, 0x1bcfd4, 0x24eca6, 0x61fc6c, 0xa4fc3b, 0xd1e834, 0xf3c63a,
            0xfe9b2d, 0xf36315, 0xd93806, 0xb11901, 0x7a0402,
        ],
    },
];

/// A gradient baked to 1024 colours. Cloning is cheap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Palette(Arc<[Rgb]>);

impl Palette {
    /// The palette called `text`: a built-in one, the colours of `cover`, or a list of colours, from quiet to loud.
    ///
    /// Without a cover the colours of the cover are the default palette.
    ///
    /// # Errors
    ///
    /// [`UnknownPalette`] when it is none of these: a list has one to [`MOST_COLOURS`] colours, each of them like `#ff5a00`.
    pub fn parse(text: &str, cover: Option<&Cover>) -> Result<Self, UnknownPalette> {
        if let Some(info) = PALETTES.iter().find(|palette| palette.name == text) {
            return Ok(Self::of_hexes(info.anchors));
        }
        if text == OF_COVER {
            return Ok(cover.map_or_else(Self::default, |cover| Self::of(&cover_colours::anchors(cover))));
        }
        let colours: Option<Vec<Rgb>> = text.split(',').map(|colour| parse_hex(colour.trim())).collect();
        match colours.as_deref() {
            // One colour is the middle of a gradient from its dark to its light shade.
            Some(&[colour]) => {
                let shade = |towards, t| mix(colour, from_hex(towards), t);
                Ok(Self::of(
                    &[shade(0x05_060a, 0.65), shade(0x05_060a, 0.25), colour, shade(0xff_ffff, 0.55)].map(to_oklab),
                ))
            }
            Some(colours) if colours.len() <= MOST_COLOURS => {
                Ok(Self::of(&colours.iter().copied().map(to_oklab).collect::<Vec<_>>()))
            }
            _ => Err(UnknownPalette { asked: text.to_owned() }),
        }
    }

    fn of_hexes(hexes: &[u32]) -> Self {
        Self::of(&hexes.iter().map(|&hex| to_oklab(from_hex(hex))).collect::<Vec<_>>())
    }

    /// Interpolates `anchors`, evenly spaced, in OKLab.
    fn of(anchors: &[[f64; 3]]) -> Self {
        Self(bake(anchors).into())
    }

    /// Entry `i`, the last one for anything past the end.
    fn entry(&self, i: usize) -> Rgb {
        self.0[i.min(ENTRIES - 1)]
    }

    /// The colour at `t`, 0.0 … 1.0, clamped.
    pub fn at(&self, t: f32) -> Rgb {
        // NaN becomes 0 in the cast.
        self.entry((t.clamp(0.0, 1.0) * (ENTRIES - 1) as f32 + 0.5) as usize)
    }
}

impl Default for Palette {
    fn default() -> Self {
        Self::of_hexes(PALETTES[0].anchors)
    }
}

/// Two anchors or more, evenly spaced.
fn bake(lab: &[[f64; 3]]) -> Vec<Rgb> {
    let spans = lab.len() - 1;
    (0..ENTRIES)
        .map(|i| {
            let at = i * spans;
            let from = (at / (ENTRIES - 1)).min(spans.saturating_sub(1));
            let t = (at - from * (ENTRIES - 1)) as f64 / (ENTRIES - 1) as f64;
            let (a, b) = (lab[from], lab[(from + 1).min(spans)]);
            to_rgb(std::array::from_fn(|c| a[c] + (b[c] - a[c]) * t))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_palette_passes_through_its_anchors() {
        for info in palettes() {
            let palette = Palette::parse(info.name, None).unwrap();
            for (i, &hex) in info.anchors.iter().enumerate() {
                let at = i as f32 / (info.anchors.len() - 1) as f32;
                for (got, want) in palette.at(at).into_iter().zip(from_hex(hex)) {
                    assert!(got.abs_diff(want) < 3 << 8, "{} at {at}: {got} for {want}", info.name);
                }
            }
        }
    }

    #[test]
    fn an_unknown_palette_is_answered_with_those_there_are() {
        let message = Palette::parse("plaid", None).unwrap_err().to_string();
        assert!(message.contains("plaid") && message.contains("viridis") && message.contains("mono"), "{message}");
    }

    #[test]
    fn a_palette_can_be_made_of_one_to_five_colours() {
        let palette = Palette::parse("#102030, #ff8000,#ffffff", None).unwrap();
        for (at, hex) in [(0.0, 0x102030), (0.5, 0xff8000), (1.0, 0xffffff)] {
            for (got, want) in palette.at(at).into_iter().zip(from_hex(hex)) {
                assert!(got.abs_diff(want) < 3 << 8, "{at}: {got} for {want}");
            }
        }
        let one = Palette::parse("#2060c0", None).unwrap();
        let lightness = |t| to_oklab(one.at(t))[0];
        assert!(lightness(0.0) < lightness(0.5) && lightness(0.5) < lightness(1.0));
        for asked in ["", "#123456,", "#1,#2", "#000000,#000000,#000000,#000000,#000000,#000000", "#123456;#123456"] {
            assert!(Palette::parse(asked, None).is_err(), "{asked}");
        }
    }
}
