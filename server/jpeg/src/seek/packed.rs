//! Numbers of any width side by side, the lowest bit of a byte first.

/// Most bits of a number: a word that begins in the middle of a byte still holds it.
pub(crate) const MAX_BITS: u32 = 56;

/// Bits that the numbers from 0 to `max` need.
pub(crate) fn bits_for(max: u64) -> u32 {
    u64::BITS - max.leading_zeros()
}

/// Appends numbers.
#[derive(Debug, Default)]
pub(crate) struct Packer {
    bytes: Vec<u8>,
    /// Bits of the last byte that are taken; 0 and 8 are the same.
    taken: u32,
}

impl Packer {
    /// Packs behind bytes that are there.
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, taken: 0 }
    }

    /// `value` has no more than `bits` bits, and those are at most [`MAX_BITS`].
    pub(crate) fn push(&mut self, value: u64, bits: u32) {
        debug_assert!(bits <= MAX_BITS && bits_for(value) <= bits, "{value} in {bits} bits");
        let last = if self.taken == 0 { 0 } else { self.bytes.pop().unwrap_or(0) };
        let word = u64::from(last) | (value << self.taken);
        let end = self.taken + bits;
        self.bytes.extend_from_slice(&word.to_le_bytes()[..end.div_ceil(8) as usize]);
        self.taken = end % 8;
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// The number of `bits` bits, at most [`MAX_BITS`], that begins at bit `at`. Bits beyond the bytes are zeros.
pub(crate) fn unpack(bytes: &[u8], at: u64, bits: u32) -> u64 {
    let start = usize::try_from(at / 8).unwrap_or(usize::MAX).min(bytes.len());
    let rest = &bytes[start..];
    let word = rest.first_chunk().map_or_else(
        || rest.iter().rev().fold(0, |word, &byte| (word << 8) | u64::from(byte)),
        |word| u64::from_le_bytes(*word),
    );
    (word >> (at % 8)) & ((1 << bits) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_again() {
        let numbers: Vec<(u64, u32)> = (0..500_u32)
            .map(|i| (i * 17 % (MAX_BITS + 1), u64::from(i).wrapping_mul(0x9E37_79B9_7F4A_7C15)))
            .map(|(bits, value)| (value & ((1 << bits) - 1), bits))
            .collect();
        let mut packer = Packer::new(vec![1, 2, 3]);
        for &(value, bits) in &numbers {
            packer.push(value, bits);
        }
        let bytes = packer.into_bytes();
        let mut at = 24;
        for (value, bits) in numbers {
            assert_eq!(unpack(&bytes, at, bits), value, "{bits} bits at {at}");
            at += u64::from(bits);
        }
        assert_eq!(at.div_ceil(8), bytes.len() as u64);
        assert_eq!((unpack(&bytes, at + 9, 56), unpack(&bytes, u64::MAX, 56), unpack(&[], 0, 3)), (0, 0, 0));
    }

    #[test]
    fn widths_are_the_least() {
        assert_eq!([0, 1, 2, 3, 4, 255, 256].map(bits_for), [0, 1, 2, 2, 3, 8, 9]);
    }
}
