//! Progressive files (T.81, G): all scans are read, and coefficients become pixels when they are complete.
//!
//! Coefficients are kept for the blocks that a window needs; of the others it is only known which are zero, which the
//! refining scans cannot do without.

mod blocks;
mod scans;
mod script;

use crate::{
    coded::Coded,
    frame::Frame,
    huffman::{HuffmanSpec, symbols::SymbolTable},
    level::SimdLevel,
    picture::{Picture, Samples},
    refusal::Refusal,
    scan::{Mcu, Needs},
    window::Window,
};
use blocks::{Area, Blocks};
use scans::ProgressiveScan;
use script::{ScanHeader, Script};

/// The coefficients of a progressive file; memory is kept from one to the next.
#[derive(Clone, Debug)]
pub(crate) struct Progressive {
    level: SimdLevel,
    coded: Coded,
    blocks: [Blocks; 3],
    /// Blocks of each component in an MCU, across and down.
    factors: [(usize, usize); 3],
    components: usize,
}

impl Progressive {
    pub(crate) fn new(level: SimdLevel) -> Self {
        Self {
            level,
            coded: Coded::new(level),
            blocks: Default::default(),
            factors: [(1, 1); 3],
            components: 0,
        }
    }

    /// Reads all coefficients that a window needs.
    pub(crate) fn read(&mut self, bytes: &[u8], frame: &Frame, window: &Window) -> Result<(), Refusal> {
        self.prepare(frame, window)?;
        let mut script = Script::new(bytes, frame)?;
        while let Some((header, coded)) = script.next_scan()? {
            let rest = self.scan(&script, header, coded, frame)?;
            script.resume(rest);
        }
        Ok(())
    }

    /// Makes pixels of them.
    pub(crate) fn draw<S: Samples>(&self, mut picture: Picture<'_, S>) -> Result<(), Refusal> {
        for row in picture.window().down.mcus.clone() {
            let mut column = picture.window().across.mcus.start;
            picture.row(row, |mcu, needs| {
                self.fill(mcu, needs, column, row);
                column += 1;
                Ok(())
            })?;
        }
        Ok(())
    }

    fn prepare(&mut self, frame: &Frame, window: &Window) -> Result<(), Refusal> {
        let (across, down) = frame.sampling.luma_blocks();
        self.components = frame.component_count();
        self.factors = [(across, down), (1, 1), (1, 1)];
        let (columns, rows) = frame.mcus();
        for (blocks, (x, y)) in self.blocks[..self.components].iter_mut().zip(self.factors) {
            // Samples of the component, of which the last block may not be full.
            let real = |len: usize, factor: usize, most: usize| (len * factor).div_ceil(8 * most);
            let kept = Area {
                left: x * window.across.mcus.start,
                top: y * window.down.mcus.start,
                across: x * window.across.mcus.len(),
                down: y * window.down.mcus.len(),
            };
            let real = (real(frame.width, x, across), real(frame.height, y, down));
            blocks.prepare((x * columns, y * rows), real, kept)?;
        }
        Ok(())
    }

    /// Reads a scan; gives the bytes behind it.
    fn scan<'b>(
        &mut self,
        script: &Script<'_>,
        header: ScanHeader,
        coded: &'b [u8],
        frame: &Frame,
    ) -> Result<&'b [u8], Refusal> {
        let ScanHeader { components, count, band } = header;
        let (row_len, rows) = if count == 1 { self.blocks[components[0].0].real } else { frame.mcus() };
        let mcus = row_len * rows;
        let interval = if script.restart_interval == 0 { mcus } else { script.restart_interval };
        let rest = self.coded.intervals(coded, 0..mcus.div_ceil(interval))?;
        if matches!(rest, [0xFF, 0xD0..=0xD7, ..]) {
            return Err(Refusal::Damaged);
        }
        let spec = |specs: &'_ [Option<HuffmanSpec>; 4], number: usize| {
            specs.get(number).and_then(Option::as_ref).map(SymbolTable::new).ok_or(Refusal::Tables)
        };
        let mut tables = [const { None }; 3];
        for (table, &(_, dc, ac)) in tables.iter_mut().zip(&components[..count]) {
            *table = match (band.first, band.is_refinement) {
                (0, true) => None,
                (0, false) => Some(spec(&script.dc, dc)?),
                _ => Some(spec(&script.ac, ac)?),
            };
        }
        let none = SymbolTable::new(&HuffmanSpec::EMPTY);
        let tables = tables.each_ref().map(|table| table.as_ref().unwrap_or(&none));
        let factors = self.factors;
        let scan = ProgressiveScan { header, coded: &self.coded, tables, factors, row_len, interval, mcus };
        scan.read(self.level, &mut self.blocks)?;
        Ok(rest)
    }

    /// Copies the needed blocks of an MCU.
    fn fill(&self, mcu: &mut Mcu, needs: Needs, column: usize, row: usize) {
        let mut number = 0;
        for (blocks, (across, down)) in self.blocks[..self.components].iter().zip(self.factors) {
            for block in 0..across * down {
                let (x, y) = (column * across + block % across, row * down + block / across);
                mcu.ends[number] = if needs[number] { blocks.copy(x, y, &mut mcu.blocks[number]) } else { 0 };
                number += 1;
            }
        }
    }
}
