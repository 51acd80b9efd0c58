//! What strikes in the window: each hop in which an onset rises.

use crate::logic::audio::features::HopWindow;
use crate::logic::audio::hops::HopTime;
use crate::logic::render::math::of_full;

/// Hops that the longest life takes.
pub const LONGEST: i64 = 300;
/// A rise below this is no event.
const LEAST: f32 = 0.07;

/// An onset in one of the three ranges.
#[derive(Clone, Copy)]
pub struct Event {
    /// The hop in which it rises, for what is left to chance.
    pub hop: i64,
    /// 0 for the bass, 2 for what is high.
    pub range: usize,
    /// How much it rises, 0 … 1.
    pub strength: f32,
    /// Seconds since.
    pub age: f32,
}

/// The events of the last [`LONGEST`] hops, newest first.
pub fn events(at: HopTime, window: &HopWindow) -> impl Iterator<Item = Event> {
    (0..LONGEST).flat_map(move |back| {
        let hop = at.hop - back;
        let (now, before) = (window.hop(hop).onsets, window.hop(hop - 1).onsets);
        let age = (at.ticks() - hop * 65_536) as f32 / 6_553_600.0;
        (0..3).filter_map(move |range| {
            let strength = of_full(now[range].saturating_sub(before[range]));
            (strength > LEAST).then_some(Event { hop, range, strength, age })
        })
    })
}
