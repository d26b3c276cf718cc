//! Vectors from and to memory, AVX2.

use std::arch::x86_64::{
    __m128i, __m256i, _mm_loadu_si128, _mm_storeu_si128, _mm256_castsi256_si128, _mm256_extracti128_si256,
    _mm256_loadu_si256, _mm256_storeu_si256,
};

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn load(from: &[u8; 32]) -> __m256i {
    // SAFETY: all 32 bytes can be read, and need not be aligned.
    unsafe { _mm256_loadu_si256(from.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn store(vector: __m256i, to: &mut [u8; 32]) {
    // SAFETY: all 32 bytes can be written, and need not be aligned.
    unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), vector) }
}

/// Stores the lower and the upper half.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn store_halves(vector: __m256i, low: &mut [u8; 16], high: &mut [u8; 16]) {
    // SAFETY: all 16 bytes of each can be written, and need not be aligned.
    unsafe {
        _mm_storeu_si128(low.as_mut_ptr().cast(), _mm256_castsi256_si128(vector));
        _mm_storeu_si128(high.as_mut_ptr().cast(), _mm256_extracti128_si256::<1>(vector));
    }
}

/// The bytes of a lane.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn load_bytes(from: &[u8; 16]) -> __m128i {
    // SAFETY: all 16 bytes can be read, and need not be aligned.
    unsafe { _mm_loadu_si128(from.as_ptr().cast()) }
}

/// The eight numbers of a row of a block.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn load_row(from: &[i16; 8]) -> __m128i {
    // SAFETY: all 16 bytes can be read, and need not be aligned.
    unsafe { _mm_loadu_si128(from.as_ptr().cast()) }
}

/// The eight numbers of a row of two blocks.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn load_rows(from: &[i16; 16]) -> __m256i {
    // SAFETY: all 32 bytes can be read, and need not be aligned.
    unsafe { _mm256_loadu_si256(from.as_ptr().cast()) }
}
