//! Sixteen taps with AVX2, in whole numbers and singles: two pixels at a time, in four lanes each, a lane per channel and
//! one that is not used.

use std::arch::x86_64::{
    __m256, __m256i, _mm_packs_epi32, _mm_setr_epi8, _mm256_add_epi32, _mm256_and_si256, _mm256_andnot_si256,
    _mm256_castsi256_ps, _mm256_castsi256_si128, _mm256_cmpeq_epi32, _mm256_cvtepi32_ps, _mm256_cvtps_epi32,
    _mm256_extracti128_si256, _mm256_fmadd_ps, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16,
    _mm256_movemask_ps, _mm256_or_si256, _mm256_permutevar8x32_epi32, _mm256_set_m128i, _mm256_set1_epi16,
    _mm256_set1_epi32, _mm256_set1_ps, _mm256_setr_epi32, _mm256_setzero_si256, _mm256_shuffle_epi8,
    _mm256_srai_epi32, _mm256_xor_si256,
};

use super::super::super::affine::{LOAD, Padded};
use super::super::avx2::{load, store};
use super::{BITS, Chunk, DIGIT, FRACTION, MARGIN, SPARE, furthest};
use crate::level::Avx2;

/// Pixels of a step.
const STEP: usize = 2;

/// The lanes that are used.
const CHANNELS: i32 = 0x77;

/// Interpolates `count` pixels; appends the first of a step of which a pixel must be computed again to `unsure`. Returns
/// the pixels of a step.
///
/// # Panics
///
/// If `out` is not a vector longer than the pixels, or a target is outside the picture.
pub(super) fn interpolate(
    _: Avx2,
    source: Padded<'_>,
    chunk: &Chunk,
    count: usize,
    out: &mut [u8],
    unsure: &mut Vec<usize>,
) -> usize {
    // SAFETY: the token proves AVX2 and FMA.
    unsafe { steps(source, chunk, count, out, unsure) }
    STEP
}

#[target_feature(enable = "avx2,fma")]
fn steps(source: Padded<'_>, chunk: &Chunk, count: usize, out: &mut [u8], unsure: &mut Vec<usize>) {
    let (bytes, stride) = (source.bytes(), source.stride());
    // Those of a step more are read too.
    let furthest = furthest(&chunk.at[..count + SPARE]);
    assert!(furthest + 3 * stride + LOAD <= bytes.len(), "targets lie inside");
    let lift = _mm256_set1_ps(MARGIN as f32);
    let (zero, fraction) = (_mm256_setzero_si256(), _mm256_set1_epi32(FRACTION));
    for first in (0..count).step_by(STEP) {
        let [low, middle, high] = digits(chunk, first);
        let weights = weights(chunk, first);
        let at = [chunk.at[first], chunk.at[first + 1]];
        let mut rows = [zero; 4];
        let mut result = lift;
        for row in 0..4 {
            // SAFETY: four rows of 16 bytes lie in the source even from the furthest place on.
            let taps = unsafe { taps(bytes, at, row * stride) };
            // Two products of a byte cannot saturate: of the highest digits of two neighbours, one is not positive.
            let low = _mm256_madd_epi16(_mm256_maddubs_epi16(taps, low), _mm256_set1_epi16(1));
            let middle = _mm256_madd_epi16(_mm256_maddubs_epi16(taps, middle), _mm256_set1_epi16(1 << DIGIT));
            let high =
                _mm256_madd_epi16(_mm256_maddubs_epi16(taps, high), _mm256_set1_epi16(1 << (2 * DIGIT)));
            let sum = _mm256_add_epi32(_mm256_add_epi32(low, middle), high);
            result = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum), weights[row], result);
            rows[row] = taps;
        }
        let result = _mm256_cvtps_epi32(result);
        let whole = _mm256_srai_epi32::<{ BITS as i32 }>(result);
        let words = _mm_packs_epi32(_mm256_castsi256_si128(whole), _mm256_extracti128_si256::<1>(whole));
        store(words, &mut out[3 * first..]);
        let near = _mm256_cmpeq_epi32(_mm256_and_si256(result, fraction), zero);
        // Not where all taps are the same, and float64's too.
        if _mm256_movemask_ps(_mm256_castsi256_ps(near)) & CHANNELS != 0
            && (chunk.is_next || differ(rows, near))
        {
            unsure.push(first);
        }
    }
}

/// The digits of two pixels, in all their lanes.
#[inline]
#[target_feature(enable = "avx2")]
fn digits(chunk: &Chunk, first: usize) -> [__m256i; 3] {
    let mut spread = [_mm256_setzero_si256(); 3];
    for (spread, digits) in spread.iter_mut().zip(&chunk.digits) {
        let digits = &digits[first..first + 8];
        // SAFETY: the slice has 8 numbers.
        *spread = in_lanes(unsafe { _mm256_loadu_si256(digits.as_ptr().cast()) });
    }
    spread
}

/// The weights along y of two pixels, in all their lanes.
#[inline]
#[target_feature(enable = "avx2")]
fn weights(chunk: &Chunk, first: usize) -> [__m256; 4] {
    let mut spread = [_mm256_set1_ps(0.0); 4];
    for (spread, weights) in spread.iter_mut().zip(&chunk.weights) {
        let weights = &weights[first..first + 8];
        // SAFETY: the slice has 8 numbers.
        *spread = _mm256_castsi256_ps(in_lanes(unsafe { _mm256_loadu_si256(weights.as_ptr().cast()) }));
    }
    spread
}

/// The first number in four lanes, and the second in four.
#[inline]
#[target_feature(enable = "avx2")]
fn in_lanes(numbers: __m256i) -> __m256i {
    _mm256_permutevar8x32_epi32(numbers, _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1))
}

/// The same row of taps of two pixels, the four taps of a channel in a lane.
///
/// # Safety
///
/// Both have 16 bytes from `at` on, `row` bytes further.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn taps(bytes: &[u8], [a, b]: [i32; STEP], row: usize) -> __m256i {
    let by_channel = _mm_setr_epi8(0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11, -1, -1, -1, -1);
    // SAFETY: the caller vouches for the bytes.
    let joined = unsafe { _mm256_set_m128i(load(bytes, b as usize + row), load(bytes, a as usize + row)) };
    _mm256_shuffle_epi8(joined, _mm256_set_m128i(by_channel, by_channel))
}

/// Whether any of the channels in `lanes` has taps that differ.
#[inline]
#[target_feature(enable = "avx2")]
fn differ([a, b, c, d]: [__m256i; 4], lanes: __m256i) -> bool {
    let next = _mm_setr_epi8(1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12);
    let along = _mm256_xor_si256(a, _mm256_shuffle_epi8(a, _mm256_set_m128i(next, next)));
    let across = _mm256_or_si256(_mm256_xor_si256(a, b), _mm256_xor_si256(a, c));
    let all = _mm256_or_si256(_mm256_or_si256(along, across), _mm256_xor_si256(a, d));
    let unsure = _mm256_andnot_si256(_mm256_cmpeq_epi32(all, _mm256_setzero_si256()), lanes);
    _mm256_movemask_ps(_mm256_castsi256_ps(unsure)) & CHANNELS != 0
}
