//! The transform with AVX2. Blocks of 4 x 4 are transformed four at a time: a vector has four numbers of each, two blocks
//! in a lane. Others are transformed two at a time, a lane for each; the passes of length 8 are those of full scale.
//!
//! No sum that is shifted by 18 needs a saturation to 16 bits, and 128 is part of its rounding, as in the transform at
//! full scale.

use std::arch::x86_64::{
    __m128i, __m256i, _mm_cvtsi128_si64, _mm_extract_epi32, _mm256_add_epi16 as add16,
    _mm256_add_epi32 as add32, _mm256_broadcastsi128_si256, _mm256_castsi256_si128, _mm256_extracti128_si256,
    _mm256_madd_epi16 as multiply_add16, _mm256_packs_epi32 as pack_signed32,
    _mm256_packus_epi16 as pack_unsigned16, _mm256_set1_epi16 as splat16, _mm256_set1_epi32 as splat32,
    _mm256_shuffle_epi8 as shuffle8, _mm256_srai_epi32 as shift_right32, _mm256_sub_epi16 as subtract16,
    _mm256_sub_epi32 as subtract32, _mm256_unpackhi_epi16 as unpack_high16,
    _mm256_unpackhi_epi32 as unpack_high32, _mm256_unpackhi_epi64 as unpack_high64,
    _mm256_unpacklo_epi16 as unpack_low16, _mm256_unpacklo_epi32 as unpack_low32,
    _mm256_unpacklo_epi64 as unpack_low64,
};

use super::super::{
    super::avx2::load_bytes,
    Task,
    avx2::{self as full, NATURAL_ORDER, ZIGZAG},
    factors::{F0_541, F0_765, F1_847},
    steps::Steps,
};
use crate::{level::Avx2, order::Order};

/// Turns four columns of four bytes into rows.
const TRANSPOSED: [u8; 16] = [0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15];

/// Writes the samples of blocks.
pub(super) fn inverse(
    _: Avx2,
    steps: &Steps,
    size: (usize, usize),
    tasks: &[Task<'_>],
    samples: &mut [u8],
    stride: usize,
) {
    for tasks in tasks.chunks(4) {
        // In the place of those that are missing, the last one is transformed again, to the same place.
        // By reference: tasks were just written number by number, and a copy would wait for that.
        let at = |number: usize| &tasks[number.min(tasks.len() - 1)];
        let four = [at(0), at(1), at(2), at(3)];
        // SAFETY: the token proves AVX2.
        unsafe {
            match steps.order() {
                Order::Zigzag => inverse_sized::<ZIGZAG>(steps, size, four, samples, stride),
                Order::Natural => inverse_sized::<NATURAL_ORDER>(steps, size, four, samples, stride),
            }
        }
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn inverse_sized<const IS_ZIGZAG: bool>(
    steps: &Steps,
    size: (usize, usize),
    four: [&Task<'_>; 4],
    samples: &mut [u8],
    stride: usize,
) {
    let [a, b, c, d] = four;
    match size {
        (4, 4) => inverse_four::<IS_ZIGZAG>(steps, four, samples, stride),
        (8, _) => {
            inverse_wide::<IS_ZIGZAG>(steps, [a, b], samples, stride);
            inverse_wide::<IS_ZIGZAG>(steps, [c, d], samples, stride);
        }
        _ => {
            inverse_tall::<IS_ZIGZAG>(steps, [a, b], samples, stride);
            inverse_tall::<IS_ZIGZAG>(steps, [c, d], samples, stride);
        }
    }
}

#[target_feature(enable = "avx2")]
fn inverse_four<const IS_ZIGZAG: bool>(
    steps: &Steps,
    tasks: [&Task<'_>; 4],
    samples: &mut [u8],
    stride: usize,
) {
    let [a, b, c, d] = tasks;
    let (a_c, b_d) = (full::load_eights(a, c), full::load_eights(b, d));
    let steps = [steps.pair(a.component, c.component), steps.pair(b.component, d.component)];
    // Not a loop, so that the rows stay in registers.
    macro_rules! row {
        ($row:literal) => {
            unpack_low64(
                full::row::<$row, IS_ZIGZAG>(&a_c, steps[0]),
                full::row::<$row, IS_ZIGZAG>(&b_d, steps[1]),
            )
        };
    }
    let rows = [row!(0), row!(1), row!(2), row!(3)];
    let [a_c, b_d] = second_pass(transposed(first_pass(rows)));
    store_block(_mm256_castsi256_si128(a_c), samples, tasks[0].at, stride);
    store_block(_mm256_castsi256_si128(b_d), samples, tasks[1].at, stride);
    store_block(_mm256_extracti128_si256::<1>(a_c), samples, tasks[2].at, stride);
    store_block(_mm256_extracti128_si256::<1>(b_d), samples, tasks[3].at, stride);
}

/// Two blocks of 8 x 4.
#[target_feature(enable = "avx2")]
fn inverse_wide<const IS_ZIGZAG: bool>(
    steps: &Steps,
    tasks: [&Task<'_>; 2],
    samples: &mut [u8],
    stride: usize,
) {
    let [a, b] = tasks;
    let (eights, steps) = (full::load_eights(a, b), steps.pair(a.component, b.component));
    let [r0, r1, r2, r3] = first_pass([
        full::row::<0, IS_ZIGZAG>(&eights, steps),
        full::row::<1, IS_ZIGZAG>(&eights, steps),
        full::row::<2, IS_ZIGZAG>(&eights, steps),
        full::row::<3, IS_ZIGZAG>(&eights, steps),
    ]);
    let none = splat16(0);
    let columns = full::second_pass(&full::transposed(&[r0, r1, r2, r3, none, none, none, none]));
    // Behind the eight bytes of a row is one of those that are none.
    let rows = full::to_rows(&columns);
    for (number, row) in rows.into_iter().enumerate() {
        store_row(_mm256_castsi256_si128(row), samples, tasks[0].at + number * stride);
        store_row(_mm256_extracti128_si256::<1>(row), samples, tasks[1].at + number * stride);
    }
}

/// Two blocks of 4 x 8.
#[target_feature(enable = "avx2")]
fn inverse_tall<const IS_ZIGZAG: bool>(
    steps: &Steps,
    tasks: [&Task<'_>; 2],
    samples: &mut [u8],
    stride: usize,
) {
    let [a, b] = tasks;
    let rows = full::rows::<IS_ZIGZAG>(steps, a, b);
    let [c0, c1, c2, c3, ..] = full::transposed(&full::first_pass(&rows));
    let [upper, lower] = second_pass([c0, c1, c2, c3]);
    store_block(_mm256_castsi256_si128(upper), samples, tasks[0].at, stride);
    store_block(_mm256_castsi256_si128(lower), samples, tasks[0].at + 4 * stride, stride);
    store_block(_mm256_extracti128_si256::<1>(upper), samples, tasks[1].at, stride);
    store_block(_mm256_extracti128_si256::<1>(lower), samples, tasks[1].at + 4 * stride, stride);
}

/// The pass over columns, with a shift of 11.
#[inline]
#[target_feature(enable = "avx2")]
fn first_pass(rows: [__m256i; 4]) -> [__m256i; 4] {
    let [low, high] = sums::<11>(rows, splat16(1 << 13), splat32(0));
    // Not `map` here and below, which is not compiled for AVX2 and takes vectors through memory.
    [
        pack_signed32(low[0], high[0]),
        pack_signed32(low[1], high[1]),
        pack_signed32(low[2], high[2]),
        pack_signed32(low[3], high[3]),
    ]
}

/// The pass over rows, with a shift of 18 and 128 more: the bytes of blocks row by row, of the first and the third block,
/// and of the second and the fourth.
#[inline]
#[target_feature(enable = "avx2")]
fn second_pass(columns: [__m256i; 4]) -> [__m256i; 2] {
    let [low, high] = sums::<18>(columns, splat16(0), splat32((1 << 17) + (128 << 18)));
    let to_rows = _mm256_broadcastsi128_si256(load_bytes(&TRANSPOSED));
    let rows = |[c0, c1, c2, c3]: [__m256i; 4]| {
        shuffle8(pack_unsigned16(pack_signed32(c0, c1), pack_signed32(c2, c3)), to_rows)
    };
    [rows(low), rows(high)]
}

/// The sums of a pass in 32 bits, shifted: those of the lower and those of the upper half of each lane. `low` is what is
/// below the numbers that are scaled up by 2^16, before they are shifted down by 3; `more` is added then.
#[inline]
#[target_feature(enable = "avx2")]
fn sums<const SHIFT: i32>(rows: [__m256i; 4], low: __m256i, more: __m256i) -> [[__m256i; 4]; 2] {
    let [r0, r1, r2, r3] = rows;
    let (sum, difference) = (add16(r0, r2), subtract16(r0, r2));
    let scaled = |both| add32(shift_right32::<3>(both), more);
    let half = |sum, difference, odd| {
        let (t0, t1) = (scaled(sum), scaled(difference));
        let (t2, t3) = (products(odd, F0_541, F0_541 - F1_847), products(odd, F0_541 + F0_765, F0_541));
        [
            shift_right32::<SHIFT>(add32(t0, t3)),
            shift_right32::<SHIFT>(add32(t1, t2)),
            shift_right32::<SHIFT>(subtract32(t1, t2)),
            shift_right32::<SHIFT>(subtract32(t0, t3)),
        ]
    };
    [
        half(unpack_low16(low, sum), unpack_low16(low, difference), unpack_low16(r1, r3)),
        half(unpack_high16(low, sum), unpack_high16(low, difference), unpack_high16(r1, r3)),
    ]
}

/// The first of each pair of numbers times a factor, plus the second times another.
#[inline]
#[target_feature(enable = "avx2")]
fn products(pairs: __m256i, first: i32, second: i32) -> __m256i {
    multiply_add16(pairs, splat32((second << 16) | (first & 0xFFFF)))
}

/// Columns of blocks out of their rows.
#[inline]
#[target_feature(enable = "avx2")]
fn transposed([r0, r1, r2, r3]: [__m256i; 4]) -> [__m256i; 4] {
    let (a01, b01) = (unpack_low16(r0, r1), unpack_high16(r0, r1));
    let (a23, b23) = (unpack_low16(r2, r3), unpack_high16(r2, r3));
    let (a_left, a_right) = (unpack_low32(a01, a23), unpack_high32(a01, a23));
    let (b_left, b_right) = (unpack_low32(b01, b23), unpack_high32(b01, b23));
    [
        unpack_low64(a_left, b_left),
        unpack_high64(a_left, b_left),
        unpack_low64(a_right, b_right),
        unpack_high64(a_right, b_right),
    ]
}

/// Stores the lower half as a row of eight samples.
#[inline]
#[target_feature(enable = "avx2")]
fn store_row(row: __m128i, samples: &mut [u8], at: usize) {
    samples[at..][..8].copy_from_slice(&_mm_cvtsi128_si64(row).to_ne_bytes());
}

/// Stores the four rows of a block.
#[inline]
#[target_feature(enable = "avx2")]
fn store_block(rows: __m128i, samples: &mut [u8], at: usize, stride: usize) {
    let to = samples[at..][..3 * stride + 4].as_mut_ptr();
    // SAFETY: all rows are within the slice, which ends 4 bytes behind the start of row 3, and need not be aligned.
    unsafe {
        to.cast::<i32>().write_unaligned(_mm_extract_epi32::<0>(rows));
        to.add(stride).cast::<i32>().write_unaligned(_mm_extract_epi32::<1>(rows));
        to.add(2 * stride).cast::<i32>().write_unaligned(_mm_extract_epi32::<2>(rows));
        to.add(3 * stride).cast::<i32>().write_unaligned(_mm_extract_epi32::<3>(rows));
    }
}
