//! The first pass: measures pushed samples hop by hop and writes what it finds to a file, whatever the length.
//!
//! Each number is a function of sample positions alone, so it does not matter how the samples are cut into pushes.

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;

use super::bands::{self, BandSums, Leveller};
use super::beat::Beats;
use super::decimate::Decimator;
use super::features::{BANDS, FULL, Info, WAVE_POINTS};
use super::fft::Spectrum;
use super::finish::{self, MOMENTARY};
use super::hops::HopGrid;
use super::loudness::KWeighting;
use super::onset::Flux;
use super::percentile::Histogram;
use super::record::{self, Raw};
use super::shape::{self, Ceilings, Scale};
use super::tags::Tags;
use super::timeline::{Summary, Timeline};
use super::window;

/// Samples per channel taken in at once, however many are pushed: what is resident does not depend on the pusher.
const TAKE: usize = 4096;
/// Samples are clamped to ±8 (+18 dB over full scale), so that no square overflows.
const LOUDEST: f32 = 8.0;
/// The share of hops, in percent, whose loudest band stays below the ceiling.
const CEILING_PERCENT: u8 = 98;

/// Why audio cannot be analysed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// No rate or no channels.
    #[error("audio of {rate} Hz and {channels} channels cannot be analysed")]
    Empty {
        /// Hz.
        rate: u32,
        /// Channels.
        channels: u32,
    },
}

/// Measures audio and writes a [`Timeline`].
pub struct Analyzer {
    rate: u32,
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
    channels: Vec<Channel>,
    /// Sample position of the first of `Channel::samples`.
    base: i64,
    /// Decimated position of the first of `Channel::slow`.
    slow_base: i64,
    /// Samples pushed so far.
    samples: u64,
    next_hop: u64,
    power: Vec<f32>,
    found: Found,
    file: File,
    written: u64,
    pending: Vec<u8>,
}

#[derive(Debug, Default, Clone)]
struct Channel {
    samples: Vec<f32>,
    slow: Vec<f32>,
}

/// What the second pass must know of the track.
#[derive(Default)]
struct Found {
    loudest_bands: Histogram,
    momentary: Histogram,
    gating_blocks: Histogram,
    flux: [Histogram; 3],
    energies: std::collections::VecDeque<u64>,
    peak: f32,
}

impl Analyzer {
    /// For interleaved audio of `channels` channels at `rate` Hz; records go to `file`, which is empty.
    pub fn new(rate: u32, channels: u32, file: File) -> Result<Self, SpecError> {
        if rate == 0 || channels == 0 {
            return Err(SpecError::Empty { rate, channels });
        }
        let (short, factor) = (window::short_len(rate), window::decimation(rate));
        let bin_hz = |len: usize, factor: usize| f64::from(rate) / factor as f64 / len as f64;
        let spectrum = |len: usize, factor: usize| {
            let spectrum = Spectrum::new(len);
            let sums = BandSums::new(spectrum.bins(), bin_hz(len, factor));
            (spectrum, sums)
        };
        let (short, short_sums) = spectrum(short, 1);
        // Onsets want to know when rather than what: half the window.
        let (quick, quick_sums) = spectrum(short.len() / 2, 1);
        let (long, long_sums) = spectrum(window::LONG_LEN, factor);
        let decimator = Decimator::new(factor);
        // Silence before the first sample, as far as the first hop's windows look back.
        let (before, slow_before) = (short.len() + decimator.reach(), window::LONG_LEN);
        let silent = Channel { samples: vec![0.0; before], slow: vec![0.0; slow_before - 8] };
        Ok(Self {
            rate,
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
            channels: vec![silent; channels as usize],
            base: -(before as i64),
            slow_base: -(slow_before as i64),
            samples: 0,
            next_hop: 0,
            found: Found::default(),
            file,
            written: 0,
            pending: Vec::new(),
        })
    }

    /// Samples per channel pushed so far.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// Takes any number of samples, interleaved. What is not a number is silence.
    pub fn push(&mut self, interleaved: &[f32]) -> io::Result<()> {
        let count = self.channels.len();
        debug_assert_eq!(interleaved.len() % count, 0, "part of a sample");
        for block in interleaved.chunks(TAKE * count) {
            for (i, channel) in self.channels.iter_mut().enumerate() {
                let samples = block.iter().skip(i).step_by(count);
                channel.samples.extend(samples.map(|&x| if x.is_finite() { x.clamp(-LOUDEST, LOUDEST) } else { 0.0 }));
            }
            self.samples += (block.len() / count) as u64;
            self.advance(u64::MAX)?;
        }
        Ok(())
    }

    /// Ends the track: measures its last hops and makes the timeline. `progress` is told how many hops are drawn and
    /// may end the work, which then gives `None`.
    pub fn finish(mut self, progress: &mut dyn FnMut(u64) -> ControlFlow<()>) -> io::Result<Option<Timeline>> {
        let hops = self.hops.count(self.samples);
        while self.next_hop < hops {
            self.channels.iter_mut().for_each(|channel| channel.samples.extend([0.0; TAKE]));
            self.advance(hops)?;
        }
        self.write_pending()?;
        let info = Info { rate: self.rate, channels: self.channels.len() as u32, samples: self.samples, hops };
        let loud = |histogram: &Histogram| histogram.percentile(CEILING_PERCENT);
        let ceilings = Ceilings {
            bands: Scale::below(loud(&self.found.loudest_bands).unwrap_or(0)),
            loudness: Scale::below(loud(&self.found.momentary).unwrap_or(0)),
            flux: self.found.flux.each_ref().map(|flux| shape::flux_ceiling(loud(flux))),
        };
        let loudness_lufs = super::loudness::integrated(&self.found.gating_blocks);
        let peak = self.found.peak;
        let Self { file, .. } = self;
        let shaped = finish::shape(&file, &info, ceilings, progress)?;
        Ok(shaped.map(|(Beats { hops, tempo, confidence }, digest)| {
            let summary = Summary { loudness_lufs, peak, tempo, confidence };
            Timeline { file, offset: 0, info, summary, beats: hops, digest, tags: Tags::default() }
        }))
    }

    /// Measures every hop below `limit` whose windows are filled, then forgets what no later hop looks at.
    fn advance(&mut self, limit: u64) -> io::Result<()> {
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
        let slow_end = self.slow_base + self.channels[0].slow.len() as i64;
        let (half, long_half) = (self.short.len() as i64 / 2, self.long.len() as i64 / 2);
        while self.next_hop < limit {
            let centre = self.hops.centre(self.next_hop);
            let slow_centre = (centre + factor / 2).div_euclid(factor);
            let own_end = self.hops.start(self.next_hop + 1);
            if centre + half > end || slow_centre + long_half > slow_end || own_end > end {
                break;
            }
            self.measure(centre, slow_centre)?;
            self.next_hop += 1;
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

    fn measure(&mut self, centre: i64, slow_centre: i64) -> io::Result<()> {
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
        let own = (self.hops.start(self.next_hop) - self.base) as usize
            ..(self.hops.start(self.next_hop + 1) - self.base) as usize;
        let raw =
            Raw { bands: self.leveller.levels(&short, &long), flux: self.flux.next(&quick), ..self.waveform(own) };
        self.found.note(&raw, self.next_hop, self.rate);
        self.pending.extend_from_slice(&[0; record::LEN]);
        let last = self.pending.len() - record::LEN;
        raw.write(&mut self.pending[last..]);
        if self.pending.len() >= 256 * record::LEN { self.write_pending() } else { Ok(()) }
    }

    /// What the samples `own` of this hop say by themselves; bands and flux are left at zero.
    fn waveform(&mut self, own: std::ops::Range<usize>) -> Raw {
        let (len, count) = (own.len(), self.channels.len() as f32);
        let (mut square, mut peak, mut energy) = (0.0, 0.0f32, 0.0);
        for (i, channel) in self.channels.iter().enumerate() {
            let samples = &channel.samples[own.clone()];
            square += samples.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>();
            peak = samples.iter().fold(peak, |peak, x| peak.max(x.abs()));
            energy += self.weighting.energy(i, samples);
        }
        let wave = std::array::from_fn(|point| {
            let from = point * len / WAVE_POINTS;
            let to = ((point + 1) * len / WAVE_POINTS).max(from + 1).min(len);
            let sum: f32 = self.channels.iter().flat_map(|channel| &channel.samples[own.clone()][from..to]).sum();
            let mean = if to > from { sum / (count * (to - from) as f32) } else { 0.0 };
            // Rounded half up, ±127 being full scale.
            (mean * 127.0 + 127.5).clamp(0.0, 254.0) as i16
        });
        let level = |amplitude: f64| (amplitude * f64::from(FULL) + 0.5).clamp(0.0, f64::from(FULL)) as u16;
        self.found.peak = self.found.peak.max(peak);
        Raw {
            bands: [0; BANDS],
            wave: wave.map(|point: i16| (point - 127) as i8),
            rms: level((square / (f64::from(count) * len.max(1) as f64)).sqrt()),
            peak: level(f64::from(peak)),
            flux: [0; 3],
            energy: (energy * 4_294_967_296.0) as u64,
        }
    }

    fn write_pending(&mut self) -> io::Result<()> {
        self.file.write_all_at(&self.pending, self.written)?;
        self.written += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }
}

impl Found {
    fn note(&mut self, raw: &Raw, hop: u64, rate: u32) {
        let loudest = raw.bands.iter().copied().max().unwrap_or(0);
        if loudest > bands::quantise_db(shape::FLOOR_DB) {
            self.loudest_bands.add(loudest);
        }
        for (histogram, &flux) in self.flux.iter_mut().zip(&raw.flux) {
            if flux > super::onset::CLEAR / 8 {
                histogram.add(flux);
            }
        }
        self.energies.push_back(raw.energy);
        if self.energies.len() > MOMENTARY {
            self.energies.pop_front();
        }
        if self.energies.len() == MOMENTARY {
            let momentary = finish::momentary_db(self.energies.iter().sum(), rate);
            self.momentary.add(momentary);
            // Gating blocks of 400 ms overlap by three quarters.
            if hop.is_multiple_of(MOMENTARY as u64 / 4) {
                self.gating_blocks.add(momentary);
            }
        }
    }
}
