//! What is kept of two channels: mid and side.

use super::*;
use crate::logic::audio::features::WAVE_POINTS;
use crate::logic::audio::hops::HopGrid;

/// Noise whose channels have nothing to do with each other.
fn stereo(rate: u32) -> Vec<[f32; 2]> {
    let noise = noise(2 * rate as usize);
    noise.as_chunks().0.to_vec()
}

fn stored(rate: u32, samples: &[[f32; 2]]) -> Vec<Hop> {
    hops(&analyze(rate, 2, samples.as_flattened()))
}

/// Whether hops are full of sound and not a few points of rounding.
fn is_loud(wave: impl Fn(&Hop) -> [i8; WAVE_POINTS], hops: &[Hop]) -> bool {
    hops[1..hops.len() - 1].iter().all(|hop| wave(hop).iter().any(|point| point.abs() > 10))
}

#[test]
fn equal_channels_have_no_side_and_opposite_ones_no_mid() {
    let samples = stereo(44_100);
    let equal = stored(44_100, &samples.iter().map(|&[a, _]| [a, a]).collect::<Vec<_>>());
    assert!(is_loud(|hop| hop.wave, &equal));
    assert!(equal.iter().all(|hop| hop.side == [0; WAVE_POINTS]));
    let opposite = stored(44_100, &samples.iter().map(|&[a, _]| [a, -a]).collect::<Vec<_>>());
    assert!(is_loud(|hop| hop.side, &opposite));
    assert!(opposite.iter().all(|hop| hop.wave == [0; WAVE_POINTS]));
    // The bands are of both channels, so they do not cancel out as the waveform does.
    assert!(opposite.iter().zip(&equal).all(|(a, b)| a.bands == b.bands && a.rms == b.rms));
}

#[test]
fn what_is_on_the_left_alone_is_as_much_mid_as_side_and_on_the_right_the_opposite() {
    let samples = stereo(44_100);
    let left = stored(44_100, &samples.iter().map(|&[a, _]| [a, 0.0]).collect::<Vec<_>>());
    assert!(is_loud(|hop| hop.side, &left));
    assert!(left.iter().all(|hop| hop.wave == hop.side));
    let right = stored(44_100, &samples.iter().map(|&[a, _]| [0.0, a]).collect::<Vec<_>>());
    assert!(is_loud(|hop| hop.side, &right));
    let points = |hop: &Hop| hop.wave.into_iter().zip(hop.side).collect::<Vec<_>>();
    assert!(right.iter().flat_map(points).all(|(mid, side)| (mid + side).abs() <= 1));
}

#[test]
fn mid_and_side_are_those_of_the_definition_to_half_a_step() {
    for rate in [8_000u32, 44_100, 48_000, 96_000] {
        let samples = stereo(rate);
        let (grid, hops) = (HopGrid::new(rate), stored(rate, &samples));
        let channel = |i: i64, c: usize| usize::try_from(i).ok().and_then(|i| samples.get(i)).map_or(0.0, |s| s[c]);
        for (h, hop) in hops.iter().enumerate() {
            let (start, end) = (grid.start(h as u64), grid.start(h as u64 + 1));
            for point in 0..WAVE_POINTS as i64 {
                let at = |point: i64| start + point * (end - start) / WAVE_POINTS as i64;
                let span = at(point)..at(point + 1);
                let mean = |c: usize| {
                    span.clone().map(|i| f64::from(channel(i, c))).sum::<f64>() / span.clone().count() as f64
                };
                let (left, right) = (mean(0), mean(1));
                for (got, want) in [(hop.wave, (left + right) / 2.0), (hop.side, (left - right) / 2.0)] {
                    let off = f64::from(got[point as usize]) - 127.0 * want;
                    assert!(off.abs() < 0.5 + 1e-4, "{rate} Hz, hop {h}, point {point}: {off} steps off");
                }
            }
        }
    }
}

#[test]
fn the_side_is_that_of_the_first_two_of_many_channels_and_the_mid_is_of_all() {
    let samples = stereo(48_000);
    // Six more channels, all as the right one is.
    let eight: Vec<_> = samples.iter().flat_map(|&[a, b]| [a, b, b, b, b, b, b, b]).collect();
    let (eight, two) = (hops(&analyze(48_000, 8, &eight)), stored(48_000, &samples));
    assert!(is_loud(|hop| hop.side, &two));
    for (eight, two) in eight.iter().zip(&two) {
        assert_eq!(eight.side, two.side);
        for ((all, mid), side) in eight.wave.iter().zip(two.wave).zip(two.side) {
            let (left, right) = (i32::from(mid) + i32::from(side), i32::from(mid) - i32::from(side));
            // Each of the three was rounded.
            assert!((8 * i32::from(*all) - left - 7 * right).abs() <= 12, "{all} of {left} and seven times {right}");
        }
    }
}

#[test]
fn one_channel_has_no_side() {
    let mono = hops(&analyze(44_100, 1, &noise(44_100)));
    assert!(is_loud(|hop| hop.wave, &mono) && mono.iter().all(|hop| hop.side == [0; WAVE_POINTS]));
}

#[test]
fn hops_are_made_of_the_steps_that_a_file_can_give_back() {
    use crate::logic::audio::record;
    for normalize in [Normalize::Running, Normalize::Fixed] {
        let song = song(44_100);
        let mut live = Live::new(44_100, 2, normalize).unwrap();
        live.push(&song);
        let mut window = HopWindow::default();
        live.read(0, live.hops() as usize, &mut window);
        for index in 0..live.hops() as i64 {
            let mut bytes = [0; record::LEN];
            record::write(window.hop(index), &mut bytes);
            assert_eq!(record::read(&bytes), *window.hop(index));
        }
    }
}
