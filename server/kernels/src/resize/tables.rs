//! The tables of an axis that the kernels read: the first input of each output, and its weights in the form of one pass.

use super::axis::Axis;
use super::spans::Spans;
#[cfg(target_arch = "x86_64")]
use super::{
    split::{self, Pair, Quad},
    tall::Tall,
    wide::Wide,
};
use crate::SimdLevel;
use crate::level::Kind;
#[cfg(target_arch = "x86_64")]
use crate::level::{Avx2, Avx512};

/// The pass that reads the weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Pass {
    /// Along rows.
    Horizontal,
    /// Down the columns of plain rows.
    Vertical,
    /// Down columns so few that no vector kernel takes them.
    VerticalNarrow,
    /// Down the columns of rows that lie interleaved, four by four.
    VerticalInterleaved,
}

/// The weights of an axis for one pass. Nobody changes them, so threads share them.
#[derive(Debug)]
pub(super) struct Tables {
    pub(super) spans: Spans,
    pub(super) form: Form,
}

/// Weights, and the proof that the CPU has the instructions of the kernel that reads them.
#[derive(Debug)]
pub(super) enum Form {
    /// As they are, [`Spans::taps`] per output.
    Plain(Vec<i32>),
    /// Half as many per output.
    #[cfg(target_arch = "x86_64")]
    Pairs(Avx2, Vec<Pair>),
    /// [`Spans::groups`] per output.
    #[cfg(target_arch = "x86_64")]
    Quads(Avx512, Vec<Quad>),
    #[cfg(target_arch = "x86_64")]
    Wide(Avx512, Wide),
    #[cfg(target_arch = "x86_64")]
    Tall(Avx512, Tall),
}

impl Form {
    fn of(axis: &Axis, level: SimdLevel, pass: Pass) -> Self {
        match (level.kind(), pass) {
            (Kind::Scalar, _) | (_, Pass::VerticalNarrow) => Self::Plain(axis.padded_weights().to_vec()),
            #[cfg(target_arch = "x86_64")]
            (Kind::Avx2(proof), _) => Self::Pairs(proof, split::pairs(axis)),
            // An axis that shrinks too much for the wide tables goes the AVX2 way.
            #[cfg(target_arch = "x86_64")]
            (Kind::Avx512(proof), Pass::Horizontal) => match Wide::of(axis) {
                Some(wide) => Self::Wide(proof, wide),
                None => Self::Pairs(proof.avx2(), split::pairs(axis)),
            },
            #[cfg(target_arch = "x86_64")]
            (Kind::Avx512(proof), Pass::Vertical) => Self::Quads(proof, split::quads(axis)),
            #[cfg(target_arch = "x86_64")]
            (Kind::Avx512(proof), Pass::VerticalInterleaved) => Self::Tall(proof, Tall::of(axis)),
        }
    }

    fn memory(&self) -> usize {
        match self {
            Self::Plain(weights) => size_of_val(weights.as_slice()),
            #[cfg(target_arch = "x86_64")]
            Self::Pairs(_, pairs) => size_of_val(pairs.as_slice()),
            #[cfg(target_arch = "x86_64")]
            Self::Quads(_, quads) => size_of_val(quads.as_slice()),
            #[cfg(target_arch = "x86_64")]
            Self::Wide(_, wide) => wide.memory(),
            #[cfg(target_arch = "x86_64")]
            Self::Tall(_, tall) => tall.memory(),
        }
    }
}

impl Tables {
    /// The tables of an axis that was built.
    pub(super) fn of(axis: &Axis, level: SimdLevel, pass: Pass) -> Self {
        Self { spans: axis.spans.clone(), form: Form::of(axis, level, pass) }
    }

    /// Bytes of memory.
    pub(super) fn memory(&self) -> usize {
        size_of::<Self>() + self.spans.memory() + self.form.memory()
    }
}
