//! The shape of a picture: scenes are composed anew for wide, square and tall ones, not stretched.

use super::look::Look;

/// How a picture is composed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// 16:9 and whatever else is wider than 5:4.
    Wide,
    /// 1:1, from 4:5 to 5:4.
    Square,
    /// 9:16 and whatever else is taller than 4:5.
    Tall,
}

/// Baseline of the title in tall pictures, as a part of the height: players of such videos lay their own words over
/// the lowest fifth.
pub(super) const TALL_TITLE: f32 = 0.785;
/// Text is larger in tall pictures, which are mostly seen on telephones.
pub(super) const TALL_TEXT: f32 = 1.25;

impl Shape {
    pub(super) fn of(look: &Look) -> Self {
        match look.width() as f32 / look.height() as f32 {
            r if r > 1.25 => Self::Wide,
            r if r >= 0.8 => Self::Square,
            _ => Self::Tall,
        }
    }
}

/// How many things stand side by side in a tall picture in which there are `at_phone` at 9:16: with the root of the
/// aspect ratio, so that they grow thicker as it grows taller but never as much as it does.
pub(super) fn abreast(look: &Look, at_phone: f32) -> usize {
    let ratio = look.width() as f32 / look.height() as f32;
    (at_phone * (ratio / 0.5625).sqrt() + 0.5).clamp(5.0, 64.0) as usize
}

/// Things side by side that fill a width as well as whole pixels can: how many, and pixels from each to the next.
///
/// `gap` is the part of a pitch that is left free beside each of them, which does not count after the last one. Their
/// number is `about` as asked, or up to two `step`s less or more where that fills better.
pub(super) fn fitted(across: f32, about: usize, step: usize, gap: f32) -> (usize, i32) {
    let candidates = (0..5).map(|i| (about + i * step).saturating_sub(2 * step).max(3)).map(|count| {
        let pitches = count as f32 - gap;
        let pitch = (across / pitches.max(0.5)).floor().max(1.0);
        let (spare, off) = (across - pitch * pitches, count.abs_diff(about) as f32);
        // Too wide is worst; a pixel or two to spare is better than another number.
        (if spare < 0.0 { -spare * across } else { spare } + off * (0.4 + 0.002 * across), count, pitch as i32)
    });
    let best = candidates.reduce(|best, next| if next.0 < best.0 { next } else { best });
    best.map_or((about, 1), |(_, count, pitch)| (count, pitch))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_have_the_names_people_give_them() {
        let shape = |w, h| Shape::of(&Look::new(w, h).unwrap());
        for (w, h) in [(1920, 1080), (640, 480), (16_384, 16), (1024, 768)] {
            assert_eq!(shape(w, h), Shape::Wide, "{w}×{h}");
        }
        for (w, h) in [(1080, 1080), (1080, 1350), (1350, 1080), (16, 16)] {
            assert_eq!(shape(w, h), Shape::Square, "{w}×{h}");
        }
        for (w, h) in [(1080, 1920), (768, 1024), (100, 1000), (16, 16_384)] {
            assert_eq!(shape(w, h), Shape::Tall, "{w}×{h}");
        }
    }

    #[test]
    fn things_fill_the_width_and_never_more_where_there_is_room() {
        for width in 60..3000 {
            let across = 0.9 * width as f32;
            let (count, pitch) = fitted(across, 20, 1, 0.34);
            assert!((18..=22).contains(&count));
            let taken = pitch as f32 * (count as f32 - 0.34);
            assert!(taken <= across + 0.01 && taken > 0.93 * across - 2.0, "{width}: {count} × {pitch} of {across}");
        }
        assert_eq!(fitted(4.0, 20, 1, 0.34).1, 1, "there is no less than a pixel");
        assert_eq!(fitted(900.0, 17, 2, 0.4).0 % 2, 1);
    }

    #[test]
    fn taller_pictures_hold_fewer_things_abreast() {
        let abreast = |w, h| abreast(&Look::new(w, h).unwrap(), 22.0);
        assert_eq!(abreast(1080, 1920), 22);
        assert_eq!(abreast(360, 640), 22);
        assert_eq!(abreast(100, 1000), 9);
        assert_eq!(abreast(16, 16_384), 5);
    }
}
