//! The first bits of AC coefficients (T.81, G.1.2.2).

use super::script::Band;
use crate::{
    bits::Bits,
    huffman::{
        ac::{self, AcEntry, AcTable, END},
        extend,
    },
    refusal::Damaged,
};

/// Looks between two refills: as many as fit 56 bits.
const LOOKS: usize = 3;
const _: () = assert!(LOOKS as u32 * ac::MOST_BITS <= 56);

/// Reads blocks side by side, of which all or none have values, from `data`. `empty` is the number of blocks that have no
/// coefficients in the band: before the first of these, and afterwards behind the last.
#[inline(always)]
pub(super) fn first_of_blocks<'a>(
    bits: &mut Bits<'a>,
    data: &'a [u8],
    table: &AcTable,
    band: Band,
    nonzero: &mut [u64],
    values: &mut [[i16; 64]],
    empty: &mut u32,
) -> Result<(), Damaged> {
    let mut at = 0;
    loop {
        // A run of empty blocks is passed at once.
        let passed = (nonzero.len() - at).min(*empty as usize);
        *empty -= passed as u32;
        at += passed;
        let Some(nonzero) = nonzero.get_mut(at) else { return Ok(()) };
        bits.advance(data)?;
        let mut block = Block { position: band.first, band, nonzero: 0, values: values.get_mut(at) };
        block.read(bits, table, empty)?;
        *nonzero |= block.nonzero;
        at += 1;
    }
}

/// A block of which a scan tells a band.
struct Block<'a> {
    band: Band,
    /// The next coefficient.
    position: usize,
    /// Those that are not zero.
    nonzero: u64,
    values: Option<&'a mut [i16; 64]>,
}

impl Block<'_> {
    /// Reads the coefficients of the band. `empty` becomes the number of blocks behind this one that have none.
    #[inline(always)]
    fn read(&mut self, bits: &mut Bits<'_>, table: &AcTable, empty: &mut u32) -> Result<(), Damaged> {
        'refilled: loop {
            bits.refill();
            for _ in 0..LOOKS {
                if let Some(entry) = self.look(bits, table) {
                    if self.leave(bits, table, entry, empty)? {
                        return Ok(());
                    }
                    continue 'refilled;
                }
            }
        }
    }

    /// One look: stores the values of an entry and passes over it, or gives an entry with which the block may end.
    #[inline(always)]
    fn look(&mut self, bits: &mut Bits<'_>, table: &AcTable) -> Option<AcEntry> {
        let entry = table.find(bits.peek());
        let next = self.position + entry.advance();
        if next > self.band.last {
            return Some(entry);
        }
        // In this order, since an entry of one symbol has a zero for the first of two.
        self.set_before(next - entry.second_advance(), entry.first_value());
        self.set_before(next, entry.last_value(bits.peek()));
        bits.consume(entry.bits());
        self.position = next;
        None
    }

    /// Stores the value before a position, which may be 0.
    #[inline(always)]
    fn set_before(&mut self, position: usize, value: i16) {
        let at = position.wrapping_sub(1) & 63;
        if let Some(values) = &mut self.values {
            values[at] = value << self.band.low;
        }
        self.nonzero |= u64::from(value != 0) << at;
    }

    /// Finishes an entry with which the block may end; says whether it does.
    #[inline(always)]
    fn leave(
        &mut self,
        bits: &mut Bits<'_>,
        table: &AcTable,
        entry: AcEntry,
        empty: &mut u32,
    ) -> Result<bool, Damaged> {
        let (end, next) = (self.band.last + 1, self.position + entry.advance());
        let ends = next >= END;
        // The position behind the first of two coefficients, or behind that before the end.
        let first = if ends { next - END } else { next - entry.second_advance() };
        let may_be_two = ends || entry.second_advance() > 0;
        if entry.is_slow() || (may_be_two && first >= end) {
            // A long symbol; or two, of which the second belongs to the next block.
            return self.slow(bits, table, empty);
        }
        if entry.first_value() != 0 {
            self.set_before(first, entry.first_value());
        }
        if next == end {
            self.set_before(next, entry.last_value(bits.peek()));
        }
        bits.consume(entry.bits());
        if ends || next == end { Ok(true) } else { Err(Damaged) }
    }

    /// Reads a symbol of any length.
    #[cold]
    fn slow(&mut self, bits: &mut Bits<'_>, table: &AcTable, empty: &mut u32) -> Result<bool, Damaged> {
        bits.refill();
        let (len, symbol) = table.find_one(bits.peek()).ok_or(Damaged)?;
        let (zeros, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
        let more = if size == 0 && zeros < 15 { zeros } else { size };
        let value = (bits.peek() << len >> 1 >> (63 - more)) as i32;
        bits.consume(len + more);
        if size == 0 && zeros < 15 {
            *empty = (1 << zeros) + value as u32 - 1;
            return Ok(true);
        }
        self.position += zeros as usize + 1;
        if self.position > self.band.last + 1 {
            return Err(Damaged);
        }
        if size > 0 {
            // No coefficient of an ordinary file is longer.
            i16::try_from(extend(value, size) << self.band.low).map_err(|_| Damaged)?;
            self.set_before(self.position, extend(value, size) as i16);
        }
        Ok(self.position > self.band.last)
    }
}
