//! Made-up hops that behave like music: a kick twice a second, chords, hats and a voice that comes and goes.
//! Deterministic: golden pictures are drawn from them.

use std::sync::LazyLock;

use gststeady::logic::audio::features::{BANDS, FULL, Hop, HopWindow, WAVE_POINTS};

/// A number in 0.0 ..< 1.0 that is the same for the same seed.
pub fn noise(seed: u64) -> f32 {
    let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (x >> 40) as f32 / (1u32 << 24) as f32
}

/// Decays from 1 to 0 in `length` hops after each multiple of `period`.
fn hit(h: i64, period: i64, offset: i64, length: f32) -> f32 {
    let since = (h - offset).rem_euclid(period) as f32;
    let left = (1.0 - since / length).max(0.0);
    left * left
}

/// A level from a part of the full one.
pub fn level(v: f32) -> u16 {
    (v.clamp(0.0, 1.0) * f32::from(FULL)) as u16
}

/// Made once, as it is read again and again.
static TUNE: LazyLock<Vec<Hop>> = LazyLock::new(|| (FIRST..FIRST + 1500).map(compose).collect());
const FIRST: i64 = -300;

/// Hop `h` of the made-up tune.
fn compose(h: i64) -> Hop {
    let (kick, snare, hat) = (hit(h, 50, 0, 22.0), hit(h, 100, 50, 30.0), hit(h, 25, 12, 12.0));
    let chord = h.div_euclid(200);
    let bands_at = |h: i64| -> [f32; BANDS] {
        let (kick, snare, hat) = (hit(h, 50, 0, 22.0), hit(h, 100, 50, 30.0), hit(h, 25, 12, 12.0));
        std::array::from_fn(|b| {
            let x = b as f32 / BANDS as f32;
            let low = (1.0 - x * 5.0).max(0.0) * (0.45 + 0.55 * kick);
            let tone = noise((chord * 64 + b as i64) as u64);
            let mid = if tone > 0.72 && x > 0.12 && x < 0.75 { 0.45 + 0.3 * tone - 0.25 * x } else { 0.24 - 0.1 * x };
            let crack = snare * (0.75 - (x - 0.55).abs()).max(0.0) * 0.9;
            let hiss = hat * (x - 0.45).max(0.0) * 1.2;
            let shimmer = 0.08 * noise((h.div_euclid(4) * 64 + b as i64 + 7) as u64);
            low.max(mid).max(crack).max(hiss) + shimmer
        })
    };
    let bands = bands_at(h);
    let peaks: [u16; BANDS] = std::array::from_fn(|b| {
        let held = (0..6).map(|k| bands_at(h - k * 10)[b] - 0.02 * k as f32).fold(0.0, f32::max);
        level(held.max(bands[b]))
    });
    let wave = std::array::from_fn(|i| {
        let t = (h * WAVE_POINTS as i64 + i as i64) as f32;
        let saw = |period: f32| (t / period).fract() * 2.0 - 1.0;
        let v = 0.45 * kick * saw(100.0) + 0.2 * saw(36.0) + 0.12 * saw(24.0) + 0.2 * snare * (noise(t as u64) - 0.5);
        (v.clamp(-1.0, 1.0) * 127.0) as i8
    });
    let energy = (h.max(0) as u32).wrapping_mul(20_000);
    Hop {
        bands: bands.map(level),
        peaks,
        wave,
        side: wave.map(|point: i8| point / 3),
        rms: level(0.2 + 0.3 * kick),
        peak: level(0.4 + 0.5 * kick),
        loudness: level(0.6 + 0.2 * kick),
        onsets: [kick, snare, hat].map(level),
        attack: 0,
        travel: energy,
        hue: energy / 2,
        rotation: energy,
    }
}

/// A window of the made-up tune.
pub fn window(first: i64, count: usize) -> HopWindow {
    let mut window = HopWindow::default();
    let filled: Result<(), ()> = window.refill(first, count, |hops| {
        for (i, out) in hops.iter_mut().enumerate() {
            let h = first + i as i64 - FIRST;
            *out = usize::try_from(h).ok().and_then(|h| TUNE.get(h)).copied().unwrap_or(Hop::SILENCE);
        }
        Ok(())
    });
    filled.expect("filling cannot fail");
    window
}
