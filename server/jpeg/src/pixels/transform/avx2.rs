//! The transform with AVX2, two blocks at a time.

use std::arch::x86_64::{
    __m128i, __m256i, _mm_castsi128_pd, _mm_cvtsd_f64, _mm_storel_epi64, _mm_unpackhi_epi64,
    _mm256_add_epi16 as add16, _mm256_add_epi32 as add32, _mm256_blend_epi16, _mm256_broadcastsi128_si256,
    _mm256_castsi256_si128, _mm256_extracti128_si256, _mm256_madd_epi16 as multiply_add16,
    _mm256_mullo_epi16, _mm256_or_si256, _mm256_packs_epi32 as pack_signed32,
    _mm256_packus_epi16 as pack_unsigned16, _mm256_set_m128i, _mm256_set1_epi16 as splat16,
    _mm256_set1_epi32 as splat32, _mm256_shuffle_epi8, _mm256_srai_epi16 as shift_right16,
    _mm256_srai_epi32 as shift_right32, _mm256_srli_epi32 as shift_right_unsigned32,
    _mm256_sub_epi16 as subtract16, _mm256_sub_epi32 as subtract32, _mm256_testz_si256,
    _mm256_unpackhi_epi8 as unpack_high8, _mm256_unpackhi_epi16 as unpack_high16,
    _mm256_unpackhi_epi32 as unpack_high32, _mm256_unpackhi_epi64 as unpack_high64,
    _mm256_unpacklo_epi8 as unpack_low8, _mm256_unpacklo_epi16 as unpack_low16,
    _mm256_unpacklo_epi32 as unpack_low32, _mm256_unpacklo_epi64 as unpack_low64,
};

use super::{
    super::avx2::{load_bytes, load_row, load_rows},
    MAX_FIRST_ROW, Task,
    factors::{
        F0_298, F0_390, F0_541, F0_765, F0_899, F1_175, F1_501, F1_847, F1_961, F2_053, F2_562, F3_072,
    },
    passes::passes,
    steps::{Pair, Steps},
};
use crate::{
    level::Avx2,
    order::{NATURAL, Order},
};

/// Values of `IS_ZIGZAG`, whether blocks have that order.
pub(super) const ZIGZAG: bool = true;
pub(super) const NATURAL_ORDER: bool = false;

/// Writes the samples of blocks; says whether no coefficients were extreme.
pub(super) fn inverse(_: Avx2, steps: &Steps, tasks: &[Task<'_>], samples: &mut [u8], stride: usize) -> bool {
    let mut is_ordinary = true;
    for tasks in tasks.chunks(2) {
        // A single block is transformed twice, to the same place.
        let pair = [&tasks[0], &tasks[tasks.len() - 1]];
        // SAFETY: the token proves AVX2.
        is_ordinary &= unsafe {
            match steps.order() {
                Order::Zigzag => inverse_pair::<ZIGZAG>(steps, pair, samples, stride),
                Order::Natural => inverse_pair::<NATURAL_ORDER>(steps, pair, samples, stride),
            }
        };
    }
    is_ordinary
}

#[target_feature(enable = "avx2")]
fn inverse_pair<const IS_ZIGZAG: bool>(
    steps: &Steps,
    [a, b]: [&Task<'_>; 2],
    samples: &mut [u8],
    stride: usize,
) -> bool {
    let rows = rows::<IS_ZIGZAG>(steps, a, b);
    let [r0, r1, r2, r3] = transformed(&rows);
    let low = [
        _mm256_castsi256_si128(r0),
        _mm256_castsi256_si128(r1),
        _mm256_castsi256_si128(r2),
        _mm256_castsi256_si128(r3),
    ];
    let high = [
        _mm256_extracti128_si256::<1>(r0),
        _mm256_extracti128_si256::<1>(r1),
        _mm256_extracti128_si256::<1>(r2),
        _mm256_extracti128_si256::<1>(r3),
    ];
    store_block(low, samples, a.at, stride);
    store_block(high, samples, b.at, stride);
    is_ordinary(rows[0])
}

passes!(__m256i, "avx2");

/// The rows of coefficients of two blocks, times their steps.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn rows<const IS_ZIGZAG: bool>(steps: &Steps, a: &Task<'_>, b: &Task<'_>) -> [__m256i; 8] {
    let (eights, steps) = (load_eights(a, b), steps.pair(a.component, b.component));
    // Not a loop, so that the rows stay in registers.
    [
        row::<0, IS_ZIGZAG>(&eights, steps),
        row::<1, IS_ZIGZAG>(&eights, steps),
        row::<2, IS_ZIGZAG>(&eights, steps),
        row::<3, IS_ZIGZAG>(&eights, steps),
        row::<4, IS_ZIGZAG>(&eights, steps),
        row::<5, IS_ZIGZAG>(&eights, steps),
        row::<6, IS_ZIGZAG>(&eights, steps),
        row::<7, IS_ZIGZAG>(&eights, steps),
    ]
}

/// The coefficients of two blocks, eight of each in a vector.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn load_eights(a: &Task<'_>, b: &Task<'_>) -> [__m256i; 8] {
    let (a, b) = (a.coefficients.as_chunks().0, b.coefficients.as_chunks().0);
    let eight = |at: usize| _mm256_set_m128i(load_row(&b[at]), load_row(&a[at]));
    [eight(0), eight(1), eight(2), eight(3), eight(4), eight(5), eight(6), eight(7)]
}

/// A row of coefficients of two blocks, times their steps.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn row<const ROW: usize, const IS_ZIGZAG: bool>(eights: &[__m256i; 8], steps: &Pair) -> __m256i {
    let mut row = eights[ROW];
    if IS_ZIGZAG {
        row = splat16(0);
        for (from, &places) in eights.iter().zip(&PLACES[ROW]) {
            // Known when this is compiled, as are the places.
            if let Some(places) = places {
                let places = _mm256_broadcastsi128_si256(load_bytes(&places));
                row = _mm256_or_si256(row, _mm256_shuffle_epi8(*from, places));
            }
        }
    }
    _mm256_mullo_epi16(row, load_rows(&steps[ROW]))
}

/// For each row, and each eight coefficients in zigzag order: the bytes that belong to the row, if there are any.
const PLACES: [[Option<[u8; 16]>; 8]; 8] = {
    let mut places = [[None; 8]; 8];
    let mut at = 0;
    while at < 64 {
        let (row, column) = (NATURAL[at] as usize / 8, NATURAL[at] as usize % 8);
        // A byte whose highest bit is set gives a zero.
        let mut bytes = match places[row][at / 8] {
            Some(bytes) => bytes,
            None => [0x80; 16],
        };
        bytes[2 * column] = 2 * (at % 8) as u8;
        bytes[2 * column + 1] = 2 * (at % 8) as u8 + 1;
        places[row][at / 8] = Some(bytes);
        at += 1;
    }
    places
};

/// The odd 16-bit numbers of `odd` between the even ones of `even`.
#[inline]
#[target_feature(enable = "avx2")]
fn odd_from(even: __m256i, odd: __m256i) -> __m256i {
    _mm256_blend_epi16::<0b1010_1010>(even, odd)
}

/// Whether all numbers of a first row are ordinary: less than a power of two when that is added.
#[inline]
#[target_feature(enable = "avx2")]
fn is_ordinary(row: __m256i) -> bool {
    let shifted = add16(row, splat16(MAX_FIRST_ROW + 1));
    _mm256_testz_si256(shifted, splat16(!(2 * MAX_FIRST_ROW + 1))) == 1
}

/// Stores rows 0 and 4, 1 and 5, 2 and 6, 3 and 7 of a block.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn store_block(rows: [__m128i; 4], samples: &mut [u8], at: usize, stride: usize) {
    let to = samples[at..][..7 * stride + 8].as_mut_ptr();
    for (number, rows) in rows.into_iter().enumerate() {
        // SAFETY: rows 0 to 3 and 4 to 7 are within the slice, which ends 8 bytes behind the start of row 7.
        unsafe {
            _mm_storel_epi64(to.add(number * stride).cast(), rows);
            // `_mm_storeh_pd`, which may store only where a number of 8 bytes may lie.
            let upper = _mm_castsi128_pd(_mm_unpackhi_epi64(rows, rows));
            to.add((number + 4) * stride).cast::<f64>().write_unaligned(_mm_cvtsd_f64(upper));
        }
    }
}
