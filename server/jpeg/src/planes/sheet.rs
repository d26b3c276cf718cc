//! Memory for the samples of a few MCU rows of all components: rows of one length, one behind the other.

use std::{array, ops::Range};

use crate::{scan::MAX_BLOCKS, window::Window};

/// Bytes between two rows: room for the neighbours of border samples, and for rows to begin in another part of the cache.
const GAP: usize = 64;

/// MCU rows that there is room for.
const MCU_ROWS: usize = 2;

/// Samples of a component.
#[derive(Clone, Copy, Debug, Default)]
struct Plane {
    /// Index of the sample in column `left` of the row above `top`.
    start: usize,
    /// Column and row of the image where the blocks begin.
    left: usize,
    top: usize,
    /// Rows of samples in an MCU.
    rows: usize,
}

/// The samples of all components.
#[derive(Clone, Debug, Default)]
pub(super) struct Sheet {
    samples: Vec<u8>,
    stride: usize,
    planes: [Plane; 3],
    blocks: [(usize, usize); MAX_BLOCKS],
    window: Window,
}

impl Sheet {
    /// Makes room for the first MCU rows of a window. The samples of others may still be there.
    pub(super) fn prepare(&mut self, components: usize, window: &Window) {
        let Window { across, down } = window;
        self.stride = 8 * across.mcus.len() * across.factor + GAP;
        self.planes = [Plane::default(); 3];
        let mut start = GAP;
        for (number, plane) in self.planes[..components].iter_mut().enumerate() {
            let (x, y) = if number == 0 { (across.factor, down.factor) } else { (1, 1) };
            let rows = 8 * y;
            *plane = Plane { start, left: 8 * x * across.mcus.start, top: rows * down.mcus.start, rows };
            start += self.stride * (1 + MCU_ROWS * rows);
        }
        if self.samples.len() < start {
            self.samples.resize(start, 0);
        }
        let (luma, stride) = (across.factor * down.factor, self.stride);
        self.blocks = array::from_fn(|number| match number.checked_sub(luma) {
            None => (0, 8 * (number / across.factor * stride + number % across.factor)),
            Some(chroma) => (1 + chroma % 2, 0),
        });
        self.window = window.clone();
    }

    /// Makes room for the MCU rows from `end` on; keeps the last row of samples before.
    pub(super) fn advance(&mut self, end: usize) {
        for number in 0..self.planes.len() {
            let Plane { start, left, top, rows } = self.planes[number];
            if rows * end > top {
                if self.window.down.factor > 1 {
                    let last = self.index(number, left, rows * end - 1);
                    self.samples.copy_within(last..last + self.stride - GAP, start);
                }
                self.planes[number].top = rows * end;
            }
        }
    }

    /// All samples, of which blocks are written.
    pub(super) fn samples(&mut self) -> &mut [u8] {
        &mut self.samples
    }

    /// From a row to the next one.
    pub(super) fn stride(&self) -> usize {
        self.stride
    }

    /// The component of each block of an MCU, and its first sample from that of the component's first block on.
    pub(super) fn blocks(&self) -> &[(usize, usize); MAX_BLOCKS] {
        &self.blocks
    }

    /// Index of the first sample of each component in an MCU.
    #[inline]
    pub(super) fn corners(&self, column: usize, row: usize) -> [usize; 3] {
        let (across, down) = (8 * self.window.across.factor, 8 * self.window.down.factor);
        [
            self.index(0, across * column, down * row),
            self.index(1, 8 * column, 8 * row),
            self.index(2, 8 * column, 8 * row),
        ]
    }

    /// Luma of a row of the image in the columns of the window.
    pub(super) fn luma(&self, row: usize) -> &[u8] {
        self.row(0, row, &self.window.across.luma)
    }

    /// Chroma of a row of chroma in the columns of the window, where those are the same for chroma.
    pub(super) fn chroma(&self, component: usize, row: usize) -> &[u8] {
        self.row(component, row, &self.window.across.luma)
    }

    /// Chroma for the luma of the window, which has twice as many columns, with one sample more at each side.
    pub(super) fn chroma_and_neighbours(&self, component: usize, row: usize) -> &[u8] {
        let columns = self.window.across.chroma_pairs();
        let start = self.index(component, columns.start, row);
        &self.samples[start - 1..=start + columns.len()]
    }

    /// Repeats the first and the last sample of a row of chroma beyond the borders of the image, where the window reaches
    /// them.
    pub(super) fn repeat_borders(&mut self, component: usize, row: usize) {
        let columns = self.window.across.chroma_pairs();
        let start = self.index(component, columns.start, row);
        let end = start + columns.len();
        if columns.start == 0 {
            self.samples[start - 1] = self.samples[start];
        }
        if columns.end == self.window.across.chroma_len {
            self.samples[end] = self.samples[end - 1];
        }
    }

    fn row(&self, component: usize, row: usize, columns: &Range<usize>) -> &[u8] {
        let start = self.index(component, columns.start, row);
        &self.samples[start..start + columns.len()]
    }

    /// Index of a sample, whose place is counted in samples of the image.
    fn index(&self, component: usize, column: usize, row: usize) -> usize {
        let Plane { start, left, top, .. } = self.planes[component];
        start + (row + 1 - top) * self.stride + column - left
    }
}
