//! Bits of coded data, the highest of each byte first.
//!
//! A refill has one branch, which is never taken before the end, and leaves at least 56 bits: enough for several symbols.
//! Beyond the data it gives zeros; whoever reads compares the position with the end now and then.

/// Bytes of zeros that must stand behind the data, so that all of it can be loaded in words.
pub(crate) const PADDING: usize = 8;

/// Bits that are there after a refill, at least; a multiple of 8 whose low bits are zeros.
const READY: u64 = 0b11_1000;

/// A position in coded data.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bits<'a> {
    /// The next bits, from the highest on. Bits below `count` may be set already: a refill sets them alike.
    buffer: u64,
    /// Bits of the buffer that count: its low six bits, those above are without meaning.
    count: u64,
    data: &'a [u8],
    /// Bytes that are loaded, and the zeros that were given beyond the data.
    loaded: usize,
}

impl<'a> Bits<'a> {
    /// The bits from number `position` on. `data` ends with [`PADDING`].
    pub(crate) fn new(data: &'a [u8], position: usize) -> Self {
        let mut bits = Self { buffer: 0, count: 0, data, loaded: position / 8 };
        bits.refill();
        bits.consume((position % 8) as u32);
        bits
    }

    /// Loads bits until there are at least 56.
    #[inline(always)]
    pub(crate) fn refill(&mut self) {
        let count = self.count & 63;
        // All that is left at the end is padding.
        if let Some(word) = self.data.get(self.loaded..).and_then(<[u8]>::first_chunk) {
            self.buffer |= u64::from_be_bytes(*word) >> count;
        }
        self.loaded += ((63 - count) >> 3) as usize;
        self.count = count | READY;
    }

    /// The next bits from the highest of 64 on.
    #[inline(always)]
    pub(crate) fn peek(&self) -> u64 {
        self.buffer
    }

    /// Passes over as many bits as the low six bits of `len` say, of those that are there.
    #[inline(always)]
    pub(crate) fn consume(&mut self, len: impl Into<u64>) {
        let len = len.into();
        self.buffer <<= len & 63;
        self.count = self.count.wrapping_sub(len);
    }

    /// Number of the next bit.
    pub(crate) fn position(&self) -> usize {
        8 * self.loaded - (self.count & 63) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_come_in_order_from_any_position() {
        let mut data: Vec<u8> = (0..40).map(|i| (i * 73 + 5) as u8).collect();
        let bit = |data: &[u8], at: usize| u64::from((data[at / 8] >> (7 - at % 8)) & 1);
        data.resize(40 + PADDING, 0);
        for start in 0..100 {
            let (mut bits, mut at) = (Bits::new(&data, start), start);
            for len in (0..=27).cycle().take(60) {
                bits.refill();
                assert_eq!(bits.position(), at);
                let expected = (at..at + len)
                    .fold(0, |value, at| (value << 1) | if at < 320 { bit(&data, at) } else { 0 });
                assert_eq!(bits.peek() >> 1 >> (63 - len), expected, "{len} bits at {at}");
                bits.consume(len as u32);
                at += len;
            }
        }
    }
}
