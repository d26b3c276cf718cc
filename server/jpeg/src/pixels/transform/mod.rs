//! The accurate integer inverse DCT of 8 x 8 coefficients (jidctint.c; Loeffler, Ligtenberg and Moschytz, 1989).
//!
//! The numbers are those of libjpeg-turbo's vector code: coefficients times steps and the first sums have 16 bits and
//! wrap, products have 32, and each pass ends with a saturation to 16.

mod batch;
mod factors;
pub(crate) mod half;
mod scalar;
mod steps;

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "vector instructions")]
mod avx2;
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "vector instructions")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod passes;

use crate::{
    level::{Kind, SimdLevel},
    refusal::Refusal,
};
pub(crate) use batch::Batch;
pub(crate) use steps::Steps;

/// Largest coefficient of the first row, times its step, for which the shortcut that libjpeg-turbo takes for blocks of
/// one row gives the same as its general code. Ordinary files stay far below it.
const MAX_FIRST_ROW: i16 = 8191;

/// A block that is to be transformed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task<'a> {
    /// Coefficients in the order that the steps name.
    pub(crate) coefficients: &'a [i16; 64],
    /// The component, whose steps are used.
    pub(crate) component: usize,
    /// Index of its first sample.
    pub(crate) at: usize,
}

/// Writes the 8 x 8 samples of blocks, in rows that are `stride` apart. Vectors take two or four blocks at once.
///
/// # Errors
/// [`Refusal::Extreme`] if a coefficient is beyond the range in which all of libjpeg-turbo's code agrees; the samples are
/// not specified then.
///
/// # Panics
/// If a block is not within `samples`, or its component has no steps.
pub(crate) fn inverse(
    level: SimdLevel,
    steps: &Steps,
    tasks: &[Task<'_>],
    samples: &mut [u8],
    stride: usize,
) -> Result<(), Refusal> {
    let is_ordinary = match level.kind() {
        Kind::Scalar => tasks.iter().all(|task| scalar::inverse(steps, *task, samples, stride)),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2(proof) => avx2::inverse(proof, steps, tasks, samples, stride),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512(proof) => avx512::inverse(proof, steps, tasks, samples, stride),
    };
    if is_ordinary { Ok(()) } else { Err(Refusal::Extreme) }
}

/// As [`inverse`] for a block without AC coefficients.
pub(crate) fn inverse_flat(
    steps: &Steps,
    task: Task<'_>,
    samples: &mut [u8],
    stride: usize,
) -> Result<(), Refusal> {
    let value = task.coefficients[0].wrapping_mul(steps.of(task.component)[0]);
    if !is_ordinary(value) {
        return Err(Refusal::Extreme);
    }
    // Both passes multiply by a power of two; the first one's is without remainder.
    let sample = ((4 * i32::from(value) + 16) >> 5).clamp(-128, 127) + 128;
    for row in samples[task.at..][..7 * stride + 8].chunks_mut(stride) {
        row[..8].fill(sample as u8);
    }
    Ok(())
}

/// Whether a coefficient of the first row, times its step, is one for which all of libjpeg-turbo's code agrees.
fn is_ordinary(value: i16) -> bool {
    (-MAX_FIRST_ROW - 1..=MAX_FIRST_ROW).contains(&value)
}

#[cfg(test)]
mod tests;
