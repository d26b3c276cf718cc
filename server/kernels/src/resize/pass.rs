//! The choice of kernel for each pass: the one place where a level becomes a function.
#![cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "only x86-64 kernels read split weights"))]

use super::axis::{Axis, AxisKey};
use super::cache::{AxisCache, AxisId};
use super::rows::{ROWS, Rows};
use super::scalar;
use super::tall::Tall;
use super::wide::Wide;
use crate::SimdLevel;
use crate::level::Kind;
#[cfg(target_arch = "x86_64")]
use {
    super::{avx2, avx512},
    crate::level::{Avx2, Avx512},
};

/// The horizontal pass of one resize.
pub(super) struct Horizontal<'a> {
    axis: &'a Axis,
    kernel: Kernel<'a>,
}

enum Kernel<'a> {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512, &'a Wide),
    /// Never made; keeps the lifetime where no kernel has tables.
    #[cfg(not(target_arch = "x86_64"))]
    Wide(&'a Wide),
}

impl<'a> Horizontal<'a> {
    /// Finds or computes the tables that the kernel of `level` reads.
    pub(super) fn prepare(level: SimdLevel, axes: &mut AxisCache, key: AxisKey) -> AxisId {
        let id = axes.prepare(level, key);
        match level.kind() {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512(_) => axes.widen(id),
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2(_) => axes.split_pairs(id),
            Kind::Scalar => {}
        }
        id
    }

    /// Picks the kernel for prepared tables. What shrinks too much for AVX-512's tables goes the AVX2 way.
    pub(super) fn new(level: SimdLevel, axes: &'a AxisCache, id: AxisId) -> Self {
        let kernel = match level.kind() {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512(proof) => match axes.wide(id) {
                Some(wide) => Kernel::Avx512(proof, wide),
                None => Kernel::Avx2(proof.avx2()),
            },
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2(proof) => Kernel::Avx2(proof),
            Kind::Scalar => Kernel::Scalar,
        };
        Self { axis: axes.get(id), kernel }
    }

    /// Bytes that each input row must offer.
    pub(super) fn row_bytes(&self) -> usize {
        match self.kernel {
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2(_) => avx2::row_bytes(self.axis),
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512(_, wide) => wide.row_bytes(),
            _ => 0,
        }
    }

    /// Distance between output rows: a row, and what the kernels write behind it.
    pub(super) fn stride(&self) -> usize {
        let written = match self.kernel {
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2(_) => avx2::written_bytes(self.axis),
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512(_, wide) => avx512::written_bytes(wide),
            _ => 0,
        };
        written.max(3 * self.axis.outputs()).next_multiple_of(64)
    }

    /// Whether four rows come interleaved, byte by byte, in the memory of as many plain ones.
    pub(super) fn interleaves(&self) -> bool {
        match self.kernel {
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512(..) => true,
            _ => false,
        }
    }

    /// Copies row `number` of four that [`Horizontal::run`] made.
    pub(super) fn copy_row(&self, made: &[u8], number: usize, out: &mut [u8]) {
        if self.interleaves() {
            for (out, bytes) in out.iter_mut().zip(made.as_chunks::<ROWS>().0) {
                *out = bytes[number];
            }
        } else {
            out.copy_from_slice(&made[number * self.stride()..][..out.len()]);
        }
    }

    /// Makes four rows, [`Horizontal::stride`] apart or interleaved.
    pub(super) fn run(&self, rows: Rows<'_>, out: &mut [u8]) {
        let stride = self.stride();
        match self.kernel {
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2(proof) => avx2::horizontal(proof, self.axis, rows, out, stride),
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512(proof, wide) => avx512::horizontal(proof, wide, rows, out),
            _ => {
                for (row, out) in rows.iter().zip(out.chunks_exact_mut(stride)).take(ROWS) {
                    scalar::horizontal(self.axis, row, &mut out[..3 * self.axis.outputs()]);
                }
            }
        }
    }
}

/// Finds or computes the weights that the vertical kernel of `level` reads.
pub(super) fn prepare_vertical(level: SimdLevel, axes: &mut AxisCache, key: AxisKey) -> AxisId {
    let id = axes.prepare(level, key);
    match level.kind() {
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512(_) => axes.split_quads(id),
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2(_) => axes.split_pairs(id),
        Kind::Scalar => {}
    }
    id
}

/// Finds or computes the weights that the vertical kernel reads after [`Horizontal`] rows that come interleaved or not.
pub(super) fn prepare_vertical_after(
    interleaved: bool,
    level: SimdLevel,
    axes: &mut AxisCache,
    key: AxisKey,
) -> AxisId {
    match level.kind() {
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512(_) if interleaved => {
            let id = axes.prepare(level, key);
            axes.heighten(id);
            id
        }
        _ => prepare_vertical(level, axes, key),
    }
}

/// Makes row `y` of the vertical pass over interleaved rows into `out`; `rows` starts at the group of its first input row.
pub(super) fn vertical_interleaved(
    level: SimdLevel,
    tall: &Tall,
    y: usize,
    rows: &[u8],
    stride: usize,
    out: &mut [u8],
) {
    match level.kind() {
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512(proof) => {
            avx512::vertical_interleaved(proof, tall.quads(y), rows, ROWS * stride, out);
        }
        _ => {
            unreachable!("only AVX-512 interleaves rows: {tall:?} {y} {stride} {} {}", rows.len(), out.len())
        }
    }
}

/// Makes row `y` of the vertical pass into `out`; `rows` starts at its first input row, `axis.start(y)`.
pub(super) fn vertical(level: SimdLevel, axis: &Axis, y: usize, rows: &[u8], stride: usize, out: &mut [u8]) {
    match level.kind() {
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512(proof) => {
            let quads = &axis.quads()[y * axis.groups()..][..axis.groups()];
            avx512::vertical(proof, quads, axis.count(y), rows, stride, out);
        }
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2(proof) if out.len() >= avx2::COLUMNS => {
            let pairs = &axis.pairs()[y * axis.taps() / 2..][..axis.taps() / 2];
            avx2::vertical(proof, pairs, axis.count(y), rows, stride, out);
        }
        _ => scalar::vertical(axis.weights(y), rows, stride, out),
    }
}
