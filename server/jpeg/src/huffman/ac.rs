//! AC coefficients: up to two symbols with their values in one look.
//!
//! An entry says by how much the position in the block advances, and how long codes and values are. The bits of the last
//! value may reach beyond those that are looked up: only its code must be among them. The first of two values is in the
//! entry, so that a look computes one. Entries have 32 bits, since it is the misses of the nearest cache that looks wait for.

use super::{Code, HuffmanSpec, canonical::Canonical, extend};

/// Bits that are looked up: with 12 or 13 fewer symbols take a second look, and the tables leave the nearest cache.
pub(crate) const BITS: u32 = 11;

/// Most bits of an entry, codes and values: three looks fit what a refill leaves.
pub(crate) const MOST_BITS: u32 = 18;

/// Most bits of the first of two values, for which an entry has a byte.
const MOST_FIRST: u32 = 7;

/// Most bits of a value in an entry; no image of 8 bits has more.
const MOST_SIZE: u32 = 11;

/// Added to the advance where the block ends.
pub(crate) const END: usize = 128;

/// An advance that leaves the block, of entries without a value.
const SLOW: u32 = 96;

/// The table of a component's AC coefficients.
#[derive(Clone, Debug)]
pub(crate) struct AcTable {
    entries: [u32; 1 << BITS],
    heads: [Head; 1 << BITS],
    long: Canonical,
}

/// The meaning of the next bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AcEntry(u32);

/// The first symbol of an entry, for the few looks that need no more of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Head {
    /// Bits of the code; 0 where it is longer than the table reads.
    code: u8,
    symbol: u8,
}

/// One symbol.
#[derive(Clone, Copy, Debug, Default)]
struct Single {
    /// Bits of the code; 0 where it is longer than the table reads.
    code: u32,
    /// Bits of the value; [`MOST_BITS`] for a code that no entry may hold with its value.
    size: u32,
    symbol: u8,
    /// Positions that it advances, or [`END`].
    advance: u32,
    /// The value, if all of its bits are among those that are looked up.
    value: i16,
}

impl Single {
    /// Bits of code and value.
    fn total(self) -> u32 {
        self.code + self.size
    }
}

impl AcEntry {
    // Bits of codes and values 0..6, advance 8..16, advance of the second symbol 16..20, bits of the last value 20..24, the
    // first of two values 24..32. A slow entry has an advance alone.
    fn one(single: Single) -> Self {
        Self::parts(single.total(), single.advance, 0, single.size, 0)
    }

    /// The last value is the first's where the second symbol ends the block.
    fn two(first: Single, second: Single) -> Self {
        let (total, advance) = (first.total() + second.total(), first.advance + second.advance);
        let back = if second.advance == END as u32 { 0 } else { second.advance };
        Self::parts(total, advance, back, second.size, first.value)
    }

    fn parts(total: u32, advance: u32, back: u32, size: u32, first: i16) -> Self {
        Self(total | (advance << 8) | (back << 16) | (size << 20) | (u32::from(first as u8) << 24))
    }

    const SLOW: Self = Self(SLOW << 8);

    /// Bits of all symbols; 0 for a slow entry. The low six bits of the result count.
    #[inline(always)]
    pub(crate) fn bits(self) -> u32 {
        self.0
    }

    #[inline(always)]
    pub(crate) fn is_slow(self) -> bool {
        self.0.is_multiple_of(64)
    }

    /// Positions that all symbols advance, with [`END`] where the block ends.
    #[inline(always)]
    pub(crate) fn advance(self) -> usize {
        ((self.0 >> 8) & 0xFF) as usize
    }

    /// Positions that the second of two symbols advances; 0 if it ends the block, or there is none.
    #[inline(always)]
    pub(crate) fn second_advance(self) -> usize {
        ((self.0 >> 16) & 15) as usize
    }

    /// The first of two values; 0 if there is only one.
    #[inline(always)]
    pub(crate) fn first_value(self) -> i16 {
        (self.0 as i32 >> 24) as i16
    }

    /// The value of the last symbol, whose bits are in the buffer that begins with this entry (T.81, F.2.2.1, EXTEND).
    #[inline(always)]
    pub(crate) fn last_value(self, buffer: u64) -> i16 {
        let most = (1_i32 << ((self.0 >> 20) & 15)) - 1;
        let bits = (buffer >> (self.0.wrapping_neg() & 63)) as i32 & most;
        // A value that begins with a zero is the negative of its complement.
        let negative = bits - most;
        (if bits + negative < 0 { negative } else { bits }) as i16
    }
}

impl AcTable {
    pub(crate) fn new(spec: &HuffmanSpec) -> Self {
        Self::of(spec, &singles(spec))
    }

    /// The table of a first scan of a progressive file, whose values are shifted by `low` bits. The ends of runs of empty
    /// blocks, and values that may not fit a coefficient, are slow.
    pub(crate) fn of_band(spec: &HuffmanSpec, low: u32) -> Self {
        let mut singles = singles(spec);
        for single in singles.iter_mut().filter(|single| single.code > 0) {
            let (run, size) = (single.symbol >> 4, single.size);
            if size + low > 15 || (size == 0 && (1..15).contains(&run)) {
                single.size = MOST_BITS;
            }
        }
        Self::of(spec, &singles)
    }

    fn of(spec: &HuffmanSpec, singles: &[Single; 1 << BITS]) -> Self {
        let (mut entries, mut heads) = ([0; 1 << BITS], [Head::default(); 1 << BITS]);
        for (at, (entry, head)) in entries.iter_mut().zip(&mut heads).enumerate() {
            let first = singles[at];
            *head = Head { code: first.code as u8, symbol: first.symbol };
            *entry = if first.code == 0 || first.total() > MOST_BITS || first.size > MOST_SIZE {
                AcEntry::SLOW
            } else {
                second(singles, at).map_or(AcEntry::one(first), |second| AcEntry::two(first, second))
            }
            .0;
        }
        Self { entries, heads, long: Canonical::new(spec, BITS) }
    }

    /// The symbols with which a buffer begins, its highest bit first.
    #[inline(always)]
    pub(crate) fn find(&self, buffer: u64) -> AcEntry {
        AcEntry(self.entries[(buffer >> (64 - BITS)) as usize])
    }

    /// Length and symbol of the code with which a buffer begins.
    #[inline(always)]
    pub(crate) fn find_one(&self, buffer: u64) -> Option<(u32, u8)> {
        match self.heads[(buffer >> (64 - BITS)) as usize] {
            Head { code: 0, .. } => self.long.find((buffer >> 48) as u32),
            Head { code, symbol } => Some((code.into(), symbol)),
        }
    }
}

/// The symbol behind the first of a group of bits, if its code is among them and an entry has room for its value.
fn second(singles: &[Single; 1 << BITS], at: usize) -> Option<Single> {
    let first = singles[at];
    let free = BITS.checked_sub(first.total())?;
    let second = singles[(at << first.total()) & ((1 << BITS) - 1)];
    let is_there = second.code > 0 && second.code <= free && first.advance != END as u32;
    let is_short =
        first.total() + second.total() <= MOST_BITS && (second.advance < 16 || second.advance == END as u32);
    (is_there && is_short && first.size <= MOST_FIRST && second.size <= MOST_SIZE).then_some(second)
}

/// The first symbol of each group of bits.
#[allow(clippy::large_stack_arrays, reason = "40 KiB; steady work allocates nothing")]
fn singles(spec: &HuffmanSpec) -> [Single; 1 << BITS] {
    let mut singles = [Single::default(); 1 << BITS];
    for code in spec.codes().take_while(|code| code.len <= BITS) {
        let free = BITS - code.len;
        let first = (code.bits << free) as usize;
        for (tail, single) in singles[first..first + (1 << free)].iter_mut().enumerate() {
            *single = single_of(code, tail as u32, free);
        }
    }
    singles
}

/// A code that `free` bits follow, which are `tail`.
fn single_of(code: Code, tail: u32, free: u32) -> Single {
    let (run, size) = code.run_and_size();
    let advance = match (run, size) {
        (15, 0) => 16,
        (_, 0) => END as u32,
        _ => run + 1,
    };
    let value = free.checked_sub(size).map_or(0, |behind| extend((tail >> behind) as i32, size) as i16);
    Single { code: code.len, size, symbol: code.symbol, advance, value }
}
