//! Blocks out of bits: differences of DC coefficients, and AC coefficients stored or skipped.
//!
//! The loops are the time of a decoder. They look up at most four entries before the buffer must be filled again, and
//! leave the straight path only where a block ends or a code is long. Positions beyond a block go to a place behind it,
//! so that entries without a second value need no branch.

use crate::{
    bits::Bits,
    frame::NATURAL,
    huffman::{
        ac::{self, AcEntry, AcTable, END},
        dc::DcTable,
        extend,
        skip::{self, SkipTable},
    },
};

/// Coefficients of a block.
const LEN: usize = 64;

/// A block's coefficients in natural order, and behind them a place for values that are none.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub(crate) struct Block([i16; 2 * LEN]);

/// Where the value of a zigzag position goes: behind the block if it is beyond it.
const PLACES: [u8; 256] = {
    let mut places = [LEN as u8; 256];
    let mut at = 0;
    while at < LEN {
        places[at] = NATURAL[at];
        at += 1;
    }
    places
};

/// Looks between two refills: as many as fit 56 bits.
const LOOKS: usize = 4;
const _: () = assert!(LOOKS as u32 * ac::BITS <= 56 && LOOKS as u32 * skip::BITS <= 56);

/// Damage was met: bits that are no code, or coefficients behind the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Damaged;

impl Block {
    pub(crate) const fn new() -> Self {
        Self([0; 2 * LEN])
    }

    /// The coefficients.
    #[inline(always)]
    pub(crate) fn coefficients(&self) -> &[i16; LEN] {
        &self.0.as_chunks().0[0]
    }

    /// A block with a DC coefficient alone.
    #[inline(always)]
    pub(crate) fn reset(&mut self, dc: i16) {
        self.0.as_chunks_mut::<LEN>().0[0] = [0; LEN];
        self.0[0] = dc;
    }

    /// Stores the value of a zigzag position.
    #[inline(always)]
    fn set(&mut self, position: usize, value: i16) {
        self.0[usize::from(PLACES[position & 0xFF] & 0x7F)] = value;
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

/// Stores the AC coefficients of a block (T.81, F.2.2.2); gives the position behind the last.
#[inline(always)]
pub(crate) fn ac_coefficients(
    bits: &mut Bits<'_>,
    table: &AcTable,
    block: &mut Block,
) -> Result<usize, Damaged> {
    let mut position = 1;
    'refilled: loop {
        bits.refill();
        for _ in 0..LOOKS {
            let entry = table.find(bits.peek());
            let next = position + entry.advance();
            // In this order, since an entry of one symbol has a zero for the second.
            block.set(next - 1, entry.last_value());
            block.set(position - 1 + entry.first_advance(), entry.first_value());
            if next >= LEN {
                if let Some(end) = leave(bits, table, block, entry, &mut position)? {
                    return Ok(end);
                }
                continue 'refilled;
            }
            bits.consume(entry.bits());
            position = next;
        }
    }
}

/// Finishes an entry with which a block may end: gives the position behind its last coefficient if it does.
#[inline(always)]
fn leave(
    bits: &mut Bits<'_>,
    table: &AcTable,
    block: &mut Block,
    entry: AcEntry,
    position: &mut usize,
) -> Result<Option<usize>, Damaged> {
    if entry.is_slow() {
        return slow(bits, table, block, entry, position);
    }
    let first = *position + entry.first_advance();
    if (LEN..END).contains(&first) {
        // The second symbol belongs to another table.
        bits.consume(entry.first_bits());
        return if first == LEN { Ok(Some(LEN)) } else { Err(Damaged) };
    }
    bits.consume(entry.bits());
    match *position + entry.advance() {
        next @ END.. => Ok(Some(next - END)),
        LEN => Ok(Some(LEN)),
        _ => Err(Damaged),
    }
}

/// One symbol whose code and value are longer than the table reads.
#[inline(never)]
fn slow(
    bits: &mut Bits<'_>,
    table: &AcTable,
    block: &mut Block,
    entry: AcEntry,
    position: &mut usize,
) -> Result<Option<usize>, Damaged> {
    bits.refill();
    let (len, symbol) = match entry.first_bits() {
        0 => table.find_long(bits.peek()).ok_or(Damaged)?,
        len => (len, entry.symbol()),
    };
    let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
    let value = (bits.peek() << len >> 1 >> (63 - size)) as i32;
    bits.consume(len + size);
    match (run, size) {
        (15, 0) => *position += 16,
        (_, 0) => return Ok(Some(*position)),
        _ => {
            *position += run + 1;
            block.set(*position - 1, extend(value, size) as i16);
        }
    }
    match *position {
        ..LEN => Ok(None),
        LEN => Ok(Some(LEN)),
        _ => Err(Damaged),
    }
}

/// Passes over the AC coefficients of a block from `position` on.
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
            let entry = skip.find(bits.peek());
            let next = position + entry.advance();
            if next >= LEN {
                if next == LEN || (END..END + LEN).contains(&next) {
                    bits.consume(entry.bits());
                    return Ok(());
                }
                // Some of the symbols belong to the next block, or none fits.
                if skip_one(bits, table, &mut position)? {
                    return Ok(());
                }
                continue 'refilled;
            }
            bits.consume(entry.bits());
            position = next;
        }
    }
}

/// Passes over one symbol of any length; says whether the block ends with it.
#[inline(never)]
fn skip_one(bits: &mut Bits<'_>, table: &AcTable, position: &mut usize) -> Result<bool, Damaged> {
    bits.refill();
    let entry = table.find(bits.peek());
    let next = if entry.is_slow() {
        let (len, symbol) = match entry.first_bits() {
            0 => table.find_long(bits.peek()).ok_or(Damaged)?,
            len => (len, entry.symbol()),
        };
        let (run, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
        bits.consume(len + size);
        *position
            + if size > 0 {
                run + 1
            } else if run == 15 {
                16
            } else {
                END
            }
    } else {
        bits.consume(entry.first_bits());
        *position + entry.first_advance()
    };
    *position = next;
    match next {
        ..LEN => Ok(false),
        LEN | END.. => Ok(true),
        _ => Err(Damaged),
    }
}
