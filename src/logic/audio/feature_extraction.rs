//! Feature extraction: measures pushed samples hop by hop.
//!
//! Each number is a function of sample positions alone, so it does not matter how the samples are cut into pushes.

use std::collections::VecDeque;
use std::io;

use super::attack::{Attack, AttackFinder};
use super::bands::{BandSums, Leveller};
use super::decimate::Decimator;
use super::features::{BANDS, FULL, HOPS_PER_SECOND, WAVE_POINTS};
use super::fft::Spectrum;
use super::fft_window;
use super::hops::HopGrid;
use super::loudness::{KWeighting, MOMENTARY};
use super::onset::Flux;
use super::options::SpecError;
use super::record::Raw;

/// Samples per channel taken in at once, however many are pushed: what is resident does not depend on the pusher.
const TAKE: usize = 4096;
/// Samples are clamped to ±8 (+18 dB over full scale), so that no square overflows.
const LOUDEST: f32 = 8.0;

/// A hop as measured.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    /// The part of it that is stored.
    pub raw: Raw,
    /// K-weighted energy of the [`MOMENTARY`] hops around it, as far as they lie ahead within the look-ahead.
    pub around: u64,
    /// Its largest absolute sample.
    pub peak: f32,
}

/// Takes samples and gives one [`Measured`] per hop.
pub struct FeatureExtractor {
    hops: HopGrid,
    short: Spectrum,
    quick: Spectrum,
    long: Spectrum,
    short_sums: BandSums,
    quick_sums: BandSums,
    long_sums: BandSums,
    leveller: Leveller,
    decimator: Decimator,
    flux: Flux,
    weighting: KWeighting,
    finder: AttackFinder,
    channels: Vec<Channel>,
    /// Sample position of the first of `Channel::samples`.
    base: i64,
    /// Decimated position of the first of `Channel::slow`.
    slow_base: i64,
    /// Samples pushed so far.
    samples: u64,
    next_hop: u64,
    /// Hops whose energy is known before the hop itself can be measured.
    ahead: usize,
    /// Energies of the hops from `next_hop` + `ahead` + 1 − [`MOMENTARY`] to `next_energy`.
    energies: VecDeque<u64>,
    next_energy: u64,
    /// Attacks of the hops from `next_hop` − 1 to `next_energy`.
    attacks: VecDeque<Attack>,
    power: Vec<f32>,
}

#[derive(Debug, Default, Clone)]
struct Channel {
    samples: Vec<f32>,
    slow: Vec<f32>,
}

impl FeatureExtractor {
    /// For interleaved audio of `channels` channels at `rate` Hz.
    pub fn new(rate: u32, channels: u32) -> Result<Self, SpecError> {
        if rate == 0 || channels == 0 {
            return Err(SpecError::Empty { rate, channels });
        }
        let (short, factor) = (fft_window::short_len(rate), fft_window::decimation(rate));
        let bin_hz = |len: usize, factor: usize| f64::from(rate) / factor as f64 / len as f64;
        let spectrum = |len: usize, factor: usize| {
            let spectrum = Spectrum::new(len);
            let sums = BandSums::new(spectrum.bins(), bin_hz(len, factor));
            (spectrum, sums)
        };
        let (short, short_sums) = spectrum(short, 1);
        // Onsets want to know when rather than what: half the window.
        let (quick, quick_sums) = spectrum(short.len() / 2, 1);
        let (long, long_sums) = spectrum(fft_window::LONG_LEN, factor);
        let decimator = Decimator::new(factor);
        // Silence before the first sample, as far as the first hop's windows look back.
        let (before, slow_before) = (short.len() + decimator.reach(), fft_window::LONG_LEN);
        let silent = Channel { samples: vec![0.0; before], slow: vec![0.0; slow_before - 8] };
        // Half the long window, less the hop's own half and what rounding may take.
        let ahead = fft_window::LONG_LEN / 2 * factor * HOPS_PER_SECOND as usize / rate as usize;
        let ahead = ahead.saturating_sub(1).min(MOMENTARY / 2);
        Ok(Self {
            hops: HopGrid::new(rate),
            power: Vec::with_capacity(short.bins().max(long.bins())),
            short,
            quick,
            long,
            short_sums,
            quick_sums,
            long_sums,
            leveller: Leveller::default(),
            decimator,
            flux: Flux::default(),
            weighting: KWeighting::new(rate, channels as usize),
            finder: AttackFinder::new(rate, channels as usize),
            channels: vec![silent; channels as usize],
            base: -(before as i64),
            slow_base: -(slow_before as i64),
            samples: 0,
            next_hop: 0,
            ahead,
            energies: VecDeque::from(vec![0; MOMENTARY - 1 - ahead]),
            next_energy: 0,
            attacks: VecDeque::from([Attack::default()]),
        })
    }

    /// Samples per channel pushed so far.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// Hops measured so far.
    pub fn hops(&self) -> u64 {
        self.next_hop
    }

    /// Samples after the centre of a hop that are looked at, at most, before it is measured.
    pub fn lookahead(&self) -> u64 {
        let (factor, half) = (self.decimator.factor(), self.long.len() / 2);
        let long = factor / 2 + (half - 1) * factor + self.decimator.reach() + 1;
        long.max(self.short.len() / 2) as u64
    }

    /// Takes any number of samples, interleaved, and tells each hop that can be measured by now. What is not a number
    /// is silence.
    pub fn push(&mut self, interleaved: &[f32], tell: &mut dyn FnMut(&Measured) -> io::Result<()>) -> io::Result<()> {
        let count = self.channels.len();
        debug_assert_eq!(interleaved.len() % count, 0, "part of a sample");
        for block in interleaved.chunks(TAKE * count) {
            for (i, channel) in self.channels.iter_mut().enumerate() {
                let samples = block.iter().skip(i).step_by(count);
                channel.samples.extend(samples.map(|&x| if x.is_finite() { x.clamp(-LOUDEST, LOUDEST) } else { 0.0 }));
            }
            self.samples += (block.len() / count) as u64;
            self.advance(u64::MAX, tell)?;
        }
        Ok(())
    }

    /// Ends the track: tells its last hops.
    pub fn finish(&mut self, tell: &mut dyn FnMut(&Measured) -> io::Result<()>) -> io::Result<()> {
        let hops = self.hops.count(self.samples);
        while self.next_hop < hops {
            self.channels.iter_mut().for_each(|channel| channel.samples.extend([0.0; TAKE]));
            self.advance(hops, tell)?;
        }
        Ok(())
    }

    /// Measures every hop below `limit` whose windows are filled, then forgets what no later hop looks at.
    fn advance(&mut self, limit: u64, tell: &mut dyn FnMut(&Measured) -> io::Result<()>) -> io::Result<()> {
        let (factor, reach) = (self.decimator.factor() as i64, self.decimator.reach() as i64);
        let end = self.base + self.channels[0].samples.len() as i64;
        loop {
            let slow = self.slow_base + self.channels[0].slow.len() as i64;
            if slow * factor + reach >= end {
                break;
            }
            let from = (slow * factor - reach - self.base) as usize;
            for channel in &mut self.channels {
                channel.slow.push(self.decimator.output(&channel.samples[from..=from + 2 * reach as usize]));
            }
        }
        while self.hops.start(self.next_energy + 1) <= end {
            let own = self.own(self.next_energy);
            let energy =
                (0..self.channels.len()).map(|i| self.weighting.energy(i, &self.channels[i].samples[own.clone()]));
            self.energies.push_back((energy.sum::<f64>() * 4_294_967_296.0) as u64);
            let samples = self.channels.iter().map(|channel| &channel.samples[own.clone()]);
            if let Some(before) = self.attacks.back_mut() {
                let attack = self.finder.next(samples, before);
                self.attacks.push_back(attack);
            }
            self.next_energy += 1;
        }
        let slow_end = self.slow_base + self.channels[0].slow.len() as i64;
        let (half, long_half) = (self.short.len() as i64 / 2, self.long.len() as i64 / 2);
        while self.next_hop < limit {
            let centre = self.hops.centre(self.next_hop);
            let slow_centre = (centre + factor / 2).div_euclid(factor);
            let heard = self.energies.len() >= MOMENTARY;
            if centre + half > end || slow_centre + long_half > slow_end || !heard {
                break;
            }
            let measured = self.measure(centre, slow_centre);
            self.next_hop += 1;
            tell(&measured)?;
        }
        let next = self.hops.centre(self.next_hop);
        let keep = (next - half).min(self.hops.start(self.next_hop)).min(slow_end * factor - reach);
        let keep_slow = next / factor - long_half;
        let (old, old_slow) = (keep - self.base, keep_slow - self.slow_base);
        // Only now and then, since the rest moves to the front.
        if old > 4 * TAKE as i64 {
            self.channels.iter_mut().for_each(|channel| drop(channel.samples.drain(..old as usize)));
            self.base = keep;
        }
        if old_slow > TAKE as i64 {
            self.channels.iter_mut().for_each(|channel| drop(channel.slow.drain(..old_slow as usize)));
            self.slow_base = keep_slow;
        }
        Ok(())
    }

    fn measure(&mut self, centre: i64, slow_centre: i64) -> Measured {
        let count = self.channels.len();
        let mut power = |spectrum: &mut Spectrum, sums: &BandSums, from: i64, slow: bool| {
            self.power.clear();
            self.power.resize(spectrum.bins(), 0.0);
            let range = from as usize..from as usize + spectrum.len();
            for pair in self.channels.chunks(2) {
                let a = if slow { &pair[0].slow } else { &pair[0].samples };
                let b = pair.get(1).map(|b| if slow { &b.slow } else { &b.samples });
                spectrum.add_power(&a[range.clone()], b.map(|b| &b[range.clone()]), &mut self.power);
            }
            // The mean over the channels, so that a track sounds the same from one channel and from two.
            sums.power(&self.power).map(|power| power / count as f64)
        };
        let at = centre - self.base;
        let short_from = at - self.short.len() as i64 / 2;
        let short = power(&mut self.short, &self.short_sums, short_from, false);
        let quick_from = at - self.quick.len() as i64 / 2;
        let quick = power(&mut self.quick, &self.quick_sums, quick_from, false);
        let long_from = slow_centre - self.slow_base - self.long.len() as i64 / 2;
        let long = power(&mut self.long, &self.long_sums, long_from, true);
        let (waveform, peak) = self.waveform(self.own(self.next_hop));
        let energy = self.energies[MOMENTARY - 1 - self.ahead];
        let around = self.energies.iter().take(MOMENTARY).sum();
        self.energies.pop_front();
        let (attack, opening) = (self.attacks[1].step, self.opening());
        self.attacks.pop_front();
        let (bands, flux) = (self.leveller.levels(&short, &long), self.flux.next(&quick));
        Measured { raw: Raw { bands, flux, energy, attack, opening, ..waveform }, around, peak }
    }

    /// As in [`Raw`]. An attack is in the levels of the first hop whose centre is not before it.
    fn opening(&self) -> [u8; 2] {
        let mut opening = [0; 2];
        // What strikes further ahead may not be known yet: the bass is told a hop late.
        for ((before, own), hops) in self.attacks.iter().zip(self.attacks.range(1..)).zip(1..=self.ahead as u8) {
            let opens = |attack: &Attack, opens: bool| [opens, opens && attack.bass];
            let (late, early) = (opens(before, before.is_late()), opens(own, own.is_early()));
            for (opening, opens) in opening.iter_mut().zip([late[0] || early[0], late[1] || early[1]]) {
                if opens && *opening == 0 {
                    *opening = hops;
                }
            }
        }
        opening
    }

    /// The place of a hop's own 10 ms in the channels.
    fn own(&self, hop: u64) -> std::ops::Range<usize> {
        let at = |sample: i64| (sample - self.base) as usize;
        at(self.hops.start(hop))..at(self.hops.start(hop + 1))
    }

    /// Waveform, rms and peak of the samples `own` of a hop, the rest of its record being left at zero; and the largest
    /// sample.
    fn waveform(&self, own: std::ops::Range<usize>) -> (Raw, f32) {
        let (len, count) = (own.len(), self.channels.len() as f32);
        let (mut square, mut peak) = (0.0, 0.0f32);
        // Sums over each point's samples: of all channels, and of the first less the second.
        let (mut all, mut apart) = ([0.0f32; WAVE_POINTS], [0.0f32; WAVE_POINTS]);
        let span = |point: usize| {
            let from = point * len / WAVE_POINTS;
            from..((point + 1) * len / WAVE_POINTS).max(from + 1).min(len)
        };
        for (i, channel) in self.channels.iter().enumerate() {
            let samples = &channel.samples[own.clone()];
            square += samples.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>();
            peak = samples.iter().fold(peak, |peak, x| peak.max(x.abs()));
            let sign = [1.0, -1.0].get(i).filter(|_| count > 1.0).unwrap_or(&0.0);
            for (point, (all, apart)) in all.iter_mut().zip(&mut apart).enumerate() {
                let sum: f32 = samples[span(point)].iter().sum();
                (*all, *apart) = (*all + sum, *apart + sign * sum);
            }
        }
        let wave = |sums: [f32; WAVE_POINTS], channels: f32| {
            std::array::from_fn(|point| {
                let mean = sums[point] / (channels * span(point).len().max(1) as f32);
                // Rounded half up, ±127 being full scale.
                ((mean * 127.0 + 127.5).clamp(0.0, 254.0) as i16 - 127) as i8
            })
        };
        let level = |amplitude: f64| (amplitude * f64::from(FULL) + 0.5).clamp(0.0, f64::from(FULL)) as u16;
        let raw = Raw {
            bands: [0; BANDS],
            wave: wave(all, count),
            side: wave(apart, 2.0),
            rms: level((square / (f64::from(count) * len.max(1) as f64)).sqrt()),
            peak: level(f64::from(peak)),
            flux: [0; 3],
            energy: 0,
            attack: 0,
            opening: [0; 2],
        };
        (raw, peak)
    }
}
