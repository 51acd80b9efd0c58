//! What is measured of heights: how much they move, how much they differ, whether they are true to the sound.

/// As many as a scene draws, each the higher one of two bands.
pub const BARS: usize = 32;
pub const HOPS_PER_SECOND: usize = 100;

/// The bars of a moment, of which there are a hundred a second: heights from 0 to 1, or levels.
pub type Bars = [f64; BARS];

/// A turn counts when a bar then goes back by this much of full height, and a level by this much of its 98th percentile.
const TURN: f64 = 0.1;
/// Turns of a bar and of its level are the same ones when both are peaks, or both valleys, no further apart than this, in hops.
const TOGETHER: usize = 5;
/// A level stands still over a beat when it keeps within this, with its smoothing over 100 ms, from before the beat on.
const STILL_DB: f64 = 2.0;
const STILL_MEAN: usize = 5;
const STILL_BEFORE: usize = 25;
/// Lower bars cannot be seen to sway.
const SEEN: f64 = 0.05;
/// Bars whose level is further below the loudest one hold no sound: what is above half the rate of a telephone's voice.
const UNHEARD_DB: f64 = 70.0;

/// What heights are judged by.
#[derive(Debug, Clone, Copy)]
pub struct Figures {
    /// How far a bar moves within a beat: the median over bars and beats.
    pub moves: f64,
    /// Standard deviation of the heights of a moment: the mean over moments.
    pub spread: f64,
    /// Share of heights of nine tenths and more.
    pub high: f64,
    /// Share of a bar's turns that are within 50 ms of such a turn of its own level.
    pub together: f64,
    /// The same of turns that come at any time: what chance would reach.
    pub chance: f64,
    /// Rank correlation of a bar with its own level: the mean over bars.
    pub rank: f64,
    /// How far a bar moves within a beat over which its own level stands still (the mean), and how often one does.
    pub sways: Option<f64>,
    pub still: usize,
    /// Pumping: rank correlation of a bar with what all others sound like, where its own level is the same (the partial
    /// correlation, without its sign; the median over bars).
    pub pumps: f64,
}

/// Judges `heights` by the levels of the same moments; `beats` are ranges of moments.
pub fn figures(heights: &[Bars], own: &[Bars], beats: &[std::ops::Range<usize>]) -> Figures {
    let heard = heard(own);
    let moves = |bar: usize, beat: &std::ops::Range<usize>| {
        let of = || heights[beat.clone()].iter().map(|bars| bars[bar]);
        of().fold(0.0, f64::max) - of().fold(1.0, f64::min)
    };
    let all_moves = beats.iter().flat_map(|beat| heard.iter().map(move |&bar| moves(bar, beat))).collect();
    let deviation = |bars: &Bars| {
        let mean = heard.iter().map(|&bar| bars[bar]).sum::<f64>() / heard.len() as f64;
        (heard.iter().map(|&bar| square(bars[bar] - mean)).sum::<f64>() / heard.len() as f64).sqrt()
    };
    let high =
        heights.iter().flat_map(|bars| heard.iter().map(|&bar| bars[bar])).filter(|height| *height >= 0.9).count();

    let [mut turns, mut together, mut chance, mut rank] = [0.0; 4];
    let (mut sways, mut pumps) = (Vec::new(), Vec::new());
    for &bar in &heard {
        let column = |of: &[Bars]| of.iter().map(|bars| bars[bar]).collect::<Vec<_>>();
        let (drawn, level) = (column(heights), column(own));
        let others = own.iter().map(|bars| bars.iter().copied().map(square).sum::<f64>() - square(bars[bar]));
        let [height, itself, others] = [ranks(&drawn), ranks(&level), ranks(&others.collect::<Vec<_>>())];
        let (true_to, to_others) = (correlation(&height, &itself), correlation(&height, &others));
        let between = correlation(&itself, &others);
        let left = (1.0 - true_to * true_to) * (1.0 - between * between);
        rank += true_to;
        // Plain amplitude has nothing left to explain.
        pumps.push(if left < 1e-6 { 0.0 } else { (to_others - true_to * between).abs() / left.sqrt() });
        let loud = percentile(&level, 0.98);
        let of_level = turns_of(&level.iter().map(|level| level / loud).collect::<Vec<_>>());
        let near_those = [false, true].map(|peak| near(&of_level, peak, level.len()));
        let chances = near_those.each_ref().map(|near| share(near.iter().copied()));
        for (at, peak) in turns_of(&drawn) {
            turns += 1.0;
            together += f64::from(u8::from(near_those[usize::from(peak)][at]));
            chance += chances[usize::from(peak)];
        }
        let smooth = smoothed(&level);
        sways.extend(beats.iter().filter(|beat| beat.start >= STILL_BEFORE).filter_map(|beat| {
            let over = &smooth[beat.start - STILL_BEFORE..beat.end];
            let (low, high) = (over.iter().copied().fold(f64::MAX, f64::min), over.iter().copied().fold(0.0, f64::max));
            let mean = drawn[beat.clone()].iter().sum::<f64>() / beat.len() as f64;
            (decibels(high / low) <= STILL_DB && mean >= SEEN).then(|| moves(bar, beat))
        }));
    }
    let (moments, count) = (heights.len() as f64, heard.len() as f64);
    Figures {
        moves: median(all_moves),
        spread: heights.iter().map(deviation).sum::<f64>() / moments,
        high: high as f64 / (moments * count),
        together: together / turns,
        chance: chance / turns,
        rank: rank / count,
        sways: (!sways.is_empty()).then(|| sways.iter().sum::<f64>() / sways.len() as f64),
        still: sways.len(),
        pumps: median(pumps),
    }
}

/// The bars in which something sounds.
fn heard(own: &[Bars]) -> Vec<usize> {
    let loud: Vec<_> =
        (0..BARS).map(|bar| percentile(&own.iter().map(|bars| bars[bar]).collect::<Vec<_>>(), 0.98)).collect();
    let loudest = loud.iter().copied().fold(0.0, f64::max);
    (0..BARS).filter(|&bar| decibels(loudest / loud[bar].max(1e-12)) < UNHEARD_DB).collect()
}

/// Plain amplitude: each bar's level over its own 98th percentile.
pub fn plain_amplitude(own: &[Bars]) -> Vec<Bars> {
    let top: Bars =
        std::array::from_fn(|bar| percentile(&own.iter().map(|bars| bars[bar]).collect::<Vec<_>>(), 0.98).max(1e-9));
    own.iter().map(|bars| std::array::from_fn(|bar| (bars[bar] / top[bar]).min(1.0))).collect()
}

/// Plain decibels: the 60 below the 98th percentile of the loudest bar.
pub fn plain_decibels(own: &[Bars]) -> Vec<Bars> {
    let loudest: Vec<_> = own.iter().map(|bars| bars.iter().copied().fold(0.0, f64::max)).collect();
    let top = percentile(&loudest, 0.98).max(1e-9);
    own.iter().map(|bars| bars.map(|level| (1.0 + decibels(level.max(1e-12) / top) / 60.0).clamp(0.0, 1.0))).collect()
}

pub fn decibels(ratio: f64) -> f64 {
    20.0 * libm::log10(ratio)
}

fn square(value: f64) -> f64 {
    value * value
}

/// The middle value, NaN of none.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn percentile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(((sorted.len() as f64 - 1.0) * share) as usize).copied().unwrap_or(0.0)
}

/// The mean power around each moment, as amplitude.
fn smoothed(level: &[f64]) -> Vec<f64> {
    (0..level.len())
        .map(|at| {
            let over = &level[at.saturating_sub(STILL_MEAN)..(at + STILL_MEAN + 1).min(level.len())];
            (over.iter().copied().map(square).sum::<f64>() / over.len() as f64).sqrt().max(1e-12)
        })
        .collect()
}

/// Where `values` turn, having gone on by [`TURN`] and going back by as much, and whether at a peak.
fn turns_of(values: &[f64]) -> Vec<(usize, bool)> {
    let (mut turns, mut rising, mut extreme) = (Vec::new(), true, 0);
    for (at, &value) in values.iter().enumerate() {
        let on = (value - values[extreme]) * if rising { 1.0 } else { -1.0 };
        if on > 0.0 {
            extreme = at;
        } else if on < -TURN {
            turns.push((extreme, rising));
            (rising, extreme) = (!rising, at);
        }
    }
    turns
}

/// Which of `len` moments have one of these peaks close by, or one of these valleys.
fn near(turns: &[(usize, bool)], peaks: bool, len: usize) -> Vec<bool> {
    let mut near = vec![false; len];
    for &(at, peak) in turns {
        if peak == peaks {
            near[at.saturating_sub(TOGETHER)..(at + TOGETHER + 1).min(len)].fill(true);
        }
    }
    near
}

fn share(of: impl ExactSizeIterator<Item = bool>) -> f64 {
    let len = of.len() as f64;
    of.filter(|is| *is).count() as f64 / len
}

/// The rank of each value, those that are equal at the mean of theirs.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<_> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let (mut ranks, mut from) = (vec![0.0; values.len()], 0);
    for equal in order.chunk_by(|&a, &b| values[a] == values[b]) {
        equal.iter().for_each(|&at| ranks[at] = from as f64 + (equal.len() - 1) as f64 / 2.0);
        from += equal.len();
    }
    ranks
}

/// Pearson's; 0 where one of the two stands still.
fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let [mut both, mut of_a, mut of_b] = [0.0; 3];
    for (a, b) in a.iter().zip(b) {
        both += (a - mean_a) * (b - mean_b);
        of_a += square(a - mean_a);
        of_b += square(b - mean_b);
    }
    if of_a > 0.0 && of_b > 0.0 { both / (of_a * of_b).sqrt() } else { 0.0 }
}
