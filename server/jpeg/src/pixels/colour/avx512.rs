//! The conversion with AVX-512, 64 pixels at a time.

use std::arch::x86_64::{
    __m512i, _mm512_add_epi16 as add16, _mm512_add_epi32 as add32, _mm512_and_si512 as and,
    _mm512_madd_epi16 as multiply_add16, _mm512_maddubs_epi16 as multiply_add8,
    _mm512_mulhrs_epi16 as multiply_rounded16, _mm512_packs_epi32 as pack_signed32,
    _mm512_packus_epi16 as pack_unsigned16, _mm512_permutex2var_epi8, _mm512_set1_epi16 as splat16,
    _mm512_set1_epi32 as splat32, _mm512_srai_epi32 as shift_right32, _mm512_srli_epi16 as shift_right16,
    _mm512_unpackhi_epi16 as unpack_high16, _mm512_unpacklo_epi16 as unpack_low16, _mm512_xor_si512 as xor,
};

use super::{
    super::avx512::{load, store},
    avx2,
    rows::{place, rows},
};
use crate::level::Avx512;

/// Pixels of a step.
const LEN: usize = 64;

/// For each 64 bytes of pixels, the places from which they come: first in red and green, then in those and blue.
const PLACES: [[[u8; 64]; 2]; 3] = {
    let mut places = [[[0; 64]; 2]; 3];
    let mut at = 0;
    while at < 192 {
        let (from, [first, second]) = (place(at / 3) as u8, &mut places[at / 64]);
        second[at % 64] = (at % 64) as u8;
        match at % 3 {
            0 => first[at % 64] = from,
            1 => first[at % 64] = 64 + from,
            _ => second[at % 64] = 64 + from,
        }
        at += 1;
    }
    places
};

pub(super) fn rows<const IS_YCBCR: bool>(proof: Avx512, rows: [&[u8]; 3], out: &mut [u8]) {
    if rows[0].len() < LEN {
        return avx2::rows::<IS_YCBCR>(proof.avx2(), rows, out);
    }
    // SAFETY: the token proves AVX-512 F, BW and VBMI.
    unsafe { convert_rows::<IS_YCBCR>(rows, out) }
}

rows!(__m512i, "avx512f,avx512bw,avx512vbmi");

/// Stores pixels, of which each lane has 16.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn store_pixels([red, green, blue]: [__m512i; 3], out: &mut [u8; 3 * LEN]) {
    for ([first, second], out) in PLACES.iter().zip(out.as_chunks_mut().0) {
        let red_and_green = _mm512_permutex2var_epi8(red, load(first), green);
        store(_mm512_permutex2var_epi8(red_and_green, load(second), blue), out);
    }
}
