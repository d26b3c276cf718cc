//! Progressive files (T.81, G): scan after scan is read, and coefficients become pixels when they are complete.
//!
//! Coefficients are kept for the blocks that a window needs; of others that are read it is only known which are zero,
//! which the refining scans cannot do without. Without seek points all blocks of all scans are read. With them reading
//! begins in each row of each scan at the last point before the window, and ends with it.

mod blocks;
mod codes;
mod first;
mod position;
mod reader;
mod refinement;
mod scans;
mod script;
#[cfg(test)]
mod tests;

use crate::{
    coded::Coded,
    frame::Frame,
    level::SimdLevel,
    picture::{Picture, Samples},
    refusal::Refusal,
    scan::{Mcu, Needs},
    seek::{ProgressiveTable, ScanKind, ScanPoints, ScanRecorder},
    window::Window,
};
use blocks::{Area, Blocks};
use codes::CodeTables;
use reader::Reader;
use scans::ProgressiveScan;
use script::{ScanHeader, Script};

/// The coefficients of a progressive file; memory is kept from one to the next.
#[derive(Clone, Debug)]
pub(crate) struct Progressive {
    level: SimdLevel,
    coded: Coded,
    tables: CodeTables,
    blocks: [Blocks; 3],
    /// Blocks of each component in an MCU, across and down.
    factors: [(usize, usize); 3],
    components: usize,
}

/// The seek points of a file while its scans are read.
pub(crate) enum Points<'a> {
    /// There are none.
    None,
    /// They are made.
    Made(ScanRecorder),
    /// They are used.
    Used(ScanPoints<'a>),
}

impl Progressive {
    pub(crate) fn new(level: SimdLevel) -> Self {
        Self {
            level,
            coded: Coded::new(level),
            tables: CodeTables::default(),
            blocks: Default::default(),
            factors: [(1, 1); 3],
            components: 0,
        }
    }

    /// Reads all scans, and keeps the coefficients that a window needs. Gives the table of the seek points if a spacing is
    /// given.
    pub(crate) fn read(
        &mut self,
        bytes: &[u8],
        frame: &Frame,
        window: Option<&Window>,
        spacing: Option<u16>,
    ) -> Result<Option<Vec<u8>>, Refusal> {
        self.prepare(frame, window, None)?;
        let points = spacing.map(|spacing| Points::Made(ScanRecorder::new(frame, spacing)));
        match self.scans(bytes, frame, window, points.unwrap_or(Points::None))? {
            Points::Made(recorder) => Ok(Some(recorder.finish())),
            _ => Ok(None),
        }
    }

    /// Reads the coefficients that a window needs, and those between them and the seek points before.
    pub(crate) fn read_with(
        &mut self,
        bytes: &[u8],
        frame: &Frame,
        window: &Window,
        table: &ProgressiveTable<'_>,
    ) -> Result<(), Refusal> {
        self.prepare(frame, Some(window), Some(table))?;
        match self.scans(bytes, frame, Some(window), Points::Used(table.points()))? {
            Points::Used(points) if !points.is_empty() => Err(Refusal::Damaged),
            _ => Ok(()),
        }
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

    fn prepare(
        &mut self,
        frame: &Frame,
        window: Option<&Window>,
        table: Option<&ProgressiveTable<'_>>,
    ) -> Result<(), Refusal> {
        self.components = frame.geometry.component_count();
        self.factors = frame.geometry.factors();
        let (columns, rows) = frame.geometry.mcus();
        for (number, blocks) in self.blocks[..self.components].iter_mut().enumerate() {
            let (x, y) = self.factors[number];
            let area = |left: usize, top: usize, right: usize, bottom: usize| Area {
                left: x * left,
                top: y * top,
                across: x * (right - left),
                down: y * (bottom - top),
            };
            let kept = window.map_or(area(0, 0, 0, 0), |Window { across, down }| {
                area(across.mcus.start, down.mcus.start, across.mcus.end, down.mcus.end)
            });
            let read = match (window, table) {
                (Some(Window { across, down }), Some(table)) => {
                    let left = table.before(number, across.mcus.start);
                    area(left, down.mcus.start, across.mcus.end, down.mcus.end)
                }
                _ => area(0, 0, columns, rows),
            };
            blocks.prepare(read, kept)?;
        }
        Ok(())
    }

    fn scans<'a>(
        &mut self,
        bytes: &[u8],
        frame: &Frame,
        window: Option<&Window>,
        mut points: Points<'a>,
    ) -> Result<Points<'a>, Refusal> {
        let mut script = Script::new(bytes, frame)?;
        while let Some((header, coded)) = script.next_scan()? {
            let rest = self.scan(&script, header, coded, frame, window, &mut points)?;
            script.resume(rest);
        }
        Ok(points)
    }

    /// Reads a scan; gives the bytes behind it.
    fn scan<'b>(
        &mut self,
        script: &Script<'_>,
        header: ScanHeader,
        coded: &'b [u8],
        frame: &Frame,
        window: Option<&Window>,
        points: &mut Points<'_>,
    ) -> Result<&'b [u8], Refusal> {
        let ScanHeader { components, count, band } = header;
        let numbers = components.map(|(number, ..)| number);
        let mcus = frame.geometry.mcus_of(&numbers[..count]);
        let len = mcus.row_len * mcus.rows;
        let interval = if script.restart_interval == 0 { len } else { script.restart_interval };
        let rest = self.coded.intervals(coded, 0..len.div_ceil(interval))?;
        if matches!(rest, [0xFF, 0xD0..=0xD7, ..]) {
            return Err(Refusal::Damaged);
        }
        let codes = self.tables.set(script, &header)?;
        let scan =
            ProgressiveScan { header, coded: &self.coded, codes, factors: self.factors, mcus, interval };
        let kind = ScanKind::new(numbers[..count].iter().copied(), band.first == 0, band.is_refinement);
        let (reader, blocks) = (Reader::new(self.level, &scan), &mut self.blocks);
        match (points, window) {
            (Points::Used(points), Some(window)) => {
                let points = points.next_scan(frame, kind).ok_or(Refusal::Damaged)?;
                reader.window(blocks, window, points)?;
            }
            (Points::Made(recorder), _) => reader.all_with_points(blocks, recorder, kind)?,
            _ => reader.all(blocks)?,
        }
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
