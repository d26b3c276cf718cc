//! Where the tensors of a batch lie in its block.

use std::ops::Range;

use bandwise_kernels::Layout;
use bandwise_recipe::OutputFormat;

/// Tensors start at multiples of this many bytes: a cache line, and enough for every vector load.
const ALIGN: usize = 64;

/// Bytes of one label (i64).
const LABEL_BYTES: usize = 8;

/// The tensors of a batch of `rows` square images: `images` first, `labels` behind them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchLayout {
    rows: usize,
    side: usize,
    format: OutputFormat,
}

impl BatchLayout {
    /// A batch of `rows` images of `side` x `side` x 3 elements.
    pub fn new(rows: usize, side: usize, format: OutputFormat) -> Self {
        Self { rows, side, format }
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

    /// Where `images` lies.
    pub fn images(&self) -> Range<usize> {
        0..self.rows * self.row_bytes()
    }

    /// Where `labels` lies.
    pub fn labels(&self) -> Range<usize> {
        let start = self.images().end.next_multiple_of(ALIGN);
        start..start + self.rows * LABEL_BYTES
    }

    /// Where the image of a row lies.
    pub fn image(&self, row: usize) -> Range<usize> {
        let start = row * self.row_bytes();
        start..start + self.row_bytes()
    }

    /// Where the label of a row lies.
    pub fn label(&self, row: usize) -> Range<usize> {
        let start = self.labels().start + row * LABEL_BYTES;
        start..start + LABEL_BYTES
    }

    /// Bytes of the whole block, gaps included.
    pub fn byte_len(&self) -> usize {
        self.labels().end
    }
}
