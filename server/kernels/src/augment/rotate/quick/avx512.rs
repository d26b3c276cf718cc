//! Sixteen taps with AVX-512, in whole numbers and singles: four pixels at a time, in four lanes each, a lane per channel
//! and one that is not used.

use std::arch::x86_64::{
    __m512, __m512i, _mm_setr_epi8, _mm512_broadcast_i32x4, _mm512_castsi128_si512, _mm512_cvtepi32_ps,
    _mm512_cvtps_epi32, _mm512_dpbusd_epi32, _mm512_fmadd_ps, _mm512_inserti32x4, _mm512_loadu_ps,
    _mm512_loadu_si512, _mm512_mask_test_epi32_mask, _mm512_mask_testn_epi32_mask, _mm512_or_si512,
    _mm512_permutexvar_epi32, _mm512_permutexvar_ps, _mm512_ror_epi32, _mm512_set1_epi32, _mm512_set1_ps,
    _mm512_setr_epi32, _mm512_setzero_si512, _mm512_shuffle_epi8, _mm512_slli_epi32, _mm512_srai_epi32,
    _mm512_xor_si512,
};

use super::super::super::affine::{LOAD, Padded};
use super::super::avx2::load;
use super::super::avx512::store;
use super::{BITS, Chunk, DIGIT, FRACTION, MARGIN, SPARE, furthest};
use crate::level::Avx512;

/// Pixels of a step.
const STEP: usize = 4;

/// The lanes that are used.
const CHANNELS: u16 = 0x7777;

/// Interpolates `count` pixels; appends the first of a step of which a pixel must be computed again to `unsure`. Returns
/// the pixels of a step.
///
/// # Panics
///
/// If `out` is not a vector longer than the pixels, or a target is outside the picture.
pub(super) fn interpolate(
    _: Avx512,
    source: Padded<'_>,
    chunk: &Chunk,
    count: usize,
    out: &mut [u8],
    unsure: &mut Vec<usize>,
) -> usize {
    // SAFETY: the token proves AVX-512 F, BW, VL and VNNI.
    unsafe { steps(source, chunk, count, out, unsure) }
    STEP
}

#[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512vnni")]
fn steps(source: Padded<'_>, chunk: &Chunk, count: usize, out: &mut [u8], unsure: &mut Vec<usize>) {
    let (bytes, stride) = (source.bytes(), source.stride());
    // Those of a step more are read too.
    let furthest = furthest(&chunk.at[..count + SPARE]);
    assert!(furthest + 3 * stride + LOAD <= bytes.len(), "targets lie inside");
    let lift = _mm512_set1_ps(MARGIN as f32);
    let (zero, fraction) = (_mm512_setzero_si512(), _mm512_set1_epi32(FRACTION));
    for first in (0..count).step_by(STEP) {
        let digits = digits(chunk, first);
        let weights = weights(chunk, first);
        let at = [chunk.at[first], chunk.at[first + 1], chunk.at[first + 2], chunk.at[first + 3]];
        let mut rows = [zero; 4];
        let mut result = lift;
        for row in 0..4 {
            // SAFETY: four rows of 16 bytes lie in the source even from the furthest place on.
            let taps = unsafe { taps(bytes, at, row * stride) };
            let sum = _mm512_dpbusd_epi32(zero, taps, digits[2]);
            let sum = _mm512_dpbusd_epi32(_mm512_slli_epi32::<DIGIT>(sum), taps, digits[1]);
            let sum = _mm512_dpbusd_epi32(_mm512_slli_epi32::<DIGIT>(sum), taps, digits[0]);
            result = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), weights[row], result);
            rows[row] = taps;
        }
        let result = _mm512_cvtps_epi32(result);
        store(_mm512_srai_epi32::<BITS>(result), &mut out[3 * first..]);
        let near = _mm512_mask_testn_epi32_mask(CHANNELS, result, fraction);
        // Not where all taps are the same, and float64's too.
        if near != 0 && (chunk.is_next || differ(rows, near)) {
            unsure.push(first);
        }
    }
}

/// The digits of four pixels, in all their lanes.
#[inline]
#[target_feature(enable = "avx512f")]
fn digits(chunk: &Chunk, first: usize) -> [__m512i; 3] {
    let mut spread = [_mm512_setzero_si512(); 3];
    for (spread, digits) in spread.iter_mut().zip(&chunk.digits) {
        let digits = &digits[first..first + SPARE];
        // SAFETY: the slice has 16 numbers.
        let digits = unsafe { _mm512_loadu_si512(digits.as_ptr().cast()) };
        *spread = _mm512_permutexvar_epi32(lanes(), digits);
    }
    spread
}

/// The weights along y of four pixels, in all their lanes.
#[inline]
#[target_feature(enable = "avx512f")]
fn weights(chunk: &Chunk, first: usize) -> [__m512; 4] {
    let mut spread = [_mm512_set1_ps(0.0); 4];
    for (spread, weights) in spread.iter_mut().zip(&chunk.weights) {
        let weights = &weights[first..first + SPARE];
        // SAFETY: the slice has 16 numbers.
        let weights = unsafe { _mm512_loadu_ps(weights.as_ptr()) };
        *spread = _mm512_permutexvar_ps(lanes(), weights);
    }
    spread
}

/// The pixel of each lane.
#[inline]
#[target_feature(enable = "avx512f")]
fn lanes() -> __m512i {
    _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3)
}

/// The same row of taps of four pixels, the four taps of a channel in a lane.
///
/// # Safety
///
/// All have 16 bytes from `at` on, `row` bytes further.
#[inline]
#[target_feature(enable = "avx2,avx512f,avx512bw")]
unsafe fn taps(bytes: &[u8], [a, b, c, d]: [i32; STEP], row: usize) -> __m512i {
    // SAFETY: the caller vouches for the bytes.
    let [a, b, c, d] = unsafe {
        [
            load(bytes, a as usize + row),
            load(bytes, b as usize + row),
            load(bytes, c as usize + row),
            load(bytes, d as usize + row),
        ]
    };
    let joined = _mm512_inserti32x4::<1>(_mm512_castsi128_si512(a), b);
    let joined = _mm512_inserti32x4::<3>(_mm512_inserti32x4::<2>(joined, c), d);
    let by_channel = _mm_setr_epi8(0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11, -1, -1, -1, -1);
    _mm512_shuffle_epi8(joined, _mm512_broadcast_i32x4(by_channel))
}

/// Whether any lane of `lanes` has taps that differ.
#[inline]
#[target_feature(enable = "avx512f")]
fn differ([a, b, c, d]: [__m512i; 4], lanes: u16) -> bool {
    let along = _mm512_xor_si512(a, _mm512_ror_epi32::<8>(a));
    let across = _mm512_or_si512(_mm512_xor_si512(a, b), _mm512_xor_si512(a, c));
    let all = _mm512_or_si512(_mm512_or_si512(along, across), _mm512_xor_si512(a, d));
    _mm512_mask_test_epi32_mask(lanes, all, all) != 0
}
