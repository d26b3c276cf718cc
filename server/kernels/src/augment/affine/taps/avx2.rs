//! Sums of four taps with AVX2: 32 bytes at a time, in four registers of 8 sums.
//!
//! Interleaving the rows puts the taps of a byte side by side, where they are multiplied by the bytes of a digit and added
//! up, twice two and then the two sums, which also gives the digit its place. Packing puts the sums back in order.

use std::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_and_si256, _mm256_andnot_si256, _mm256_castsi256_ps,
    _mm256_cmpeq_epi32, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_movemask_ps,
    _mm256_or_si256, _mm256_packs_epi32, _mm256_packus_epi16, _mm256_set1_epi16, _mm256_set1_epi32,
    _mm256_setr_epi8, _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_srai_epi32, _mm256_storeu_si256,
    _mm256_testz_si256, _mm256_unpackhi_epi8, _mm256_unpackhi_epi16, _mm256_unpacklo_epi8,
    _mm256_unpacklo_epi16,
};

use super::{MARGIN, Source, one_bits};
use crate::level::Avx2;

/// Bytes of a step.
const STEP: usize = 32;

/// The bits of a digit.
const DIGIT: u32 = 7;

/// The bits of the weight 1.
const BITS: u32 = one_bits(DIGIT);

/// The bits of a sum that are all 0 where it is close to a whole number.
const FRACTION: i32 = (1 << BITS) - 2 * MARGIN;

/// Fills `out` with truncated sums, and appends those that must be computed again to `unsure`.
///
/// # Panics
///
/// If taps or weights are not those of whole steps.
pub(super) fn add_up(
    _: Avx2,
    taps: [&[u8]; 4],
    source: Source<'_>,
    margin: i32,
    out: &mut [u8],
    unsure: &mut Vec<usize>,
) {
    let length = out.len().next_multiple_of(STEP);
    let taps = taps.map(|taps| &taps[..length]);
    match source {
        // SAFETY: the token proves AVX2; taps are of whole steps.
        Source::Same([a, b, c, _]) => unsafe { steps::<1>(taps, [&[a], &[b], &[c]], margin, out, unsure) },
        Source::Row([a, b, c, _]) => {
            let digits = [&a[..length], &b[..length], &c[..length]];
            // SAFETY: as above, and digits are of whole steps.
            unsafe { steps::<STEP>(taps, digits, margin, out, unsure) }
        }
    }
}

/// `DIGITS` is [`STEP`] where digits are of bytes, and 1 where they are the same for all.
///
/// # Safety
///
/// Taps, and digits of bytes, are of whole steps.
#[target_feature(enable = "avx2")]
unsafe fn steps<const DIGITS: usize>(
    taps: [&[u8]; 4],
    digits: [&[i32]; 3],
    margin: i32,
    out: &mut [u8],
    unsure: &mut Vec<usize>,
) {
    let (fraction, lift, zero) =
        (_mm256_set1_epi32(FRACTION), _mm256_set1_epi32(margin), _mm256_setzero_si256());
    let turned = _mm256_setr_epi8(
        1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14, 15, 12, 1, 2, 3, 0, 5, 6, 7, 4, 9, 10, 11, 8, 13, 14,
        15, 12,
    );
    for (start, out) in (0..).step_by(STEP).zip(out.chunks_mut(STEP)) {
        // SAFETY: taps are of whole steps.
        let taps = unsafe { interleaved(taps, start) };
        let mut sums = [lift; 4];
        let mut unsure_lanes = [zero; 4];
        for quarter in 0..4 {
            let mut products = [lift; 3];
            for (product, digits) in products.iter_mut().zip(digits) {
                let weights = if DIGITS == 1 {
                    _mm256_set1_epi32(digits[0])
                } else {
                    // SAFETY: digits of bytes are of whole steps.
                    unsafe { load_digits(digits, start + 8 * quarter) }
                };
                // Two products of a byte with at most 64 cannot saturate.
                *product = _mm256_maddubs_epi16(taps[quarter], weights);
            }
            let low = _mm256_madd_epi16(products[0], _mm256_set1_epi16(1));
            let middle = _mm256_madd_epi16(products[1], _mm256_set1_epi16(1 << DIGIT));
            let high = _mm256_madd_epi16(products[2], _mm256_set1_epi16(1 << (2 * DIGIT)));
            let sum = _mm256_add_epi32(_mm256_add_epi32(low, lift), _mm256_add_epi32(middle, high));
            let near = _mm256_cmpeq_epi32(_mm256_and_si256(sum, fraction), zero);
            // Not where all taps are the same.
            let same = _mm256_cmpeq_epi32(taps[quarter], _mm256_shuffle_epi8(taps[quarter], turned));
            unsure_lanes[quarter] = _mm256_andnot_si256(same, near);
            sums[quarter] = _mm256_srai_epi32::<{ BITS as i32 }>(sum);
        }
        let low = _mm256_packs_epi32(sums[0], sums[1]);
        store(_mm256_packus_epi16(low, _mm256_packs_epi32(sums[2], sums[3])), out);
        let [a, b, c, d] = unsure_lanes;
        let any = _mm256_or_si256(_mm256_or_si256(a, b), _mm256_or_si256(c, d));
        if _mm256_testz_si256(any, any) == 0 && margin != 0 {
            for (quarter, lanes) in unsure_lanes.into_iter().enumerate() {
                let mut bits = _mm256_movemask_ps(_mm256_castsi256_ps(lanes));
                while bits != 0 {
                    let lane = bits.trailing_zeros() as usize;
                    let at = 16 * (lane / 4) + 4 * quarter + lane % 4;
                    if at < out.len() {
                        unsure.push(start + at);
                    }
                    bits &= bits - 1;
                }
            }
        }
    }
}

/// The taps of a step, side by side: bytes 0 to 3 of every 16 in the first register, 4 to 7 in the second, and so on.
///
/// # Safety
///
/// The rows have the bytes of a step from `start` on.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn interleaved(taps: [&[u8]; 4], start: usize) -> [__m256i; 4] {
    // SAFETY: the caller vouches for the bytes.
    let [a, b, c, d] =
        unsafe { [load(taps[0], start), load(taps[1], start), load(taps[2], start), load(taps[3], start)] };
    let (low, high) = (_mm256_unpacklo_epi8(a, b), _mm256_unpackhi_epi8(a, b));
    let (next_low, next_high) = (_mm256_unpacklo_epi8(c, d), _mm256_unpackhi_epi8(c, d));
    [
        _mm256_unpacklo_epi16(low, next_low),
        _mm256_unpackhi_epi16(low, next_low),
        _mm256_unpacklo_epi16(high, next_high),
        _mm256_unpackhi_epi16(high, next_high),
    ]
}

/// # Safety
///
/// `row` has the bytes of a step from `start` on.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn load(row: &[u8], start: usize) -> __m256i {
    debug_assert!(start + STEP <= row.len());
    // SAFETY: the caller vouches for the bytes.
    unsafe { _mm256_loadu_si256(row.as_ptr().add(start).cast()) }
}

/// # Safety
///
/// There are 8 digits from `start` on.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn load_digits(digits: &[i32], start: usize) -> __m256i {
    debug_assert!(start + 8 <= digits.len());
    // SAFETY: the caller vouches for the digits.
    unsafe { _mm256_loadu_si256(digits.as_ptr().add(start).cast()) }
}

/// Writes a step, or as much of it as there is room for.
#[inline]
#[target_feature(enable = "avx2")]
fn store(bytes: __m256i, out: &mut [u8]) {
    if out.len() >= STEP {
        // SAFETY: there is room for a register.
        unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), bytes) };
        return;
    }
    let mut whole = [0; STEP];
    // SAFETY: there is room for a register.
    unsafe { _mm256_storeu_si256(whole.as_mut_ptr().cast(), bytes) };
    out.copy_from_slice(&whole[..out.len()]);
}
