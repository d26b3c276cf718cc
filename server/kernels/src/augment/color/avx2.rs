//! The blend with grey, eight pixels at a time: a register per channel, a 32-bit lane per pixel.
//!
//! Eight pixels are two times 12 bytes, of which each half of a register takes one. The halves are loaded and
//! stored as 16 bytes; what a store writes too much is overwritten by the next one, or put back at the end.

use std::arch::x86_64::{
    __m256, __m256i, _mm_loadu_si128, _mm_storeu_si128, _mm256_add_epi32, _mm256_add_ps,
    _mm256_castsi256_si128, _mm256_cvtepi32_ps, _mm256_cvttps_epi32, _mm256_extracti128_si256, _mm256_max_ps,
    _mm256_min_ps, _mm256_mul_ps, _mm256_mullo_epi32, _mm256_or_si256, _mm256_set_m128i, _mm256_set1_epi32,
    _mm256_set1_ps, _mm256_setr_epi8, _mm256_setzero_ps, _mm256_shuffle_epi8, _mm256_slli_epi32,
    _mm256_srli_epi32, _mm256_sub_epi32,
};

use super::scalar;
use crate::level::Avx2;

/// Bytes of half a step: four pixels.
const HALF: usize = 12;

/// Bytes of a step: eight pixels. It reads and writes four bytes more.
const STEP: usize = 2 * HALF;

/// Blends each whole pixel.
pub(super) fn blend_with_grey(_: Avx2, pixels: &mut [u8], by: f32) {
    let steps = pixels.len().saturating_sub(4) / STEP;
    if steps > 0 {
        // SAFETY: the token proves AVX2, and there are four bytes more than the steps need.
        unsafe { blend_steps(pixels, steps, by) }
    }
    scalar::blend_with_grey(&mut pixels[steps * STEP..], by);
}

/// # Safety
///
/// Needs AVX2, at least one step, and 24 bytes for each step and 4 more.
#[target_feature(enable = "avx2")]
unsafe fn blend_steps(pixels: &mut [u8], steps: usize, by: f32) {
    debug_assert!(steps > 0 && steps * STEP + 4 <= pixels.len());
    let by = _mm256_set1_ps(by);
    let start = pixels.as_mut_ptr();
    // SAFETY: the bytes behind the last step exist; the last store spoils them.
    let behind = unsafe { start.add(STEP * steps).cast::<u32>().read_unaligned() };
    // SAFETY: a step's halves have 16 bytes each.
    let mut both = unsafe { load(start) };
    for step in 0..steps {
        // The next step is read before this one is written, which spoils its first bytes.
        let next = (step + 1).min(steps - 1);
        // SAFETY: as above, for both steps.
        unsafe {
            let following = load(start.add(STEP * next));
            let blended = pack(blend_lanes(both, by));
            let left = start.add(STEP * step);
            _mm_storeu_si128(left.cast(), _mm256_castsi256_si128(blended));
            _mm_storeu_si128(left.add(HALF).cast(), _mm256_extracti128_si256::<1>(blended));
            both = following;
        }
    }
    // SAFETY: as above.
    unsafe { start.add(STEP * steps).cast::<u32>().write_unaligned(behind) }
}

/// Eight pixels.
///
/// # Safety
///
/// Needs AVX2 and 28 bytes.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn load(pixels: *const u8) -> __m256i {
    // SAFETY: the caller vouches for the bytes.
    unsafe { _mm256_set_m128i(_mm_loadu_si128(pixels.add(HALF).cast()), _mm_loadu_si128(pixels.cast())) }
}

/// The new red, green and blue of eight pixels, in 0..=255.
#[inline]
#[target_feature(enable = "avx2")]
fn blend_lanes(pixels: __m256i, by: __m256) -> [__m256i; 3] {
    let (red, green, blue) = (channel(pixels, 0), channel(pixels, 1), channel(pixels, 2));
    let weighted = _mm256_add_epi32(
        _mm256_add_epi32(
            _mm256_mullo_epi32(red, _mm256_set1_epi32(19595)),
            _mm256_mullo_epi32(green, _mm256_set1_epi32(38470)),
        ),
        _mm256_add_epi32(_mm256_mullo_epi32(blue, _mm256_set1_epi32(7471)), _mm256_set1_epi32(0x8000)),
    );
    let grey = _mm256_srli_epi32::<16>(weighted);
    [blend(grey, red, by), blend(grey, green, by), blend(grey, blue, by)]
}

/// One channel of eight pixels.
#[inline]
#[target_feature(enable = "avx2")]
fn channel(pixels: __m256i, channel: i8) -> __m256i {
    let [a, b, c, d] = [channel, channel + 3, channel + 6, channel + 9];
    #[rustfmt::skip]
    let lanes = _mm256_setr_epi8(
        a, -1, -1, -1, b, -1, -1, -1, c, -1, -1, -1, d, -1, -1, -1,
        a, -1, -1, -1, b, -1, -1, -1, c, -1, -1, -1, d, -1, -1, -1,
    );
    _mm256_shuffle_epi8(pixels, lanes)
}

#[inline]
#[target_feature(enable = "avx2")]
fn blend(grey: __m256i, value: __m256i, by: __m256) -> __m256i {
    let difference = _mm256_cvtepi32_ps(_mm256_sub_epi32(value, grey));
    let blended = _mm256_add_ps(_mm256_cvtepi32_ps(grey), _mm256_mul_ps(by, difference));
    let blended = _mm256_min_ps(_mm256_max_ps(blended, _mm256_setzero_ps()), _mm256_set1_ps(255.0));
    _mm256_cvttps_epi32(blended)
}

/// Eight pixels in the first 12 bytes of either half.
#[inline]
#[target_feature(enable = "avx2")]
fn pack([red, green, blue]: [__m256i; 3]) -> __m256i {
    let lanes =
        _mm256_or_si256(red, _mm256_or_si256(_mm256_slli_epi32::<8>(green), _mm256_slli_epi32::<16>(blue)));
    #[rustfmt::skip]
    let bytes = _mm256_setr_epi8(
        0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1,
        0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1,
    );
    _mm256_shuffle_epi8(lanes, bytes)
}
