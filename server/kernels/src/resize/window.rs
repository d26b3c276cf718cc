//! The rows between the two passes: only those that the vertical pass still needs.
//!
//! Rows are made in order and used in order, so a few dozen of them, still in the nearest cache, replace a
//! whole intermediate picture.

use super::rows::ROWS;

/// A run of consecutive rows, `stride` bytes apart.
#[derive(Debug)]
pub(super) struct Window<'a> {
    bytes: &'a mut [u8],
    stride: usize,
    first: usize,
    length: usize,
}

impl<'a> Window<'a> {
    /// An empty window before row `first`, in `memory`, which grows to what `taps` rows at a time need. It holds
    /// about four times as many, so that few rows have to be moved.
    pub(super) fn new(memory: &'a mut Vec<u8>, stride: usize, taps: usize, first: usize) -> Self {
        let bytes = (4 * taps + ROWS) * stride;
        memory.resize(memory.len().max(bytes), 0);
        Self { bytes: &mut memory[..bytes], stride, first, length: 0 }
    }

    /// The number of the next row to make.
    pub(super) fn end(&self) -> usize {
        self.first + self.length
    }

    /// Room for the next [`ROWS`] rows; rows before `oldest` may be dropped for it.
    pub(super) fn room(&mut self, oldest: usize) -> &mut [u8] {
        if (self.length + ROWS) * self.stride > self.bytes.len() {
            let dropped = oldest - self.first;
            self.bytes.copy_within(dropped * self.stride..self.length * self.stride, 0);
            self.first = oldest;
            self.length -= dropped;
        }
        &mut self.bytes[self.length * self.stride..][..ROWS * self.stride]
    }

    /// Says that the first `rows` of the room hold rows now.
    pub(super) fn advance(&mut self, rows: usize) {
        self.length += rows;
    }

    /// All bytes from the start of row `y` on.
    pub(super) fn from(&self, y: usize) -> &[u8] {
        &self.bytes[(y - self.first) * self.stride..]
    }
}
