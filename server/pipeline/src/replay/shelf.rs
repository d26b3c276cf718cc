//! The rows that were fresh in one step, in slabs.
//!
//! A slab is one allocation of about a MiB (or one row), cut into rows of equal size as they come: no allocation a row,
//! and no unsafe code. A slab whose rows are all dropped is used again.

use std::{
    collections::{HashMap, hash_map::Entry},
    mem,
};

use bandwise_decode::has_room;
use bandwise_job::Job;
use bandwise_terms::image_bytes;
use bytes::{Bytes, BytesMut};

use crate::batch::{RowOutcome, Substitution};

/// Bytes of a slab where rows are smaller: few enough that a shelf of few rows wastes little.
const SLAB_BYTES: u64 = 1 << 20;

/// Under a limit of memory, so much is left to batches and decoders, without which nothing continues.
const LEFT_TO_BATCHES: usize = 192 << 20;

/// A row as it is kept.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    /// The bytes of the image before mixing.
    pub(crate) image: Bytes,
    pub(crate) label: i64,
    /// The delivered sample.
    pub(crate) delivered: u64,
    /// The sample of the order and its fault, if another one is delivered.
    pub(crate) instead_of: Option<(u64, &'static str)>,
}

impl Kept {
    /// The outcome of a row, with its image.
    pub(crate) fn new(image: Bytes, outcome: &RowOutcome) -> Self {
        let instead_of = outcome.substitution.as_ref().map(|other| (other.requested, other.reason));
        Self { image, label: outcome.label, delivered: outcome.delivered, instead_of }
    }

    /// Records what the row of a step holds instead of the sample of the order.
    pub(crate) fn substitution(&self, row: u64) -> Option<Substitution> {
        let (requested, reason) = self.instead_of?;
        Some(Substitution { row, requested, delivered: self.delivered, reason })
    }
}

/// Sizes of the shelves of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Fresh rows of a step.
    rows: u64,
    /// Bytes of an image.
    row_bytes: u64,
    /// Rows of a slab.
    slab_rows: u64,
}

impl Shape {
    /// The shape of a stage of `job`.
    pub(crate) fn of(job: &Job, stage: usize) -> Self {
        let plan = &job.plan().stages()[stage];
        let element_bytes = job.output().dtype.size_in_bytes() as u64;
        Self::new(plan.fresh_rows(), image_bytes(plan.bandwidth.into(), element_bytes))
    }

    /// Shelves of `rows` rows of `row_bytes` bytes.
    pub(crate) fn new(rows: u64, row_bytes: u64) -> Self {
        let (rows, row_bytes) = (rows.max(1), row_bytes.max(1));
        let slabs = rows.div_ceil((SLAB_BYTES / row_bytes).max(1));
        Self { rows, row_bytes, slab_rows: rows.div_ceil(slabs) }
    }

    /// Fresh rows of a step.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// Bytes of an image.
    pub(crate) fn row_bytes(&self) -> u64 {
        self.row_bytes
    }

    fn slab_len(&self) -> usize {
        (self.slab_rows * self.row_bytes) as usize
    }

    /// Bytes of a slab, with what its rows take beside their images.
    pub(crate) fn slab_bytes(&self) -> u64 {
        // A map of rows has up to two places for each.
        let beside = 2 * mem::size_of::<(u64, Kept)>() as u64;
        self.slab_rows.saturating_mul(self.row_bytes.saturating_add(beside))
    }

    /// Bytes of a shelf that holds every row.
    pub(crate) fn shelf_bytes(&self) -> u64 {
        self.rows.div_ceil(self.slab_rows).saturating_mul(self.slab_bytes())
    }
}

/// Memory of one slab: what is left of it, or, when it is used up, the handle by which it can be used again.
#[derive(Debug)]
pub(crate) struct Slab {
    left: BytesMut,
    shape: Shape,
}

impl Slab {
    /// A new slab, if the system has memory for it and for batches beside it; it gives it when rows are written.
    pub(crate) fn new(shape: Shape) -> Option<Self> {
        let mut memory = Vec::new();
        let len = shape.slab_len();
        let had = has_room(len.saturating_add(LEFT_TO_BATCHES)) && memory.try_reserve_exact(len).is_ok();
        // Neither conversion copies: the memory has no other owner.
        had.then(|| Self { left: BytesMut::from(Bytes::from(memory)), shape })
    }

    /// For which rows it was made.
    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }

    /// The whole slab for other rows, unless one of its own is still being read.
    pub(crate) fn emptied(mut self) -> Option<Self> {
        self.left.clear();
        self.left.try_reclaim(self.shape.slab_len()).then_some(self)
    }

    /// An empty buffer with room for one row.
    fn row(&mut self) -> Option<BytesMut> {
        let row_bytes = self.shape.row_bytes as usize;
        (self.left.capacity() >= row_bytes).then(|| {
            let rest = self.left.split_off(row_bytes);
            mem::replace(&mut self.left, rest)
        })
    }
}

/// The rows of one step that are kept.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    rows: HashMap<u64, Kept>,
    /// Of one shape; the last one may have room left.
    slabs: Vec<Slab>,
}

impl Shelf {
    /// A row, if it is kept.
    pub(crate) fn find(&self, fresh_row: u64) -> Option<&Kept> {
        self.rows.get(&fresh_row)
    }

    /// Memory for a row, unless a slab has to be added.
    pub(crate) fn room(&mut self) -> Option<BytesMut> {
        self.slabs.last_mut()?.row()
    }

    /// Adds memory.
    pub(crate) fn add(&mut self, slab: Slab) {
        self.slabs.push(slab);
    }

    /// Keeps a row; the first of two stays.
    pub(crate) fn put(&mut self, fresh_row: u64, kept: Kept) {
        // Without memory for its place the row is made again.
        if self.rows.try_reserve(1).is_ok()
            && let Entry::Vacant(place) = self.rows.entry(fresh_row)
        {
            place.insert(kept);
        }
    }

    /// Number of slabs.
    pub(crate) fn slabs(&self) -> usize {
        self.slabs.len()
    }

    /// Bytes that count.
    pub(crate) fn bytes(&self) -> u64 {
        self.slabs.iter().map(|slab| slab.shape.slab_bytes()).sum()
    }

    /// Drops all rows; the slabs are left.
    pub(crate) fn into_slabs(self) -> Vec<Slab> {
        self.slabs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(image: BytesMut) -> Kept {
        Kept { image: image.freeze(), label: 1, delivered: 2, instead_of: None }
    }

    #[test]
    fn slabs_divide_the_rows_of_a_step_evenly() {
        for (rows, row_bytes) in [(1, 1), (128, 3 * 96 * 96 * 2), (1000, 3 * 160 * 160 * 2), (7, 1 << 22)] {
            let shape = Shape::new(rows, row_bytes);
            let slabs = rows.div_ceil(shape.slab_rows);
            assert!(shape.slab_rows * row_bytes <= SLAB_BYTES.max(row_bytes), "{shape:?}");
            assert!(slabs * shape.slab_rows < rows + slabs, "{shape:?} wastes a row in every slab");
            assert!(shape.shelf_bytes() >= rows * row_bytes);
        }
    }

    #[test]
    fn a_slab_is_used_again_when_nobody_reads_its_rows() {
        let shape = Shape::new(2, 100);
        let mut shelf = Shelf::default();
        assert!(shelf.room().is_none(), "no slab");
        shelf.add(Slab::new(shape).unwrap());
        for row in 0..2 {
            let mut room = shelf.room().unwrap();
            room.extend_from_slice(&[row as u8 + 1; 100]);
            shelf.put(row, kept(room));
        }
        assert!(shelf.room().is_none(), "the slab is full");
        let reader = shelf.find(1).cloned().unwrap();
        let slab = shelf.into_slabs().pop().unwrap();
        assert_eq!(*reader.image, [2; 100]);
        drop(reader);
        let mut shelf = Shelf::default();
        shelf.add(slab.emptied().unwrap());
        assert_eq!(shelf.room().unwrap().capacity(), 100);
    }

    #[test]
    fn a_slab_that_is_read_is_left_to_its_reader() {
        let shape = Shape::new(1, 100);
        let mut shelf = Shelf::default();
        shelf.add(Slab::new(shape).unwrap());
        let mut room = shelf.room().unwrap();
        room.extend_from_slice(&[7; 100]);
        shelf.put(0, kept(room));
        let reader = shelf.find(0).cloned().unwrap();
        assert!(shelf.into_slabs().pop().unwrap().emptied().is_none());
        assert_eq!(*reader.image, [7; 100]);
    }

    #[test]
    fn the_first_of_two_equal_rows_stays() {
        let shape = Shape::new(4, 10);
        let mut shelf = Shelf::default();
        shelf.add(Slab::new(shape).unwrap());
        for label in [5, 6] {
            let room = shelf.room().unwrap();
            shelf.put(3, Kept { label, ..kept(room) });
        }
        assert_eq!(shelf.find(3).unwrap().label, 5);
    }
}
