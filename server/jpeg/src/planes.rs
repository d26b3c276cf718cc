//! The samples of a window, and how blocks become samples and samples become pixels.

use std::ops::Range;

use crate::{
    frame::{Colour, Frame, Sampling},
    pixels::{
        colour::to_rgb,
        transform::inverse,
        upsample::{ChromaRow, across, across_and_down, down},
    },
    refusal::Refusal,
    scan::Mcu,
    window::{Span, Window},
};

/// Samples of a component in the window, whole blocks.
#[derive(Clone, Debug, Default)]
struct Plane {
    samples: Vec<u8>,
    stride: usize,
    /// Column and row of the image where it begins.
    left: usize,
    top: usize,
}

impl Plane {
    fn prepare(&mut self, across: &Span, down: &Span, blocks: (usize, usize)) {
        self.stride = 8 * across.mcus.len() * blocks.0;
        (self.left, self.top) = (8 * across.mcus.start * blocks.0, 8 * down.mcus.start * blocks.1);
        let len = self.stride * 8 * down.mcus.len() * blocks.1;
        if self.samples.len() < len {
            self.samples.resize(len, 0);
        }
    }

    /// The place of a block, which is counted in blocks of the image.
    fn block(&mut self, column: usize, row: usize) -> &mut [u8] {
        let start = (8 * row - self.top) * self.stride + 8 * column - self.left;
        &mut self.samples[start..]
    }

    /// Samples of a row of the image from a column on.
    fn row(&self, row: usize, columns: &Range<usize>) -> &[u8] {
        let start = (row - self.top) * self.stride;
        &self.samples[start + columns.start - self.left..start + columns.end - self.left]
    }
}

/// The samples of all components in a window.
#[derive(Clone, Debug, Default)]
pub(crate) struct Planes {
    planes: [Plane; 3],
    /// A row of each chroma component at the size of luma.
    chroma: [Vec<u8>; 2],
}

impl Planes {
    /// Makes room for a window. The samples of another window may still be there.
    pub(crate) fn prepare(&mut self, frame: &Frame, window: &Window) {
        let [luma, chroma @ ..] = &mut self.planes;
        luma.prepare(&window.across, &window.down, frame.sampling.luma_blocks());
        for plane in chroma {
            plane.prepare(&window.across, &window.down, (1, 1));
        }
    }

    /// Writes the samples of an MCU's blocks that were decoded; `column` and `row` are the MCU's.
    pub(crate) fn write(
        &mut self,
        frame: &Frame,
        mcu: &Mcu,
        column: usize,
        row: usize,
    ) -> Result<(), Refusal> {
        let (across, down) = frame.sampling.luma_blocks();
        let luma_count = across * down;
        for (number, block) in mcu.blocks.iter().enumerate().filter(|(number, _)| mcu.ends[*number] > 0) {
            let (component, x, y) = match number.checked_sub(luma_count) {
                None => (0, column * across + number % across, row * down + number / across),
                Some(chroma) => (1 + chroma, column, row),
            };
            let (plane, steps) = (&mut self.planes[component], &frame.components[component].quantisation);
            let stride = plane.stride;
            inverse(block.coefficients(), steps, plane.block(x, y), stride)?;
        }
        Ok(())
    }

    /// Writes the pixels of a row of the image, as many as the window has columns.
    pub(crate) fn pixels(&mut self, frame: &Frame, window: &Window, row: usize, out: &mut [u8]) {
        let [luma, blue, red] = &self.planes;
        let luma = luma.row(row, &window.across.luma);
        if frame.sampling == Sampling::Grey {
            out.as_chunks_mut::<3>().0.iter_mut().zip(luma).for_each(|(pixel, &grey)| *pixel = [grey; 3]);
            return;
        }
        for (chroma, plane) in self.chroma.iter_mut().zip([blue, red]) {
            chroma.resize(luma.len(), 0);
            upsampled(plane, window, row, chroma);
        }
        let [blue, red] = &self.chroma;
        match frame.colour {
            Colour::YCbCr => to_rgb(luma, blue, red, out),
            Colour::Rgb => {
                let samples = luma.iter().zip(blue).zip(red);
                let pixels = out.as_chunks_mut::<3>().0.iter_mut();
                pixels.zip(samples).for_each(|(pixel, ((&r, &g), &b))| *pixel = [r, g, b]);
            }
        }
    }
}

/// A row of chroma at the size of luma.
fn upsampled(plane: &Plane, window: &Window, row: usize, out: &mut [u8]) {
    let Window { across: columns, down: rows } = window;
    let chroma_row = |row: usize| ChromaRow {
        samples: plane.row(row, &columns.chroma),
        first: columns.chroma.start,
        width: columns.chroma_len,
    };
    let (near, is_upper) = (row / rows.factor, row.is_multiple_of(2));
    let far = if is_upper { near.saturating_sub(1) } else { (near + 1).min(rows.chroma_len - 1) };
    match (columns.factor, rows.factor) {
        (1, 1) => out.copy_from_slice(plane.row(row, &columns.luma)),
        (1, _) => down(plane.row(near, &columns.luma), plane.row(far, &columns.luma), is_upper, out),
        (_, 1) => across(chroma_row(row), columns.luma.start, out),
        _ => across_and_down(chroma_row(near), chroma_row(far), columns.luma.start, out),
    }
}
