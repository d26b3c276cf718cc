//! The Fourier crop of EfficientTrain (ICCV 2023; `pipeline.md` e): a plane of `N x N` numbers becomes
//! `M x M` by keeping only the lowest `M x M` frequencies of its discrete Fourier transform.
//!
//! The plain idea: transform, cut the corners out, transform back, take the real part. What the real code
//! does differently:
//!
//! 1. No transform: cutting and going back is linear and separable, so it is two products with one `M x N`
//!    matrix, plus a tiny checkerboard from the one frequency that has no partner (`basis`). Measured at
//!    these sizes, that is faster than transforms, and its order of summation is ours to fix.
//! 2. The matrix does not change when both its indices are mirrored, so inputs are first folded into sums
//!    and differences of mirrored samples, which halves the products (`fold`).
//! 3. Every output is a sum in a fixed order, on every level: short chains of fused multiply-adds, which are
//!    then added up, since one long float32 chain would lose a digit. Vectors run over outputs, never over
//!    the sum. So all CPUs give the same bits.
//! 4. A constant passes unchanged, so the mean (roughly) is subtracted before and added after: what is
//!    summed stays small for pictures that are not centred on 0.
//!
//! It treats one plane at a time, and only square ones: the reference's factor for others is an accident.

mod basis;
mod fold;
mod scalar;

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "vector instructions")]
mod avx2;

use crate::SimdLevel;
use crate::level::Kind;
use basis::Basis;

/// The largest side of a plane; its matrices take up to 70 MiB.
pub const MAX_FOURIER_SIDE: usize = 4096;

/// Why there is no Fourier crop for some sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FourierError {
    /// The plane is empty or too large.
    #[error("fourier crop of a plane of side {side}: the side must be from 1 to {MAX_FOURIER_SIDE}")]
    Side {
        /// Side of the plane.
        side: usize,
    },
    /// The bandwidth leaves nothing, or asks for more frequencies than there are.
    #[error("fourier crop to bandwidth {bandwidth}: it must be from 2 to the side of the plane, {side}")]
    Bandwidth {
        /// The bandwidth asked for.
        bandwidth: usize,
        /// Side of the plane.
        side: usize,
    },
}

/// The Fourier crop between two fixed sizes: immutable, to be made once and shared by all threads.
#[derive(Debug)]
pub struct FourierCrop {
    side: usize,
    /// `None` if the bandwidth is the side: then the plane is copied.
    basis: Option<Basis>,
}

impl FourierCrop {
    /// The crop of `side x side` planes to `bandwidth`; computes the matrices, about `side^2` sines.
    ///
    /// The output side is `2 * (bandwidth / 2)`: an odd bandwidth gives what the even one below it gives.
    /// A bandwidth equal to the side gives a copy, also for an odd side, as the reference does not call its
    /// crop then. The bandwidth 1 is only valid for side 1.
    ///
    /// # Errors
    ///
    /// [`FourierError::Side`] for a side of 0 or above [`MAX_FOURIER_SIDE`], [`FourierError::Bandwidth`] for
    /// a bandwidth above the side, and for one of 0 or 1 that would give an empty output.
    pub fn new(side: usize, bandwidth: usize) -> Result<Self, FourierError> {
        if !(1..=MAX_FOURIER_SIDE).contains(&side) {
            return Err(FourierError::Side { side });
        }
        if bandwidth == side {
            return Ok(Self { side, basis: None });
        }
        if !(2..side).contains(&bandwidth) {
            return Err(FourierError::Bandwidth { bandwidth, side });
        }
        Ok(Self { side, basis: Some(Basis::new(side, bandwidth / 2)) })
    }

    /// Side of the input plane.
    pub fn side(&self) -> usize {
        self.side
    }

    /// Side of the output plane.
    pub fn output_side(&self) -> usize {
        self.basis.as_ref().map_or(self.side, |basis| 2 * basis.half)
    }

    /// Floats of scratch memory that [`FourierCrop::apply`] needs: two to four input planes.
    pub fn scratch_len(&self) -> usize {
        self.basis.as_ref().map_or(0, Basis::scratch_len)
    }

    /// Crops one plane, row-major. The scale of the values is kept, and so is their mean; nothing is clamped.
    ///
    /// Within 1e-4 of the exact result for values in 0..255. Non-finite values spread over the output.
    ///
    /// # Panics
    ///
    /// If `input` is not `side^2` long, `output` not `output_side^2`, or `scratch` shorter than
    /// [`FourierCrop::scratch_len`].
    pub fn apply(&self, level: SimdLevel, input: &[f32], output: &mut [f32], scratch: &mut [f32]) {
        assert_eq!(input.len(), self.side * self.side, "input plane of side {}", self.side);
        assert_eq!(
            output.len(),
            self.output_side() * self.output_side(),
            "output of side {}",
            self.output_side()
        );
        assert!(
            scratch.len() >= self.scratch_len(),
            "{} floats of scratch of {}",
            scratch.len(),
            self.scratch_len()
        );
        match &self.basis {
            Some(basis) => basis.apply(level, input, output, scratch),
            None => output.copy_from_slice(input),
        }
    }
}

/// A matrix in memory, row by row.
#[derive(Clone, Copy)]
struct Matrix<'a> {
    values: &'a [f32],
    /// Distance between rows.
    stride: usize,
}

/// Columns of a product come in multiples of this: one AVX2 register.
const COLUMNS: usize = 8;

/// Products in a chain.
const CHAIN: usize = 16;

/// `out = a * b`: `out` has `b.stride` columns, a multiple of [`COLUMNS`], and as many rows as fit; `b` has
/// as many rows as fit, which is how many columns of `a` are used.
fn multiply(level: SimdLevel, a: Matrix<'_>, b: Matrix<'_>, out: &mut [f32]) {
    let (inner, rows) = (b.values.len() / b.stride, out.len() / b.stride);
    assert!(b.stride.is_multiple_of(COLUMNS) && inner <= a.stride);
    assert!(inner > 0 && rows > 0 && a.values.len() >= (rows - 1) * a.stride + inner);
    match level.kind() {
        Kind::Scalar => scalar::multiply(a, b, out),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2(proof) => avx2::multiply(proof, a, b, out),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512(proof) => avx2::multiply(proof.avx2(), a, b, out),
    }
}
