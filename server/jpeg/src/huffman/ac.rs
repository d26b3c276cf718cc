//! AC coefficients: up to two symbols with their values in one look.
//!
//! An entry says by how much the position in the block advances, where the first value belongs, and both values, so that
//! a look needs no arithmetic on bits. Where the first code and its value are longer than the table reads, the entry
//! holds the code alone.

use super::{Code, HuffmanSpec, canonical::Canonical, extend};

/// Bits that are looked up: with 12 or 13 fewer symbols take a second look, and the tables leave the nearest cache.
pub(crate) const BITS: u32 = 11;

/// Added to the advance where the block ends.
pub(crate) const END: usize = 128;

/// An advance that leaves the block, of entries without a value.
const SLOW: u32 = 96;

/// The table of a component's AC coefficients.
#[derive(Clone, Debug)]
pub(crate) struct AcTable {
    entries: [u64; 1 << BITS],
    long: Canonical,
}

/// The meaning of the next bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct AcEntry(u64);

/// One symbol with its value.
#[derive(Clone, Copy, Debug, Default)]
struct Single {
    /// Bits of code and value; 0 where they are more than the table reads.
    total: u32,
    /// Bits of the code; 0 where it is longer than the table reads.
    code: u32,
    symbol: u8,
    /// Positions that it advances, or [`END`].
    advance: u32,
    value: i16,
}

impl AcEntry {
    // length 0..6, advance 8..16, advance of the first symbol 16..24, its length 24..30, values 32..48 and 48..64; a slow
    // entry has the length of its code in 24..30, and its symbol in 48..56.
    fn one(single: Single) -> Self {
        let Single { total, advance, value, .. } = single;
        let (total, advance) = (u64::from(total), u64::from(advance));
        Self(total | (advance << 8) | (advance << 16) | (total << 24) | (u64::from(value as u16) << 32))
    }

    fn two(first: Single, second: Single) -> Self {
        let bits = u64::from(first.total + second.total) | (u64::from(first.advance + second.advance) << 8);
        let of_first = (u64::from(first.advance) << 16) | (u64::from(first.total) << 24);
        let values = (u64::from(first.value as u16) << 32) | (u64::from(second.value as u16) << 48);
        Self(bits | of_first | values)
    }

    fn slow(single: Single) -> Self {
        let symbol = u64::from(single.symbol) << 48;
        Self((u64::from(SLOW) << 8) | (1 << 16) | (u64::from(single.code) << 24) | symbol)
    }

    /// Bits of all symbols; 0 for a slow entry. The low six bits of the result count.
    #[inline(always)]
    pub(crate) fn bits(self) -> u64 {
        self.0
    }

    #[inline(always)]
    pub(crate) fn is_slow(self) -> bool {
        self.bits().is_multiple_of(64)
    }

    /// Positions that all symbols advance, with [`END`] where the block ends.
    #[inline(always)]
    pub(crate) fn advance(self) -> usize {
        ((self.0 >> 8) & 0xFF) as usize
    }

    #[inline(always)]
    pub(crate) fn first_advance(self) -> usize {
        ((self.0 >> 16) & 0xFF) as usize
    }

    /// Bits of the first symbol; of its code alone in a slow entry, 0 if that is longer than the table reads.
    #[inline(always)]
    pub(crate) fn first_bits(self) -> u32 {
        ((self.0 >> 24) & 0x3F) as u32
    }

    #[inline(always)]
    pub(crate) fn first_value(self) -> i16 {
        (self.0 >> 32) as i16
    }

    /// The value of the last symbol; 0 if there is only one.
    #[inline(always)]
    pub(crate) fn last_value(self) -> i16 {
        (self.0 >> 48) as i16
    }

    /// The symbol of a slow entry.
    #[inline(always)]
    pub(crate) fn symbol(self) -> u8 {
        (self.0 >> 48) as u8
    }
}

impl AcTable {
    pub(crate) fn new(spec: &HuffmanSpec) -> Self {
        let singles = singles(spec);
        let mut entries = [0; 1 << BITS];
        for (at, entry) in entries.iter_mut().enumerate() {
            let first = singles[at];
            let next = singles[(at << first.total) & ((1 << BITS) - 1)];
            let fits = next.total > 0 && first.total + next.total <= BITS && first.advance != END as u32;
            *entry = match (first.total, fits) {
                (0, _) => AcEntry::slow(first),
                (_, false) => AcEntry::one(first),
                (_, true) => AcEntry::two(first, next),
            }
            .0;
        }
        Self { entries, long: Canonical::new(spec) }
    }

    /// The symbols with which a buffer begins, its highest bit first.
    #[inline(always)]
    pub(crate) fn find(&self, buffer: u64) -> AcEntry {
        AcEntry(self.entries[(buffer >> (64 - BITS)) as usize])
    }

    /// Length and symbol of a code that is longer than the table reads.
    pub(crate) fn find_long(&self, buffer: u64) -> Option<(u32, u8)> {
        self.long.find((buffer >> 48) as u32)
    }
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
    let known = Single { code: code.len, symbol: code.symbol, ..Single::default() };
    match (run, size) {
        (15, 0) => Single { total: code.len, advance: 16, ..known },
        (_, 0) => Single { total: code.len, advance: END as u32, ..known },
        _ if size > free => known,
        _ => {
            let value = extend((tail >> (free - size)) as i32, size) as i16;
            Single { total: code.len + size, advance: run + 1, value, ..known }
        }
    }
}
