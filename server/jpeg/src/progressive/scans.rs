//! The four kinds of progressive scans (T.81, G.1.2, G.2): the first bits or one more bit of the DC or of AC coefficients.
//!
//! A bit of each coefficient says whether it is zero, so that a refinement finds the place of a new one, and the number of
//! correction bits before it, without looking at the coefficients.

use super::{
    blocks::{Blocks, Place},
    script::{Band, ScanHeader},
};
use crate::{
    bits::Bits,
    coded::Coded,
    entropy::Damaged,
    huffman::{extend, symbols::SymbolTable},
    level::SimdLevel,
    per_level::per_level,
    refusal::Refusal,
    scan::MAX_BLOCKS,
};

/// Correction bits that are there after a refill.
const MOST_CORRECTIONS: u32 = 56;

/// A scan that is to be read.
pub(super) struct ProgressiveScan<'a> {
    pub(super) header: ScanHeader,
    pub(super) coded: &'a Coded,
    /// For each component of the scan; all the same where there is no code.
    pub(super) tables: [&'a SymbolTable; 3],
    /// Blocks of each component in an MCU of the frame, across and down.
    pub(super) factors: [(usize, usize); 3],
    /// MCUs of the scan in a row, and between restart markers.
    pub(super) row_len: usize,
    pub(super) interval: usize,
    pub(super) mcus: usize,
}

impl ProgressiveScan<'_> {
    pub(super) fn read(&self, level: SimdLevel, blocks: &mut [Blocks; 3]) -> Result<(), Refusal> {
        let read = if self.header.band.first == 0 { dc } else { ac };
        for (number, &end) in self.coded.ends.iter().enumerate() {
            let start = number.checked_sub(1).map_or(0, |before| self.coded.ends[before]);
            let mcus = number * self.interval..((number + 1) * self.interval).min(self.mcus);
            let position = read(level, self, 8 * start, blocks, mcus.start, mcus.end)
                .map_err(|Damaged| Refusal::Damaged)?;
            let is_last = number + 1 == self.coded.ends.len();
            let used = position.div_ceil(8);
            // Before a restart only the bits that fill the last byte may be left.
            if used > end || (!is_last && used != end) {
                return Err(Refusal::Damaged);
            }
        }
        Ok(())
    }

    /// The place of MCU `number` of the scan.
    #[inline(always)]
    fn cursor(&self, number: usize) -> Cursor {
        Cursor { column: number % self.row_len, row: number / self.row_len, row_len: self.row_len }
    }

    /// The blocks of an MCU of the scan, in order.
    fn units(&self) -> Units {
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

/// A place in a scan.
#[derive(Clone, Copy)]
struct Cursor {
    column: usize,
    row: usize,
    row_len: usize,
}

impl Cursor {
    #[inline(always)]
    fn advance(&mut self) {
        self.column += 1;
        if self.column == self.row_len {
            (self.column, self.row) = (0, self.row + 1);
        }
    }
}

/// A block of an MCU.
#[derive(Clone, Copy, Default)]
struct Unit {
    /// Of the component, in the scan and in the frame.
    number: usize,
    component: usize,
    /// Blocks of the component in an MCU, and the place of this one among them.
    factors: (usize, usize),
    offsets: (usize, usize),
}

impl Unit {
    #[inline(always)]
    fn place<'a>(&self, blocks: &'a mut [Blocks; 3], cursor: Cursor) -> Place<'a> {
        let column = cursor.column * self.factors.0 + self.offsets.0;
        blocks[self.component].place(column, cursor.row * self.factors.1 + self.offsets.1)
    }
}

/// The blocks of an MCU.
#[derive(Default)]
struct Units {
    list: [Unit; MAX_BLOCKS],
    len: usize,
}

// The loops have no closures: those would be compiled without the instructions of the level.

per_level! {
    /// The first bits of DC coefficients, which are differences as in other files, or one more (T.81, G.1.2.1).
    fn dc(
        scan: &ProgressiveScan<'_>,
        position: usize,
        blocks: &mut [Blocks; 3],
        from: usize,
        to: usize,
    ) -> Result<usize, Damaged> {
        let (mut own, mut predictions) = (Bits::new(&scan.coded.bytes, position), [0_i32; 3]);
        let Band { low, is_refinement, .. } = scan.header.band;
        let (mut cursor, units) = (scan.cursor(from), scan.units());
        for _ in from..to {
            if !own.advance(&scan.coded.bytes) {
                return Err(Damaged);
            }
            for unit in &units.list[..units.len] {
                own.refill();
                if is_refinement {
                    unit.place(blocks, cursor).values[0] |= (take(&mut own, 1) << low) as i16;
                    continue;
                }
                let (len, size) = scan.tables[unit.number].find(own.peek()).ok_or(Damaged)?;
                own.consume(len);
                let size = u32::from(size & 15);
                let prediction = &mut predictions[unit.number];
                *prediction += extend(take(&mut own, size), size);
                // No coefficient of an ordinary file is longer, and none wraps.
                let value = i64::from(*prediction) << low;
                unit.place(blocks, cursor).values[0] = i16::try_from(value).map_err(|_| Damaged)?;
            }
            cursor.advance();
        }
        Ok(own.position())
    }
}

per_level! {
    /// The first bits of AC coefficients of one component, or one more.
    fn ac(
        scan: &ProgressiveScan<'_>,
        position: usize,
        blocks: &mut [Blocks; 3],
        from: usize,
        to: usize,
    ) -> Result<usize, Damaged> {
        let (mut own, mut empty, mut cursor) = (Bits::new(&scan.coded.bytes, position), 0, scan.cursor(from));
        let (table, band, blocks) = (scan.tables[0], scan.header.band, &mut blocks[scan.header.components[0].0]);
        for _ in from..to {
            let place = blocks.place(cursor.column, cursor.row);
            if !own.advance(&scan.coded.bytes) {
                return Err(Damaged);
            }
            if band.is_refinement {
                refine_block(&mut own, table, band, place, &mut empty)?;
            } else if empty > 0 {
                empty -= 1;
            } else {
                first_of_block(&mut own, table, band, place, &mut empty)?;
            }
            cursor.advance();
        }
        // A run ends with its interval.
        if empty == 0 { Ok(own.position()) } else { Err(Damaged) }
    }
}

/// The first bits of the coefficients of a band (T.81, G.1.2.2). `empty` becomes the number of blocks behind this one that
/// have none.
#[inline(always)]
fn first_of_block(
    bits: &mut Bits<'_>,
    table: &SymbolTable,
    band: Band,
    place: Place<'_>,
    empty: &mut u32,
) -> Result<(), Damaged> {
    let mut at = band.first;
    while at <= band.last {
        bits.refill();
        let (len, symbol) = table.find(bits.peek()).ok_or(Damaged)?;
        bits.consume(len);
        let (zeros, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
        match (zeros, size) {
            (15, 0) => at += 16,
            (_, 0) => {
                *empty = (1 << zeros) + take(bits, zeros) as u32 - 1;
                return Ok(());
            }
            _ => {
                at += zeros as usize;
                if at > band.last {
                    return Err(Damaged);
                }
                let value = extend(take(bits, size), size) << band.low;
                place.values[at & 63] = i16::try_from(value).map_err(|_| Damaged)?;
                *place.nonzero |= 1 << at;
                at += 1;
            }
        }
    }
    if at == band.last + 1 { Ok(()) } else { Err(Damaged) }
}

/// One more bit of the coefficients of a band (T.81, G.1.2.3): new ones of one bit, and corrections of those that are not
/// zero. `empty` is the number of blocks from this one on that have no new ones.
#[inline(always)]
fn refine_block(
    bits: &mut Bits<'_>,
    table: &SymbolTable,
    band: Band,
    mut place: Place<'_>,
    empty: &mut u32,
) -> Result<(), Damaged> {
    // The positions that were not passed yet.
    let mut rest = (u64::MAX >> (63 - band.last)) & (u64::MAX << band.first);
    if *empty == 0 {
        while rest != 0 {
            bits.refill();
            let (len, symbol) = table.find(bits.peek()).ok_or(Damaged)?;
            bits.consume(len);
            let (zeros, size) = (u32::from(symbol >> 4), symbol & 15);
            let value = match size {
                0 if zeros < 15 => {
                    *empty = (1 << zeros) + take(bits, zeros) as u32;
                    break;
                }
                0 => 0,
                1 => (2 * take(bits, 1) as i16 - 1) << band.low,
                _ => return Err(Damaged),
            };
            // The zero that as many others are before.
            let mut free = rest & !*place.nonzero;
            for _ in 0..zeros {
                free &= free.wrapping_sub(1);
            }
            if free == 0 {
                return Err(Damaged);
            }
            let at = free.trailing_zeros();
            let before = (1_u64 << at) - 1;
            correct(bits, band.low, &mut place, rest & before);
            rest &= !(before | (1 << at));
            if value != 0 {
                place.values[at as usize & 63] = value;
                *place.nonzero |= 1 << at;
            }
        }
    }
    if *empty > 0 {
        *empty -= 1;
        correct(bits, band.low, &mut place, rest);
    }
    Ok(())
}

/// Reads a correction bit for each coefficient at some positions that is not zero: one more in its amount, or not.
#[inline(always)]
fn correct(bits: &mut Bits<'_>, low: u32, place: &mut Place<'_>, positions: u64) {
    let mut nonzero = positions & *place.nonzero;
    while nonzero != 0 {
        bits.refill();
        let count = nonzero.count_ones().min(MOST_CORRECTIONS);
        let mut corrections = bits.peek();
        bits.consume(count);
        if !place.is_kept && count < MOST_CORRECTIONS {
            return;
        }
        for _ in 0..count {
            let value = &mut place.values[nonzero.trailing_zeros() as usize & 63];
            let sign = (*value >> 15) | 1;
            *value = value.wrapping_add((sign * (corrections >> 63) as i16) << low);
            corrections <<= 1;
            nonzero &= nonzero - 1;
        }
    }
}

/// The next bits, at most 15, of those that are there.
#[inline(always)]
fn take(bits: &mut Bits<'_>, count: u32) -> i32 {
    let value = (bits.peek() >> 1 >> (63 - count)) as i32;
    bits.consume(count);
    value
}
