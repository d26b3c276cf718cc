//! The pixels of a crop: which blocks of each MCU they need, and the way from those to the caller's memory.

use std::slice;

use crate::{
    geometry::Geometry,
    refusal::Refusal,
    scan::{MAX_BLOCKS, Mcu, Needs},
    window::{NeedsOfSpan, Window},
};

/// Samples of some MCU rows that become pixels, at full or at half scale.
pub(crate) trait Samples {
    /// Makes room for the first one or two MCU rows of a window.
    fn prepare(&mut self, geometry: &Geometry, window: &Window);

    /// Decoding begins with the MCUs of one or two rows.
    fn begin(&mut self) {}

    /// Writes the blocks of MCUs below each other.
    fn write(&mut self, mcus: &[Mcu], column: usize, row: usize) -> Result<(), Refusal>;

    /// Writes the pixels that are complete now that all MCU rows before `end` are.
    fn rows(&mut self, end: usize, out: &mut [u8]);
}

/// The pixels of one crop while they are made.
pub(crate) struct Picture<'a, S> {
    planes: S,
    window: Window,
    /// Below each other.
    mcus: [Mcu; 2],
    /// Packed RGB.
    out: &'a mut [u8],
}

impl<'a, S: Samples> Picture<'a, S> {
    /// `out` has room for the pixels of the window.
    pub(crate) fn new(geometry: &Geometry, mut planes: S, window: Window, out: &'a mut [u8]) -> Self {
        planes.prepare(geometry, &window);
        Self { planes, window, mcus: [const { Mcu::new() }; 2], out }
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
        let down = self.window.down.needs(row);
        self.planes.begin();
        for column in self.window.across.mcus.clone() {
            let needs = self.needs(column, down);
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
        let (upper, lower) = (self.window.down.needs(row), self.window.down.needs(row + 1));
        self.planes.begin();
        for column in self.window.across.mcus.clone() {
            let needs = [self.needs(column, upper), self.needs(column, lower)];
            decode(&mut self.mcus, needs)?;
            self.planes.write(&self.mcus, column, row)?;
        }
        self.planes.rows(row + 2, self.out);
        Ok(())
    }

    /// The blocks of an MCU that the window needs.
    fn needs(&self, column: usize, down: NeedsOfSpan) -> Needs {
        let (across, columns, rows) =
            (self.window.across.needs(column), self.window.across.factor, self.window.down.factor);
        let mut needs = [across.chroma && down.chroma; MAX_BLOCKS];
        for (number, needs) in needs.iter_mut().enumerate().take(columns * rows) {
            // One or two columns: no division.
            *needs = across.luma[number & (columns - 1)] && down.luma[(number >> (columns - 1)) & 1];
        }
        needs
    }
}
