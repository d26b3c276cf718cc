//! The flip with byte shuffles, five pixels from each end at a time.

use std::arch::x86_64::{
    _mm_blendv_epi8, _mm_loadu_si128, _mm_setr_epi8, _mm_shuffle_epi8, _mm_storeu_si128,
};

use super::scalar;
use crate::level::Avx2;

/// Five whole pixels.
const BYTES: usize = 15;

/// Mirrors a row of whole RGB pixels.
pub(super) fn flip(_: Avx2, row: &mut [u8]) {
    // A step loads 16 bytes at either end, which must not overlap.
    let steps = (row.len() / 2).saturating_sub(1) / BYTES;
    for step in 0..steps {
        let ends = &mut row[step * BYTES..];
        let length = ends.len() - step * BYTES;
        // SAFETY: the token proves AVX2; `length` is at least 32, as `steps` leaves 16 bytes on each side.
        unsafe { swap_ends(&mut ends[..length]) }
    }
    let done = steps * BYTES;
    let middle = done..row.len() - done;
    scalar::flip(&mut row[middle]);
}

/// Swaps and mirrors the first and the last five pixels.
///
/// # Safety
///
/// Needs AVX2 and at least 32 bytes.
#[target_feature(enable = "avx2")]
unsafe fn swap_ends(row: &mut [u8]) {
    debug_assert!(row.len() >= 32);
    // Five pixels, last first. The left register has a strange byte at its end, the right one at its start.
    let to_right = _mm_setr_epi8(-1, 12, 13, 14, 9, 10, 11, 6, 7, 8, 3, 4, 5, 0, 1, 2);
    let to_left = _mm_setr_epi8(13, 14, 15, 10, 11, 12, 7, 8, 9, 4, 5, 6, 1, 2, 3, -1);
    let keep_first = _mm_setr_epi8(-1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    let keep_last = _mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1);
    // SAFETY: both ends hold 16 bytes and do not overlap.
    unsafe {
        let left_at = row.as_mut_ptr();
        let right_at = left_at.add(row.len() - 16);
        let left = _mm_loadu_si128(left_at.cast());
        let right = _mm_loadu_si128(right_at.cast());
        let new_left = _mm_blendv_epi8(_mm_shuffle_epi8(right, to_left), left, keep_last);
        let new_right = _mm_blendv_epi8(_mm_shuffle_epi8(left, to_right), right, keep_first);
        _mm_storeu_si128(left_at.cast(), new_left);
        _mm_storeu_si128(right_at.cast(), new_right);
    }
}
