//! DC differences: a code, and the number of bits that follow it.

use super::{HuffmanSpec, canonical::Canonical};

/// Bits that are looked up.
const BITS: u32 = 9;

/// The table of a component's DC differences.
#[derive(Clone, Debug)]
pub(crate) struct DcTable {
    entries: [u16; 1 << BITS],
    long: Canonical,
}

/// A code of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DcEntry(u16);

impl DcEntry {
    /// Bits in the low 6 for code and value, then 5 for the code alone, from bit 12 on those of the value.
    const fn new(len: u32, size: u32) -> Self {
        Self(((len + size) | (len << 6) | (size << 12)) as u16)
    }

    /// Bits of code and value together: the low six bits of the result count.
    #[inline(always)]
    pub(crate) fn total(self) -> u32 {
        u32::from(self.0)
    }

    /// Bits of the code.
    #[inline(always)]
    pub(crate) fn code(self) -> u32 {
        (u32::from(self.0) >> 6) & 31
    }

    /// Bits of the value.
    #[inline(always)]
    pub(crate) fn size(self) -> u32 {
        u32::from(self.0) >> 12
    }
}

impl DcTable {
    pub(crate) fn new(spec: &HuffmanSpec) -> Self {
        let mut entries = [0; 1 << BITS];
        for code in spec.codes().take_while(|code| code.len <= BITS) {
            let (first, count) = ((code.bits << (BITS - code.len)) as usize, 1 << (BITS - code.len));
            entries[first..first + count].fill(DcEntry::new(code.len, u32::from(code.symbol & 15)).0);
        }
        Self { entries, long: Canonical::new(spec, BITS) }
    }

    /// The code with which a buffer begins, its highest bit first.
    #[inline(always)]
    pub(crate) fn find(&self, buffer: u64) -> Option<DcEntry> {
        match self.entries[(buffer >> (64 - BITS)) as usize] {
            0 => self.find_long(buffer),
            entry => Some(DcEntry(entry)),
        }
    }

    #[cold]
    fn find_long(&self, buffer: u64) -> Option<DcEntry> {
        let (len, symbol) = self.long.find((buffer >> 48) as u32)?;
        Some(DcEntry::new(len, u32::from(symbol & 15)))
    }
}
