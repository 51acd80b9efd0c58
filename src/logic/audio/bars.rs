//! Which beats begin a bar: those of every four at which the harmony changes and the bass is heard.
//!
//! Of nineteen pieces of real music with known bars these two together are right about sixteen; onsets, of the bass or of
//! everything, about no more than a guess is, since drums fall on each beat.

use std::io;
use std::ops::ControlFlow;

use super::beat_grid::{BAR, FURTHEST};
use super::features::{BANDS, HopWindow};
use super::options::Analysis;
use super::timeline::Timeline;

/// The bands of the bass: up to about 140 Hz.
const BASS: usize = 16;
/// Hops after a beat in which its bass is heard.
const BASS_HOPS: i64 = 10;
/// Beats from one call of `go_on` to the next.
const ASKED_EVERY: usize = 256;

/// The mean level of each band from a beat to the next.
type Spectrum = [f64; BANDS];

impl Timeline {
    /// The beats that begin a bar, by their index in [`beats`](Self::beats): found by reading all of the track, unless they
    /// were given. `None` when `go_on`, asked now and then, calls that off. Where the analysis is causal the first beat is
    /// taken to begin a bar, since later ones may not be known.
    ///
    /// # Errors
    ///
    /// When records cannot be read, as in [`read`](Self::read); only where the bars have to be found.
    pub fn bars(&self, go_on: &mut dyn FnMut() -> ControlFlow<()>) -> io::Result<Option<Vec<u32>>> {
        match (&self.bars, self.options.analysis) {
            (Some(given), _) => Ok(Some(given.clone())),
            (None, Analysis::Full) => find(self, go_on),
            (None, Analysis::Causal) => Ok(Some((0..self.beats.len() as u32).step_by(BAR).collect())),
        }
    }
}

/// The indices of the beats of `timeline` that begin a bar. `None` when `go_on`, asked now and then, calls it off.
fn find(timeline: &Timeline, go_on: &mut dyn FnMut() -> ControlFlow<()>) -> io::Result<Option<Vec<u32>>> {
    let mut bars = Vec::new();
    let (mut window, mut buffer) = Default::default();
    let mut first = 0;
    // After a pause of the beat, counting starts anew.
    for stretch in timeline.beats().chunk_by(|a, b| i64::from(b - a) <= FURTHEST) {
        let mut votes = Votes::default();
        let mut len = FURTHEST;
        for (beat, &hop) in stretch.iter().enumerate() {
            if beat % ASKED_EVERY == 0 && go_on().is_break() {
                return Ok(None);
            }
            // The last beat is taken to be as long as the one before it.
            len = stretch.get(beat + 1).map_or(len, |next| i64::from(next - hop));
            timeline.read(i64::from(hop), len.max(BASS_HOPS) as usize, &mut window, &mut buffer)?;
            votes.count(bass(&window, hop), spectrum(&window, hop, len));
        }
        bars.extend((votes.phase()..stretch.len()).step_by(BAR).map(|beat| (first + beat) as u32));
        first += stretch.len();
    }
    Ok(Some(bars))
}

fn bass(window: &HopWindow, hop: u32) -> f64 {
    let loudest = |hop| window.hop(hop).bands[..BASS].iter().copied().max().unwrap_or(0);
    let hop = i64::from(hop);
    (hop..hop + BASS_HOPS).map(|hop| f64::from(loudest(hop))).sum()
}

fn spectrum(window: &HopWindow, hop: u32, len: i64) -> Spectrum {
    let hop = i64::from(hop);
    let sum = |band: usize| (hop..hop + len).map(|hop| f64::from(window.hop(hop).bands[band])).sum::<f64>();
    std::array::from_fn(|band| sum(band) / len as f64)
}

/// The evidence for each of the four beats of a bar to be its first.
#[derive(Default)]
struct Votes {
    beats: usize,
    /// Of the last four beats, the latest at the end.
    spectra: [Option<Spectrum>; 4],
    bass: [f64; BAR],
    changes: [f64; BAR],
}

impl Votes {
    fn count(&mut self, bass: f64, spectrum: Spectrum) {
        self.bass[self.beats % BAR] += bass;
        self.spectra.rotate_left(1);
        self.spectra[3] = Some(spectrum);
        if let [Some(a), Some(b), Some(c), Some(d)] = &self.spectra {
            // How far two beats are from the two before them, at the boundary: where the beat before this one begins.
            let apart = |band: usize| (c[band] + d[band] - a[band] - b[band]).abs();
            self.changes[(self.beats - 1) % BAR] += (0..BANDS).map(apart).sum::<f64>();
        }
        self.beats += 1;
    }

    /// The first beat of a bar, the earliest where several are alike.
    fn phase(&self) -> usize {
        let share = |of: &[f64; BAR], phase: usize| of[phase] / of.iter().sum::<f64>().max(1.0);
        let score = |phase| share(&self.bass, phase) + share(&self.changes, phase);
        (0..BAR).max_by(|&a, &b| score(a).total_cmp(&score(b)).then(b.cmp(&a))).unwrap_or(0)
    }
}
