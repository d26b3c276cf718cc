//! The transform with AVX-512, four blocks at a time.

use std::arch::x86_64::{
    __m512i, _mm256_set_m128i, _mm512_add_epi16 as add16, _mm512_add_epi32 as add32, _mm512_castsi256_si512,
    _mm512_extracti32x4_epi32, _mm512_inserti64x4, _mm512_madd_epi16 as multiply_add16,
    _mm512_mask_blend_epi16, _mm512_mullo_epi16, _mm512_packs_epi32 as pack_signed32,
    _mm512_packus_epi16 as pack_unsigned16, _mm512_set1_epi16 as splat16, _mm512_set1_epi32 as splat32,
    _mm512_srai_epi16 as shift_right16, _mm512_srai_epi32 as shift_right32,
    _mm512_srli_epi32 as shift_right_unsigned32, _mm512_sub_epi16 as subtract16,
    _mm512_sub_epi32 as subtract32, _mm512_test_epi16_mask, _mm512_unpackhi_epi8 as unpack_high8,
    _mm512_unpackhi_epi16 as unpack_high16, _mm512_unpackhi_epi32 as unpack_high32,
    _mm512_unpackhi_epi64 as unpack_high64, _mm512_unpacklo_epi8 as unpack_low8,
    _mm512_unpacklo_epi16 as unpack_low16, _mm512_unpacklo_epi32 as unpack_low32,
    _mm512_unpacklo_epi64 as unpack_low64,
};

use super::{
    super::avx2::{load_row, load_rows},
    MAX_FIRST_ROW, Task, avx2,
    factors::{
        F0_298, F0_390, F0_541, F0_765, F0_899, F1_175, F1_501, F1_847, F1_961, F2_053, F2_562, F3_072,
    },
    passes::passes,
    steps::Steps,
};
use crate::level::Avx512;

/// Writes the samples of blocks; says whether no coefficients were extreme.
pub(super) fn inverse(
    proof: Avx512,
    steps: &Steps,
    tasks: &[Task<'_>],
    samples: &mut [u8],
    stride: usize,
) -> bool {
    let mut is_ordinary = true;
    for tasks in tasks.chunks(4) {
        is_ordinary &= match *tasks {
            // SAFETY: the token proves AVX-512 F, BW, VL and AVX2.
            [a, b, c, d] => unsafe { inverse_four(steps, [a, b, c, d], samples, stride) },
            // SAFETY: as before. One block is transformed twice, to the same place.
            [a, b, c] => unsafe { inverse_four(steps, [a, b, c, c], samples, stride) },
            _ => avx2::inverse(proof.avx2(), steps, tasks, samples, stride),
        };
    }
    is_ordinary
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2")]
fn inverse_four(steps: &Steps, tasks: [Task<'_>; 4], samples: &mut [u8], stride: usize) -> bool {
    let [a, b, c, d] = &tasks;
    let steps = [steps.pair(a.component, b.component), steps.pair(c.component, d.component)];
    let [a, b, c, d] = [a, b, c, d].map(|task| task.coefficients.as_chunks().0);
    // Not a loop, so that the rows stay in registers.
    let row = |at: usize| {
        let low = _mm512_castsi256_si512(_mm256_set_m128i(load_row(&b[at]), load_row(&a[at])));
        let low_steps = _mm512_castsi256_si512(load_rows(&steps[0][at]));
        let all = _mm512_inserti64x4::<1>(low, _mm256_set_m128i(load_row(&d[at]), load_row(&c[at])));
        _mm512_mullo_epi16(all, _mm512_inserti64x4::<1>(low_steps, load_rows(&steps[1][at])))
    };
    let rows = [row(0), row(1), row(2), row(3), row(4), row(5), row(6), row(7)];
    let [r0, r1, r2, r3] = transformed(&rows);
    // The number of a block is a constant of the instruction.
    macro_rules! block {
        ($number:literal) => {{
            let block = [
                _mm512_extracti32x4_epi32::<$number>(r0),
                _mm512_extracti32x4_epi32::<$number>(r1),
                _mm512_extracti32x4_epi32::<$number>(r2),
                _mm512_extracti32x4_epi32::<$number>(r3),
            ];
            avx2::store_block(block, samples, tasks[$number].at, stride);
        }};
    }
    block!(0);
    block!(1);
    block!(2);
    block!(3);
    is_ordinary(rows[0])
}

passes!(__m512i, "avx512f,avx512bw,avx512vl,avx2");

/// The odd 16-bit numbers of `odd` between the even ones of `even`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn odd_from(even: __m512i, odd: __m512i) -> __m512i {
    _mm512_mask_blend_epi16(0xAAAA_AAAA, even, odd)
}

/// Whether all numbers of a first row are ordinary: less than a power of two when that is added.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn is_ordinary(row: __m512i) -> bool {
    let shifted = add16(row, splat16(MAX_FIRST_ROW + 1));
    _mm512_test_epi16_mask(shifted, splat16(!(2 * MAX_FIRST_ROW + 1))) == 0
}
