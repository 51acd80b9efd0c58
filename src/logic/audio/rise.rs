//! Rises: how much louder the bands become from hop to hop, in decibels, however quiet the music is.
//!
//! The flux of [`super::onset`] is of amplitudes that are compressed at a fixed level: an onset as it is heard and drawn.
//! A soft attack, or a drum behind a loud pad, is little of that, and yet it is what the beat hangs on. Both together find
//! the beat of music in which either alone does not.

use std::collections::VecDeque;

use super::bands::{DB_STEPS, quantise_db};
use super::features::BANDS;
use super::scaling::FLOOR_DB;

/// Hops between the two spectra that are compared: a soft attack takes longer than one.
const LAG: usize = 3;
/// Decibels by which a band becomes louder without any onset.
const UNSTEADY_DB: f64 = 1.0;

/// The rises of the last hops.
pub(super) struct Rise {
    past: VecDeque<[u16; BANDS]>,
}

impl Default for Rise {
    fn default() -> Self {
        Self { past: VecDeque::from(vec![[u16::MAX; BANDS]; LAG]) }
    }
}

impl Rise {
    /// Takes the next hop's levels in quantised decibels; returns by how many decibels a band rises, in the mean. The first
    /// hops rise from nothing, which is no onset.
    pub fn next(&mut self, bands: &[u16; BANDS]) -> f64 {
        let floor = quantise_db(FLOOR_DB);
        let unsteady = (UNSTEADY_DB * DB_STEPS) as u16;
        let now = bands.map(|band| band.max(floor));
        let before = self.past.pop_front().unwrap_or(now);
        let rises = now.iter().zip(&before).map(|(now, before)| now.saturating_sub(before.saturating_add(unsteady)));
        let sum: u32 = rises.map(u32::from).sum();
        self.past.push_back(now);
        f64::from(sum) / (BANDS as f64 * DB_STEPS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the hops of these levels rise by.
    fn rises(levels: &[f64]) -> Vec<f64> {
        let mut rise = Rise::default();
        levels.iter().map(|&db| rise.next(&[quantise_db(db); BANDS])).collect()
    }

    #[test]
    fn a_quiet_attack_counts_as_much_as_a_loud_one() {
        let attack = |from: f64| rises(&[from, from, from, from, from + 6.0, from + 6.0, from + 6.0, from + 6.0]);
        for from in [-75.0, -20.0] {
            assert_eq!(attack(from), [0.0, 0.0, 0.0, 0.0, 5.0, 5.0, 5.0, 0.0], "{from}");
        }
    }

    #[test]
    fn what_begins_falls_trembles_or_cannot_be_heard_is_no_rise() {
        assert_eq!(rises(&[-20.0, -20.0, -20.0, -30.0, -30.0]), [0.0; 5]);
        assert_eq!(rises(&[-50.0, -49.5, -50.2, -49.4, -49.2, -50.3]), [0.0; 6]);
        assert_eq!(rises(&[-119.0, -119.0, -119.0, -119.0, -90.0]), [0.0; 5]);
    }
}
