//! Attacks: where in a hop the sound strikes, to half a millisecond.
//!
//! A window that is long enough to tell notes apart hears a drum before it is struck, by half its length: 46 ms, and in
//! the bass 185. So attacks are looked for in the samples themselves, and levels wait for them
//! ([`super::envelope`]), as do frames ([`super::moment`]).

use std::f64::consts::PI;

use super::features::ATTACK_STEPS;

/// An attack has so many times the energy of the loudest step before it, which is forgotten within `MEMORY_S`.
const LOUDER: f64 = 4.0;
const MEMORY_S: f64 = 0.03;
/// Mean square of differences between samples, below which nothing is heard.
const FAINT: f64 = 1e-8;
/// The bass is what lies below this. It strikes when a hop has so many times the energy of each of those before the last: it takes
/// two hops to rise.
const BASS_HZ: f64 = 150.0;
const BASS_LOUDER: f64 = 2.5;
/// Half a period of the lowest tone.
const BASS_HOPS: usize = 3;
/// Mean square below which no bass is heard.
const BASS_FAINT: f64 = 1e-7;
/// Steps by which the filter of the bass is late.
const BASS_LATE: usize = 3;
/// What strikes within so many steps of the bass is the same.
const SAME: usize = 10;

const STEPS: usize = ATTACK_STEPS as usize;

/// What strikes in a hop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Attack {
    /// The step of the hop's own 10 ms in which it does, from 1 on; 0 where nothing does.
    pub step: u8,
    /// Whether the bass does.
    pub bass: bool,
}

impl Attack {
    /// Whether the hop's own centre is later.
    pub fn is_early(self) -> bool {
        (1..=ATTACK_STEPS / 2).contains(&self.step)
    }

    /// Whether the hop's own centre is not later.
    pub fn is_late(self) -> bool {
        self.step > ATTACK_STEPS / 2
    }
}

/// Finds attacks, hop by hop.
pub(super) struct AttackFinder {
    forget: f64,
    pass: f64,
    channels: Vec<Channel>,
    /// The loudest step of the last while.
    loudest: f64,
    /// The bass of the last hops but one, then of the last one.
    bass: [Bass; BASS_HOPS + 1],
}

/// Energies of the bass in a hop.
#[derive(Debug, Clone, Copy, Default)]
struct Bass {
    mean: f64,
    steps: [f64; STEPS],
    strikes: bool,
}

/// What a channel's next sample is compared with.
#[derive(Debug, Clone, Copy, Default)]
struct Channel {
    last: f64,
    low: [f64; 2],
}

impl AttackFinder {
    /// For `channels` at `rate` Hz.
    pub fn new(rate: u32, channels: usize) -> Self {
        let step_s = 1.0 / (f64::from(super::features::HOPS_PER_SECOND) * f64::from(ATTACK_STEPS));
        Self {
            forget: libm::exp(-step_s / MEMORY_S),
            pass: 1.0 - libm::exp(-2.0 * PI * BASS_HZ / f64::from(rate)),
            channels: vec![Channel::default(); channels],
            loudest: 0.0,
            bass: Default::default(),
        }
    }

    /// Takes the samples of the next hop's own 10 ms, of each channel. `before` is what was found in the hop before: there the
    /// bass can have begun to rise.
    pub fn next<'a>(&mut self, own: impl Iterator<Item = &'a [f32]>, before: &mut Attack) -> Attack {
        let (mut sharp, mut bass, mut counts) = ([0.0; STEPS], [0.0; STEPS], [0usize; STEPS]);
        for (channel, samples) in self.channels.iter_mut().zip(own) {
            let len = samples.len();
            for (i, &x) in samples.iter().enumerate() {
                let x = f64::from(x);
                let step = i * STEPS / len;
                // What rises fast is high; a low tone alone would go up and down with each of its periods.
                sharp[step] += (x - channel.last) * (x - channel.last);
                channel.last = x;
                channel.low[0] += self.pass * (x - channel.low[0]);
                channel.low[1] += self.pass * (channel.low[0] - channel.low[1]);
                bass[step] += channel.low[1] * channel.low[1];
                counts[step] += 1;
            }
            // A decaying filter would otherwise reach subnormal numbers, which are slow.
            channel.low = channel.low.map(|low| if low.abs() < 1e-30 { 0.0 } else { low });
        }
        let mean = |sums: [f64; STEPS]| std::array::from_fn(|step| sums[step] / counts[step].max(1) as f64);
        let mut found = Attack { step: self.step(mean(sharp)), bass: false };
        let all = bass.iter().sum::<f64>() / counts.iter().sum::<usize>().max(1) as f64;
        if let Some(place) = self.bass(Bass { mean: all, steps: mean(bass), strikes: false }) {
            // The attack that it belongs to, or else one of its own.
            let near = |attack: Attack, first: usize| {
                attack.step > 0 && (first + usize::from(attack.step) - 1).abs_diff(place) <= SAME
            };
            let attack = match (near(found, STEPS), near(*before, 0)) {
                (true, _) => &mut found,
                (false, true) => before,
                (false, false) if place < STEPS => before,
                (false, false) => &mut found,
            };
            if attack.step == 0 {
                attack.step = (place % STEPS) as u8 + 1;
            }
            attack.bass = true;
        }
        found
    }

    /// Takes the bass of the next hop. Where it strikes: in steps from the beginning of the hop before.
    fn bass(&mut self, now: Bass) -> Option<usize> {
        let last = self.bass[BASS_HOPS];
        let past = &self.bass[..BASS_HOPS];
        // What struck a moment ago is still rising.
        let rising = self.bass[BASS_HOPS - 1..].iter().any(|past| past.strikes);
        let louder = past.iter().all(|past| now.mean > BASS_LOUDER * past.mean);
        let strikes = !rising && now.mean > BASS_FAINT && louder;
        let place = strikes.then(|| {
            // Tones that beat against each other come and go a little.
            let loudest = 1.5 * past.iter().flat_map(|past| past.steps).fold(0.0, f64::max);
            let rises = last.steps.into_iter().chain(now.steps).position(|step| step > loudest && step > BASS_FAINT);
            rises.unwrap_or(STEPS).saturating_sub(BASS_LATE)
        });
        self.bass.rotate_left(1);
        self.bass[BASS_HOPS] = Bass { strikes, ..now };
        place
    }

    /// The loudest step that strikes, from 1 on, or 0.
    fn step(&mut self, energies: [f64; STEPS]) -> u8 {
        let mut found = (0, 0.0);
        for (energy, step) in energies.into_iter().zip(1..) {
            if energy > FAINT && energy > LOUDER * self.loudest && energy > found.1 {
                found = (step, energy);
            }
            self.loudest = energy.max(self.loudest * self.forget);
        }
        found.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: usize = 48_000;
    const HOP: usize = RATE / 100;

    /// Whatever strikes in `samples`: its hop, step and bass.
    fn attacks(samples: &[f32]) -> Vec<(usize, u8, bool)> {
        let mut finder = AttackFinder::new(RATE as u32, 1);
        let mut found = vec![Attack::default()];
        for own in samples.chunks_exact(HOP) {
            let last = found.len() - 1;
            let attack = finder.next(std::iter::once(own), &mut found[last]);
            found.push(attack);
        }
        let hops = found[1..].iter().enumerate().filter(|(_, attack)| attack.step > 0);
        hops.map(|(hop, attack)| (hop, attack.step, attack.bass)).collect()
    }

    fn tone(hz: f32, level: f32, seconds: f32) -> Vec<f32> {
        let samples = (seconds * RATE as f32) as usize;
        (0..samples).map(|i| level * libm::sinf(std::f32::consts::TAU * hz * i as f32 / RATE as f32)).collect()
    }

    #[test]
    fn a_click_is_found_in_its_half_millisecond() {
        for at in [HOP * 7, HOP * 7 + 100, HOP * 7 + 239, HOP * 7 + 240, HOP * 8 - 1] {
            let mut samples = vec![0.0; HOP * 20];
            samples[at] = 0.5;
            assert_eq!(attacks(&samples), [(7, (at % HOP * 20 / HOP) as u8 + 1, true)], "{at}");
            // Also over a quiet tone.
            let mut samples = tone(2000.0, 0.05, 0.2);
            samples[at] += 0.5;
            assert_eq!(attacks(&samples)[1..], [(7, (at % HOP * 20 / HOP) as u8 + 1, true)], "{at}");
        }
    }

    #[test]
    fn a_soft_kick_is_found_where_it_begins_over_what_goes_on() {
        let mut phase = 0.0f64;
        let kick: Vec<f32> = (0..RATE / 5)
            .map(|i| {
                let t = i as f64 / RATE as f64;
                phase += (45.0 + 75.0 * libm::exp(-t / 0.03)) / RATE as f64;
                (0.8 * libm::exp(-t / 0.08) * libm::sin(std::f64::consts::TAU * phase)) as f32
            })
            .collect();
        let pad: Vec<f32> = [110.0, 220.0, 277.0, 330.0]
            .iter()
            .fold(vec![0.0; RATE], |pad, &hz| pad.iter().zip(tone(hz, 0.05, 1.0)).map(|(a, b)| a + b).collect());
        for at in (0..HOP).step_by(37).map(|within| HOP * 50 + within) {
            let mut samples = pad.clone();
            samples[at..].iter_mut().zip(&kick).for_each(|(sample, kick)| *sample += kick);
            let found: Vec<_> = attacks(&samples).into_iter().filter(|&(hop, ..)| (5..60).contains(&hop)).collect();
            let [(hop, step, true)] = found[..] else { panic!("{at}: {found:?}") };
            let ms = (hop * 20 + usize::from(step) - 1) as f64 / 2.0 - at as f64 / 48.0;
            assert!((-1.0..=4.0).contains(&ms), "{at}: {ms} ms, {found:?}");
        }
    }

    #[test]
    fn nothing_strikes_in_silence_or_in_what_goes_on() {
        assert_eq!(attacks(&vec![0.0; HOP * 50]), []);
        for hz in [40.0, 55.0, 110.0, 440.0, 5000.0] {
            let found = attacks(&tone(hz, 0.5, 2.0));
            assert!(found.iter().all(|&(hop, ..)| hop < 3), "{hz} Hz: {found:?}");
        }
        let swell: Vec<f32> = tone(220.0, 0.5, 2.0).iter().enumerate().map(|(i, x)| x * i as f32 / 96_000.0).collect();
        assert!(attacks(&swell).iter().all(|&(hop, ..)| hop < 10), "{:?}", attacks(&swell));
    }

    #[test]
    fn a_hat_over_a_bass_is_no_attack_of_the_bass() {
        let mut samples = tone(60.0, 0.3, 1.0);
        let mut x = 9u32;
        for (i, sample) in samples[HOP * 50..HOP * 52].iter_mut().enumerate() {
            x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = (x >> 8) as f32 / (1 << 23) as f32 - 1.0;
            // High noise: each second sample is turned over.
            *sample += 0.1 * noise.abs() * if i % 2 == 0 { 1.0 } else { -1.0 };
        }
        assert_eq!(attacks(&samples)[1..], [(50, 1, false)]);
    }
}
