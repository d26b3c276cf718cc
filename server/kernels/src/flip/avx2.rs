//! The flip with byte shuffles, five pixels from each end at a time.

use std::arch::x86_64::{
    __m128i, _mm_blendv_epi8, _mm_loadu_si128, _mm_setr_epi8, _mm_shuffle_epi8, _mm_storeu_si128,
};

use super::scalar;
use crate::level::Avx2;

/// Five whole pixels.
const BYTES: usize = 15;

/// Mirrors a row of whole RGB pixels.
pub(super) fn flip(_: Avx2, row: &mut [u8]) {
    // A step stores 16 bytes at either end, which must not overlap.
    let steps = (row.len() / 2).saturating_sub(1) / BYTES;
    if steps > 0 {
        // SAFETY: the token proves AVX2; `steps * BYTES + 1` bytes on each side do not reach the middle.
        unsafe { swap_ends(row, steps) }
    }
    let done = steps * BYTES;
    let middle = done..row.len() - done;
    scalar::flip(&mut row[middle]);
}

/// Swaps and mirrors the first and the last `5 * steps` pixels.
///
/// # Safety
///
/// Needs AVX2, at least one step, and `2 * (BYTES * steps + 1)` bytes.
#[target_feature(enable = "avx2")]
unsafe fn swap_ends(row: &mut [u8], steps: usize) {
    debug_assert!(steps > 0 && row.len() >= 2 * (BYTES * steps + 1));
    // Five pixels, last first. The left register has a strange byte at its end, the right one at its start.
    let to_right = _mm_setr_epi8(-1, 12, 13, 14, 9, 10, 11, 6, 7, 8, 3, 4, 5, 0, 1, 2);
    let to_left = _mm_setr_epi8(13, 14, 15, 10, 11, 12, 7, 8, 9, 4, 5, 6, 1, 2, 3, -1);
    let keep_first = _mm_setr_epi8(-1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
    let keep_last = _mm_setr_epi8(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1);
    let first = row.as_mut_ptr();
    // SAFETY: the row has more than 16 bytes.
    let last = unsafe { first.add(row.len() - 16) };
    // SAFETY: both ends hold 16 bytes.
    let (mut left, mut right) = unsafe { (_mm_loadu_si128(first.cast()), _mm_loadu_si128(last.cast())) };
    for step in 0..steps {
        // The next step's bytes are read before this step's are written: a load of bytes that two stores have
        // just touched would wait for both.
        let next = BYTES * (step + 1).min(steps - 1);
        // SAFETY: a step's 16 bytes on one side end before those on the other side begin.
        unsafe {
            let next_left: __m128i = _mm_loadu_si128(first.add(next).cast());
            let next_right = _mm_loadu_si128(last.sub(next).cast());
            let new_left = _mm_blendv_epi8(_mm_shuffle_epi8(right, to_left), left, keep_last);
            let new_right = _mm_blendv_epi8(_mm_shuffle_epi8(left, to_right), right, keep_first);
            _mm_storeu_si128(first.add(BYTES * step).cast(), new_left);
            _mm_storeu_si128(last.sub(BYTES * step).cast(), new_right);
            (left, right) = (next_left, next_right);
        }
    }
}
