//! How one picture becomes another.

use std::fmt;

use super::canvas::BPP;
use super::math::smoothstep;

/// How the picture of one scene becomes that of the next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Transition {
    /// At once.
    #[default]
    Cut,
    /// The one shines through the other more and more.
    Fade,
    /// The next comes in from the left behind a soft edge.
    Wipe,
}

impl Transition {
    /// All of them.
    pub const ALL: [Transition; 3] = [Transition::Cut, Transition::Fade, Transition::Wipe];
}

impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cut => "cut",
            Self::Fade => "fade",
            Self::Wipe => "wipe",
        })
    }
}

/// Softness of the edge of a wipe, as a part of the width.
const EDGE: f32 = 0.12;
/// All of the picture that comes.
const WHOLE: u32 = 256;

/// A moment of a transition.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mix {
    transition: Transition,
    /// How far it is, from 0 to 1.
    part: f32,
}

impl Mix {
    /// Frame `i` of the `count` that a transition takes: it is begun in the first and ends after the last.
    pub fn new(transition: Transition, i: u64, count: u64) -> Self {
        Self { transition, part: smoothstep((i as f32 + 0.5) / count.max(1) as f32) }
    }

    /// Lays a row of the picture that leaves over that of the picture that comes.
    pub fn lay(self, leaving: &[u8], coming: &mut [u8]) {
        let (leaving, coming) = (leaving.as_chunks::<BPP>().0, coming.as_chunks_mut::<BPP>().0);
        // Where the edge is, in pixels, and how many it is wide: it has passed the whole width at the end.
        let edge = (EDGE * coming.len() as f32).max(1.0);
        let at = self.part * (coming.len() as f32 + edge);
        let even = weight(self.part);
        for (x, (new, old)) in coming.iter_mut().zip(leaving).enumerate() {
            let of_new = match self.transition {
                Transition::Cut => WHOLE,
                Transition::Fade => even,
                Transition::Wipe => weight(smoothstep((at - x as f32 - 0.5) / edge)),
            };
            *new = mixed(*old, *new, of_new);
        }
    }
}

fn weight(part: f32) -> u32 {
    (part.clamp(0.0, 1.0) * WHOLE as f32 + 0.5) as u32
}

/// Two colours with straight alpha: each counts as much as it covers.
fn mixed(old: [u8; BPP], new: [u8; BPP], of_new: u32) -> [u8; BPP] {
    let of_old = WHOLE - of_new;
    if old[3] == 255 && new[3] == 255 {
        return std::array::from_fn(|c| {
            ((u32::from(old[c]) * of_old + u32::from(new[c]) * of_new + WHOLE / 2) / WHOLE) as u8
        });
    }
    let (by_old, by_new) = (u32::from(old[3]) * of_old, u32::from(new[3]) * of_new);
    let covered = by_old + by_new;
    let colour = |c: usize| {
        let sum = u32::from(old[c]) * by_old + u32::from(new[c]) * by_new + covered / 2;
        sum.checked_div(covered).unwrap_or(0) as u8
    };
    [colour(0), colour(1), colour(2), ((covered + WHOLE / 2) / WHOLE) as u8]
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: [u8; 4] = [200, 100, 0, 255];
    const NEW: [u8; 4] = [0, 100, 250, 255];

    fn row(mix: Mix) -> Vec<[u8; 4]> {
        let mut row = NEW.repeat(100);
        mix.lay(&OLD.repeat(100), &mut row);
        row.as_chunks().0.to_vec()
    }

    #[test]
    fn a_fade_goes_from_nearly_the_one_to_nearly_the_other_and_is_half_of_each_in_the_middle() {
        let at = |i| row(Mix::new(Transition::Fade, i, 15))[50];
        assert_eq!(at(7), [100, 100, 125, 255]);
        let reds: Vec<u8> = (0..15).map(|i| at(i)[0]).collect();
        assert!(reds.is_sorted_by(|a, b| a > b) && reds[0] > 195 && reds[14] < 5, "{reds:?}");
    }

    #[test]
    fn a_wipe_comes_from_the_left_and_leaves_nothing_of_the_old_at_its_end() {
        let middle = row(Mix { transition: Transition::Wipe, part: 0.5 });
        assert_eq!((middle[10], middle[90]), (NEW, OLD));
        assert!(middle.is_sorted_by(|a, b| a[0] <= b[0]));
        assert!(row(Mix { transition: Transition::Wipe, part: 0.0 }).iter().all(|&pixel| pixel == OLD));
        assert!(row(Mix { transition: Transition::Wipe, part: 1.0 }).iter().all(|&pixel| pixel == NEW));
    }

    #[test]
    fn what_is_transparent_adds_no_colour() {
        assert_eq!(mixed([255, 255, 255, 0], [10, 20, 30, 255], 128), [10, 20, 30, 128]);
        assert_eq!(mixed([0; 4], [0; 4], 77), [0; 4]);
    }
}
