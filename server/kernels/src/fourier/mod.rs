//! The Fourier crop of EfficientTrain (ICCV 2023; `pipeline.md` e): a plane of `N x N` numbers becomes `M x M` by
//! keeping only the lowest `M x M` frequencies of its discrete Fourier transform.
//!
//! The plain idea: transform, cut the corners out, transform back, take the real part. The real code differs in four
//! ways:
//!
//! 1. No whole transforms: cutting and transforming back is linear and separable, so it is two products with one `M x
//!    N` matrix, plus a tiny checkerboard from the one frequency that has no partner (`basis`). Discarded frequencies
//!    are never computed.
//! 2. That matrix repeats itself. With `G` the largest power of two up to 32 that divides both sides, short transforms
//!    of length `G` (`transform`) split the big product into `G` small ones, of `M / G` by `N / G`, and mirroring makes
//!    those real (`strand`, `fold`, `product`). From 224 to 160 a line costs 1120 multiply-adds and some 2500
//!    additions, instead of 35 840 multiply-adds. Odd sides have only the mirroring, which halves the product.
//! 3. Vectors run over lines, one a lane, through both directions of the plane (`pass`). The lanes beside a line do not
//!    affect it, and its order of summation is fixed, so all CPUs give the same bits (`lanes`).
//! 4. A constant passes unchanged, so the mean (roughly) is subtracted before and added after: sums stay small even for
//!    pictures that are not centred on 0.
//!
//! It treats one plane at a time, and only square ones: the reference's factor for others is an accident.
//!
//! # Why not rustfft
//!
//! The automatic planner of rustfft gives different bits on different CPUs. Its scalar planner gives fixed bits and is
//! slower. Microseconds for three planes from 224 to 96, 160 and 192, measured in turns on an AMD EPYC (Zen 4); the
//! times of rustfft are those of its transforms alone, without the packing and transposing between them:
//!
//! | | 96 | 160 | 192 |
//! | --- | ---: | ---: | ---: |
//! | rustfft, scalar planner | 553 | 865 | 1270 |
//! | rustfft, AVX planner | 110 | 167 | 206 |
//! | this crop, AVX2 | 115 | 178 | 281 |
//! | this crop, AVX-512 | 79 | 120 | 154 |
//!
//! The commands draw spectra and low-pass pictures with rustfft's scalar planner: speed does not matter there.

mod basis;
mod fold;
mod lanes;
mod lines;
mod pass;
mod product;
mod strand;
mod transform;

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "vector instructions")]
mod avx2;

#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code, reason = "vector instructions")]
mod avx512;

use crate::SimdLevel;
use crate::level::Kind;
use basis::Basis;
use lines::{Lines, LinesMut};
use pass::{Stage, pass, work_len};

/// The largest side of a plane; its matrices take up to 35 MiB.
pub const MAX_FOURIER_SIDE: usize = 4096;

/// The reason why there is no Fourier crop for some sizes.
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
        self.basis.as_ref().map_or(self.side, |basis| basis.outputs)
    }

    /// Floats of scratch memory that [`FourierCrop::apply`] needs: about an input plane.
    pub fn scratch_len(&self) -> usize {
        self.basis.as_ref().map_or(0, scratch_len)
    }

    /// Crops one plane, row-major. The scale of the values is kept, and so is their mean; nothing is clamped.
    ///
    /// Within about 1e-4 of the exact result for values in 0..255 (at most 1.02e-4 on noise of 224 pixels). Non-finite
    /// values spread over the output.
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
            Some(basis) => crop(level, basis, input, output, scratch),
            None => output.copy_from_slice(input),
        }
    }
}

/// Floats of a cache line.
const CACHE_LINE: usize = 16;

/// The most lines that any level treats at a time.
const MAX_LANES: usize = 16;

/// Distance between the lines of the plane between the passes: an odd number of cache lines, so that a column
/// of it spreads over the whole cache.
fn between_stride(basis: &Basis) -> usize {
    CACHE_LINE * (basis.outputs.div_ceil(CACHE_LINE) | 1)
}

fn scratch_len(basis: &Basis) -> usize {
    CACHE_LINE + basis.side * between_stride(basis) + work_len(basis, MAX_LANES) + basis.side
}

/// Down the columns into a plane between, and across the rows of that.
fn crop(level: SimdLevel, basis: &Basis, input: &[f32], output: &mut [f32], scratch: &mut [f32]) {
    // On whole cache lines a wide load touches one of them.
    let skipped = scratch.as_ptr().align_offset(CACHE_LINE * size_of::<f32>()).min(CACHE_LINE);
    let stride = between_stride(basis);
    let (between, scratch) = scratch[skipped..].split_at_mut(basis.side * stride);
    let (work, scratch) = scratch.split_at_mut(work_len(basis, MAX_LANES));
    let sines = &mut scratch[..basis.side];
    let offset = rough_mean(input);
    let lines = Lines { values: input, count: basis.side, stride: basis.side, offset };
    let out = LinesMut { values: between, stride };
    run(level, basis, lines, out, Stage::Down { sines }, work);
    let lines = Lines { values: between, count: basis.outputs, stride, offset: 0.0 };
    let out = LinesMut { values: output, stride: basis.outputs };
    let checkerboard = basis.checkerboard(sines);
    run(level, basis, lines, out, Stage::Across { checkerboard, offset }, work);
}

/// The mean of a few hundred samples: any constant may be taken out, a near one is enough.
fn rough_mean(plane: &[f32]) -> f32 {
    let step = (plane.len() / 512).max(1) | 1;
    let samples = plane.iter().step_by(step);
    let count = samples.len();
    samples.sum::<f32>() / count as f32
}

/// One pass on the widest level that the sides fill.
fn run(
    level: SimdLevel,
    basis: &Basis,
    input: Lines<'_>,
    out: LinesMut<'_>,
    stage: Stage<'_>,
    work: &mut [f32],
) {
    match level.kind() {
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512(proof) if basis.outputs >= avx512::LANES => {
            avx512::run(proof, basis, input, out, stage, work);
        }
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512(proof) if basis.outputs >= avx2::LANES => {
            avx2::run(proof.avx2(), basis, input, out, stage, work);
        }
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2(proof) if basis.outputs >= avx2::LANES => {
            avx2::run(proof, basis, input, out, stage, work);
        }
        _ => pass::<f32, 1>((), basis, input, out, stage, work),
    }
}
