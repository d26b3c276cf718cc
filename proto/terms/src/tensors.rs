//! The tensors of a batch, and where they lie in its memory.
//!
//! A daemon writes a batch by these rules and a client reads it by them: in a slot of shared memory each tensor begins
//! at the next multiple of [`TENSOR_ALIGN`]; over gRPC they come without gaps.

use std::ops::Range;

use bandwise_choice::choices;

use crate::sizes::TENSOR_ALIGN;

choices! {
    /// A tensor of a batch, by its name in `TensorInfo.name`, in the order of their bytes.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum Tensor: "tensor" {
        /// The images, in the job's element type and layout.
        Images = "images",
        /// One i64 a row.
        Labels = "labels",
        /// Where rows are mixed, the label of the partner: one i64 a row.
        LabelsB = "labels_b",
        /// Where rows are mixed, the share of the own label: one f32 a row.
        Lam = "lam",
    }
}

/// Number of tensors that a batch can have.
const TENSORS: usize = 4;

/// Channels of an image.
pub const CHANNELS: u64 = 3;

/// Bytes of one label (i64).
const LABEL_BYTES: u64 = 8;

/// Bytes of one share of a label (f32).
const LAM_BYTES: u64 = 4;

/// Bytes of a square image of `side` x `side` pixels with elements of `element_bytes` bytes, or `u64::MAX` if there are
/// more.
pub const fn image_bytes(side: u64, element_bytes: u64) -> u64 {
    side.saturating_mul(side).saturating_mul(CHANNELS).saturating_mul(element_bytes)
}

/// The shape of a batch: all that decides the sizes of its tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BatchShape {
    /// Number of rows.
    pub rows: u64,
    /// Side of the images in pixels.
    pub side: u64,
    /// Bytes of one element of the images.
    pub element_bytes: u64,
    /// Whether rows are mixed, and so have `labels_b` and `lam`.
    pub mixed: bool,
}

impl BatchShape {
    /// Bytes of one row of a tensor, 0 for a tensor that the batch does not have, or `u64::MAX` if there are more.
    pub const fn row_bytes(self, tensor: Tensor) -> u64 {
        match tensor {
            Tensor::Images => image_bytes(self.side, self.element_bytes),
            Tensor::Labels => LABEL_BYTES,
            Tensor::LabelsB if self.mixed => LABEL_BYTES,
            Tensor::Lam if self.mixed => LAM_BYTES,
            Tensor::LabelsB | Tensor::Lam => 0,
        }
    }

    /// Bytes that the batch does not exceed however its rows are mixed, the gaps between its tensors included, or
    /// `u64::MAX` if there are more. A client asks for slots of this size, and a daemon compares it with the largest
    /// batch that it makes.
    pub const fn room_bytes(self) -> u64 {
        const BESIDE_IMAGES: u64 = 2 * LABEL_BYTES + LAM_BYTES;
        const GAPS: u64 = (TENSORS as u64 - 1) * TENSOR_ALIGN as u64;
        let row = self.row_bytes(Tensor::Images).saturating_add(BESIDE_IMAGES);
        self.rows.saturating_mul(row).saturating_add(GAPS)
    }

    /// Where the tensors lie in the memory of the batch; `None` if that is more than memory can be.
    pub fn places(self) -> Option<BatchPlaces> {
        let mut packer = Packer::new(TENSOR_ALIGN);
        let mut place = |tensor: Tensor| {
            let row_bytes = self.row_bytes(tensor);
            let start = packer.place(row_bytes.checked_mul(self.rows)?)?.start;
            Some(Place { start, row_bytes: usize::try_from(row_bytes).ok()? })
        };
        let tensors =
            [place(Tensor::Images)?, place(Tensor::Labels)?, place(Tensor::LabelsB)?, place(Tensor::Lam)?];
        Some(BatchPlaces { rows: usize::try_from(self.rows).ok()?, tensors })
    }
}

/// The place of one tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    start: usize,
    row_bytes: usize,
}

/// The places of all tensors of a batch in its memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchPlaces {
    rows: usize,
    tensors: [Place; TENSORS],
}

impl BatchPlaces {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The bytes of a tensor; empty for one that the batch does not have.
    pub fn tensor(&self, tensor: Tensor) -> Range<usize> {
        let Place { start, row_bytes } = self.tensors[tensor as usize];
        start..start + self.rows * row_bytes
    }

    /// The bytes of one row of a tensor. The row must be one of the batch.
    pub fn row(&self, tensor: Tensor, row: usize) -> Range<usize> {
        debug_assert!(row < self.rows, "row {row} of a batch of {}", self.rows);
        let Place { start, row_bytes } = self.tensors[tensor as usize];
        start + row * row_bytes..start + (row + 1) * row_bytes
    }

    /// Bytes of the whole batch, gaps included.
    pub fn byte_len(&self) -> usize {
        self.tensor(Tensor::Lam).end
    }
}

/// Places one tensor after the other in memory.
#[derive(Clone, Debug)]
pub struct Packer {
    align: usize,
    end: usize,
}

impl Packer {
    /// Nothing is placed yet. Tensors will begin at multiples of `align` bytes; 1 leaves no gaps.
    pub fn new(align: usize) -> Self {
        Self { align, end: 0 }
    }

    /// The place of the next tensor, which has `bytes` bytes; `None` if that is beyond what memory can be.
    pub fn place(&mut self, bytes: u64) -> Option<Range<usize>> {
        let start = self.end.checked_next_multiple_of(self.align)?;
        let end = start.checked_add(usize::try_from(bytes).ok()?)?;
        // No allocation or mapping is larger.
        isize::try_from(end).is_ok().then(|| {
            self.end = end;
            start..end
        })
    }
}

#[cfg(test)]
mod tests {
    use bandwise_choice::Choice as _;

    use super::*;

    const ALIGN: usize = 64;

    #[test]
    fn names_and_order_are_those_of_the_contract() {
        assert_eq!(Tensor::names(), ["images", "labels", "labels_b", "lam"]);
        assert_eq!(Tensor::ALL.len(), TENSORS);
        for (i, &tensor) in Tensor::ALL.iter().enumerate() {
            assert_eq!(tensor as usize, i);
        }
    }

    /// The sizes of a batch, written out.
    fn written_out(rows: usize, side: usize, element: usize, mixed: bool) -> [Range<usize>; TENSORS] {
        let up = |end: usize| end.div_ceil(ALIGN) * ALIGN;
        let images = 0..rows * side * side * 3 * element;
        let labels = up(images.end)..up(images.end) + rows * 8;
        let labels_b = up(labels.end)..up(labels.end) + if mixed { rows * 8 } else { 0 };
        let lam = up(labels_b.end)..up(labels_b.end) + if mixed { rows * 4 } else { 0 };
        [images, labels, labels_b, lam]
    }

    #[test]
    fn tensors_lie_one_after_the_other_at_multiples_of_the_alignment() {
        for rows in [1, 2, 3, 7, 8, 31, 32, 33, 8192] {
            for (side, element, mixed) in [(1, 1, false), (5, 2, true), (32, 4, true), (33, 1, false)] {
                let shape =
                    BatchShape { rows: rows as u64, side: side as u64, element_bytes: element as u64, mixed };
                let places = shape.places().unwrap();
                let expected = written_out(rows, side, element, mixed);
                for (&tensor, expected) in Tensor::ALL.iter().zip(&expected) {
                    assert_eq!(places.tensor(tensor), *expected, "{tensor} of {shape:?}");
                    let joined = places.row(tensor, 0).start..places.row(tensor, rows - 1).end;
                    assert_eq!(joined, *expected, "{tensor} of {shape:?}");
                    assert!(expected.start.is_multiple_of(ALIGN));
                }
                assert_eq!(places.byte_len(), expected[3].end);
                assert!(places.byte_len() as u64 <= shape.room_bytes(), "{shape:?}");
            }
        }
        let shape = BatchShape { rows: 10, side: 4, element_bytes: 2, mixed: false };
        assert_eq!(shape.room_bytes(), 10 * (96 + 20) + 192, "older ends of the wire compute the same");
    }

    #[test]
    fn sizes_beyond_memory_are_no_places() {
        let shape = |rows, side, element_bytes| BatchShape { rows, side, element_bytes, mixed: true };
        for shape in [
            shape(u64::MAX, 1, 1),
            shape(1, u64::MAX, 1),
            shape(1, 1 << 32, 4),
            shape(1 << 62, 0, 1),
            shape(u64::MAX / 3, 1, 1),
            shape(1, 1, u64::MAX),
        ] {
            assert_eq!(shape.places(), None, "{shape:?}");
            assert!(shape.room_bytes() >= i64::MAX as u64, "{shape:?}: {}", shape.room_bytes());
        }
    }

    #[test]
    fn a_packer_leaves_gaps_only_for_the_alignment() {
        let mut packed = Packer::new(1);
        let mut aligned = Packer::new(ALIGN);
        for (bytes, without, with) in [(10, 0..10, 0..10), (0, 10..10, 64..64), (7, 10..17, 64..71)] {
            assert_eq!(packed.place(bytes), Some(without));
            assert_eq!(aligned.place(bytes), Some(with));
        }
        for bytes in [u64::MAX, i64::MAX as u64, i64::MAX as u64 - 63] {
            assert_eq!(aligned.place(bytes), None, "{bytes}");
        }
        assert_eq!(aligned.place(1), Some(128..129), "a size that was refused takes no place");
    }
}
