//! The layout of a batch in its block: the places that the contract gives its tensors, and the form of its images.

use std::ops::Range;

use bandwise_kernels::Layout;
use bandwise_recipe::OutputFormat;
use bandwise_terms::{BatchPlaces, BatchShape, Tensor};

/// The tensors of a batch of square images: `images`, `labels`, and where rows are mixed `labels_b` and `lam`. The
/// ranges of different rows and tensors are disjoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchLayout {
    side: usize,
    format: OutputFormat,
    mixed: bool,
    places: BatchPlaces,
}

impl BatchLayout {
    /// A batch of `rows` images of `side` x `side` x 3 elements, whose rows are mixed or not; `None` if that is more than
    /// memory can be.
    pub fn new(rows: u64, side: u32, format: OutputFormat, mixed: bool) -> Option<Self> {
        let places = shape(rows, side, format, mixed).places()?;
        Some(Self { side: side as usize, format, mixed, places })
    }

    /// Bytes that no batch of these rows exceeds, mixed or not.
    pub(crate) fn room_bytes(rows: u64, side: u32, format: OutputFormat) -> u64 {
        shape(rows, side, format, true).room_bytes()
    }

    /// Side of the images in pixels.
    pub fn side(&self) -> usize {
        self.side
    }

    /// Whether there are `labels_b` and `lam`.
    pub fn is_mixed(&self) -> bool {
        self.mixed
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.places.rows()
    }

    /// Element type and axis order of the images.
    pub fn format(&self) -> OutputFormat {
        self.format
    }

    /// Shape of `images`: rows, 3, side, side (nchw) or rows, side, side, 3 (nhwc).
    pub fn image_shape(&self) -> [usize; 4] {
        match self.format.layout {
            Layout::Nchw => [self.rows(), 3, self.side, self.side],
            Layout::Nhwc => [self.rows(), self.side, self.side, 3],
        }
    }

    /// The bytes of a tensor; empty for one that the batch does not have.
    pub fn tensor(&self, tensor: Tensor) -> Range<usize> {
        self.places.tensor(tensor)
    }

    /// The bytes of the image of a row.
    pub fn image(&self, row: usize) -> Range<usize> {
        self.places.row(Tensor::Images, row)
    }

    /// The bytes of the label of a row.
    pub fn label(&self, row: usize) -> Range<usize> {
        self.places.row(Tensor::Labels, row)
    }

    /// The bytes of the partner's label and of the share of a row, if rows are mixed.
    pub fn partner(&self, row: usize) -> Option<(Range<usize>, Range<usize>)> {
        self.mixed.then(|| (self.places.row(Tensor::LabelsB, row), self.places.row(Tensor::Lam, row)))
    }

    /// Bytes of the whole block, gaps included.
    pub fn byte_len(&self) -> usize {
        self.places.byte_len()
    }
}

fn shape(rows: u64, side: u32, format: OutputFormat, mixed: bool) -> BatchShape {
    let element_bytes = format.dtype.size_in_bytes() as u64;
    BatchShape { rows, side: side.into(), element_bytes, mixed }
}
