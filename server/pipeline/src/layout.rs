//! The positions of the tensors of a batch in its block.

use std::ops::Range;

use bandwise_kernels::Layout;
use bandwise_recipe::OutputFormat;

/// Bytes of one label (i64).
const LABEL_BYTES: usize = 8;

/// Bytes of one share of a label (f32).
const LAM_BYTES: usize = 4;

/// The tensors of a batch of `rows` square images: `images`, `labels`, and where rows are mixed `labels_b` and `lam`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchLayout {
    rows: usize,
    side: usize,
    format: OutputFormat,
    mixed: bool,
}

impl BatchLayout {
    /// Tensors start at multiples of this many bytes: a cache line, and enough for every vector load.
    pub const ALIGN: usize = 64;

    /// A batch of `rows` images of `side` x `side` x 3 elements.
    pub fn new(rows: usize, side: usize, format: OutputFormat) -> Self {
        Self { rows, side, format, mixed: false }
    }

    /// The same with the tensors of mixed rows.
    #[must_use]
    pub fn mixed(self) -> Self {
        Self { mixed: true, ..self }
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
        self.rows
    }

    /// Element type and axis order of the images.
    pub fn format(&self) -> OutputFormat {
        self.format
    }

    /// Shape of `images`: rows, 3, side, side (nchw) or rows, side, side, 3 (nhwc).
    pub fn image_shape(&self) -> [usize; 4] {
        match self.format.layout {
            Layout::Nchw => [self.rows, 3, self.side, self.side],
            Layout::Nhwc => [self.rows, self.side, self.side, 3],
        }
    }

    /// Bytes of one image.
    pub fn row_bytes(&self) -> usize {
        self.side * self.side * 3 * self.format.dtype.size_in_bytes()
    }

    /// The bytes of `images`.
    pub fn images(&self) -> Range<usize> {
        0..self.rows * self.row_bytes()
    }

    /// The bytes of `labels`.
    pub fn labels(&self) -> Range<usize> {
        let start = self.images().end.next_multiple_of(Self::ALIGN);
        start..start + self.rows * LABEL_BYTES
    }

    /// The bytes of the image of a row.
    pub fn image(&self, row: usize) -> Range<usize> {
        let start = row * self.row_bytes();
        start..start + self.row_bytes()
    }

    /// The bytes of the label of a row.
    pub fn label(&self, row: usize) -> Range<usize> {
        let start = self.labels().start + row * LABEL_BYTES;
        start..start + LABEL_BYTES
    }

    /// The bytes of `labels_b`; empty if rows are not mixed.
    pub fn labels_b(&self) -> Range<usize> {
        let start = self.labels().end.next_multiple_of(Self::ALIGN);
        start..start + if self.mixed { self.rows * LABEL_BYTES } else { 0 }
    }

    /// The bytes of `lam`; empty if rows are not mixed.
    pub fn lam(&self) -> Range<usize> {
        let start = self.labels_b().end.next_multiple_of(Self::ALIGN);
        start..start + if self.mixed { self.rows * LAM_BYTES } else { 0 }
    }

    /// The bytes of the partner's label and the share of a row, if rows are mixed.
    pub fn partner(&self, row: usize) -> Option<(Range<usize>, Range<usize>)> {
        let within =
            |tensor: Range<usize>, size: usize| tensor.start + row * size..tensor.start + (row + 1) * size;
        self.mixed.then(|| (within(self.labels_b(), LABEL_BYTES), within(self.lam(), LAM_BYTES)))
    }

    /// Bytes of the whole block, gaps included.
    pub fn byte_len(&self) -> usize {
        self.lam().end
    }
}
