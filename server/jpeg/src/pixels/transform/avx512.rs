//! The transform with AVX-512, four blocks at a time.

use std::arch::x86_64::{
    __m512i, _mm512_add_epi16 as add16, _mm512_add_epi32 as add32, _mm512_extracti32x4_epi32,
    _mm512_madd_epi16 as multiply_add16, _mm512_mask_blend_epi16, _mm512_mullo_epi16,
    _mm512_packs_epi32 as pack_signed32, _mm512_packus_epi16 as pack_unsigned16, _mm512_permutex2var_epi16,
    _mm512_set1_epi16 as splat16, _mm512_set1_epi32 as splat32, _mm512_shuffle_i32x4,
    _mm512_srai_epi16 as shift_right16, _mm512_srai_epi32 as shift_right32,
    _mm512_srli_epi32 as shift_right_unsigned32, _mm512_sub_epi16 as subtract16,
    _mm512_sub_epi32 as subtract32, _mm512_test_epi16_mask, _mm512_unpackhi_epi8 as unpack_high8,
    _mm512_unpackhi_epi16 as unpack_high16, _mm512_unpackhi_epi32 as unpack_high32,
    _mm512_unpackhi_epi64 as unpack_high64, _mm512_unpacklo_epi8 as unpack_low8,
    _mm512_unpacklo_epi16 as unpack_low16, _mm512_unpacklo_epi32 as unpack_low32,
    _mm512_unpacklo_epi64 as unpack_low64,
};

use super::{
    super::avx512::load_numbers,
    MAX_FIRST_ROW, Task,
    avx2::{self, NATURAL_ORDER, ZIGZAG},
    factors::{
        F0_298, F0_390, F0_541, F0_765, F0_899, F1_175, F1_501, F1_847, F1_961, F2_053, F2_562, F3_072,
    },
    passes::passes,
    steps::Steps,
};
use crate::{
    level::Avx512,
    order::{NATURAL, Order},
};

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
        // By reference: tasks were just written number by number, and a copy would wait for that.
        let four = match tasks {
            [a, b, c, d] => [a, b, c, d],
            // One block is transformed twice, to the same place.
            [a, b, c] => [a, b, c, c],
            _ => {
                is_ordinary &= avx2::inverse(proof.avx2(), steps, tasks, samples, stride);
                continue;
            }
        };
        // SAFETY: the token proves AVX-512 F, BW, VL and AVX2.
        is_ordinary &= unsafe {
            match steps.order() {
                Order::Zigzag => inverse_four::<ZIGZAG>(steps, four, samples, stride),
                Order::Natural => inverse_four::<NATURAL_ORDER>(steps, four, samples, stride),
            }
        };
    }
    is_ordinary
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2")]
fn inverse_four<const IS_ZIGZAG: bool>(
    steps: &Steps,
    tasks: [&Task<'_>; 4],
    samples: &mut [u8],
    stride: usize,
) -> bool {
    let [[a, a_lower], [b, b_lower], [c, c_lower], [d, d_lower]] = [
        natural::<IS_ZIGZAG>(steps, tasks[0]),
        natural::<IS_ZIGZAG>(steps, tasks[1]),
        natural::<IS_ZIGZAG>(steps, tasks[2]),
        natural::<IS_ZIGZAG>(steps, tasks[3]),
    ];
    let ([r0, r1, r2, r3], [r4, r5, r6, r7]) =
        (side_by_side([a, b, c, d]), side_by_side([a_lower, b_lower, c_lower, d_lower]));
    let rows = [r0, r1, r2, r3, r4, r5, r6, r7];
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

/// The upper and the lower four rows of coefficients of a block, times their steps.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn natural<const IS_ZIGZAG: bool>(steps: &Steps, task: &Task<'_>) -> [__m512i; 2] {
    let (halves, steps) = (task.coefficients.as_chunks().0, steps.of(task.component).as_chunks().0);
    let (first, second) = (load_numbers(&halves[0]), load_numbers(&halves[1]));
    let rows = |half: usize| {
        let rows = if IS_ZIGZAG {
            _mm512_permutex2var_epi16(first, load_numbers(&PLACES[half]), second)
        } else {
            [first, second][half]
        };
        _mm512_mullo_epi16(rows, load_numbers(&steps[half]))
    };
    [rows(0), rows(1)]
}

/// The zigzag position of each coefficient in natural order, in two halves.
const PLACES: [[i16; 32]; 2] = {
    let mut places = [[0; 32]; 2];
    let mut at = 0;
    while at < 64 {
        places[NATURAL[at] as usize / 32][NATURAL[at] as usize % 32] = at as i16;
        at += 1;
    }
    places
};

/// Rows of four blocks out of four rows of each.
#[inline]
#[target_feature(enable = "avx512f")]
fn side_by_side([a, b, c, d]: [__m512i; 4]) -> [__m512i; 4] {
    let (upper_ab, lower_ab) =
        (_mm512_shuffle_i32x4::<0b01_00_01_00>(a, b), _mm512_shuffle_i32x4::<0b11_10_11_10>(a, b));
    let (upper_cd, lower_cd) =
        (_mm512_shuffle_i32x4::<0b01_00_01_00>(c, d), _mm512_shuffle_i32x4::<0b11_10_11_10>(c, d));
    [
        _mm512_shuffle_i32x4::<0b10_00_10_00>(upper_ab, upper_cd),
        _mm512_shuffle_i32x4::<0b11_01_11_01>(upper_ab, upper_cd),
        _mm512_shuffle_i32x4::<0b10_00_10_00>(lower_ab, lower_cd),
        _mm512_shuffle_i32x4::<0b11_01_11_01>(lower_ab, lower_cd),
    ]
}

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
