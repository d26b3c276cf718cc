//! The inverse transform at half scale: as if each sample were the mean of two, in one direction or in both.
//!
//! A direction that is halved has the four lowest coefficients of its eight, and four samples. The transform of length 4
//! is the even half of the accurate one of length 8 (see the head of [`super`]): coefficients 0, 1, 2, 3 stand in the
//! places of 0, 2, 4, 6. Its scale is that of length 8, so either may follow the other: first the columns, rounded to 1/4
//! of a sample, then the rows. Coefficients times steps and the sums before the first product wrap at 16 bits; all other
//! sums fit 32, and what is beyond 16 bits between the passes saturates. That defines the samples of any block.

mod scalar;

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "vector instructions")]
mod avx2;

use super::{Steps, Task};
use crate::level::{Kind, SimdLevel};

/// Writes the samples of blocks that are halved in one direction or in both, in rows that are `stride` apart. `size` is 4
/// or 8 across and down.
///
/// # Panics
/// If a block is not within `samples`, or its component has no steps.
pub(crate) fn inverse(
    level: SimdLevel,
    steps: &Steps,
    size: (usize, usize),
    tasks: &[Task<'_>],
    samples: &mut [u8],
    stride: usize,
) {
    match level.kind() {
        Kind::Scalar => tasks.iter().for_each(|task| scalar::inverse(steps, *task, size, samples, stride)),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2(proof) => avx2::inverse(proof, steps, size, tasks, samples, stride),
        // The rows of four blocks fill the vectors of AVX2, and there are seldom more blocks at a time.
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512(proof) => avx2::inverse(proof.avx2(), steps, size, tasks, samples, stride),
    }
}

/// As [`inverse`] for a block without AC coefficients.
pub(crate) fn inverse_flat(
    steps: &Steps,
    task: Task<'_>,
    (across, down): (usize, usize),
    samples: &mut [u8],
    stride: usize,
) {
    let value = task.coefficients[0].wrapping_mul(steps.of(task.component)[0]);
    // Both passes multiply by a power of two; the first one's is without remainder.
    let sample = ((4 * i32::from(value) + 16) >> 5).clamp(-128, 127) + 128;
    for row in samples[task.at..][..(down - 1) * stride + across].chunks_mut(stride) {
        row[..across].fill(sample as u8);
    }
}

#[cfg(test)]
mod tests;
