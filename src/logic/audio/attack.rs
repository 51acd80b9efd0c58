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
/// The bass is what lies below this. It strikes when a hop has so many times the energy of each of the hops before it.
const BASS_HZ: f64 = 150.0;
const BASS_LOUDER: f64 = 2.5;
/// Half a period of the lowest tone.
const BASS_HOPS: usize = 3;
/// Mean square below which no bass is heard.
const BASS_FAINT: f64 = 1e-7;

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
    /// Energies of the bass in the last hops.
    bass: [f64; BASS_HOPS],
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
            bass: [0.0; BASS_HOPS],
        }
    }

    /// Takes the samples of the next hop's own 10 ms, of each channel. `before` is what was found in the hop before: the
    /// bass takes its time to rise, and is counted to the attack that it began with.
    pub fn next<'a>(&mut self, own: impl Iterator<Item = &'a [f32]>, before: &mut Attack) -> Attack {
        let (mut steps, mut counts) = ([0.0; ATTACK_STEPS as usize], [0usize; ATTACK_STEPS as usize]);
        let (mut bass, mut count) = (0.0, 0);
        for (channel, samples) in self.channels.iter_mut().zip(own) {
            let len = samples.len();
            for (i, &x) in samples.iter().enumerate() {
                let x = f64::from(x);
                let step = i * usize::from(ATTACK_STEPS) / len;
                // What rises fast is high; a low tone alone would go up and down with each of its periods.
                steps[step] += (x - channel.last) * (x - channel.last);
                counts[step] += 1;
                channel.last = x;
                channel.low[0] += self.pass * (x - channel.low[0]);
                channel.low[1] += self.pass * (channel.low[0] - channel.low[1]);
                bass += channel.low[1] * channel.low[1];
            }
            // A decaying filter would otherwise reach subnormal numbers, which are slow.
            channel.low = channel.low.map(|low| if low.abs() < 1e-30 { 0.0 } else { low });
            count += len;
        }
        let mut found = Attack { step: self.step(steps, counts), bass: false };
        let bass = bass / count.max(1) as f64;
        if bass > BASS_FAINT && self.bass.iter().all(|&past| bass > BASS_LOUDER * past) {
            match (before.is_late(), found.step) {
                (true, _) => before.bass = true,
                (false, 0) => found = Attack { step: 1, bass: true },
                (false, _) => found.bass = true,
            }
        }
        self.bass.rotate_left(1);
        self.bass[BASS_HOPS - 1] = bass;
        found
    }

    /// The loudest step that strikes, from 1 on, or 0.
    fn step(&mut self, sums: [f64; ATTACK_STEPS as usize], counts: [usize; ATTACK_STEPS as usize]) -> u8 {
        let mut found = (0, 0.0);
        for ((sum, count), step) in sums.into_iter().zip(counts).zip(1..) {
            let energy = sum / count.max(1) as f64;
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
