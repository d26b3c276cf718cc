//! The transform with AVX2, two blocks at a time.

use std::arch::x86_64::{
    __m256i, _mm256_add_epi8, _mm256_add_epi16 as add16, _mm256_add_epi32 as add32, _mm256_castsi128_si256,
    _mm256_inserti128_si256, _mm256_madd_epi16 as multiply_add16, _mm256_mullo_epi16, _mm256_packs_epi16,
    _mm256_packs_epi32 as pack_signed32, _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32 as splat32,
    _mm256_srai_epi32 as shift_right32, _mm256_srli_epi16, _mm256_sub_epi16 as sub16,
    _mm256_sub_epi32 as sub32, _mm256_testz_si256, _mm256_unpackhi_epi16 as unpack_high16,
    _mm256_unpackhi_epi32 as unpack_high32, _mm256_unpackhi_epi64 as unpack_high64,
    _mm256_unpacklo_epi16 as unpack_low16, _mm256_unpacklo_epi32 as unpack_low32,
    _mm256_unpacklo_epi64 as unpack_low64,
};

use super::{
    super::avx2::{load_row, store_halves},
    Coded, Samples,
    factors::{
        F0_298, F0_390, F0_541, F0_765, F0_899, F1_175, F1_501, F1_847, F1_961, F2_053, F2_562, F3_072,
    },
    lines::lines,
};
use crate::level::Avx2;

pub(super) fn inverse(_: Avx2, blocks: [&Coded<'_>; 2]) -> Option<[Samples; 2]> {
    // SAFETY: the token proves AVX2.
    unsafe { inverse_two(blocks) }
}

lines!(__m256i, "avx2");

#[target_feature(enable = "avx2")]
fn inverse_two(blocks: [&Coded<'_>; 2]) -> Option<[Samples; 2]> {
    let [coefficients, others] = blocks.map(|block| block.coefficients.as_chunks().0);
    let [steps, other_steps] = blocks.map(|block| block.steps.0.as_chunks().0);
    let mut rows = [_mm256_set1_epi8(0); 8];
    for (at, row) in rows.iter_mut().enumerate() {
        let both = joined(&coefficients[at], &others[at]);
        *row = _mm256_mullo_epi16(both, joined(&steps[at], &other_steps[at]));
    }
    // Not 0 where a number of the first rows is below -8192 or above 8191.
    let extreme = _mm256_srli_epi16::<14>(add16(rows[0], _mm256_set1_epi16(8192)));
    if _mm256_testz_si256(extreme, extreme) == 0 {
        return None;
    }
    let rows = both_passes(rows);
    let mut samples = [[[0; 8]; 8]; 2];
    let [first, second] = &mut samples;
    let pairs = first.as_flattened_mut().as_chunks_mut().0.iter_mut();
    let pairs = pairs.zip(second.as_flattened_mut().as_chunks_mut().0);
    for ((first, second), [upper, lower]) in pairs.zip(rows.as_chunks().0) {
        let bytes = _mm256_add_epi8(_mm256_packs_epi16(*upper, *lower), _mm256_set1_epi8(-128));
        store_halves(bytes, first, second);
    }
    Some(samples)
}

#[inline]
#[target_feature(enable = "avx2")]
fn joined(low: &[i16; 8], high: &[i16; 8]) -> __m256i {
    _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(load_row(low)), load_row(high))
}
