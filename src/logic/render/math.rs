//! Arithmetic that has the same bits on every CPU: tables from `libm`, otherwise + − × ÷ and square roots.

use std::sync::LazyLock;

use crate::logic::audio::features::FULL;

const STEPS: usize = 4096;

static SINE: LazyLock<[f32; STEPS + 1]> =
    LazyLock::new(|| std::array::from_fn(|i| libm::sin(i as f64 * std::f64::consts::TAU / STEPS as f64) as f32));

/// The sine of an angle in turns; whole turns wrap.
pub fn sine(turns: f32) -> f32 {
    let at = (turns - turns.floor()) * STEPS as f32;
    let i = (at as usize).min(STEPS - 1);
    let (a, b) = (SINE[i], SINE[i + 1]);
    a + (b - a) * (at - i as f32)
}

/// The cosine of an angle in turns.
pub fn cosine(turns: f32) -> f32 {
    sine(turns + 0.25)
}

/// The nearest integer to 0 ≤ v < 2²², in a way that every vector unit has: in that binade an f32 counts in ones.
#[inline(always)]
pub fn whole(v: f32) -> usize {
    ((v + 8_388_608.0).to_bits() & 0x003f_ffff) as usize
}

/// (1 − t/8)⁸ for t in 0 ..= 8, then 0: close to e⁻ᵗ, but it ends, so that a glow leaves the rest of a picture alone.
#[inline(always)]
pub fn fall(t: f32) -> f32 {
    let u = (1.0 - t * 0.125).max(0.0);
    let u2 = u * u;
    let u4 = u2 * u2;
    u4 * u4
}

/// 3t² − 2t³ between 0 and 1, constant outside.
#[inline(always)]
pub fn smoothstep(t: f32) -> f32 {
    let t = t.clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// A level as a part of the full one, 0.0 ..= 1.0.
#[inline(always)]
pub fn of_full(level: u16) -> f32 {
    f32::from(level) / f32::from(FULL)
}

/// Weights of four neighbouring values for a point at t in 0.0 ..= 1.0 between the middle two: six times the uniform
/// cubic B-spline, which is smooth and never beyond the values it follows.
#[inline(always)]
pub fn spline(t: f32) -> [f32; 4] {
    let (t2, t3, u) = (t * t, t * t * t, 1.0 - t);
    [u * u * u, 3.0 * t3 - 6.0 * t2 + 4.0, -3.0 * t3 + 3.0 * t2 + 3.0 * t + 1.0, t3]
}

/// A well-mixed number for lane `lane` of item `index` under `seed` (the finaliser of splitmix64, Steele et al. 2014).
fn hash(seed: u64, index: u64, lane: u64) -> u64 {
    let mut x = seed ^ index.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ lane.wrapping_mul(0xd1b5_4a32_d192_ed03);
    for _ in 0..2 {
        x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^= x >> 31;
    }
    x
}

/// The same, as a number in 0.0 ..< 1.0.
pub fn chance(seed: u64, index: u64, lane: u64) -> f32 {
    (hash(seed, index, lane) >> 40) as f32 / (1u32 << 24) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sines_are_close_to_the_true_ones_and_wrap() {
        for i in -2000..2000 {
            let turns = i as f32 / 777.0;
            let want = libm::sin(f64::from(turns) * std::f64::consts::TAU) as f32;
            assert!((sine(turns) - want).abs() < 2e-5, "{turns}");
            assert!((cosine(turns) - sine(turns + 0.25)).abs() < 1e-6);
        }
    }

    #[test]
    fn a_glow_falls_steadily_and_ends() {
        let values: Vec<f32> = (0..=100).map(|i| fall(i as f32 / 10.0)).collect();
        assert_eq!((values[0], values[80], values[100]), (1.0, 0.0, 0.0));
        assert!(values.windows(2).all(|w| w[0] >= w[1]));
    }
}
