//! The conversion with AVX2, 32 pixels at a time.

use std::arch::x86_64::{
    __m256i, _mm256_add_epi16 as add16, _mm256_add_epi32 as add32, _mm256_and_si256 as and,
    _mm256_madd_epi16 as multiply_add16, _mm256_maddubs_epi16 as multiply_add8,
    _mm256_mulhrs_epi16 as multiply_rounded16, _mm256_or_si256, _mm256_packs_epi32 as pack_signed32,
    _mm256_packus_epi16 as pack_unsigned16, _mm256_set1_epi16 as splat16, _mm256_set1_epi32 as splat32,
    _mm256_shuffle_epi8, _mm256_srai_epi32 as shift_right32, _mm256_srli_epi16 as shift_right16,
    _mm256_unpackhi_epi16 as unpack_high16, _mm256_unpacklo_epi16 as unpack_low16, _mm256_xor_si256 as xor,
};

use super::{
    super::avx2::{load, store_halves},
    rows::{place, rows},
    scalar,
};
use crate::level::Avx2;

/// Pixels of a step.
const LEN: usize = 32;

/// For each 16 bytes of pixels and each channel, the places from which its samples come in a lane.
const PLACES: [[[u8; 32]; 3]; 3] = {
    let mut places = [[[0x80; 32]; 3]; 3];
    let mut at = 0;
    while at < 48 {
        let from = place(at / 3) as u8;
        places[at / 16][at % 3][at % 16] = from;
        places[at / 16][at % 3][at % 16 + 16] = from;
        at += 1;
    }
    places
};

pub(super) fn rows<const IS_YCBCR: bool>(_: Avx2, rows: [&[u8]; 3], out: &mut [u8]) {
    if rows[0].len() >= LEN {
        // SAFETY: the token proves AVX2.
        return unsafe { convert_rows::<IS_YCBCR>(rows, out) };
    }
    let [a, b, c] = rows;
    if IS_YCBCR { scalar::to_rgb(a, b, c, out) } else { scalar::interleave(a, b, c, out) }
}

rows!(__m256i, "avx2");

/// Stores pixels, of which each lane has 16.
#[inline]
#[target_feature(enable = "avx2")]
fn store_pixels([red, green, blue]: [__m256i; 3], out: &mut [u8; 3 * LEN]) {
    let (low, high) = out.as_chunks_mut().0.split_at_mut(3);
    for ((places, low), high) in PLACES.iter().zip(low).zip(high) {
        let red = _mm256_shuffle_epi8(red, load(&places[0]));
        let green = _mm256_shuffle_epi8(green, load(&places[1]));
        let blue = _mm256_shuffle_epi8(blue, load(&places[2]));
        store_halves(_mm256_or_si256(_mm256_or_si256(red, green), blue), low, high);
    }
}
