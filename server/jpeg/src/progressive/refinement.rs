//! One more bit of AC coefficients (T.81, G.1.2.3): new ones of one bit, and corrections of those that are not zero.
//!
//! A bit of each coefficient says whether it is zero, so the place of a new one, and the number of correction bits before
//! it, are found without looking at the coefficients. The corrections of a block are gathered while its symbols are read,
//! and made once it is complete: the loop over symbols has no loop in it.

use super::script::Band;
use crate::{bits::Bits, huffman::symbols::SymbolTable, refusal::Damaged};

/// Correction bits that are there after a refill and a symbol, at least.
const MOST_AT_ONCE: u32 = 39;

/// Reads blocks side by side, of which all or none have values, from `data`. `empty` is the number of blocks that have no new
/// coefficients: from the first of these on, and afterwards behind the last.
#[inline(always)]
pub(super) fn refine_blocks<'a>(
    bits: &mut Bits<'a>,
    data: &'a [u8],
    table: &SymbolTable,
    band: Band,
    nonzero: &mut [u64],
    values: &mut [[i16; 64]],
    empty: &mut u32,
) -> Result<(), Damaged> {
    for (at, nonzero) in nonzero.iter_mut().enumerate() {
        bits.advance(data)?;
        refine_block(bits, table, band, nonzero, values.get_mut(at), empty)?;
    }
    Ok(())
}

/// Corrections of a block, the last in the lowest bit, and their number.
#[derive(Clone, Copy)]
struct Corrections {
    made: u64,
    count: u32,
}

impl Corrections {
    /// Takes some of the bits that are left of a buffer, at most [`MOST_AT_ONCE`].
    #[inline(always)]
    fn take(&mut self, buffer: u64, count: u32) {
        self.made = (self.made << count) | (buffer >> 1 >> (63 - count));
        self.count += count;
    }

    /// Reads any number.
    #[inline(always)]
    fn read(&mut self, bits: &mut Bits<'_>, mut count: u32) {
        while count > 0 {
            bits.refill();
            let some = count.min(MOST_AT_ONCE);
            self.take(bits.peek(), some);
            bits.consume(some);
            count -= some;
        }
    }

    /// Adds one to the amount of each coefficient at some positions for which a bit is set.
    #[inline(always)]
    fn make(self, low: u32, mut positions: u64, values: &mut [i16; 64]) {
        let mut made = self.made << ((64 - self.count) & 63);
        while positions != 0 {
            let value = &mut values[positions.trailing_zeros() as usize & 63];
            let sign = (*value >> 15) | 1;
            *value = value.wrapping_add((sign * (made >> 63) as i16) << low);
            made <<= 1;
            positions &= positions - 1;
        }
    }
}

/// A mask without its lowest bits.
#[inline(always)]
fn without_lowest(mut mask: u64, count: u32) -> u64 {
    // Most counts are small: these need no branch.
    let one = mask & mask.wrapping_sub(1);
    mask = if count & 1 == 0 { mask } else { one };
    let two = mask & mask.wrapping_sub(1);
    let two = two & two.wrapping_sub(1);
    mask = if count & 2 == 0 { mask } else { two };
    for _ in 0..count >> 2 {
        for _ in 0..4 {
            mask &= mask.wrapping_sub(1);
        }
    }
    mask
}

/// One more bit of the coefficients of a band. `empty` is the number of blocks from this one on that have no new ones.
#[inline(always)]
fn refine_block(
    bits: &mut Bits<'_>,
    table: &SymbolTable,
    band: Band,
    nonzero: &mut u64,
    mut values: Option<&mut [i16; 64]>,
    empty: &mut u32,
) -> Result<(), Damaged> {
    // The positions that were not passed yet: those of zeros, and the others.
    let all = (u64::MAX >> (63 - band.last)) & (u64::MAX << band.first);
    let known = *nonzero & all;
    let (mut zeros, mut others, mut new) = (all & !known, known, 0);
    let mut corrections = Corrections { made: 0, count: 0 };
    if *empty == 0 {
        while zeros | others != 0 {
            bits.refill();
            let symbol = table.find(bits.peek());
            let (more, behind) = (bits.peek() << symbol.code(), symbol.total());
            if !symbol.is_usual() {
                *empty = (1 << symbol.zeros()) + (more >> 1 >> (63 - symbol.zeros())) as u32;
                bits.consume(behind);
                if symbol.is_end() {
                    break;
                }
                return Err(Damaged);
            }
            // From the zero on that as many others are before.
            zeros = without_lowest(zeros, symbol.zeros());
            if zeros == 0 {
                return Err(Damaged);
            }
            let up_to_it = zeros ^ (zeros - 1);
            let count = (others & up_to_it).count_ones();
            if count <= MOST_AT_ONCE {
                corrections.take(bits.peek() << behind, count);
                bits.consume(behind + count);
            } else {
                bits.consume(behind);
                corrections.read(bits, count);
            }
            others &= !up_to_it;
            if behind > symbol.code() {
                new |= zeros & zeros.wrapping_neg();
                if let Some(values) = &mut values {
                    let value = (((more >> 62) & 2) as i16 - 1) << band.low;
                    values[zeros.trailing_zeros() as usize & 63] = value;
                }
            }
            zeros &= zeros - 1;
        }
    }
    if *empty > 0 {
        *empty -= 1;
        corrections.read(bits, others.count_ones());
    }
    *nonzero |= new;
    if let Some(values) = values {
        corrections.make(band.low, known, values);
    }
    Ok(())
}
