//! The filters with AVX-512, 64 chroma samples at a time.

use std::arch::x86_64::{
    __m512i, _mm512_add_epi16 as add16, _mm512_maddubs_epi16 as multiply_add8,
    _mm512_mullo_epi16 as multiply16, _mm512_or_si512 as or, _mm512_packus_epi16 as pack_unsigned16,
    _mm512_permutex2var_epi64, _mm512_set1_epi16 as splat16, _mm512_setr_epi64,
    _mm512_slli_epi16 as shift_left16, _mm512_srli_epi16 as shift_right16,
    _mm512_unpackhi_epi8 as unpack_high8, _mm512_unpacklo_epi8 as unpack_low8,
};

use super::{
    super::avx512::{load, store},
    avx2,
    filters::filters,
    neighbours,
};
use crate::level::Avx512;

/// Chroma samples of a step.
const LEN: usize = 64;

pub(super) fn across(proof: Avx512, row: &[u8], out: &mut [u8]) {
    if row.len() < LEN + 2 {
        return avx2::across(proof.avx2(), row, out);
    }
    // SAFETY: the token proves AVX-512 F and BW.
    unsafe { across_rows(row, out) }
}

pub(super) fn down(proof: Avx512, near: &[u8], far: &[u8], is_upper: bool, out: &mut [u8]) {
    if near.len() < LEN {
        return avx2::down(proof.avx2(), near, far, is_upper, out);
    }
    // SAFETY: the token proves AVX-512 F and BW.
    unsafe { down_rows(near, far, if is_upper { 1 } else { 2 }, out) }
}

pub(super) fn across_and_down(proof: Avx512, near: &[u8], far: &[u8], out: &mut [u8]) {
    if near.len() < LEN + 2 {
        return avx2::across_and_down(proof.avx2(), near, far, out);
    }
    // SAFETY: the token proves AVX-512 F and BW.
    unsafe { across_and_down_rows(near, far, out) }
}

filters!(__m512i, "avx512f,avx512bw");

/// Stores two vectors of which one has the lower, the other the upper halves of the lanes.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn store_interleaved(low: __m512i, high: __m512i, out: &mut [u8; 2 * LEN]) {
    let [first, second] = out.as_chunks_mut().0 else { unreachable!("two halves") };
    store(_mm512_permutex2var_epi64(low, _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11), high), first);
    store(_mm512_permutex2var_epi64(low, _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15), high), second);
}
