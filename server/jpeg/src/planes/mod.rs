//! The samples of the MCU rows that are being decoded: blocks become samples, and samples become pixels while they are
//! in the cache.
//!
//! There is room for two MCU rows, which may be written in turns, and for the last row of samples before them, with which
//! the triangle filter begins.

mod sheet;

use crate::{
    geometry::{Colour, Geometry, Sampling},
    level::SimdLevel,
    order::Order,
    picture::Samples,
    pixels::{
        colour,
        transform::{self, Batch, Steps, Task},
        upsample,
    },
    refusal::Refusal,
    scan::Mcu,
    window::Window,
};
use sheet::Sheet;

/// The samples of all components in a window, some MCU rows at a time.
#[derive(Clone, Debug)]
pub(crate) struct Planes {
    level: SimdLevel,
    sampling: Sampling,
    colour: Colour,
    window: Window,
    steps: Steps,
    sheet: Sheet,
    /// The next row of the image whose pixels are not written yet.
    next: usize,
    /// A row of each chroma component at the size of luma.
    chroma: [Vec<u8>; 2],
}

impl Planes {
    /// `order` is that of the coefficients of all blocks.
    pub(crate) fn new(level: SimdLevel, order: Order) -> Self {
        Self {
            level,
            sampling: Sampling::Grey,
            colour: Colour::YCbCr,
            window: Window::default(),
            steps: Steps::new(order),
            sheet: Sheet::default(),
            next: 0,
            chroma: [Vec::new(), Vec::new()],
        }
    }
}

impl Samples for Planes {
    /// Makes room for a window, of which the first one or two MCU rows are written next.
    fn prepare(&mut self, geometry: &Geometry, window: &Window) {
        (self.sampling, self.colour, self.window) = (geometry.sampling, geometry.colour, window.clone());
        self.steps.set(geometry.quantisation.iter());
        self.sheet.prepare(geometry.quantisation.len(), window);
        self.next = window.down.luma.start;
    }

    /// Writes the blocks that were decoded of MCUs below each other: number `column` of row `row` and of those that follow.
    /// The rows are among the two after the last that [`Self::rows`] was given.
    fn write(&mut self, mcus: &[Mcu], column: usize, row: usize) -> Result<(), Refusal> {
        let (mut batch, stride) = (Batch::new(), self.sheet.stride());
        for (row, mcu) in (row..).zip(mcus) {
            let corners = self.sheet.corners(column, row);
            for (number, (block, &end)) in mcu.blocks.iter().zip(&mcu.ends).enumerate() {
                let (component, at) = self.sheet.blocks()[number];
                let at = corners[component] + at;
                let coefficients = block.coefficients();
                match end {
                    0 => {}
                    1 => {
                        let task = Task { coefficients, component, at };
                        transform::inverse_flat(&self.steps, task, self.sheet.samples(), stride)?;
                    }
                    _ if batch.push(coefficients, component, at) => {
                        let (tasks, samples) = (batch.take(), self.sheet.samples());
                        transform::inverse(self.level, &self.steps, tasks, samples, stride)?;
                    }
                    _ => {}
                }
            }
        }
        transform::inverse(self.level, &self.steps, batch.take(), self.sheet.samples(), stride)
    }

    /// Writes the pixels of all rows that are complete now that all MCU rows before `end` are, which must be so for each
    /// row and at the latest for every second. `out` has the pixels of the crop.
    fn rows(&mut self, end: usize, out: &mut [u8]) {
        let (luma, factor) = (self.window.down.luma.clone(), self.window.down.factor);
        let complete = if end >= self.window.down.mcus.end {
            luma.end
        } else {
            // The last row of samples needs the chroma below.
            luma.end.min(8 * factor * end + 1 - factor)
        };
        let len = 3 * self.window.across.luma.len();
        for row in self.next..complete {
            self.pixels(row, &mut out[len * (row - luma.start)..][..len]);
        }
        self.next = self.next.max(complete);
        self.sheet.advance(end);
    }
}

impl Planes {
    /// Writes the pixels of a row of the image, as many as the window has columns.
    fn pixels(&mut self, row: usize, out: &mut [u8]) {
        if self.sampling == Sampling::Grey {
            let luma = self.sheet.luma(row);
            return colour::interleave(self.level, luma, luma, luma, out);
        }
        for number in [0, 1] {
            self.upsample(number, row);
        }
        let luma = self.sheet.luma(row);
        let skipped = self.window.across.luma.start % self.window.across.factor;
        let [blue, red] = [0, 1].map(|number| match self.sampling {
            Sampling::Full => self.sheet.chroma(1 + number, row),
            _ => &self.chroma[number][skipped..][..luma.len()],
        });
        match self.colour {
            Colour::YCbCr => colour::to_rgb(self.level, luma, blue, red, out),
            Colour::Rgb => colour::interleave(self.level, luma, blue, red, out),
        }
    }

    /// Makes a row of chroma at the size of luma, from an even column on; there is nothing to do where it has that size.
    fn upsample(&mut self, number: usize, row: usize) {
        let (columns, rows) = (&self.window.across, &self.window.down);
        let (near, is_upper) = (row / rows.factor, row.is_multiple_of(2));
        let far = if is_upper { near.saturating_sub(1) } else { (near + 1).min(rows.chroma_len - 1) };
        let (component, out) = (1 + number, &mut self.chroma[number]);
        if columns.factor == 2 {
            out.resize(2 * columns.chroma_pairs().len(), 0);
        }
        match (columns.factor, rows.factor) {
            (1, 1) => {}
            (1, _) => {
                out.resize(columns.luma.len(), 0);
                let [near, far] = [near, far].map(|row| self.sheet.chroma(component, row));
                upsample::down(self.level, near, far, is_upper, out);
            }
            (_, 1) => {
                self.sheet.repeat_borders(component, row);
                upsample::across(self.level, self.sheet.chroma_and_neighbours(component, row), out);
            }
            _ => {
                self.sheet.repeat_borders(component, near);
                self.sheet.repeat_borders(component, far);
                let [near, far] = [near, far].map(|row| self.sheet.chroma_and_neighbours(component, row));
                upsample::across_and_down(self.level, near, far, out);
            }
        }
    }
}
