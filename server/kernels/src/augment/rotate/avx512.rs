//! Sixteen taps with AVX-512: four pixels at a time, in the arithmetic of the AVX2 twin.
//!
//! One byte permutation puts the taps of two pixels into the lower halves of float64 lanes, a lane per channel,
//! and VNNI multiplies and adds them right there: whole numbers become doubles without being converted.

use std::arch::x86_64::{
    __m512d, __m512i, __mmask64, _mm_setr_epi8, _mm_shuffle_epi8, _mm_storeu_si128, _mm512_add_pd,
    _mm512_castpd_si512, _mm512_castsi128_si512, _mm512_castsi256_si512, _mm512_castsi512_pd,
    _mm512_cvttpd_epi32, _mm512_cvtusepi32_epi8, _mm512_dpbusd_epi32, _mm512_inserti32x4, _mm512_inserti64x4,
    _mm512_maskz_permutexvar_epi8, _mm512_max_epi32, _mm512_mul_pd, _mm512_set1_epi32, _mm512_set1_pd,
    _mm512_setr_epi64, _mm512_setr_pd, _mm512_setzero_si512, _mm512_sub_pd,
};

use super::super::affine::{LOAD, Padded};
use super::Targets;
use super::avx2::{COEFFICIENTS, load};
use crate::level::Avx512;

/// Pixels of a step.
const STEP: usize = 4;

/// The bytes of two pixels' lanes that hold taps: the lower half of a lane, but none of either fourth.
const TAPS: __mmask64 = 0x000f_0f0f_000f_0f0f;

/// A double whose lowest bit counts ones, far enough from where the exponent changes for sums of either sign.
const LARGE: f64 = ((1_u64 << 52) + (1 << 31)) as f64;

/// Interpolates every target's pixel.
///
/// # Panics
///
/// If `out` is not a vector longer than the pixels, or a target is outside the picture.
pub(super) fn interpolate(_: Avx512, source: Padded<'_>, targets: Targets<'_>, out: &mut [u8]) {
    // SAFETY: the token proves AVX-512 F, BW, VL, VBMI and VNNI, and AVX2.
    unsafe { quadruples(source, targets, out) }
}

#[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512vbmi,avx512vnni")]
fn quadruples(source: Padded<'_>, targets: Targets<'_>, out: &mut [u8]) {
    let (last, stride) = (targets.len() - 1, source.stride());
    for first in (0..targets.len()).step_by(STEP) {
        let pixels = [first, (first + 1).min(last), (first + 2).min(last), (first + 3).min(last)];
        let mut windows = [[].as_slice(); STEP];
        for (window, i) in windows.iter_mut().zip(pixels) {
            *window = source.four_rows(targets.x[i], targets.y[i]);
        }
        let d = fractions(targets.x_fraction, pixels);
        let mut rows = [d; 4];
        for (row, values) in rows.iter_mut().enumerate() {
            // SAFETY: four rows end with a load at three strides.
            *values = horizontal(unsafe { join(windows, row * stride) }, d);
        }
        let d = fractions(targets.y_fraction, pixels);
        let left = _mm512_cvttpd_epi32(vertical(&rows, 0, d));
        let right = _mm512_cvttpd_epi32(vertical(&rows, 1, d));
        store(_mm512_inserti64x4::<1>(_mm512_castsi256_si512(left), right), &mut out[3 * first..]);
    }
}

/// Each pixel's fraction in its four lanes.
#[inline]
#[target_feature(enable = "avx512f")]
fn fractions(values: &[f64], [a, b, c, d]: [usize; STEP]) -> [__m512d; 2] {
    let (a, b, c, d) = (values[a], values[b], values[c], values[d]);
    [_mm512_setr_pd(a, a, a, a, b, b, b, b), _mm512_setr_pd(c, c, c, c, d, d, d, d)]
}

/// The same row of taps of four pixels.
///
/// # Safety
///
/// All have 16 bytes from `at` on.
#[inline]
#[target_feature(enable = "avx2,avx512f")]
unsafe fn join([a, b, c, d]: [&[u8]; STEP], at: usize) -> __m512i {
    // SAFETY: the caller vouches for the bytes.
    let [a, b, c, d] = unsafe { [load(a, at), load(b, at), load(c, at), load(d, at)] };
    let joined = _mm512_inserti32x4::<1>(_mm512_castsi128_si512(a), b);
    _mm512_inserti32x4::<3>(_mm512_inserti32x4::<2>(joined, c), d)
}

/// A row of taps of four pixels, interpolated along x.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi,avx512vnni")]
fn horizontal(taps: __m512i, d: [__m512d; 2]) -> [__m512d; 2] {
    let left = _mm512_maskz_permutexvar_epi8(TAPS, by_channel(0), taps);
    let right = _mm512_maskz_permutexvar_epi8(TAPS, by_channel(2), taps);
    [polynomial(coefficients(left), d[0]), polynomial(coefficients(right), d[1])]
}

/// The positions of the taps of the lanes of two pixels, from pixel `first` on.
#[inline]
#[target_feature(enable = "avx512f")]
fn by_channel(first: i64) -> __m512i {
    const RED: i64 = 0x0906_0300;
    const NEXT: i64 = 0x0101_0101;
    let (a, b) = (RED + 16 * first * NEXT, RED + 16 * (first + 1) * NEXT);
    _mm512_setr_epi64(a, a + NEXT, a + 2 * NEXT, 0, b, b + NEXT, b + 2 * NEXT, 0)
}

/// p1 to p4 of each lane. The products are added to the lowest bits of a double so large that these count
/// ones, which saves the conversion.
#[inline]
#[target_feature(enable = "avx512f,avx512vnni")]
fn coefficients(taps: __m512i) -> [__m512d; 4] {
    let large = _mm512_set1_pd(LARGE);
    let mut p = [large; 4];
    for (p, weights) in p.iter_mut().zip(COEFFICIENTS) {
        let sum = _mm512_dpbusd_epi32(_mm512_castpd_si512(large), taps, _mm512_set1_epi32(weights));
        *p = _mm512_sub_pd(_mm512_castsi512_pd(sum), large);
    }
    p
}

/// Two pixels of four interpolated rows, interpolated along y.
#[inline]
#[target_feature(enable = "avx512f")]
fn vertical(rows: &[[__m512d; 2]; 4], half: usize, d: [__m512d; 2]) -> __m512d {
    let [v1, v2, v3, v4] = [rows[0][half], rows[1][half], rows[2][half], rows[3][half]];
    let difference = _mm512_sub_pd(v1, v2);
    let p2 = _mm512_sub_pd(v3, v1);
    let p3 = _mm512_sub_pd(_mm512_add_pd(_mm512_add_pd(difference, difference), v3), v4);
    let p4 = _mm512_add_pd(_mm512_sub_pd(_mm512_sub_pd(v2, v1), v3), v4);
    polynomial([v2, p2, p3, p4], d[half])
}

#[inline]
#[target_feature(enable = "avx512f")]
fn polynomial([p1, p2, p3, p4]: [__m512d; 4], d: __m512d) -> __m512d {
    let value = _mm512_add_pd(p3, _mm512_mul_pd(d, p4));
    let value = _mm512_add_pd(p2, _mm512_mul_pd(d, value));
    _mm512_add_pd(p1, _mm512_mul_pd(d, value))
}

/// Writes four pixels, and four bytes that the next ones overwrite.
#[inline]
#[target_feature(enable = "avx2,avx512f")]
pub(super) fn store(values: __m512i, out: &mut [u8]) {
    let bytes = _mm512_cvtusepi32_epi8(_mm512_max_epi32(values, _mm512_setzero_si512()));
    let packed =
        _mm_shuffle_epi8(bytes, _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1));
    let out = &mut out[..LOAD];
    // SAFETY: the slice has 16 bytes.
    unsafe { _mm_storeu_si128(out.as_mut_ptr().cast(), packed) }
}
