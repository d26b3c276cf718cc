//! Huffman tables as a file has them, and as decoding reads them.
//!
//! Most time of a decoder goes into finding symbols, so each kind of reading has a table of its own, which is looked up
//! with the next bits:
//!
//! - `ac`: up to two symbols in one entry, with the way to their values;
//! - `dc`: a code, with the number of bits that follow it;
//! - `symbols`: a code alone, for refinements in progressive files;
//! - `skip`: as many symbols as fit, without their values, for coefficients that nobody needs.
//!
//! Codes that are longer than a table reads are rare; `canonical` finds them by their length.

pub(crate) mod ac;
pub(crate) mod canonical;
pub(crate) mod dc;
pub(crate) mod skip;
pub(crate) mod symbols;

use std::iter;

/// A Huffman table (T.81, C.2 and B.2.4.2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct HuffmanSpec {
    /// Codes of each length, 1 to 16 bits.
    counts: [u8; 16],
    /// Symbols in the order of their codes, and zeros.
    symbols: [u8; 256],
}

/// A code of a table, in its lowest bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Code {
    pub(crate) bits: u32,
    pub(crate) len: u32,
    pub(crate) symbol: u8,
}

impl Code {
    /// The zeros in the high half, and the number of bits of the value in the low half of an AC symbol.
    pub(crate) fn run_and_size(self) -> (u32, u32) {
        (u32::from(self.symbol >> 4), u32::from(self.symbol & 15))
    }
}

impl HuffmanSpec {
    /// Reads a table behind its class and number; gives it with the bytes that it takes. `None` for one that libjpeg
    /// refuses too: codes that are no prefix code, one of ones alone, or DC differences of more than 15 bits.
    pub(crate) fn read(bytes: &[u8], is_dc: bool) -> Option<(Self, usize)> {
        let counts: [u8; 16] = *bytes.first_chunk()?;
        let count: usize = counts.iter().map(|&count| usize::from(count)).sum();
        let mut symbols = [0; 256];
        symbols.get_mut(..count)?.copy_from_slice(bytes.get(16..16 + count)?);
        if is_dc && symbols.iter().any(|&symbol| symbol > 15) {
            return None;
        }
        let spec = Self { counts, symbols };
        let fits = spec.codes().all(|code| code.bits + 1 < 1 << code.len);
        fits.then_some((spec, 16 + count))
    }

    /// Symbols in the order of their codes, and zeros behind them.
    pub(crate) fn symbols(&self) -> &[u8; 256] {
        &self.symbols
    }

    /// All codes, the shortest first (T.81, C.2).
    pub(crate) fn codes(&self) -> impl Iterator<Item = Code> {
        let lens = (1..).zip(self.counts).flat_map(|(len, count)| iter::repeat_n(len, usize::from(count)));
        lens.zip(self.symbols).scan((0, 0), |(next, last_len), (len, symbol)| {
            let bits = *next << (len - *last_len);
            (*next, *last_len) = (bits + 1, len);
            Some(Code { bits, len, symbol })
        })
    }
}

/// The value of `size` bits that follow a symbol (T.81, F.2.2.1, EXTEND).
#[inline(always)]
pub(crate) fn extend(bits: i32, size: u32) -> i32 {
    let half = (1 << size) >> 1;
    if bits < half { bits - (1 << size) + 1 } else { bits }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(counts: &[u8], symbols: &[u8]) -> Option<HuffmanSpec> {
        let mut bytes = counts.to_vec();
        bytes.resize(16, 0);
        bytes.extend(symbols);
        HuffmanSpec::read(&bytes, false).map(|(spec, used)| {
            assert_eq!(used, bytes.len());
            spec
        })
    }

    #[test]
    fn codes_count_up() {
        // The DC table of chroma, as far as four bits (T.81, table K.4).
        let codes: Vec<(u32, u32)> = spec(&[0, 3, 1, 1], &[0, 1, 2, 3, 4])
            .unwrap()
            .codes()
            .map(|code| (code.bits, code.len))
            .collect();
        assert_eq!(codes, [(0, 2), (1, 2), (2, 2), (6, 3), (14, 4)]);
    }

    #[test]
    fn too_many_codes_are_refused() {
        assert!(spec(&[1, 1], &[0, 1]).is_some());
        assert!(spec(&[3], &[0, 1, 2]).is_none());
        assert!(spec(&[1, 3], &[0, 1, 2, 3]).is_none());
        // A code of ones alone.
        assert!(spec(&[2], &[0, 1]).is_none());
        assert!(spec(&[1, 2], &[0, 1, 2]).is_none());
        assert!(HuffmanSpec::read(&[0; 15], false).is_none());
        let mut long = [0; 17];
        (long[0], long[16]) = (1, 16);
        assert!(HuffmanSpec::read(&long, false).is_some() && HuffmanSpec::read(&long, true).is_none());
    }

    #[test]
    fn values_are_extended() {
        let of_three: Vec<i32> = (0..8).map(|bits| extend(bits, 3)).collect();
        assert_eq!(of_three, [-7, -6, -5, -4, 4, 5, 6, 7]);
        assert_eq!((extend(0, 0), extend(0, 1), extend(1, 1)), (0, -1, 1));
    }
}
