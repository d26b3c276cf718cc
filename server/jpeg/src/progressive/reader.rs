//! A scan of a progressive file from any of its MCUs on: restarts, damage, and seek points.

use std::ops::Range;

use super::{
    blocks::Blocks,
    position::Position,
    scans::{ProgressiveScan, read_mcus},
};
use crate::{
    level::SimdLevel,
    refusal::Refusal,
    seek::{Point, RowPoints, ScanKind, ScanRecorder},
    window::Window,
};

/// A position in a scan.
pub(super) struct Reader<'a> {
    level: SimdLevel,
    scan: &'a ProgressiveScan<'a>,
    position: Position<'a>,
    /// The interval, and its MCUs that are left.
    interval: usize,
    left: usize,
}

impl<'a> Reader<'a> {
    /// Before the first MCU.
    pub(super) fn new(level: SimdLevel, scan: &'a ProgressiveScan<'a>) -> Self {
        let position = Position::new(&scan.coded.bytes, 0);
        Self { level, scan, position, interval: 0, left: scan.interval_len(0) }
    }

    /// Reads all MCUs.
    pub(super) fn all(mut self, blocks: &mut [Blocks; 3]) -> Result<(), Refusal> {
        for row in 0..self.scan.mcus.rows {
            self.row(blocks, row, 0..self.scan.mcus.row_len)?;
        }
        self.finish()
    }

    /// Reads all MCUs and records the points of the scan.
    pub(super) fn all_with_points(
        mut self,
        blocks: &mut [Blocks; 3],
        recorder: &mut ScanRecorder,
        kind: ScanKind,
    ) -> Result<(), Refusal> {
        let mcus = self.scan.mcus;
        if let Some(distance) = recorder.begin(kind, mcus) {
            for row in 0..mcus.rows {
                for start in (0..mcus.row_len).step_by(distance) {
                    self.begin_interval()?;
                    recorder.add(self.point());
                    self.row(blocks, row, start..mcus.row_len.min(start + distance))?;
                }
            }
            recorder.end(self.position.bits.position() as u64);
            return self.finish();
        }
        self.all(blocks)
    }

    /// Reads the MCUs of a window, each row from the last point before them on.
    pub(super) fn window(
        mut self,
        blocks: &mut [Blocks; 3],
        window: &Window,
        mut points: RowPoints<'_>,
    ) -> Result<(), Refusal> {
        let mcus = self.scan.mcus;
        let of_scan = |mcus: &Range<usize>, factor: usize, end: usize| {
            factor * mcus.start..(factor * mcus.end).min(end)
        };
        let columns = of_scan(&window.across.mcus, mcus.across, mcus.row_len);
        for row in of_scan(&window.down.mcus, mcus.down, mcus.rows) {
            let start = if self.scan.is_dc_refinement() {
                self.seek_bit(row * mcus.row_len + columns.start)?;
                columns.start
            } else {
                let (start, point) = points.find(row, columns.start);
                self.seek(row * mcus.row_len + start, point)?;
                start
            };
            self.row(blocks, row, start..columns.end)?;
            self.check()?;
        }
        Ok(())
    }

    /// Goes to a point; not beyond the scan, which that of another file may be.
    fn seek(&mut self, mcu: usize, Point { position, predictions }: Point) -> Result<(), Refusal> {
        let end = 8 * self.scan.coded.ends.last().copied().unwrap_or(0);
        let position = usize::try_from(position).ok().filter(|&position| position <= end);
        let position = position.ok_or(Refusal::Damaged)?;
        self.interval = mcu / self.scan.interval;
        self.left = self.scan.interval_len(self.interval) - mcu % self.scan.interval;
        self.position = Position::new(&self.scan.coded.bytes, position);
        if self.scan.header.band.first == 0 {
            self.position.predictions = predictions.map(i32::from);
        } else {
            self.position.empty = u32::from(predictions[0] as u16);
        }
        Ok(())
    }

    /// Goes to an MCU where each block has one bit.
    fn seek_bit(&mut self, mcu: usize) -> Result<(), Refusal> {
        let (interval, before) = (mcu / self.scan.interval, mcu % self.scan.interval);
        let start = interval.checked_sub(1).map_or(0, |before| self.scan.coded.ends[before]);
        let position = 8 * start + before * self.scan.units().len;
        self.seek(mcu, Point { position: position as u64, predictions: [0; 3] })
    }

    fn point(&self) -> Point {
        let predictions = if self.scan.header.band.first == 0 {
            self.position.predictions.map(|prediction| prediction as i16)
        } else {
            [self.position.empty as i16, 0, 0]
        };
        Point { position: self.position.bits.position() as u64, predictions }
    }

    /// Reads some MCUs of a row.
    fn row(&mut self, blocks: &mut [Blocks; 3], row: usize, columns: Range<usize>) -> Result<(), Refusal> {
        let mut start = columns.start;
        while start < columns.end {
            self.begin_interval()?;
            let end = columns.end.min(start + self.left);
            read_mcus(self.level, self.scan, &mut self.position, blocks, row, start..end)?;
            self.left -= end - start;
            start = end;
        }
        Ok(())
    }

    /// Goes to the next interval if it begins with the next MCU.
    fn begin_interval(&mut self) -> Result<(), Refusal> {
        if self.left > 0 {
            return Ok(());
        }
        self.end_interval()?;
        let end = self.scan.coded.ends[self.interval];
        // Before a restart only the bits that fill the last byte may be left.
        if self.position.bits.position().div_ceil(8) != end || self.interval + 1 == self.scan.coded.ends.len()
        {
            return Err(Refusal::Damaged);
        }
        self.interval += 1;
        self.position = Position::new(&self.scan.coded.bytes, 8 * end);
        self.left = self.scan.interval_len(self.interval);
        Ok(())
    }

    fn finish(&self) -> Result<(), Refusal> {
        self.end_interval()?;
        self.check()
    }

    /// A run ends with its interval.
    fn end_interval(&self) -> Result<(), Refusal> {
        if self.position.empty == 0 { Ok(()) } else { Err(Refusal::Damaged) }
    }

    /// Whether all bits that were read are the interval's.
    fn check(&self) -> Result<(), Refusal> {
        let is_within = self.position.bits.position() <= 8 * self.scan.coded.ends[self.interval];
        if is_within { Ok(()) } else { Err(Refusal::Damaged) }
    }
}
