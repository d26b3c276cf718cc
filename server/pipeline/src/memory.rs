//! The memory of a batch: one block, written row by row by many workers, then read by whoever sends it.
//!
//! This is the only file of the crate with unsafe code. The idea: a [`Block`] gives no access to its bytes.
//! [`Rows`] turns a block into [`RowSlot`]s, each row once, and a slot is the only way to write its row. Once all
//! slots are gone the block can be [sealed](Sealed), and a sealed block can only be read. So writers never
//! overlap, and readers never meet a writer.

use std::{
    alloc::{Layout, alloc_zeroed, dealloc},
    ops::Range,
    ptr::NonNull,
    sync::Arc,
};

use crate::layout::BatchLayout;

/// Blocks start and end at pages, so that a recycled one never shares a page and tensors are well aligned.
const PAGE: usize = 4096;

/// Page-aligned memory that nobody can touch yet.
#[derive(Debug)]
pub(crate) struct Block {
    start: NonNull<u8>,
    layout: Layout,
}

// SAFETY: a block owns its memory, and no method gives access to it through a shared reference; access needs a
// `RowSlot` (exclusive, disjoint) or a `Sealed` (by value, read-only).
unsafe impl Send for Block {}
// SAFETY: as above.
unsafe impl Sync for Block {}

impl Block {
    /// A zeroed block of at least `len` bytes, or `None` if the machine has not that much memory.
    pub(crate) fn allocate(len: usize) -> Option<Self> {
        let layout = Layout::from_size_align(Self::rounded(len), PAGE).ok()?;
        // SAFETY: the layout's size is at least one page, so not zero.
        let start = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        Some(Self { start, layout })
    }

    /// `len` rounded up to whole pages: what a block of `len` bytes really takes.
    pub(crate) fn rounded(len: usize) -> usize {
        len.max(1).saturating_add(PAGE - 1) & !(PAGE - 1)
    }

    /// Size in bytes.
    pub(crate) fn len(&self) -> usize {
        self.layout.size()
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        // SAFETY: `start` came from `alloc_zeroed` with this layout and is freed once.
        unsafe { dealloc(self.start.as_ptr(), self.layout) }
    }
}

/// Gives out the rows of a block, each once, in order.
#[derive(Debug)]
pub(crate) struct Rows {
    /// Gone with the last row, so that the slots alone keep the block from being sealed.
    block: Option<Arc<Block>>,
    layout: BatchLayout,
    next: usize,
}

impl Rows {
    /// The rows of `block`. Also returns the handle by which the block can be sealed later; it gives no access.
    ///
    /// # Panics
    ///
    /// If the layout is larger than the block.
    pub(crate) fn new(block: Block, layout: BatchLayout) -> (Self, Arc<Block>) {
        assert!(layout.byte_len() <= block.len(), "a layout larger than its block");
        let block = Arc::new(block);
        (Self { block: Some(Arc::clone(&block)), layout, next: 0 }, block)
    }

    /// Rows not yet given out.
    pub(crate) fn left(&self) -> usize {
        self.layout.rows() - self.next
    }
}

impl Iterator for Rows {
    type Item = RowSlot;

    fn next(&mut self) -> Option<RowSlot> {
        let row = self.next;
        let last = row + 1 == self.layout.rows();
        let block = if last { self.block.take()? } else { Arc::clone(self.block.as_ref()?) };
        self.next += 1;
        Some(RowSlot { block, row, image: self.layout.image(row), label: self.layout.label(row) })
    }
}

/// The right to write one row of a block.
#[derive(Debug)]
pub(crate) struct RowSlot {
    block: Arc<Block>,
    row: usize,
    image: Range<usize>,
    label: Range<usize>,
}

impl RowSlot {
    /// Position of the row in the batch.
    pub(crate) fn row(&self) -> usize {
        self.row
    }

    /// The bytes of the image.
    pub(crate) fn image(&mut self) -> &mut [u8] {
        // SAFETY: `Rows` gives out every row once, the layout's ranges of different rows and tensors are disjoint
        // and inside the block, and `&mut self` makes this the only reference to the range.
        unsafe { self.bytes(self.image.clone()) }
    }

    /// Writes the label.
    pub(crate) fn set_label(&mut self, label: i64) {
        // SAFETY: as in `image`; the reference ends with this statement.
        unsafe { self.bytes(self.label.clone()) }.copy_from_slice(&label.to_le_bytes());
    }

    /// # Safety
    ///
    /// `range` must lie inside the block and belong to this slot alone, and no other reference to it may live.
    #[allow(clippy::mut_from_ref, reason = "the slot owns the range; callers hold it mutably")]
    unsafe fn bytes(&self, range: Range<usize>) -> &mut [u8] {
        // SAFETY: the caller vouches for the range; the block lives as long as the slot.
        unsafe { std::slice::from_raw_parts_mut(self.block.start.as_ptr().add(range.start), range.len()) }
    }
}

/// A block that nobody can write any more.
#[derive(Debug)]
pub(crate) struct Sealed(Block);

impl Sealed {
    /// Seals a block; fails while a row of it can still be written.
    pub(crate) fn new(block: Arc<Block>) -> Result<Self, Arc<Block>> {
        Arc::try_unwrap(block).map(Self)
    }

    /// All bytes of the block.
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: the block was owned alone when it was sealed, so no slot and no `Rows` exists, and none can be
        // made while it is here; all its bytes were initialised by `alloc_zeroed`.
        unsafe { std::slice::from_raw_parts(self.0.start.as_ptr(), self.0.len()) }
    }

    /// Takes the block back for another batch.
    pub(crate) fn into_block(self) -> Block {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use bandwise_kernels::{Dtype, Layout as Axes};
    use bandwise_recipe::OutputFormat;

    use super::*;

    #[test]
    fn rows_are_given_out_once_and_stay_apart() {
        let layout = BatchLayout::new(3, 4, OutputFormat { dtype: Dtype::F16, layout: Axes::Nchw });
        let block = Block::allocate(layout.byte_len()).unwrap();
        let (rows, handle) = Rows::new(block, layout.clone());
        let slots: Vec<RowSlot> = rows.collect();
        assert_eq!(slots.len(), 3);
        let Err(handle) = Sealed::new(handle) else { panic!("sealed while slots live") };
        for mut slot in slots {
            let row = slot.row();
            slot.image().fill(row as u8 + 1);
            slot.set_label(-(row as i64));
        }
        let sealed = Sealed::new(handle).unwrap();
        for row in 0..3 {
            assert!(sealed.bytes()[layout.image(row)].iter().all(|&b| b == row as u8 + 1));
            assert_eq!(sealed.bytes()[layout.label(row)], (-(row as i64)).to_le_bytes());
        }
    }
}
