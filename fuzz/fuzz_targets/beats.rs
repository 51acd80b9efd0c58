//! Any text is read as a list of beats or refused, with a tempo that is a number.
#![no_main]

use gststeady::logic::audio::beat_grid::BeatGrid;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(grid) = text.parse::<BeatGrid>() {
        assert!(grid.tempo().is_none_or(|tempo| tempo.is_finite() && tempo > 0.0));
    }
});
