//! Coefficients that nobody needs: as many symbols as fit in one look, without their values.
//!
//! The value of the last symbol may reach beyond the bits that are looked up: its code says how long it is.

use super::{
    HuffmanSpec,
    ac::{END, MOST_BITS},
};

/// Bits that are looked up.
pub(crate) const BITS: u32 = 13;

/// Beyond the end of every block, for entries of which not even the first symbol fits.
const SLOW: u16 = 192;

/// Bits in the low 6, positions that they advance from bit 8 on, with [`END`] where the block ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SkipEntry(u16);

impl SkipEntry {
    /// The low six bits of the result count.
    #[inline(always)]
    pub(crate) fn bits(self) -> u32 {
        u32::from(self.0)
    }

    #[inline(always)]
    pub(crate) fn advance(self) -> usize {
        usize::from(self.0 >> 8)
    }
}

/// The table of a component's AC coefficients, for skipping.
#[derive(Clone, Debug)]
pub(crate) struct SkipTable([u16; 1 << BITS]);

impl SkipTable {
    /// Built from tables of fewer bits: that of `t` bits is, for each first symbol and each value behind it, the table of
    /// the bits that are left, with the symbol added.
    #[allow(clippy::large_stack_arrays, reason = "32 KiB; steady work allocates nothing")]
    pub(crate) fn new(spec: &HuffmanSpec) -> Self {
        // The table of `t` bits begins at 2^t - 1. 0: nothing fits.
        let mut tables = [0; (2 << BITS) - 1];
        for bits in 1..=BITS {
            let (below, table): (&mut [u16], _) = tables.split_at_mut((1 << bits) - 1);
            for code in spec.codes().take_while(|code| code.len <= bits) {
                let (run, size) = code.run_and_size();
                if code.len + size > MOST_BITS {
                    continue;
                }
                let known = code.len + size.min(bits - code.len);
                let (first, count) = ((code.bits << (bits - code.len)) as usize, 1 << (bits - known));
                let group = &mut table[first..first + count];
                if size == 0 && run != 15 {
                    group.fill((code.len | ((END as u32) << 8)) as u16);
                    continue;
                }
                let advance = if size == 0 { 16 } else { run as u16 + 1 };
                let alone = (code.len + size) as u16 | (advance << 8);
                for (entry, &more) in group.iter_mut().zip(&below[count - 1..]) {
                    let fits = ((more >> 8) & 0x7F) + advance <= 63
                        && u32::from(more & 0xFF) + code.len + size <= MOST_BITS;
                    *entry = if fits { more + alone } else { alone };
                }
                // The same for all values, as far as their bits are there.
                let size = known - code.len;
                for value in 1..1 << size {
                    table.copy_within(first..first + count, first + (value << (bits - known)));
                }
            }
        }
        let mut entries = [0; 1 << BITS];
        entries.copy_from_slice(&tables[(1 << BITS) - 1..]);
        for entry in entries.iter_mut().filter(|entry| **entry == 0) {
            *entry = SLOW << 8;
        }
        Self(entries)
    }

    /// The symbols with which a buffer begins, its highest bit first.
    #[inline(always)]
    pub(crate) fn find(&self, buffer: u64) -> SkipEntry {
        SkipEntry(self.0[(buffer >> (64 - BITS)) as usize])
    }
}
