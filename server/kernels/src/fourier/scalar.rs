//! The matrix product in plain Rust: every output is a sum of short chains of fused multiply-adds.

use super::{CHAIN, COLUMNS, Matrix};

pub(super) fn multiply(a: Matrix<'_>, b: Matrix<'_>, out: &mut [f32]) {
    let inner = b.values.len() / b.stride;
    for (row, out) in out.chunks_exact_mut(b.stride).enumerate() {
        let factors = &a.values[row * a.stride..][..inner];
        for (x, out) in out.as_chunks_mut::<COLUMNS>().0.iter_mut().enumerate() {
            *out = columns(factors, &b.values[x * COLUMNS..], b.stride);
        }
    }
}

fn columns(factors: &[f32], values: &[f32], stride: usize) -> [f32; COLUMNS] {
    let mut totals = [0.0; COLUMNS];
    for (chain, factors) in factors.chunks(CHAIN).enumerate() {
        let mut sums = [0.0; COLUMNS];
        for (n, &factor) in factors.iter().enumerate() {
            let line = &values[(chain * CHAIN + n) * stride..];
            for (sum, &value) in sums.iter_mut().zip(line) {
                *sum = factor.mul_add(value, *sum);
            }
        }
        for (total, sum) in totals.iter_mut().zip(sums) {
            *total += sum;
        }
    }
    totals
}
