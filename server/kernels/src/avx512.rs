//! Registers from and to slices that may be shorter: what is missing counts as 0, and nothing beyond is touched.
//!
//! Whole registers take the plain instructions: masked stores of bytes cost some CPUs as much as ten of those.

use std::arch::x86_64::{
    __m512i, __mmask64, _mm512_loadu_si512, _mm512_mask_storeu_epi8, _mm512_maskz_loadu_epi8,
    _mm512_storeu_si512,
};

/// Bytes of a register.
pub(crate) const BYTES: usize = 64;

/// Loads the first bytes, as many as there are up to 64.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub(crate) fn load_some(from: &[u8]) -> __m512i {
    match from.first_chunk::<BYTES>() {
        // SAFETY: all 64 bytes can be read, and need not be aligned.
        Some(from) => unsafe { _mm512_loadu_si512(from.as_ptr().cast()) },
        // SAFETY: the mask keeps the load inside.
        None => unsafe { _mm512_maskz_loadu_epi8(first_bytes(from.len()), from.as_ptr().cast()) },
    }
}

/// Stores the first bytes, as many as there is room for up to 64.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
pub(crate) fn store_some(register: __m512i, to: &mut [u8]) {
    match to.first_chunk_mut::<BYTES>() {
        // SAFETY: all 64 bytes can be written, and need not be aligned.
        Some(to) => unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), register) },
        // SAFETY: the mask keeps the store inside.
        None => unsafe { _mm512_mask_storeu_epi8(to.as_mut_ptr().cast(), first_bytes(to.len()), register) },
    }
}

/// The first `count` bytes, fewer than 64.
fn first_bytes(count: usize) -> __mmask64 {
    (1 << count) - 1
}
