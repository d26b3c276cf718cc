//! Symbols alone, one in a look: for progressive scans, whose symbols mean something else in each kind of scan.

use super::{HuffmanSpec, canonical::Canonical};

/// Bits that are looked up.
const BITS: u32 = 10;

/// The codes of a table.
#[derive(Clone, Debug)]
pub(crate) struct SymbolTable {
    /// The length in the upper byte, the symbol in the lower one; 0 where the code is longer than the table reads.
    entries: [u16; 1 << BITS],
    long: Canonical,
}

impl SymbolTable {
    pub(crate) fn new(spec: &HuffmanSpec) -> Self {
        let mut entries = [0; 1 << BITS];
        for code in spec.codes().take_while(|code| code.len <= BITS) {
            let (first, count) = ((code.bits << (BITS - code.len)) as usize, 1 << (BITS - code.len));
            entries[first..first + count].fill(((code.len as u16) << 8) | u16::from(code.symbol));
        }
        Self { entries, long: Canonical::new(spec, BITS) }
    }

    /// Length and symbol of the code with which a buffer begins, its highest bit first.
    #[inline(always)]
    pub(crate) fn find(&self, buffer: u64) -> Option<(u32, u8)> {
        match self.entries[(buffer >> (64 - BITS)) as usize] {
            0 => self.long.find((buffer >> 48) as u32),
            entry => Some((u32::from(entry >> 8), entry as u8)),
        }
    }
}
