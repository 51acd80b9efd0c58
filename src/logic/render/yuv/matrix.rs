//! BT.709 in limited range: what becomes of the three colours of a pixel.
//!
//! Each of the results is one row of a matrix: a sum of products with 15 bits behind the point and no other rounding than the
//! last, which all vector units have an instruction for. It is exact in integers, so that each way to compute it gives the
//! same bytes. A coefficient is off by 0.004 of a level at most.

use crate::logic::render::canvas::BPP;

pub type Pixel = [u8; BPP];

/// Parts of red, green and blue, of 32768, and what is added, in the same unit. The sum never leaves 0 ..= 255 levels.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub parts: [i16; 3],
    pub offset: i32,
}

const HALF: i32 = 1 << 14;
/// Scaled from 0 ..= 255 to 219 levels above 16.
pub const LUMA: Row = Row { parts: [5_983, 20_127, 2_032], offset: (16 << 15) + HALF };
/// Scaled to 224 levels around 128. The parts add up to nothing, so that greys have exactly no chroma.
pub const BLUE_DIFFERENCE: Row = Row { parts: [-3_298, -11_094, 14_392], offset: (128 << 15) + HALF };
pub const RED_DIFFERENCE: Row = Row { parts: [14_392, -13_072, -1_320], offset: (128 << 15) + HALF };

/// The definition, for CPUs without one of the others. Two products are added in a word, which compilers know.
#[inline(always)]
pub fn portable(pixels: &[Pixel; 16], Row { parts: [red, green, blue], offset }: Row) -> [u8; 16] {
    let words = pixels.map(u32::from_le_bytes);
    let sums = |words: [u32; 16], parts: [i16; 2]| -> [i32; 16] {
        let halves: [[i16; 2]; 16] = bytemuck::cast(words);
        halves.map(|[low, high]| i32::from(low) * i32::from(parts[0]) + i32::from(high) * i32::from(parts[1]))
    };
    let even = sums(words.map(|word| word & 0x00ff_00ff), [red, blue]);
    let odd = sums(words.map(|word| word >> 8 & 0x00ff_00ff), [green, 0]);
    std::array::from_fn(|i| ((even[i] + odd[i] + offset) >> 15) as u8)
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{Pixel, Row};

    /// Eight pixels at a time, by sums of two products of 16 bits.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub fn avx2(pixels: &[Pixel; 16], Row { parts: [red, green, blue], offset }: Row) -> [u8; 16] {
        let two = |low: i16, high: i16| _mm256_set1_epi32(i32::from(high) << 16 | i32::from(low as u16));
        let (red_and_blue, green, offset) = (two(red, blue), two(green, 0), _mm256_set1_epi32(offset));
        let halves: [__m256i; 2] = bytemuck::cast(*pixels);
        let [low, high] = halves.map(|pixels| {
            let even = _mm256_madd_epi16(_mm256_and_si256(pixels, _mm256_set1_epi16(0xff)), red_and_blue);
            let odd = _mm256_madd_epi16(_mm256_srli_epi16::<8>(pixels), green);
            _mm256_srli_epi32::<15>(_mm256_add_epi32(_mm256_add_epi32(even, offset), odd))
        });
        // Packed within halves of a register: what is in the middle changes places.
        let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packus_epi32(low, high));
        bytemuck::cast(_mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words)))
    }

    /// All sixteen, by sums of four products of eight bits: of the upper half of each part, then of the lower one, which is
    /// signed.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vnni")]
    pub fn avx512(pixels: &[Pixel; 16], Row { parts, offset }: Row) -> [u8; 16] {
        const { assert!(super::LUMA.offset % 256 == 0 && super::BLUE_DIFFERENCE.offset % 256 == 0) };
        let four = |[r, g, b]: [i8; 3]| _mm512_set1_epi32(i32::from_le_bytes([r as u8, g as u8, b as u8, 0]));
        let lower = four(parts.map(|part| part as i8));
        let upper = four(parts.map(|part| ((i32::from(part) - i32::from(part as i8)) >> 8) as i8));
        let pixels: __m512i = bytemuck::cast(*pixels);
        let sum = _mm512_dpbusd_epi32(_mm512_set1_epi32(offset >> 8), pixels, upper);
        let sum = _mm512_dpbusd_epi32(_mm512_slli_epi32::<8>(sum), pixels, lower);
        bytemuck::cast(_mm512_cvtepi32_epi8(_mm512_srli_epi32::<15>(sum)))
    }
}

#[cfg(target_arch = "x86_64")]
pub use x86::{avx2, avx512};

#[cfg(test)]
mod tests {
    use multiversion::multiversion;
    use multiversion::target::match_target;
    use proptest::prelude::*;

    use super::*;

    #[multiversion(targets("x86_64+avx512f+avx512vnni"))]
    fn by_avx512(pixels: &[Pixel; 16], row: Row) -> [u8; 16] {
        match_target! { "x86_64+avx512vnni" => avx512(pixels, row), _ => portable(pixels, row) }
    }

    #[multiversion(targets("x86_64+avx2"))]
    fn by_avx2(pixels: &[Pixel; 16], row: Row) -> [u8; 16] {
        match_target! { "x86_64+avx2" => avx2(pixels, row), _ => portable(pixels, row) }
    }

    proptest! {
        #[test]
        fn every_way_is_the_sum(pixels: [Pixel; 16], extreme: bool) {
            let pixels = if extreme { pixels.map(|pixel| pixel.map(|v| [0, 255][usize::from(v >> 7)])) } else { pixels };
            for row in [LUMA, BLUE_DIFFERENCE, RED_DIFFERENCE] {
                let sum = pixels.map(|pixel| {
                    let sum: i64 = pixel.into_iter().zip(row.parts).map(|(v, part)| i64::from(v) * i64::from(part)).sum();
                    ((sum + i64::from(row.offset)) >> 15) as u8
                });
                prop_assert_eq!(portable(&pixels, row), sum);
                prop_assert_eq!(by_avx2(&pixels, row), sum);
                prop_assert_eq!(by_avx512(&pixels, row), sum);
            }
        }
    }
}
