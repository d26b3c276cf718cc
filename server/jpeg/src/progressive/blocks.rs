//! The coefficients of a component: values of the blocks that a window needs, and for all blocks that are read which of
//! them are not zero.

use std::ops::Range;

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

impl Area {
    /// The number of a block, row by row.
    #[inline(always)]
    fn index(&self, column: usize, row: usize) -> Option<usize> {
        let (x, y) = (column.wrapping_sub(self.left), row.wrapping_sub(self.top));
        (x < self.across && y < self.down).then(|| y * self.across + x)
    }
}

/// The blocks of a component.
#[derive(Clone, Debug, Default)]
pub(super) struct Blocks {
    /// Those that are read.
    read: Area,
    /// Those whose values are kept, all of which are read.
    kept: Area,
    /// The values in zigzag order, row by row.
    values: Vec<[i16; 64]>,
    /// For each block that is read a bit for each AC coefficient in zigzag order that is not zero.
    nonzero: Vec<u64>,
}

/// Blocks of a row side by side.
pub(super) struct Row<'a> {
    /// The coefficients that are not zero: of blocks without values, of those with values, and of others without.
    pub(super) before: &'a mut [u64],
    pub(super) nonzero: &'a mut [u64],
    pub(super) after: &'a mut [u64],
    pub(super) values: &'a mut [[i16; 64]],
}

impl Blocks {
    /// Begins an image, all of whose coefficients are zero.
    pub(super) fn prepare(&mut self, read: Area, kept: Area) -> Result<(), Refusal> {
        if self.values.capacity() > KEPT_BLOCKS {
            *self = Self::default();
        }
        (self.read, self.kept) = (read, kept);
        self.values.clear();
        self.nonzero.clear();
        let (values, blocks) = (kept.across * kept.down, read.across * read.down);
        if self.values.try_reserve(values).is_err() || self.nonzero.try_reserve(blocks).is_err() {
            return Err(Refusal::Memory);
        }
        self.values.resize(values, [0; 64]);
        self.nonzero.resize(blocks, 0);
        Ok(())
    }

    /// The values of a block, if they are kept.
    #[inline(always)]
    pub(super) fn values(&mut self, column: usize, row: usize) -> Option<&mut [i16; 64]> {
        self.kept.index(column, row).map(|at| &mut self.values[at])
    }

    /// Some blocks of a row, all of which are read.
    pub(super) fn row(&mut self, row: usize, columns: Range<usize>) -> Row<'_> {
        let Area { left, top, across, .. } = self.read;
        let start = (row - top) * across;
        let nonzero = &mut self.nonzero[start + columns.start - left..start + columns.end - left];
        let kept = if (self.kept.top..self.kept.top + self.kept.down).contains(&row) {
            let bound = |column: usize| column.clamp(columns.start, columns.end);
            bound(self.kept.left)..bound(self.kept.left + self.kept.across)
        } else {
            columns.end..columns.end
        };
        let (before, rest) = nonzero.split_at_mut(kept.start - columns.start);
        let (nonzero, after) = rest.split_at_mut(kept.len());
        let first = if kept.is_empty() {
            0
        } else {
            (row - self.kept.top) * self.kept.across + kept.start - self.kept.left
        };
        Row { before, nonzero, after, values: &mut self.values[first..first + kept.len()] }
    }

    /// Copies a block whose values are kept; gives the position behind its last coefficient, or more.
    pub(super) fn copy(&self, column: usize, row: usize, to: &mut Block) -> usize {
        if let Some(at) = self.kept.index(column, row) {
            to.set(&self.values[at]);
        }
        match self.read.index(column, row) {
            Some(at) if self.nonzero[at] != 0 => 64,
            _ => 1,
        }
    }
}
