//! What levels are measured by: the decibels that are drawn at the top, of a track, of what has been heard, or fixed.
//!
//! Loudness is drawn in decibels. Bands are drawn as amplitudes, each under a ceiling of its own: of dense music decibels show
//! a wall, since what makes it dense is that nothing in it is far below the rest.

use std::sync::LazyLock;

use super::bands::{self, quantise_db};
use super::features::{BANDS, FULL};
use super::onset;
use super::record::Raw;

/// Levels are never stretched further down than this.
pub(super) const FLOOR_DB: f64 = -80.0;
/// Nor further below the ceiling than this: what is quieter is not heard next to the loud.
const RANGE_DB: f64 = 60.0;
/// A track whose ceiling is lower is taken for quiet, not stretched to look loud.
const LOWEST_CEILING_DB: f64 = -50.0;
/// Flux that says nothing about how strong the onsets of a track are.
pub(super) const FAINT_FLUX: u16 = onset::CLEAR / 8;

/// No band has a ceiling further below that of the loudest: what little is in it would be stretched to look like music.
const FAINT_DB: f64 = 36.0;

/// The fixed ceiling of bands, and of loudness in LUFS: what mastered music reaches. Two clear onsets are a full one.
const FIXED_DB: (f64, f64) = (-21.0, -12.0);
const FIXED_FLUX: u16 = 2 * onset::CLEAR;
/// There is less and less below the lowest tones of most instruments.
const FIXED_BASS: (f64, f64) = (80.0, 14.0);

/// The amplitude of what is so many stored steps below a ceiling.
static AMPLITUDES: LazyLock<Vec<f32>> = LazyLock::new(|| {
    let below = |steps: u16| -f64::from(steps) / bands::DB_STEPS;
    (0..(RANGE_DB * bands::DB_STEPS) as u16)
        .map(|steps| (libm::pow(10.0, below(steps) / 20.0) * f64::from(FULL)) as f32)
        .collect()
});

/// A line from quantised decibels to 0..=[`FULL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scale {
    floor: u16,
    ceiling: u16,
}

impl Scale {
    /// The scale whose top is `loud`, as far as a track that loud can be stretched.
    pub fn below(loud: u16) -> Self {
        let ceiling = loud.max(quantise_db(LOWEST_CEILING_DB));
        let range = (RANGE_DB * bands::DB_STEPS) as u16;
        Self { floor: ceiling.saturating_sub(range).max(quantise_db(FLOOR_DB)), ceiling }
    }

    /// Where `db` lies.
    pub fn level(&self, db: u16) -> f32 {
        let (above, range) = (db.saturating_sub(self.floor), self.ceiling - self.floor);
        f32::from(above.min(range)) / f32::from(range) * f32::from(FULL)
    }
}

/// The ceiling of each band, in quantised decibels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BandCeilings([u16; BANDS]);

impl BandCeilings {
    /// Those of a track in which each band is so `loud`, as far as it can be stretched.
    pub fn of(loud: [u16; BANDS]) -> Self {
        let loudest = loud.into_iter().max().unwrap_or(0);
        let least = loudest.saturating_sub((FAINT_DB * bands::DB_STEPS) as u16).max(quantise_db(LOWEST_CEILING_DB));
        Self(loud.map(|loud| loud.max(least)))
    }

    /// How high `db` is drawn in `band`: its amplitude, where the ceiling's is [`FULL`].
    pub fn level(&self, band: usize, db: u16) -> f32 {
        let below = usize::from(self.0[band].saturating_sub(db));
        AMPLITUDES.get(below).copied().unwrap_or(0.0)
    }
}

/// What the levels of a moment are measured by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ceilings {
    /// For bands.
    pub bands: BandCeilings,
    /// For loudness.
    pub loudness: Scale,
    /// Flux that is a full onset, per range.
    pub flux: [u16; 3],
}

impl Ceilings {
    /// How much of an onset a hop is, all ranges together.
    pub fn strength(&self, raw: &Raw) -> f64 {
        raw.flux.iter().zip(&self.flux).map(|(&flux, &full)| f64::from(flux.min(full)) / f64::from(full)).sum()
    }
}

/// The flux that is a full onset, for the `loud` flux of a track.
pub fn flux_ceiling(loud: Option<u16>) -> u16 {
    loud.unwrap_or(0).max(onset::CLEAR)
}

/// Where the ceilings come from.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::large_enum_variant, reason = "there is one of it for a track")]
pub enum Scaling {
    /// They stay as they are.
    Set(Ceilings),
    /// They follow what is heard.
    Running(Running),
}

impl Scaling {
    /// The ceilings for the next hop.
    pub fn next(&mut self, raw: &Raw, loudness: u16) -> Ceilings {
        match self {
            Self::Set(ceilings) => *ceilings,
            Self::Running(running) => running.next(raw, loudness),
        }
    }

    /// The same for every track.
    pub fn fixed() -> Self {
        let (bands, loudness) = (BandCeilings::of(fixed_bands()), Scale::below(quantise_db(FIXED_DB.1)));
        Self::Set(Ceilings { bands, loudness, flux: [FIXED_FLUX; 3] })
    }

    /// Begins at the fixed ones.
    pub fn running() -> Self {
        let loudness = Quantile::from(quantise_db(FIXED_DB.1));
        Self::Running(Running {
            bands: fixed_bands().map(Quantile::from),
            loudness,
            flux: [Quantile::from(FIXED_FLUX); 3],
        })
    }
}

/// What the bands of mastered music reach.
fn fixed_bands() -> [u16; BANDS] {
    let (bass, slope) = FIXED_BASS;
    std::array::from_fn(|band| {
        let octaves = libm::log2(bass / bands::edge_hz(band as f64 + 0.5)).max(0.0);
        quantise_db(FIXED_DB.0 - slope * octaves)
    })
}

/// The ceilings of [`Scaling::Running`].
#[derive(Debug, Clone, Copy)]
pub struct Running {
    bands: [Quantile; BANDS],
    loudness: Quantile,
    flux: [Quantile; 3],
}

impl Running {
    fn next(&mut self, raw: &Raw, loudness: u16) -> Ceilings {
        let floor = quantise_db(FLOOR_DB);
        // A band that is silent while others are heard is quiet, which a silence is not.
        if raw.bands.iter().any(|&db| db > floor) {
            self.bands.iter_mut().zip(&raw.bands).for_each(|(quantile, &db)| quantile.note(db.max(floor + 1), floor));
        }
        self.loudness.note(loudness, floor);
        self.flux.iter_mut().zip(&raw.flux).for_each(|(quantile, &flux)| quantile.note(flux, FAINT_FLUX));
        Ceilings {
            bands: BandCeilings::of(self.bands.map(Quantile::value)),
            loudness: Scale::below(self.loudness.value()),
            flux: self.flux.map(|flux| flux_ceiling(Some(flux.value()))),
        }
    }
}

/// Follows the 98th percentile: goes up by 98 parts at what is above it and down by 2 at what is not, so that it comes
/// to rest where 2 of 100 are above. A part is 0.001 dB, and 32 times that at first: it finds the level of a quiet
/// track within some seconds and loses it within minutes.
#[derive(Debug, Clone, Copy)]
struct Quantile {
    /// In 1/256 of a stored step.
    value: u32,
    seen: u32,
}

impl Quantile {
    /// Values until the steps have their final size: ten seconds.
    const SETTLED: u32 = 1000;
    const PART: u32 = 102;
    const UP: u32 = 98 * Self::PART;
    const DOWN: u32 = 2 * Self::PART;

    fn value(self) -> u16 {
        (self.value >> 8) as u16
    }

    /// Takes the next value; what is not above `floor` is silence, after which nothing changes.
    fn note(&mut self, value: u16, floor: u16) {
        if value <= floor {
            return;
        }
        let value = u32::from(value) << 8;
        let haste = 1 + 31 * (Self::SETTLED - self.seen) / Self::SETTLED;
        self.seen = (self.seen + 1).min(Self::SETTLED);
        self.value = match value > self.value {
            true => (self.value + haste * Self::UP).min(value),
            false => self.value.saturating_sub(haste * Self::DOWN).max(value),
        };
    }
}

impl From<u16> for Quantile {
    fn from(value: u16) -> Self {
        Self { value: u32::from(value) << 8, seen: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn about_two_of_a_hundred_values_are_above_the_running_ceiling(seed in any::<u32>(), middle in 30_000u16..50_000) {
            let mut x = seed;
            let values: Vec<u16> = (0..20_000).map(|_| {
                x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                // ±5 dB, more often in the middle.
                let spread = ((x >> 8) % 2000 + (x >> 20) % 2000) as u16;
                middle - 2000 + spread
            }).collect();
            let mut quantile = Quantile::from(quantise_db(FIXED_DB.0));
            let (first, rest) = values.split_at(5_000);
            first.iter().for_each(|&value| quantile.note(value, 0));
            let above = rest.iter().filter(|&&value| {
                quantile.note(value, 0);
                value > quantile.value()
            }).count();
            let share = above as f64 / rest.len() as f64;
            prop_assert!((0.005..0.04).contains(&share), "{share}");
        }
    }

    #[test]
    fn a_band_is_drawn_by_its_own_ceiling_unless_there_is_hardly_anything_in_it() {
        let mut loud = [quantise_db(-30.0); BANDS];
        (loud[0], loud[1], loud[2]) = (quantise_db(-10.0), quantise_db(-45.0), quantise_db(-70.0));
        let ceilings = BandCeilings::of(loud);
        let level = |band: usize, db: f64| ceilings.level(band, quantise_db(db)) / f32::from(FULL);
        assert_eq!((level(0, -10.0), level(3, -30.0), level(1, -45.0)), (1.0, 1.0, 1.0));
        assert_eq!((level(3, -20.0), level(3, -90.1)), (1.0, 0.0), "neither above the top nor below the range");
        assert!((level(3, -50.0) - 0.1).abs() < 1e-4);
        // Its ceiling is 36 dB below the loudest one, not where its own noise reaches.
        assert!((level(2, -66.0) - 0.1).abs() < 1e-4, "{}", level(2, -66.0));
        let quiet = BandCeilings::of([quantise_db(-75.0); BANDS]);
        assert!((quiet.level(5, quantise_db(-70.0)) / f32::from(FULL) - 0.1).abs() < 1e-4, "noise is not music");
    }

    #[test]
    fn a_running_ceiling_rises_within_a_second_falls_within_a_minute_and_stays_in_silence() {
        let db = |db: f64| quantise_db(db);
        let mut quantile = Quantile::from(db(-40.0));
        quantile.seen = Quantile::SETTLED;
        (0..300).for_each(|_| quantile.note(db(-15.0), 0));
        assert_eq!(quantile.value(), db(-15.0));
        let loud = quantile.value;
        (0..10_000).for_each(|_| quantile.note(db(-100.0), db(-80.0)));
        assert_eq!(quantile.value, loud);
        (0..6_000).for_each(|_| quantile.note(db(-30.0), 0));
        assert!((db(-30.0)..db(-25.0)).contains(&quantile.value()), "{}", bands::dequantise_db(quantile.value()));
    }
}
