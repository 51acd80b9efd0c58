//! Loud recordings are no wall: what is drawn of them moves within a beat, and differs from band to band.

use std::path::Path;

use gststeady::logic::audio::features::{BANDS, FULL, HopWindow};
use gststeady::logic::audio::timeline::Timeline;

use super::recordings::{RECORDINGS, analyze_stereo};

/// Of Debian's games, those of −10 LUFS and louder.
const LOUD: [&str; 5] = [
    "lincity-ng/music/default/01 - pronobozo - lincity.ogg",
    "supertux2/music/antarctic/voc-daytime2.ogg",
    "supertux2/music/retro/worldmap_old.ogg",
    "supertux2/music/retro/ice_music.ogg",
    "etr/music/spunkyrace-ks.ogg",
];
/// About a beat, in hops.
const BEAT: usize = 49;
/// As many as a scene draws, each the higher one of two bands.
const BARS: usize = BANDS / 2;

/// The heights of bars, 0 to 1, from the twentieth second on, for forty or as long as there are some.
fn heights(timeline: &Timeline) -> Vec<[f64; BARS]> {
    let hops = (timeline.hops() as usize).saturating_sub(2000).min(4000);
    let mut window = HopWindow::default();
    timeline.read(2000, hops, &mut window, &mut Vec::new()).unwrap();
    let bars = |hop: usize| {
        let bands = window.hop(2000 + hop as i64).bands;
        std::array::from_fn(|bar| f64::from(bands[2 * bar].max(bands[2 * bar + 1])) / f64::from(FULL))
    };
    (0..hops).map(bars).collect()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// How far a bar moves within a beat, the deviation of the bars of a moment, and the share of those at nine tenths and above.
fn figures(heights: &[[f64; BARS]]) -> [f64; 3] {
    let moves = heights.chunks_exact(BEAT).flat_map(|beat| {
        (0..BARS).map(move |bar| {
            let of = || beat.iter().map(|bars| bars[bar]);
            of().fold(0.0, f64::max) - of().fold(1.0, f64::min)
        })
    });
    let deviation = |bars: &[f64; BARS]| {
        let mean = bars.iter().sum::<f64>() / BARS as f64;
        (bars.iter().map(|bar| (bar - mean) * (bar - mean)).sum::<f64>() / BARS as f64).sqrt()
    };
    let high = heights.iter().flatten().filter(|height| **height >= 0.9).count();
    let count = heights.len() as f64;
    [median(moves.collect()), heights.iter().map(deviation).sum::<f64>() / count, high as f64 / (count * BARS as f64)]
}

#[test]
fn bars_of_loud_music_move_within_a_beat_and_are_no_wall() {
    let mut all = Vec::new();
    for name in LOUD {
        let timeline = analyze_stereo(&Path::new(RECORDINGS).join(name));
        let loudness = timeline.summary().loudness_lufs.unwrap();
        let [moves, spread, high] = figures(&heights(&timeline));
        println!("{name}: {loudness:.1} LUFS, moves by {moves:.2}, spread {spread:.2}, {:.0} % at 0.9", 100.0 * high);
        all.push([moves, spread, high]);
    }
    let of = |figure: usize| median(all.iter().map(|figures| figures[figure]).collect());
    assert!(of(0) >= 0.35 && of(1) >= 0.22 && of(2) <= 0.08, "{} {} {}", of(0), of(1), of(2));
    // Those whose notes are long move less.
    assert!(all.iter().all(|[moves, spread, high]| *moves >= 0.25 && *spread >= 0.18 && *high <= 0.13), "{all:?}");
}
