//! Symbols alone, one in a look: for refinements in progressive files, which have other bits between them.

use super::{Code, HuffmanSpec, canonical::Canonical};

/// Bits that are looked up.
const BITS: u32 = 10;

/// The codes of a table.
#[derive(Clone, Debug)]
pub(crate) struct SymbolTable {
    /// 0 where the code is longer than the table reads.
    entries: [u32; 1 << BITS],
    long: Canonical,
}

/// A code of a refinement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Symbol(u32);

/// Marks of symbols that are no coefficient of one bit.
const IS_END: u32 = 1 << 30;
const IS_DAMAGED: u32 = 1 << 31;

impl Symbol {
    /// Bits in the low 6 for the code and those that belong to it, from bit 8 on for the code alone, from bit 16 on zeros.
    fn new(code: Code) -> Self {
        let (run, size) = code.run_and_size();
        let (more, mark) = match (run, size) {
            // Zeros alone, a coefficient, and the end of a run of blocks with bits of its length.
            (15, 0) => (0, 0),
            (_, 0) => (run, IS_END),
            (_, 1) => (1, 0),
            _ => (0, IS_DAMAGED),
        };
        Self((code.len + more) | (code.len << 8) | (run << 16) | mark)
    }

    /// Bits of the code and of those that belong to it.
    #[inline(always)]
    pub(crate) fn total(self) -> u32 {
        self.0 & 63
    }

    /// Bits of the code.
    #[inline(always)]
    pub(crate) fn code(self) -> u32 {
        (self.0 >> 8) & 31
    }

    /// Coefficients that stay zero before the next one; of an end the bits of the length of the run.
    #[inline(always)]
    pub(crate) fn zeros(self) -> u32 {
        (self.0 >> 16) & 15
    }

    /// Whether it is a coefficient, or zeros.
    #[inline(always)]
    pub(crate) fn is_usual(self) -> bool {
        self.0 < IS_END
    }

    /// Whether the block has no more coefficients.
    #[inline(always)]
    pub(crate) fn is_end(self) -> bool {
        self.0 & IS_END != 0
    }
}

impl SymbolTable {
    pub(crate) fn new(spec: &HuffmanSpec) -> Self {
        let mut entries = [0; 1 << BITS];
        for code in spec.codes().take_while(|code| code.len <= BITS) {
            let (first, count) = ((code.bits << (BITS - code.len)) as usize, 1 << (BITS - code.len));
            entries[first..first + count].fill(Symbol::new(code).0);
        }
        Self { entries, long: Canonical::new(spec, BITS) }
    }

    /// The code with which a buffer begins, its highest bit first; one that is damaged if there is none.
    #[inline(always)]
    pub(crate) fn find(&self, buffer: u64) -> Symbol {
        match self.entries[(buffer >> (64 - BITS)) as usize] {
            0 => self.find_long(buffer),
            entry => Symbol(entry),
        }
    }

    #[cold]
    fn find_long(&self, buffer: u64) -> Symbol {
        match self.long.find((buffer >> 48) as u32) {
            Some((len, symbol)) => Symbol::new(Code { bits: 0, len, symbol }),
            None => Symbol(IS_DAMAGED),
        }
    }
}
