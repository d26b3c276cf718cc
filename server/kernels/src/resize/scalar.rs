//! The two passes in plain Rust: the definition that the vector twins are tested against.

use super::filter::{HALF, PRECISION};
use super::tables::Tables;

/// Columns whose sums are kept at once in the vertical pass, so that rows are read in order.
const COLUMNS: usize = 32;

/// One row of the horizontal pass: `weights` are those of the tables, `out` holds whole RGB pixels, `row` at least the
/// axis's input pixels.
pub(super) fn horizontal(tables: &Tables, weights: &[i32], row: &[u8], out: &mut [u8]) {
    let weights = weights.chunks_exact(tables.spans.taps());
    for (x, (out, weights)) in out.as_chunks_mut::<3>().0.iter_mut().zip(weights).enumerate() {
        let taps = row[3 * tables.spans.start(x)..].as_chunks::<3>().0;
        let mut sums = [HALF; 3];
        for (&weight, pixel) in weights[..tables.spans.count(x)].iter().zip(taps) {
            for (sum, &value) in sums.iter_mut().zip(pixel) {
                *sum = sum.wrapping_add(weight.wrapping_mul(i32::from(value)));
            }
        }
        *out = sums.map(to_byte);
    }
}

/// One row of the vertical pass: the row under weight `k` starts at `rows[k * stride]`.
pub(super) fn vertical(weights: &[i32], rows: &[u8], stride: usize, out: &mut [u8]) {
    for (chunk, out) in out.chunks_mut(COLUMNS).enumerate() {
        let mut sums = [HALF; COLUMNS];
        for (k, &weight) in weights.iter().enumerate() {
            let row = &rows[k * stride + chunk * COLUMNS..][..out.len()];
            for (sum, &value) in sums.iter_mut().zip(row) {
                *sum = sum.wrapping_add(weight.wrapping_mul(i32::from(value)));
            }
        }
        for (out, sum) in out.iter_mut().zip(sums) {
            *out = to_byte(sum);
        }
    }
}

fn to_byte(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}
