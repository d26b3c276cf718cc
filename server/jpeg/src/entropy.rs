//! Blocks out of bits: differences of DC coefficients, and AC coefficients stored or skipped.
//!
//! The loops are the time of a decoder. They look up at most three entries before the buffer must be filled again, and
//! leave the straight path only where a block ends or a code is long. Positions beyond a block go to a place behind it,
//! so that entries without a second value need no branch.

use crate::{
    bits::Bits,
    huffman::{
        ac::{self, AcEntry, AcTable, END},
        dc::DcTable,
        extend,
        skip::{SkipEntry, SkipTable},
    },
    refusal::Damaged,
};

/// Coefficients of a block.
const LEN: usize = 64;

/// The position of the last coefficient.
const LAST: usize = LEN - 1;

/// Positions of a block, and as many as the most that an entry could advance.
const ROOM: usize = LEN + 256;

/// A block's coefficients in zigzag order, and behind them room for values that are none: whatever an entry advances from a
/// position in the block, it stays inside. The compiler sees that, and drops the checks.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Block([i16; ROOM]);

/// Looks between two refills: as many as fit 56 bits.
const LOOKS: usize = 3;
const _: () = assert!(LOOKS as u32 * ac::MOST_BITS <= 56);

impl Block {
    pub(crate) const fn new() -> Self {
        Self([0; ROOM])
    }

    /// The coefficients in zigzag order.
    #[inline(always)]
    pub(crate) fn coefficients(&self) -> &[i16; LEN] {
        &self.0.as_chunks().0[0]
    }

    /// The same, to be written.
    #[inline(always)]
    pub(crate) fn coefficients_mut(&mut self) -> &mut [i16; LEN] {
        &mut self.0.as_chunks_mut().0[0]
    }

    /// A block with a DC coefficient alone.
    #[inline(always)]
    pub(crate) fn reset(&mut self, dc: i16) {
        self.0.as_chunks_mut::<LEN>().0[0] = [0; LEN];
        self.0[0] = dc;
    }

    /// Takes all coefficients, in zigzag order.
    pub(crate) fn set(&mut self, coefficients: &[i16; LEN]) {
        self.0.as_chunks_mut::<LEN>().0[0] = *coefficients;
    }

    /// Stores the value at a zigzag position, or one that is none behind the block.
    #[inline(always)]
    fn store(&mut self, position: usize, value: i16) {
        self.0[position] = value;
    }
}

/// The next DC coefficient, less the one before (T.81, F.2.2.1).
#[inline(always)]
pub(crate) fn dc_difference(bits: &mut Bits<'_>, table: &DcTable) -> Result<i32, Damaged> {
    bits.refill();
    let entry = table.find(bits.peek()).ok_or(Damaged)?;
    let value = (bits.peek() << entry.code() >> 1 >> (63 - entry.size())) as i32;
    bits.consume(entry.total());
    Ok(extend(value, entry.size()))
}

/// One look: stores the values of an entry and passes over it, or gives an entry with which the block may end.
#[inline(always)]
fn look(bits: &mut Bits<'_>, table: &AcTable, block: &mut Block, position: &mut usize) -> Option<AcEntry> {
    let entry = table.find(bits.peek());
    let next = *position + entry.advance();
    // In this order, since an entry of one symbol has a zero for the first of two.
    block.store(next - entry.second_advance(), entry.first_value());
    block.store(next, entry.last_value(bits.peek()));
    if next >= LAST {
        return Some(entry);
    }
    bits.consume(entry.bits());
    *position = next;
    None
}

/// Stores the AC coefficients of a block behind a position (T.81, F.2.2.2); gives the position of the last.
#[inline(always)]
pub(crate) fn ac_coefficients(
    bits: &mut Bits<'_>,
    table: &AcTable,
    block: &mut Block,
    mut position: usize,
) -> Result<usize, Damaged> {
    'refilled: loop {
        bits.refill();
        for _ in 0..LOOKS {
            if let Some(entry) = look(bits, table, block, &mut position) {
                if leave(bits, table, block, entry, &mut position)? {
                    return Ok(position);
                }
                continue 'refilled;
            }
        }
    }
}

/// Stores the AC coefficients of two blocks from two streams, a look at each in turns: neither waits for the other.
#[inline(always)]
pub(crate) fn ac_coefficients_of_two(
    [one, two]: [&mut Bits<'_>; 2],
    table: &AcTable,
    [block_one, block_two]: [&mut Block; 2],
) -> Result<[usize; 2], Damaged> {
    let (mut at_one, mut at_two) = (0, 0);
    'refilled: loop {
        one.refill();
        two.refill();
        for _ in 0..LOOKS {
            if let Some(entry) = look(one, table, block_one, &mut at_one) {
                if leave(one, table, block_one, entry, &mut at_one)? {
                    return Ok([at_one, ac_coefficients(two, table, block_two, at_two)?]);
                }
                continue 'refilled;
            }
            if let Some(entry) = look(two, table, block_two, &mut at_two) {
                if leave(two, table, block_two, entry, &mut at_two)? {
                    return Ok([ac_coefficients(one, table, block_one, at_one)?, at_two]);
                }
                continue 'refilled;
            }
        }
    }
}

/// Finishes an entry with which a block may end; says whether it does.
#[inline(always)]
fn leave(
    bits: &mut Bits<'_>,
    table: &AcTable,
    block: &mut Block,
    entry: AcEntry,
    position: &mut usize,
) -> Result<bool, Damaged> {
    let next = *position + entry.advance();
    let first = next - entry.second_advance();
    let next = if entry.is_slow() || (next >= LEN && first == LAST) || next >= END + LAST {
        // A long symbol; or two, of which the second belongs to another table.
        bits.refill();
        let symbol = symbol(bits.peek(), table);
        bits.consume(symbol.checked_bits()?);
        let next = *position + usize::from(symbol.advance);
        block.store(next, symbol.value);
        next
    } else {
        bits.consume(entry.bits());
        if next >= END {
            // The value before the end; if there is none, behind the block.
            let is_none = entry.first_value() == 0;
            block.store(next - END + LEN * usize::from(is_none), entry.first_value());
        }
        next
    };
    end_at(next, position)
}

/// Whether a block ends with the symbol at `next`, and the position of its last coefficient.
#[inline(always)]
fn end_at(next: usize, position: &mut usize) -> Result<bool, Damaged> {
    *position = if next >= END { next - END } else { next };
    if (LEN..END).contains(&next) { Err(Damaged) } else { Ok(next >= LAST) }
}

/// A symbol of any length.
///
/// It is found without the buffer's address: a buffer whose address is known elsewhere would have to be in memory.
#[derive(Clone, Copy)]
struct Symbol {
    /// Bits of code and value; 0 if there is no such code.
    bits: u32,
    /// Positions that it advances, or [`END`].
    advance: u16,
    value: i16,
}

impl Symbol {
    fn checked_bits(self) -> Result<u32, Damaged> {
        if self.bits > 0 { Ok(self.bits) } else { Err(Damaged) }
    }
}

/// The first symbol of a buffer, which was just filled.
#[inline(always)]
fn symbol(buffer: u64, table: &AcTable) -> Symbol {
    let Some((len, symbol)) = table.find_one(buffer) else {
        return Symbol { bits: 0, advance: 0, value: 0 };
    };
    let (run, size) = (u16::from(symbol >> 4), u32::from(symbol & 15));
    let advance = match (run, size) {
        (15, 0) => 16,
        (_, 0) => END as u16,
        _ => run + 1,
    };
    let value = (buffer << len >> 1 >> (63 - size)) as i32;
    Symbol { bits: len + size, advance, value: extend(value, size) as i16 }
}

/// One look without values: passes over an entry, or gives one with which the block may end.
#[inline(always)]
fn skip_look(bits: &mut Bits<'_>, skip: &SkipTable, position: &mut usize) -> Option<SkipEntry> {
    let entry = skip.find(bits.peek());
    let next = *position + entry.advance();
    if next >= LAST {
        return Some(entry);
    }
    bits.consume(entry.bits());
    *position = next;
    None
}

/// Passes over the AC coefficients of a block behind `position`.
#[inline(always)]
pub(crate) fn skip_coefficients(
    bits: &mut Bits<'_>,
    skip: &SkipTable,
    table: &AcTable,
    mut position: usize,
) -> Result<(), Damaged> {
    'refilled: loop {
        bits.refill();
        for _ in 0..LOOKS {
            if let Some(entry) = skip_look(bits, skip, &mut position) {
                if skip_leave(bits, table, entry, &mut position)? {
                    return Ok(());
                }
                continue 'refilled;
            }
        }
    }
}

/// Passes over the AC coefficients of two blocks from two streams, a look at each in turns.
#[inline(always)]
pub(crate) fn skip_coefficients_of_two(
    [one, two]: [&mut Bits<'_>; 2],
    skip: &SkipTable,
    table: &AcTable,
) -> Result<(), Damaged> {
    let (mut at_one, mut at_two) = (0, 0);
    'refilled: loop {
        one.refill();
        two.refill();
        for _ in 0..LOOKS {
            if let Some(entry) = skip_look(one, skip, &mut at_one) {
                if skip_leave(one, table, entry, &mut at_one)? {
                    return skip_coefficients(two, skip, table, at_two);
                }
                continue 'refilled;
            }
            if let Some(entry) = skip_look(two, skip, &mut at_two) {
                if skip_leave(two, table, entry, &mut at_two)? {
                    return skip_coefficients(one, skip, table, at_one);
                }
                continue 'refilled;
            }
        }
    }
}

/// Finishes an entry with which a block may end, without values; says whether it does.
#[inline(always)]
fn skip_leave(
    bits: &mut Bits<'_>,
    table: &AcTable,
    entry: SkipEntry,
    position: &mut usize,
) -> Result<bool, Damaged> {
    let next = *position + entry.advance();
    if next == LAST || (END..END + LAST).contains(&next) {
        bits.consume(entry.bits());
        return Ok(true);
    }
    // Some of the symbols belong to the next block, or none fits.
    bits.refill();
    let symbol = symbol(bits.peek(), table);
    bits.consume(symbol.checked_bits()?);
    end_at(*position + usize::from(symbol.advance), position)
}
