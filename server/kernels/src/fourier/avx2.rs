//! The matrix product with AVX2 and FMA: a tile of six rows by two registers of outputs stays in
//! registers while the sum runs, so that twelve independent chains hide the latency of the additions, and
//! the other four registers hold the factors.

use std::arch::x86_64::{
    _mm256_add_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_set1_ps, _mm256_setzero_ps, _mm256_storeu_ps,
};

use super::{CHAIN, COLUMNS, Matrix};
use crate::level::Avx2;

/// Rows of a whole tile.
const ROWS: usize = 6;

/// Registers of a whole tile's row.
const WIDTH: usize = 2;

/// The lengths must be as `super::multiply` checks them.
pub(super) fn multiply(_: Avx2, a: Matrix<'_>, b: Matrix<'_>, out: &mut [f32]) {
    let registers = b.stride / COLUMNS;
    out.fill(0.0);
    // Columns outside: a narrow strip of `b` stays in the nearest cache for all rows of `a`.
    for x in (0..registers).step_by(WIDTH) {
        match registers - x {
            // SAFETY: the token proves AVX2 and FMA; these columns exist.
            1 => unsafe { strip::<1>(a, b, out, x * COLUMNS) },
            // SAFETY: as above.
            _ => unsafe { strip::<WIDTH>(a, b, out, x * COLUMNS) },
        }
    }
}

/// All rows of `W` registers of columns from column `x` on.
///
/// # Safety
///
/// Needs AVX2 and FMA, and `W * COLUMNS` columns from `x` on.
#[target_feature(enable = "avx2,fma")]
unsafe fn strip<const W: usize>(a: Matrix<'_>, b: Matrix<'_>, out: &mut [f32], x: usize) {
    for (block, out) in out.chunks_mut(ROWS * b.stride).enumerate() {
        let a = Matrix { values: &a.values[block * ROWS * a.stride..], stride: a.stride };
        match out.len() / b.stride {
            // SAFETY: the contract of this function, and the rows just counted.
            1 => unsafe { tile::<1, W>(a, b, out, x) },
            // SAFETY: as above.
            2 => unsafe { tile::<2, W>(a, b, out, x) },
            // SAFETY: as above.
            3 => unsafe { tile::<3, W>(a, b, out, x) },
            // SAFETY: as above.
            4 => unsafe { tile::<4, W>(a, b, out, x) },
            // SAFETY: as above.
            5 => unsafe { tile::<5, W>(a, b, out, x) },
            // SAFETY: as above.
            _ => unsafe { tile::<ROWS, W>(a, b, out, x) },
        }
    }
}

/// Adds the sums of `R` rows by `W` registers to `out`.
///
/// # Safety
///
/// Needs AVX2 and FMA, `W * COLUMNS` columns from `x` on in `b` and `out`, `R` rows in `out`, and in `a`
/// `R` rows with as many numbers as `b` has rows.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn tile<const R: usize, const W: usize>(a: Matrix<'_>, b: Matrix<'_>, out: &mut [f32], x: usize) {
    let inner = b.values.len() / b.stride;
    debug_assert!(x + W * COLUMNS <= b.stride && a.values.len() >= (R - 1) * a.stride + inner);
    for first in (0..inner).step_by(CHAIN) {
        let mut sums = [[_mm256_setzero_ps(); W]; R];
        for n in first..inner.min(first + CHAIN) {
            // SAFETY: row `n` of `b` exists and has the columns.
            let line: [_; W] = std::array::from_fn(|w| unsafe {
                _mm256_loadu_ps(b.values.as_ptr().add(n * b.stride + x + w * COLUMNS))
            });
            for (r, sums) in sums.iter_mut().enumerate() {
                // SAFETY: `a` has `R` rows of at least `inner` numbers.
                let factor = _mm256_set1_ps(unsafe { *a.values.get_unchecked(r * a.stride + n) });
                for (sum, values) in sums.iter_mut().zip(line) {
                    *sum = _mm256_fmadd_ps(factor, values, *sum);
                }
            }
        }
        for (r, sums) in sums.into_iter().enumerate() {
            for (w, sum) in sums.into_iter().enumerate() {
                // SAFETY: `out` has `R` rows with the columns.
                unsafe {
                    let total = out.as_mut_ptr().add(r * b.stride + x + w * COLUMNS);
                    _mm256_storeu_ps(total, _mm256_add_ps(_mm256_loadu_ps(total), sum));
                }
            }
        }
    }
}
