//! Vectors from and to memory, AVX-512.

use std::arch::x86_64::{__m512i, _mm512_loadu_si512, _mm512_storeu_si512};

#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn load(from: &[u8; 64]) -> __m512i {
    // SAFETY: all 64 bytes can be read, and need not be aligned.
    unsafe { _mm512_loadu_si512(from.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn store(vector: __m512i, to: &mut [u8; 64]) {
    // SAFETY: all 64 bytes can be written, and need not be aligned.
    unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), vector) }
}

/// Numbers of a block.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn load_numbers(from: &[i16; 32]) -> __m512i {
    // SAFETY: all 64 bytes can be read, and need not be aligned.
    unsafe { _mm512_loadu_si512(from.as_ptr().cast()) }
}
