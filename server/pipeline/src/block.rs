//! The memory of a batch: one block, written row by row by many workers, then read by its sender.
//!
//! This is the only file of the crate with unsafe code. The idea: a [`Block`] gives no access to its bytes.
//! [`Rows`] turns a block into [`RowSlot`]s, each row once, and a slot is the only way to write its row. Once all
//! slots are gone the block can be [sealed](Sealed), and a sealed block can only be read. So writers never
//! overlap, and readers never meet a writer.
//!
//! A block is memory of this process, or a slot that a trainer's process maps as well. That process has the slot when
//! the batch in it was announced, and gives it back before another batch is written there; a trainer that breaks this
//! changes the bytes of its own batches. So nothing that is read back from a block decides where or how much is
//! written: mixing, which reads delivered values, computes with whatever it finds.

use std::{
    alloc::{Layout, alloc_zeroed, dealloc},
    ops::Range,
    ptr::NonNull,
    sync::Arc,
};

use bandwise_shm::Slot;

use crate::{fills::Fills, layout::BatchLayout, shared_budget::SlotCharge};

/// Blocks start and end at pages, so that a recycled one never shares a page and tensors are well aligned.
const PAGE: usize = 4096;

/// Page-aligned memory without access to its bytes.
#[derive(Debug)]
pub(crate) struct Block {
    /// First byte of the first page.
    start: NonNull<u8>,
    len: usize,
    owner: Owner,
    fills: Fills,
}

/// The owner of a block's memory.
#[derive(Debug)]
enum Owner {
    /// This process's: what the allocator gave, and for which layout.
    Heap { base: NonNull<u8>, layout: Layout },
    /// Shared with a trainer. The slot lives as long as the block, and so does its charge to the budget. `lent` while the
    /// trainer may read the slot.
    Shared { slot: Slot, charge: SlotCharge, lent: bool },
}

// SAFETY: a block owns its memory, and no method gives access to it through a shared reference; access needs a
// `RowSlot` (exclusive, disjoint) or a `Sealed` (by value, read-only).
unsafe impl Send for Block {}
// SAFETY: as above.
unsafe impl Sync for Block {}

impl Block {
    /// A zeroed block of at least `len` bytes, or `None` if the machine has not that much memory.
    pub(crate) fn allocate(len: usize) -> Option<Self> {
        let len = Self::rounded(len);
        // Aligned by hand: for a large alignment the allocator would write all the zeros itself, here in the
        // dispatcher, instead of taking pages that the system zeroes when a worker first touches them.
        let layout = Layout::array::<u8>(len.checked_add(PAGE)?).ok()?;
        if !bandwise_decode::has_room(layout.size()) {
            return None;
        }
        // SAFETY: the layout's size is more than one page, so not zero.
        let base = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        let offset = base.addr().get().wrapping_neg() % PAGE;
        // SAFETY: the offset is below one page, by which the allocation is longer than `len`.
        let start = unsafe { base.add(offset) };
        Some(Self { start, len, owner: Owner::Heap { base, layout }, fills: Fills::default() })
    }

    /// A slot as a block.
    pub(crate) fn shared(slot: Slot, charge: SlotCharge) -> Self {
        let (start, len) = (slot.start(), slot.slots().slot_bytes());
        Self { start, len, owner: Owner::Shared { slot, charge, lent: false }, fills: Fills::default() }
    }

    /// Whether the trainer may read the slot, if the block is one. Where a lent one is dropped, its bytes stay as they
    /// are, and stay counted.
    pub(crate) fn set_lent(&mut self, to_trainer: bool) {
        if let Owner::Shared { lent, .. } = &mut self.owner {
            *lent = to_trainer;
        }
    }

    /// The trainer keeps the slot after the end of its stream.
    pub(crate) fn keep(&mut self) {
        if let Owner::Shared { charge, .. } = &mut self.owner {
            charge.keep();
        }
    }

    /// The number of the slot that the block is, if it is one.
    pub(crate) fn slot(&self) -> Option<u32> {
        match &self.owner {
            Owner::Heap { .. } => None,
            Owner::Shared { slot, .. } => Some(slot.number()),
        }
    }

    /// `len` rounded up to whole pages: what a block of `len` bytes really takes.
    pub(crate) fn rounded(len: usize) -> usize {
        len.max(1).saturating_add(PAGE - 1) & !(PAGE - 1)
    }

    /// Size in bytes.
    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        match &mut self.owner {
            // SAFETY: `base` came from `alloc_zeroed` with this layout and is freed once.
            Owner::Heap { base, layout } => unsafe { dealloc(base.as_ptr(), *layout) },
            Owner::Shared { charge, lent: true, .. } => charge.forfeit(),
            // The trainer may keep the file, but not the memory.
            Owner::Shared { slot, charge, lent: false } => {
                if let Err(error) = slot.empty() {
                    tracing::warn!(%error, "cannot take shared memory back, which stays counted");
                    charge.forfeit();
                }
            }
        }
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
    pub(crate) fn new(mut block: Block, layout: BatchLayout) -> (Self, Arc<Block>) {
        assert!(layout.byte_len() <= block.len(), "a layout larger than its block");
        block.fills.keep_for(&layout);
        let block = Arc::new(block);
        (Self { block: Some(Arc::clone(&block)), layout, next: 0 }, block)
    }

    /// Rows given out; also the next one, if there is one.
    pub(crate) fn given_out(&self) -> usize {
        self.next
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
        if row == self.layout.rows() {
            return None;
        }
        let last = row + 1 == self.layout.rows();
        let block = if last { self.block.take()? } else { Arc::clone(self.block.as_ref()?) };
        self.next += 1;
        let (image, label, partner) =
            (self.layout.image(row), self.layout.label(row), self.layout.partner(row));
        Some(RowSlot { block, row, image, label, partner })
    }
}

/// The right to write one row of a block.
#[derive(Debug)]
pub(crate) struct RowSlot {
    block: Arc<Block>,
    row: usize,
    image: Range<usize>,
    label: Range<usize>,
    /// The bytes of the partner's label and the share of the own one, in a layout of mixed rows.
    partner: Option<(Range<usize>, Range<usize>)>,
}

impl RowSlot {
    /// Position of the row in the batch.
    pub(crate) fn row(&self) -> usize {
        self.row
    }

    /// The bytes of the image.
    pub(crate) fn image(&mut self) -> &mut [u8] {
        self.block.fills.set(self.row, None);
        // SAFETY: `Rows` gives out every row once, the layout's ranges of different rows and tensors are disjoint,
        // and `&mut self` makes this the only reference to the range.
        unsafe { self.bytes(self.image.clone()) }
    }

    /// Sets every byte of the image; costs nothing where the batch before in this block, of the same layout, did that. A
    /// trainer that wrote into that batch finds its own bytes again: for images that measure transport alone.
    pub(crate) fn fill(&mut self, byte: u8) {
        if !self.block.fills.has(self.row, byte) {
            self.image().fill(byte);
            self.block.fills.set(self.row, Some(byte));
        }
    }

    /// Writes the label.
    pub(crate) fn set_label(&mut self, label: i64) {
        // SAFETY: as in `image`; the reference ends with this statement.
        unsafe { self.bytes(self.label.clone()) }.copy_from_slice(&label.to_le_bytes());
    }

    /// Writes the partner's label and the share of the own one; nothing where the layout has no place for them.
    pub(crate) fn set_partner(&mut self, label: i64, lam: f32) {
        let Some((label_at, lam_at)) = self.partner.clone() else { return };
        // SAFETY: as in `image`; the reference ends with this statement.
        unsafe { self.bytes(label_at) }.copy_from_slice(&label.to_le_bytes());
        // SAFETY: as in `image`; the reference ends with this statement.
        unsafe { self.bytes(lam_at) }.copy_from_slice(&lam.to_le_bytes());
    }

    /// # Safety
    ///
    /// `range` must belong to this slot alone, and no other reference to it may live.
    ///
    /// # Panics
    ///
    /// If `range` is not inside the block.
    #[allow(clippy::mut_from_ref, reason = "the slot owns the range; callers hold it mutably")]
    unsafe fn bytes(&self, range: Range<usize>) -> &mut [u8] {
        assert!(range.start <= range.end && range.end <= self.block.len(), "a row outside its block");
        // SAFETY: the range is inside the block and the caller vouches for the rest; the block lives as long as the
        // slot, and its bytes were initialised by `alloc_zeroed` or are those of a file.
        unsafe { std::slice::from_raw_parts_mut(self.block.start.as_ptr().add(range.start), range.len()) }
    }
}

/// A block that can only be read.
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
        // made while it is here; all its bytes were initialised by `alloc_zeroed` or are those of a file. The bytes of a
        // slot are not asked for after it was handed over.
        unsafe { std::slice::from_raw_parts(self.0.start.as_ptr(), self.0.len) }
    }

    /// The number of the slot that the block is, if it is one.
    pub(crate) fn slot(&self) -> Option<u32> {
        self.0.slot()
    }

    /// Takes the block back for another batch.
    pub(crate) fn into_block(self) -> Block {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::atomic::AtomicUsize, sync::atomic::Ordering, thread};

    use bandwise_kernels::{Dtype, Layout as Axes};
    use bandwise_recipe::OutputFormat;

    use super::*;

    fn layout(rows: u64) -> BatchLayout {
        let format = OutputFormat { dtype: Dtype::F16, layout: Axes::Nchw };
        BatchLayout::new(rows, 4, format, false).unwrap()
    }

    fn write(mut slot: RowSlot) {
        let row = slot.row();
        slot.image().fill(row as u8 + 1);
        slot.set_label(-(row as i64));
    }

    fn assert_written(sealed: &Sealed, layout: &BatchLayout) {
        for row in 0..layout.rows() {
            assert!(sealed.bytes()[layout.image(row)].iter().all(|&b| b == row as u8 + 1));
            assert_eq!(sealed.bytes()[layout.label(row)], (-(row as i64)).to_le_bytes());
        }
    }

    #[test]
    fn a_block_is_zeroed_whole_pages() {
        for len in [0, 1, PAGE, PAGE + 1, 100 * PAGE - 1] {
            let sealed = Sealed::new(Arc::new(Block::allocate(len).unwrap())).unwrap();
            assert_eq!(sealed.bytes().len(), len.max(1).next_multiple_of(PAGE));
            assert_eq!(sealed.bytes().as_ptr().addr() % PAGE, 0);
            assert!(sealed.bytes().iter().all(|&b| b == 0));
        }
    }

    #[test]
    fn what_no_machine_has_is_refused() {
        for len in [usize::MAX, isize::MAX as usize, 1 << 60] {
            assert!(Block::allocate(len).is_none(), "{len} bytes");
        }
    }

    #[test]
    fn rows_are_given_out_once_and_stay_apart() {
        let layout = layout(3);
        let (rows, handle) = Rows::new(Block::allocate(layout.byte_len()).unwrap(), layout.clone());
        let slots: Vec<RowSlot> = rows.collect();
        assert_eq!(slots.len(), 3);
        let Err(handle) = Sealed::new(handle) else { panic!("sealed while slots live") };
        slots.into_iter().for_each(write);
        assert_written(&Sealed::new(handle).unwrap(), &layout);
    }

    #[test]
    fn a_fill_is_written_unless_it_is_there() {
        type Step<'a> = (&'a BatchLayout, fn(&mut RowSlot));
        let (two, three) = (layout(2), layout(3));
        let mut block = Block::allocate(PAGE).unwrap();
        let steps: [Step<'_>; 6] = [
            (&two, |slot| slot.fill(7)),
            (&two, |slot| slot.fill(7)),
            (&two, |slot| slot.image()[5] = 1),
            (&two, |slot| slot.fill(7)),
            // The labels of this layout lie in images of the other.
            (&three, |slot| slot.fill(7)),
            (&two, |slot| slot.fill(7)),
        ];
        for (step, (layout, write)) in steps.into_iter().enumerate() {
            let (rows, handle) = Rows::new(block, layout.clone());
            rows.for_each(|mut slot| {
                write(&mut slot);
                slot.set_label(-1);
            });
            let sealed = Sealed::new(handle).unwrap();
            let is_filled =
                (0..layout.rows()).all(|row| sealed.bytes()[layout.image(row)].iter().all(|&b| b == 7));
            assert_eq!(is_filled, step != 2, "step {step}");
            block = sealed.into_block();
        }
    }

    #[test]
    fn rows_not_given_out_keep_a_block_from_being_sealed() {
        let (mut rows, handle) = Rows::new(Block::allocate(PAGE).unwrap(), layout(2));
        rows.next().map(write).unwrap();
        let Err(handle) = Sealed::new(handle) else { panic!("sealed while a row is left") };
        assert_eq!((rows.given_out(), rows.left()), (1, 1));
        drop(rows);
        assert!(Sealed::new(handle).is_ok());
    }

    #[test]
    fn a_layout_without_rows_gives_out_none() {
        let (mut rows, _handle) = Rows::new(Block::allocate(0).unwrap(), layout(0));
        assert!(rows.next().is_none());
    }

    #[test]
    #[should_panic(expected = "a row outside its block")]
    fn a_row_outside_the_block_is_never_written() {
        let block = Arc::new(Block::allocate(PAGE).unwrap());
        RowSlot { block, row: 0, image: PAGE - 1..PAGE + 1, label: 0..8, partner: None }.image();
    }

    /// The life of a batch: the last writer seals the block and reads what all have written.
    #[test]
    fn the_last_of_many_writers_sees_every_row() {
        let layout = layout(16);
        let mut block = Block::allocate(layout.byte_len()).unwrap();
        for _ in 0..100 {
            let (rows, handle) = Rows::new(block, layout.clone());
            let left = AtomicUsize::new(layout.rows());
            let (tasks, slots) = crossbeam::channel::unbounded();
            rows.for_each(|slot| tasks.send(slot).unwrap());
            drop(tasks);
            let is_last = || {
                slots.iter().any(|slot| {
                    write(slot);
                    left.fetch_sub(1, Ordering::AcqRel) == 1
                })
            };
            let last = thread::scope(|scope| {
                let writers = [0; 3].map(|_| scope.spawn(is_last));
                writers.map(|writer| writer.join().unwrap())
            });
            assert_eq!(last.iter().filter(|&&last| last).count(), 1);
            let sealed = Sealed::new(handle).unwrap();
            assert_written(&sealed, &layout);
            block = sealed.into_block();
        }
    }
}
