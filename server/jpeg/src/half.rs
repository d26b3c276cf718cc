//! Crops at half scale: the samples of the MCU rows that are being decoded, and the pixels made of them.
//!
//! A pixel stands for 2 x 2 pixels of the image. Luma, and whatever has a sample for each pixel, is halved by the inverse
//! transform of the low coefficients of each block. Chroma that is sampled at half the size in a direction has its samples
//! there already, from all coefficients in that direction. So all components have samples of the same size, nothing is
//! filtered, and the rows of an MCU are complete with it.

use crate::{
    geometry::{Colour, Geometry, Sampling},
    level::SimdLevel,
    order::Order,
    picture::Samples,
    pixels::{
        colour,
        transform::{self, Batch, Steps, Task, half},
    },
    refusal::Refusal,
    scan::{MAX_BLOCKS, Mcu},
    window::Window,
};

/// Bytes between two rows, so that they begin in different parts of the cache.
const GAP: usize = 64;

/// MCU rows that there is room for.
const MCU_ROWS: usize = 2;

/// The samples of all components in a window at half scale, one or two MCU rows at a time.
#[derive(Clone, Debug)]
pub(crate) struct HalfPlanes {
    level: SimdLevel,
    sampling: Sampling,
    colour: Colour,
    window: Window,
    steps: Steps,
    samples: Vec<u8>,
    /// From a row of samples to the next one, and from a component to the next.
    stride: usize,
    plane: usize,
    /// The component of each block of an MCU, and its first sample from that of the MCU on.
    places: [(usize, usize); MAX_BLOCKS],
    /// The first row of samples that there is room for, as the image at half scale counts them.
    top: usize,
}

/// The inverse transform of blocks with 4 or 8 samples across and down.
fn inverse(
    level: SimdLevel,
    steps: &Steps,
    size: (usize, usize),
    tasks: &[Task<'_>],
    samples: &mut [u8],
    stride: usize,
) -> Result<(), Refusal> {
    if size == (8, 8) {
        return transform::inverse(level, steps, tasks, samples, stride);
    }
    half::inverse(level, steps, size, tasks, samples, stride);
    Ok(())
}

impl HalfPlanes {
    /// `order` is that of the coefficients of all blocks.
    pub(crate) fn new(level: SimdLevel, order: Order) -> Self {
        Self {
            level,
            sampling: Sampling::Grey,
            colour: Colour::YCbCr,
            window: Window::default(),
            steps: Steps::new(order),
            samples: Vec::new(),
            stride: 0,
            plane: 0,
            places: [(0, 0); MAX_BLOCKS],
            top: 0,
        }
    }
}

impl Samples for HalfPlanes {
    /// Makes room for a window at half scale, of which the first one or two MCU rows are written next.
    fn prepare(&mut self, geometry: &Geometry, window: &Window) {
        (self.sampling, self.colour, self.window) = (geometry.sampling, geometry.colour, window.clone());
        self.steps.set(geometry.quantisation.iter());
        let (across, down) = (&window.across, &window.down);
        self.stride = 4 * across.factor * across.mcus.len() + GAP;
        self.plane = self.stride * 4 * down.factor * MCU_ROWS;
        if self.samples.len() < 3 * self.plane {
            self.samples.resize(3 * self.plane, 0);
        }
        self.top = 4 * down.factor * down.mcus.start;
        let (blocks, plane) = (across.factor * down.factor, self.plane);
        self.places = std::array::from_fn(|number| match number.checked_sub(blocks) {
            None => (0, 4 * (number / across.factor * self.stride + number % across.factor)),
            Some(chroma) => (1 + chroma % 2, (1 + chroma % 2) * plane),
        });
    }

    /// Writes the blocks that were decoded of MCUs below each other: number `column` of row `row` and of those that follow.
    /// The rows are among the two after the last that [`Self::rows`] was given.
    fn write(&mut self, mcus: &[Mcu], column: usize, row: usize) -> Result<(), Refusal> {
        let (across, down) = (&self.window.across, &self.window.down);
        let chroma = [across, down].map(|span| if span.factor == 1 { 4 } else { 8 });
        let sizes = [(4, 4), (chroma[0], chroma[1])];
        let (level, steps, stride) = (self.level, &self.steps, self.stride);
        let samples = &mut self.samples[..];
        let mut batches = [Batch::new(), Batch::new()];
        for (row, mcu) in (row..).zip(mcus) {
            let corner = (4 * down.factor * row - self.top) * stride
                + 4 * across.factor * (column - across.mcus.start);
            for ((block, &end), &(component, at)) in mcu.blocks.iter().zip(&mcu.ends).zip(&self.places) {
                let (coefficients, kind, at) = (block.coefficients(), component.min(1), corner + at);
                match end {
                    0 => {}
                    1 => {
                        let task = Task { coefficients, component, at };
                        half::inverse_flat(steps, task, sizes[kind], samples, stride);
                    }
                    _ if batches[kind].push(coefficients, component, at) => {
                        inverse(level, steps, sizes[kind], batches[kind].take(), samples, stride)?;
                    }
                    _ => {}
                }
            }
        }
        for (mut batch, size) in batches.into_iter().zip(sizes) {
            inverse(level, steps, size, batch.take(), samples, stride)?;
        }
        Ok(())
    }

    /// Writes the pixels of all rows of the window in MCU rows before `end`, which must be so for each row and at the
    /// latest for every second. `out` has the pixels of the crop.
    fn rows(&mut self, end: usize, out: &mut [u8]) {
        let (across, down) = (&self.window.across, &self.window.down);
        let (left, right) = (across.luma.start / 2, across.luma.end / 2);
        let (first, last) = (down.luma.start / 2, down.luma.end / 2);
        let (len, next) = (3 * (right - left), 4 * down.factor * end);
        for row in self.top.max(first)..next.min(last) {
            let start = (row - self.top) * self.stride + left - 4 * across.factor * across.mcus.start;
            let samples = |component: usize| &self.samples[component * self.plane + start..][..right - left];
            let out = &mut out[len * (row - first)..][..len];
            if self.sampling == Sampling::Grey {
                colour::interleave(self.level, samples(0), samples(0), samples(0), out);
            } else if self.colour == Colour::YCbCr {
                colour::to_rgb(self.level, samples(0), samples(1), samples(2), out);
            } else {
                colour::interleave(self.level, samples(0), samples(1), samples(2), out);
            }
        }
        self.top = next;
    }
}
