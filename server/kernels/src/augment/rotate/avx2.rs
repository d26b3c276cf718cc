//! Sixteen taps with AVX2: two pixels at a time, a lane per channel.
//!
//! ```text
//! load, a row of a pixel   R1 G1 B1 R2 G2 B2 R3 G3 B3 R4 G4 B4 . . . .
//! shuffled                 R1 R2 R3 R4 G1 G2 G3 G4 B1 B2 B3 B4 0 0 0 0
//! products of bytes        p of R      p of G      p of B      0          as whole numbers, for p1 to p4
//! ```
//!
//! From there on it is the scalar arithmetic, on four float64 lanes of which the last is not used.

use std::arch::x86_64::{
    __m128i, __m256d, __m256i, _mm_loadu_si128, _mm_packs_epi32, _mm_packus_epi16, _mm_setr_epi8,
    _mm_shuffle_epi8, _mm_storel_epi64, _mm256_add_pd, _mm256_castsi256_si128, _mm256_cvtepi32_pd,
    _mm256_cvttpd_epi32, _mm256_extracti128_si256, _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_mul_pd,
    _mm256_set_m128i, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_pd, _mm256_shuffle_epi8,
    _mm256_sub_pd,
};

use super::super::affine::{LOAD, Padded};
use super::Targets;
use crate::level::Avx2;

/// The coefficients p1 to p4 as weights of the four taps, the first in the lowest byte.
pub(super) const COEFFICIENTS: [i32; 4] = [
    i32::from_le_bytes([0, 1, 0, 0]),
    i32::from_le_bytes([-1_i8 as u8, 0, 1, 0]),
    i32::from_le_bytes([2, -2_i8 as u8, 1, -1_i8 as u8]),
    i32::from_le_bytes([-1_i8 as u8, 1, -1_i8 as u8, 1]),
];

/// Interpolates every target's pixel.
///
/// # Panics
///
/// If `out` is not a vector longer than the pixels, or a target is outside the picture.
pub(super) fn interpolate(_: Avx2, source: Padded<'_>, targets: Targets<'_>, out: &mut [u8]) {
    // SAFETY: the token proves AVX2.
    unsafe { pairs(source, targets, out) }
}

#[target_feature(enable = "avx2")]
fn pairs(source: Padded<'_>, targets: Targets<'_>, out: &mut [u8]) {
    let (last, stride) = (targets.len() - 1, source.stride());
    for first in (0..targets.len()).step_by(2) {
        let second = (first + 1).min(last);
        let left = source.four_rows(targets.x[first], targets.y[first]);
        let right = source.four_rows(targets.x[second], targets.y[second]);
        let d = [_mm256_set1_pd(targets.x_fraction[first]), _mm256_set1_pd(targets.x_fraction[second])];
        let mut rows = [[_mm256_set1_pd(0.0); 2]; 4];
        for (row, values) in rows.iter_mut().enumerate() {
            // SAFETY: four rows end with a load at three strides.
            let taps = unsafe { _mm256_set_m128i(load(right, row * stride), load(left, row * stride)) };
            *values = horizontal(taps, d);
        }
        let left = vertical(&rows, 0, _mm256_set1_pd(targets.y_fraction[first]));
        let right = vertical(&rows, 1, _mm256_set1_pd(targets.y_fraction[second]));
        let words = _mm_packs_epi32(_mm256_cvttpd_epi32(left), _mm256_cvttpd_epi32(right));
        store(words, &mut out[3 * first..]);
    }
}

/// A row of taps of one pixel.
///
/// # Safety
///
/// `taps` has 16 bytes from `at` on.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) unsafe fn load(taps: &[u8], at: usize) -> __m128i {
    debug_assert!(at + LOAD <= taps.len());
    // SAFETY: the caller vouches for the bytes.
    unsafe { _mm_loadu_si128(taps.as_ptr().add(at).cast()) }
}

/// The positions of the bytes of the shuffled row in the loaded one.
#[inline]
#[target_feature(enable = "avx2")]
fn by_channel() -> __m128i {
    _mm_setr_epi8(0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11, -1, -1, -1, -1)
}

/// A row of taps of two pixels, interpolated along x.
#[inline]
#[target_feature(enable = "avx2")]
fn horizontal(taps: __m256i, d: [__m256d; 2]) -> [__m256d; 2] {
    let taps = _mm256_shuffle_epi8(taps, _mm256_set_m128i(by_channel(), by_channel()));
    let mut p = [[d[0]; 4]; 2];
    for (i, weights) in COEFFICIENTS.into_iter().enumerate() {
        // Two products of a byte with at most 2 cannot saturate.
        let halves = _mm256_maddubs_epi16(taps, _mm256_set1_epi32(weights));
        let whole = _mm256_madd_epi16(halves, _mm256_set1_epi16(1));
        p[0][i] = _mm256_cvtepi32_pd(_mm256_castsi256_si128(whole));
        p[1][i] = _mm256_cvtepi32_pd(_mm256_extracti128_si256::<1>(whole));
    }
    [polynomial(p[0], d[0]), polynomial(p[1], d[1])]
}

/// One pixel of four interpolated rows, interpolated along y.
#[inline]
#[target_feature(enable = "avx2")]
fn vertical(rows: &[[__m256d; 2]; 4], pixel: usize, d: __m256d) -> __m256d {
    let [v1, v2, v3, v4] = [rows[0][pixel], rows[1][pixel], rows[2][pixel], rows[3][pixel]];
    let difference = _mm256_sub_pd(v1, v2);
    let p2 = _mm256_sub_pd(v3, v1);
    let p3 = _mm256_sub_pd(_mm256_add_pd(_mm256_add_pd(difference, difference), v3), v4);
    let p4 = _mm256_add_pd(_mm256_sub_pd(_mm256_sub_pd(v2, v1), v3), v4);
    polynomial([v2, p2, p3, p4], d)
}

#[inline]
#[target_feature(enable = "avx2")]
fn polynomial([p1, p2, p3, p4]: [__m256d; 4], d: __m256d) -> __m256d {
    let value = _mm256_add_pd(p3, _mm256_mul_pd(d, p4));
    let value = _mm256_add_pd(p2, _mm256_mul_pd(d, value));
    _mm256_add_pd(p1, _mm256_mul_pd(d, value))
}

/// Writes two pixels, and two bytes that the next ones overwrite.
#[inline]
#[target_feature(enable = "avx2")]
pub(super) fn store(words: __m128i, out: &mut [u8]) {
    let bytes = _mm_packus_epi16(words, words);
    let packed =
        _mm_shuffle_epi8(bytes, _mm_setr_epi8(0, 1, 2, 4, 5, 6, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1));
    let out = &mut out[..8];
    // SAFETY: the slice has 8 bytes.
    unsafe { _mm_storel_epi64(out.as_mut_ptr().cast(), packed) }
}
