//! The pixels of a crop: which blocks of each MCU they need, and the way from those to the caller's memory.

use std::slice;

use crate::{
    frame::{Frame, Sampling},
    half::HalfPlanes,
    planes::Planes,
    refusal::Refusal,
    scan::{MAX_BLOCKS, Mcu, Needs},
    window::Window,
};

/// Samples of some MCU rows that become pixels, at full or at half scale.
pub(crate) trait Samples {
    /// Makes room for the first one or two MCU rows of a window.
    fn prepare(&mut self, frame: &Frame, window: &Window);

    /// Writes the blocks of MCUs below each other.
    fn write(&mut self, mcus: &[Mcu], column: usize, row: usize) -> Result<(), Refusal>;

    /// Writes the pixels that are complete now that all MCU rows before `end` are.
    fn rows(&mut self, end: usize, out: &mut [u8]);
}

impl Samples for Planes {
    fn prepare(&mut self, frame: &Frame, window: &Window) {
        self.prepare(frame, window);
    }

    fn write(&mut self, mcus: &[Mcu], column: usize, row: usize) -> Result<(), Refusal> {
        self.write(mcus, column, row)
    }

    fn rows(&mut self, end: usize, out: &mut [u8]) {
        self.rows(end, out);
    }
}

impl Samples for HalfPlanes {
    fn prepare(&mut self, frame: &Frame, window: &Window) {
        self.prepare(frame, window);
    }

    fn write(&mut self, mcus: &[Mcu], column: usize, row: usize) -> Result<(), Refusal> {
        self.write(mcus, column, row)
    }

    fn rows(&mut self, end: usize, out: &mut [u8]) {
        self.rows(end, out);
    }
}

/// The pixels of one crop while they are made.
pub(crate) struct Picture<'a, S> {
    sampling: Sampling,
    planes: &'a mut S,
    window: Window,
    /// Below each other.
    mcus: [Mcu; 2],
    /// Packed RGB.
    out: &'a mut [u8],
}

impl<'a, S: Samples> Picture<'a, S> {
    /// `out` has room for the pixels of the window.
    pub(crate) fn new(frame: &Frame, planes: &'a mut S, window: Window, out: &'a mut [u8]) -> Self {
        planes.prepare(frame, &window);
        Self { sampling: frame.sampling, planes, window, mcus: [const { Mcu::new() }; 2], out }
    }

    /// The blocks that it needs.
    pub(crate) fn window(&self) -> &Window {
        &self.window
    }

    /// Takes the next row of MCUs, each as `decode` gives it, and writes the pixels that are complete with it.
    pub(crate) fn row(
        &mut self,
        row: usize,
        mut decode: impl FnMut(&mut Mcu, Needs) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        for column in self.window.across.mcus.clone() {
            let needs = needs(&self.window, self.sampling.luma_blocks(), column, row);
            decode(&mut self.mcus[0], needs)?;
            self.planes.write(slice::from_ref(&self.mcus[0]), column, row)?;
        }
        self.planes.rows(row + 1, self.out);
        Ok(())
    }

    /// Takes the next two rows of MCUs, each two below each other as `decode` gives them.
    pub(crate) fn two_rows(
        &mut self,
        row: usize,
        mut decode: impl FnMut(&mut [Mcu; 2], [Needs; 2]) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        for column in self.window.across.mcus.clone() {
            let luma = self.sampling.luma_blocks();
            let needs = [row, row + 1].map(|row| needs(&self.window, luma, column, row));
            decode(&mut self.mcus, needs)?;
            self.planes.write(&self.mcus, column, row)?;
        }
        self.planes.rows(row + 2, self.out);
        Ok(())
    }
}

/// The blocks of an MCU that the window needs.
fn needs(window: &Window, luma: (usize, usize), column: usize, row: usize) -> Needs {
    let (count, mut needs) = (luma.0 * luma.1, [false; MAX_BLOCKS]);
    for (number, needs) in needs.iter_mut().enumerate() {
        *needs = if number < count {
            let (x, y) = (column * luma.0 + number % luma.0, row * luma.1 + number / luma.0);
            window.across.needs_luma(x) && window.down.needs_luma(y)
        } else {
            window.across.needs_chroma(column) && window.down.needs_chroma(row)
        };
    }
    needs
}
