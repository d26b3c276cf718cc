//! The coefficients of a component: values of the blocks that a window needs, and for all blocks which are not zero.

use crate::{entropy::Block, refusal::Refusal};

/// Memory for coefficients that is kept from one file to the next, in blocks.
const KEPT_BLOCKS: usize = (8 << 20) / 128;

/// Columns and rows of blocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) left: usize,
    pub(super) top: usize,
    pub(super) across: usize,
    pub(super) down: usize,
}

/// The blocks of a component.
#[derive(Clone, Debug, Default)]
pub(super) struct Blocks {
    /// Blocks of the image, with those that fill its last MCUs.
    padded: (usize, usize),
    /// Blocks that hold samples of the image: those of scans of this component alone.
    pub(super) real: (usize, usize),
    /// Those whose values are kept.
    kept: Area,
    /// The values in zigzag order, row by row; the last one takes the values that are not kept.
    values: Vec<[i16; 64]>,
    /// For each block of the image a bit for each AC coefficient in zigzag order that is not zero.
    nonzero: Vec<u64>,
}

/// A block while a scan tells something of it.
pub(super) struct Place<'a> {
    pub(super) values: &'a mut [i16; 64],
    pub(super) nonzero: &'a mut u64,
    /// Whether the values are kept.
    pub(super) is_kept: bool,
}

impl Blocks {
    /// Begins an image, all of whose coefficients are zero.
    pub(super) fn prepare(
        &mut self,
        padded: (usize, usize),
        real: (usize, usize),
        kept: Area,
    ) -> Result<(), Refusal> {
        if self.values.capacity() > KEPT_BLOCKS {
            *self = Self::default();
        }
        (self.padded, self.real, self.kept) = (padded, real, kept);
        self.values.clear();
        self.nonzero.clear();
        let (values, blocks) = (kept.across * kept.down + 1, padded.0 * padded.1);
        if self.values.try_reserve(values).is_err() || self.nonzero.try_reserve(blocks).is_err() {
            return Err(Refusal::Memory);
        }
        self.values.resize(values, [0; 64]);
        self.nonzero.resize(blocks, 0);
        Ok(())
    }

    /// A block of the image.
    #[inline(always)]
    pub(super) fn place(&mut self, column: usize, row: usize) -> Place<'_> {
        let at = self.index(column, row);
        let last = self.values.len() - 1;
        Place {
            values: &mut self.values[at.unwrap_or(last)],
            nonzero: &mut self.nonzero[row * self.padded.0 + column],
            is_kept: at.is_some(),
        }
    }

    /// Copies a block whose values are kept; gives the position behind its last coefficient, or more.
    pub(super) fn copy(&self, column: usize, row: usize, to: &mut Block) -> usize {
        if let Some(at) = self.index(column, row) {
            to.set(&self.values[at]);
        }
        if self.nonzero[row * self.padded.0 + column] == 0 { 1 } else { 64 }
    }

    #[inline(always)]
    fn index(&self, column: usize, row: usize) -> Option<usize> {
        let (x, y) = (column.wrapping_sub(self.kept.left), row.wrapping_sub(self.kept.top));
        (x < self.kept.across && y < self.kept.down).then(|| y * self.kept.across + x)
    }
}
