//! The second pass: measures the track as a whole, then turns each record into what is drawn, in its place.

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;

use super::beat::{Beats, Tracker};
use super::features::{HOPS_PER_SECOND, Info};
use super::record::{self, Raw};
use super::shape::{Ceilings, Shaper};
use super::timeline::{BLOCK, Digest};
use super::{bands, loudness};

/// Hops that momentary loudness is the mean of: 400 ms.
pub(super) const MOMENTARY: usize = 40;
/// Of these, how many lie ahead of the hop that the loudness is drawn at.
const AHEAD: usize = MOMENTARY / 2;

/// Quantised loudness in LUFS of the summed `energy` of [`MOMENTARY`] hops at `rate` Hz.
pub(super) fn momentary_db(energy: u64, rate: u32) -> u16 {
    let samples = MOMENTARY as f64 * f64::from(rate) / f64::from(HOPS_PER_SECOND);
    bands::quantise_db(loudness::lufs(energy as f64 / 4_294_967_296.0 / samples))
}

/// Rewrites the raw records in `file`; returns the beats that were found and the digest of it all.
///
/// `progress` is told how many hops are done, and ends the work with [`ControlFlow::Break`]: then nothing is returned.
pub(super) fn shape(
    file: &File,
    info: &Info,
    ceilings: Ceilings,
    progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> io::Result<Option<(Beats, blake3::Hash)>> {
    let mut shaper = Shaper::new(ceilings);
    let mut tracker = Tracker::default();
    let mut digest = Digest::new(info);
    // Energies of the hops in the window of momentary loudness; what is before the first hop is silence.
    let mut around = std::collections::VecDeque::from(vec![0u64; MOMENTARY]);
    let mut sum = 0u64;
    let mut buffer = vec![0; (BLOCK + AHEAD) * record::LEN];
    let mut hop = 0;
    while hop < info.hops {
        if progress(hop).is_break() {
            return Ok(None);
        }
        // Records ahead of the block are read too, still raw: their loudness is heard in this block already.
        let there = (info.hops - hop).min((BLOCK + AHEAD) as u64) as usize;
        let count = there.min(BLOCK);
        let (bytes, at) = (&mut buffer[..there * record::LEN], hop * record::LEN as u64);
        file.read_exact_at(bytes, at)?;
        let energy = |bytes: &[u8], i: usize| bytes.chunks_exact(record::LEN).nth(i).map_or(0, |r| Raw::read(r).energy);
        let mut enter = |energy: u64| {
            around.push_back(energy);
            sum = sum + energy - around.pop_front().unwrap_or(0);
            momentary_db(sum, info.rate)
        };
        if hop == 0 {
            (0..AHEAD).for_each(|i| {
                enter(energy(bytes, i));
            });
        }
        for i in 0..count {
            let loudness = enter(energy(bytes, i + AHEAD));
            let bytes = &mut bytes[i * record::LEN..(i + 1) * record::LEN];
            let raw = Raw::read(bytes);
            tracker.push(ceilings.strength(&raw));
            record::write(&shaper.next(&raw, loudness), bytes);
        }
        let done = &bytes[..count * record::LEN];
        file.write_all_at(done, at)?;
        digest.update(done);
        hop += count as u64;
    }
    let beats = tracker.finish();
    digest.update_beats(&beats.hops);
    Ok(Some((beats, digest.finish())))
}
