//! A hop as bytes in a file: little-endian, of constant size, first as measured and then, in the same place, as drawn.

use super::features::{BANDS, Hop, WAVE_POINTS};
use super::quantise::{self, BAND_BITS, PEAK_BITS};

/// Levels that are packed together, and the bytes they take.
const FOUR: usize = 4;
const FOUR_BANDS: usize = FOUR * BAND_BITS as usize / 8;
const FOUR_PEAKS: usize = FOUR * PEAK_BITS as usize / 8;
/// Bytes of a record: 39 KB for a second of audio.
pub const LEN: usize = BANDS / FOUR * (FOUR_BANDS + FOUR_PEAKS) + 2 * WAVE_POINTS + 2 * 6 + 1 + 4 * 3;

/// A hop as the first pass measures it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Raw {
    /// Tilted level of each band in quantised decibels.
    pub bands: [u16; BANDS],
    /// As in [`Hop`].
    pub wave: [i8; WAVE_POINTS],
    /// As in [`Hop`].
    pub side: [i8; WAVE_POINTS],
    /// As in [`Hop`].
    pub rms: u16,
    /// As in [`Hop`].
    pub peak: u16,
    /// Spectral flux in the three ranges.
    pub flux: [u16; 3],
    /// K-weighted energy of the hop's samples, in 2^-32.
    pub energy: u64,
    /// As in [`Hop`].
    pub attack: u8,
    /// In how many hops the next attack is in the levels, of anything and of the bass: 1 for this hop, 0 where none is near.
    pub opening: [u8; 2],
}

struct Writer<'a>(&'a mut [u8]);

impl Writer<'_> {
    fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        let (head, rest) = std::mem::take(&mut self.0).split_at_mut(N);
        head.copy_from_slice(&bytes);
        self.0 = rest;
    }

    /// Packs four levels into `N` bytes: the highest bits of each, the others being repeats of these.
    fn levels<const N: usize>(&mut self, levels: &[u16; BANDS]) {
        let bits = 8 * N / FOUR;
        for four in levels.as_chunks::<FOUR>().0 {
            let word = four.iter().rev().fold(0u64, |word, level| word << bits | u64::from(level >> (16 - bits)));
            let bytes = word.to_le_bytes();
            self.put::<N>(std::array::from_fn(|i| bytes[i]));
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let (head, rest) = self.0.split_at(N);
        self.0 = rest;
        let mut bytes = [0; N];
        bytes.copy_from_slice(head);
        bytes
    }

    /// Reads back the bytes of [`Writer::levels`].
    fn levels<const N: usize>(&mut self) -> [u16; BANDS] {
        let bits = 8 * N / FOUR;
        let mut levels = [0; BANDS];
        for four in levels.as_chunks_mut::<FOUR>().0 {
            let mut bytes = [0; 8];
            bytes[..N].copy_from_slice(&self.take::<N>());
            let word = u64::from_le_bytes(bytes);
            for (i, level) in four.iter_mut().enumerate() {
                *level = quantise::dequantise((word >> (bits * i)) as u32 & ((1 << bits) - 1), bits as u32);
            }
        }
        levels
    }

    fn wave(&mut self) -> [i8; WAVE_POINTS] {
        self.take::<WAVE_POINTS>().map(|point| point as i8)
    }

    fn u8(&mut self) -> u8 {
        u8::from_le_bytes(self.take())
    }

    fn u16(&mut self) -> u16 {
        u16::from_le_bytes(self.take())
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }
}

impl Raw {
    /// Writes the record into `bytes`, which are [`LEN`] long.
    pub fn write(&self, bytes: &mut [u8]) {
        bytes.fill(0);
        let mut out = Writer(bytes);
        self.bands.iter().for_each(|level| out.put(level.to_le_bytes()));
        [self.wave, self.side].iter().for_each(|wave| out.put(wave.map(|point| point as u8)));
        [self.rms, self.peak].iter().chain(&self.flux).for_each(|level| out.put(level.to_le_bytes()));
        out.put(self.energy.to_le_bytes());
        out.put([self.attack, self.opening[0], self.opening[1]]);
    }

    /// Reads a record of [`LEN`] bytes.
    pub fn read(bytes: &[u8]) -> Self {
        let mut from = Reader(bytes);
        Self {
            bands: std::array::from_fn(|_| from.u16()),
            wave: from.wave(),
            side: from.wave(),
            rms: from.u16(),
            peak: from.u16(),
            flux: std::array::from_fn(|_| from.u16()),
            energy: u64::from_le_bytes(from.take()),
            attack: from.u8(),
            opening: [from.u8(), from.u8()],
        }
    }
}

/// Writes a finished hop into `bytes`, which are [`LEN`] long. Its levels are as [`quantise`] leaves them.
pub fn write(hop: &Hop, bytes: &mut [u8]) {
    let mut out = Writer(bytes);
    out.levels::<FOUR_BANDS>(&hop.bands);
    out.levels::<FOUR_PEAKS>(&hop.peaks);
    [hop.wave, hop.side].iter().for_each(|wave| out.put(wave.map(|point| point as u8)));
    [hop.rms, hop.peak, hop.loudness].iter().chain(&hop.onsets).for_each(|level| out.put(level.to_le_bytes()));
    out.put([hop.attack]);
    [hop.travel, hop.hue, hop.rotation].iter().for_each(|sum| out.put(sum.to_le_bytes()));
}

/// Reads a finished hop from [`LEN`] bytes.
pub fn read(bytes: &[u8]) -> Hop {
    let mut from = Reader(bytes);
    Hop {
        bands: from.levels::<FOUR_BANDS>(),
        peaks: from.levels::<FOUR_PEAKS>(),
        wave: from.wave(),
        side: from.wave(),
        rms: from.u16(),
        peak: from.u16(),
        loudness: from.u16(),
        onsets: std::array::from_fn(|_| from.u16()),
        attack: from.u8(),
        travel: from.u32(),
        hue: from.u32(),
        rotation: from.u32(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let hop = Hop {
            bands: std::array::from_fn(|i| quantise::band(i as u16 * 1021)),
            peaks: std::array::from_fn(|i| quantise::peak(65_535 - i as u16 * 1013)),
            wave: std::array::from_fn(|i| i as i8 - 40),
            side: std::array::from_fn(|i| 60 - i as i8),
            rms: 1,
            peak: 2,
            loudness: 3,
            onsets: [4, 5, 6],
            attack: 20,
            travel: 7 << 20,
            hue: 8 << 20,
            rotation: u32::MAX,
        };
        let mut bytes = [0; LEN];
        write(&hop, &mut bytes);
        assert_eq!(read(&bytes), hop);

        let (bands, wave, side) = (std::array::from_fn(|i| i as u16 * 1000), hop.wave, hop.side);
        let raw = Raw {
            bands,
            wave,
            side,
            rms: 1,
            peak: 2,
            flux: [3, 4, 5],
            energy: u64::MAX - 1,
            attack: 9,
            opening: [17, 18],
        };
        raw.write(&mut bytes);
        assert_eq!(Raw::read(&bytes), raw);
    }

    #[test]
    fn a_second_of_audio_takes_less_than_40_kb() {
        // A beat takes four bytes, and there are at most four a second.
        const { assert!(LEN * 100 + 4 * 4 < 40_000) };
        const { assert!(LEN == 393) };
    }
}
