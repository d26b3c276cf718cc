//! The filters with AVX2, 32 chroma samples at a time.

use std::arch::x86_64::{
    __m256i, _mm256_add_epi16 as add16, _mm256_maddubs_epi16 as multiply_add8,
    _mm256_mullo_epi16 as multiply16, _mm256_or_si256 as or, _mm256_packus_epi16 as pack_unsigned16,
    _mm256_permute2x128_si256, _mm256_set1_epi16 as splat16, _mm256_slli_epi16 as shift_left16,
    _mm256_srli_epi16 as shift_right16, _mm256_unpackhi_epi8 as unpack_high8,
    _mm256_unpacklo_epi8 as unpack_low8,
};

use super::{
    super::avx2::{load, store},
    filters::filters,
    neighbours, scalar,
};
use crate::level::Avx2;

/// Chroma samples of a step.
const LEN: usize = 32;

pub(super) fn across(_: Avx2, row: &[u8], out: &mut [u8]) {
    if row.len() < LEN + 2 {
        return scalar::across(row, out);
    }
    // SAFETY: the token proves AVX2.
    unsafe { across_rows(row, out) }
}

pub(super) fn down(_: Avx2, near: &[u8], far: &[u8], is_upper: bool, out: &mut [u8]) {
    if near.len() < LEN {
        return scalar::down(near, far, is_upper, out);
    }
    // SAFETY: the token proves AVX2.
    unsafe { down_rows(near, far, if is_upper { 1 } else { 2 }, out) }
}

pub(super) fn across_and_down(_: Avx2, near: &[u8], far: &[u8], out: &mut [u8]) {
    if near.len() < LEN + 2 {
        return scalar::across_and_down(near, far, out);
    }
    // SAFETY: the token proves AVX2.
    unsafe { across_and_down_rows(near, far, out) }
}

filters!(__m256i, "avx2");

/// Stores two vectors of which one has the lower, the other the upper halves of the lanes.
#[inline]
#[target_feature(enable = "avx2")]
fn store_interleaved(low: __m256i, high: __m256i, out: &mut [u8; 2 * LEN]) {
    let [first, second] = out.as_chunks_mut().0 else { unreachable!("two halves") };
    store(_mm256_permute2x128_si256::<0x20>(low, high), first);
    store(_mm256_permute2x128_si256::<0x31>(low, high), second);
}
