//! Chroma at the size of luma: libjpeg's triangle filter ("fancy upsampling", jdsample.c).
//!
//! Each sample is three quarters of the nearer chroma sample and a quarter of the next one, across, down or both. Rows that
//! are widened have one sample more at each side, which beyond the border of the image is the border's.

mod scalar;

#[cfg(target_arch = "x86_64")]
mod filters;

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "vector instructions")]
mod avx2;
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "vector instructions")]
mod avx512;

use crate::level::{Kind, SimdLevel};

/// Twice as many samples across: two for each of `row` but the first and the last, which are only neighbours.
///
/// # Panics
/// If `out` has another length than `2 * (row.len() - 2)`.
pub(crate) fn across(level: SimdLevel, row: &[u8], out: &mut [u8]) {
    assert_eq!(out.len() + 4, 2 * row.len());
    match level.kind() {
        Kind::Scalar => scalar::across(row, out),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2(proof) => avx2::across(proof, row, out),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512(proof) => avx512::across(proof, row, out),
    }
}

/// Twice as many rows: between `near` and `far`, of which the upper one of the two new rows is nearer to the one before.
///
/// # Panics
/// If the rows have different lengths.
pub(crate) fn down(level: SimdLevel, near: &[u8], far: &[u8], is_upper: bool, out: &mut [u8]) {
    assert!(near.len() == out.len() && far.len() == out.len());
    match level.kind() {
        Kind::Scalar => scalar::down(near, far, is_upper, out),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2(proof) => avx2::down(proof, near, far, is_upper, out),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512(proof) => avx512::down(proof, near, far, is_upper, out),
    }
}

/// Twice as many across and down: two samples for each of `near` but the first and the last, which are only neighbours.
///
/// # Panics
/// If `far` has not the length of `near`, or `out` another than `2 * (near.len() - 2)`.
pub(crate) fn across_and_down(level: SimdLevel, near: &[u8], far: &[u8], out: &mut [u8]) {
    assert!(2 * near.len() == out.len() + 4 && far.len() == near.len());
    match level.kind() {
        Kind::Scalar => scalar::across_and_down(near, far, out),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2(proof) => avx2::across_and_down(proof, near, far, out),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512(proof) => avx512::across_and_down(proof, near, far, out),
    }
}

/// The rows that begin with the first sample, the one after it, and the one after that; all of one length.
#[cfg(target_arch = "x86_64")]
fn neighbours(row: &[u8]) -> [&[u8]; 3] {
    let len = row.len() - 2;
    [&row[..len], &row[1..=len], &row[2..]]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The filter as its definition has it: 16 times the sample that is `at` luma samples from the first of `near`.
    fn triangle(near: &[u8], far: &[u8], at: usize) -> u32 {
        let (this, other) = (at / 2 + 1, if at.is_multiple_of(2) { at / 2 } else { at / 2 + 2 });
        let column = |at: usize| 3 * u32::from(near[at]) + u32::from(far[at]);
        3 * column(this) + column(other)
    }

    #[test]
    fn every_level_filters_every_width() {
        let mut state = 1_u32;
        let mut samples = |len: usize| {
            let mut sample = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                // A third of them extreme.
                [0, 255, (state >> 8) as u8][(state >> 24) as usize % 3]
            };
            (0..len).map(|_| sample()).collect::<Vec<u8>>()
        };
        for width in 1..200 {
            let (near, far) = (samples(width + 2), samples(width + 2));
            let expected = |at: usize| ((triangle(&near, &far, at) + 8 - at as u32 % 2) >> 4) as u8;
            let both: Vec<u8> = (0..2 * width).map(expected).collect();
            let expected = |at: usize| ((triangle(&near, &near, at) + 4 * (1 + at as u32 % 2)) >> 4) as u8;
            let wide: Vec<u8> = (0..2 * width).map(expected).collect();
            for level in SimdLevel::available() {
                let mut out = vec![1; 2 * width];
                across_and_down(level, &near, &far, &mut out);
                assert_eq!(out, both, "{level} {width}");
                across(level, &near, &mut out);
                assert_eq!(out, wide, "{level} {width}");
                for is_upper in [false, true] {
                    let (mut out, mut tall) = (vec![1; width + 2], vec![2; width + 2]);
                    down(level, &near, &far, is_upper, &mut out);
                    scalar::down(&near, &far, is_upper, &mut tall);
                    assert_eq!(out, tall, "{level} {width}");
                }
            }
        }
    }
}
