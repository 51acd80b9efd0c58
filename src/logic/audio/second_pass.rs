//! The second pass: measures the track as a whole, then turns each record into what is drawn, in its place.

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;

use super::beat_tracking::{BeatTracker, Beats};
use super::envelope::EnvelopeFollower;
use super::features::Info;
use super::loudness::{MOMENTARY, momentary_db};
use super::novelty::Novelty;
use super::record::{self, Raw};
use super::rise::Rise;
use super::scaling::Scaling;
use super::timeline::{BLOCK, Digest};

/// How many of the [`MOMENTARY`] hops lie ahead of the one that the loudness is drawn at.
const AHEAD: usize = MOMENTARY / 2;

/// Rewrites the raw records in `file`; returns the beats that were found, where sections begin, and the digest of all records.
///
/// `progress` is told how many hops are done, and ends the work with [`ControlFlow::Break`]: then nothing is returned.
pub(super) fn run(
    file: &File,
    info: &Info,
    scaling: Scaling,
    progress: &mut dyn FnMut(u64) -> ControlFlow<()>,
) -> io::Result<Option<(Beats, Vec<u32>, Digest)>> {
    let mut envelope = EnvelopeFollower::new(scaling);
    let (mut tracker, mut rise) = (BeatTracker::default(), Rise::default());
    let mut novelty = Novelty::default();
    let mut digest = Digest::default();
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
            let (hop, strength) = envelope.next(&raw, loudness);
            tracker.push(strength, rise.next(&raw.bands));
            novelty.push(&raw);
            record::write(&hop, bytes);
        }
        let done = &bytes[..count * record::LEN];
        file.write_all_at(done, at)?;
        digest.update(done);
        hop += count as u64;
    }
    Ok(Some((tracker.finish(), novelty.finish(), digest)))
}
