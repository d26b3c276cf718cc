//! Sums of four taps with AVX-512: 64 bytes at a time, in four registers of 16 sums.
//!
//! Interleaving the rows puts the taps of a byte side by side, where VNNI multiplies them by the bytes of a digit and adds
//! them up. Packing puts the sums back in order.

use std::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_cmpneq_epi32_mask, _mm512_dpbusd_epi32, _mm512_loadu_si512,
    _mm512_mask_storeu_epi8, _mm512_mask_testn_epi32_mask, _mm512_packs_epi32, _mm512_packus_epi16,
    _mm512_ror_epi32, _mm512_set1_epi32, _mm512_setzero_si512, _mm512_slli_epi32, _mm512_srai_epi32,
    _mm512_unpackhi_epi8, _mm512_unpackhi_epi16, _mm512_unpacklo_epi8, _mm512_unpacklo_epi16,
};

use super::{MARGIN, Source, one_bits};
use crate::level::Avx512;

/// Bytes of a step.
const STEP: usize = 64;

/// The bits of a digit.
const DIGIT: u32 = 8;

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
    _: Avx512,
    taps: [&[u8]; 4],
    source: Source<'_>,
    margin: i32,
    out: &mut [u8],
    unsure: &mut Vec<usize>,
) {
    let length = out.len().next_multiple_of(STEP);
    let taps = taps.map(|taps| &taps[..length]);
    match source {
        // SAFETY: the token proves AVX-512 F, BW and VNNI; taps are of whole steps.
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
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
unsafe fn steps<const DIGITS: usize>(
    taps: [&[u8]; 4],
    digits: [&[i32]; 3],
    margin: i32,
    out: &mut [u8],
    unsure: &mut Vec<usize>,
) {
    let (fraction, lift) = (_mm512_set1_epi32(FRACTION), _mm512_set1_epi32(margin));
    let length = out.len();
    for start in (0..length).step_by(STEP) {
        // SAFETY: taps are of whole steps.
        let taps = unsafe { interleaved(taps, start) };
        let mut sums = [lift; 4];
        let mut unsure_lanes = [0; 4];
        for quarter in 0..4 {
            let mut weights = [lift; 3];
            for (weight, digits) in weights.iter_mut().zip(digits) {
                *weight = if DIGITS == 1 {
                    _mm512_set1_epi32(digits[0])
                } else {
                    // SAFETY: digits of bytes are of whole steps.
                    unsafe { load_digits(digits, start + 16 * quarter) }
                };
            }
            let sum = _mm512_dpbusd_epi32(_mm512_setzero_si512(), taps[quarter], weights[2]);
            let sum = _mm512_dpbusd_epi32(_mm512_slli_epi32::<DIGIT>(sum), taps[quarter], weights[1]);
            let sum = _mm512_add_epi32(_mm512_slli_epi32::<DIGIT>(sum), lift);
            let sum = _mm512_dpbusd_epi32(sum, taps[quarter], weights[0]);
            // Not where all taps are the same.
            let differ = _mm512_cmpneq_epi32_mask(taps[quarter], _mm512_ror_epi32::<8>(taps[quarter]));
            unsure_lanes[quarter] = _mm512_mask_testn_epi32_mask(differ, sum, fraction);
            sums[quarter] = _mm512_srai_epi32::<BITS>(sum);
        }
        let low = _mm512_packs_epi32(sums[0], sums[1]);
        let bytes = _mm512_packus_epi16(low, _mm512_packs_epi32(sums[2], sums[3]));
        let count = STEP.min(length - start);
        let some = u64::MAX >> (STEP - count);
        // SAFETY: `out` has `count` bytes from `start` on.
        unsafe { _mm512_mask_storeu_epi8(out.as_mut_ptr().add(start).cast(), some, bytes) };
        let [a, b, c, d] = unsure_lanes;
        if (a | b | c | d) != 0 && margin != 0 {
            for (quarter, mut bits) in unsure_lanes.into_iter().enumerate() {
                while bits != 0 {
                    let lane = bits.trailing_zeros() as usize;
                    let at = 16 * (lane / 4) + 4 * quarter + lane % 4;
                    if at < count {
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
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn interleaved(taps: [&[u8]; 4], start: usize) -> [__m512i; 4] {
    // SAFETY: the caller vouches for the bytes.
    let [a, b, c, d] =
        unsafe { [load(taps[0], start), load(taps[1], start), load(taps[2], start), load(taps[3], start)] };
    let (low, high) = (_mm512_unpacklo_epi8(a, b), _mm512_unpackhi_epi8(a, b));
    let (next_low, next_high) = (_mm512_unpacklo_epi8(c, d), _mm512_unpackhi_epi8(c, d));
    [
        _mm512_unpacklo_epi16(low, next_low),
        _mm512_unpackhi_epi16(low, next_low),
        _mm512_unpacklo_epi16(high, next_high),
        _mm512_unpackhi_epi16(high, next_high),
    ]
}

/// # Safety
///
/// `row` has the bytes of a step from `start` on.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn load(row: &[u8], start: usize) -> __m512i {
    debug_assert!(start + STEP <= row.len());
    // SAFETY: the caller vouches for the bytes.
    unsafe { _mm512_loadu_si512(row.as_ptr().add(start).cast()) }
}

/// # Safety
///
/// There are 16 digits from `start` on.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn load_digits(digits: &[i32], start: usize) -> __m512i {
    debug_assert!(start + 16 <= digits.len());
    // SAFETY: the caller vouches for the digits.
    unsafe { _mm512_loadu_si512(digits.as_ptr().add(start).cast()) }
}
