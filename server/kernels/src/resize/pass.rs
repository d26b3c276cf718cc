//! The two passes: the one place where the form of the tables becomes a function.

use super::rows::{ROWS, Rows};
use super::scalar;
use super::tables::{Form, Pass, Tables};
#[cfg(target_arch = "x86_64")]
use super::{avx2, avx512};

/// Columns below which a vertical pass is [`Pass::VerticalNarrow`].
const NARROW: usize = 32;

/// The horizontal pass of one resize.
pub(super) struct Horizontal<'a>(pub(super) &'a Tables);

impl Horizontal<'_> {
    /// Bytes that each input row must offer.
    pub(super) fn row_bytes(&self) -> usize {
        match &self.0.form {
            #[cfg(target_arch = "x86_64")]
            Form::Pairs(..) => avx2::row_bytes(self.0),
            #[cfg(target_arch = "x86_64")]
            Form::Wide(_, wide) => wide.row_bytes(),
            _ => 0,
        }
    }

    /// Distance between output rows: a row, and what the kernels write behind it.
    pub(super) fn stride(&self) -> usize {
        let written = match &self.0.form {
            #[cfg(target_arch = "x86_64")]
            Form::Pairs(..) => avx2::written_bytes(self.0),
            #[cfg(target_arch = "x86_64")]
            Form::Wide(_, wide) => avx512::written_bytes(wide),
            _ => 0,
        };
        written.max(3 * self.0.spans.outputs()).next_multiple_of(64)
    }

    /// Whether four rows come interleaved, byte by byte, in the memory of as many plain ones.
    pub(super) fn interleaves(&self) -> bool {
        match self.0.form {
            #[cfg(target_arch = "x86_64")]
            Form::Wide(..) => true,
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
        let (tables, stride) = (self.0, self.stride());
        match &tables.form {
            Form::Plain(weights) => {
                for (row, out) in rows.iter().zip(out.chunks_exact_mut(stride)).take(ROWS) {
                    scalar::horizontal(tables, weights, row, &mut out[..3 * tables.spans.outputs()]);
                }
            }
            #[cfg(target_arch = "x86_64")]
            Form::Pairs(proof, pairs) => avx2::horizontal(*proof, tables, pairs, rows, out, stride),
            #[cfg(target_arch = "x86_64")]
            Form::Wide(proof, wide) => avx512::horizontal(*proof, wide, rows, out),
            #[cfg(target_arch = "x86_64")]
            Form::Quads(..) | Form::Tall(..) => unreachable!("tables of a vertical pass"),
        }
    }
}

/// The vertical pass over plain rows of so many bytes.
pub(super) fn vertical_pass(row_bytes: usize) -> Pass {
    if row_bytes < NARROW { Pass::VerticalNarrow } else { Pass::Vertical }
}

/// Makes row `y` of the vertical pass into `out`; `rows` starts at its first input row, `tables.spans.start(y)`, or at the group
/// of that row where rows lie interleaved.
pub(super) fn vertical(tables: &Tables, y: usize, rows: &[u8], stride: usize, out: &mut [u8]) {
    let count = tables.spans.count(y);
    match &tables.form {
        Form::Plain(weights) => {
            scalar::vertical(&weights[y * tables.spans.taps()..][..count], rows, stride, out);
        }
        #[cfg(target_arch = "x86_64")]
        Form::Pairs(proof, pairs) => {
            let pairs = &pairs[y * tables.spans.taps() / 2..][..tables.spans.taps() / 2];
            avx2::vertical(*proof, pairs, count, rows, stride, out);
        }
        #[cfg(target_arch = "x86_64")]
        Form::Quads(proof, quads) => {
            let quads = &quads[y * tables.spans.groups()..][..tables.spans.groups()];
            avx512::vertical(*proof, quads, count, rows, stride, out);
        }
        #[cfg(target_arch = "x86_64")]
        Form::Tall(proof, tall) => {
            avx512::vertical_interleaved(*proof, tall.quads(y), rows, ROWS * stride, out);
        }
        #[cfg(target_arch = "x86_64")]
        Form::Wide(..) => unreachable!("tables of a horizontal pass"),
    }
}
