//! AC coefficients: up to two symbols with their values in one look.
//!
//! An entry says by how much the position in the block advances, where the first value belongs, and where the bits of the
//! last value lie. Those may reach beyond the bits that are looked up: only its code must be among them. The first of two
//! values is in the entry, so that a look computes one.

use super::{Code, HuffmanSpec, canonical::Canonical, extend};

/// Bits that are looked up: with 12 or 13 fewer symbols take a second look, and the tables leave the nearest cache.
pub(crate) const BITS: u32 = 11;

/// Most bits of an entry, codes and values: three looks fit what a refill leaves.
pub(crate) const MOST_BITS: u32 = 18;

/// Most bits of a value in an entry; no image of 8 bits has more.
const MOST_SIZE: u32 = 11;

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

/// One symbol.
#[derive(Clone, Copy, Debug, Default)]
struct Single {
    /// Bits of the code; 0 where it is longer than the table reads.
    code: u32,
    /// Bits of the value.
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
    // Length 0..6, advance 8..16, advance of the first symbol 16..24, its length 24..30, bits of the buffer below the last
    // value 30..36, the first of two values 36..52, the largest value of as many bits as the last has 53..64; a slow entry
    // has no length, but that of its code in 24..30, and its symbol in 36..44.
    fn one(single: Single) -> Self {
        let Single { code, advance, .. } = single;
        Self::parts(single.total(), advance, single, code, single)
    }

    fn two(first: Single, second: Single) -> Self {
        let total = first.total() + second.total();
        let value = u64::from(first.value as u16) << 36;
        let before = first.total() + second.code;
        Self(Self::parts(total, first.advance + second.advance, first, before, second).0 | value)
    }

    fn parts(total: u32, advance: u32, first: Single, before_last: u32, last: Single) -> Self {
        let of_all = u64::from(total) | (u64::from(advance) << 8);
        let of_first = (u64::from(first.advance) << 16) | (u64::from(first.total()) << 24);
        let below_last = u64::from(64 - before_last - last.size) << 30;
        Self(of_all | of_first | below_last | (((1 << last.size) - 1) << 53))
    }

    fn slow(single: Single) -> Self {
        let symbol = u64::from(single.symbol) << 36;
        Self((u64::from(SLOW) << 8) | (u64::from(SLOW) << 16) | (u64::from(single.code) << 24) | symbol)
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

    /// The first of two values; 0 if there is only one.
    #[inline(always)]
    pub(crate) fn first_value(self) -> i16 {
        (self.0 >> 36) as i16
    }

    /// The value of the last symbol, whose bits are in the buffer that begins with this entry (T.81, F.2.2.1, EXTEND).
    #[inline(always)]
    pub(crate) fn last_value(self, buffer: u64) -> i16 {
        let most = (self.0 >> 53) as i32;
        let bits = (buffer >> ((self.0 >> 30) & 63)) as i32 & most;
        // A value that begins with a zero is the negative of its complement.
        let negative = bits - most;
        (if bits + negative < 0 { negative } else { bits }) as i16
    }

    /// The symbol of a slow entry.
    #[inline(always)]
    pub(crate) fn symbol(self) -> u8 {
        (self.0 >> 36) as u8
    }
}

impl AcTable {
    pub(crate) fn new(spec: &HuffmanSpec) -> Self {
        let singles = singles(spec);
        let mut entries = [0; 1 << BITS];
        for (at, entry) in entries.iter_mut().enumerate() {
            let first = singles[at];
            *entry = if first.code == 0 || first.total() > MOST_BITS || first.size > MOST_SIZE {
                AcEntry::slow(first)
            } else {
                second(&singles, at).map_or(AcEntry::one(first), |second| AcEntry::two(first, second))
            }
            .0;
        }
        Self { entries, long: Canonical::new(spec, BITS) }
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

/// The symbol behind the first of a group of bits, if its code is among them and an entry has room for its value.
fn second(singles: &[Single; 1 << BITS], at: usize) -> Option<Single> {
    let first = singles[at];
    let free = BITS.checked_sub(first.total())?;
    let second = singles[(at << first.total()) & ((1 << BITS) - 1)];
    let is_there = second.code > 0 && second.code <= free && first.advance != END as u32;
    let is_short = first.total() + second.total() <= MOST_BITS && second.size <= MOST_SIZE;
    (is_there && is_short).then_some(second)
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
