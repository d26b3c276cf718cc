//! The transform with AVX-512, four blocks at a time.

use std::arch::x86_64::{
    __m512i, _mm512_add_epi8, _mm512_add_epi16 as add16, _mm512_add_epi32 as add32, _mm512_castsi128_si512,
    _mm512_inserti32x4, _mm512_madd_epi16 as multiply_add16, _mm512_mullo_epi16, _mm512_packs_epi16,
    _mm512_packs_epi32 as pack_signed32, _mm512_set1_epi8, _mm512_set1_epi16, _mm512_set1_epi32 as splat32,
    _mm512_srai_epi32 as shift_right32, _mm512_srli_epi16, _mm512_sub_epi16 as sub16,
    _mm512_sub_epi32 as sub32, _mm512_test_epi16_mask, _mm512_unpackhi_epi16 as unpack_high16,
    _mm512_unpackhi_epi32 as unpack_high32, _mm512_unpackhi_epi64 as unpack_high64,
    _mm512_unpacklo_epi16 as unpack_low16, _mm512_unpacklo_epi32 as unpack_low32,
    _mm512_unpacklo_epi64 as unpack_low64,
};

use super::{
    super::{avx2::load_row, avx512::store_quarters},
    Coded, Samples,
    factors::{
        F0_298, F0_390, F0_541, F0_765, F0_899, F1_175, F1_501, F1_847, F1_961, F2_053, F2_562, F3_072,
    },
    lines::lines,
};
use crate::level::Avx512;

pub(super) fn inverse(_: Avx512, blocks: [&Coded<'_>; 4]) -> Option<[Samples; 4]> {
    // SAFETY: the token proves AVX2 and AVX-512 F and BW.
    unsafe { inverse_four(blocks) }
}

lines!(__m512i, "avx2,avx512f,avx512bw");

#[target_feature(enable = "avx2,avx512f,avx512bw")]
fn inverse_four(blocks: [&Coded<'_>; 4]) -> Option<[Samples; 4]> {
    let coefficients = blocks.map(|block| block.coefficients.as_chunks().0);
    let steps = blocks.map(|block| block.steps.0.as_chunks().0);
    let mut rows = [_mm512_set1_epi8(0); 8];
    for (at, row) in rows.iter_mut().enumerate() {
        let all = joined(coefficients.map(|rows| &rows[at]));
        *row = _mm512_mullo_epi16(all, joined(steps.map(|rows| &rows[at])));
    }
    // Not 0 where a number of the first rows is below -8192 or above 8191.
    let extreme = _mm512_srli_epi16::<14>(add16(rows[0], _mm512_set1_epi16(8192)));
    if _mm512_test_epi16_mask(extreme, extreme) != 0 {
        return None;
    }
    let rows = both_passes(rows);
    let mut samples = [[[0; 8]; 8]; 4];
    for (pair, [upper, lower]) in rows.as_chunks().0.iter().enumerate() {
        let bytes = _mm512_add_epi8(_mm512_packs_epi16(*upper, *lower), _mm512_set1_epi8(-128));
        let [a, b, c, d] = &mut samples;
        let places = [a, b, c, d].map(|block| &mut block.as_flattened_mut().as_chunks_mut().0[pair]);
        store_quarters(bytes, places);
    }
    Some(samples)
}

#[inline]
#[target_feature(enable = "avx2,avx512f,avx512bw")]
fn joined([a, b, c, d]: [&[i16; 8]; 4]) -> __m512i {
    let two = _mm512_inserti32x4::<1>(_mm512_castsi128_si512(load_row(a)), load_row(b));
    _mm512_inserti32x4::<3>(_mm512_inserti32x4::<2>(two, load_row(c)), load_row(d))
}
