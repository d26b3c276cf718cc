//! The MCUs of a progressive scan (T.81, G.1.2, G.2): the first bits or one more bit of DC coefficients, or of the AC
//! coefficients of one component.

use std::ops::Range;

use super::{
    blocks::{Blocks, Row},
    codes::Codes,
    first::first_of_blocks,
    position::Position,
    refinement::refine_blocks,
    script::{Band, ScanHeader},
};
use crate::{
    coded::Coded,
    entropy::dc_difference,
    geometry::ScanMcus,
    huffman::{ac::AcTable, dc::DcTable, symbols::SymbolTable},
    level::SimdLevel,
    per_level::per_level,
    refusal::Damaged,
    scan::MAX_BLOCKS,
};

/// A scan that is to be read.
pub(super) struct ProgressiveScan<'a> {
    pub(super) header: ScanHeader,
    pub(super) coded: &'a Coded,
    pub(super) codes: Codes<'a>,
    /// Blocks of each component in an MCU of the frame, across and down.
    pub(super) factors: [(usize, usize); 3],
    pub(super) mcus: ScanMcus,
    /// MCUs of the scan between restart markers.
    pub(super) interval: usize,
}

impl ProgressiveScan<'_> {
    pub(super) fn is_dc_refinement(&self) -> bool {
        matches!(self.codes, Codes::DcRefinement)
    }

    /// MCUs of an interval.
    pub(super) fn interval_len(&self, number: usize) -> usize {
        (self.mcus.row_len * self.mcus.rows - number * self.interval).min(self.interval)
    }

    /// The blocks of an MCU of the scan, in order.
    pub(super) fn units(&self) -> Units {
        let ScanHeader { components, count, .. } = self.header;
        let mut units = Units::default();
        for (number, &(component, ..)) in components[..count].iter().enumerate() {
            let factors @ (across, down) = if count == 1 { (1, 1) } else { self.factors[component] };
            for block in 0..across * down {
                let offsets = (block % across, block / across);
                units.list[units.len] = Unit { number, component, factors, offsets };
                units.len += 1;
            }
        }
        units
    }
}

/// A block of an MCU.
#[derive(Clone, Copy, Default)]
pub(super) struct Unit {
    /// Of the component, in the scan and in the frame.
    number: usize,
    component: usize,
    /// Blocks of the component in an MCU, and the place of this one among them.
    factors: (usize, usize),
    offsets: (usize, usize),
}

impl Unit {
    /// The values of the block in an MCU, if they are kept.
    #[inline(always)]
    fn values<'a>(
        &self,
        blocks: &'a mut [Blocks; 3],
        column: usize,
        row: usize,
    ) -> Option<&'a mut [i16; 64]> {
        let (across, down) = self.factors;
        blocks[self.component].values(column * across + self.offsets.0, row * down + self.offsets.1)
    }
}

/// The blocks of an MCU.
#[derive(Default)]
pub(super) struct Units {
    pub(super) list: [Unit; MAX_BLOCKS],
    pub(super) len: usize,
}

/// Reads some MCUs of a row, all in one interval.
pub(super) fn read_mcus(
    level: SimdLevel,
    scan: &ProgressiveScan<'_>,
    position: &mut Position<'_>,
    blocks: &mut [Blocks; 3],
    row: usize,
    columns: Range<usize>,
) -> Result<(), Damaged> {
    let component = scan.header.components[0].0;
    match scan.codes {
        Codes::Dc(tables) => dc(level, scan, tables, position, blocks, row, columns),
        Codes::DcRefinement => refine_dc(level, scan, position, blocks, row, columns),
        Codes::First(table) => {
            first(level, table, scan.header.band, position, blocks[component].row(row, columns))
        }
        Codes::Refinement(table) => {
            refine(level, table, scan.header.band, position, blocks[component].row(row, columns))
        }
    }
}

// The loops have no closures: those would be compiled without the instructions of the level.

per_level! {
    /// The first bits of DC coefficients, which are differences as in other files (T.81, G.1.2.1).
    fn dc(
        scan: &ProgressiveScan<'_>,
        tables: &[DcTable],
        position: &mut Position<'_>,
        blocks: &mut [Blocks; 3],
        row: usize,
        columns: Range<usize>,
    ) -> Result<(), Damaged> {
        let (data, mut bits, mut predictions) = (position.data, position.bits, position.predictions);
        let (low, units) = (scan.header.band.low, scan.units());
        for column in columns {
            bits.advance(data)?;
            for unit in &units.list[..units.len] {
                let prediction = &mut predictions[unit.number];
                *prediction += dc_difference(&mut bits, &tables[unit.number])?;
                // No coefficient of an ordinary file is longer, and none wraps.
                let Ok(value) = i16::try_from(i64::from(*prediction) << low) else { return Err(Damaged) };
                if let Some(values) = unit.values(blocks, column, row) {
                    values[0] = value;
                }
            }
        }
        (position.bits, position.predictions) = (bits, predictions);
        Ok(())
    }
}

per_level! {
    /// One more bit of DC coefficients (T.81, G.1.2.1).
    fn refine_dc(
        scan: &ProgressiveScan<'_>,
        position: &mut Position<'_>,
        blocks: &mut [Blocks; 3],
        row: usize,
        columns: Range<usize>,
    ) -> Result<(), Damaged> {
        let (data, mut bits) = (position.data, position.bits);
        let (low, units) = (scan.header.band.low, scan.units());
        for column in columns {
            bits.advance(data)?;
            bits.refill();
            for unit in &units.list[..units.len] {
                if let Some(values) = unit.values(blocks, column, row) {
                    values[0] |= ((bits.peek() >> 63) << low) as i16;
                }
                bits.consume(1_u32);
            }
        }
        position.bits = bits;
        Ok(())
    }
}

per_level! {
    /// The first bits of the AC coefficients of blocks.
    fn first(table: &AcTable, band: Band, position: &mut Position<'_>, row: Row<'_>) -> Result<(), Damaged> {
        let (data, mut bits, mut empty) = (position.data, position.bits, position.empty);
        first_of_blocks(&mut bits, data, table, band, row.before, &mut [], &mut empty)?;
        first_of_blocks(&mut bits, data, table, band, row.nonzero, row.values, &mut empty)?;
        first_of_blocks(&mut bits, data, table, band, row.after, &mut [], &mut empty)?;
        (position.bits, position.empty) = (bits, empty);
        Ok(())
    }
}

per_level! {
    /// One more bit of the AC coefficients of blocks.
    fn refine(table: &SymbolTable, band: Band, position: &mut Position<'_>, row: Row<'_>) -> Result<(), Damaged> {
        let (data, mut bits, mut empty) = (position.data, position.bits, position.empty);
        refine_blocks(&mut bits, data, table, band, row.before, &mut [], &mut empty)?;
        refine_blocks(&mut bits, data, table, band, row.nonzero, row.values, &mut empty)?;
        refine_blocks(&mut bits, data, table, band, row.after, &mut [], &mut empty)?;
        (position.bits, position.empty) = (bits, empty);
        Ok(())
    }
}
